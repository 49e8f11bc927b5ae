"""A user's model in the terms of the model language, as nilearn fitted it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bidsglm.check.columns import spans_agree
from bidsglm.check.comparison import Checked
from bidsglm.check.condition_columns import extra_confounds
from bidsglm.check.map_weights import Attempt
from bidsglm.check.models import specification_of
from bidsglm.check.own_model import OwnModel, spm_model, unwritable
from bidsglm.check.own_sides import nilearn_events, nilearn_offset, nilearn_set
from bidsglm.check.runs import ComparedRun
from bidsglm.check.task_columns import nilearn_columns_of
from bidsglm.data import Condition, Paradigm
from bidsglm.errors import BidsglmError
from bidsglm.model import TRIAL_TYPE, ContrastSpecification, Floats, Hrf
from bidsglm.sentences import joined
from bidsglm.spm.highpass import dct_basis

OTHER_INPUTS = (
    *("repetition", "scans", "smoothing", "basis", "onsets", "durations", "modulators"),
    *("confounds", "contrast", "sessions", "high-pass"),
)
"""How settings begin that one model cannot have in two ways"""


def own_models(found: Checked) -> tuple[tuple[OwnModel, ...], tuple[str, ...]]:
    """Models of both analyses: one where one model can say both, else one each.

    Returns
    -------
    The models, and why there is none of an analysis.
    """
    try:
        spm = spm_model(found.spm)
    except BidsglmError as error:
        return (), (f"SPM's model is not written: {error}",)
    nilearn = nilearn_model(found)
    if isinstance(nilearn, str):
        return (spm,), (f"nilearn's model is not written: {nilearn}.",)
    if any(_is_input(each.setting, found) for each in found.settings):
        return (spm, nilearn), ()
    both = replace(spm.specification, nilearn=nilearn.specification.nilearn)
    notes = tuple(dict.fromkeys((*spm.notes, *nilearn.notes)))
    return (replace(spm, name="model", specification=both, notes=notes),), ()


def _is_input(setting: str, found: Checked) -> bool:
    no_drifts = found.runs and not found.runs[0].columns.n_drifts
    return setting.startswith(OTHER_INPUTS) and not (setting == "high-pass" and no_drifts)


def nilearn_model(found: Checked) -> OwnModel | str:
    """Model of nilearn's designs, or why they cannot be said in the model language."""
    if not found.runs:
        return "its designs cannot be compared with SPM's"
    hrf, offset = nilearn_set(found), nilearn_offset(found)
    events = [nilearn_events(run) for run in found.runs]
    if hrf is None or offset is None or any(each is None for each in events):
        return "its columns do not come out of events, one response function and one time of sampling"
    cutoff = _cutoff(found)
    if cutoff is None:
        return "its drift columns are not the cosines of one cut-off"
    runs = list(zip(found.runs, events, strict=True))
    paradigms = tuple(_paradigm(found, run, conditions or ()) for run, conditions in runs)
    matrices = tuple(_in_order(run, p, hrf) for run, p in zip(found.runs, paradigms, strict=True))
    if any(matrix is None for matrix in matrices):
        return "it has columns of conditions that SPM's model lacks"
    attempt = found.way.attempt if found.way else None
    base = specification_of(found.spm)
    settings = replace(
        base.nilearn,
        slice_time_ref=offset,
        noise_model=attempt.noise if attempt else base.nilearn.noise_model,
        signal_scaling=_scaling(attempt),
        drift_model="cosine" if np.isfinite(cutoff) else None,
    )
    specification = replace(base, name="nilearn", hrf=hrf, high_pass=cutoff, nilearn=settings)
    notes = (*_notes(attempt, bool(found.reproductions)), *_apart(found), *unwritable(paradigms))
    of_user = tuple(matrix for matrix in matrices if matrix is not None)
    return OwnModel("model-nilearn", specification, paradigms, _contrasts(found), of_user, "nilearn", notes)


