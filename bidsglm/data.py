"""Frozen records of what is fitted and what comes of it: runs, events, designs, images and maps.

Arrays have time first and voxels last; times are in seconds, distances in millimetres.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bidsglm.model import TRIAL_TYPE, ContrastSpecification, Floats, Mask

Values = TypeVar("Values", bound=np.generic)
SCATTERED = 1 / 8
"""Share of columns that begin a stretch of neighbours, above which they are taken one by one"""
SECONDS_PER_MINUTE = 60.0
"""Time modulates in minutes, as in SPM."""


@dataclass(frozen=True)
class Run:
    """The files of one run and what their metadata say."""

    entities: Mapping[str, str]
    """BIDS entities of the preprocessed bold, by long name: subject, session, task, run, space ..."""
    bold: Path
    events: Path | None
    confounds: Path | None
    mask: Path | None
    n_scans: int
    repetition_time: float
    start_time: float | None
    """fMRIPrep's StartTime: seconds from the volume's start to the slice-time reference."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """BIDS URI of each input file, under the keys bold, events, confounds, mask."""
    notes: tuple[str, ...] = ()
    """What the reader of the report should know: metadata that contradict each other."""
    dropped: int = 0
    """Volumes cut at the start: onsets, which count from the first raw volume, are moved by as much."""


@dataclass(frozen=True)
class Unit:
    """What is fitted together: all runs of a participant's task in one space (and session)."""

    participant: str
    entities: Mapping[str, str]
    """Those that all its output names carry: subject, session, task, acquisition, space, resolution ..."""
    prefix: str
    """Start of the names of its outputs: sub-01[_ses-x]_task-y[_acq-..]_space-S[_res-..]"""
    folder: str
    """Relative to the output folder: sub-01/func or sub-01/ses-x/func"""
    runs: tuple[Run, ...]
    run_prefixes: tuple[str, ...]
    """The prefix with run (and whatever else tells its runs apart) in BIDS order; the prefix itself when
    there is one run whose name carries no run entity."""
    raw: Path | None = None
    """Folder of the raw data set, where the other participants' events stand."""


@dataclass(frozen=True)
class Modulator:
    """A parametric modulator of one condition in one run."""

    name: str
    values: Floats
    """(n_events,)"""
    order: int = 1


@dataclass(frozen=True)
class Condition:
    """The events of one trial type in one run."""

    name: str
    """Without the prefix trial_type."""
    onsets: Floats
    """(n_events,) s from the first scan's start"""
    durations: Floats
    """(n_events,) s"""
    modulators: tuple[Modulator, ...] = ()
    time_modulation: int = 0
    """Polynomial order of the modulation by time."""
    orthogonalize: bool = True
    amplitudes: Floats | None = None
    """(n_events,) heights of the events where a transformation gave them; None for 1"""
    prefix: str = TRIAL_TYPE
    """Before the name in regressor names; empty for a variable that a transformation made."""
    continuous: bool = False
    """A variable that is no events: its heights hold at the onsets, run on linearly between them, and are 0
    before the first."""

    def at(self, times: Floats) -> Floats:
        """Heights of a continuous variable at some times, (n,).

        >>> start, step, height = np.array([0.0, 2.0]), np.full(2, 2.0), np.array([1.0, 3.0])
        >>> slow = Condition("slow", start, step, amplitudes=height, continuous=True)
        >>> slow.at(np.array([-1.0, 0.0, 1.0])).tolist()
        [0.0, 1.0, 2.0]
        """
        return np.interp(times, self.onsets, self.heights, left=0.0)

    @property
    def heights(self) -> Floats:
        """Amplitude of each event in the main effect (n_events,)."""
        return np.ones_like(self.onsets) if self.amplitudes is None else self.amplitudes

    @property
    def weights(self) -> Floats:
        """Heights of the events in each weight column, not orthogonalised, (n_events, n_weights).

        >>> Condition("go", np.array([0.0, 120.0]), np.ones(2), time_modulation=1).weights.tolist()
        [[1.0, 0.0], [1.0, 2.0]]
        """
        minutes = self.onsets / SECONDS_PER_MINUTE
        times = [minutes**k for k in range(1, self.time_modulation + 1)]
        modulated = [m.values**k for m in self.modulators for k in range(1, m.order + 1)]
        return np.column_stack([self.heights, *times, *modulated])

    @property
    def weight_names(self) -> tuple[str, ...]:
        """Main effect, time modulation, then modulators, as in regressor names.

        >>> Condition("go", np.zeros(1), np.zeros(1), (Modulator("rt", np.ones(1), 2),)).weight_names
        ('trial_type.go', 'trial_type.go_x_rt^1', 'trial_type.go_x_rt^2')
        """
        stem = self.prefix + self.name
        time = tuple(f"{stem}_x_time^{i + 1}" for i in range(self.time_modulation))
        modulated = tuple(f"{stem}_x_{m.name}^{i + 1}" for m in self.modulators for i in range(m.order))
        return (stem, *time, *modulated)


