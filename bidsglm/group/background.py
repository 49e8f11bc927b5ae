"""What lies behind the group's maps: the mean of participants' mean bold images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bidsglm.data import Volume
from bidsglm.dataset.masks import Grid, is_same_grid
from bidsglm.dataset.nifti import read_map
from bidsglm.dataset.nifti_writing import map_bytes
from bidsglm.errors import BidsglmError
from bidsglm.group.members import Summary
from bidsglm.model import Floats
from bidsglm.outputs.names import write_bytes, write_json

ENOUGH = 20
"""Images: their mean shows the anatomy that the group shares, and more would take longer to read."""


def background_path(output_dir: Path, name: str) -> Path:
    """Where the mean image of a group stands."""
    return output_dir / "group" / f"{name}_desc-mean_boldref.nii.gz"


def write_background(output_dir: Path, name: str, units: Sequence[Summary]) -> None:
    """Write the mean of the first images that are there and on one grid, each scaled to a mean of 1.

    Where there is none, an earlier one stays.

    Raises
    ------
    ReadWriteError
        When it cannot be written.
    """
    total: Floats | None = None
    grid: Grid | None = None
    used: list[str] = []
    for unit in units:
        relative = f"{unit['folder']}/{unit['prefix']}_desc-mean_boldref.nii.gz"
        try:
            values, affine = read_map(output_dir / relative)
        except BidsglmError:  # a picture's ground is no reason to fail
            continue
        if grid is None or total is None:
            total, grid = np.zeros(values.shape), Grid(values.shape, affine)
        if not is_same_grid(Grid(values.shape, affine), grid):
            continue
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        total += values / (values.mean() or 1.0)
        used.append(f"bids::{relative}")
        if len(used) == ENOUGH:
            break
    if total is None or grid is None or not used:
        return
    path = background_path(output_dir, name)
    space = str(units[0]["entities"].get("space", ""))
    everywhere = Volume(*grid, np.ones(total.shape, dtype=np.bool_))
    write_bytes(path, map_bytes((total / len(used)).ravel(), everywhere, 0.0, space=space))
    text = f"mean over {len(used)} participants' mean bold images, each scaled to a mean of 1"
    write_json(path.with_suffix("").with_suffix(".json"), {"Description": text, "Sources": used})
