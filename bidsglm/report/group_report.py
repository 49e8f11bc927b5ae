"""What stands on the page of a data set: records that the group level fills and the template shows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import NamedTuple

from bidsglm.packages import in_order, title
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.group_calibration import GroupCalibration
from bidsglm.report.group_evidence import Evidence, Lead, Sizes
from bidsglm.report.group_inference import GroupInference
from bidsglm.report.group_reasons import GroupReasons
from bidsglm.report.group_rois import GroupRegions
from bidsglm.report.group_stability import GroupStability
from bidsglm.report.group_verdict import Verdict, verdict
from bidsglm.report.judgements import judged
from bidsglm.report.left_out import ArbitraryContrasts
from bidsglm.report.overall import group_headline, overall
from bidsglm.report.page_contrast import PageContrast
from bidsglm.report.rendering import About, Links, is_worth_a_search
from bidsglm.report.step_shares import StepShares, leads
from bidsglm.report.strips import Point, Strip
from bidsglm.report.wording import (
    Row,
    contrast_name,
    headline_rows,
)

Flag = tuple[str, str, str]
"""Participant (and session, as `shown_name`), contrast, map."""
STRIP_METRICS: Mapping[str, tuple[str, ...]] = {
    "t": ("pearson_r", "slope", "dice_p001"),
    "F": ("pearson_r", "slope", "dice_p001"),
    "effect": ("pearson_r", "slope", "rmsd"),
}
"""Map -> what is plotted of it."""


@dataclass(frozen=True)
class ParticipantEntry:
    """A participant of the data set, compared or not."""

    participant: str
    """Label without prefix."""
    page: str = ""
    """Link relative to the group page; empty when there is none."""
    error: str = ""
    """Why it takes no part, or not with everything; empty when all is well."""
    kind: str = "failed"
    """Kind of the reason, in a word or two; failed is an error, all others a fact."""


@dataclass(frozen=True)
class GroupContrast(PageContrast):
    """One contrast's maps over the group."""

    anchor: str = ""
    """Name of its place on the page; the label may be that of several groups."""
    inference: GroupInference | None = None
    """What survives correction."""
    reasons: GroupReasons | None = None
    """None where only one package was fitted, or nothing was attributed"""
    of: str = ""
    """Label of the participants' contrast; empty where it is of several"""


class Considered(NamedTuple):
    """What a verdict over participants is about."""

    rows: tuple[Row, ...]
    """Agreement of the participants' maps"""
    contrasts: tuple[GroupContrast, ...]
    regions: GroupRegions | None


