"""Tables of regions on disk are read as they were written, or named as damaged."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.dataset.atlas import read_atlas
from bidsglm.errors import ReadWriteError
from bidsglm.group.numbers import GroupNumbers
from bidsglm.outputs.names import write_json
from bidsglm.outputs.region_tables import REGION_AGREEMENT, REGIONS
from bidsglm.pages.regions import group_regions, participant_regions, scene_with_regions
from bidsglm.regions.values import atlas_facts
from bidsglm.report.thinning import thinned
from bidsglm.report.volumes import Scene, scene
from tests.report.records import AFFINE, SHAPE, volumes
from tests.report.unpacking import unpacked_numbers

NAME = "task-x"


def write(folder: Path, conclusion: object, bias: object) -> Path:
    """The group's tables of one region; gives the path of the one that the page reads."""
    values, agreement = (
        folder / f"group/{NAME}_desc-{kind}_metrics.tsv" for kind in ("rois", "roiAgreement")
    )
    row = {"contrast": "go", "region": 7, "label": "7", "n": 3, "contrast_name": "go"}
    REGION_AGREEMENT.write(agreement, [{**row, "same_conclusion": conclusion, "bias": bias}])
    write_json(agreement.with_suffix(".json"), {"Atlas": "/somewhere/a.nii.gz"})
    write_json(values.with_suffix(".json"), {"session_id": {}})
    return agreement


def test_cells_come_back_as_they_were(tmp_path: Path) -> None:
    write(tmp_path, False, 0.5)
    found = group_regions(GroupNumbers(tmp_path), NAME)
    assert found is not None
    (row,) = found.rows
    assert (row["contrast"], row["region"], row["label"]) == ("go", 7, "7")
    assert (row["same_conclusion"], row["spm_conclusion"], row["bias"]) == (False, None, 0.5)
    assert (found.atlas, found.table_link) == ("a.nii.gz", f"group/{NAME}_desc-roiAgreement_metrics.tsv")


@pytest.mark.parametrize(("conclusion", "bias"), [("maybe", 0.5), (True, "five")])
def test_word_that_cannot_stand_there_is_named_as_damage(
    tmp_path: Path, conclusion: object, bias: object
) -> None:
    path = write(tmp_path, conclusion, bias)
    with pytest.raises(ReadWriteError, match=r"line 2, column .* make it again with --atlas") as caught:
        group_regions(GroupNumbers(tmp_path), NAME)
    assert str(caught.value).startswith(f"{path}: ")


def test_regions_of_a_unit_are_those_of_its_table_with_its_packages(tmp_path: Path) -> None:
    folder, prefix = tmp_path / "sub-01" / "func", "sub-01_task-x"
    assert participant_regions(folder, prefix, tmp_path) is None
    path = folder / f"{prefix}_desc-rois_metrics.tsv"
    row = {"contrast": "go", "region": 7, "label": "V1", "n_voxels": 3, "n_atlas_voxels": 4}
    row |= {"fraction": 0.75, "contrast_name": "go"}
    REGIONS.write(path, [{**row, "backend": name, "effect": 0.5, "t": 2.0} for name in ("nilearn", "spm")])
    units = {"spm": "% of spm_global"}
    write_json(path.with_suffix(".json"), {"Atlas": "/somewhere/a.nii.gz", "EffectUnits": units})
    found = participant_regions(folder, prefix, tmp_path)
    assert found is not None
    assert (found.atlas, found.backends, found.effect_units) == ("a.nii.gz", ("nilearn", "spm"), units)
    assert found.table_link == f"sub-01/func/{path.name}"
    assert [(row["backend"], row["label"]) for row in found.rows] == [("nilearn", "V1"), ("spm", "V1")]


@pytest.fixture
def atlas_table(tmp_path: Path) -> Path:
    """A table whose sidecar names an atlas of a left and a right half, on a finer grid than the maps."""
    labels = np.ones(tuple(2 * n for n in SHAPE), dtype=np.int16)
    finer = AFFINE @ np.diag([0.5, 0.5, 0.5, 1])
    finer[:3, 3] -= AFFINE[:3, :3].sum(axis=1) / 4
    x = (np.indices(labels.shape)[0] * finer[0, 0]) + finer[0, 3]
    labels[x > 0] = 30
    nib.save(nib.Nifti1Image(labels, finer), tmp_path / "halves.nii.gz")
    (tmp_path / "halves.tsv").write_text("index\tname\n1\tleft half\n30\tright half\n")
    table = tmp_path / "sub-01_desc-rois_metrics.tsv"
    atlas = read_atlas(tmp_path / "halves.nii.gz", tmp_path / "halves.tsv")
    write_json(table.with_suffix(".json"), atlas_facts(atlas))
    return table


def names_at(behind: Scene, record: dict[str, object]) -> tuple[np.ndarray, np.ndarray]:
    """The mm of each voxel from left to right, and the name of its region."""
    numbers = unpacked_numbers(str(record["regions"])).reshape(behind.shape, order="F")
    names = np.array(["none", *record["region_names"]])
    x = behind.affine[0, 0] * np.arange(behind.shape[0]) + behind.affine[0, 3]
    return np.broadcast_to(x[:, None, None], behind.shape), names[numbers]


@pytest.mark.parametrize("by", [1, 2, 3])
def test_viewer_names_the_region_at_the_millimetres_of_each_voxel(atlas_table: Path, by: int) -> None:
    behind = scene(thinned(volumes(), by))
    x, names = names_at(behind, scene_with_regions(behind, atlas_table))
    far = np.abs(x) > 1.5  # nearest voxels
    assert set(names[far & (x < 0)]) == {"left half"}
    assert set(names[far & (x > 0)]) == {"right half"}


@pytest.mark.parametrize("what", ["removed", "changed", "damaged"])
def test_viewer_names_nothing_by_an_atlas_that_is_not_the_tables(atlas_table: Path, what: str) -> None:
    behind = scene(volumes())
    assert "regions" in scene_with_regions(behind, atlas_table)
    path = atlas_table.parent / "halves.nii.gz"
    if what == "removed":
        path.unlink()
    elif what == "changed":
        nib.save(nib.Nifti1Image(np.full(SHAPE, 5, dtype=np.int16), AFFINE), path)
    else:
        path.write_bytes(b"no image")
    assert scene_with_regions(behind, atlas_table) == behind.packed()


def test_viewer_names_nothing_without_a_table_of_regions(tmp_path: Path) -> None:
    behind = scene(volumes())
    assert scene_with_regions(behind, tmp_path / "none.tsv") == behind.packed()
