"""A unit's data as the checks see them: counts within the mask."""

from dataclasses import dataclass, field

from bidsglm.data import MaskLoss

NO_MEAN = 2.0
"""Mean over standard deviation of the median voxel below which a series has lost its mean: images as scanned
have 10 to 100, demeaned and z-scored ones 0, per cent change around 0.1."""


@dataclass(frozen=True)
class RunData:
    """A run's voxels within the mask, before smoothing."""

    label: str
    n_voxels: int
    n_constant: int
    """One value in every scan"""
    n_zero: int
    """That value is 0"""
    n_not_finite: int
    """NaN or infinite in some scan"""
    n_low: int
    """Voxels with data whose mean is below what nilearn divides by"""
    median_mean: float
    """Over voxels with data"""
    mean_to_deviation: float
    """For the median voxel: mean over standard deviation over the scans"""
    brightest: int = 0
    """The volume, from 1, with the largest global"""
    bright: float = 1.0
    """Its global over that of the median volume"""

    @property
    def has_mean(self) -> bool:
        """Whether there is a mean to be per cent of."""
        # NaN, where no voxel has data, is no lost mean
        return not self.mean_to_deviation < NO_MEAN


@dataclass(frozen=True)
class DataReview:
    """A unit's data, as the checks see them."""

    runs: tuple[RunData, ...]
    n_without_data: int
    """Voxels of the mask that are constant in any run"""
    smoothed: bool
    backends: tuple[str, ...]
    n_explained: dict[str, int] = field(default_factory=dict)
    """Backend -> voxels whose residual is rounding"""
    n_not_pooled: int = 0
    masks: tuple[MaskLoss, ...] = ()

    @property
    def n_voxels(self) -> int:
        """Number of voxels of the mask."""
        return max((run.n_voxels for run in self.runs), default=0)
