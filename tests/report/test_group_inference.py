"""What survives correction, as the page shows it."""

import math

from bidsglm.report.group_inference import NOT_MADE, GroupInference

ROW = {
    "inference": "clusterExtent",
    "tail": "upper",
    "two_sided": False,
    "n_spm": math.nan,
    "n_nilearn": 3,
    "n_fsl": math.nan,
    "rule_spm": None,
    "rule_nilearn": "by all-resolution inference",
    "rule_fsl": None,
}
"""As it comes from the file: n/a of a whole number is NaN"""


def test_a_package_without_a_count_in_the_file_has_no_column_and_no_caution() -> None:
    found = GroupInference((ROW,), "t.tsv", 2.0)
    assert found.backends == ("nilearn",)
    assert found.caution == ""


def test_a_correction_that_a_package_lacks_is_said_in_its_cell() -> None:
    voxels = {**ROW, "inference": "voxelFWE", "n_fsl": 5}
    line = GroupInference((voxels, ROW), "t.tsv").lines[1]
    assert dict(zip(("nilearn", "fsl"), line.counts, strict=True)) == {"nilearn": "3", "fsl": "n/a"}
    assert line.notes[1] == NOT_MADE["clusterExtent"]
