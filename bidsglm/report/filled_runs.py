"""Single conditions beside their differences, where conditions fill a run: what the betas are worth."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bidsglm.diagnosis.advice import Finding
from bidsglm.packages import titles
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.breakdowns import Breakdown, found
from bidsglm.report.wording import Row, number, value_of

FILLED = "filled-run"
"""Code of the finding that conditions together fill a run."""
ALONE, DIFFERENCE = "condition alone", "difference"
BALANCED = 1e-9
"""Weights that add up to less are a difference."""


class ContrastVerdict(NamedTuple):
    """How a contrast stands in both packages."""

    name: str
    label: str
    kind: str
    """condition alone or difference"""
    effect_r: float
    effect_rmsd: float
    sd_first: float
    """Standard deviation of the effect over voxels."""
    sd_reference: float
    stat_r: float
    by_filter: float
    """Part of the RMSD of the effect that the filter makes; NaN where nothing was attributed"""

    @property
    def values(self) -> tuple[float, ...]:
        """Numbers of the table's columns, in their order."""
        return self[3:]


@dataclass(frozen=True)
class VerdictTable:
    """The contrasts that a filled run concerns."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[ContrastVerdict, ...]
    text: str
    """What the reader should see in it."""


def _columns(pair: Pair) -> tuple[str, ...]:
    spreads = (f"effect SD, {name}" for name in pair.titles)
    return "effect r", "effect RMSD", *spreads, "t r", "RMSD made by the filter"


def kind(weights: Mapping[str, float], conditions: Sequence[str]) -> str:
    """Whether a contrast weighs conditions alone or against each other; empty where it has none of them.

    Parameters
    ----------
    weights
        Regressor -> weight
    conditions
        Those that fill the run.

    >>> kind({"go": 1.0}, ["go", "rest"]), kind({"go": 1.0, "rest": -1.0}, ["go", "rest"])
    ('condition alone', 'difference')
    """
    chosen = [weight for name, weight in weights.items() if name in conditions and weight]
    if not chosen:
        return ""
    return DIFFERENCE if abs(sum(chosen)) < BALANCED else ALONE


def is_arbitrary(weights: Mapping[str, float], findings: Sequence[Finding]) -> bool:
    """Whether a contrast is of conditions alone that together fill the run: no data determine its effect.

    >>> fills = Finding("serious", FILLED, "", "", "", ("go", "rest"))
    >>> is_arbitrary({"go": 1.0}, [fills]), is_arbitrary({"go": 1.0, "rest": -1.0}, [fills])
    (True, False)
    """
    filled = [each for each in findings if each.code == FILLED and each.severity == "serious"]
    return any(kind(weights, each.columns) == ALONE for each in filled)


def contrast_verdict(
    names: tuple[str, str],
    of_kind: str,
    agreement: Sequence[Row],
    spreads: Mapping[str, float],
    breakdown: Sequence[Breakdown],
    pair: Pair = DEFAULT_PAIR,
) -> ContrastVerdict:
    """Gather the numbers of one contrast.

    Parameters
    ----------
    names
        Name and label.
    of_kind
        See `kind`.
    agreement
        Rows of its agreement table.
    spreads
        Backend -> standard deviation of its effect over the voxels of both masks
    breakdown
        Of its attribution.
    pair
        What is compared.
    """
    rows = {row["map"]: row for row in agreement}
    effects = found(breakdown, "effect")
    shares = {step.step: step.shapley for step in effects.steps} if effects else {}
    return ContrastVerdict(
        *names,
        of_kind,
        value_of(rows.get("effect"), "pearson_r"),
        value_of(rows.get("effect"), "rmsd"),
        spreads.get(pair.first, math.nan),
        spreads.get(pair.reference, math.nan),
        value_of(rows.get("t"), "pearson_r"),
        shares.get("filter", math.nan),
    )


def verdict_table(rows: Sequence[ContrastVerdict], pair: Pair = DEFAULT_PAIR) -> VerdictTable | None:
    """Table and words of the contrasts of a filled run; none unless there are both kinds to compare.

    Examples
    --------
    >>> one = ContrastVerdict("go", "go", ALONE, 0.86, 0.166, 1.11, 1.15, 0.99, 0.1)
    >>> two = ContrastVerdict("go - rest", "goMinusRest", DIFFERENCE, 0.99, 0.047, 0.52, 0.5, 0.99, 0.01)
    >>> print(verdict_table([one, two]).text.split(";")[0])
    The effect of go alone spreads 2.1 times as widely over the voxels as that of go - rest (SD 1.11 against \
    0.520 in SPM, 1.15 against 0.500 in nilearn), and its maps differ 3.5 times as much between the packages \
    (RMSD 0.166 against 0.0470)
    """
    alone = [row for row in rows if row.kind == ALONE]
    differences = [row for row in rows if row.kind == DIFFERENCE]
    if not alone or not differences:
        return None
    text = _words(max(alone, key=lambda row: row.sd_first), differences[0], pair)
    attributed = any(math.isfinite(row.by_filter) for row in rows)
    columns = _columns(pair) if attributed else _columns(pair)[:-1]
    title = f"Conditions alone beside their differences: agreement of {titles(pair)}, and spread over voxels"
    return VerdictTable(title, columns, tuple(rows), text)


def _digits(value: float) -> str:
    """Three significant digits."""
    return f"{value:#.3g}"


def _words(one: ContrastVerdict, other: ContrastVerdict, pair: Pair) -> str:
    wider, farther = one.sd_first / other.sd_first, one.effect_rmsd / other.effect_rmsd
    first, reference = pair.titles
    text = (
        f"The effect of {one.name} alone spreads {wider:.2g} times as widely over the voxels as that of"
        f" {other.name} (SD {_digits(one.sd_first)} against {_digits(other.sd_first)} in {first},"
        f" {_digits(one.sd_reference)} against {_digits(other.sd_reference)} in {reference}), and its maps"
        f" differ {farther:.2g} times as much between the packages (RMSD {_digits(one.effect_rmsd)} against"
        f" {_digits(other.effect_rmsd)}); the t maps correlate at r = {one.stat_r:.3f} and"
        f" {other.stat_r:.3f}."
    )
    if abs(one.by_filter) > 2 * abs(other.by_filter) and abs(one.by_filter) > 0.1 * one.effect_rmsd:
        text += (
            f" The high-pass filter alone makes {number(one.by_filter)} of the RMSD of {one.name}, and"
            f" {number(other.by_filter)} of that of {other.name}."
        )
    return (
        f"{text} No package computes wrongly: the betas of conditions that fill the run are hardly"
        f" determined by the data. Report {other.name}, and do not interpret, average over a region, or"
        f" compare between packages the beta of {one.name}."
    )
