"""The differences of two packages' maps divided over modelling steps, as records from the table on disk."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bidsglm.attribution.differences import RMSD
from bidsglm.attribution.steps import PARTS_OF_REGRESSORS, REGRESSORS
from bidsglm.pairs import DEFAULT_PAIR, Pair

EQUAL = 1e-9
"""Maps whose metrics stay below it are the same for every reader."""


class StepShare(NamedTuple):
    """What one modelling step makes of one metric."""

    step: str
    reference: str
    """Setting of the reference package, in words."""
    other: str
    """Setting of the package that is compared with it."""
    ladder: float
    """Metric after this step."""
    shapley: float
    part_of: str = ""
    """regressors, for its parts."""

    @property
    def same(self) -> bool:
        """Both packages do the same, or the step cannot move this map."""
        return self.reference == self.other or "same" in (self.reference, self.other)


@dataclass(frozen=True)
class Breakdown:
    """One metric of one map, divided over the steps."""

    map: str
    """effect, t or F; z or mask for what the maps themselves do not show"""
    metric: str
    total: float
    steps: tuple[StepShare, ...]
    closures: tuple[float, ...] = ()
    """How far the pure settings miss each package's own map, over its range"""
    pair: Pair = DEFAULT_PAIR

    @property
    def coarse(self) -> tuple[StepShare, ...]:
        """Steps with the regressors as one."""
        return tuple(step for step in self.steps if not step.part_of)

    @property
    def fine(self) -> tuple[StepShare, ...]:
        """Steps with the regressors' parts in place of their sum."""
        has_parts = any(step.part_of for step in self.steps)
        return tuple(step for step in self.steps if not (has_parts and step.step == REGRESSORS))

    @property
    def equal(self) -> bool:
        """Nothing to explain."""
        return not math.isfinite(self.total) or abs(self.total) < EQUAL

    @property
    def ranked(self) -> tuple[StepShare, ...]:
        """Coarse steps, the largest contribution first."""
        return tuple(sorted(self.coarse, key=lambda step: -abs(step.shapley)))

    def share(self, step: StepShare) -> float:
        """Part of the whole that a step makes; NaN where there is none."""
        return step.shapley / self.total if self.total else math.nan

    @property
    def closure(self) -> float:
        """The worse of both ends."""
        return max(self.closures, default=math.nan)


@dataclass(frozen=True)
class Reach:
    """How far the attribution of a unit can be trusted."""

    closes: bool
    n_sample: int
    """Voxels that the table rests on."""
    n_voxels: int
    """Voxels of both masks."""
    notes: tuple[str, ...] = ()
    in_blocks: bool = False
    """Whether the sample is of compact blocks of voxels"""

    @property
    def sample(self) -> str:
        """What the shares rest on, where it is not all voxels.

        >>> Reach(True, 20000, 22522).sample, Reach(True, 500, 500).sample
        ('on a random sample of 20,000 of 22,522 voxels', '')
        """
        if self.n_sample >= self.n_voxels:
            return ""
        if self.in_blocks:
            return f"on {self.n_sample:,} of {self.n_voxels:,} voxels, in blocks chosen at random"
        return f"on a random sample of {self.n_sample:,} of {self.n_voxels:,} voxels"


def breakdowns(rows: Sequence[Mapping[str, str | float]], pair: Pair = DEFAULT_PAIR) -> tuple[Breakdown, ...]:
    """Rows of one contrast's attribution table, gathered by map and metric, in the order of the table.

    >>> row = {"map": "t", "metric": "rmsd", "step": "noise", "nilearn": "a", "spm": "b", "ladder": 0.4,
    ...        "shapley": 0.4, "total": 0.4, "closure_nilearn": 0.0, "closure_spm": 1e-8}
    >>> (found,) = breakdowns([row])
    >>> found.total, found.closure, found.share(found.steps[0])
    (0.4, 1e-08, 1.0)
    """
    groups: dict[tuple[object, object], list[Mapping[str, str | float]]] = {}
    for row in rows:
        groups.setdefault((row["map"], row["metric"]), []).append(row)
    return tuple(_breakdown(group, pair) for group in groups.values())


def _breakdown(rows: Sequence[Mapping[str, str | float]], pair: Pair) -> Breakdown:
    first = rows[0]
    steps = tuple(
        StepShare(
            str(row["step"]),
            str(row[pair.reference]),
            str(row[pair.first]),
            float(row["ladder"]),
            float(row["shapley"]),
            REGRESSORS if row["step"] in PARTS_OF_REGRESSORS else "",
        )
        for row in rows
    )
    closures = tuple(float(first[f"closure_{name}"]) for name in reversed(pair))
    return Breakdown(str(first["map"]), str(first["metric"]), float(first["total"]), steps, closures, pair)


def found(breakdown: Sequence[Breakdown], map_name: str, metric: str = RMSD) -> Breakdown | None:
    """Select one of a contrast's breakdowns.

    >>> found([], "t") is None
    True
    """
    return next((b for b in breakdown if (b.map, b.metric) == (map_name, metric)), None)
