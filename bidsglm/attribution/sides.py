"""What each of two packages does in every modelling step, so that any mixture of the two is a model."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from bidsglm.attribution.covariances import PooledNoise
from bidsglm.attribution.crossing import Columns
from bidsglm.attribution.crossproducts import Values
from bidsglm.attribution.response_rules import Drawing
from bidsglm.attribution.runs import Plan
from bidsglm.attribution.voxelnoise import VoxelNoise
from bidsglm.data import Condition
from bidsglm.model import Floats

DERIVATIVE = "_derivative"
"""Behind the name of a column of which a temporal derivative is made"""
Combination = Literal["averaged", "pooled", "weighted", "joint"]
"""How runs come together: effects averaged, variances added (nilearn); columns of their own and one residual
variance (SPM); weighted by precision (FSL); one regression, the same parameters in all runs (AFNI)"""


class Mixture(NamedTuple):
    """A choice of settings: 0 for the reference's in a step, 1 for the other package's."""

    smoother: int = 0
    scaling: int = 0
    response: int = 0
    events: int = 0
    sampling: int = 0
    censoring: int = 0
    filter: int = 0
    noise: int = 0
    runs: int = 0
    onsets: int = 0
    durations: int = 0
    confounds: int = 0
    contrast: int = 0


class DriftColumns(NamedTuple):
    """Drifts in the design, whitened with it."""

    columns: Floats
    """(n_scans, m)"""


class ProjectedOff(NamedTuple):
    """Cosines that are projected off the whitened data and design."""

    cosines: Floats
    """(n_scans, m) orthonormal"""


class LocalLine(NamedTuple):
    """A straight line fitted around each scan, taken off data and columns before all else."""

    line: Floats | None
    """(n_scans, n_scans); None for the mean alone"""


RunFilter = DriftColumns | ProjectedOff | LocalLine
DRAWING_STEPS = ("response", "events", "sampling", "onsets", "durations")
"""What the regressors depend on before any filter"""
ERROR_STEPS = (*DRAWING_STEPS, "filter", "smoother", "censoring", "confounds")
"""What V depends on"""


def settings_of_errors(mixture: Mixture) -> tuple[int, ...]:
    """A mixture's settings that V depends on.

    >>> settings_of_errors(Mixture(noise=1, filter=1))
    (0, 0, 0, 0, 0, 1, 0, 0, 0)
    """
    return tuple(getattr(mixture, name) for name in ERROR_STEPS)


@dataclass(frozen=True, eq=False)
class SideRun:
    """What one package has of one run."""

    series: Values
    """(n_scans, n_voxels) smoothed as the package does, not scaled"""
    factors: Floats
    """(n_voxels,) or (1,) of the scaling, for these series"""
    scaled: Callable[[Values], Values] | None
    """Where the scaling is more than a factor: makes of series what the factors multiply"""
    stored: Values
    """(n_scans, n_voxels) scaled, in the precision in which the package fits it"""
    regressors: Columns
    """Own columns of the conditions before any filter; derivatives of filtered columns come later"""
    filter: RunFilter
    censored: tuple[int, ...] = ()
    """Scans that are left out, from 0"""
    factors_of: Callable[[Values], Floats] | None = None
    """Factors for series that are smoothed otherwise, where they hang on the series of a voxel"""
    conditions: tuple[Condition, ...] | None = None
    """Own events, where the packages were not given the same; as many of each condition"""
    confounds: Columns | None = None
    """Own confounds without their means, where the packages were not given the same"""

    def factors_for(self, series: Values) -> Floats:
        """Factors of the scaling for series of any package."""
        # a voxel's own mean is that of the series in use; the factor of a whole run stays its package's
        if self.factors_of is None or series is self.series:
            return self.factors
        return self.factors_of(series)


@dataclass(frozen=True, eq=False)
class Side:
    """What one package does in every step."""

    package: str
    runs: tuple[SideRun, ...]
    drawing: Drawing | None
    """None where response, events and sampling cannot be told apart"""
    noise: VoxelNoise | PooledNoise
    combination: Combination
    derivative: bool = False
    """Whether its response has a temporal derivative, made of the filtered column"""
    one_set: bool = False
    """Whether confounds are one set of columns through all runs where these are one regression"""
    plans: tuple[Plan, ...] = ()
    """Own contrasts, where the packages were not given the same"""
    run_factors: tuple[float, ...] = ()
    """Factor of each contrast's effect by the way runs come together, where they are summed; empty for 1"""


@dataclass(frozen=True)
class CommonRun:
    """What both packages have of one run."""

    conditions: tuple[Condition, ...]
    confound_names: tuple[str, ...]
    confounds: Floats
    """(n_scans, n_confounds) without their means"""
    repetition_time: float
    """s"""


@dataclass(frozen=True, eq=False)
class PairModels:
    """Both packages' models of a unit."""

    sides: tuple[Side, Side]
    """The reference's, and the other's"""
    runs: tuple[CommonRun, ...]
    plans: tuple[Plan, ...]
    n_voxels: int
    """First voxels of the series, which maps are wanted of; those around them follow"""

    def run(self, side: int, run: int) -> SideRun:
        """What a package has of a run."""
        return self.sides[side].runs[run]

    def conditions(self, onsets: int, durations: int, run: int) -> tuple[Condition, ...]:
        """Events of a run, with the onsets of one package and the durations of another."""
        own = [self.run(side, run).conditions or self.runs[run].conditions for side in (onsets, durations)]
        if own[0] is own[1]:
            return own[0]
        return tuple(replace(a, durations=b.durations) for a, b in zip(*own, strict=True))

    def confounds(self, side: int, run: int) -> Columns:
        """Confounds of a run as a package was given them."""
        common = self.runs[run]
        return self.run(side, run).confounds or Columns(common.confound_names, common.confounds)

    def plans_of(self, side: int) -> tuple[Plan, ...]:
        """Contrasts as a package was given them."""
        return self.sides[side].plans or self.plans

    @property
    def scanwise(self) -> bool:
        """Whether a scaling is more than a factor for each voxel and run."""
        return any(run.scaled is not None for side in self.sides for run in side.runs)

    @property
    def joint(self) -> bool:
        """Whether a package fits all runs in one regression."""
        return len(self.runs) > 1 and any(side.combination == "joint" for side in self.sides)
