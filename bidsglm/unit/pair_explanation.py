"""Why the maps of any two packages of a unit differ: from a fit to the attribution of its differences.

SPM against nilearn is explained over all voxels by `bidsglm.unit.explanation`; other pairs on a sample.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.engine import Explanation
from bidsglm.attribution.models import ContrastPair, Masks
from bidsglm.attribution.pair_engine import (
    PairEvidence,
    estimable_everywhere,
    mixtures_to_fit,
    pair_explanation,
)
from bidsglm.attribution.runs import Plan, plan
from bidsglm.attribution.sides import CommonRun, PairModels, Side
from bidsglm.attribution.sizes import MOST_VOXELS, work
from bidsglm.attribution.steps import CENSORING, PARTS_OF_REGRESSORS, REGRESSORS
from bidsglm.attribution.tissue import around, blocks
from bidsglm.backends.fsl_data import run_mask
from bidsglm.packages import title
from bidsglm.pairs import Pair
from bidsglm.unit.explainable import (
    NO_CONTRAST,
    reason_against,
    refused,
    shared_contrasts,
    what_is_not_done,
)
from bidsglm.unit.fit import Fitted
from bidsglm.unit.pair_sides import SampleColumns, nilearn_side, spm_side
from bidsglm.unit.pair_sides_further import afni_side, fsl_side
from bidsglm.unit.pair_steps import pair_steps, reproduced

SEED = 20_260_101
"""Seed of the sample"""
MOST_AROUND = 20_000
"""Voxels that FILM may smooth among where the sample is taken at random; of larger masks it is in blocks"""
SIDES = {"spm": spm_side, "nilearn": nilearn_side, "afni": afni_side, "fsl": fsl_side}


def explain_pair(fitted: Fitted, pair: Pair, most_voxels: int = MOST_VOXELS) -> Explanation:
    """Attribute the difference between two packages' maps of a unit to modelling steps.

    The sample has so many voxels at most. Without rows, and with a note that says why, where nothing can be
    attributed or it would take too long.
    """
    masks = Masks(fitted.fits[pair.reference].mask, fitted.fits[pair.first].mask)
    inside = np.flatnonzero(masks.both)
    reason = reason_against(fitted.prepared.model, inside.size, pair)
    if reason:
        return refused(pair, inside.size, [reason])
    voxels, in_blocks = _sample(fitted, pair, inside, most_voxels)
    models, notes = _models(fitted, pair, voxels)
    steps = pair_steps(fitted, models, pair)
    contrasts, left_out = _contrasts(fitted, pair, models)
    notes += left_out
    if not contrasts:
        return refused(pair, inside.size, [*notes, NO_CONTRAST])
    models = _with_plans(models, contrasts)
    needed = work(mixtures_to_fit(models, steps), _n_scans(fitted), inside.size)
    if needed.too_much:
        return refused(pair, inside.size, [*notes, f"{what_is_not_done(pair)}: {needed.too_much}."])
    if needed.n_voxels < voxels.n_wanted:
        voxels, in_blocks = _sample(fitted, pair, inside, needed.n_voxels)
        models = _with_plans(_models(fitted, pair, voxels)[0], contrasts)
    notes.append(_sample_text(voxels.n_wanted, inside.size, in_blocks))
    wanted = voxels.columns[: voxels.n_wanted]
    evidence = PairEvidence(pair, tuple(contrasts), masks, wanted, in_blocks)
    return pair_explanation(models, steps, evidence, notes)


def _sample_text(n_sample: int, n_voxels: int, in_blocks: bool) -> str:
    if n_sample >= n_voxels:
        return "The shares are computed on all voxels of both masks."
    how = "in compact blocks chosen at random" if in_blocks else "chosen at random"
    return f"The shares are computed on {n_sample:,} of {n_voxels:,} voxels, {how} (seed {SEED})."


def _n_scans(fitted: Fitted) -> int:
    return sum(paradigm.n_scans for paradigm in fitted.prepared.paradigms)


def _sample(
    fitted: Fitted, pair: Pair, inside: NDArray[np.intp], n_voxels: int
) -> tuple[SampleColumns, bool]:
    """Voxels that are explained, with those among which FILM smooths."""
    rng = np.random.default_rng(SEED)
    random = np.sort(inside[rng.permutation(inside.size)[:n_voxels]])
    model, volume = fitted.prepared.model, fitted.data.volume
    if "fsl" not in pair or not model.fsl.prewhitening:
        return SampleColumns(random, random.size), False
    fit_by_film = np.logical_or.reduce([run_mask(run, volume) for run in fitted.data.series["fsl"]])
    in_blocks = int(fit_by_film.sum()) > MOST_AROUND and random.size < inside.size
    wanted = random
    near = fit_by_film
    if in_blocks:
        both = np.zeros(fit_by_film.size, dtype=np.bool_)
        both[inside] = True
        wanted = blocks(both, volume, n_voxels, SEED)
        near = near & around(wanted, volume)
    others = np.setdiff1d(np.flatnonzero(near), wanted)
    return SampleColumns(np.concatenate([wanted, others]), wanted.size), in_blocks


def _models(fitted: Fitted, pair: Pair, voxels: SampleColumns) -> tuple[PairModels, list[str]]:
    """Both packages' models without contrasts, and the notes on them."""
    sides = [SIDES[name](fitted, voxels) for name in (pair.reference, pair.first)]
    runs = tuple(
        CommonRun(p.conditions, p.confound_names, p.confounds - p.confounds.mean(axis=0), p.repetition_time)
        for p in fitted.prepared.paradigms
    )
    notes = []
    models = PairModels((sides[0], sides[1]), runs, (), voxels.n_wanted)
    if not reproduced(models):
        notes.append("Response, events and sampling have no common grid for this model: they are one step.")
        models = PairModels((_whole(sides[0]), _whole(sides[1])), runs, (), voxels.n_wanted)
    return models, notes


def _whole(side: Side) -> Side:
    """A package whose regressors are one step."""
    return replace(side, drawing=None)


def _with_plans(models: PairModels, contrasts: Sequence[ContrastPair]) -> PairModels:
    plans = tuple(plan(each.other.specification, each.other.runs) for each in contrasts)
    return replace(models, plans=plans)


def _contrasts(fitted: Fitted, pair: Pair, models: PairModels) -> tuple[list[ContrastPair], list[str]]:
    """Contrasts that both packages have and every mixture of their designs can estimate."""
    apart = all(side.drawing is not None for side in models.sides)
    # what the columns of a run hang on
    steps = (*(PARTS_OF_REGRESSORS if apart else (REGRESSORS,)), CENSORING, "filter")
    designs = f"the designs of {title(pair.first)} and {title(pair.reference)}"
    return shared_contrasts(
        fitted, pair, lambda chosen: all(estimable_everywhere(_alone(models, chosen), steps)), designs
    )


def _alone(models: PairModels, chosen: Plan) -> PairModels:
    return replace(models, plans=(chosen,))
