"""Sidecars, summary, methods and page say how nilearn's AR(1) was computed; the model can ask for run_glm."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bidsglm.backends import nilearn_engine
from bidsglm.cli import main
from tests import tiny

N_CHECKED = 40
FAST, OWN = "shared", "library"


def run(root: Path, engine: str | None) -> Path:
    study, out = tiny.write_study(root, ("01",), ("run-1", "run-2")), root / "out"
    assert main(["model", str(study), str(root / "model.json")]) == 0
    model = json.loads((root / "model.json").read_text())
    if engine:
        software = model["Nodes"][0]["Model"].setdefault("Software", {})
        software.setdefault("Nilearn", {})["Engine"] = engine
    (root / "model.json").write_text(json.dumps(model))
    words = ["--no-attribution", "--model", str(root / "model.json")]
    assert main([str(study), str(out), "participant", "-qq", *words]) == 0
    return out


@pytest.fixture(scope="module", params=[None, "Library"])
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nilearn_engine, "SAMPLE", N_CHECKED)
        out = run(tmp_path_factory.mktemp("ar1"), request.param)
    return OWN if request.param else FAST, out


def content(path: Path) -> Any:
    return json.loads(path.read_text())


def test_sidecars_say_for_each_run_how_it_was_computed(finished: tuple[str, Path]) -> None:
    engine, out = finished
    for kind in (
        "stat-t_desc-nilearn_statmap",
        "stat-resms_desc-nilearn_statmap",
        "stat-beta_desc-nilearn_statmap",
    ):
        found = content(next((out / "sub-01/func").glob(f"*{kind}.json")))["Computation"]
        assert [each["Engine"] for each in found] == [engine, engine]
        if engine == FAST:
            assert [each["CheckedVoxels"] for each in found] == [N_CHECKED] * 2
            assert all(0 <= each["LargestDifference"] <= nilearn_engine.LARGEST for each in found)
    assert "Computation" not in content(next((out / "sub-01/func").glob("*stat-t_desc-spm_statmap.json")))


def test_page_and_methods_say_it_too(finished: tuple[str, Path]) -> None:
    engine, out = finished
    page, methods = ((out / name).read_text() for name in ("sub-01.html", "logs/CITATION.md"))
    assert ("each made once; of 40 voxels that run_glm fitted too the largest difference is" in page) == (
        engine == FAST
    )
    assert "how it was computed, each run" in page
    assert ("its AR(1) models made once" in methods) == (engine == FAST)
    assert "fitted with nilearn itself" in methods


def test_maps_are_the_same_either_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nilearn_engine, "SAMPLE", N_CHECKED)
    folders = []
    for engine in (FAST, OWN):
        (tmp_path / engine).mkdir()
        folders.append(run(tmp_path / engine, engine) / "sub-01/func")
    names = [path.name for path in folders[0].glob("*desc-nilearn_statmap.nii.gz")]
    assert len(names) > 5
    for name in names:
        ours, theirs = (nib.load(folder / name).get_fdata() for folder in folders)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6 * np.nanmax(np.abs(theirs)), err_msg=name)
