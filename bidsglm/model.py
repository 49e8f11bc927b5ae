"""Frozen records that the floors share, and the vocabulary of regressor names.

Arrays have time first and voxels last; times are in seconds, distances in millimetres.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from bidsglm.packages import DEFAULT_PACKAGES, REFERENCE

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

CONSTANT = "constant"
TRIAL_TYPE = "trial_type."
NO_FILTER = float("inf")
DEFAULT_HIGH_PASS = 128.0
"""SPM's default cut-off in seconds; fMRIPrep and FitLins use it too."""

DEFAULT_MICROTIME_ONSET = 8
"""SPM's default bin; with its 16 bins a scan stands for the moment 7/16 of TR after its start."""

MOTION_PARAMETERS = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")


@dataclass(frozen=True)
class Settings:
    """The command line, resolved."""

    bids_dir: Path
    output_dir: Path
    level: Literal["participant", "group"]
    participant_labels: tuple[str, ...] = ()
    """Without prefix; empty means all, as for the other labels."""
    session_labels: tuple[str, ...] = ()
    task_labels: tuple[str, ...] = ()
    run_labels: tuple[str, ...] = ()
    space: tuple[str, ...] = ()
    drop_first: int = 0
    """Volumes that were cut at the start of every preprocessed run."""
    allow_trimmed: bool = False
    """Take a preprocessed series that is not the raw one as it is."""
    bids_filters: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """pybids filters under the keys bold, mask, events, confounds."""
    derivatives: tuple[Path, ...] = ()
    model: Path | None = None
    backends: tuple[str, ...] = DEFAULT_PACKAGES
    reference: str = REFERENCE
    """Package that the others are compared with."""
    reference_asked: bool = False
    """Whether it was asked for, and is not just the default"""
    matching: Literal["matched", "native"] = "matched"
    hrf: str | None = None
    """Overrides of the automatic model; None leaves its default."""
    high_pass: float | None = None
    noise_model: str | None = None
    confounds: tuple[str, ...] | None = None
    mask_threshold: float | None = None
    contrasts: Literal["pairs", "others", "none"] | None = None
    smoothing_fwhm: float | None = None
    work_dir: Path | None = None
    n_procs: int | None = None
    """Cores for all participants in work; None for one participant after the other, on all cores."""
    omp_nthreads: int | None = None
    """Most cores of one participant; None for what the others leave."""
    mem: int | None = None
    """Bytes that all participants in work may take at once; on a cluster, on each worker."""
    scheduler: str | None = None
    """Address of a Dask scheduler."""
    scheduler_tls: tuple[Path, ...] | None = None
    """Files for an encrypted connection to it: certificate of the authority, own certificate, own key."""
    bids_database_dir: Path | None = None
    attribution: bool = True
    """Divide the difference among modelling steps."""
    export_code: bool = False
    """Write the fit as an SPM batch and as a nilearn script too."""
    atlas: Path | None = None
    """Labelled image whose regions get values of their own."""
    atlas_labels: Path | None = None
    """Names of its regions; None: a file beside the atlas where there is one."""
    underlay: Literal["bold", "t1w"] = "bold"
    """What pages lay the maps on."""
    calibrate: int | None = None
    """Simulated data sets without and with signal, for each noise model; None for no calibration."""
    skip_bids_validation: bool = False
    reports_only: bool = False
    boilerplate_only: bool = False
    dry_run: bool = False
    stop_on_first_crash: bool = False
    overwrite: bool = False
    allow_mixed: bool = False
    """Group level: go on with the largest set of participants that were run alike."""
    permutations: int = 0
    """Group level: of nilearn's permutation test; 0 for none."""
    two_sided: bool = False
    """Whether thresholds are of both tails, each with half of the error."""
    random_seed: int = 0
    """Seed of everything drawn at random."""
    verbosity: int = 0

    @property
    def n_processes(self) -> int:
        """Processes at the same time, for participants or for the parts of one."""
        return self.n_procs or 1


@dataclass(frozen=True)
class Hrf:
    """The set of functions that a condition's events are convolved with."""

    model: Literal["spm", "glover", "fir", "fourier", "fourier hanning", "gamma"] = "spm"
    derivative: bool = False
    dispersion: bool = False
    length: float | None = None
    """Seconds covered by a FIR, Fourier or gamma set."""
    order: int | None = None
    """Number of FIR bins, of Fourier frequencies or of gamma functions."""
    fir_delays: tuple[int, ...] | None = None
    """FIR delays in scans, nilearn's way to ask for the set."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What follows the condition in the regressor names, one for each function.

        >>> Hrf("spm", derivative=True).suffixes
        ('', '_derivative')
        >>> Hrf("fir", length=6, order=3).suffixes
        ('_delay_0', '_delay_1', '_delay_2')
        """
        if self.model == "fir":
            delays = self.fir_delays or tuple(range(self.order or 0))
            return tuple(f"_delay_{i}" for i in delays)
        if self.model in ("fourier", "fourier hanning"):
            return tuple(f"_fourier_{i + 1}" for i in range(2 * (self.order or 0) + 1))
        if self.model == "gamma":
            return tuple(f"_gamma_{i + 1}" for i in range(self.order or 0))
        return ("",) + ("_derivative",) * self.derivative + ("_dispersion",) * self.dispersion


