"""How well a design can tell its regressors apart, from the design alone.

The variance inflation factor of a regressor is ``1 / (1 - R^2)`` of its regression on the others, with the
R^2 about the mean where the constant is among them (Marquardt, 1970, Technometrics 12:591-612). The
efficiency of a contrast is ``1 / trace(c (X'X)^-1 c')`` (Dale, 1999, Human Brain Mapping 8:109-114).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bidsglm.data import DesignMatrix, Paradigm
from bidsglm.design_space import basis, decomposition, directions, estimable, factors, lengths, squares
from bidsglm.diagnosis.design_parts import NOTHING_LEFT, Parts, parts
from bidsglm.model import ContrastSpecification, Floats
from bidsglm.spm import contrasts
from bidsglm.spm.highpass import remove

Row = dict[str, str | int | float]


class RegressorDiagnosis(NamedTuple):
    """A condition or confound among the others."""

    name: str
    kind: str
    """condition or confound"""
    vif: float
    """Among conditions and confounds; NaN for a column of zeros."""
    vif_with_constant_and_drifts: float
    """Infinite where the column is a sum of others."""
    removed_by_filter: float
    """Share of its variance."""


class ContrastDiagnosis(NamedTuple):
    """A contrast in one run."""

    label: str
    """For file names."""
    name: str
    estimable: bool
    efficiency: float
    """0 where it is not estimable."""


@dataclass(frozen=True)
class Diagnosis:
    """What the design of one run of one backend can tell apart."""

    rank: int
    """Rank of all columns, the constant and the drifts or cosines of the filter among them."""
    n_columns: int
    """As many as the rank in a good design."""
    condition_number: float
    """Largest over smallest singular value of the columns at unit length, confounds mean-centred; infinite
    without full rank."""
    regressors: tuple[RegressorDiagnosis, ...]
    correlation: Floats
    """(n, n) of these regressors after the constant and the drifts are removed; NaN for what is empty then"""
    contrasts: tuple[ContrastDiagnosis, ...]


def variance_inflation(X: Floats, n_first: int, about_mean: bool) -> Floats:
    """Variance inflation factors of the first columns of a design, (n_first,).

    Parameters
    ----------
    X
        (n_scans, n_columns) all columns
    n_first
        How many factors are asked for.
    about_mean
        Whether the constant is among the columns, so that R^2 is about the mean.

    Returns
    -------
    1 for a column orthogonal to all others, infinite for a sum of others, NaN for a column of zeros.

    >>> X = np.array([[1.0, 0, 1], [1, 1, 1], [0, 1, 1], [0, 0, 1]])
    >>> variance_inflation(X[:, :2], 2, about_mean=False).round(3)
    array([1.333, 1.333])
    >>> variance_inflation(X, 2, about_mean=True).round(3)
    array([1., 1.])
    """
    # unit length: the factor does not change by it, and rank then does not hang on units
    design = factors(directions(X))
    first = X[:, :n_first]
    about_zero = squares(first)
    total = squares(first - first.mean(axis=0)) if about_mean else about_zero
    with np.errstate(divide="ignore", invalid="ignore"):
        # 1 / (1 - R²) is the j-th diagonal of (X'X)^-1 times |x_j|² about the mean or zero (Marquardt 1970)
        inflation = ((design.right[:n_first] / design.singular) ** 2).sum(axis=1) * total / about_zero
    # a column outside the row space is a sum of others, and the pseudo-inverse says nothing of it
    reached = (design.right[:n_first] ** 2).sum(axis=1)
    inflation[(1 - reached > NOTHING_LEFT) | (inflation > 1 / NOTHING_LEFT)] = np.inf
    inflation[about_zero == 0] = np.nan
    return np.asarray(inflation)


def removed_share(X: Floats, drifts: Floats) -> Floats:
    """Share of the variance of each column that lies in the space of the drifts, (n_columns,).

    Parameters
    ----------
    X
        (n_scans, n_columns)
    drifts
        (n_scans, n_drifts)

    >>> slow = np.cos(np.pi * np.arange(0.5, 8) / 8)[:, None]
    >>> removed_share(slow + 3, slow).round(6)
    array([1.])
    """
    centred = X - X.mean(axis=0)
    # variance is about the mean, so the constant's share must not count as the filter's
    slow = basis(drifts - drifts.mean(axis=0))
    with np.errstate(invalid="ignore"):
        share = squares(slow.T @ centred) / squares(centred)
    # a column that does not vary has no variance of which a share could be removed
    share[squares(centred) <= NOTHING_LEFT**2 * squares(X)] = np.nan
    # a column in the drifts' space has a share of 1 but for rounding
    return np.minimum(share, 1.0)


def lost_share(before: Floats, after: Floats) -> Floats:
    """Share of the variance of each column that a filter of the columns themselves took, (n_columns,).

    >>> column = np.array([[0.0], [2.0], [0.0], [2.0]])
    >>> lost_share(column, column / 2)
    array([0.75])
    """
    varied = squares(before - before.mean(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = 1 - squares(after - after.mean(axis=0)) / varied
    share[varied <= NOTHING_LEFT**2 * squares(before)] = np.nan
    # what a local line does at the ends of a run may add a little
    return np.clip(share, 0.0, 1.0)


def effect_variances(design: DesignMatrix, weights: Floats) -> Floats:
    """Variances of effects for independent errors of variance 1, beside constant and filter, (n_rows,).

    Infinite where the design does not determine the effect.

    Parameters
    ----------
    design
        Design of one run.
    weights
        (n_rows, n_regressors) over its columns

    >>> X = np.column_stack([[1.0, 1, 0, 0], np.ones(4)])
    >>> design = DesignMatrix(("trial_type.go", "constant"), X, np.zeros((4, 0)))
    >>> effect_variances(design, np.array([[1.0, 0.0]])).round(6)
    array([1.])
    """
    X = np.hstack([design.matrix, design.high_pass_basis])
    space = factors(directions(X))
    n_regressors = len(design.names)
    # columns at unit length, whose rank does not hang on the units of the confounds
    given = weights / lengths(X)[:n_regressors]
    rows = given @ space.right[:n_regressors]
    # a contrast outside the row space loses length there, and its variance is unbounded
    reached = (rows**2).sum(axis=1) >= (1 - NOTHING_LEFT) * (given**2).sum(axis=1)
    return np.asarray(np.where(reached, ((rows / space.singular) ** 2).sum(axis=1), np.inf))


def placed(contrast: ContrastSpecification, names: Sequence[str]) -> Floats | None:
    """Weights of a contrast over the columns of a run, (n_rows, n_regressors); None if it lacks one.

    >>> go = ContrastSpecification("go", "go", ("trial_type.go",), np.ones((1, 1)))
    >>> placed(go, ("trial_type.go", "constant")), placed(go, ("constant",))
    (array([[1., 0.]]), None)
    """
    if not set(contrast.conditions) <= set(names):
        return None
    weights = contrasts.placed(contrast.weights, contrast.conditions, names)
    return np.asarray(weights[weights.any(axis=1)])


def diagnosis(
    design: DesignMatrix, paradigm: Paradigm, contrasts: Sequence[ContrastSpecification] = ()
) -> Diagnosis:
    """Diagnose the design of one run.

    Parameters
    ----------
    design
        Either backend's; the drifts of the filter are its `drift_*` columns or its high-pass basis.
    paradigm
        That it was made of.
    contrasts
        All contrasts of the model.

    >>> X = np.column_stack([np.repeat([0.0, 1, 0, 1], 5), np.ones(20)])
    >>> design = DesignMatrix(("trial_type.go", "constant"), X, np.zeros((20, 0)))
    >>> found = diagnosis(design, Paradigm(2.0, 20, None, (), (), np.zeros((20, 0))))
    >>> found.rank, found.n_columns, round(found.regressors[0].vif_with_constant_and_drifts, 9)
    (2, 2, 1.0)
    """
    columns = parts(design, paradigm)
    n = len(columns.names)
    # columns of length 1: the condition number does not hang on units (Belsley 1980)
    found = factors(directions(columns.whole)).singular
    # without full rank the smallest singular value is 0, whatever rounding makes of it
    full = found.size == columns.whole.shape[1]
    return Diagnosis(
        found.size,
        columns.whole.shape[1],
        float(found[0] / found[-1]) if full and found.size else math.inf,
        tuple(
            RegressorDiagnosis(name, "condition" if is_condition else "confound", *map(float, numbers))
            for name, is_condition, *numbers in zip(
                columns.names,
                columns.is_condition,
                # the constant is not among these, so that R^2 is about zero
                variance_inflation(columns.matrix, n, about_mean=False),
                variance_inflation(columns.whole, n, about_mean=columns.constant.size > 0),
                # FSL's filter acts on the columns and spans no space: before and after are compared
                removed_share(columns.matrix, columns.drifts)
                if columns.before is None
                else lost_share(columns.before, columns.matrix),
                strict=True,
            )
        ),
        correlations(columns),
        tuple(_contrasts(contrasts, design)) if contrasts else (),
    )


def correlations(columns: Parts) -> Floats:
    """Correlations of conditions and confounds without the constant and the drifts, (n_names, n_names)."""
    # what the filter takes whole has no direction that could correlate
    scaled = np.where(columns.directions.any(axis=0), columns.directions, np.nan)
    return np.asarray(np.clip(scaled.T @ scaled, -1, 1))


def regressor_rows(found: Diagnosis) -> list[Row]:
    """Rows of the table of regressors."""
    return [
        {
            "regressor": regressor.name,
            "kind": regressor.kind,
            "vif": regressor.vif,
            "vif_with_constant_and_drifts": regressor.vif_with_constant_and_drifts,
            "removed_by_filter": regressor.removed_by_filter,
        }
        for regressor in found.regressors
    ]


def correlation_rows(found: Diagnosis) -> list[Row]:
    """Rows of the table of correlations: a regressor's name, and its correlation with each."""
    names = [regressor.name for regressor in found.regressors]
    return [
        {"regressor": name, **dict(zip(names, row, strict=True))}
        for name, row in zip(names, found.correlation.tolist(), strict=True)
    ]


