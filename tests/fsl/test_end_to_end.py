"""The whole program, from BIDS files to maps, against FSL's own images."""

import json
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.cli import main

from .bids import SPACE, TASK, lay_out
from .reference import BOLD, Case, committed_case, committed_values, shared_case

IMAGE = 5e-6
"""Of the image's largest value"""
TAIL = 5e-5
"""FSL takes z of F from an approximation of the tail."""
NAMES = {"effect": "cope", "variance": "varcope", "t": "tstat", "z": "zstat"}


def run(runs: Sequence[Case], folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> Path:
    """Folder of the maps."""
    monkeypatch.setattr("bidsglm.pages.contrasts.contrast_figures", lambda images: ())
    model = lay_out(runs, folder)
    command = [str(folder / "bids"), str(folder / "out"), "participant", "--model", str(model), "-q"]
    assert main([*command, *(options or ("--backends", "fsl"))]) == 0
    return folder / "out" / "sub-01" / "func"


def written(folder: Path, rest: str) -> np.ndarray:
    (path,) = folder.glob(f"sub-01_task-{TASK}_space-{SPACE}_{rest}.nii.gz")
    return nib.load(path).get_fdata(dtype=np.float64)


def largest_difference(ours: np.ndarray, theirs: np.ndarray, inside: np.ndarray) -> float:
    return float(np.abs(ours - theirs)[inside].max() / np.abs(theirs[inside]).max())


def theirs_of(folder: Path, name: str) -> np.ndarray:
    return nib.load(folder / f"{name}.nii.gz").get_fdata(dtype=np.float64)


def compare(out: Path, stats: Path, labels: Sequence[str]) -> None:
    fitted = theirs_of(stats, "varcope1" if (stats / "varcope1.nii.gz").exists() else "sigmasquareds") > 0
    np.testing.assert_array_equal(written(out, "desc-fsl_mask") > 0, fitted)
    for number, label in enumerate(labels, start=1):
        for stat, name in NAMES.items():
            ours = written(out, f"contrast-{label}_stat-{stat}_desc-fsl_statmap")
            theirs = theirs_of(stats, f"{name}{number}")
            assert largest_difference(ours, theirs, fitted) <= IMAGE, (label, stat)
            outside = np.nan if stat in ("effect", "variance") else 0.0
            np.testing.assert_array_equal(ours[~fitted], outside)


def label(name: str) -> str:
    """Of a contrast, in file names.

    >>> label("face-house")
    'faceMinusHouse'
    """
    first, *others = name.split("-")
    return "Minus".join([first, *(other.capitalize() for other in others)])


def second_run(first: Case, shared: Path, folder: Path) -> Case:
    """The other run of a case, by the case's own table of events and by the first run's settings."""
    folder.mkdir()
    source = shared / "spm12-reference" / "03_event_derivs_motion_2sess"
    session = json.loads((source / "spec.json").read_text())["sessions"][1]
    fsf = (first.folder / "design.fsf").read_text()
    (folder / "design.fsf").write_text(fsf.replace("npts) 130", f"npts) {session['nscan']}"))
    for events in session["conditions"]:
        rows = zip(events["onset"], events["duration"], strict=True)
        (folder / f"{events['name']}.txt").write_text("".join(f"{o!r} {d!r} 1\n" for o, d in rows))
    values = np.loadtxt(source / session["confounds"], skiprows=1)
    np.savetxt(folder / "confoundevs.txt", values, fmt="%.10g")
    return Case("second", folder, source / session["bold"])


# committed


@pytest.mark.parametrize("name", ["14_run1_n64", "14_run2_n95_deriv"])
def test_committed_voxels_agree_from_files_to_maps(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, theirs = committed_case(name), committed_values(name)
    out = run([case], tmp_path, monkeypatch)
    assert (written(out, "desc-fsl_mask") > 0).sum() == theirs["n_fitted"]
    places = tuple(np.transpose(theirs["voxels"]))
    for stat, key in NAMES.items():
        ours = written(out, f"contrast-task_stat-{stat}_desc-fsl_statmap")[places]
        expected = np.array(theirs[f"{key}1"])
        assert np.abs(ours - expected).max() <= IMAGE * np.abs(expected).max(), stat


def test_what_is_fitted_beside_them_moves_no_file_of_spm_and_nilearn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = committed_case("14_run1_n64")
    bright = plain.data.min(axis=0) > 0.5 * plain.median
    mask = tmp_path / "mask.nii.gz"
    image = nib.Nifti1Image(bright.reshape(plain.grid.shape).astype(np.uint8), plain.grid.affine)
    nib.save(image, mask)
    case = Case(plain.name, plain.folder, plain.bold, mask)
    options = ["--no-attribution", "--backends", "spm", "nilearn"]
    alone = run([case], tmp_path / "alone", monkeypatch, *options)
    beside = run([case], tmp_path / "beside", monkeypatch, *options, "fsl")
    names = [path.name for path in alone.iterdir() if "desc-spm" in path.name or "desc-nilearn" in path.name]
    assert len(names) > 20
    assert [name for name in names if (alone / name).read_bytes() != (beside / name).read_bytes()] == []
    ours, brain = written(beside, "desc-fsl_mask") > 0, written(beside, "desc-nilearn_mask") > 0
    assert (ours & ~brain).any()


# beside the checkout


@pytest.fixture
def shared(shared_dir: Path) -> Path:
    if not (shared_dir / "fsl-reference").is_dir():
        pytest.skip("FSL's reference is not beside this checkout (see BIDSGLM_SHARED)")
    return shared_dir


@pytest.mark.parametrize("name", [*BOLD, "studyforrest"])
def test_maps_of_one_run_equal_those_of_fsl(
    name: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = shared_case(name, shared)
    out = run([case], tmp_path, monkeypatch)
    stats = case.folder / "stats"
    compare(out, stats, [label(name) for name, _ in case.settings["contrasts"]])
    if (stats / "fstat1.nii.gz").exists():
        fitted = theirs_of(stats, "sigmasquareds") > 0
        for stat, file, allowed in (("F", "fstat1", IMAGE), ("z", "zfstat1", TAIL)):
            ours = written(out, f"contrast-allF_stat-{stat}_desc-fsl_statmap")
            assert largest_difference(ours, theirs_of(stats, file), fitted) <= allowed


def test_fixed_effects_of_two_runs_equal_those_of_fsl(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = shared / "fsl-reference"
    first = shared_case("03_run1_deriv_motion", shared)
    second = second_run(first, shared, tmp_path / "second")
    out = run([first, second], tmp_path, monkeypatch)
    third = label(first.settings["contrasts"][2][0])
    stats = reference / "03_fixed_effects" / "stats"
    fitted = theirs_of(stats, "cope1") != 0
    np.testing.assert_array_equal(written(out, "desc-fsl_mask") > 0, fitted)
    for stat, name in NAMES.items():
        ours = written(out, f"contrast-{third}_stat-{stat}_desc-fsl_statmap")
        assert largest_difference(ours, theirs_of(stats, f"{name}1"), fitted) <= IMAGE, stat
