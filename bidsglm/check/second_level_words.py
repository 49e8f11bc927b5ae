"""A second level in the field's words: its design, its variance, its covariates, masks and globals."""

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bidsglm.check.second_level import GroupCovariate, GroupFactor, SpmGroup
from bidsglm.model import Floats
from bidsglm.report.wording import digits
from bidsglm.sentences import joined

DESIGNS = (
    ("one.?sample", "one-sample t-test"),
    ("two.?sample", "two-sample t-test"),
    ("paired", "paired t-test"),
    ("anova.*within|within.*anova", "one-way ANOVA within subject"),
    ("anova", "one-way ANOVA"),
    ("regression", "multiple regression"),
    ("full.*factorial", "full factorial"),
    ("flexible.*factorial", "flexible factorial"),
)
"""What SPM writes, in any of its versions -> the design's usual name."""
SAME = 1e-6
"""Share of a covariate's spread by which rounding moves it."""
MOST_VARIANCES = 6
"""Variances that are told one by one."""


def design_name(group: SpmGroup) -> str:
    """Usual name of the design: SPM's own where it is known, else by the columns."""
    for pattern, name in DESIGNS:
        if re.search(pattern, group.title, re.IGNORECASE):
            return name
    return group.title or _by_columns(group)


def _by_columns(group: SpmGroup) -> str:
    X = group.matrix
    indicators = np.isin(X, (0, 1)).all(axis=0)
    cells = [i for i in np.flatnonzero(indicators) if i not in group.blocks]
    parts = X[:, cells]
    is_partition = bool(len(cells)) and bool(np.all(parts.sum(axis=1) == 1))
    if X.shape[1] == 1 and np.ptp(X) == 0:
        return "one-sample t-test"
    if group.blocks and len(group.blocks) > 1 and len(cells):
        return "paired t-test" if len(cells) == 2 else "one-way ANOVA within subject"
    if is_partition and len(cells) > 1:
        return "two-sample t-test" if len(cells) == 2 else "one-way ANOVA"
    return "multiple regression"


def has_equal_variance(group: SpmGroup) -> bool:
    """Whether all images have one variance."""
    Q, V = group.errors.components, group.errors.covariance
    if Q is not None:
        return _n_variances(Q) < 2
    return V is None or bool(np.ptp(np.diag(V)) <= SAME)


def is_independent(group: SpmGroup) -> bool:
    """Whether no two images have a covariance."""
    Q, V = group.errors.components, group.errors.covariance
    every = Q if Q is not None else V[None] if V is not None else np.empty((0, 1, 1))
    return not any(np.any(np.abs(each - np.diag(np.diag(each))) > SAME) for each in every)


def _n_variances(Q: Floats) -> int:
    return int(np.any(np.diagonal(Q, axis1=1, axis2=2) != 0, axis=1).sum())


def variance_in_words(group: SpmGroup) -> str:
    """What SPM assumes of the errors, and what it found."""
    Q = group.errors.components
    equal, independent = has_equal_variance(group), is_independent(group)
    if Q is None:
        if equal and independent:
            return "equal variance, independent images: ordinary least squares"
        return "a covariance that was given, not estimated"
    n_variances = _n_variances(Q)
    over = _split_by(group, Q)
    where = f" over the levels of {joined(over)}" if over else ""
    told = "equal variance" if equal else f"unequal variance{where} ({_variances(group, n_variances)})"
    n_covariances = len(Q) - n_variances
    tied = "independent images"
    if not independent:
        tied = f"dependent images ({n_covariances} covariance{'s' * (n_covariances > 1)})"
    return f"{told}, {tied}: estimated by ReML over the voxels of p < {group.errors.selection_p:g}"


def _variances(group: SpmGroup, n: int) -> str:
    V = group.errors.covariance
    if V is None:
        return f"{n} variances, not estimated yet"
    found = list(dict.fromkeys(digits(float(v)) for v in np.diag(V)))
    if len(found) > MOST_VARIANCES:
        return f"{n} variances, {digits(float(np.diag(V).min()))} to {digits(float(np.diag(V).max()))}"
    return f"{joined(found)} of the mean variance"


