"""Which voxels to read: the mask files of the runs, or where there are none each package's own mask."""

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.data import MaskLoss, Run
from bidsglm.dataset.nifti import Header, read_header, volumes
from bidsglm.dataset.smoothers import SpmSmoother
from bidsglm.errors import DataError
from bidsglm.model import Floats, Mask
from bidsglm.packages import PACKAGES
from bidsglm.spm.scaling import global_mean

SAME_GRID = 1e-3
"""mm by which the corners of two grids may differ: affines are written in float32."""
EDGE = 0.05
"""Voxels beyond the centre of a mask's outermost voxels that SPM still counts as inside."""
SAME_VALUE = 0.99
"""Share of its largest value from which a mask's values are one value: resampling leaves rounding."""
HALF = 0.5
"""Probability at which people usually cut tissue maps; told, not applied."""
THRESHOLD_SLACK = 1e-9
"""Relative; a candidate column too many does no harm, since the backend applies its own mask."""
LARGEST_OTHER = 2**24
"""Voxels of a mask on another grid than the images': an anatomical one of 256 voxels each way."""


class Grid(NamedTuple):
    """What all runs of a unit have in common."""

    shape: tuple[int, int, int]
    affine: Floats


def common_grid(headers: Sequence[Header]) -> Grid:
    """Grid of runs that are fitted together.

    Raises
    ------
    DataError
        If one has another grid than the first.
    """
    grid = grid_of(headers[0])
    for header in headers[1:]:
        if not is_same_grid(grid_of(header), grid):
            raise DataError(
                f"{header.path}: its grid differs from that of {headers[0].path.name}; "
                "fit these runs apart or preprocess them onto one grid"
            )
    return grid


def grid_of(header: Header) -> Grid:
    """Grid of an image."""
    x, y, z = header.shape[:3]
    return Grid((x, y, z), header.affine)


def is_same_grid(a: Grid, b: Grid) -> bool:
    """Whether the voxels of two grids are the same places.

    >>> is_same_grid(Grid((2, 2, 2), np.eye(4)), Grid((2, 2, 2), np.eye(4) + 1e-6))
    True
    """
    if a.shape != b.shape:
        return False
    corners = np.array([[0, 0, 0, 1], [*(n - 1 for n in a.shape), 1]], dtype=float).T
    return bool(np.max(np.abs((a.affine - b.affine) @ corners)) < SAME_GRID)


def read_mask(runs: Sequence[Run]) -> tuple[Mask | None, tuple[MaskLoss, ...]]:
    """Read the intersection of the runs' mask files, on the grid of the first bold.

    Parameters
    ----------
    runs : those without a mask file do not count

    Returns
    -------
    (x, y, z), or None if no run has a mask file; and the losses of each file

    Raises
    ------
    DataError
        If no voxel is in every mask.
    NoInputError, ReadWriteError
        If a file is absent or damaged.
    """
    paths = list(dict.fromkeys(run.mask for run in runs if run.mask is not None))
    if not paths:
        return None, ()
    grid = grid_of(read_header(runs[0].bold))
    masks, losses = [], []
    for path in paths:
        header = _mask_header(path, grid)
        (values,) = (header.scaled(stored) for stored in volumes(header))
        inside = _is_inside(values)
        masks.append(on_grid(inside.reshape(header.shape[:3], order="F"), header.affine, grid))
        if not masks[-1].any():
            raise DataError(f"{path}: the mask holds no voxel of {runs[0].bold.name}; make the mask again")
        own = _volume(inside, header.affine)
        moved = not is_same_grid(grid_of(header), grid)
        left = _volume(masks[-1], grid.affine) / own
        losses.append(MaskLoss(path.name, left, False, moved, _graded(path, values[inside])))
    mask = np.logical_and.reduce(masks)
    if not mask.any():
        names = ", ".join(path.name for path in paths[1:])
        raise DataError(f"{paths[0]}: has no voxel in common with {names}; check the masks of these runs")
    n_common = np.count_nonzero(mask)
    common = [
        MaskLoss(p.name, n_common / np.count_nonzero(m), True) for p, m in zip(paths, masks, strict=True)
    ]
    return np.asarray(mask), (*losses, *common)


def _is_inside(values: Floats) -> Mask:
    """Whether values are those of a mask's voxels; what is not finite counts as 0, as in SPM."""
    return np.asarray((values > 0) & np.isfinite(values))


def _graded(path: Path, values: Floats) -> str:
    """What to say of a file that is no mask of two values; SPM takes what is above 0, nilearn refuses it.

    >>> _graded(Path("m.nii"), np.ones(5))
    ''
    """
    low, high = values.min(), values.max()
    if low >= SAME_VALUE * high:
        return ""
    kind, few = f"several values ({low:g} to {high:g}), as a map of labels has them", ""
    if high <= 1 + EDGE:
        kind = "values between 0 and 1, as a tissue's probability map has them"
        few = f" ({np.count_nonzero(values > HALF):,} are above {HALF:g})"
    return (
        f"{path.name}: holds {kind}: all of its {values.size:,} voxels above 0 are in the mask{few}; if "
        "fewer are meant, write a mask of 0 and 1 and name it in Options.Mask"
    )


