"""Tables of regions on disk are read as they were written, or named as damaged."""

from pathlib import Path

import pytest

from bidsglm.errors import ReadWriteError
from bidsglm.group.numbers import GroupNumbers
from bidsglm.outputs.names import write_json
from bidsglm.outputs.region_tables import REGION_AGREEMENT, REGIONS
from bidsglm.pages.regions import group_regions, participant_regions

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
    units = {"spm": "% of grand mean"}
    write_json(path.with_suffix(".json"), {"Atlas": "/somewhere/a.nii.gz", "EffectUnits": units})
    found = participant_regions(folder, prefix, tmp_path)
    assert found is not None
    assert (found.atlas, found.backends, found.effect_units) == ("a.nii.gz", ("nilearn", "spm"), units)
    assert found.table_link == f"sub-01/func/{path.name}"
    assert [(row["backend"], row["label"]) for row in found.rows] == [("nilearn", "V1"), ("spm", "V1")]
