"""Checks of settings that do nothing, or not what their names say."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from bidsglm.compare.advice import Finding, RunReview, Severity, listed
from bidsglm.compare.filled_run import function_columns
from bidsglm.model import NO_FILTER, Condition, ModelSpecification
from bidsglm.spm.regressors import event_weights


def idle_filters(runs: Sequence[RunReview], model: ModelSpecification) -> Iterator[Finding]:
    """Find a high-pass cut-off that does nothing, in one package or in both."""
    backends = tuple(dict.fromkeys(name for run in runs for name in run.designs))
    if model.high_pass == NO_FILTER:
        return
    drift, own = model.nilearn.drift_model, model.nilearn.high_pass or model.high_pass
    if "nilearn" in backends and drift is None:
        yield _no_drifts(model.high_pass, own, runs, "spm" in backends)
    if "nilearn" in backends and drift == "polynomial":
        yield Finding(
            "warning",
            "option-without-effect",
            "nilearn ignores the high-pass cut-off",
            f"nilearn's DriftModel is polynomial: the cut-off of {own:g} s has no effect there, nilearn"
            " removes a straight line (polynomial of order 1) and nothing faster.",
            'Set Software.Nilearn.DriftModel to "cosine" to have the same filter in both.',
            ("DriftModel",),
            ("nilearn",),
        )
    idle = [r for r in runs if 2 * r.paradigm.n_scans * r.paradigm.repetition_time < model.high_pass]
    if idle:
        seconds = max(r.paradigm.n_scans * r.paradigm.repetition_time for r in idle)
        yield Finding(
            "note",
            "idle-filter",
            "The run is too short for the high-pass filter",
            f"A run of {seconds:.0f} s holds less than half a period of {model.high_pass:g} s: the filter"
            " has no cosine, and nothing is removed but the mean.",
            "Nothing to do if the drift is small; else choose a shorter cut-off.",
            ("HighPassFilterCutoffHz",),
            runs=tuple(r.label for r in idle),
        )


def _no_drifts(cutoff: float, own: float, runs: Sequence[RunReview], both: bool) -> Finding:
    text = (
        f"The model sets a high-pass cut-off of {own:g} s, but nilearn's DriftModel is null: nilearn then"
        " ignores the cut-off and filters nothing."
    )
    if both:
        cosines = sorted(
            {run.designs["spm"].high_pass_basis.shape[1] for run in runs if "spm" in run.designs}
        )
        text += (
            f" SPM removes {' or '.join(map(str, cosines))} cosines (periods above {cutoff:g} s) from each"
            " run. The packages do not fit the same model, and slow drifts of the scanner stay in"
            " nilearn's betas and in its noise."
        )
    return Finding(
        "serious" if both else "warning",
        "option-without-effect",
        "nilearn filters nothing" + (", SPM does" if both else ""),
        text,
        'Set Software.Nilearn.DriftModel to "cosine"; or HighPassFilterCutoffHz to 0 if no filter is meant.',
        ("DriftModel",),
        ("nilearn",),
        size=1 / own if math.isfinite(own) else 0.0,
    )


def shifted_columns(runs: Sequence[RunReview], model: ModelSpecification) -> Iterator[Finding]:
    """Find modulators without a column of their own in SPM, which moves those behind them to the left."""
    for run in runs:
        if "spm" not in run.designs:
            continue
        design = run.designs["spm"]
        for condition in run.paradigm.conditions:
            names = condition.weight_names
            holders = [
                names[i]
                for i in _dead(condition)
                if design.matrix[:, function_columns(design.names, names[i])].any()
            ]
            if holders:
                behind = names[names.index(holders[0]) + 1 :]
                yield run.seen(_shifted(tuple(holders), behind, run), "spm")


def _dead(condition: Condition) -> list[int]:
    """Places of the weights that orthogonalisation leaves nothing of."""
    if not condition.orthogonalize or not len(condition.onsets):
        return []
    return np.flatnonzero(~event_weights(condition, 1.0).any(axis=0)).tolist()


def _shifted(holders: tuple[str, ...], behind: Sequence[str], run: RunReview) -> Finding:
    names = (*holders, *behind)
    hit = [c.name for c in run.contrasts if any(n.startswith(names) for n in c.conditions)]
    severity: Severity = "serious" if hit else "warning"
    concerned = f" Contrasts that then test something else than they say: {listed(hit)}." if hit else ""
    return Finding(
        severity,
        "shifted-columns",
        f"SPM's column {listed(holders)} holds another regressor",
        f"The values of {listed(holders)} do not vary, or follow from the modulators before, so that"
        " nothing is left after orthogonalisation. SPM then moves what stands behind one place to the"
        f" left, under the names of the places: {listed(holders)} holds what {listed(behind)} should, and"
        f" the last of them is zero.{concerned}",
        f"Leave {listed(holders)} out of ParametricModulations in this run, or lower its order.",
        holders,
    )


CHECKS = (idle_filters, shifted_columns)
"""Of all runs together."""
