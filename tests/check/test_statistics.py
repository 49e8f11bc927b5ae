"""`bidsglm check`: maps of t, F and z are known for what they are, and weights beside them are compared."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bidsglm.check.map_kinds import told_apart
from bidsglm.check.nilearn_folder import read_nilearn
from bidsglm.check.stated_weights import weights_of

from .analysed import Analysed, blocks_in, settings
from .test_ways_of_users import checked


@pytest.fixture(scope="module")
def active(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    """A run in whose scans every voxel responds to go."""
    analysed = blocks_in(tmp_path_factory.mktemp("active"))
    return analysed


def positive_mask(active: Analysed, name: str) -> Path:
    """Mask of the voxels whose t is above 0."""
    path = active.root / f"{name}_mask.nii"
    t = nib.load(active.nilearn(f"{name}-first") / "go_stat.nii.gz")
    nib.Nifti1Image((t.get_fdata() > 0.5).astype(np.uint8), t.affine).to_filename(path)
    return path


def in_mask(active: Analysed, name: str, contrast: Any = "go", kinds: tuple[str, ...] = ("stat",)) -> Path:
    return active.nilearn(name, contrast, kinds=kinds, mask_img=str(positive_mask(active, name)))


def kinds_in(nilearn: Path) -> list[str]:
    return [each.kind for each in told_apart(read_nilearn(nilearn)).maps]


def test_a_positive_map_of_t_is_known_by_the_scans(active: Analysed) -> None:
    nilearn = in_mask(active, "t")
    assert kinds_in(nilearn) == ["stat"]
    found = checked(active, nilearn)
    assert [each["what"] for each in found["maps"]] == ["t"]
    assert settings(found) == ["mask"]
    assert any("go_stat.nii.gz is a map of t: computed again" in note for note in found["notes"])


def test_a_positive_map_of_f_is_known_by_the_scans(active: Analysed) -> None:
    nilearn = in_mask(active, "f", np.eye(2, 6))
    found = checked(active, nilearn)
    assert any("go_stat.nii.gz is a map of F: computed again" in note for note in found["notes"])
    assert not [each for each in found["maps"] if each["what"] == "t"]


def test_without_scans_what_nothing_tells_is_left_out_and_said(active: Analysed, tmp_path: Path) -> None:
    from bidsglm.cli import main

    nilearn = in_mask(active, "open")
    words = ["check", str(tmp_path / "out"), "--spm", str(active.spm), "--nilearn", str(nilearn)]
    assert main(words) == 0
    found = json.loads((tmp_path / "out" / "check.json").read_text())
    assert found["maps"] == []
    assert any("left out" in note and "t or F" in note for note in found["notes"])


@pytest.mark.parametrize("kind", ["t", "F"])
@pytest.mark.parametrize("way", ["intent", "description", "sidecar", "name", "z", "variance"])
def test_all_that_lies_beside_a_map_tells_its_kind(kind: str, way: str, active: Analysed) -> None:
    beside = {"z": ("stat", "z_score"), "variance": ("stat", "effect_size", "effect_variance")}
    nilearn = in_mask(active, f"{way}-{kind}", kinds=beside.get(way, ("stat",)))
    path = nilearn / "go_stat.nii.gz"
    image = nib.load(path)
    values = image.get_fdata() ** (2 if kind == "F" else 1)
    changed = nib.Nifti1Image(values, image.affine)
    if way == "intent":
        changed.header.set_intent({"t": "t test", "F": "f test"}[kind], (93,) if kind == "t" else (1, 93))
    if way == "description":
        changed.header["descrip"] = f"SPM{{{'T' if kind == 't' else 'F'}_[93.0]}}".encode()
    changed.to_filename(path)
    if way == "sidecar":
        (nilearn / "go_stat.json").write_text(json.dumps({"Test": kind}))
    if way == "name":
        path.rename(nilearn / f"go_{kind}.nii.gz")
    if way == "z" and kind == "F":
        from bidsglm.check.tails import z_of_f

        z = np.where(values != 0, z_of_f(values, 1.0, 100 - 6), 0)
        nib.Nifti1Image(z, image.affine).to_filename(nilearn / "go_z_score.nii.gz")
    assert kind in kinds_in(nilearn)
    assert "stat" not in kinds_in(nilearn)


def test_z_alone_is_compared_and_attributed_as_t(active: Analysed) -> None:
    found = checked(active, active.nilearn("z-alone", kinds=("z_score",)))
    assert settings(found) == []
    assert [each["what"] for each in found["maps"]] == ["t"]
    assert found["attribution"]["is_attributed"], found["attribution"]
    assert found["attribution"]["closes"]
    beside = active.nilearn("t-beside", kinds=("stat",))
    made = nib.load(active.root / "check-z-alone" / "t_of_z" / "go_t.nii.gz").get_fdata()
    np.testing.assert_allclose(made, nib.load(beside / "go_stat.nii.gz").get_fdata(), rtol=1e-5, atol=1e-5)


SUMMARIES = {
    "contrasts.json": '{"go": {"go": %s}}',
    "contrast_summary.json": '{"contrasts": {"go": [%s]}}',
    "smdl.json": '{"Nodes": [{"Contrasts": [{"Name": "go", "ConditionList": ["trial_type.go"],'
    ' "Weights": [%s]}]}]}',
    "contrasts.csv": "contrast,go,stop\ngo,%s,0\n",
    "contrasts.tsv": "name\tregressor\tweight\ngo\tgo\t%s\n",
    "analysis.py": "contrasts = {'go': '%s * go'}\n",
    "saving.py": "model.compute_contrast('%s*go', output_type='effect_size').to_filename(f'a')\n"
    "model.compute_contrast('%s*go').to_filename('out/go_effect_size.nii.gz')\n",
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_a_weight_beside_the_map_that_is_not_the_maps_is_told(name: str, active: Analysed) -> None:
    nilearn = active.nilearn(f"stated-{name}")
    for weight, is_told in (("1.0", False), ("1.5", True)):
        (nilearn / name).write_text(SUMMARIES[name].replace("%s", weight))
        out = active.root / f"check-stated-{name}-{weight}"
        from bidsglm.cli import main

        words = [
            "check",
            str(out),
            "--spm",
            str(active.spm),
            "--nilearn",
            str(nilearn),
            "--scans",
            str(active.root),
        ]
        assert main(words) == 0
        notes = [n for n in json.loads((out / "check.json").read_text())["notes"] if name in n]
        assert bool(notes) == is_told
        assert all("+1.5 go" in note and "+1 go" in note for note in notes)


@pytest.mark.parametrize(
    "given", ["go * stop", "go ** 2", "__import__('os')", [1, "x"], 3, ["a"] * 9, {"go": None}]
)
def test_what_is_no_weight_is_none(given: Any) -> None:
    assert weights_of(given, ("go", "stop")) is None
