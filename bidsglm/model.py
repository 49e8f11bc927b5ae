"""Frozen records of a model, and the vocabulary of regressor names.

Times are in seconds, distances in millimetres.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

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
    def notation(self) -> str:
        """Name the set as the model does.

        >>> Hrf("spm", derivative=True).notation
        'spm + derivative'
        """
        return self.model + " + derivative" * self.derivative + " + dispersion" * self.dispersion

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

    @property
    def onset(self) -> int:
        """Bin that the model gives, else SPM's default."""
        if self.microtime_onset is not None:
            return self.microtime_onset
        return min(DEFAULT_MICROTIME_ONSET, self.microtime_resolution)

    @property
    def moment(self) -> float:
        """Share of the TR at which that bin begins."""
        return (self.onset - 1) / self.microtime_resolution


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
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Column of participants.tsv -> levels of it that reach the node."""
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

    @property
    def place(self) -> str:
        """What messages call it: its file, or its name."""
        return self.origin or f"model {self.name!r}"

    @property
    def modulated(self) -> tuple[tuple[str, ...], ...]:
        """Conditions of each of its modulations."""
        parametric = (each.conditions for each in self.modulations)
        return (*parametric, *(each.conditions for each in self.time_modulations))