@dataclass(frozen=True)
class ParametricModulation:
    """A request of the model: modulate conditions by a column of events.tsv."""

    name: str
    conditions: tuple[str, ...]
    """Trial types without the prefix trial_type."""
    column: str
    order: int = 1


@dataclass(frozen=True)
class TimeModulation:
    """A request of the model: modulate conditions by time since the run's start."""

    conditions: tuple[str, ...]
    order: int


@dataclass(frozen=True)
class SpmSettings:
    """Model.Software.SPM."""

    serial_correlation: Literal["AR(1)", "FAST", "none"] = "AR(1)"
    mask_threshold: float = 0.8
    """Share of the global below which a voxel leaves the mask; -inf for none."""
    microtime_resolution: int = 16
    microtime_onset: int | None = None
    """1-based bin; None: from the slice-time reference of the data, else 8."""
    global_normalization: Literal["None", "Scaling"] = "None"


@dataclass(frozen=True)
class NilearnSettings:
    """Model.Software.Nilearn."""

    noise_model: str = "ar1"
    """ols, ar1, ar2 ..."""
    signal_scaling: int | tuple[int, int] | Literal[False] = 0
    slice_time_ref: float | None = None
    """Fraction of the TR; None: from the data or SPM's onset, see specification."""
    drift_model: Literal["cosine", "polynomial"] | None = "cosine"
    hrf: Hrf | None = None
    """Only where it differs from the model's (settings native)."""
    high_pass: float | None = None
    """Seconds; only where it differs from the model's (settings native)."""
    engine: Literal["shared", "library"] = "shared"
    """What computes AR(1) fits: models that voxels share, or run_glm alone"""
    kept: dict[bytes, Any] | None = field(default=None, compare=False, repr=False)
    """Where many fits of the same designs keep what they share; None for a single fit"""


@dataclass(frozen=True)
class AfniSettings:
    """Model.Software.AFNI."""

    response_model: str | Mapping[str, str] | None = None
    """3dDeconvolve's notation, for all conditions or for each by its name; None: after the model's HRF."""
    by_duration: bool = False
    """Without a response model: whether durations choose it, not the model's HRF (settings native)."""
    polort: int | None = None
    """Degree of the polynomials; None for the rule of ``-polort A``."""
    scale: bool = True
    """Divide by each voxel's mean over the run, so that effects are in percent."""
    motion_per_run: bool = True
    """Whether each run has confound columns of its own; else one set runs through all runs."""
    censor: tuple[str, ...] = ()
    """Names and globs of scan-wise confounds: the scans where one is not 0 are left out."""
    noise_model: Literal["ARMA(1,1)", "none"] = "ARMA(1,1)"


@dataclass(frozen=True)
class FslSettings:
    """Model.Software.FSL."""

    hrf: Literal["double-gamma", "gamma", "gaussian"] | None = None
    """FEAT's convolution; None: after the model's HRF."""
    temporal_derivative: bool | None = None
    """None: after the model's HRF."""
    prewhitening: bool = True
    """FILM's; else ordinary least squares."""
    high_pass: float | None = None
    """Seconds; only where it differs from the model's (settings native)."""


@dataclass(frozen=True)
class ContrastSpecification:
    """A contrast at run level, over regressor names."""

    name: str
    label: str
    """Letters and digits, for file names."""
    conditions: tuple[str, ...]
    weights: Floats
    """(n_rows, n_conditions); one row for t."""
    test: Literal["t", "F"] = "t"


@dataclass(frozen=True)
class CombinedContrast:
    """A contrast of a Session or Subject node: weights over contrasts of the levels below."""

    specification: ContrastSpecification
    """Over names of contrasts; over CONSTANT it is a multiple of each that reaches the node"""
    reached: tuple[str, ...] | None
    """Names and globs of the contrasts that reach the node; None for all of the Run node"""
    place: str
    """Where it stands in the model file, for messages"""
    each: bool = False
    """Whether, over CONSTANT, each contrast has one of its own, named after both"""


@dataclass(frozen=True)
class Above:
    """What the nodes between the runs and the data set ask of a participant's contrasts."""

    contrasts: tuple[CombinedContrast, ...] = ()
    """Lower ones before those that are over them"""
    named: tuple[tuple[str, str], ...] = ()
    """Contrasts that a filter or an X names: place, name"""
    single: tuple[tuple[str, tuple[str, ...] | None], ...] = ()
    """Nodes that average without grouping by contrast, so that only one may reach them: place, `reached`"""
    one_run: str = ""
    """Place of a GroupBy of the Run node without run, so that there may be one run of each of `run_by`"""
    run_by: tuple[str, ...] = ()
    """Entities that the Run node groups by"""