def _volume(mask: Mask, affine: Floats) -> float:
    """Volume of the voxels of a mask (mm³)."""
    return float(np.count_nonzero(mask) * abs(np.linalg.det(affine[:3, :3])))


def _mask_header(path: Path, grid: Grid) -> Header:
    """Header of a mask that may be read: one volume, on the images' grid or of moderate size."""
    header = read_header(path)
    if header.n_volumes > 1:
        raise DataError(f"{path}: has {header.n_volumes} volumes; a mask is a single volume")
    own = grid_of(header)
    if prod(own.shape) > LARGEST_OTHER and not is_same_grid(own, grid):
        raise DataError(
            f"{path}: its header says {' x '.join(map(str, own.shape))} voxels, another grid than the "
            f"images' {' x '.join(map(str, grid.shape))}; resample the mask to theirs"
        )
    return header


def masks_share_grid(runs: Sequence[Run]) -> bool:
    """Whether the mask files, if there are any, lie on the grid of the runs' images.

    Raises
    ------
    NoInputError, ReadWriteError, DataError
        If a file is absent, damaged or no image.
    """
    grid = grid_of(read_header(runs[0].bold))
    masks = {run.mask for run in runs if run.mask is not None}
    return all(is_same_grid(grid_of(read_header(mask)), grid) for mask in masks)


def on_grid(values: Floats | Mask, affine: Floats, grid: Grid) -> Mask:
    """Bring a mask over to another grid by SPM's nearest-neighbour rule.

    Parameters
    ----------
    values : (i, j, k) in the mask where positive
    affine : (4, 4) of the mask
    grid : to bring it to

    Returns
    -------
    (x, y, z)

    Examples
    --------
    >>> coarse, fine = np.diag([2.0, 1, 1, 1]), Grid((4, 1, 1), np.eye(4))
    >>> on_grid(np.array([0.0, 1.0]).reshape(2, 1, 1), coarse, fine).ravel()
    array([False,  True,  True, False])
    """
    to_mask = np.linalg.inv(affine) @ grid.affine
    x, y, z = np.ogrid[: grid.shape[0], : grid.shape[1], : grid.shape[2]]
    inside, nearest = np.ones(grid.shape, dtype=bool), []
    for row, n in zip(to_mask[:3], values.shape, strict=True):
        position = row[0] * x + row[1] * y + row[2] * z + row[3]
        inside &= (position >= -EDGE) & (position <= n - 1 + EDGE)
        nearest.append(np.clip(np.floor(position + 0.5).astype(np.intp), 0, n - 1))
    found = values[tuple(nearest)]
    return np.asarray(inside & (found > 0) & np.isfinite(found))


def own_masks(
    headers: Sequence[Header], backends: Sequence[str], mask_threshold: float, smoother: SpmSmoother | None
) -> dict[str, Mask]:
    """Read every run once to find the packages' own masks.

    SPM: voxels above a share of the global in every scan, here without its test for constant voxels.
    nilearn: the mask that FirstLevelModel makes of the mean images, before any smoothing.

    Parameters
    ----------
    headers : of the bold files
    backends : names of packages
    mask_threshold : SPM's share of the global, -inf for none
    smoother : SPM's, if its data are smoothed

    Returns
    -------
    Backend -> (x, y, z), which may hold no voxel

    Raises
    ------
    ReadWriteError
        If a file is damaged.
    """
    grid = grid_of(headers[0])
    above, means = np.ones(grid.shape, dtype=bool), []
    rules = {name: PACKAGES[name].own_mask for name in backends}
    for header in headers:
        total: Any = 0.0
        for stored in volumes(header):
            stored = stored.reshape(grid.shape, order="F")
            if "epi" in rules.values():
                total = total + _as_nilearn_loads(stored, header)
            if "threshold" in rules.values():
                above &= _above_threshold(stored, header, mask_threshold, smoother)
        means.append(total / header.n_volumes)
    made = {"threshold": above}
    if "epi" in rules.values():
        made["epi"] = _nilearn_mask(means, grid.affine)
    return {name: made[rule] for name, rule in rules.items()}


def _as_nilearn_loads(stored: NDArray[np.generic], header: Header) -> NDArray[np.generic]:
    """Values in the precision that nilearn averages them in."""
    return header.scaled(stored) if header.is_scaled or stored.dtype.kind != "f" else stored


def _above_threshold(
    stored: NDArray[np.generic], header: Header, mask_threshold: float, smoother: SpmSmoother | None
) -> Mask:
    values = header.scaled(stored) if smoother is None else smoother.smoothed(stored, header)
    level = global_mean(values)
    if not level > 0:
        return np.ones(values.shape, dtype=bool)
    return np.asarray(values > level * mask_threshold * (1 - THRESHOLD_SLACK))


def _nilearn_mask(means: Sequence[NDArray[np.floating]], affine: Floats) -> Mask:
    from nibabel import Nifti1Image
    from nilearn.masking import compute_multi_epi_mask

    image = compute_multi_epi_mask([Nifti1Image(mean, affine) for mean in means])
    return np.asarray(image.get_fdata() > 0)
