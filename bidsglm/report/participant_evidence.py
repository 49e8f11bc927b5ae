"""What the verdict on a participant rests on: contrasts, findings, and what confounds lose by the design."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bidsglm.diagnosis.advice import Finding
from bidsglm.packages import title as title_of
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.breakdowns import Breakdown
from bidsglm.report.diagnosis import USUAL_LIMIT, WITH
from bidsglm.report.filled_runs import is_arbitrary
from bidsglm.report.wording import Row, digits, headline_rows


class ComparedContrast(NamedTuple):
    """A contrast as the verdict sees it."""

    name: str
    rows: Sequence[Row]
    """Rows of its agreement table"""
    weights: Mapping[str, float]
    """Regressor -> weight; empty for F"""
    breakdowns: Sequence[Breakdown] = ()
    of_confounds: bool = False
    """Whether it weighs confounds alone"""
    approximate: Sequence[str] = ()
    """What to say of nilearn's F where it is an approximation"""

    @property
    def stat(self) -> str:
        """Map that is judged, t or F; empty without agreement."""
        return str(next((row["map"] for row in headline_rows(self.rows)), ""))


class ConfoundShare(NamedTuple):
    """A confound that a contrast tests, and how little of it the design leaves to be told."""

    contrast: str
    confound: str
    inflation: float
    """How many times its variance grows by all other regressors, the constant and the drifts"""
    removed: float
    """Share of it that the high-pass filter removes"""
    package: str = ""
    """Title of the one in whose design it is so; empty where there is only one design"""

    @property
    def sentence(self) -> str:
        """What it does to the contrast.

        >>> print(ConfoundShare("motion", "rot_x", 54.1, 0.961).sentence)
        motion tests confounds, and is affected: beside the other regressors and the drifts, the variance of \
        rot_x's effect is 54.1 times as large, and the drifts account for 96 % of rot_x.
        >>> print(ConfoundShare("motion", "rot_x", 54.1, 0.961, "SPM").sentence.partition(": ")[2][:32])
        in SPM, beside the other regress
        """
        larger = f"{digits(self.inflation)} times as large" if math.isfinite(self.inflation) else "infinite"
        where = f"in {self.package}, " * bool(self.package)
        return (
            f"{self.contrast} tests confounds, and is affected: {where}beside the other regressors and the"
            f" drifts, the variance of {self.confound}'s effect is {larger}, and the drifts account for"
            f" {100 * self.removed:.0f} % of {self.confound}."
        )


def worst_confound(
    contrast: str, tested: Sequence[str], regressors: Mapping[str, Sequence[Row]]
) -> ConfoundShare | None:
    """The most inflated of the confounds that a contrast tests; none where all stay below the usual limit.

    Parameters
    ----------
    contrast
        Its name.
    tested
        Regressors that it weighs
    regressors
        Package -> rows of the tables of all runs
    """
    several = len(regressors) > 1
    found = [
        ConfoundShare(
            contrast,
            str(row["regressor"]),
            float(row[WITH]),
            float(row["removed_by_filter"]),
            title_of(name) if several else "",
        )
        for name, rows in regressors.items()
        for row in rows
        if row["kind"] == "confound" and row["regressor"] in tested
    ]
    collinear = [each for each in found if each.inflation >= USUAL_LIMIT]
    return max(collinear, key=lambda each: each.inflation, default=None)


@dataclass(frozen=True)
class ParticipantEvidence:
    """What the verdict on a unit rests on."""

    contrasts: Sequence[ComparedContrast]
    findings: Sequence[Finding] = ()
    runs: Sequence[str] = ()
    """Start of the names of each run's design tables."""
    affected: Sequence[ConfoundShare] = ()
    """The worst confound of each contrast that tests confounds of which the design leaves little."""
    pair: Pair = DEFAULT_PAIR
    """Whose maps are compared"""
    slope_percent: float = math.nan
    """Median slope of the effects once both are in percent of each voxel's mean; NaN where nobody counted"""
    units: Mapping[str, str] = field(default_factory=dict)
    """Package -> unit of its effects"""

    @property
    def determined(self) -> tuple[ComparedContrast, ...]:
        """Contrasts that are compared and that the design determines."""
        return tuple(
            each for each in self.contrasts if each.rows and not is_arbitrary(each.weights, self.findings)
        )

    @property
    def considered(self) -> tuple[ComparedContrast, ...]:
        """Contrasts that the sentences are about: where the design determines none, all."""
        return self.determined or tuple(each for each in self.contrasts if each.rows)

    @property
    def judged(self) -> tuple[ComparedContrast, ...]:
        """Contrasts that the verdict rests on: of confounds alone only where there are no others."""
        of_conditions = tuple(each for each in self.contrasts if each.rows and not each.of_confounds)
        return (
            tuple(each for each in of_conditions if each in self.considered)
            or of_conditions
            or self.considered
        )

    @property
    def aside(self) -> tuple[ComparedContrast, ...]:
        """Contrasts of confounds that the verdict does not rest on."""
        return tuple(each for each in self.considered if each not in self.judged)

    @property
    def arbitrary(self) -> tuple[str, ...]:
        """Names of the others."""
        return tuple(each.name for each in self.contrasts if is_arbitrary(each.weights, self.findings))
