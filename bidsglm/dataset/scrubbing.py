"""Columns that censor single scans: an indicator for each, as nilearn's strategy "scrub" chooses them."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from bidsglm.dataset.tsv import Table, number
from bidsglm.errors import DataError
from bidsglm.model import Floats
from bidsglm.statsmodel.presets import Scrubbing, scrubbing

MEASURES = ("framewise_displacement", "std_dvars")
NON_STEADY_STATE = "non_steady_state_outlier"


def censoring_columns(table: Table, patterns: Iterable[str]) -> dict[str, Floats]:
    """Make the columns that names of X ask for, named after their scan (from 0).

    Scans that an indicator of fMRIPrep's for the non-steady state takes out already get none.

    Raises
    ------
    DataError
        The table lacks a measure.
    """
    columns: dict[str, Floats] = {}
    for rule in filter(None, map(scrubbing, patterns)):
        n_scans = len(table.lines)
        displacement, dvars = (_measure(table, name) for name in MEASURES)
        out = censored(displacement, dvars, rule)
        for scan in np.flatnonzero(out & ~_unsteady(table)):
            columns[f"{rule.glob[:-1]}{scan:04d}"] = (np.arange(n_scans) == scan).astype(np.float64)
    return columns


def censored(displacement: Floats, dvars: Floats, rule: Scrubbing) -> NDArray[np.bool_]:
    """Scans that move or change too much, and those that too short a stretch between such leaves.

    The measures are (n_scans,), NaN where not known, which is never too much.

    Examples
    --------
    >>> fd = np.array([0, 0, 1, 0, 1, 0, 0.0])
    >>> censored(fd, fd, Scrubbing(0.5, 2, 2)).astype(int).tolist()
    [0, 0, 1, 1, 1, 0, 0]
    """
    with np.errstate(invalid="ignore"):
        out = (displacement > rule.fd) | (dvars > rule.dvars)
    if not out.any():
        return out
    edges = np.flatnonzero(np.diff(np.concatenate([[1], out.astype(int), [1]])))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start < rule.segment:
            out[start:end] = True
    return out


def _measure(table: Table, name: str) -> Floats:
    if name not in table.columns:
        raise DataError(
            f"{table.path}: no column {name}, by which scans are censored; take scrub out of --confounds or "
            "the model's X, or rerun fMRIPrep"
        )
    return np.array([number(cell) for cell in table.columns[name]])


def _unsteady(table: Table) -> NDArray[np.bool_]:
    out = np.zeros(len(table.lines), dtype=bool)
    for name, cells in table.columns.items():
        if name.startswith(NON_STEADY_STATE):
            out |= np.array([number(cell) == 1 for cell in cells])
    return out
