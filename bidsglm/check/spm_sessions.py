"""Sessions of a first-level SPM.mat: conditions, other regressors, filters."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bidsglm.check.matlab import field, listed, numbers, text, texts
from bidsglm.check.matlab_hdf5 import Tree
from bidsglm.check.spm_fields import matrix_of, number_or
from bidsglm.check.spm_records import SpmSession
from bidsglm.data import Condition, Modulator
from bidsglm.errors import DataError
from bidsglm.model import Floats


def sessions_of(spm: Tree, path: Path, unit: float) -> list[SpmSession]:
    """Sessions with onsets and durations in seconds: those of the file times the unit."""
    made = []
    n_rows = len(matrix_of(field(spm, "xX", "X")))
    filters = listed(field(spm, "xX", "K"))
    for number, session in enumerate(listed(field(spm, "Sess"))):
        rows = numbers(field(session, "row"))
        if not rows.size or not np.array_equal(np.diff(rows), np.ones(rows.size - 1)):
            raise DataError(f"{path}: SPM.Sess({number + 1}).row is no range of scans; give another SPM.mat")
        place = slice(int(rows[0]) - 1, int(rows[-1]))
        if place.start < 0 or place.stop > n_rows:
            raise DataError(f"{path}: SPM.Sess({number + 1}).row is outside the design; give another SPM.mat")
        inside = _filters_within(filters, place)
        own = filters[number] if number < len(filters) and isinstance(filters[number], dict) else {}
        n_scans = place.stop - place.start
        basis = _blocks(inside, place) if len(inside) > 1 else columns_of(field(own, "X0"), n_scans)
        values = field(session, "C", "C")
        made.append(
            SpmSession(
                conditions=tuple(_condition(each, unit) for each in listed(field(session, "U"))),
                regressors=tuple(texts(field(session, "C", "name"))),
                values=columns_of(values, n_scans),
                rows=place,
                columns=tuple(int(n) - 1 for n in numbers(field(session, "col"))),
                high_pass=number_or(field(own, "HParam"), float("inf")),
                filter_basis=basis,
                blocks=_rows_of(inside, place) if len(inside) > 1 else (),
            )
        )
    return made


def _filters_within(filters: Sequence[Tree], place: slice) -> list[Tree]:
    """Filters of the rows of a session: several where runs were concatenated."""
    found = []
    for each in filters:
        rows = numbers(field(each, "row")) if isinstance(each, dict) else np.empty(0)
        if rows.size and place.start < rows[0] <= rows[-1] <= place.stop:
            found.append(each)
    return found


def _rows_of(filters: Sequence[Tree], place: slice) -> tuple[slice, ...]:
    """Rows of each filter within the session."""
    rows = [numbers(field(each, "row")) for each in filters]
    return tuple(slice(int(r[0]) - 1 - place.start, int(r[-1]) - place.start) for r in rows)


def _blocks(filters: Sequence[Tree], place: slice) -> Floats:
    """Columns of several filters, each in the rows of its run."""
    parts = []
    for each in filters:
        rows = numbers(field(each, "row")).astype(np.intp) - 1 - place.start
        basis = columns_of(field(each, "X0"), rows.size)
        whole = np.zeros((place.stop - place.start, basis.shape[1]))
        whole[rows] = basis
        parts.append(whole)
    return np.hstack(parts)


def columns_of(value: Tree, n_scans: int) -> Floats:
    """Columns (n_scans, n), none where there is nothing of that length."""
    found = np.asarray(value, dtype=np.float64) if isinstance(value, np.ndarray) else np.empty(0)
    return found.reshape(n_scans, -1) if found.size and found.shape[0] == n_scans else np.empty((n_scans, 0))


def _condition(given: Tree, unit: float) -> Condition:
    names = texts(field(given, "name"))
    onsets = numbers(field(given, "ons")) * unit
    durations = np.broadcast_to(numbers(field(given, "dur")) * unit, onsets.shape)
    modulators, time_modulation = [], 0
    for each in listed(field(given, "P")):
        name, order = text(field(each, "name")), int(number_or(field(each, "h"), 0))
        if name == "time":
            time_modulation = order
        elif name not in ("", "none") and order:
            modulators.append(Modulator(name, numbers(field(each, "P")), order))
    orthogonalize = number_or(field(given, "orth"), 1.0) != 0
    name = names[0] if names else ""
    return Condition(name, onsets, durations.copy(), tuple(modulators), time_modulation, orthogonalize)
