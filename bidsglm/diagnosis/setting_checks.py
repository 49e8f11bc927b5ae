"""Checks of settings that do nothing, or not what their names say."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bidsglm.data import Condition
from bidsglm.design_space import directions
from bidsglm.diagnosis.advice import Finding, RunReview, Severity, listed, verb
from bidsglm.diagnosis.design_parts import function_columns
from bidsglm.model import NO_FILTER, ModelSpecification

SAME_VALUES = 1e-9
"""Share of a modulator's length: what varies by less than this does not vary."""


def idle_filters(runs: Sequence[RunReview], model: ModelSpecification) -> Iterator[Finding]:
    """Find a high-pass cut-off that does nothing, in one package or in both."""
    backends = tuple(dict.fromkeys(name for run in runs for name in run.designs))
    if model.high_pass == NO_FILTER:
        return
    # nilearn may have a cut-off of its own
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
            'Set Software.Nilearn.DriftModel to "cosine" to have a filter with this cut-off.',
            ("DriftModel",),
            ("nilearn",),
        )
    # the others filter without cosines, in runs of any length
    cosines = {"spm": model.high_pass, "nilearn": own if drift == "cosine" else 0.0}
    yield from _too_short(runs, {name: cosines[name] for name in backends if name in cosines})


def _too_short(runs: Sequence[RunReview], cutoffs: Mapping[str, float]) -> Iterator[Finding]:
    """Find runs that hold no cosine of the packages that filter by cosines, each with its cut-off."""
    # the slowest cosine has the period 2 n TR
    # a filter of cut-off H has the cosines up to 2 n TR / H, so none in a run shorter than H / 2
    idle = [
        (run, name, cutoff)
        for run in runs
        for name, cutoff in cutoffs.items()
        if 2 * run.paradigm.n_scans * run.paradigm.repetition_time < cutoff < NO_FILTER
    ]
    if idle:
        seconds = max(r.paradigm.n_scans * r.paradigm.repetition_time for r, *_ in idle)
        longest = max(cutoff for *_, cutoff in idle)
        yield Finding(
            "note",
            "idle-filter",
            "The run is too short for the high-pass filter",
            f"A run of {seconds:.0f} s holds less than half a period of {longest:g} s: the filter"
            " has no cosine, and nothing is removed but the mean.",
            "Nothing to do if the drift is small; else choose a shorter cut-off.",
            ("HighPassFilterCutoffHz",),
            tuple(dict.fromkeys(name for _, name, _ in idle)),
            tuple(dict.fromkeys(run.label for run, *_ in idle)),
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


def idle_modulators(runs: Sequence[RunReview], model: ModelSpecification) -> Iterator[Finding]:
    """Find modulators without values of their own, which cost those behind them their columns."""
    for run in runs:
        for condition in run.paradigm.conditions:
            # one that nothing stands behind costs no other its column
            idle = idle_weights(condition)
            names = condition.weight_names
            behind = tuple(n for i, n in enumerate(names) if idle and i > idle[0] and i not in idle)
            if not behind:
                continue
            own = tuple(names[i] for i in idle)
            for backend, columns in run.parts.items():
                # which of the two happens hangs on rounding, so the columns that came out are looked at
                filled = {n: bool(columns.matrix[:, function_columns(columns.names, n)].any()) for n in names}
                shifted, lost = any(filled[n] for n in own), not all(filled[n] for n in behind)
                if shifted or lost:
                    yield run.seen(_idle_modulator(own, behind, shifted, run), backend)


def idle_weights(condition: Condition) -> tuple[int, ...]:
    """Places of the weights that follow from those before, if they are to be orthogonalised.

    >>> from bidsglm.data import Modulator
    >>> level = Modulator("level", np.full(3, 2.0))
    >>> idle_weights(Condition("go", np.arange(3.0), np.ones(3), (level,)))
    (1,)
    """
    if not condition.orthogonalize or not len(condition.onsets):
        return ()
    # spm_orth removes what stands before: of a weight that adds no rank it leaves rounding alone
    weights = directions(condition.weights)
    # at unit length, so that what a modulator adds is measured against its own size
    ranks = [np.linalg.matrix_rank(weights[:, : i + 1], tol=SAME_VALUES) for i in range(weights.shape[1])]
    return tuple(i for i in range(1, len(ranks)) if ranks[i] == ranks[i - 1])


def _idle_modulator(own: tuple[str, ...], behind: tuple[str, ...], shifted: bool, run: RunReview) -> Finding:
    hit = [c.name for c in run.contrasts if any(n.startswith((*own, *behind)) for n in c.conditions)]
    severity: Severity = "serious" if hit else "warning"
    concerned = f" Contrasts that then test something else than they say: {listed(hit)}." if hit else ""
    with_them = f"{verb(behind, 'is', 'are')} lost with {verb(own, 'it', 'them')}"
    what = f"{listed(behind)} {with_them}, and zero in the design"
    if shifted:
        what = (
            "SPM then moves what stands behind one place to the left, under the names of the places:"
            f" {listed(own)} {verb(own, 'holds', 'hold')} what {listed(behind)} should, and the last is zero"
        )
    return Finding(
        severity,
        "idle-modulator",
        f"{listed(own)} {verb(own, 'costs', 'cost')} another modulator its column",
        f"The values of {listed(own)} do not vary, or follow from the modulators before, so that"
        f" orthogonalisation leaves nothing of them. {what}; which of this happens may hang on"
        f" rounding.{concerned}",
        f"Leave {listed(own)} out of ParametricModulations in this run, or lower its order.",
        own,
        size=1.0 + shifted,
    )


CHECKS = (idle_filters, idle_modulators)
"""Each is of all runs together."""
