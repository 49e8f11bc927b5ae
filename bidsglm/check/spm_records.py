"""What an SPM.mat of a first level says, as records."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.data import Condition
from bidsglm.model import Floats

NO_FACTORS = np.empty(0)


class SpmSession(NamedTuple):
    """One session."""

    conditions: tuple[Condition, ...]
    """With onsets and durations in s"""
    regressors: tuple[str, ...]
    values: Floats
    """(n_scans, n_regressors) raw"""
    rows: slice
    """Its rows of X"""
    columns: tuple[int, ...]
    """Its columns of X, from 0, without the constant"""
    high_pass: float
    """s; infinite for no filter"""
    filter_basis: Floats
    """(n_scans, n_cosines)"""
    blocks: tuple[slice, ...] = ()
    """Rows of runs that were made one session (spm_fmri_concatenate), each with its own filter and constant;
    none where it is one run"""

    @property
    def n_filters(self) -> int:
        """Number of runs in it."""
        return max(len(self.blocks), 1)

    @property
    def n_scans(self) -> int:
        """Number of scans."""
        return int(self.rows.stop) - int(self.rows.start)


class SpmContrast(NamedTuple):
    """A contrast of SPM's contrast manager."""

    name: str
    test: str
    """T or F"""
    weights: Floats
    """(n_rows, n_columns) over the columns of X"""
    effect_map: str
    """File in the folder; empty before it was estimated"""
    stat_map: str


class Scan(NamedTuple):
    """A volume that was analysed."""

    path: str
    """As it stands in SPM.mat, without blanks and volume number"""
    volume: int
    """From 1"""


class SpmAnalysis(NamedTuple):
    """All that a first-level SPM.mat says."""

    path: Path
    repetition_time: float
    units: str
    """secs or scans, as the user gave onsets and durations"""
    microtime_resolution: int
    microtime_onset: int
    basis: str
    """SPM's name of the set"""
    basis_length: float
    basis_order: int
    sessions: tuple[SpmSession, ...]
    names: tuple[str, ...]
    """Columns of X"""
    matrix: Floats
    """(n_scans, n_columns) of all sessions, before whitening and filtering"""
    noise: str
    """AR(1), FAST or none"""
    scaling: str
    """None or Scaling"""
    mask_threshold: float
    explicit_mask: str
    """Path; empty for none"""
    scans: tuple[Scan, ...]
    smoothed: tuple[float, ...]
    """mm along the axes, as the images' descriptions tell it; empty where they do not"""
    contrasts: tuple[SpmContrast, ...]
    is_estimated: bool
    dof: float
    """Effective residual ones; NaN before it was estimated"""
    shape: tuple[int, ...]
    """Grid of the scans; empty where SPM.mat does not hold it"""
    scale_factors: Floats = NO_FACTORS
    """(n_scans,) by which SPM multiplied each scan; empty where SPM.mat does not hold them"""

    @property
    def folder(self) -> Path:
        """Where its maps are: beside it, wherever it was made."""
        return self.path.parent
