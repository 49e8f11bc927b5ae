"""What the calibration of a participant says, in words and in tables for the page."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from bidsglm import packages
from bidsglm.agreement.rates import IntervalEstimate, Judgement, judgement
from bidsglm.report.drawing import Figure
from bidsglm.report.trust import (
    CONTROLS,
    JUDGED,
    STRICT,
    TITLES,
    Decision,
    decision,
    deviations,
    headline,
    multiples,
    names,
    verb,
)
from bidsglm.report.wording import UNDEFINED, Row, number
from bidsglm.simulation.outcomes import EFFECT_SIZES, FAMILYWISE, THRESHOLDS

NOISE_TITLES = {
    "white": "white noise",
    "ar1": "AR(1) noise, each voxel's own coefficient",
    "surrogate": "noise with each voxel's own spectrum",
    "physiological": "1/f noise, heart beat and breathing",
}
OWN_NOISE = "surrogate"
HARD_NOISE = "physiological"
TYPICAL_EFFECT = 0.5
"""% signal change, at which sensitivities are compared."""
SMALLEST = 1e-5
"""Rate that is told in digits; lower bounds of wide intervals are smaller than anybody reads."""


class Cell(NamedTuple):
    """A rate in a table."""

    text: str
    interval: str
    judgement: Judgement


class CalibrationLine(NamedTuple):
    """A line of a table, one cell for each analysis."""

    noise: str
    what: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ContrastCalibration:
    """What the simulations say of one contrast."""

    name: str
    """As the model has it."""
    label: str
    rows: tuple[Row, ...]
    """Rows of its table, see `outputs.calibration_tables.CALIBRATION`."""
    figures: tuple[Figure, ...] = ()

    @property
    def analyses(self) -> tuple[str, ...]:
        """Names of the analyses, in order."""
        return tuple(dict.fromkeys(str(row["analysis"]) for row in self.rows))

    @property
    def noises(self) -> tuple[str, ...]:
        """Names of the noise models, in order."""
        return tuple(dict.fromkeys(str(row["noise"]) for row in self.rows))

    def decisions(self, noise: str = OWN_NOISE) -> tuple[Decision, ...]:
        """What the simulations under a noise model decide of each analysis."""
        if noise not in self.noises:
            return ()
        return tuple(
            decision(
                name, {p: rate(self.row(name, noise, 0.0, p)) for p in JUDGED}, self._datasets(name, noise)
            )
            for name in self.analyses
            if self._datasets(name, noise)
        )

    @property
    def unmade(self) -> tuple[str, ...]:
        """Analyses that no data set could be analysed with."""
        return tuple(name for name in self.analyses if not self._datasets(name, OWN_NOISE))

    def _datasets(self, analysis: str, noise: str) -> int:
        return int(float(self.row(analysis, noise, 0.0, STRICT)["n_datasets"]))

    @property
    def n_datasets(self) -> int:
        """Simulated data sets without signal, of each noise model."""
        return max((self._datasets(name, OWN_NOISE) for name in self.analyses), default=0)

    @property
    def headline(self) -> tuple[str, ...]:
        """Which analysis can be trusted, without rates: those stand in the table, with their intervals."""
        decided = headline(self.decisions(), self.n_datasets) if self.n_datasets else ()
        lost = f"{names(self.unmade)} could fit no simulated data set." if self.unmade else ""
        return (*decided, *filter(None, [lost]))

    @property
    def verdict(self) -> tuple[str, ...]:
        """Which analysis can be trusted, in sentences with their numbers."""
        more = (*multiples(self.decisions()), *_robustness(self), *_sensitivity(self))
        return (*self.headline, *(more if self.n_datasets > 1 else ()))

    @property
    def false_positives(self) -> tuple[CalibrationLine, ...]:
        """Rates without signal at each threshold, and the familywise error."""
        return tuple(line for noise in self.noises for line in _false_positives(self, noise))

    def true_positives(self, noise: str) -> tuple[CalibrationLine, ...]:
        """Rates with signal, and how well the effect is estimated."""
        if not any(row["effect_size"] for row in self.rows):
            return ()
        return tuple(_true_positives(self, noise))

    def row(self, analysis: str, noise: str, size: float, threshold: float) -> Row:
        """A row of the table."""
        key = (analysis, noise, size, threshold)
        names = ("analysis", "noise", "effect_size", "p_threshold")
        return next(row for row in self.rows if tuple(row[name] for name in names) == key)


@dataclass(frozen=True)
class CalibrationReport:
    """What the simulations say of a unit."""

    n_datasets: int
    n_voxels: int
    n_mask: int
    seed: int
    contrasts: tuple[ContrastCalibration, ...]
    table: str
    """Link to the TSV, relative to the page"""
    left_out: tuple[str, ...] = ()
    """Contrasts that were not calibrated"""

    @property
    def deviations(self) -> Mapping[str, str]:
        """How analyses differ from their packages' own, by title."""
        return deviations(self.contrasts[0].analyses)

    @property
    def by_smoothness(self) -> str:
        """Packages whose threshold on a whole map may be lower, by its smoothness; empty without one."""
        known = packages.analyses(packages.PACKAGES)
        names = {known[name][0] for name in self.contrasts[0].analyses if name in known}
        return packages.titles(n for n in packages.in_order(names) if packages.PACKAGES[n].random_fields)

    @property
    def n_stopped(self) -> Mapping[str, int]:
        """Analysis -> data sets that it could not be made of, in all."""
        first = self.contrasts[0]
        counts: dict[str, int] = {}
        for row in first.rows:
            if row["p_threshold"] == STRICT and row["effect_size"] in (0.0, EFFECT_SIZES[0]):
                name = TITLES[str(row["analysis"])]
                counts[name] = counts.get(name, 0) + int(float(row["n_stopped"]))
        return {name: count for name, count in counts.items() if count}