class RunConfounds(NamedTuple):
    """Confounds of one run."""

    names: tuple[str, ...]
    values: Floats
    """(n_scans, n_confounds) of all scans, the censored ones too"""


@dataclass(frozen=True)
class Paradigm:
    """Everything a backend needs for the design matrix of one run."""

    repetition_time: float
    n_scans: int
    start_time: float | None
    conditions: tuple[Condition, ...]
    confound_names: tuple[str, ...]
    confounds: Floats
    """(n_scans, n_confounds)"""
    censored: tuple[int, ...] = ()
    """Scans, from 0, that AfniSettings.censor leaves out"""
    source: str = ""
    """Name of the events file, for messages"""

    @property
    def moment(self) -> float | None:
        """Share of the TR after its start that a scan stands for, by StartTime; None without one."""
        return None if self.start_time is None else self.start_time / self.repetition_time

    @property
    def of_events(self) -> tuple[Condition, ...]:
        """Conditions that are made of events: all but continuous variables."""
        return tuple(condition for condition in self.conditions if not condition.continuous)


@dataclass(frozen=True)
class DesignMatrix:
    """The design matrix of one run."""

    names: tuple[str, ...]
    matrix: Floats
    """(n_scans, n_regressors); the constant is the last column."""
    high_pass_basis: Floats
    """(n_scans, n_cosines) removed by projection (SPM); no columns where the drifts are regressors."""
    repetition_time: float = float("nan")
    """s; SPM's FAST covariance components depend on it"""
    joint: tuple[str, ...] = ()
    """Columns with one parameter for all runs together; others have one in each run, as do all where every
    run is a model of its own"""
    censored: tuple[int, ...] = ()
    """Scans, from 0, that the fit leaves out; the matrix has their rows"""
    filtered: str = ""
    """High-pass filter of data and columns alike, in words; empty where it is columns or projected out"""
    unfiltered: Floats | None = None
    """(n_scans, n_regressors) what such a filter went over; None for no such filter"""
    levels: Floats | None = None
    """(n_regressors,) means that were taken out of the columns; None where they have theirs"""


@dataclass(frozen=True)
class TimeSeries:
    """One run's voxels, as stored in the file."""

    stored: NDArray[np.generic]
    """(n_scans, n_voxels) in the file's data type (float32 after smoothing)"""
    slope: float
    intercept: float
    global_means: Floats
    """(n_scans,) SPM's global of each whole volume, header-scaled"""
    without_data: Mask | None = None
    """(n_voxels,) the same in every scan, before or after smoothing; None where nobody looked"""
    n_global_voxels: float = math.nan
    """Voxels that the global averages, mean over the scans; NaN where nobody counted"""
    brain: Mask | None = None
    """(n_voxels,) FSL's brain of the run before its dilation; None where nobody looked"""
    median: float = math.nan
    """Median of all values in it, which FSL scales to 10,000; NaN where nobody looked"""
    rim: Mask | None = None
    """(n_voxels,) columns that are there for other packages alone; None for none"""
    mean: Floats | None = None
    """(n_voxels,) over the scans; None where nobody looked or a value is no number"""
    ends: NDArray[np.generic] | None = None
    """(2, n_voxels) smallest and largest stored value over the scans; None as for the mean"""

    @property
    def n_voxels(self) -> int:
        """Number of columns."""
        return int(self.stored.shape[1])

    def stored_as(self, dtype: DTypeLike, columns: NDArray[np.intp]) -> NDArray[Any]:
        """Stored values (n_scans, n_columns) of some columns in another type, scan by scan in memory.

        The order of a sum's terms, and so its last bit, goes by the order in memory. Stretches of neighbours
        are copied in a third of the time of single columns.

        Parameters
        ----------
        dtype : of the values
        columns : (n_columns,) indices in ascending order
        """
        if columns.size and columns[-1] - columns[0] + 1 == columns.size:
            return self.stored[:, columns[0] : columns[-1] + 1].astype(dtype)
        starts = np.flatnonzero(np.diff(columns, prepend=-2) != 1)
        if starts.size > SCATTERED * columns.size:
            return self.stored.take(columns, axis=1).astype(dtype)
        values = np.empty((len(self.stored), columns.size), dtype=dtype)
        for start, stop in pairwise([*starts.tolist(), columns.size]):
            first = columns[start]
            values[:, start:stop] = self.stored[:, first : first + stop - start]
        return values

    def values(self, columns: slice | Mask | NDArray[np.intp]) -> Floats:
        """Header-scaled float64 values (n_scans, n_columns) of some voxels."""
        return self.stored[:, columns].astype(np.float64) * self.slope + self.intercept


