"""`bidsglm check`: analyses of many kinds, each with the answer that is known before."""

import gzip
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat, savemat

from bidsglm.cli import main

from .analysed import GO, STOP, Analysed, blocks_in, settings
from .spm_mat import TIME, Study

CONTRASTS = {"go": {"trial_type.go": 1.0}}
N = 100


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    return blocks_in(tmp_path_factory.mktemp("kinds"))


def exit_code(root: Path, spm: Path, nilearn: Path, name: str, scans: Path | None = None) -> int:
    words = ["check", str(root / f"check-{name}"), "--spm", str(spm), "--nilearn", str(nilearn)]
    return main([*words, "--scans", str(scans or root)])


def content(root: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((root / f"check-{name}" / "check.json").read_text()))


ASKED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "sampled at the start": ({"slice_time_ref": 0.0}, ["sampling of the regressors"]),
    "sampled in the middle": ({"slice_time_ref": 0.5}, ["sampling of the regressors"]),
    "in percent": ({"signal_scaling": 0}, ["scaling"]),
    "ordinary": ({"noise_model": "ols"}, ["serial correlations"]),
    "ordinary in percent": ({"noise_model": "ols", "signal_scaling": 0}, ["scaling", "serial correlations"]),
    "grand mean": ({"signal_scaling": (0, 1)}, ["scaling"]),
    "no drift": ({"drift_model": None}, ["high-pass"]),
    "polynomial": ({"drift_model": "polynomial", "drift_order": 2}, ["high-pass"]),
    "another cut-off": ({"high_pass": 0.02}, ["high-pass"]),
    "glover": ({"hrf_model": "glover"}, ["basis functions"]),
    "derivative": ({"hrf_model": "spm + derivative"}, ["basis functions"]),
    "dispersion": ({"hrf_model": "spm + derivative + dispersion"}, ["basis functions"]),
    "smoothed": ({"smoothing_fwhm": 5}, ["smoothing"]),
    "not minimised": ({"minimize_memory": False}, []),
    "no index": ({"index": False}, []),
}


@pytest.mark.parametrize("way", ASKED)
def test_what_nilearn_was_asked_is_named(way: str, blocks: Analysed) -> None:
    asked, expected = ASKED[way]
    nilearn = blocks.nilearn(f"asked {way}", **asked)
    assert exit_code(blocks.root, blocks.spm, nilearn, way) == 0
    assert sorted(settings(content(blocks.root, way))) == sorted(expected)


def test_confounds_of_the_users_own_are_named(blocks: Analysed) -> None:
    own = [np.random.default_rng(1).normal(size=(N, 2)).cumsum(axis=0)]
    nilearn = blocks.nilearn("own confounds", confounds=own)
    assert exit_code(blocks.root, blocks.spm, nilearn, "own") == 0
    assert settings(content(blocks.root, "own")) == ["confounds"]


def rewritten(path: Path, change: Callable[[np.ndarray, nib.Nifti1Image], nib.Nifti1Image]) -> None:
    image = nib.load(path)
    changed = change(np.asarray(image.get_fdata()), image)
    path.unlink()
    changed.to_filename(path)


def nan_outside(values: np.ndarray, image: nib.Nifti1Image) -> nib.Nifti1Image:
    return nib.Nifti1Image(np.where(values == 0, np.nan, values), image.affine)


def doubles(values: np.ndarray, image: nib.Nifti1Image) -> nib.Nifti1Image:
    return nib.Nifti1Image(values.astype(np.float64), image.affine)


def of_one_volume(values: np.ndarray, image: nib.Nifti1Image) -> nib.Nifti1Image:
    return nib.Nifti1Image(values[..., np.newaxis], image.affine)


def big_endian(values: np.ndarray, image: nib.Nifti1Image) -> nib.Nifti1Image:
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.float32)
    return nib.Nifti1Image(values.astype(">f4"), image.affine, header)


