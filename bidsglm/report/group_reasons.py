"""Why the packages' group maps of a contrast differ, as the page tells it."""

from collections.abc import Sequence
from dataclasses import dataclass

from bidsglm.diagnosis.advice import Finding
from bidsglm.report.attribution import reasons
from bidsglm.report.breakdowns import Breakdown


@dataclass(frozen=True)
class GroupReasons:
    """Steps of a group analysis that make the difference of a contrast's maps."""

    breakdowns: tuple[Breakdown, ...]
    """Parts of the difference of each map and metric"""
    table: str
    """Link to the TSV, relative to the page"""
    finding: Finding | None = None

    @property
    def sentences(self) -> tuple[str, ...]:
        """What makes the difference of the statistic, then of the effect.

        >>> GroupReasons((), "group/x.tsv").sentences
        ()
        """
        maps = dict.fromkeys(found.map for found in self.breakdowns)
        return reasons(self.breakdowns, [*(name for name in maps if name != "effect"), "effect"])

    @property
    def shown(self) -> Sequence[Breakdown]:
        """Columns of the page's table: those of which there is anything to divide."""
        return [found for found in self.breakdowns if not found.equal]
