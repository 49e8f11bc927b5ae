"""`bidsglm check`: the user's model as a file says the user's model."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.check.data import ScanPlace
from bidsglm.check.model_files import write_model
from bidsglm.check.own_model import spm_model, writable
from bidsglm.check.spm_folder import read_spm
from bidsglm.cli import main

from .analysed import GO, STOP, VALUES, Analysed, blocks_in, sessions_in
from .nilearn_results import events_of
from .spm_mat import Study, condition, scans_of, write_spm


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    return blocks_in(tmp_path_factory.mktemp("blocks"))


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    return sessions_in(tmp_path_factory.mktemp("sessions"))


def values(path: Path) -> np.ndarray:
    return np.nan_to_num(nib.load(path).get_fdata())


def test_the_written_model_fitted_gives_the_users_own_maps(blocks: Analysed, tmp_path: Path) -> None:
    nilearn = blocks.nilearn("percent", signal_scaling=0, drift_model=None)
    found = blocks.check(nilearn)
    (told,) = found["models"]
    assert told["model"] == "model/model_smdl.json"
    assert told["has_data"]
    folder = blocks.root / "check-percent" / "model"
    words = [str(folder / "bids"), str(tmp_path / "out"), "participant", "--model"]
    assert main([*words, str(folder / "model_smdl.json"), "--no-attribution"]) == 0
    stem = tmp_path / "out/sub-01/func/sub-01_task-own_contrast-go"
    for stat, spm, other in (("effect", "con_0001", "effect_size"), ("t", "spmT_0001", "stat")):
        ours = values(Path(f"{stem}_stat-{stat}_desc-spm_statmap.nii.gz"))
        own = values(blocks.spm / f"{spm}.nii")
        assert np.abs(ours - own).max() < 5e-7 * np.ptp(own)
        theirs = values(nilearn / f"go_{other}.nii.gz")
        made = values(Path(f"{stem}_stat-{stat}_desc-nilearn_statmap.nii.gz"))
        both = (theirs != 0) & (made != 0)
        assert np.abs(made - theirs)[both].max() < 1e-6 * np.ptp(theirs)


def test_sessions_derivatives_and_confounds_come_back(sessions: Analysed) -> None:
    (told,) = sessions.check(sessions.nilearn("equal", "go - stop"))["models"]
    assert told["largest_difference_of_columns"] < 1e-6
    assert len(told["scripts"]) == 2
    assert any("mean over runs" in note for note in told["notes"])
    folder = sessions.root / "check-equal"
    assert all((folder / script).is_file() for script in told["scripts"])
    assert main(["model", "--check", str(folder / told["model"]), str(folder / "model/bids")]) == 0


def test_modulators_come_back(tmp_path: Path) -> None:
    modulated = condition("go", GO.onsets.tolist(), 0, rt=VALUES)
    study = Study([[modulated, STOP]], [100], contrasts={"go": {"trial_type.go": 1.0}})
    analysed = Analysed(tmp_path / "study", study)
    model = spm_model(read_spm(analysed.spm))
    written = write_model(tmp_path / "out", model, [()], None)
    assert written.difference < 1e-6
    assert model.matrices[0].shape[1] == 3
    header = (tmp_path / "out/model-spm/bids/sub-01/func/sub-01_task-own_run-1_events.tsv").read_text()
    assert header.startswith("onset\tduration\ttrial_type\tgo_rt\n")


def test_analyses_that_were_given_other_events_are_two_models(blocks: Analysed) -> None:
    found = blocks.check(blocks.nilearn("late", events=[events_of([GO, STOP], shift=2.0)]))
    assert [each["model"] for each in found["models"]] == [
        "model-spm/model_smdl.json",
        "model-nilearn/model_smdl.json",
    ]
    assert all(each["is_same"] for each in found["models"])
    tables = [
        blocks.root / f"check-late/{name}/bids/sub-01/func/sub-01_task-own_run-1_events.tsv"
        for name in ("model-spm", "model-nilearn")
    ]
    first = [float(path.read_text().splitlines()[1].split("\t")[0]) for path in tables]
    assert first == [10.0, 12.0]


def test_glovers_response_has_a_script_of_nilearn_alone(blocks: Analysed) -> None:
    found = blocks.check(blocks.nilearn("glover", hrf_model="glover"))
    nilearn = found["models"][1]
    assert nilearn["scripts"] == ["model-nilearn/code/nilearn_script.py"]
    assert any("SPM cannot express this model" in note for note in nilearn["notes"])


def test_scans_in_several_files_make_a_model_and_no_scripts(blocks: Analysed, tmp_path: Path) -> None:
    scans = tuple(ScanPlace(tmp_path / f"f{i}.nii", 1) for i in range(100))
    written = write_model(tmp_path, spm_model(read_spm(blocks.spm)), [scans], None)
    assert written.is_same
    assert not written.scripts
    assert any("one 4-D file for each run" in note for note in written.notes)


def test_names_that_a_table_cannot_have_are_changed_and_told(tmp_path: Path) -> None:
    names = [condition(" go*", GO.onsets.tolist(), 12), condition("stop\t1", STOP.onsets.tolist(), 0)]
    study = Study([names], [100], contrasts={"go": {"trial_type. go*": 1.0}})
    (tmp_path / "func").mkdir()
    spm = write_spm(study, tmp_path / "spm", scans_of(study, tmp_path / "func"))
    written = write_model(tmp_path / "out", spm_model(read_spm(spm)), [()], None)
    assert written.is_same
    assert any("Renamed" in note for note in written.notes)
    assert writable("stop\t1") == "stop_1"


def test_a_new_check_leaves_nothing_of_the_earlier_one(blocks: Analysed) -> None:
    nilearn = blocks.nilearn("again", events=[events_of([GO, STOP], shift=2.0)])
    blocks.check(nilearn)
    out = blocks.root / "check-again"
    words = ["check", str(out), "--spm", str(blocks.spm), "--nilearn", str(blocks.nilearn("equal"))]
    assert main([*words, "--overwrite"]) == 0
    assert not (out / "attribution.tsv").exists()
    assert not (out / "model-nilearn").exists()


@pytest.mark.parametrize(
    "place",
    [
        "faces/spm_events",
        "gonogo/spm_pmod_fast",
        "leftright/spm_fir",
        "localizer/spm_1stlevel",
        "tapping/spm_mask_scaling",
        "tapping/spm_overparameterised",
        "tapping/spm_specified_only",
    ],
)
def test_models_of_real_spm_come_back(place: str, shared_dir: Path, tmp_path: Path) -> None:
    folder = shared_dir / "own-analyses" / place
    if not folder.is_dir():
        pytest.skip("the analyses of users are not there")
    model = spm_model(read_spm(folder))
    written = write_model(tmp_path, model, [() for _ in model.paradigms], None)
    assert written.difference < 1e-6, written.notes
