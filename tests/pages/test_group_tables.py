"""What the page reads of the group's tables, and how it sorts those who take no part."""

from pathlib import Path
from typing import Any

import pytest

from bidsglm.agreement import spread
from bidsglm.attribution.spread import attribution_summary
from bidsglm.pages.group import _entry
from bidsglm.pages.group_tables import outlying, step_shares
from bidsglm.report.group_report import GroupUnit

NAME = "task-x"
N = 12


def twelve() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Agreement and attribution of twelve: the last lies apart in r; noise leads in all but one."""
    rows = [
        {
            "participant_id": f"sub-{i:02d}",
            "contrast": "go",
            "map": "t",
            "pearson_r": 0.95 + i / 1000 if i < N - 1 else 0.1,
            "intercept": 0.01 * i if i < N - 1 else 90.0,
        }
        for i in range(N)
    ]
    parts = [
        {
            "participant_id": f"sub-{i:02d}",
            "contrast": "go",
            "contrast_name": "go!",
            "map": "t",
            "metric": "rmsd",
            "step": step,
            "part_of": part_of,
            "shapley": value,
            "total": 1.0,
            "closure_nilearn": 0.0,
            "closure_spm": 0.0,
        }
        for i in range(N)
        for step, part_of, value in (
            ("smoother", "", 0.0),
            ("noise", "", 0.8 if i else 0.2),
            ("filter", "", 0.2 if i else 0.8),
            ("events", "regressors", 0.9),
        )
    ]
    # z repeats t, and the page shows it nowhere
    rows += [row | {"map": "z"} for row in rows]
    parts += [row | {"map": "z"} for row in parts]
    return rows, parts


def test_interval_holds_the_median() -> None:
    unit = GroupUnit(NAME, (), spread=spread.summary(twelve()[0]))
    lower, upper = unit.intervals["go", "t", "pearson_r"]
    assert 0.95 <= lower <= 0.9555 <= upper <= 0.96


def test_who_lies_apart_is_named_for_the_metrics_that_the_page_shows() -> None:
    assert outlying(spread.outliers(twelve()[0])) == {("sub-11", "go", "t"): ("pearson_r",)}


def test_leading_steps_are_counted_without_parts_and_without_steps_that_do_nothing() -> None:
    (found,) = step_shares(attribution_summary(twelve()[1]))
    assert (found.contrast, found.map, found.n) == ("go!", "t", N)
    assert [(step.step, step.n_leading) for step in found.steps] == [("noise", N - 1), ("filter", 1)]
    assert found.steps[0].share == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("problem", "kind", "said"),
    [
        ("sub-01: not run yet", "not run", "not run yet"),
        ("left out of task-x, run with other settings: high-pass", "other settings", None),
        ("events.tsv: line 3: no onset", "failed", None),
    ],
)
def test_reasons_are_sorted_into_kinds(tmp_path: Path, problem: str, kind: str, said: str | None) -> None:
    entry = _entry(tmp_path, "01", problem)
    assert (entry.kind, entry.error, entry.page) == (kind, said or problem, "")
