"""Why the maps of a user's two analyses differ: shares of the modelling steps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.engine import Explanation
from bidsglm.attribution.mixture_fits import MixtureFits
from bidsglm.attribution.models import ContrastPair, Masks
from bidsglm.attribution.pair_engine import (
    PairEvidence,
    active_steps,
    estimable_everywhere,
    mixtures_to_fit,
    pair_explanation,
)
from bidsglm.attribution.runs import Plan, plan
from bidsglm.attribution.sides import PairModels
from bidsglm.attribution.sizes import MOST_VOXELS, work
from bidsglm.attribution.steps import PARTS_OF_REGRESSORS, REGRESSORS, Step
from bidsglm.check.comparison import Checked
from bidsglm.check.concatenated import is_concatenated
from bidsglm.check.contrast_settings import as_written
from bidsglm.check.data import ScanPlace, support, values_of
from bidsglm.check.map_weights import Reproduction
from bidsglm.check.own_sides import own_data, own_models
from bidsglm.check.refit import RefittedModel, one_session
from bidsglm.check.run_weights import SharedRow, shared_row, weights_of_runs
from bidsglm.check.spm_records import SpmContrast
from bidsglm.check.step_words import words
from bidsglm.check.task_columns import nilearn_name
from bidsglm.data import ContrastMaps, Volume
from bidsglm.model import ContrastSpecification, Floats
from bidsglm.pairs import DEFAULT_PAIR
from bidsglm.report.check import CheckedPair
from bidsglm.sentences import joined
from bidsglm.unit.pair_steps import same_setting

SEED = 20_260_101
"""Seed of the sample"""
STEPS = ("smoother", "scaling", "onsets", "durations", *PARTS_OF_REGRESSORS, "confounds", "filter", "noise")
LAST_STEPS = ("runs", "contrast")
DESIGN_STEPS = frozenset({*STEPS[2:-1], REGRESSORS, "contrast"})
"""Those that the columns hang on"""
CONCATENATED = (
    "Runs were concatenated (spm_fmri_concatenate): no mixture of settings has one design with serial"
    " correlations and a grand mean of each run."
)
EXPLAINABLE = ("ols", "ar1")
"""nilearn's noise models that estimate each voxel by itself"""


class AttributedMaps(NamedTuple):
    """Where the difference between both programs' maps comes from, or why that is not said."""

    explanation: Explanation | None
    reason: str
    """One sentence; empty with an explanation"""


class _Contrast(NamedTuple):
    """A contrast that both programs have."""

    name: str
    plans: tuple[Plan, Plan]
    """nilearn's, SPM's"""
    factor: float
    """What SPM's effect is multiplied by, where it sums sessions"""
    maps: Mapping[str, CheckedPair]
    """By effect and t"""


def attributed(found: Checked, scans: Sequence[Sequence[ScanPlace]], refit: RefittedModel) -> AttributedMaps:
    """Attribute the difference between the maps of both programs to modelling steps.

    Raises
    ------
    BidsglmError
        A scan or a map is damaged.
    """
    way = found.way
    reason = CONCATENATED if is_concatenated(found.spm) else _reason_against(found, scans, refit)
    if reason or way is None:
        return AttributedMaps(None, reason)
    contrasts, notes = _contrasts(found)
    if not contrasts:
        return AttributedMaps(None, " ".join(notes) or "No contrast has maps of both programs.")
    return _explained(_Request(found, scans, refit, way), contrasts, notes)


class _Request(NamedTuple):
    found: Checked
    scans: Sequence[Sequence[ScanPlace]]
    refit: RefittedModel
    way: Reproduction


def _reason_against(found: Checked, scans: Sequence[Sequence[ScanPlace]], refit: RefittedModel) -> str:
    if not found.runs:
        return "The designs cannot be compared run by run, so neither can what they do to the maps."
    if not found.spm.is_estimated:
        return "SPM's model was not estimated: give the folder with its maps."
    if not found.maps:
        return (
            "There are no maps of both programs for one contrast: give nilearn's effect_size and stat maps."
        )
    if not scans or not all(scans):
        return "Every combination is fitted anew, which takes the scans: give their folder with --scans."
    if not refit.maps:
        return (
            "None of SPM's maps could be computed again, so none can be set beside combinations of settings."
        )
    if not refit.is_reproduced:
        return "SPM's own maps do not come out of these scans, so no combination of settings would either."
    noise = found.way.attempt.noise if found.way is not None else None
    if noise is None:
        return "nilearn's maps do not come out of these scans with any settings that were tried."
    if noise not in EXPLAINABLE:
        return (
            f"nilearn's noise model {noise} clusters voxels at random, which no combination of"
            " steps repeats; ar1 and ols can be explained."
        )
    if any(not run.design.constants for run in found.runs):
        return "nilearn's design has no constant, which no combination of steps repeats."
    return ""


