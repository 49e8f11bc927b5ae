"""Checks of what a run's design cannot determine at all, and of how much it leaves for the noise."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.design_space import directions, independent_columns, rank_in_nilearn
from bidsglm.diagnosis.advice import Finding, RunReview, listed, verb
from bidsglm.diagnosis.afni_checks import have_cutoff
from bidsglm.diagnosis.collinearity import ContrastDiagnosis
from bidsglm.diagnosis.design_parts import NOTHING_LEFT
from bidsglm.model import CONSTANT, TRIAL_TYPE, Floats
from bidsglm.packages import in_order, titles

MANY_COLUMNS = 0.5
"""Share of the scans that the columns of a design use up."""
FILTER = "the high-pass filter"


def dependent_columns(run: RunReview) -> Iterator[Finding]:
    """Find columns that are sums of others, and name all that take part."""
    for backend, columns in run.parts.items():
        names = [CONSTANT] * columns.constant.shape[1] + [FILTER] * columns.drifts.shape[1]
        # constant and filter first: a regressor is then said to depend on them, never the reverse
        whole = np.hstack([columns.constant, columns.drifts, columns.matrix])
        for members in dependencies(whole, [*names, *columns.names]):
            task = [name for name in members if name in columns.names[: columns.is_condition.sum()]]
            yield run.seen(_dependency(members, task, surplus(run, backend)), backend)


class Surplus(NamedTuple):
    """What columns that add nothing do to nilearn's t, in words and as a factor."""

    text: str
    factor: float


NO_SURPLUS = Surplus("", 1.0)
VISIBLE = 0.99
"""Factor of t below which it should be looked at."""


def surplus(run: RunReview, backend: str = "nilearn") -> Surplus:
    """Compare nilearn's divisor, scans less columns, with its degrees of freedom, scans less rank."""
    if backend != "nilearn" or backend not in run.designs:
        return NO_SURPLUS
    X = run.designs[backend].matrix
    n_scans, n_columns = X.shape
    # by nilearn's own tolerance: it has lifted the singular values of a singular design a little
    rank = rank_in_nilearn(X)
    # with as many columns as scans nilearn has nothing left to divide by
    if not rank < n_columns < n_scans:
        return NO_SURPLUS
    # t is over the root of the residual variance, so a divisor that is too small makes t too small
    factor = float(np.sqrt((n_scans - n_columns) / (n_scans - rank)))
    extra = n_columns - rank
    same = " SPM's t do not change." if "spm" in run.designs else ""
    text = (
        f" nilearn divides the residual squares by scans less columns ({n_scans - n_columns}), but counts"
        f" scans less rank ({n_scans - rank}) as degrees of freedom: {extra}"
        f" {'column adds' if extra == 1 else 'columns add'} nothing, and all its t values are {factor:.3f}"
        f" times what they are without {'it' if extra == 1 else 'them'}.{same}"
    )
    return Surplus(text, factor)


