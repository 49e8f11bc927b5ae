"""Over participants: which analysis keeps what its p values promise, and how it varies between them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import NamedTuple

from bidsglm.agreement.rates import TOLERANCE
from bidsglm.report.calibration import (
    JUDGED,
    NOISE_TITLES,
    OWN_NOISE,
    TITLES,
    TYPICAL_EFFECT,
    ContrastCalibration,
    percent,
)
from bidsglm.report.wording import Row
from bidsglm.simulation.outcomes import THRESHOLDS


class Spread(NamedTuple):
    """A rate over participants."""

    text: str
    range: str
    too_many: bool
    """Whether the median lies beyond the tolerance"""


class SpreadLine(NamedTuple):
    """A line of the table, one cell for each analysis."""

    noise: str
    what: str
    cells: tuple[Spread, ...]


@dataclass(frozen=True)
class GroupCalibration:
    """The participants' calibrations in one task and space."""

    rows: tuple[Row, ...]
    """Of all participants, see `compare.calibration.COLUMNS`."""
    table: str = ""
    """Link to the TSV, relative to the page."""

    @cached_property
    def people(self) -> Mapping[str, tuple[Row, ...]]:
        """Rows of each participant (and session)."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            name = " ".join(str(row[key]) for key in ("participant_id", "session_id") if row.get(key))
            found.setdefault(name, []).append(row)
        return {name: tuple(rows) for name, rows in found.items()}

    @property
    def analyses(self) -> tuple[str, ...]:
        """Names of the analyses, in order."""
        return tuple(dict.fromkeys(str(row["analysis"]) for row in self.rows))

    @property
    def contrasts(self) -> tuple[str, ...]:
        """Labels of the contrasts, in order."""
        return tuple(dict.fromkeys(str(row["contrast"]) for row in self.rows))

    def verdict(self, contrast: str) -> str:
        """In how many participants each analysis keeps its promise under their own noise."""
        own = [
            ContrastCalibration(contrast, contrast, rows)
            for of_one in self.people.values()
            if (rows := tuple(row for row in of_one if row["contrast"] == contrast))
        ]
        parts = []
        for name in self.analyses:
            standing = [one.standing(name, OWN_NOISE) for one in own if name in one.analyses]
            n_kept = sum(found in ("kept", "too few") for found in standing)
            n_many = sum(found == "too many" for found in standing)
            n_open = len(standing) - n_kept - n_many
            open_text = f", open in {n_open}" if n_open else ""
            parts.append(
                f"{TITLES[name]} keeps its promise in {n_kept}, finds too much in {n_many}{open_text}"
            )
        thresholds = " and ".join(f"{p:g}" for p in JUDGED)
        return (
            f"Of {len(own)} participant{'s' if len(own) != 1 else ''}, under noise with each voxel's own "
            f"spectrum and at p < {thresholds}: {'; '.join(parts)}."
        )

    def lines(self, contrast: str) -> tuple[SpreadLine, ...]:
        """Median and range over participants of false and true positives."""
        return tuple(self._lines(contrast))

    def _lines(self, contrast: str) -> Iterator[SpreadLine]:
        for noise in NOISE_TITLES:
            for threshold in THRESHOLDS:
                cells = tuple(self._spread((contrast, noise, 0.0, threshold), a) for a in self.analyses)
                yield SpreadLine(noise, f"p < {threshold:g}", cells)
            strict = THRESHOLDS[-1]
            cells = tuple(self._spread((contrast, noise, TYPICAL_EFFECT, strict), a) for a in self.analyses)
            if any(cell.range for cell in cells):
                yield SpreadLine(noise, f"found of {TYPICAL_EFFECT:g} % at p < {strict:g}", cells)

    def _spread(self, place: tuple[str, str, float, float], analysis: str) -> Spread:
        contrast, noise, size, threshold = place
        wanted = (analysis, noise, contrast, size, threshold)
        keys = ("analysis", "noise", "contrast", "effect_size", "p_threshold")
        values = [
            rate
            for row in self.rows
            if tuple(row[key] for key in keys) == wanted and (rate := float(row["rate"])) == rate
        ]
        if not values:
            return Spread("n/a", "", False)
        middle = median(values)
        ends = f"{percent(min(values))} to {percent(max(values))}"
        return Spread(percent(middle), ends, not size and middle > TOLERANCE * threshold)
