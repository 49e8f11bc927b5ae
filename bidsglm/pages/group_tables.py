"""What the page of the group reads of its tables: spread, who lies apart, attribution."""

from pathlib import Path

from bidsglm.outputs.names import number, read_table
from bidsglm.report.group_report import Flag, StepCount, StepShares, contrast_name, shown_name
from bidsglm.report.wording import OVERVIEW_COLUMNS

PLOTTED = "rmsd"
"""Metric of the attribution that steps are ranked by."""
MAPS = ("effect", "t", "F")
SHOWN = tuple(column.key for column in OVERVIEW_COLUMNS)


def _rows(output_dir: Path, name: str, kind: str) -> list[dict[str, str]]:
    """Rows of a table of the group; none where there is no such table."""
    path = output_dir / "group" / f"{name}_desc-{kind}_metrics.tsv"
    return read_table(path) if path.exists() else []


def intervals(output_dir: Path, name: str) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Contrast, map, metric -> confidence interval of the median."""
    return {
        (row["contrast"], row["map"], row["metric"]): (number(row["ci_lower"]), number(row["ci_upper"]))
        for row in _rows(output_dir, name, "agreementSummary")
        if "ci_lower" in row
    }


def outlying(output_dir: Path, name: str) -> dict[Flag, tuple[str, ...]]:
    """Who lies apart, in which contrast and map -> in which of the metrics that the page shows."""
    found: dict[Flag, tuple[str, ...]] = {}
    for row in _rows(output_dir, name, "agreementOutliers"):
        if row["metric"] not in SHOWN or row["map"] not in MAPS:
            continue
        flag = shown_name(row), row["contrast"], row["map"]
        found[flag] = (*found.get(flag, ()), row["metric"])
    return found


def step_shares(output_dir: Path, name: str) -> tuple[StepShares, ...]:
    """Which step leads in how many participants, for each contrast and map; without steps that do nothing."""
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in _rows(output_dir, name, "attributionSummary"):
        if row["metric"] == PLOTTED and row["map"] in MAPS and not row["part_of"]:
            groups.setdefault((contrast_name(row), row["map"]), []).append(row)
    return tuple(_shares(contrast, map_name, rows) for (contrast, map_name), rows in groups.items())


def _shares(contrast: str, map_name: str, rows: list[dict[str, str]]) -> StepShares:
    steps = tuple(
        StepCount(
            row["step"],
            int(row["n_largest"]),
            *(number(row[f"share_{key}"]) for key in ("median", "lower_quartile", "upper_quartile")),
        )
        for row in rows
    )
    known = tuple(step for step in steps if step.n_leading or step.share or step.lower or step.upper)
    return StepShares(contrast, map_name, max(int(row["n"]) for row in rows), known or steps)