def contrast_rows(found: Diagnosis) -> list[Row]:
    """Rows of the table of contrasts."""
    return [
        {
            "contrast": contrast.label,
            "contrast_name": contrast.name,
            "estimable": int(contrast.estimable),
            "efficiency": contrast.efficiency,
        }
        for contrast in found.contrasts
    ]


def _contrasts(
    contrasts: Sequence[ContrastSpecification], design: DesignMatrix
) -> Iterator[ContrastDiagnosis]:
    """Judge contrasts as the backends do, on the filtered design."""
    # unscaled columns, as the backends judge: the same contrasts must be left out here and there
    fitted = decomposition([remove(design.matrix, design.high_pass_basis)])
    given = [placed(contrast, design.names) for contrast in contrasts]
    weights = [np.zeros((0, len(design.names))) if rows is None else rows for rows in given]
    variances = effect_variances(design, np.vstack([np.zeros((0, len(design.names))), *weights]))
    ends = np.cumsum([len(rows) for rows in weights])[:-1]
    for contrast, rows, each in zip(contrasts, weights, np.split(variances, ends), strict=True):
        possible = len(rows) > 0 and estimable([rows.T], fitted)
        # the trace: the variances of all rows of the contrast (Dale 1999)
        efficiency = 1 / float(each.sum()) if possible else 0.0
        yield ContrastDiagnosis(contrast.label, contrast.name, possible, efficiency)
