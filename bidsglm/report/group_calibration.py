"""Over participants: which analysis controls false positives, and how this varies between them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from bidsglm.agreement.rates import Judgement, judgement, pooled
from bidsglm.report.calibration import (
    NOISE_TITLES,
    OWN_NOISE,
    TYPICAL_EFFECT,
    ContrastCalibration,
    interval,
    percent,
    rate,
)
from bidsglm.report.trust import CONTROLS, JUDGED, TITLES, Decision, decision, deviations, headline, multiples
from bidsglm.report.wording import Row
from bidsglm.simulation.outcomes import THRESHOLDS


class RateSpread(NamedTuple):
    """A rate over participants."""

    text: str
    """Mean over participants"""
    interval: str
    """Its 95 % interval"""
    range: str
    """Smallest and largest of the participants'"""
    judgement: Judgement
    """By the rule of a single participant's page"""


class SpreadLine(NamedTuple):
    """A line of the table, one cell for each analysis."""

    noise: str
    what: str
    cells: tuple[RateSpread, ...]


@dataclass(frozen=True)
class GroupCalibration:
    """The participants' calibrations in one task and space."""

    rows: tuple[Row, ...]
    """Rows of all participants, see `outputs.calibration_tables.CALIBRATIONS`."""
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
    def deviations(self) -> Mapping[str, str]:
        """How analyses differ from their packages' own, by title."""
        return deviations(self.analyses)

    @property
    def contrasts(self) -> tuple[str, ...]:
        """Labels of the contrasts, in order."""
        return tuple(dict.fromkeys(str(row["contrast"]) for row in self.rows))

    def of_each(self, contrast: str) -> tuple[ContrastCalibration, ...]:
        """The participants' calibrations of a contrast."""
        chosen = (tuple(r for r in rows if r["contrast"] == contrast) for rows in self.people.values())
        return tuple(ContrastCalibration(contrast, contrast, rows) for rows in chosen if rows)

    def decisions(self, contrast: str) -> tuple[Decision, ...]:
        """What all simulations under the participants' own noise decide together, by the same rule."""
        each = self.of_each(contrast)
        found = []
        for name in self.analyses:
            own = [one for one in each if name in one.analyses]
            rates = {p: pooled([rate(one.row(name, OWN_NOISE, 0.0, p)) for one in own]) for p in JUDGED}
            found.append(decision(name, rates, sum(one.n_datasets for one in own)))
        return tuple(found)

    def n_datasets(self, contrast: str) -> int:
        """Simulated data sets without signal, of each noise model and all participants."""
        return sum(one.n_datasets for one in self.of_each(contrast))

    def verdict(self, contrast: str) -> tuple[str, ...]:
        """Which analysis can be trusted, decided from all participants, and how it is in each of them."""
        decisions = self.decisions(contrast)
        told = headline(decisions, self.n_datasets(contrast))
        return (*told, *multiples(decisions), *self._one_by_one(contrast))

    def _one_by_one(self, contrast: str) -> Iterator[str]:
        each = self.of_each(contrast)
        if len(each) < 2:
            return
        for name in self.analyses:
            found = [d.judgement for one in each for d in one.decisions() if d.analysis == name]
            n_good, n_many = sum(j in CONTROLS for j in found), sum(j == "too many" for j in found)
            yield (
                f"Taken one by one, {TITLES[name]} controls false positives in {n_good} of {len(found)}"
                f" participants, finds too many in {n_many}, and is not decided in"
                f" {len(found) - n_good - n_many}."
            )

    def lines(self, contrast: str) -> tuple[SpreadLine, ...]:
        """Mean, interval and range over participants of false and true positives."""
        return tuple(self._lines(contrast))

    def _lines(self, contrast: str) -> Iterator[SpreadLine]:
        for noise in NOISE_TITLES:
            for threshold in THRESHOLDS:
                cells = tuple(self._spread((contrast, noise, 0.0, threshold), a) for a in self.analyses)
                yield SpreadLine(noise, f"p < {threshold:g}", cells)
            strict = THRESHOLDS[-1]
            cells = tuple(self._spread((contrast, noise, TYPICAL_EFFECT, strict), a) for a in self.analyses)
            if any(cell.interval for cell in cells):
                yield SpreadLine(noise, f"found of {TYPICAL_EFFECT:g} % at p < {strict:g}", cells)

    def _spread(self, place: tuple[str, str, float, float], analysis: str) -> RateSpread:
        contrast, noise, size, threshold = place
        wanted = (analysis, noise, contrast, size, threshold)
        keys = ("analysis", "noise", "contrast", "effect_size", "p_threshold")
        found = [
            rate(row)
            for row in self.rows
            if tuple(row[key] for key in keys) == wanted and math.isfinite(float(row["rate"]))
        ]
        if not found:
            return RateSpread("n/a", "", "", "kept")
        mean, values = pooled(found), [each.value for each in found]
        ends = f"{percent(min(values))} to {percent(max(values))}" if len(values) > 1 else ""
        return RateSpread(
            percent(mean.value), interval(mean), ends, "kept" if size else judgement(mean, threshold)
        )
