"""Sidecars are read key by key: what is not as we write it is refused by file and key."""

import json
from pathlib import Path
from typing import Any

import pytest

from bidsglm.errors import ReadWriteError
from bidsglm.outputs.sidecars import CalibrationFacts, PermutationFacts, RegionFacts, read_sidecar
from bidsglm.outputs.summary_form import weight_rows
from bidsglm.outputs.summary_reading import read_group_summary

CALIBRATION = {
    "SimulatedDatasets": 5,
    "RandomSeed": 0,
    "SampledVoxels": 20,
    "MaskVoxels": 30,
    "FamilywiseThreshold": "Bonferroni",
    "ContrastsLeftOut": ["motion"],
}
PERMUTATIONS = {"Permutations": 100, "Tails": "both"}
REGIONS = {"Atlas": "/a.nii.gz", "AtlasDigest": "0f", "EffectUnits": {"spm": "%"}}


def written(folder: Path, content: object) -> Path:
    (folder / "t.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "t.tsv"


@pytest.mark.parametrize(
    ("form", "content"),
    [
        (CalibrationFacts, CALIBRATION),
        (PermutationFacts, PERMUTATIONS),
        (RegionFacts, REGIONS),
        (RegionFacts, {}),
    ],
)
def test_what_was_written_is_read_with_what_else_is_there(
    tmp_path: Path, form: type[Any], content: dict[str, object]
) -> None:
    more = {"GeneratedBy": [{"Name": "bidsglm"}], **content}
    found = read_sidecar(written(tmp_path, more), form)
    assert found == more
    assert list(found) == list(more), "in the order of the file, which pages follow"


@pytest.mark.parametrize(
    ("form", "content", "said"),
    [
        (CalibrationFacts, {**CALIBRATION, "SampledVoxels": -1}, "SampledVoxels is '-1'"),
        (CalibrationFacts, {**CALIBRATION, "ContrastsLeftOut": ["../a"]}, "ContrastsLeftOut.0 is '../a'"),
        (CalibrationFacts, {**CALIBRATION, "RandomSeed": "0"}, "RandomSeed is '0'"),
        (PermutationFacts, {"Permutations": 100}, "has no 'Tails'"),
        (RegionFacts, {"Atlas": 3}, "Atlas is '3'"),
        (RegionFacts, {"EffectUnits": {"spm": None}}, "EffectUnits.spm is 'None'"),
    ],
)
def test_foreign_sidecars_are_refused_by_key(
    tmp_path: Path, form: type[Any], content: dict[str, object], said: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(ReadWriteError) as caught:
        read_sidecar(path, form)
    assert str(path.with_suffix(".json")) in str(caught.value)
    assert said in str(caught.value)
    assert "run the level that wrote it again" in str(caught.value)


def test_a_group_summary_without_the_design_of_a_contrast_is_refused(tmp_path: Path) -> None:
    contrast: dict[str, object] = {
        "label": "go",
        "contrast": "go",
        "name": "go",
        "group_contrast": "mean",
        "test": "t",
        "participants": ["01", "02"],
        "n": 2,
        "left_out": {},
        "dof": {"spm": [1.0]},
        "thresholds": {"spm": {"fwe05": "inf"}},
        "n_voxels": {"spm": 3},
    }
    path = written(tmp_path, {"contrasts": [contrast]}).with_suffix(".json")
    with pytest.raises(ReadWriteError, match=r"has no 'contrasts\.0\.design'"):
        read_group_summary(path)
    design = {"columns": ["mean"], "weights": [1.0]}
    written(tmp_path, {"contrasts": [{**contrast, "design": design}]})
    (found,) = read_group_summary(path)["contrasts"]
    assert found["thresholds"] == {"spm": {"fwe05": float("inf")}}
    assert weight_rows(found["design"]["weights"]) == [[1.0]]
    written(tmp_path, {"contrasts": [{**contrast, "design": {**design, "weights": ["a"]}}]})
    with pytest.raises(ReadWriteError, match=r"contrasts\.0\.design\.weights"):
        read_group_summary(path)
