"""A second level of SPM computed again from its images: the maps come out, or what differs is said."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.check.columns import DIGITS
from bidsglm.check.data import ScanPlace, grid_of, load_image, values_of, volumes
from bidsglm.check.own_files import own_file
from bidsglm.check.refit import compared_map
from bidsglm.check.second_level import SpmGroup
from bidsglm.dataset.masks import Grid, is_same_grid, on_grid
from bidsglm.errors import DataError
from bidsglm.model import Floats, Mask
from bidsglm.report.second_level_check import RefittedMap
from bidsglm.spm.contrasts import TContrastMaps
from bidsglm.spm.nonsphericity import LevelFit, LevelModel, analysis_mask, fitted, level_contrast

MOST_VALUES = 2**29
"""Values (4 GiB) of all images within the mask."""
IDENTITY = 1e-8
"""Covariance of two images below which SPM's V has none: it is 0 or what ReML left."""
WITH_NAN = ("f2", "f4", "f8")
"""Types of values that can say that there is none; zeros of the others may be masked implicitly."""


class RefittedGroup(NamedTuple):
    """What came out."""

    maps: tuple[RefittedMap, ...]
    fit: LevelFit
    n_voxels: int
    adds_to_variance: bool
    """Whether ResMS comes out only with what SPM adds in other modalities than fMRI"""


def group_model(group: SpmGroup, adds_to_variance: bool = False) -> LevelModel:
    """Return the model that SPM.mat holds."""
    V = group.errors.covariance
    known = (
        group.errors.components is None
        and V is not None
        and not np.allclose(V, np.eye(len(V)), rtol=DIGITS, atol=IDENTITY)
    )
    return LevelModel(
        group.matrix,
        (*group.blocks, *group.nuisances),
        group.errors.components,
        V if known else None,
        group.errors.selection_p,
        adds_to_variance,
    )


def refitted_group(
    group: SpmGroup, scans: Sequence[ScanPlace], explicit: Sequence[Path] | None
) -> RefittedGroup | None:
    """Fit SPM's model to its images as SPM12 does, and compare the maps in the folder.

    None comes back where there is no map. Without the explicit masks (None) the mask is not made again.

    Raises
    ------
    BidsglmError
        An image is damaged or on another grid, or the model cannot be fitted.
    """
    mask_file = own_file(group.folder, group.mask_map or "mask")
    if mask_file is None or not group.is_estimated:
        return None
    values, grid = values_of(mask_file)
    theirs = np.nan_to_num(values) > 0
    ours = None if explicit is None else _mask(group, scans, explicit, grid)
    if not theirs.any():
        raise DataError(f"{mask_file}: the mask holds no voxel; estimate the model again")
    images = _images(group, scans, theirs, grid)
    try:
        fit = fitted(images, group_model(group))
        maps = tuple(_maps(group, fit, theirs))
        other = _of_another_modality(group, images, theirs, maps)
    except (ValueError, np.linalg.LinAlgError) as error:
        raise DataError(f"{group.path}: its model cannot be fitted to these images: {error}") from error
    if other is not None:
        fit, maps = other
    if ours is not None:
        maps = (*maps, _compared_mask(ours, theirs, mask_file))
    return RefittedGroup(maps, fit, int(theirs.sum()), other is not None)


def _compared_mask(ours: Mask, theirs: Mask, path: Path) -> RefittedMap:
    same = bool(np.array_equal(ours, theirs))
    r = 1.0 if same else pearson_r(ours.ravel().astype(np.float64), theirs.ravel().astype(np.float64))
    return RefittedMap("", "mask", path, r, float(not same), same)


def _of_another_modality(
    group: SpmGroup, images: Floats, voxels: Mask, maps: Sequence[RefittedMap]
) -> tuple[LevelFit, tuple[RefittedMap, ...]] | None:
    """The same with what SPM adds to ResMS when it was started for PET or EEG, where that is what it did."""
    plain = next((each for each in maps if each.what == "ResMS"), None)
    if plain is None or plain.is_reproduced:
        return None
    fit = fitted(images, group_model(group, adds_to_variance=True))
    again = tuple(_maps(group, fit, voxels))
    return (fit, again) if any(m.what == "ResMS" and m.is_reproduced for m in again) else None


def _scaled_volumes(group: SpmGroup, scans: Sequence[ScanPlace], grid: Grid) -> Iterator[Floats]:
    """Images (x, y, z) times SPM's factors, one after the other."""
    for place, values, factor in zip(scans, volumes(scans), group.globals.factors, strict=True):
        if not is_same_grid(grid_of(load_image(place.path)), grid):
            raise DataError(
                f"{place.path}: lies on another grid than SPM's mask; give the images that SPM analysed"
            )
        yield np.asarray(values, dtype=np.float64).reshape(grid.shape) * factor


def _mask(group: SpmGroup, scans: Sequence[ScanPlace], explicit: Sequence[Path], grid: Grid) -> Mask:
    """SPM's mask made again, (x, y, z)."""
    whole = [load_image(place.path).get_data_dtype().str[1:] not in WITH_NAN for place in scans]
    implicit = [each and group.mask.implicit for each in whole]
    flat = (values.ravel() for values in _scaled_volumes(group, scans, grid))
    found = analysis_mask(flat, group.mask.thresholds.tolist(), implicit).reshape(grid.shape)
    for path in explicit:
        values, own = values_of(path)
        found &= on_grid(values, own.affine, grid)
    return np.asarray(found)


def _images(group: SpmGroup, scans: Sequence[ScanPlace], voxels: Mask, grid: Grid) -> Floats:
    n_voxels = int(voxels.sum())
    if n_voxels * len(scans) > MOST_VALUES:
        raise DataError(
            f"{group.path}: {len(scans)} images of {n_voxels:,} voxels do not fit into the memory of a check"
        )
    images = np.empty((len(scans), n_voxels))
    for row, values in zip(images, _scaled_volumes(group, scans, grid), strict=True):
        row[:] = values[voxels]
    if not np.isfinite(images).all():
        raise DataError(
            f"{group.path}: its images have no value in some voxels of its mask; they are not those of SPM"
        )
    return images


def _maps(group: SpmGroup, fit: LevelFit, voxels: Mask) -> Iterator[RefittedMap]:
    """Every map of the folder, with ours of it."""
    everywhere = np.ones(fit.mean_square.shape, dtype=np.bool_)
    made: list[tuple[str, str, Floats, str]] = [
        (name, "beta", beta.astype(np.float64), file)
        for name, beta, file in zip(group.names, fit.betas, group.beta_maps, strict=False)
    ]
    made.append(("", "ResMS", fit.mean_square, group.variance_map or "ResMS"))
    for contrast in group.contrasts:
        maps = level_contrast(fit, contrast.weights, contrast.test)
        is_t = isinstance(maps, TContrastMaps)
        first, second = (maps.effect, maps.t) if isinstance(maps, TContrastMaps) else maps
        made.append((contrast.name, "effect" if is_t else "extra sum of squares", first, contrast.effect_map))
        made.append((contrast.name, "t" if is_t else "F", second, contrast.stat_map))
    for name, what, values, file in made:
        path = own_file(group.folder, file)
        if path is not None:
            yield compared_map(name, what, (values, everywhere), path, voxels)
