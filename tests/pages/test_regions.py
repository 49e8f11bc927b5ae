"""Tables of regions on disk are read as they were written, or named as damaged."""

from pathlib import Path

import pytest

from bidsglm.errors import ReadWriteError
from bidsglm.group.numbers import GroupNumbers
from bidsglm.outputs.names import write_json
from bidsglm.outputs.region_tables import REGION_AGREEMENT
from bidsglm.pages.regions import group_regions

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