def dependencies(X: Floats, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield, for each column that is a sum of earlier ones, the names that take part; not columns of zeros.

    >>> X = np.array([[1.0, 1, 0, 0], [1, 0, 1, 0], [1, 0, 1, 1]])
    >>> list(dependencies(X, ["constant", "a", "b", "c"]))
    [('constant', 'a', 'b')]
    """
    # a looser tolerance than that of a rank: regressors whose difference nobody could measure count as equal;
    # the root, as it is of lengths where `NOTHING_LEFT` is of squares
    independent = independent_columns(X, NOTHING_LEFT**0.5)
    columns = directions(X)
    for i in map(int, np.flatnonzero(columns.any(axis=0))):
        if i in independent:
            continue
        before = [j for j in independent if j < i]
        # of length 1 all: a weight below the root of what counts as nothing is rounding
        weights = np.linalg.lstsq(columns[:, before], columns[:, i], rcond=None)[0]
        parts = [names[j] for j, w in zip(before, weights, strict=True) if abs(w) > NOTHING_LEFT**0.5]
        yield tuple(dict.fromkeys((*parts, names[i])))


def _dependency(members: tuple[str, ...], task: Sequence[str], cost: Surplus = NO_SURPLUS) -> Finding:
    others = [name for name in members if name != members[-1]]
    relation = "a sum of" if len(others) > 1 else "the same, up to its scale, as"
    text = f"{listed(members[-1:])} is exactly {relation} {listed(others)}."
    if not task:
        return Finding(
            "warning" if cost.factor < VISIBLE else "note",
            "dependent-columns",
            f"{listed(members[-1:])} adds nothing to the model",
            f"{text} The effects of the conditions and the fitted series are the same without it.{cost.text}",
            f"Leave {listed(members[-1:])} out.",
            members,
            size=1 - cost.factor,
        )
    return Finding(
        "serious",
        "dependent-columns",
        f"{listed(task)} cannot be told apart from other columns",
        f"{text} No data can say how their effects divide, and their betas mean nothing one by one."
        f" Contrasts that hang on this division are left out.{cost.text}",
        f"Leave one of {listed(members)} out of X, or test only what the design determines.",
        members,
    )


def empty_columns(run: RunReview) -> Iterator[Finding]:
    """Find conditions and modulators that are zero in the whole run, and confounds that do not change."""
    for backend, columns in run.parts.items():
        empty = np.flatnonzero(columns.is_condition & ~columns.matrix.any(axis=0))
        tasks = tuple(columns.names[i] for i in empty)
        if tasks:
            finding = Finding(
                "warning",
                "empty-regressor",
                f"{listed(tasks)} {verb(tasks, 'is', 'are')} zero in the whole run",
                f"{verb(tasks, 'This column is', 'These columns are')} zero in every scan: the events lie"
                " outside the run, or a modulator has the same value at all of them. No contrast on"
                f" {verb(tasks, 'it', 'them')} can be estimated in this run.{surplus(run, backend).text}",
                "Correct onsets or values, or take the column out of X for this run.",
                tasks,
            )
            yield run.seen(finding, backend)
    # as it was given: SPM's design has it centred, where a constant is zero like an empty column
    still = tuple(
        name
        for name, values in zip(run.paradigm.confound_names, run.paradigm.confounds.T, strict=True)
        if np.ptp(values) == 0
    )
    if still:
        cost = surplus(run)
        finding = Finding(
            "warning" if cost.factor < VISIBLE else "note",
            "constant-confound",
            f"{listed(still)} {verb(still, 'does', 'do')} not change",
            f"{listed(still)} {verb(still, 'has', 'have')} the same value in every scan:"
            f" {_beside_the_constant(still, run)}. Effects of the conditions do not change, the betas of the"
            f" constant do.{cost.text}",
            f"Leave {listed(still)} out.",
            still,
        )
        yield run.seen(finding)


def _beside_the_constant(still: tuple[str, ...], run: RunReview) -> str:
    """What becomes of confounds that do not change, in the packages that are fitted."""
    others = titles(name for name in in_order(run.designs) if name != "spm")
    centred = [f"SPM centres {verb(still, 'it', 'them')} to zero"] if "spm" in run.designs else []
    silent = (
        [f"to {others} {verb(still, 'it says', 'they say')} nothing beside the constant"] if others else []
    )
    return ", ".join([*centred, *silent])


def used_up_scans(run: RunReview) -> Iterator[Finding]:
    """Find designs that leave few residual degrees of freedom."""
    n_scans = run.paradigm.n_scans
    for backend, found in run.diagnoses.items():
        # by rank: columns that add nothing take no degree of freedom
        share = found.rank / n_scans
        if share <= MANY_COLUMNS:
            continue
        finding = Finding(
            "warning",
            "few-degrees-of-freedom",
            "The model uses up most of the scans",
            f"{found.rank} independent columns, the drifts among them, for {n_scans} scans leave"
            f" {n_scans - found.rank} residual degrees of freedom before any correction for serial"
            " correlation. The noise is then estimated badly, and in each package differently.",
            _fewer_columns(run),
            size=share,
        )
        yield run.seen(finding, backend)


def _fewer_columns(run: RunReview) -> str:
    """How a design takes fewer columns, in the packages that are fitted."""
    ways = ["fewer confounds (six motion parameters, a few components)"]
    if have_cutoff(run.parts):
        ways.append("a longer high-pass cut-off")
    if "afni" in run.parts:
        ways.append("a lower degree of AFNI's polynomials (Software.AFNI.Polort)")
    return f"Use {' or '.join(ways)}."


def missing_contrasts(run: RunReview) -> Iterator[Finding]:
    """Find contrasts that a run cannot give, all of one reason together."""
    conditions = {contrast.label: contrast.conditions for contrast in run.contrasts}
    for backend, found in run.diagnoses.items():
        reasons: dict[str, list[ContrastDiagnosis]] = {}
        for contrast in found.contrasts:
            if not contrast.estimable:
                reason = _reason(conditions[contrast.label], run.designs[backend].names)
                reasons.setdefault(reason, []).append(contrast)
        for reason, contrasts in reasons.items():
            names = [contrast.name for contrast in contrasts]
            finding = Finding(
                "warning",
                "missing-contrast",
                f"{listed(names)} cannot be estimated",
                f"{reason}. Contrasts that the run therefore cannot give: {listed(names)}. A contrast is"
                " the mean of the runs that can give it, and left out where none can.",
                "Look whether the events of the run are complete; participants then differ in how many"
                " runs their effects rest on.",
                tuple(contrast.label for contrast in contrasts),
            )
            yield run.seen(finding, backend)


def _reason(conditions: Sequence[str], names: Sequence[str]) -> str:
    # a run without events of a condition has no column of it: that is told before collinearity
    absent = [name for name in conditions if name not in names]
    if not absent:
        return "Some regressors cannot be told apart from others, or are zero"
    what = "events" if all(name.startswith(TRIAL_TYPE) for name in absent) else "column"
    return f"{listed(absent)} {verb(absent, 'has', 'have')} no {what} in the run"


CHECKS = (dependent_columns, empty_columns, used_up_scans, missing_contrasts)
"""Each is of one run by itself."""