def measured(series: Sequence[TimeSeries]) -> Mask:
    """Voxels that have data in every run, (n_voxels,).

    >>> still = TimeSeries(np.ones((2, 2)), 1.0, 0.0, np.ones(2), np.array([True, False]))
    >>> measured([still, TimeSeries(np.ones((2, 2)), 1.0, 0.0, np.ones(2))])
    array([False,  True])
    """
    found = np.ones(series[0].n_voxels if series else 0, dtype=np.bool_)
    for run in series:
        if run.without_data is not None:
            found &= ~run.without_data
    return found


class Volume(NamedTuple):
    """The grid that columns of an array come from."""

    shape: tuple[int, int, int]
    affine: Floats
    voxels: Mask
    """(x, y, z) True where a column stands; columns in C order of the voxels"""

    @property
    def voxel_sizes(self) -> tuple[float, float, float]:
        """Along x, y and z in mm."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0).tolist()
        return x, y, z

    @property
    def coordinates(self) -> Floats:
        """Millimetres (n_columns, 3) of the columns.

        >>> Volume((1, 1, 2), np.diag([2.0, 2, 3, 1]), np.ones((1, 1, 2), bool)).coordinates
        array([[0., 0., 0.],
               [0., 0., 3.]])
        """
        return np.asarray(np.argwhere(self.voxels) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def filled(self, values: NDArray[Values]) -> NDArray[Values]:
        """Lay values of the columns out on the grid, 0 or False elsewhere, (x, y, z).

        >>> Volume((1, 1, 2), np.eye(4), np.array([[[False, True]]])).filled(np.array([3.0])).tolist()
        [[[0.0, 3.0]]]
        """
        grid = np.zeros(self.shape, dtype=values.dtype)
        grid[self.voxels] = values
        return grid


def column_parts(shape: tuple[int, ...], n_values: int) -> list[slice]:
    """Consecutive columns of an array (n_rows, n_columns), of so many values at a time, one column at least.

    >>> column_parts((2, 5), 4)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 6, None)]
    """
    n_rows, n_columns = shape
    size = max(1, n_values // n_rows)
    return [slice(start, start + size) for start in range(0, n_columns, size)]


class GroupDesign(NamedTuple):
    """The design matrix of a second level."""

    names: tuple[str, ...]
    matrix: Floats
    """(n_participants, n_regressors)"""
    variance: "VarianceModel | None" = None
    """Variance of the errors, as far as a package can choose; None for one variance"""
    two_sided: bool = False
    """Whether each tail of t has half of a threshold's error"""


class VarianceModel(NamedTuple):
    """Whose errors may have variances of their own."""

    groups: tuple[str, ...]
    """Names; fewer than two where there is nothing that could differ"""
    members: tuple[int, ...]
    """Group of each row of the design, from 0"""
    equal_because: str = ""
    """Why all have one variance; empty where the groups' may differ"""
    is_asked: bool = False
    """Whether the model says so itself"""


class Images(Protocol):
    """Maps of many participants, in memory or not: an array, as far as a second level asks."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_participants, n_voxels)."""
        ...

    def __getitem__(self, key: Any, /) -> NDArray[np.generic]:
        """images[i] is a participant's map, images[:, part] all participants' in a slice of voxels."""
        ...


class MaskLoss(NamedTuple):
    """A mask file on its way to the grid of the images, or to what all runs share."""

    name: str
    share: float
    """Part of its volume that is left"""
    common: bool
    """Lost to the masks of the other runs, not to the grid"""
    moved: bool = False
    """Whether the file lies on another grid than the images"""
    graded: str = ""
    """What the user should know of its values, where those of its voxels differ"""


@dataclass(frozen=True)
class ContrastMaps:
    """A contrast's maps over all columns; outside the backend's mask: NaN, 0 (stat, z), 1 (p)."""

    specification: ContrastSpecification
    runs: tuple[int, ...]
    """Indices of the runs it averages."""
    effect: Floats | None
    """(n_voxels,); None for F, as variance"""
    variance: Floats | None
    stat: Floats
    z: Floats
    p: Floats
    dof: tuple[float, ...]
    """(residual,) for t, (numerator, residual) for F"""
