"""What the page of the group shows of its tables: spread, who lies apart, attribution."""

from collections.abc import Iterable

from bidsglm.outputs.schema import Row
from bidsglm.pairs import Pair
from bidsglm.report.group_report import Flag, shown_name
from bidsglm.report.step_shares import StepCount, StepShares
from bidsglm.report.wording import OVERVIEW_COLUMNS, contrast_name, median

PLOTTED = "rmsd"
"""Metric of the attribution that steps are ranked by."""
MAPS = ("effect", "t", "F")
OF_PAIRS = ("contrast", "map", "package", "reference")
MEDIANS = ("pearson_r", "slope", "slope_percent", "dice_p001")
SHOWN = tuple(column.key for column in OVERVIEW_COLUMNS)


def outlying(rows: Iterable[Row]) -> dict[Flag, tuple[str, ...]]:
    """Who lies apart, in which contrast and map -> in which of the metrics that the page shows."""
    found: dict[Flag, tuple[str, ...]] = {}
    for row in rows:
        if row["metric"] not in SHOWN or row["map"] not in MAPS:
            continue
        flag = shown_name(row), row["contrast"], row["map"]
        found[flag] = (*found.get(flag, ()), row["metric"])
    return found


def step_shares(rows: Iterable[Row]) -> tuple[StepShares, ...]:
    """Which step leads in how many participants, for each contrast and map; without steps that do nothing."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["metric"] == PLOTTED and row["map"] in MAPS and not row["part_of"]:
            groups.setdefault((contrast_name(row), row["map"]), []).append(row)
    return tuple(_shares(contrast, map_name, rows) for (contrast, map_name), rows in groups.items())


def _shares(contrast: str, map_name: str, rows: list[Row]) -> StepShares:
    steps = tuple(
        StepCount(
            row["step"],
            row["n_largest"],
            *(row[f"share_{key}"] for key in ("median", "lower_quartile", "upper_quartile")),
        )
        for row in rows
    )
    known = tuple(step for step in steps if step.n_leading or step.share or step.lower or step.upper)
    return StepShares(contrast, map_name, max(row["n"] for row in rows), known or steps)


def medians_of_pairs(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Medians over participants of every package with every other, for each contrast and map.

    >>> row = {"contrast": "go", "map": "t", "package": "spm", "reference": "nilearn"}
    >>> found = medians_of_pairs([{**row, "pearson_r": r} for r in (0.9, 0.8, 0.7)])
    >>> found[0]["pearson_r"], found[0]["package"]
    (0.8, 'spm')
    """
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(str(row[key]) for key in OF_PAIRS), []).append(row)
    return tuple(
        {**dict(zip(OF_PAIRS, key, strict=True)), **{name: median(own, name) for name in MEDIANS}}
        for key, own in groups.items()
    )


def slope_in_percent(rows: Iterable[Row], pair: Pair) -> float:
    """Slope of a pair's effects in percent of each voxel's mean, median over contrasts; NaN if unknown."""
    own = [row for row in rows if row["map"] == "effect"]
    return median([row for row in own if (row["package"], row["reference"]) == tuple(pair)], "slope_percent")
