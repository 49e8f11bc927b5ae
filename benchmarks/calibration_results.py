"""Numbers of the calibration study on disk, and what is asked of them."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from bidsglm.agreement.rates import IntervalEstimate, pooled
from bidsglm.report.trust import STRICT

FOLDER = Path(__file__).parent
RATES, CURVES = FOLDER / "calibration_rates.tsv", FOLDER / "calibration_curves.tsv"
LOOSE, EFFECT = 0.05, 0.5
CELL = ("data", "repetition_time", "design", "noise", "n_scans")
NUMBERS = (
    "rate",
    "ci_lower",
    "ci_upper",
    "n_datasets",
    "n_voxels",
    "fwe_rate",
    "auc",
    "bias",
    "spread",
)
COLUMNS = (*CELL, "analysis", "effect_size", "p_threshold", *NUMBERS)
CURVE_COLUMNS = ("repetition_time", "analysis", "p", "rate")
TEXTS = ("data", "design", "noise", "analysis")

Rows = Sequence[Mapping[str, Any]]


def told(row: Mapping[str, Any]) -> bool:
    """Whether the page has a use for a row."""
    return (row["effect_size"], row["p_threshold"]) in ((0.0, LOOSE), (0.0, STRICT), (EFFECT, STRICT))


def write(rows: Iterable[Mapping[str, Any]], path: Path, columns: Sequence[str]) -> None:
    """Numbers with four digits."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(columns)
        for row in rows:
            table.writerow(row[c] if isinstance(row[c], str) else f"{row[c]:.4g}" for c in columns)


def read(path: Path = RATES) -> list[dict[str, Any]]:
    """Rows of a table, with numbers as numbers."""
    with path.open(encoding="utf-8", newline="") as file:
        found = csv.DictReader(file, delimiter="\t")
        return [{c: v if c in TEXTS else float(v) for c, v in row.items()} for row in found]


def select(rows: Rows, **wanted: object) -> list[Mapping[str, Any]]:
    """Rows that have what is wanted."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def mean(rows: Rows, name: str = "rate", **wanted: object) -> float:
    """Mean of a number over the designs of the wanted cells; NaN without any."""
    values = [row[name] for row in select(rows, **wanted)]
    return fmean(values) if values else float("nan")


def rate(rows: Rows, p: float = STRICT, **wanted: object) -> IntervalEstimate:
    """Mean over designs of a rate of false positives, with its interval."""
    found = select(rows, effect_size=0.0, p_threshold=p, **wanted)
    return pooled([IntervalEstimate(row["rate"], row["ci_lower"], row["ci_upper"]) for row in found])


def values_of(rows: Rows, name: str) -> list[Any]:
    """Return what a column holds, in order."""
    return list(dict.fromkeys(row[name] for row in rows))