@dataclass(frozen=True)
class GroupUnit:
    """The participants' results of one task and space."""

    title: str
    rows: tuple[Row, ...]
    """The participants' agreement rows, `participant_id` (and `session_id`) in front."""
    table: str = ""
    """Link to the TSV, relative to the page."""
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Participant as shown -> page, and place of this unit on it"""
    outlying: Mapping[Flag, tuple[str, ...]] = field(default_factory=dict)
    """Flagged rows -> metrics in which they lie far from the others"""
    spread: tuple[Row, ...] = ()
    """Over participants: a row for each contrast, map and metric"""
    contrasts: tuple[GroupContrast, ...] = ()
    """Maps over the group; empty where there are none"""
    scene: Mapping[str, object] | None = None
    shares: tuple[StepShares, ...] = ()
    """Attribution over participants; empty where nothing was attributed"""
    native: bool = False
    """Each package had its own defaults in the participants' fits"""
    level: float = math.nan
    """Median over participants of the brain's mean after SPM's scaling, over 100; NaN where it is not
    known"""
    calibration: GroupCalibration | None = None
    """Which analysis controls false positives; none where nobody was calibrated"""
    regions: GroupRegions | None = None
    methods: tuple[str, ...] = ()
    """Paragraphs"""
    notes: tuple[str, ...] = ()
    """What the reader should know before the numbers"""
    stability: GroupStability | None = None
    """What single participants change; none without group maps"""
    maps_table: str = ""
    """Link to the agreement of the group maps, relative to the page"""
    fitted_by: str = ""
    """The only backend that fitted it; empty where there are several"""
    fitted: tuple[str, ...] = ()
    """Participants, with prefix, where there is only one backend and so no rows"""
    left_out: ArbitraryContrasts = field(default_factory=ArbitraryContrasts)
    """Contrasts that the verdict and its medians leave out"""
    packages: tuple[str, ...] = DEFAULT_PAIR
    """That fitted it, in the order of their table"""
    pair: Pair = DEFAULT_PAIR
    """What is compared here"""
    sizes: Sizes = field(default_factory=Sizes)
    """How the effects compare where units differ"""
    matrix: tuple[Row, ...] = ()
    """Every package with every other in the participants' maps, medians over them; with three or more"""
    maps_matrix: tuple[Row, ...] = ()
    """The same of the group's maps, by contrast"""
    others: tuple["GroupUnit", ...] = ()
    """The same with what is said of further pairs"""

    @property
    def views(self) -> tuple["GroupUnit", ...]:
        """What is said of each pair."""
        return (self, *self.others)

    @property
    def explained(self) -> tuple["GroupUnit", ...]:
        """Views of the pairs whose differences are divided among steps."""
        return tuple(view for view in self.views if view.shares)

    @property
    def links(self) -> Links:
        """Tables of its maps."""
        return Links(self.maps_table)

    def table_of(self, kind: str) -> str:
        """Link to another table of the same participants."""
        return self.table.replace("desc-agreement_", f"desc-{kind}_")

    @property
    def steps_table(self) -> str:
        """Link to the table of which step matters in how many participants."""
        whose = "attribution" if self.pair.is_default else f"{self.pair.label}Attribution"
        return self.table_of(f"{whose}Summary")

    @property
    def units_note(self) -> str:
        """What must be known of comparisons of effects; empty where both are in one unit, or in the usual."""
        units = self.sizes.units
        own, other = (units.get(name, "") for name in self.pair)
        if not own or not other or own == other:
            return ""
        first, reference = (f"{title(name)}'s" for name in self.pair)
        return (
            f"Effects are compared each in its own unit, {first} in {own} and {reference} in {other}: slope,"
            " RMSD, concordance and differences of the effect maps hold the ratio of the units."
            " r, t and z do not depend on it."
        )

    @cached_property
    def names(self) -> dict[str, str]:
        """Label of a contrast -> its name in the model."""
        return {str(row["contrast"]): contrast_name(row) for row in self.rows}

    @cached_property
    def intervals(self) -> dict[tuple[str, str, str], tuple[float, float]]:
        """Contrast, map, metric -> confidence interval of the median."""
        return {
            (str(row["contrast"]), str(row["map"]), str(row["metric"])): (
                float(row["ci_lower"]),
                float(row["ci_upper"]),
            )
            for row in self.spread
        }

    @cached_property
    def people(self) -> tuple[str, ...]:
        """Compared, whatever their sessions."""
        return self.fitted or tuple(dict.fromkeys(str(row["participant_id"]) for row in self.rows))

    @cached_property
    def per_session(self) -> bool:
        """Whether somebody has several sessions that were fitted apart, which count each."""
        return len({shown_name(row) for row in self.rows}) > len(self.people)

    @cached_property
    def leads(self) -> tuple[Lead, ...]:
        """Leading step of the effect and of the statistic over all contrasts."""
        names = self.left_out.contrasts.values()
        told = tuple(each for each in self.shares if each.contrast not in names)
        return leads(told or self.shares, self.per_session)

    @cached_property
    def considered(self) -> "Considered":
        """What the verdict is about: where the design determines no contrast, all."""
        out = self.left_out.contrasts
        rows = tuple(row for row in self.rows if row["contrast"] not in out)
        contrasts = tuple(each for each in self.contrasts if each.of not in out)
        regions = self.regions
        if regions:
            own = tuple(row for row in regions.rows if row["contrast"] not in out)
            regions = replace(regions, rows=own) if own else None
        if self.left_out.is_all or not (rows or contrasts):
            return Considered(self.rows, self.contrasts, self.regions)
        return Considered(rows, contrasts, regions)

    @cached_property
    def verdict(self) -> Verdict:
        """What the page says first."""
        rows, contrasts, of_regions = self.considered
        group_rows = {contrast.name: contrast.agreement for contrast in contrasts}
        flagged = tuple(dict.fromkeys(name for name, _, _ in self.outlying))
        regions = of_regions.facts if of_regions else None
        stable = self.stability.sentence if self.stability else ""
        return verdict(
            Evidence(
                self.people,
                rows,
                group_rows,
                regions,
                self.leads,
                flagged,
                self.level,
                stable,
                self.left_out,
                self.pair,
                self.sizes,
            )
        )

    @cached_property
    def overall(self) -> Verdict:
        """Does it matter which package: the answer for all pairs."""
        found = {view.pair: view.verdict for view in self.views}
        return overall(found, partial(group_headline, n=len(self.people)))

    @cached_property
    def lead(self) -> GroupContrast | None:
        """The contrast that the verdict rests on, which the first screen shows; the first of several."""
        known = [each for each in self.considered.contrasts if headline_rows(each.agreement)]
        return max(known, key=lambda each: judged(each.agreement, self.pair).grade, default=None)

    def link(self, row: Row) -> str:
        """Link to the row's contrast on the participant's page; empty when there is no page."""
        page, place = self.places.get(shown_name(row), ("", 0))
        return f"{page}#unit-{place}-{row['contrast']}" if page else ""

    def strips(self, map_name: str, metric: str) -> tuple[Strip, ...]:
        """One strip for each contrast."""
        chosen = [row for row in self.rows if row["map"] == map_name]
        return tuple(
            Strip(
                contrast_name(rows[0]),
                tuple(self._point(row, metric) for row in rows),
                self.intervals.get((contrast, map_name, metric)),
            )
            for contrast, rows in _by_contrast(chosen).items()
        )

    def _point(self, row: Row, metric: str) -> Point:
        name = shown_name(row)
        flagged = metric in self.outlying.get((name, str(row["contrast"]), str(row["map"])), ())
        return Point(name, float(row.get(metric, math.nan)), self.link(row), flagged)


