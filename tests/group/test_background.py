"""The image behind a group's maps: whose images it is the mean of."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.group.background import background_path, write_background
from tests.finished import AFFINE, write_image

SHAPE = (64, 20, 10)


def unit(out: Path, label: str, values: np.ndarray, affine: np.ndarray = AFFINE) -> dict[str, object]:
    """Write a participant's mean image; returns what a summary says of where it is."""
    write_image(out / f"sub-{label}/func/sub-{label}_desc-mean_boldref.nii.gz", values, affine)
    return {"folder": f"sub-{label}/func", "prefix": f"sub-{label}", "entities": {"space": "MNI"}}


def test_it_is_the_mean_of_images_each_scaled_to_a_mean_of_one(tmp_path: Path) -> None:
    first, second = np.random.default_rng(1).uniform(1, 9, (2, *SHAPE)).astype(np.float32)
    units = [unit(tmp_path, "01", first), unit(tmp_path, "02", 100 * second)]
    write_background(tmp_path, "g", units)
    image = nib.load(background_path(tmp_path, "g"))
    np.testing.assert_allclose(
        np.asarray(image.dataobj), (first / first.mean() + second / second.mean()) / 2, rtol=1e-5
    )
    np.testing.assert_allclose(image.affine, AFFINE)


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({}, True),
        ({(0, 3): 1e-5}, True),
        ({(0, 3): 0.01}, False),
        # of voxels that are a little longer, the last of 64 lies 0.03 mm off
        ({(0, 0): 3.0005}, False),
    ],
)
def test_images_of_other_voxels_are_left_out(
    tmp_path: Path, change: dict[tuple[int, int], float], is_same: bool
) -> None:
    other = AFFINE.copy()
    for place, value in change.items():
        other[place] = value
    ones = np.ones(SHAPE, dtype=np.float32)
    write_background(tmp_path, "g", [unit(tmp_path, "01", ones), unit(tmp_path, "02", ones, other)])
    sidecar = json.loads((tmp_path / "group" / "g_desc-mean_boldref.json").read_text())
    assert len(sidecar["Sources"]) == 1 + is_same


def test_images_of_another_size_and_absent_ones_are_left_out(tmp_path: Path) -> None:
    ones = np.ones(SHAPE, dtype=np.float32)
    absent: dict[str, object] = {"folder": "sub-09/func", "prefix": "sub-09", "entities": {}}
    made = [unit(tmp_path, "01", ones), unit(tmp_path, "02", ones[:-1]), unit(tmp_path, "03", ones)]
    write_background(tmp_path, "g", [absent, *made])
    sidecar = json.loads((tmp_path / "group" / "g_desc-mean_boldref.json").read_text())
    assert [Path(source).name.partition("_")[0] for source in sidecar["Sources"]] == ["sub-01", "sub-03"]
    write_background(tmp_path, "h", [absent])
    assert not background_path(tmp_path, "h").exists()