def whole_numbers(values: np.ndarray, image: nib.Nifti1Image) -> nib.Nifti1Image:
    made = nib.Nifti1Image(values, image.affine)
    made.header.set_data_dtype(np.int16)
    return made


@pytest.mark.parametrize("change", [nan_outside, doubles, of_one_volume, big_endian])
def test_maps_are_the_same_however_they_are_stored(change: Any, blocks: Analysed) -> None:
    name = change.__name__
    nilearn = blocks.nilearn(f"stored {name}")
    for path in nilearn.glob("*.nii.gz"):
        rewritten(path, change)
    assert exit_code(blocks.root, blocks.spm, nilearn, name) == 0
    found = content(blocks.root, name)
    assert settings(found) == []
    assert all(each["is_reproduced"] for each in found["reproduced"].values())


def test_maps_of_whole_numbers_with_a_scale_are_no_other_scans(blocks: Analysed) -> None:
    nilearn = blocks.nilearn("int16")
    for path in nilearn.glob("*.nii.gz"):
        rewritten(path, whole_numbers)
    assert exit_code(blocks.root, blocks.spm, nilearn, "int16") == 0
    found = content(blocks.root, "int16")
    assert settings(found) == []
    assert found["same_model"] in (True, None)


def moved(blocks: Analysed, place: Path) -> tuple[Path, Path]:
    """A study's folder copied elsewhere; returns SPM's folder and that of the scans."""
    shutil.copytree(blocks.spm, place / "results" / "spm")
    shutil.copytree(blocks.root / "func", place / "data" / "func")
    return place / "results" / "spm", place / "data"


@pytest.mark.parametrize(
    "way", ["moved", "packed scans", "packed maps", "version 7", "server paths", "no numbers"]
)
def test_folders_of_spm_are_the_same_however_they_lie(way: str, blocks: Analysed, tmp_path: Path) -> None:
    spm, scans = moved(blocks, tmp_path)
    for path in [*scans.rglob("*.nii")] * (way == "packed scans") + [*spm.glob("*.nii")] * (
        way == "packed maps"
    ):
        with gzip.open(f"{path}.gz", "wb") as packed:
            packed.write(path.read_bytes())
        path.unlink()
    structure = loadmat(spm / "SPM.mat")["SPM"]
    paths = structure["xY"][0, 0]["P"][0, 0]
    if way == "server paths":
        structure["xY"][0, 0]["P"][0, 0] = np.array(
            [p.replace("/home/user", r"\\server\share$").replace("/", "\\") for p in paths]
        )
    if way == "no numbers":
        structure["xY"][0, 0]["P"][0, 0] = np.array([p.split(",")[0] for p in paths])
    savemat(spm / "SPM.mat", {"SPM": structure}, oned_as="row", do_compression=way == "version 7")
    nilearn = blocks.nilearn(f"equal {way}")
    assert exit_code(tmp_path, spm, nilearn, "moved", scans) == 0
    found = content(tmp_path, "moved")
    assert settings(found) == []
    assert found["spm_reproduced"]
    assert all(each["is_reproduced"] for each in found["spm_reproduced"])


SPECIFIED: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "scans": ({"units": "scans"}, {}, []),
    "no filter": ({"high_pass": np.inf}, {"drift_model": None, "high_pass": 0.01}, []),
    "FAST": ({"noise": "FAST"}, {}, ["serial correlations"]),
    "independent": ({"noise": "none"}, {"noise_model": "ols"}, []),
}


@pytest.mark.parametrize("way", SPECIFIED)
def test_what_spm_was_asked_is_named(way: str, tmp_path: Path) -> None:
    asked, other, expected = SPECIFIED[way]
    analysed = Analysed(tmp_path / "study", Study([[GO, STOP]], [N], contrasts=CONTRASTS, **asked))
    nilearn = analysed.nilearn("maps", **other)
    assert exit_code(tmp_path, analysed.spm, nilearn, "asked") == 0
    found = content(tmp_path, "asked")
    assert settings(found) == expected
    assert all(each["is_reproduced"] for each in found["spm_reproduced"])