@dataclass(frozen=True)
class GroupReport:
    """The page of a data set."""

    dataset: str
    about: About
    participants: tuple[ParticipantEntry, ...]
    units: tuple[GroupUnit, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        """Compared anywhere on the page, in the order of their table; else fitted; else the usual ones."""
        compared = {name for unit in self.compared for name in unit.packages}
        return in_order(compared or {unit.fitted_by for unit in self.units}) or tuple(DEFAULT_PAIR)

    @property
    def is_of_one(self) -> bool:
        """Whether one package fitted everything, so that nothing is compared."""
        return bool(self.units) and not self.compared

    @property
    def or_titles(self) -> str:
        """Its packages as alternatives."""
        *others, last = map(title, self.packages)
        return f"{', '.join(others)} or {last}"

    @property
    def compared(self) -> tuple[GroupUnit, ...]:
        """Units that two packages or more fitted."""
        return tuple(unit for unit in self.units if not unit.fitted_by)

    @property
    def many_names(self) -> bool:
        """Whether contrasts and regions are worth a search."""
        return is_worth_a_search(self.units)


def shown_name(row: Row) -> str:
    """Participant, and session if there is one.

    >>> shown_name({"participant_id": "sub-01", "session_id": "ses-a"})
    'sub-01 ses-a'
    """
    session = row.get("session_id")
    return f"{row['participant_id']} {session}" if session else str(row["participant_id"])


def _by_contrast(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row["contrast"]), []).append(row)
    return found
