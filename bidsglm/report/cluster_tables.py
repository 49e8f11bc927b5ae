"""The clusters of a contrast as a page shows them: what of the table, under which titles, how rounded."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bidsglm.outputs.schema import Row
from bidsglm.report.wording import THRESHOLDS, ShownColumn, number

COLUMNS = (
    ShownColumn("cluster_id", "cluster"),
    ShownColumn("cluster_voxels", "voxels"),
    ShownColumn("cluster_p_fwe", "cluster p FWE"),
    ShownColumn("cluster_q_fdr", "cluster q FDR"),
    ShownColumn("stat", "peak"),
    ShownColumn("z", "z"),
    ShownColumn("peak_p", "peak p"),
    ShownColumn("peak_p_fwe", "peak p FWE"),
    ShownColumn("peak_q_fdr", "peak q FDR"),
    ShownColumn("survives_fwe05", "FWE 0.05"),
    ShownColumn("x_mm", "x"),
    ShownColumn("y_mm", "y"),
    ShownColumn("z_mm", "z (mm)"),
)
FALSE_DISCOVERY = "fdr05"
"""Its height is that of the smallest value that passes; the others are passed by larger ones."""
ROWS = 20
"""As many as one looks at; the rest is in the file."""


@dataclass(frozen=True)
class ClusterReport:
    """The clusters that one backend finds in a contrast."""

    backend: str
    test: str
    """t or F"""
    thresholds: Mapping[str, float | None]
    """Name as in the agreement table -> height on the scale of the statistic; None where nothing survives"""
    fwhm_mm: tuple[float, ...]
    """Smoothness; empty where it was not estimated"""
    rows: tuple[Row, ...]
    """All of the file"""
    table: str
    """Link to the file, relative to the page"""

    @cached_property
    def shown(self) -> tuple[Row, ...]:
        """First rows, of the lower tail a third at least where there are so many."""
        lower = [row for row in self.rows if row.get("tail") == "lower"]
        upper = [row for row in self.rows if row.get("tail") != "lower"]
        n_lower = min(len(lower), max(ROWS // 3, ROWS - len(upper)))
        return tuple([*upper[: ROWS - n_lower], *lower[:n_lower]])

    @cached_property
    def titles(self) -> tuple[ShownColumn, ...]:
        """Columns that the page shows, of those in the file."""
        return tuple(column for column in COLUMNS if self.rows and column.key in self.rows[0])

    @cached_property
    def cells(self) -> tuple[tuple[str, ...], ...]:
        """Rows and columns that the page shows, as it shows them; the first column is the cluster."""
        keys = [column.key for column in self.titles]
        return tuple(tuple(cell(row[key], key) for key in keys) for row in self.shown)

    @cached_property
    def n_clusters(self) -> int:
        """Number of clusters in the whole table."""
        return len({row["cluster_id"].rstrip("abcdefghijklmnopqrstuvwxyz") for row in self.rows})

    @cached_property
    def n_below(self) -> int:
        """Clusters of effects below 0."""
        lower = tuple(row for row in self.rows if row.get("tail") == "lower")
        return replace(self, rows=lower).n_clusters


def cell(value: str | float | bool, key: str) -> str:
    """Round a cell of the table for people to read.

    >>> cell("1a", "cluster_id"), cell(1250, "cluster_voxels"), cell(-7.5, "x_mm"), cell(3.14159, "z")
    ('1a', '1,250', '−7.5', '3.142')
    >>> cell(True, "survives_fwe05"), cell(math.nan, "cluster_p_fwe")
    ('yes', 'n/a')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value, key)


def heights(report: ClusterReport) -> str:
    """Write the thresholds of a table.

    >>> t = ClusterReport("spm", "t", {"p001": 3.13, "fwe05": None}, (), (), "")
    >>> print(heights(t))
    p < 0.001: t > 3.13; FWE 0.05: none
    >>> print(heights(replace(t, thresholds={"fdr05": 7.0796, "fwe05": 6.61})))
    FDR 0.05: t ≥ 7.080, the smallest value that passes: FDR is stricter than FWE where so few voxels pass; \
FWE 0.05: t > 6.61
    """
    return "; ".join(
        f"{title}: {_height(report, key)}" for key, title in THRESHOLDS.items() if key in report.thresholds
    )


def _height(report: ClusterReport, key: str) -> str:
    value = report.thresholds[key]
    if value is None or not math.isfinite(value):
        return "none"
    if key != FALSE_DISCOVERY:
        return f"{report.test} > {value:.2f}"
    text = f"{report.test} ≥ {number(value)}"
    other = report.thresholds.get("fwe05")
    if other is None or not value > other:
        return text
    return f"{text}, the smallest value that passes: FDR is stricter than FWE where so few voxels pass"


def smoothness(report: ClusterReport) -> str:
    """Write the smoothness that a table's corrected p values rest on; nothing where there is none.

    >>> smoothness(ClusterReport("spm", "t", {}, (5.33, 5.36, 5.4), (), ""))
    'smoothness 5.3 × 5.4 × 5.4 mm FWHM'
    """
    return f"smoothness {_sizes(report.fwhm_mm)} mm FWHM" if report.fwhm_mm else ""


def _sizes(widths: Sequence[float]) -> str:
    return " × ".join(f"{width:.1f}" for width in widths)