def _split_by(group: SpmGroup, Q: Floats) -> list[str]:
    """Factors whose levels the variances go by: the fewest that tell all variances apart."""
    rows = np.diagonal(Q, axis1=1, axis2=2).T
    labels = np.unique(rows, axis=0, return_inverse=True)[1].ravel()
    for factor in group.factors:
        if _is_same_partition(labels, np.unique(factor.levels, return_inverse=True)[1]):
            return [factor.name]
    return []


def _is_same_partition(one: NDArray[np.intp], other: NDArray[np.intp]) -> bool:
    pairs = len(set(zip(one.tolist(), other.tolist(), strict=True)))
    return pairs == len(set(one.tolist())) == len(set(other.tolist()))


def centring(covariate: GroupCovariate, factors: tuple[GroupFactor, ...]) -> str:
    """Find how a covariate was centred: from its values in the design, whatever the file's code for it.

    >>> raw = np.array([1.0, 2.0, 6.0])
    >>> centring(GroupCovariate("age", raw, (raw - 3)[:, None]), ())
    'centred on its mean (3.00)'
    >>> centring(GroupCovariate("age", raw, raw[:, None]), ())
    'not centred'
    """
    taken = covariate.raw - covariate.columns.sum(axis=1)
    size = max(float(np.ptp(covariate.raw)), float(np.finfo(float).tiny))
    if np.abs(taken).max() <= SAME * size:
        return "not centred"
    if np.ptp(taken) <= SAME * size:
        value = digits(float(taken.mean()))
        is_mean = abs(taken.mean() - covariate.raw.mean()) <= SAME * size
        return f"centred on its mean ({value})" if is_mean else f"centred on {value}"
    for factor in factors:
        if all(np.ptp(taken[factor.levels == level]) <= SAME * size for level in np.unique(factor.levels)):
            return f"centred on its means in the levels of {factor.name}"
    return "changed in another way than by centring"


def covariates_in_words(group: SpmGroup) -> str:
    """Covariates with centring and interactions."""
    told = []
    for each in group.covariates:
        n = each.columns.shape[1]
        apart = f", a column for each of {n} levels" if n > 1 else ""
        told.append(f"{each.name or 'covariate'} ({centring(each, group.factors)}{apart})")
    return "; ".join(told) or "none"


def mask_in_words(group: SpmGroup) -> str:
    """Threshold, implicit and explicit masks."""
    limits = group.mask.thresholds
    told = ["no threshold"]
    if np.isfinite(limits).any():
        span = digits(float(limits.min()))
        if np.ptp(limits) > 0:
            span += f" to {digits(float(limits.max()))}"
        words = f" ({group.mask.threshold_words})" if group.mask.threshold_words else ""
        told = [f"values above {span}{words}"]
    told.append(
        f"implicit mask {'on: zeros of whole-number images are no data' if group.mask.implicit else 'off'}"
    )
    told.append(
        f"explicit mask {joined(list(group.mask.explicit))}" if group.mask.explicit else "no explicit mask"
    )
    return "; ".join(told)


def globals_in_words(group: SpmGroup) -> str:
    """Global calculation, grand mean scaling and normalisation."""
    factors = group.globals.factors
    told = [
        words if words.startswith("no ") else f"{name}: {words}"
        for name, words in (
            ("calculation", group.globals.calculation.strip("<>")),
            ("scaling", group.globals.scaling.strip("<>")),
            ("normalisation", group.globals.normalisation.strip("<>")),
        )
        if words
    ]
    if np.ptp(factors) or factors[0] != 1:
        told.append(f"images times {digits(float(factors.min()))} to {digits(float(factors.max()))}")
    if group.nuisances:
        told.append(f"{joined([group.names[i] for i in group.nuisances])} in the design")
    return "; ".join(told) or "none"


def rows_in_words(group: SpmGroup) -> Iterator[tuple[str, str]]:
    """All settings, one after the other."""
    yield "design", design_name(group)
    yield "images", str(len(group.matrix))
    yield "columns", joined(list(group.names))
    yield (
        "factors",
        "; ".join(f"{f.name}, {len(np.unique(f.levels))} levels" for f in group.factors) or "none",
    )
    yield "covariates", covariates_in_words(group)
    yield "variance", variance_in_words(group)
    yield "mask", mask_in_words(group)
    yield "globals", globals_in_words(group)
    if np.isfinite(group.dof):
        yield "residual degrees of freedom", digits(group.dof)
    yield "written by", group.version or "not stated"
