"""What an attribution starts from: both packages' models of a unit, and some voxels' data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.crossing import Columns, Rules
from bidsglm.attribution.crossproducts import Values, estimable
from bidsglm.attribution.pooled import SerialCorrelation
from bidsglm.attribution.runs import Plan
from bidsglm.data import ContrastMaps
from bidsglm.model import CONSTANT, Floats, Mask


class StepSettings(NamedTuple):
    """A combination of settings, one for each step: False is nilearn's, True SPM's."""

    smoother: bool = False
    scaling: bool = False
    response: bool = False
    events: bool = False
    sampling: bool = False
    filter: bool = False
    noise: bool = False
    runs: bool = False

    @property
    def rules(self) -> Rules:
        """Rules of its regressors."""
        return Rules(self.response, self.events, self.sampling)


@dataclass(frozen=True)
class RunDesigns:
    """What the designs of one run are made of."""

    regressors: Mapping[Rules, Columns]
    """Columns of the conditions, for every mixture of rules that occurs."""
    confounds: Columns
    drifts: tuple[Floats, Floats]
    """nilearn's drift terms, SPM's cosines: (n_scans, m)"""
    repetition_time: float
    """s"""

    def columns(self, rules: Rules) -> Columns:
        """Regressors, confounds and the constant."""
        regressors = self.regressors[rules]
        ones = np.ones((len(regressors.matrix), 1))
        matrix = np.hstack([regressors.matrix, self.confounds.matrix, ones])
        return Columns((*regressors.names, *self.confounds.names, CONSTANT), matrix)


@dataclass(frozen=True)
class Models:
    """Both packages' models of a unit."""

    runs: tuple[RunDesigns, ...]
    plans: tuple[Plan, ...]
    """Contrasts."""
    autoregressive: bool
    """nilearn whitens with AR(1); else ordinary least squares"""
    serial_correlation: SerialCorrelation
    covariances: tuple[Floats, ...] = ()
    """V of every run as SPM estimated it, normalised; none for independent errors"""


def estimable_everywhere(runs: Sequence[RunDesigns], plan: Plan) -> bool:
    """Whether a contrast is estimable in every mixture of designs: each combination has a map of it then."""
    # in every run and by every drawing rule: a gap in one combination leaves no Shapley value
    for run in plan.runs:
        for rules in runs[run].regressors:
            columns = runs[run].columns(rules)
            if not set(plan.specification.conditions) <= set(columns.names):
                return False
            if not estimable(columns.matrix, plan.placed(columns.names, run)):
                return False
    return True


class Block(NamedTuple):
    """Some voxels' data."""

    columns: NDArray[np.intp]
    """(n_voxels,) their places in the maps"""
    series: tuple[tuple[Values, ...], tuple[Values, ...]]
    """nilearn's and SPM's smoothing: (n_scans, n_voxels) of every run, not scaled; the same object where the
    two do not differ"""
    factors: tuple[tuple[tuple[Floats, ...], tuple[Floats, ...]], ...]
    """[smoother][scaling][run]: factor (n_voxels,) or (1,) of the series. Where SPM scales every scan apart
    see `scans`."""
    scans: tuple[Floats, ...] = ()
    """(n_scans,) of every run: relative factors of SPM's scaling of every scan, empty for one per run"""

    def values(self, smoother: bool, scaling: bool, run: int) -> Values:
        """(n_scans, n_voxels) up to a factor for each voxel."""
        Y = self.series[smoother][run]
        return Y * self.scans[run].astype(Y.dtype)[:, None] if self.scans and scaling else Y


class ContrastPair(NamedTuple):
    """A contrast's maps of both packages."""

    reference: ContrastMaps
    other: ContrastMaps


class Masks(NamedTuple):
    """Analysis masks, (n_voxels,) over the columns of the maps."""

    reference: Mask
    other: Mask

    @property
    def both(self) -> Mask:
        """Voxels of both."""
        return self.reference & self.other


class Piece(NamedTuple):
    """Some voxels of the sample."""

    block: Block
    """float64"""
    signals: tuple[Values, ...]
    """Their series (n_scans, n_voxels) of every run, scaled and rounded to float32 as nilearn does: only they
    give nilearn's maps beyond 6 digits"""


class Observations(NamedTuple):
    """Data and maps to be explained."""

    sample: NDArray[np.intp]
    """(n_voxels,) voxels of both masks, their places in the maps"""
    pieces: Sequence[Callable[[], Piece]]
    """Make the sample in its order; no more pieces are held than are worked on"""
    pool: Block
    """Voxels whose data show how V changes with the settings"""
    chunks: Sequence[Callable[[], Block]]
    """Make all voxels of both masks, float32 suffices"""
    pairs: Sequence[ContrastPair]
    """One for each plan of the models."""
    masks: Masks


def evenly(columns: NDArray[np.intp], n_voxels: int) -> NDArray[np.intp]:
    """Evenly spaced voxels of some, all where there are fewer.

    >>> evenly(np.arange(10), 4).tolist()
    [0, 3, 6, 9]
    """
    # in the order of the grid, so that the voxels come from all of the brain
    return columns[np.linspace(0, columns.size - 1, min(columns.size, n_voxels)).astype(np.intp)]


def unscaled(columns: NDArray[np.intp], series: tuple[Values, ...]) -> Block:
    """Block of data that no package scales any more."""
    none = tuple(np.ones(1) for _ in series)
    return Block(columns, (series, series), ((none, none), (none, none)))