def _contrasts(found: Checked) -> tuple[list[_Contrast], list[str]]:
    by_name: dict[str, dict[str, CheckedPair]] = {}
    for pair in found.maps:
        if pair.n_both and pair.what != "F":
            by_name.setdefault(pair.contrast, {}).setdefault(pair.what, pair)
    made, notes = [], []
    for name, maps in by_name.items():
        one = _contrast(found, name, maps)
        if isinstance(one, str):
            notes.append(f"Contrast {name} is not attributed: {one}.")
        else:
            made.append(one)
    return made, [*notes, *left_out(found.spm.contrasts)]


def left_out(contrasts: Sequence[SpmContrast]) -> list[str]:
    """Sentence on SPM's F contrasts, whose maps are not attributed; none without any.

    >>> left_out([SpmContrast("any", "F", np.eye(2), "ess_0001.nii", "spmF_0001.nii")])
    ['F contrasts are not attributed: any.']
    """
    names = [each.name for each in contrasts if each.test == "F"]
    return [f"F contrasts are not attributed: {', '.join(names)}."] if names else []


def _contrast(found: Checked, name: str, maps: Mapping[str, CheckedPair]) -> _Contrast | str:
    """Both programs' weights over columns named as in SPM, or why they have none."""
    pair = next(iter(maps.values()))
    label = next(m.contrast for m in found.nilearn.maps if m.path == pair.nilearn)
    theirs = found.reproductions.get(label)
    if theirs is None or not theirs.is_found:
        return "nilearn's map of it did not come out again"
    contrast = next(c for c in found.spm.contrasts if c.name == name)
    ours = one_session(found.spm, contrast)
    if ours is None or theirs.by_run:
        return _of_runs(found, contrast, theirs, maps)
    n_runs = len(found.runs)
    of_session, factor = as_written(ours.weights / n_runs, n_runs)
    runs = tuple(range(n_runs))
    weights = {nilearn_name(found.runs[0], column): w for column, w in theirs.weights.items()}
    plans = (
        _plan(name, tuple(weights), np.array([list(weights.values())]), runs),
        _plan(name, ours.conditions, of_session, runs),
    )
    return _Contrast(name, plans, factor, maps)


def _of_runs(
    found: Checked, contrast: SpmContrast, theirs: Reproduction, maps: Mapping[str, CheckedPair]
) -> _Contrast | str:
    """Weights that differ between runs: those of one row, times a factor for each run."""
    both = weights_of_runs(found.spm, contrast, theirs, found.runs)
    own, other = shared_row(both.nilearn), shared_row(both.spm)
    if own is None or other is None:
        return "its weights over the columns differ from run to run by more than a factor"
    names = [nilearn_name(found.runs[0], column) for column in both.names]
    # a plan is the mean over its runs, as nilearn's contrast is; SPM adds up
    plans = _plan_of(contrast.name, names, own, len(own.used)), _plan_of(contrast.name, names, other, 1)
    return _Contrast(contrast.name, plans, float(len(other.used)), maps)


def _plan_of(name: str, columns: Sequence[str], shared: SharedRow, times: float) -> Plan:
    weighed = {columns[i]: float(w) for i, w in enumerate(shared.row) if w}
    made = _plan(name, tuple(weighed), np.array([list(weighed.values())]), shared.used)
    return replace(made, factors=tuple(times * factor for factor in shared.factors))


def _plan(name: str, columns: tuple[str, ...], weights: Floats, runs: tuple[int, ...]) -> Plan:
    order = sorted(range(len(columns)), key=lambda i: columns[i])
    return plan(
        ContrastSpecification(name, "contrast", tuple(columns[i] for i in order), weights[:, order]), runs
    )


def _explained(request: _Request, contrasts: Sequence[_Contrast], notes: Sequence[str]) -> AttributedMaps:
    found = request.found
    inside = _common_voxels(contrasts)
    if not inside.any():
        return AttributedMaps(None, "No voxel has a result in all maps of both programs.")
    models = _models(request, contrasts, _sampled(inside, MOST_VOXELS))
    steps = own_steps(models, found)
    needed = work(mixtures_to_fit(models, steps), _n_scans(found), int(inside.sum()))
    if needed.too_much:
        return AttributedMaps(None, f"It would take too long: {needed.too_much}.")
    if needed.n_voxels < models.n_voxels:
        models = _models(request, contrasts, _sampled(inside, needed.n_voxels))
        steps = own_steps(models, found)
    names = [name for name in active_steps(models, steps) if name in DESIGN_STEPS]
    kept = estimable_everywhere(models, names)
    lost = [c.name for c, is_kept in zip(contrasts, kept, strict=True) if not is_kept]
    contrasts = [c for c, is_kept in zip(contrasts, kept, strict=True) if is_kept]
    told = [*notes]
    if lost:
        told.append(f"Not estimable in every mixture of the two designs, and not attributed: {joined(lost)}.")
    if not contrasts:
        return AttributedMaps(None, " ".join(told))
    if REGRESSORS in [step.name for step in steps]:
        told.append(
            "The columns of the conditions are one step: the programs' ways to make them, taken apart, do not"
            " give both designs."
        )
    models = _with_plans(models, contrasts)
    n_voxels = int(inside.sum())
    if models.n_voxels < n_voxels:
        told.append(
            f"The shares are computed on {models.n_voxels:,} of {n_voxels:,} voxels, chosen at random (seed"
            f" {SEED})."
        )
    return AttributedMaps(_engine(models, steps, contrasts, (found, inside, told)), "")


