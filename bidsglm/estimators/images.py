"""Images of a first level as nilearn takes them: paths, or images in memory."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from bidsglm.data import Run
from bidsglm.dataset.nifti import read_header


def read_runs(images: Sequence[Any], mask: Any, folder: Path, repetition_time: float) -> list[Run]:
    """Make runs of images; those in memory are written first, so that they are read as files are.

    The folder that they are written into must be there while the data are read.

    Raises
    ------
    TypeError
        Something is neither path nor image.
    BidsglmError
        A file is absent or damaged.
    """
    mask_path = None if mask is None else _path(mask, folder / "mask.nii", "mask_img")
    runs = []
    for number, image in enumerate(images):
        path = _path(image, folder / f"run-{number + 1}.nii", "run_imgs")
        n_scans = read_header(path).n_volumes
        runs.append(Run({}, path, None, None, mask_path, n_scans, repetition_time, None))
    return runs


def _path(given: Any, target: Path, name: str) -> Path:
    if isinstance(given, str | PathLike):
        return Path(given)
    if not isinstance(given, nib.spatialimages.SpatialImage):
        raise TypeError(f"{name}: must be paths or NIfTI images, not {type(given).__name__}")
    values = np.asanyarray(given.dataobj)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8)
    elif values.dtype.kind in "iu" and values.dtype.itemsize > 4:
        values = values.astype(np.float64)  # NIfTI's 64-bit integers are read by few programs
    copy = nib.Nifti1Image(values, given.affine, dtype=values.dtype)
    copy.header.set_zooms(given.header.get_zooms()[: values.ndim])
    copy.to_filename(target)
    return target