def rate(row: Row, name: str = "rate", prefix: str = "") -> IntervalEstimate:
    """A number of a row with its interval."""
    return IntervalEstimate(
        float(row[name]), float(row[f"{prefix}ci_lower"]), float(row[f"{prefix}ci_upper"])
    )


def percent(value: float) -> str:
    r"""A share as per cent with two digits that count.

    >>> [percent(x) for x in (0.0512, 0.00123, 0.5, 0.0, 3e-9, float("nan"))]
    ['5.1\xa0%', '0.12\xa0%', '50\xa0%', '0\xa0%', '< 0.001\xa0%', 'n/a']
    """
    if not math.isfinite(value):
        return UNDEFINED
    if 0 < value < SMALLEST:
        return f"< {100 * SMALLEST:g}\N{NO-BREAK SPACE}%"
    return f"{float(f'{100 * value:.2g}'):g}\N{NO-BREAK SPACE}%"


def interval(found: IntervalEstimate) -> str:
    """Limits of a rate in words.

    >>> interval(IntervalEstimate(0.05, 0.04, 0.06)).replace("\N{NO-BREAK SPACE}", " ")
    '4 to 6 %'
    """
    if not math.isfinite(found.lower):
        return "no interval"
    return f"{percent(found.lower)} to {percent(found.upper)}".replace("\N{NO-BREAK SPACE}% to", " to")


def _false_positives(contrast: ContrastCalibration, noise: str) -> Iterator[CalibrationLine]:
    for threshold in THRESHOLDS:
        found = [rate(contrast.row(name, noise, 0.0, threshold)) for name in contrast.analyses]
        yield CalibrationLine(noise, f"p < {threshold:g}", tuple(_judged(each, threshold) for each in found))
    rows = [contrast.row(name, noise, 0.0, FAMILYWISE) for name in contrast.analyses]
    cells = tuple(_judged(rate(row, "fwe_rate", "fwe_"), FAMILYWISE) for row in rows)
    yield CalibrationLine(noise, "familywise 0.05", cells)


def _judged(found: IntervalEstimate, nominal: float) -> Cell:
    return Cell(percent(found.value), interval(found), judgement(found, nominal))


def _true_positives(contrast: ContrastCalibration, noise: str) -> Iterator[CalibrationLine]:
    for size in EFFECT_SIZES:
        rows = [contrast.row(name, noise, size, STRICT) for name in contrast.analyses]
        cells = tuple(Cell(percent(rate(r).value), interval(rate(r)), "kept") for r in rows)
        yield CalibrationLine(noise, f"found of {size:g} % at p < {STRICT:g}", cells)
    rows = [contrast.row(name, noise, TYPICAL_EFFECT, STRICT) for name in contrast.analyses]
    yield CalibrationLine(
        noise, f"area under ROC, {TYPICAL_EFFECT:g} %", tuple(_plain(row["auc"]) for row in rows)
    )
    rows = [contrast.row(name, noise, EFFECT_SIZES[-1], STRICT) for name in contrast.analyses]
    biases = [rate(row, "bias", "bias_") for row in rows]
    cells = tuple(Cell(_signed(b.value), f"{_signed(b.lower)} to {_signed(b.upper)}", "kept") for b in biases)
    yield CalibrationLine(noise, f"bias of the effect, {EFFECT_SIZES[-1]:g} %", cells)
    yield CalibrationLine(noise, "SD of the effect (% signal)", tuple(_plain(row["spread"]) for row in rows))


def _plain(value: object) -> Cell:
    return Cell(number(value), "", "kept")


def _signed(value: float) -> str:
    r"""A small share with its sign, as per cent.

    >>> _signed(0.0213), _signed(-0.004), _signed(float("nan"))
    ('+2.1\xa0%', '−0.4\xa0%', 'n/a')
    """
    if not math.isfinite(value):
        return UNDEFINED
    return f"{100 * value:+.1f}\N{NO-BREAK SPACE}%".replace("-", "\N{MINUS SIGN}")


def _robustness(contrast: ContrastCalibration) -> Iterator[str]:
    """What slow and physiological noise changes of what was decided under the measured noise."""
    own = {each.analysis: each.judgement for each in contrast.decisions(OWN_NOISE)}
    hard = {each.analysis: each.judgement for each in contrast.decisions(HARD_NOISE)}
    good = [name for name, found in own.items() if found in CONTROLS]
    firm = [name for name in good if hard.get(name) in CONTROLS]
    fallen = [name for name in good if hard.get(name) == "too many"]
    under = "under slow and physiological noise"
    if firm:
        yield f"{names(firm)} {verb(firm, 'controls', 'control')} them {under} as well."
    if fallen:
        yield f"{names(fallen)} {verb(fallen, 'finds', 'find')} too many {under}."


def _sensitivity(contrast: ContrastCalibration) -> Iterator[str]:
    """What those find that control false positives: more is a merit only there."""
    good = [each.analysis for each in contrast.decisions(OWN_NOISE) if each.judgement in CONTROLS]
    if not any(row["effect_size"] for row in contrast.rows):
        return
    of = f"the voxels with a signal of {TYPICAL_EFFECT:g} % at p < {STRICT:g}"
    for name in good:
        found = rate(contrast.row(name, OWN_NOISE, TYPICAL_EFFECT, STRICT))
        yield f"{names([name])} finds {percent(found.value)} of {of} ({interval(found)})."
