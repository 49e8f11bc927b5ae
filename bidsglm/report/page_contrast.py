"""A contrast on a page, of a participant or of a group: what both show of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.cluster_tables import ClusterReport
from bidsglm.report.drawing import Figure
from bidsglm.report.pair_matrix import PairMatrix
from bidsglm.report.wording import Row, least_correlation


@dataclass(frozen=True)
class PageContrast:
    """One contrast, as one pair of packages has it."""

    name: str
    """As the model has it."""
    label: str
    """As in file names."""
    definition: str
    """What was tested, for people to read."""
    test: str = "t"
    """t or F"""
    dof: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Backend -> (residual,) for t, (numerator, residual) for F."""
    agreement: tuple[Row, ...] = ()
    """One row for each map, by columns without a suffix; empty with a single backend."""
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()
    clusters: tuple[ClusterReport, ...] = ()
    """One for each backend."""
    volumes: Mapping[str, object] | None = None
    """For the slice viewer, see `volumes.packed_contrast`."""
    thumbnail: str = ""
    """Address of a small picture, see `peaks.thumbnail`."""
    peak: Figure | None = None
    """All maps on one slice, for the first screen."""
    pair: Pair = DEFAULT_PAIR
    """What is compared"""
    pair_figures: tuple[Figure, ...] = ()
    """Those of these two alone, where there are more"""
    others: tuple[Self, ...] = ()
    """The same with what is said of further pairs"""
    matrices: tuple[PairMatrix, ...] = ()
    """Every package beside every other, where there are more than two"""

    @property
    def views(self) -> tuple[Self, ...]:
        """The contrast as each pair has it; once, where there is nothing to compare."""
        return (self, *self.others)

    @property
    def farthest(self) -> Self:
        """As the pair has it whose statistic correlates least."""
        return min(self.views, key=lambda view: least_correlation(view.agreement))

    def of_pair(self, pair: Pair) -> Self:
        """What is said of one pair."""
        return next((view for view in self.views if view.pair == pair), self)
