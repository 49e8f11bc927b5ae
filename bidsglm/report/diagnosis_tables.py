"""A run's design diagnosis as a page shows it: both backends side by side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bidsglm.model import TRIAL_TYPE
from bidsglm.report.drawing import Figure
from bidsglm.report.wording import UNDEFINED, Row, number

INFINITE = "∞"


@dataclass(frozen=True)
class DiagnosisReport:
    """What the design of one run can tell apart, by backend."""

    run: str
    """Label."""
    facts: Mapping[str, Mapping[str, float]]
    """Backend -> rank, n_columns, condition_number"""
    regressors: Mapping[str, Sequence[Row]]
    """Backend -> rows of `compare.collinearity.regressor_rows`"""
    contrasts: Mapping[str, Sequence[Row]]
    """Backend -> rows of `compare.collinearity.contrast_rows`"""
    figures: tuple[Figure, ...] = ()

    @property
    def backends(self) -> tuple[str, ...]:
        """Those with a design."""
        return tuple(self.facts)

    def regressor_lines(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """Name, kind, and for each column of the table and each backend a cell."""
        tables = {b: {str(row["regressor"]): row for row in rows} for b, rows in self.regressors.items()}
        kinds = {name: str(row["kind"]) for table in tables.values() for name, row in table.items()}
        return tuple(
            (
                name.removeprefix(TRIAL_TYPE),
                kind,
                tuple(
                    cell(tables[b].get(name, {}).get(key), key)
                    for key in REGRESSOR_TITLES
                    for b in self.backends
                ),
            )
            for name, kind in kinds.items()
        )

    def contrast_lines(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Name, and for each backend its efficiency, or that it cannot be estimated."""
        tables = {b: {str(row["contrast_name"]): row for row in rows} for b, rows in self.contrasts.items()}
        names = dict.fromkeys(name for table in tables.values() for name in table)
        return tuple((name, tuple(_efficiency(tables[b].get(name)) for b in self.backends)) for name in names)


REGRESSOR_TITLES: Mapping[str, str] = {
    "vif": "inflation among regressors",
    "vif_with_constant_and_drifts": "with constant and drifts",
    "removed_by_filter": "share of the drifts",
}
"""Column of the file -> title on the page."""


def cell(value: str | float | None, key: str = "") -> str:
    """Write a number of the diagnosis.

    >>> cell(1.234567), cell(math.inf), cell(None), cell(0.256, "removed_by_filter")
    ('1.23', '∞', 'n/a', '26 %')
    """
    if not isinstance(value, int | float) or math.isnan(value):
        return UNDEFINED
    if math.isinf(value):
        return INFINITE
    if key == "removed_by_filter":
        return f"{100 * value:.0f} %"
    return f"{value:.3g}" if abs(value) < 1000 else number(float(round(value)), "n_")


def _efficiency(row: Row | None) -> str:
    if row is None or not row["estimable"]:
        return "not estimable"
    return cell(row["efficiency"])