def _scaling(attempt: Attempt | None) -> int | tuple[int, int] | bool:
    if attempt is None or attempt.scaling == "unknown":
        return False
    return (0, 1) if attempt.scaling == "grand mean" else attempt.scaling  # type: ignore[return-value]


def _notes(attempt: Attempt | None, were_tried: bool) -> list[str]:
    if attempt is None:
        scans = " Its scans are SPM's, which do not give nilearn's maps." if were_tried else ""
        unknown = "nilearn's scaling and noise model are not known: those of SPM's model stand in the file."
        return [unknown + scans]
    if attempt.smoothed_by:
        return [
            f"nilearn smoothed by {attempt.smoothed_by:g} mm: add --smoothing-fwhm {attempt.smoothed_by:g}."
        ]
    return []


def _apart(found: Checked) -> list[str]:
    """Contrasts that a model, which averages runs, does not say."""
    names = [label for label, each in found.reproductions.items() if each.by_run]
    return [f"Contrasts that weigh runs apart are left out: {joined(names)}."] if names else []


def _cutoff(found: Checked) -> float | None:
    """Period in s whose cosines are nilearn's drift columns in all runs; infinite for none."""
    if not any(run.columns.n_drifts for run in found.runs):
        return float("inf")
    given = found.nilearn.given.get("high_pass")
    tried = [found.spm.sessions[0].high_pass]
    tried += [1 / given] if isinstance(given, int | float) and given > 0 else []
    time = found.spm.repetition_time
    tried += [2 * len(r.design.matrix) * time / (r.columns.n_drifts + 0.5) for r in found.runs]
    return next((each for each in tried if all(_is_of(run, time, each) for run in found.runs)), None)


def _is_of(run: ComparedRun, time: float, cutoff: float) -> bool:
    if not 2 * time < cutoff:
        return False
    drifts = run.design.matrix[:, list(run.design.drifts)]
    return spans_agree(dct_basis(len(drifts), time, cutoff), drifts)


def _names(run: ComparedRun) -> dict[str, str]:
    """Condition of SPM -> what nilearn calls it."""
    partners = run.columns.partners
    return {c.name: partners.get(f"{c.name}*bf(1)", c.name) for c in run.session.conditions}


def _paradigm(found: Checked, run: ComparedRun, conditions: Sequence[Condition]) -> Paradigm:
    called = _names(run)
    partners = run.columns.partners
    names = [partners[name] for name in run.session.regressors if name in partners] + extra_confounds(run)
    return Paradigm(
        found.spm.repetition_time,
        len(run.design.matrix),
        None,
        tuple(replace(c, name=called[c.name]) for c in conditions),
        tuple(names),
        run.design.columns(names),
    )


def _in_order(run: ComparedRun, paradigm: Paradigm, hrf: Hrf) -> Floats | None:
    """Columns of conditions and confounds as a model gives them; None where there are others."""
    task = nilearn_columns_of(run).task
    names = [c.name for c in run.session.conditions]
    wanted = [f"{name}*bf({k + 1})" for name in names for k in range(len(hrf.suffixes))]
    if set(task.names) != set(wanted):
        return None
    ordered = task.matrix[:, [task.names.index(name) for name in wanted]]
    return np.hstack([ordered, paradigm.confounds])


def _contrasts(found: Checked) -> tuple[ContrastSpecification, ...]:
    """Contrasts with the weights that give nilearn's maps."""
    run = found.runs[0]
    conditions = set(_names(run).values())
    made = []
    for label, each in found.reproductions.items():
        if each.is_found and each.weights and not each.by_run:
            columns = tuple(TRIAL_TYPE + name if _stem(name, conditions) else name for name in each.weights)
            weights = np.array([list(each.weights.values())])
            made.append(ContrastSpecification(label, "contrast", columns, weights))
    return tuple(made)


def _stem(name: str, conditions: set[str]) -> bool:
    return any(name in (c, f"{c}_derivative", f"{c}_dispersion") for c in conditions)
