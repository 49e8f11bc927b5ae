"""How wide the packages' smoothing kernels really are on voxels of a given size."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from bidsglm.dataset.smoothers import reach
from bidsglm.model import Floats, ModelSpecification
from bidsglm.spm.smoothing import FWHM_PER_SIGMA
from bidsglm.spm.smoothing import kernel as spm_kernel


def sampled_gaussian(fwhm_voxels: float) -> Floats:
    """Nilearn's kernel: a Gaussian taken at the voxels' centres and cut at four standard deviations.

    >>> sampled_gaussian(1.0).round(3).tolist()
    [0.0, 0.056, 0.889, 0.056, 0.0]
    """
    sigma = fwhm_voxels / FWHM_PER_SIGMA
    x = np.arange(-reach(sigma), reach(sigma) + 1)
    weights = np.exp(-(x**2) / (2 * sigma**2))
    return np.asarray(weights / weights.sum())


KERNELS: Mapping[str, Callable[[float], Floats]] = {"spm": spm_kernel, "nilearn": sampled_gaussian}
"""Package -> weights of one axis; none for packages that smooth by other means."""


def effective_fwhm(weights: Floats) -> float:
    """Full width at half maximum (voxels) of the Gaussian that spreads as widely as a kernel.

    >>> round(effective_fwhm(spm_kernel(1.0)), 2), round(effective_fwhm(sampled_gaussian(1.0)), 2)
    (1.38, 0.79)
    """
    x = np.arange(len(weights)) - len(weights) // 2
    return float(FWHM_PER_SIGMA * np.sqrt(weights @ x**2))


def effective_widths(fwhm: float, voxel_sizes: Sequence[float], backends: Iterable[str]) -> dict[str, float]:
    """Package -> effective width (mm) of its kernel, geometric mean of the three axes; of those known here.

    >>> {name: round(width, 1) for name, width in effective_widths(6, (6, 6, 6), ("spm", "nilearn")).items()}
    {'spm': 8.3, 'nilearn': 4.7}
    """
    return {
        name: float(
            np.exp(np.mean([np.log(effective_fwhm(KERNELS[name](fwhm / s)) * s) for s in voxel_sizes]))
        )
        for name in backends
        if name in KERNELS
    }


def grid_in_words(voxel_sizes: Sequence[float]) -> str:
    """Size of the voxels.

    >>> grid_in_words((3.0, 3.0, 3.3)), grid_in_words((2.0, 2.0, 2.0))
    ('3 x 3 x 3.3 mm', '2 mm')
    """
    texts = [f"{size:.3g}" for size in voxel_sizes]
    return f"{texts[0] if len(set(texts)) == 1 else ' x '.join(texts)} mm"


def smoothing_in_words(
    model: ModelSpecification, voxel_sizes: Sequence[float], backends: Sequence[str]
) -> dict[str, str]:
    """Package -> nominal and effective width of its kernel; nothing where the data are not smoothed."""
    widths = effective_widths(model.smoothing_fwhm, voxel_sizes, backends) if model.smoothing_fwhm else {}
    where = f"in effect on voxels of {grid_in_words(voxel_sizes)}"
    return {
        name: f"{model.smoothing_fwhm:g} mm FWHM; {width:.1f} mm {where}" for name, width in widths.items()
    }