@dataclass(frozen=True)
class GroupModel:
    """A Dataset node: how the participants' effects of each contrast are modelled."""

    name: str = "dataset"
    x: tuple[str, ...] = (CONSTANT,)
    """CONSTANT, columns of participants.tsv or of the instructions, column.level, contrasts; globs too."""
    instructions: tuple[Mapping[str, object], ...] = ()
    """Instructions of pybids-transforms-v1, over the columns of participants.tsv"""
    contrasts: tuple[ContrastSpecification, ...] = ()
    """Over the names of X."""
    dummy_contrasts: tuple[str, ...] | None = None
    """Names of X that get a t contrast each; None for none but those written out."""
    first_level: tuple[str, ...] | None = None
    """Names and globs of the Run node's contrasts that reach it; None for all."""
    made: tuple[str, ...] = ()
    """Those of Session and Subject nodes that reach it."""
    foreign: tuple[str, ...] = ()
    """Those of Session and Subject nodes that do not."""
    columns: tuple[str, ...] = ()
    """Columns of participants.tsv of which each level is a group analysis of its own."""
    by_session: bool = False
    """Whether each session is."""
    by_contrast: bool = True
    """Whether each contrast is; else all that X names are in one model."""
    sessions_apart: bool | None = None
    """Whether it takes fits of single sessions; None for whatever there is."""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Entity -> labels that reach it."""
    variance: Literal["equal", "unequal"] | None = None
    """Variance of groups of participants, in SPM; None for SPM's default."""


@dataclass(frozen=True)
class ModelSpecification:
    """A first-level model, read from a BIDS Stats Model or made automatically."""

    name: str
    x: tuple[str, ...]
    """Regressor names and globs in the model's order, without the intercept."""
    intercept: bool = True
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_session: bool = True
    """Fit sessions apart."""
    both_ways: bool = False
    """Fit sessions apart and together, for nodes that differ in it."""
    above: Above = Above()
    """Contrasts over contrasts."""
    hrf: Hrf = Hrf()
    high_pass: float = DEFAULT_HIGH_PASS
    """Seconds; infinite for no filter."""
    mask_entities: Mapping[str, str] = field(default_factory=dict)
    """Options.Mask; empty means fMRIPrep's brain mask."""
    transformations: tuple[Mapping[str, object], ...] = ()
    """Instructions of pybids-transforms-v1, Factor and Convolve already taken out."""
    convolved: tuple[str, ...] | None = None
    """Names and globs of what the model convolves; None where it says nothing: all trial types."""
    own_cosines: bool = False
    """X has fMRIPrep's cosines and no cut-off is given: they are the high-pass filter."""
    modulations: tuple[ParametricModulation, ...] = ()
    time_modulations: tuple[TimeModulation, ...] = ()
    orthogonalize: bool | Mapping[str, bool] = True
    """One value, or one for each trial type."""
    contrasts: tuple[ContrastSpecification, ...] = ()
    dummy_contrasts: tuple[str, ...] = ()
    """Regressor names and globs that get a t contrast each."""
    smoothing_fwhm: float = 0.0
    two_sided: bool = False
    """Whether each tail of t has half of a threshold's error."""
    group: tuple[GroupModel, ...] = ()
    """Dataset nodes; they change nothing of a participant's fit."""
    spm: SpmSettings = SpmSettings()
    nilearn: NilearnSettings = NilearnSettings()
    afni: AfniSettings = AfniSettings()
    fsl: FslSettings = FslSettings()
    notes: tuple[str, ...] = ()
    """What the reader of the report should know: defaults taken, options without effect."""
    automatic: bool = False
    """Made by bidsglm: a condition that a participant lacks is noted, not an error."""
    origin: str = ""
    """The file it was read from, for messages."""


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
    def weight_names(self) -> tuple[str, ...]:
        """Main effect, time modulation, then modulators, as in regressor names.

        >>> Condition("go", np.zeros(1), np.zeros(1), (Modulator("rt", np.ones(1), 2),)).weight_names
        ('trial_type.go', 'trial_type.go_x_rt^1', 'trial_type.go_x_rt^2')
        """
        stem = self.prefix + self.name
        time = tuple(f"{stem}_x_time^{i + 1}" for i in range(self.time_modulation))
        modulated = tuple(f"{stem}_x_{m.name}^{i + 1}" for m in self.modulators for i in range(m.order))
        return (stem, *time, *modulated)


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

    @property
    def n_voxels(self) -> int:
        """Number of columns."""
        return int(self.stored.shape[1])

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
