"""Small rules by brute force or case by case: censoring, variances of groups, types of columns."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bidsglm.dataset.group_columns import PeopleColumn, _typed
from bidsglm.dataset.group_rows import DesignRow
from bidsglm.dataset.group_variances import NO_GROUPS, variance_model
from bidsglm.dataset.scrubbing import censored, censoring_columns
from bidsglm.dataset.tsv import read_tsv
from bidsglm.errors import DataError
from bidsglm.statsmodel.presets import Scrubbing

LEVELS = st.sampled_from([0.0, 0.5, 0.50001, 2.0, math.nan])


def censored_by_hand(displacement: list[float], dvars: list[float], rule: Scrubbing) -> list[bool]:
    """Scan by scan: what is above, and what lies in a stretch of kept scans that is too short."""
    out = [fd > rule.fd or d > rule.dvars for fd, d in zip(displacement, dvars, strict=True)]
    if not any(out):
        return out
    found = list(out)
    for i in range(len(out)):
        first = last = i
        while not out[i] and first > 0 and not out[first - 1]:
            first -= 1
        while not out[i] and last < len(out) - 1 and not out[last + 1]:
            last += 1
        found[i] = out[i] or last - first + 1 < rule.segment
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(LEVELS, LEVELS), min_size=1, max_size=14), st.integers(0, 4))
def test_scans_are_censored_as_scan_by_scan(values: list[tuple[float, float]], segment: int) -> None:
    displacement, dvars = ([each[i] for each in values] for i in (0, 1))
    rule = Scrubbing(0.5, 1.5, segment)
    found = censored(np.array(displacement), np.array(dvars), rule)
    assert found.tolist() == censored_by_hand(displacement, dvars, rule)


def test_censored_scans_are_columns_named_after_them_but_those_of_the_start(tmp_path: Path) -> None:
    path = tmp_path / "confounds.tsv"
    rows = [(0.0, 1.0, 1), (0.9, 1.0, 0), (0.0, 1.0, 0), (0.0, 9.0, 0), (0.0, 1.0, 0)]
    header = "framewise_displacement\tstd_dvars\tnon_steady_state_outlier00\n"
    path.write_text(header + "".join("\t".join(map(str, row)) + "\n" for row in rows))
    rule = Scrubbing(0.5, 1.5, 0)
    found = censoring_columns(read_tsv(path), ["trans_x", rule.glob])
    assert list(found) == [f"{rule.glob[:-1]}0001", f"{rule.glob[:-1]}0003"]
    assert [column.tolist() for column in found.values()] == [[0, 1, 0, 0, 0], [0, 0, 0, 1, 0]]
    path.write_text("framewise_displacement\n0\n")
    with pytest.raises(DataError, match="no column std_dvars, by which scans are censored"):
        censoring_columns(read_tsv(path), [rule.glob])
    assert censoring_columns(read_tsv(path), ["trans_x"]) == {}


ROWS = [DesignRow(f"0{i}") for i in range(4)]
SEX = {"F": np.array([1.0, 1, 0, 0]), "M": np.array([0.0, 0, 1, 1])}


@pytest.mark.parametrize(
    ("asked", "marks", "rows", "groups", "members", "because"),
    [
        (None, SEX, ROWS, ("F", "M"), (0, 0, 1, 1), ""),
        ("unequal", SEX, ROWS, ("F", "M"), (0, 0, 1, 1), ""),
        ("equal", SEX, ROWS, ("F", "M"), (0, 0, 1, 1), "the model says so"),
        (None, {}, ROWS, ("others",), (0, 0, 0, 0), NO_GROUPS),
        (None, {"F": SEX["F"]}, ROWS, ("others", "F"), (1, 1, 0, 0), ""),
        (
            None,
            {"a": np.array([1.0, 0, 0, 0])},
            ROWS,
            ("others", "a"),
            (1, 0, 0, 0),
            "a is one participant, and SPM then takes equal variances",
        ),
        (
            None,
            {**SEX, "x": np.array([1.0, 1, 1, 0])},
            [*ROWS[:3], DesignRow("04")],
            ("F, x", "M", "M, x"),
            (0, 0, 2, 1),
            "M is one participant, and SPM then takes equal variances",
        ),
        (
            None,
            SEX,
            [DesignRow("00"), *ROWS[:3]],
            ("F", "M"),
            (0, 0, 1, 1),
            "several maps are of one participant, and SPM's variances of groups are for independent ones",
        ),
    ],
)
def test_whose_errors_have_a_variance_of_their_own(
    asked: str | None,
    marks: dict[str, np.ndarray],
    rows: list[DesignRow],
    groups: tuple[str, ...],
    members: tuple[int, ...],
    because: str,
) -> None:
    found = variance_model(asked, marks, rows)  # type: ignore[arg-type]
    assert (found.groups, found.members, found.equal_because) == (groups, members, because)
    assert found.is_asked is (asked is not None)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"1": "-3", "2": "+4"}, {"1": -3, "2": 4}),
        ({"1": "3", "2": "4.5"}, {"1": 3.0, "2": 4.5}),
        ({"1": "3", "2": "x"}, {"1": "3", "2": "x"}),
        ({"1": "3", "2": "inf"}, {"1": "3", "2": "inf"}),
        ({"1": "3", "2": "-"}, {"1": "3", "2": "-"}),
    ],
)
def test_cells_have_the_narrowest_type_of_their_column(
    cells: dict[str, str], expected: dict[str, object]
) -> None:
    found = _typed(cells, ("1", "2"))
    assert [(key, type(value), value) for key, value in found.items()] == [
        (key, type(value), value) for key, value in expected.items()
    ]
    assert list(_typed(cells, ("2",))) == ["2"]
    assert PeopleColumn(found).is_text is isinstance(expected["2"], str)