def test_names_of_derivatives_and_fitlins_are_read(blocks: Analysed, tmp_path: Path) -> None:
    nilearn = blocks.nilearn("plain names")
    place = tmp_path / "node-runLevel" / "sub-01"
    place.mkdir(parents=True)
    stem = "sub-01_task-own_run-1"
    for kind, word in (("effect_size", "effect"), ("stat", "t")):
        shutil.copy(nilearn / f"go_{kind}.nii.gz", place / f"{stem}_contrast-go_stat-{word}_statmap.nii.gz")
    table = pd.read_csv(nilearn / "design_run1.csv", index_col=0)
    table.to_csv(place / f"{stem}_design.tsv", sep="\t", index=False)
    (place / f"{stem}_design.json").write_text(json.dumps({"RepetitionTime": TIME}))
    assert exit_code(tmp_path, blocks.spm, tmp_path / "node-runLevel", "fitlins", blocks.root) == 0
    assert settings(content(tmp_path, "fitlins")) == []


def test_two_analyses_in_one_folder_are_told_and_not_taken_for_runs(
    blocks: Analysed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, asked in (("first", {}), ("second", {"hrf_model": "glover"})):
        shutil.copytree(blocks.nilearn(f"of two {name}", **asked), tmp_path / "both" / name)
    code = exit_code(tmp_path, blocks.spm, tmp_path / "both", "two", blocks.root)
    said = "".join(capsys.readouterr())
    assert code == 0
    assert "two analyses" in said


def hostile(kind: str) -> Any:
    if kind == "nested":
        value: Any = np.array([1.0])
        for _ in range(300):
            cell = np.empty((1, 1), dtype=object)
            cell[0, 0] = value
            value = cell
        return {"xX": value}
    if kind == "text":
        return "SPM"
    if kind == "empty":
        return np.empty((0, 0))
    return {
        "xX": {"X": np.full((4, 2), np.nan)},
        "xY": {"RT": 2.0},
        "xBF": {"name": "hrf"},
        "Sess": {"row": [1]},
    }


@pytest.mark.parametrize("kind", ["nested", "text", "empty", "no numbers"])
def test_hostile_structures_are_one_line(
    kind: str, blocks: Analysed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    savemat(tmp_path / "SPM.mat", {"SPM": hostile(kind)})
    assert_refused(tmp_path / "SPM.mat", blocks, tmp_path, capsys, 65)


def assert_refused(
    path: Path, blocks: Analysed, root: Path, capsys: pytest.CaptureFixture[str], *codes: int
) -> None:
    words = ["check", str(root / "out"), "--spm", str(path), "--nilearn", str(blocks.nilearn("refused"))]
    code = main(words)
    said = capsys.readouterr().err
    assert code in codes, said
    assert "Traceback" not in said
    assert path.name in said
    assert not (root / "out" / "check.json").exists()


def test_an_array_that_claims_more_than_the_file_holds_is_one_line(
    blocks: Analysed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    savemat(tmp_path / "SPM.mat", {"SPM": np.ones((3, 3))})
    data = bytearray((tmp_path / "SPM.mat").read_bytes())
    at = data.index(struct.pack("<ii", 3, 3))
    data[at : at + 8] = struct.pack("<ii", 2**30, 2**30)
    (tmp_path / "SPM.mat").write_bytes(bytes(data))
    assert_refused(tmp_path / "SPM.mat", blocks, tmp_path, capsys, 65, 74)


def test_a_map_that_was_cut_is_one_line(
    blocks: Analysed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nilearn = tmp_path / "cut"
    shutil.copytree(blocks.nilearn("whole"), nilearn)
    path = nilearn / "go_stat.nii.gz"
    path.write_bytes(path.read_bytes()[:300])
    assert exit_code(tmp_path, blocks.spm, nilearn, "cut") == 74
    assert "go_stat.nii.gz" in capsys.readouterr().err
