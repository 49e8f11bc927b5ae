"""``--underlay t1w``: fMRIPrep's T1w image on the grid of the maps, for pages to lay the maps on."""

from pathlib import Path

import numpy as np
import scipy

from bidsglm.add_ons import AddOn, FinishedUnit, Written
from bidsglm.data import Unit, Volume
from bidsglm.dataset.masks import Grid
from bidsglm.dataset.nifti import read_map
from bidsglm.dataset.nifti_writing import map_bytes
from bidsglm.messages import LOG
from bidsglm.model import Floats
from bidsglm.outputs.names import write_bytes, write_json
from bidsglm.settings import Settings
from bidsglm.unit.maps import UnitMaps

NAME = "underlay"


def underlay_add_on(settings: Settings) -> AddOn:
    """The anatomical image that the command line asks for."""
    return AddOn(NAME, settings.underlay, _write)


def t1w_of(unit: Unit) -> Path | None:
    """FMRIPrep's preprocessed T1w image of a unit's participant in the space of the maps, if there is one.

    It stands in a folder anat beside the preprocessed series, or beside its session.
    """
    func = unit.runs[0].bold.parent
    folders = [func.parent / "anat", func.parent.parent / "anat"]
    space = unit.entities.get("space", "T1w")
    found = [path for folder in folders for path in sorted(folder.glob(f"sub-{unit.participant}_*_T1w.nii*"))]
    preprocessed = [path for path in found if "_desc-preproc_" in path.name]
    if space == "T1w":
        return next((path for path in preprocessed if "_space-" not in path.name), None)
    return next((path for path in preprocessed if f"_space-{space}_" in path.name), None)


def resampled(values: Floats, affine: Floats, grid: Grid) -> Floats:
    """Anatomy (x, y, z) at the voxels of another grid, averaged where those are larger; 0 outside."""
    step = np.linalg.inv(affine) @ grid.affine
    ratio = np.linalg.norm(step[:3, :3], axis=1)
    smooth = scipy.ndimage.uniform_filter(values, size=tuple(max(1, round(float(each))) for each in ratio))
    moved: Floats = scipy.ndimage.affine_transform(smooth, step[:3, :3], step[:3, 3], grid.shape, order=1)
    return moved


def _write(finished: FinishedUnit) -> Written:
    unit, settings = finished.unit, finished.settings
    path = t1w_of(unit)
    if path is None:
        LOG.warning(
            "%s: there is no preprocessed T1w image in its space; pages show the mean bold", unit.prefix
        )
        return Written([])
    files = UnitMaps(settings.output_dir, finished.summary)
    behind, affine = files.map(f"{unit.prefix}_desc-mean_boldref")
    x, y, z = behind.shape
    values, own = read_map(path)
    anatomy = resampled(np.nan_to_num(values), own, Grid((x, y, z), affine))
    everywhere = Volume((x, y, z), affine, np.ones((x, y, z), dtype=np.bool_))
    stem = f"{unit.folder}/{unit.prefix}_desc-underlay_T1w"
    space = unit.entities.get("space", "")
    content = map_bytes(anatomy.ravel(), everywhere, 0.0, space=space)
    write_bytes(settings.output_dir / f"{stem}.nii.gz", content)
    facts = {"Description": "fMRIPrep's T1w image on the grid of the maps", "Sources": [path.name]}
    write_json(settings.output_dir / f"{stem}.json", facts)
    return Written([f"{stem}.nii.gz", f"{stem}.json"])
