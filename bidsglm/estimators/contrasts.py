"""Contrasts as nilearn takes them: expressions over columns, or weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from nilearn.glm.contrasts import expression_to_contrast_vector

from bidsglm.model import ContrastSpecification, Floats


def contrast_of(
    given: Any,
    stat_type: str | None,
    columns: Sequence[Sequence[str]],
    names: Sequence[Sequence[str]],
) -> ContrastSpecification:
    """Make a contrast that is the same in all runs.

    Parameters
    ----------
    given
        An expression over columns, weights (n_columns,) or (n_rows, n_columns), or a list with one for each
        run.
    stat_type
        t, F, or None to go by the number of rows.
    columns
        Columns of every run, as nilearn calls them.
    names
        The same as regressors.

    Raises
    ------
    ValueError
        It is no contrast, or not the same one in all runs.

    >>> contrast_of("go - stop", None, [["go", "stop"]], [["trial_type.go", "trial_type.stop"]]).weights
    array([[ 1., -1.]])
    """
    if stat_type not in (None, "t", "F"):
        raise ValueError(f"stat_type: 't' or 'F', not {stat_type!r}")
    items = list(given) if isinstance(given, list | tuple) else [given]
    if all(isinstance(each, int | float) for each in items):
        items = [np.array(items)]
    if len(items) not in (1, len(names)):
        raise ValueError(f"contrast_def: {len(items)} contrasts for {len(names)} runs")
    first, *others = (_weights(each, list(columns[run]), names[run]) for run, each in enumerate(items))
    if not all(_is_same(each, first) for each in others):
        raise ValueError("contrast_def: must be the same contrast in all runs")
    weights = np.column_stack(list(first.values()))
    if stat_type == "t" and len(weights) > 1:
        raise ValueError(f"contrast_def: a t contrast has one row of weights, not {len(weights)}")
    is_f = stat_type == "F" or len(weights) > 1
    title = given if isinstance(given, str) else "contrast"
    return ContrastSpecification(title, "contrast", tuple(first), weights, "F" if is_f else "t")


def _weights(given: Any, columns: list[str], names: Sequence[str]) -> dict[str, Floats]:
    """Regressor -> (n_rows,) weights that are not all zero."""
    values = expression_to_contrast_vector(given, columns) if isinstance(given, str) else given
    rows = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if rows.shape[1] > len(columns):
        raise ValueError(f"contrast_def: {rows.shape[1]} weights for {len(columns)} columns")
    if not np.isfinite(rows).all():
        raise ValueError("contrast_def: a weight is no number")
    # as in nilearn, what a shorter vector leaves out is 0
    rows = np.pad(rows, ((0, 0), (0, len(columns) - rows.shape[1])))
    found = {name: rows[:, i] for i, name in enumerate(names) if rows[:, i].any()}
    if not found:
        raise ValueError("contrast_def: all weights are zero")
    return found


def _is_same(one: Mapping[str, Floats], other: Mapping[str, Floats]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
