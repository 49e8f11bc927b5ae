"""How much work an attribution may be: the sample that a pair of packages is explained on, or a refusal.

The work of a pair grows with the number of mixtures, of scans and of voxels of the sample: every mixture is
fitted anew, while SPM against nilearn is computed from cross-products of all voxels.
"""

from typing import NamedTuple

TABULATED = 20_000
"""Voxels of both masks that the default pair is explained on, all where there are fewer"""
MOST_VALUES = 400_000_000
"""Mixtures times scans times voxels: some two minutes of one core"""
MOST_VOXELS = 2_000
"""In the sample: correlations and shares of the whole are known to some hundredths"""
LEAST_VOXELS = 300
"""Below it, shares would say more of the sample than of the brain"""


class Work(NamedTuple):
    """What a pair costs."""

    n_mixtures: int
    n_scans: int
    n_voxels: int
    """Voxels of the sample"""

    @property
    def too_much(self) -> str:
        """Why the pair is not explained; empty where it is.

        >>> Work(64, 300, 2000).too_much, Work(512, 20_000, 39).too_much[:24]
        ('', '512 mixtures of settings')
        """
        if self.n_voxels >= LEAST_VOXELS:
            return ""
        return (
            f"{self.n_mixtures} mixtures of settings would be fitted for {self.n_scans:,} scans; within"
            f" the limit of {MOST_VALUES:,} values (mixtures x scans x voxels) that leaves {self.n_voxels}"
            f" voxels, and shares need {LEAST_VOXELS}"
        )


def work(n_mixtures: int, n_scans: int, n_available: int) -> Work:
    """Choose the size of the sample.

    Parameters
    ----------
    n_mixtures
        Of settings that are fitted.
    n_scans
        Of all runs.
    n_available
        Voxels that both packages have.

    >>> work(32, 300, 50_000)
    Work(n_mixtures=32, n_scans=300, n_voxels=2000)
    """
    # every mixture goes through each scan of each voxel once
    affordable = MOST_VALUES // (n_mixtures * n_scans)
    wanted = min(MOST_VOXELS, affordable)
    # a small mask is explained on all of it, however few voxels it has
    return Work(n_mixtures, n_scans, max(wanted, 0) if n_available > wanted else max(wanted, LEAST_VOXELS))