def _engine(
    models: PairModels,
    steps: Sequence[Step],
    contrasts: Sequence[_Contrast],
    given: tuple[Checked, NDArray[np.bool_], Sequence[str]],
) -> Explanation:
    found, inside, told = given
    kinds = [kind for kind in ("effect", "t") if all(kind in c.maps for c in contrasts)]
    first = contrasts[0].maps[kinds[0]]
    masks = Masks(*(support(values_of(path)[0]).ravel() for path in (first.nilearn, first.spm)))
    dofs = [maps.dof for maps in MixtureFits(models).own_maps(0)]
    pairs = tuple(
        ContrastPair(
            _maps(contrast, "nilearn", models.plans_of(0)[i].specification, dofs[i]),
            _maps(contrast, "spm", models.plans_of(1)[i].specification, (found.spm.dof,)),
        )
        for i, contrast in enumerate(contrasts)
    )
    voxels = np.flatnonzero(_sampled(inside, models.n_voxels))
    evidence = PairEvidence(DEFAULT_PAIR, pairs, masks, voxels, kinds=tuple(kinds))
    return pair_explanation(models, steps, evidence, told)


def _maps(
    contrast: _Contrast, side: str, specification: ContrastSpecification, dof: tuple[float, ...]
) -> ContrastMaps:
    """A program's own maps over all voxels of the grid."""
    loaded = {kind: values_of(getattr(pair, side))[0].ravel() for kind, pair in contrast.maps.items()}
    nothing = np.full(next(iter(loaded.values())).size, np.nan)
    stat = loaded.get("t", nothing)
    return ContrastMaps(
        specification, (0,), loaded.get("effect", nothing), nothing, stat, nothing, nothing, dof
    )


def _common_voxels(contrasts: Sequence[_Contrast]) -> NDArray[np.bool_]:
    paths = [path for c in contrasts for pair in c.maps.values() for path in (pair.spm, pair.nilearn)]
    return np.asarray(np.logical_and.reduce([support(values_of(path)[0]) for path in paths]))


def _sampled(inside: NDArray[np.bool_], n_voxels: int) -> NDArray[np.bool_]:
    places = np.flatnonzero(inside)
    chosen = np.random.default_rng(SEED).permutation(places)[:n_voxels]
    made = np.zeros(inside.size, dtype=np.bool_)
    made[chosen] = True
    return made.reshape(inside.shape)


def _n_scans(found: Checked) -> int:
    return sum(session.n_scans for session in found.spm.sessions)


def _models(request: _Request, contrasts: Sequence[_Contrast], voxels: NDArray[np.bool_]) -> PairModels:
    _, grid = values_of(next(iter(contrasts[0].maps.values())).spm)
    volume = Volume(grid.shape, grid.affine, voxels)
    data = own_data(request.scans, volume, request.way)
    models = own_models(request.found, data, request.refit.noise, request.way)
    return _with_plans(models, contrasts)


def _with_plans(models: PairModels, contrasts: Sequence[_Contrast]) -> PairModels:
    nilearn, spm = models.sides
    return replace(
        models,
        plans=tuple(c.plans[0] for c in contrasts),
        sides=(
            replace(nilearn, plans=tuple(c.plans[0] for c in contrasts)),
            replace(
                spm,
                plans=tuple(c.plans[1] for c in contrasts),
                run_factors=tuple(c.factor for c in contrasts),
            ),
        ),
    )


def own_steps(models: PairModels, found: Checked) -> tuple[Step, ...]:
    """Steps between both analyses, each with what either program did in it."""
    apart = all(side.drawing is not None for side in models.sides)
    parts = ("onsets", "durations", *PARTS_OF_REGRESSORS)
    names = [*STEPS, *LAST_STEPS]
    if not apart:
        names = [REGRESSORS if name == parts[0] else name for name in names if name not in parts[1:]]
    made = []
    for name in names:
        (own, other), same = words(name, found, models), same_setting(name, models)
        made.append(Step(name, own, "same" if same else other, same))
    return tuple(made)
