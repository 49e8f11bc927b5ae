"""What is said of conditions that together fill a run: their betas trade off against the constant."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from bidsglm.data import DesignMatrix, Paradigm
from bidsglm.diagnosis.advice import Finding, RunReview, Severity, listed, percent, times, verb
from bidsglm.diagnosis.collinearity import placed
from bidsglm.diagnosis.design_parts import function_columns
from bidsglm.diagnosis.filling import StandardErrors, coverage, filling_conditions, standard_errors
from bidsglm.model import ContrastSpecification

COVERED = 0.95
"""Share of the run's time from which the events themselves fill it."""
TRADED = 1.5
"""Ratio of the standard errors of one condition and of a difference below which nothing need be said: in the
designs of `filling.EXPLAINED` 1.8 to 4 where the run is filled, and 0.7 to 2.1 where it
is not."""
WORST = 1e6
"""Ratio that stands for an infinite one where findings are compared and stored."""


def sorted_contrasts(
    contrasts: Sequence[ContrastSpecification], names: Sequence[str], conditions: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Names of the contrasts that hang on a baseline, and of those that compare the conditions only.

    Parameters
    ----------
    contrasts
        All contrasts of the model.
    names
        Regressors of the run.
    conditions
        Those that fill it.
    """
    columns = [i for name in conditions for i in function_columns(names, name)]
    hit: list[str] = []
    safe: list[str] = []
    for contrast in contrasts:
        weights = placed(contrast, names)
        if weights is None or not weights[:, columns].any():
            continue
        # weights of sum 0 compare the conditions, and what is added to all of them cancels
        # to 1e-6, as a third in a model is written with so many digits
        sums = np.abs(weights[:, columns].sum(axis=1))
        (hit if np.any(sums > 1e-6 * np.abs(weights).max()) else safe).append(contrast.name)
    return hit, safe


def filled_run(run: RunReview) -> Iterator[Finding]:
    """Find conditions that together fill the run."""
    for backend, design in run.designs.items():
        conditions, share = filling_conditions(design, run.paradigm)
        if not conditions:
            continue
        found = standard_errors(design, conditions)
        # NaN among them: where neither error is known there is no trade to speak of
        if not found.ratio >= TRADED:
            continue
        hit, safe = sorted_contrasts(run.contrasts, design.names, conditions)
        # differences of the conditions are as good as ever: serious only for who tests one alone
        severity: Severity = "serious" if hit else "note"
        parts = (_cause(run.paradigm, conditions, share), _consequence(found, design), _concerned(hit, safe))
        finding = Finding(
            severity,
            "filled-run",
            f"{listed(conditions)} {verb(conditions, 'fills', 'together fill')} the run",
            " ".join(part for part in parts if part),
            _remedy(found),
            conditions,
            size=min(found.ratio, WORST),
        )
        yield run.seen(finding, backend)


def _cause(paradigm: Paradigm, conditions: Sequence[str], share: float) -> str:
    covered = coverage(paradigm, conditions)
    who = listed(conditions)
    if len(conditions) == 1:
        start = f"The events of {who} cover {percent(covered)} of the run."
        if covered < COVERED:
            start = f"The events of {who} follow each other so closely that its response never falls back."
        return (
            f"{start} Once the response has risen, its regressor is as flat as the constant"
            f" ({percent(share)} of which it explains): there is no rest left to compare it with."
        )
    start = f"The events of {who} together cover {percent(covered)} of the run."
    if covered < COVERED:
        start = f"The events of {who} follow each other so closely that the responses never fall back."
    return (
        f"{start} Once the response has risen, their regressors add up to the constant ({percent(share)} of"
        " which they explain): the design is over-parameterised, it has one regressor more than the data"
        " can tell apart."
    )


def _consequence(found: StandardErrors, design: DesignMatrix) -> str:
    taken = "taken back by the constant"
    if design.levels is not None:  # these words may stand for other packages' designs too
        taken += ", or taken out with the mean where a package fits none"
    if not found.difference:
        wide = f"its standard error is {times(found.ratio)} times what it would be with a known baseline"
        if math.isinf(found.ratio):
            wide = "no data can tell one from the other"
        return f"What is added to its beta is {taken}, and the fit hardly changes: {wide}."
    if math.isinf(found.ratio):
        return (
            f"What is added to all their betas is {taken}, and the fit stays the same:"
            f" no data can determine the effect of {listed([found.single])} alone, and each package's beta"
            " of it is arbitrary. Differences between these conditions are determined."
        )
    return (
        f"What is added to all their betas is {taken}, and the fit hardly changes. The"
        " beta of one condition alone is therefore nearly arbitrary, and small differences between two"
        f" packages, or between two filters, move it a lot: the standard error of {listed([found.single])}"
        f" alone is {times(found.ratio)} times that of {found.difference} (for independent noise)."
        " Differences between these conditions are well determined, and t maps of one condition suffer"
        " less, as t divides by that large standard error."
    )


def _concerned(hit: Sequence[str], safe: Sequence[str]) -> str:
    parts = []
    if hit:
        parts.append(f"Contrasts with such effect maps: {listed(hit)}.")
    if safe:
        parts.append(f"Contrasts not concerned: {listed(safe)}.")
    return " ".join(parts)


def _remedy(found: StandardErrors) -> str:
    if not found.difference:
        return (
            f"Do not report the effect of {listed([found.single])} against baseline; model what changes"
            " within it (its parts, or a parametric modulator), or record rest."
        )
    falls = (
        ""
        if math.isinf(found.ratio)
        else f" and its standard error falls to {times(found.after)} of what it is now"
    )
    return (
        f"Drop one of the conditions that fill the run from X: without {listed([found.dropped])}, the effect"
        f" of {listed([found.single])} is measured against it{falls}. Or keep them and test only their"
        f" differences, such as {found.difference}."
    )
