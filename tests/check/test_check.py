"""`bidsglm check`: what differs is named, and nothing else; SPM's maps come out again."""

import gzip
import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from scipy.io import savemat

from bidsglm.check.matlab import read_mat
from bidsglm.check.spm_folder import analysis_of
from bidsglm.cli import main
from bidsglm.errors import DataError
from bidsglm.outputs.check_tables import COLUMNS, MAPS, SETTINGS
from bidsglm.outputs.unit_tables import agreement_schema, attribution_schema
from bidsglm.pairs import DEFAULT_PAIR
from tests.conftest import PROJECT
from tests.outputs.schemas import check_tables

from .analysed import GO, STOP, VALUES, Analysed, blocks_in, sessions_in, settings
from .nilearn_results import events_of, write_nilearn
from .spm_mat import Study, condition, scans_of, write_spm


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    return blocks_in(tmp_path_factory.mktemp("blocks"))


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    return sessions_in(tmp_path_factory.mktemp("sessions"))


def test_equal_models_are_the_same_and_spms_maps_come_out(blocks: Analysed) -> None:
    found = blocks.check(blocks.nilearn("equal"))
    assert found["same_model"]
    assert settings(found) == []
    (made,) = found["reproduced"].values()
    assert made["is_reproduced"]
    assert made["weights"] == {"go": 1.0}
    assert (made["signal_scaling"], made["noise_model"], made["smoothing_fwhm"]) == (False, "ar1", 0.0)
    assert len(found["spm_reproduced"]) == 4
    assert all(
        each["is_reproduced"] and each["largest_difference"] < 5e-7 for each in found["spm_reproduced"]
    )
    (columns,) = found["columns"]
    assert [match["nilearn"] for match in columns["corresponding"]] == ["go", "stop", "constant"]
    assert all(match["r"] > 0.999 for match in columns["corresponding"][:1])
    assert columns["drift_functions"]["the_same"]
    assert {pair["what"] for pair in found["maps"]} == {"effect", "t"}


@pytest.mark.parametrize(
    ("name", "changed", "expected"),
    [
        ("glover", {"hrf_model": "glover"}, ["basis functions"]),
        ("sampling", {"slice_time_ref": 0.0}, ["sampling of the regressors"]),
        ("unknown", {"slice_time_ref": 0.0, "index": False}, ["sampling of the regressors"]),
        ("ols", {"noise_model": "ols"}, ["serial correlations"]),
        ("percent", {"signal_scaling": 0}, ["scaling"]),
        ("grand", {"signal_scaling": (0, 1)}, ["scaling"]),
        ("filter", {"high_pass": 1 / 50}, ["high-pass"]),
        ("unfiltered", {"drift_model": None}, ["high-pass"]),
        ("polynomial", {"drift_model": "polynomial", "drift_order": 3}, ["high-pass"]),
        ("odd", {"events": [events_of([GO, STOP], shift=-1.3)]}, ["onsets of go and stop (s)"]),
        ("long", {"events": [events_of([GO, STOP], duration=4.0)]}, ["durations of go and stop (s)"]),
        ("short", {"events": [events_of([condition("go", [10, 50, 90], 12), STOP])]}, ["onsets of go (s)"]),
        (
            "third",
            {"events": [events_of([GO, STOP, condition("cue", [5, 60, 140], 3)])]},
            ["onsets of cue (s)"],
        ),
        ("smooth", {"smoothing_fwhm": 5.0}, ["smoothing"]),
        ("minus", {"contrast": "-go"}, ["contrast: weights of go"]),
        ("twice", {"contrast": "2*go"}, ["contrast: weights of go"]),
        ("t", {"kinds": ("stat",)}, []),
        ("z", {"kinds": ("z_score",), "noise_model": "ols"}, ["serial correlations"]),
        ("mean", {"contrast": "0.5*go - 0.5*stop"}, ["contrast: weights of go > stop"]),
        ("none", {"contrast": "go - stop"}, []),
    ],
)
def test_each_difference_is_named_and_nothing_else(
    blocks: Analysed, name: str, changed: dict[str, Any], expected: list[str]
) -> None:
    found = blocks.check(blocks.nilearn(name, **changed))
    assert settings(found) == expected
    assert found["same_model"] == (not expected)


def test_the_values_of_a_difference_are_told(blocks: Analysed) -> None:
    found = blocks.check(
        blocks.nilearn("values", events=[events_of([GO, STOP], shift=2.0, duration=4.0)], drift_model=None)
    )
    told = {each["setting"]: each for each in found["settings_that_differ"]}
    assert told["onsets of go and stop (s)"]["nilearn"] == "12, 52, 92, 132, 172"
    assert told["durations of go and stop (s)"]["nilearn"] == "4"
    assert told["high-pass"]["spm"] == "cosine filter, 128 s (3 functions)"
    assert all(each["consequence"] and each["remedy"] for each in told.values())


def test_masks_are_compared(blocks: Analysed, tmp_path: Path) -> None:
    mask = nib.load(blocks.spm / "mask.nii").get_fdata().astype(np.uint8)
    mask[:2] = 0
    nib.Nifti1Image(mask, np.diag([3.0, 3.0, 3.0, 1.0])).to_filename(tmp_path / "half.nii")
    found = blocks.check(blocks.nilearn("mask", mask_img=str(tmp_path / "half.nii")))
    assert settings(found) == ["mask"]


def test_scans_before_smoothing_are_found_beside_the_smoothed(blocks: Analysed) -> None:
    bare = blocks.root / "func" / blocks.scans[0].name.removeprefix("s")
    image = nib.load(blocks.scans[0])
    noise = np.random.default_rng(5).normal(0, 3, image.shape)
    nib.Nifti1Image((image.get_fdata() + noise).astype(np.float32), image.affine, image.header).to_filename(
        bare
    )
    try:
        found = blocks.check(blocks.nilearn("unsmoothed", scans=[bare]))
        smoothed = blocks.check(blocks.nilearn("by-each", scans=[bare], smoothing_fwhm=6.0))
    finally:
        bare.unlink()
    assert settings(found) == settings(smoothed) == ["smoothing", "scans"]
    assert not found["same_model"]
    # SPM's files say 6 mm themselves
    assert smoothed["same_model"]


def test_maps_of_other_scans_are_not_explained_by_the_design(blocks: Analysed, tmp_path: Path) -> None:
    others = Study(blocks.study.events, blocks.study.n_scans, seed=9)
    found = blocks.check(blocks.nilearn("others", scans=scans_of(others, tmp_path)))
    assert "scans" in settings(found)
    assert not found["same_model"]


def test_maps_in_another_place_of_space_are_of_other_scans(blocks: Analysed) -> None:
    nilearn = blocks.nilearn("moved")
    for path in nilearn.glob("*.nii.gz"):
        image = nib.load(path)
        nib.Nifti1Image(image.get_fdata(), np.diag([-3.0, 3.0, 3.0, 1.0])).to_filename(path)
    found = blocks.check(nilearn)
    assert settings(found) == ["scans"]
    assert "another place of space" in found["settings_that_differ"][0]["nilearn"]
    assert found["maps"] == []


def test_missing_confounds_and_sessions_are_named(sessions: Analysed) -> None:
    fewer = [c[:, :2] for c in sessions.study.confounds]
    found = sessions.check(sessions.nilearn("fewer", "go - stop", confounds=fewer))
    assert settings(found) == ["confounds of session 1", "confounds of session 2"]
    one = write_nilearn(
        sessions.study,
        sessions.root / "one",
        sessions.scans[:1],
        "go - stop",
        [events_of(sessions.study.events[0])],
        confounds=[sessions.study.confounds[0]],
        mask_img=str(sessions.spm / "mask.nii"),
    )
    assert settings(sessions.check(one)) == ["sessions"]


def test_a_modulator_that_nilearn_lacks_is_named(tmp_path: Path) -> None:
    modulated = condition("go", GO.onsets.tolist(), 0, rt=VALUES)
    study = Study([[modulated, STOP]], [100], contrasts={"go": {"trial_type.go": 1.0}})
    analysed = Analysed(tmp_path / "study", study)
    assert settings(analysed.check(analysed.nilearn("without"))) == ["modulators: go_x_rt^1"]
    events = events_of([modulated, STOP]).assign(modulation=1.0)
    rows = events_of([modulated]).assign(trial_type="goxrt", modulation=VALUES - VALUES.mean())
    import pandas as pd

    both = analysed.nilearn("with", events=[pd.concat([events, rows])])
    assert settings(analysed.check(both)) == []


def test_paths_of_windows_are_found_by_their_names(blocks: Analysed) -> None:
    folder = write_spm(blocks.study, blocks.root / "windows", blocks.scans, "D:\\\\fMRI\\\\study")
    out = blocks.root / "check-windows"
    words = ["--spm", str(folder), "--nilearn", str(blocks.nilearn("equal2")), "--scans", str(blocks.root)]
    assert main(["check", str(out), *words]) == 0
    found = json.loads((out / "check.json").read_text())
    assert all(each["is_reproduced"] for each in found["spm_reproduced"])
    shutil.rmtree(folder)


def test_without_scans_what_stands_nowhere_is_not_claimed(blocks: Analysed) -> None:
    out = blocks.root / "check-no-scans"
    words = [
        "--spm",
        str(blocks.spm / "SPM.mat"),
        "--nilearn",
        str(blocks.nilearn("percent2", signal_scaling=0)),
    ]
    assert main(["check", str(out), *words]) == 0
    found = json.loads((out / "check.json").read_text())
    assert settings(found) == []
    assert "not known" in found["answer"]
    assert found["reproduced"] == {}


@pytest.fixture(scope="module")
def later(blocks: Analysed) -> dict[str, Any]:
    """A check of events that begin 2 s later in nilearn."""
    return blocks.check(blocks.nilearn("later", events=[events_of([GO, STOP], shift=2.0)]))


def test_later_onsets_are_named_and_nothing_else(later: dict[str, Any]) -> None:
    assert settings(later) == ["onsets of go and stop (s)"]
    assert not later["same_model"]


def test_page_and_tables_say_what_the_json_says(blocks: Analysed, later: dict[str, Any]) -> None:
    found, out = later, blocks.root / "check-later"
    page = re.sub(r"\s+", " ", (out / "check.html").read_text())
    assert "onsets of go and stop (s)" in page
    assert "12, 52, 92, 132, 172" in page
    assert found["answer"] in page
    assert page.count("<svg") >= 2
    rows = (out / "settings.tsv").read_text().splitlines()
    assert rows[0].split("\t") == ["setting", "spm", "nilearn", "consequence", "remedy"]
    assert len(rows) == 2
    assert len((out / "maps.tsv").read_text().splitlines()) == 3


@pytest.mark.usefixtures("later")
def test_every_table_is_as_its_schema_and_its_sidecar_say(blocks: Analysed) -> None:
    schemas = {
        "settings.tsv": SETTINGS,
        "columns.tsv": COLUMNS,
        "maps.tsv": MAPS,
        "agreement.tsv": agreement_schema(DEFAULT_PAIR),
        "attribution.tsv": attribution_schema(DEFAULT_PAIR),
    }
    folder = blocks.root / "check-later"
    check_tables(folder, {name: each for name, each in schemas.items() if (folder / name).exists()})


def test_conditions_that_fill_the_run_are_named_on_the_first_screen(tmp_path: Path) -> None:
    move, rest = condition("move", range(12, 192, 24), 12), condition("rest", range(0, 180, 24), 12)
    weights = {"trial_type.move": 1.0}
    analysed = Analysed(tmp_path / "filled", Study([[move, rest]], [96], contrasts={"move": weights}))
    analysed.check(analysed.nilearn("equal", "move"))
    page = (analysed.root / "check-equal" / "check.html").read_text()
    summary = page[page.index('id="summary"') : page.index('id="differences"')]
    assert "move and rest together fill the run" in summary
    assert "What to do:" in page


def test_a_script_beside_the_maps_is_never_run(blocks: Analysed) -> None:
    nilearn = blocks.nilearn("script", drift_model=None)
    mark = blocks.root / "was-run"
    (nilearn / "glm.py").write_text(
        f"open({str(mark)!r}, 'w')\nmodel = FirstLevelModel(t_r=2, drift_model=None, high_pass=0.01)\n"
    )
    found = blocks.check(nilearn)
    assert not mark.exists()
    (told,) = found["settings_that_differ"]
    assert told["nilearn"] == "none: drift_model=None, so the high_pass=0.01 that was given has no effect"


def bad(kind: str, analysed: Analysed, folder: Path) -> tuple[Path, Path, int, str]:
    """SPM's and nilearn's part of an input that cannot be checked, its exit code and what is said."""
    good = analysed.root / "equal"
    spm = folder / "spm"
    spm.mkdir()
    content = (analysed.spm / "SPM.mat").read_bytes()
    target = spm / "SPM.mat"
    if kind == "empty folder":
        return spm, good, 66, "holds no SPM.mat"
    if kind == "cut":
        target.write_bytes(content[: len(content) // 2])
        return spm, good, 74, "damaged or cut short"
    if kind == "text":
        target.write_text("no MATLAB file")
        return spm, good, 65, "is no MATLAB file"
    if kind == "other variable":
        savemat(target, {"jobs": np.eye(2)})
        return spm, good, 65, "holds no variable SPM"
    if kind == "second level":
        savemat(target, {"SPM": {"xX": {"X": np.ones((9, 1))}, "xY": {"P": "con.nii"}}})
        return spm, good, 65, "is not as SPM writes it"
    if kind == "no sessions":
        savemat(target, {"SPM": {"xX": {"X": np.ones((9, 1))}, "xY": {"RT": 2.0}, "xBF": {"name": "hrf"}}})
        return spm, good, 65, "no first-level fMRI design"
    target.write_bytes(content)
    empty = folder / "nilearn"
    empty.mkdir()
    if kind == "no nilearn":
        return spm, folder / "gone", 66, "no such folder"
    if kind == "4-D":
        nib.Nifti1Image(np.zeros((6, 7, 4, 3), np.float32), np.eye(4)).to_filename(empty / "go_stat.nii")
        return spm, empty, 65, "has 3 volumes"
    if kind == "damaged map":
        (empty / "go_stat.nii.gz").write_bytes(gzip.compress(b"none"))
        return spm, empty, 74, "is damaged, cut short or no image"
    return spm, empty, 65, "neither maps"


KINDS = (
    "empty folder",
    "cut",
    "text",
    "other variable",
    "second level",
    "no sessions",
    "no nilearn",
    "4-D",
    "damaged map",
    "empty nilearn",
)


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_checked_is_one_line_with_its_exit_code(
    kind: str, blocks: Analysed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (blocks.root / "equal").is_dir():
        blocks.nilearn("equal")
    spm, nilearn, code, text = bad(kind, blocks, tmp_path)
    found = main(["check", str(tmp_path / "out"), "--spm", str(spm), "--nilearn", str(nilearn)])
    said = capsys.readouterr().err
    assert (found, text in said, len(said.strip().splitlines())) == (code, True, 1), said


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("xX", "X"), "text"),
        (("xX", "name"), ["one"]),
        (("xBF", "T0"), np.float64(99)),
        (("Sess", "row"), np.array([1e9, 2e9])),
        (("Sess", "col"), np.array([np.nan])),
        (("Sess", "col"), np.array([9e9])),
        (("Sess", "C", "C"), np.ones(100)),
        (("xY", "P"), "one.nii"),
        (("xCon",), {"c": {}}),
    ],
)
def test_an_spm_mat_that_is_not_spms_is_one_error(
    blocks: Analysed, place: tuple[str, ...], value: Any
) -> None:
    path = blocks.spm / "SPM.mat"
    content = read_mat(path, "SPM")
    node = content
    for name in place[:-1]:
        node = node[name] if isinstance(node[name], dict) else node[name][0]
    node[place[-1]] = value
    with pytest.raises(DataError, match=re.escape(str(path))):
        analysis_of(content, path)


def test_an_earlier_check_is_replaced_only_when_asked(blocks: Analysed, tmp_path: Path) -> None:
    if not (blocks.root / "equal").is_dir():
        blocks.nilearn("equal")
    words = ["check", str(tmp_path), "--spm", str(blocks.spm), "--nilearn", str(blocks.root / "equal")]
    (tmp_path / "mine.txt").write_text("mine")
    assert main(words) == 73
    assert main([*words, "--overwrite"]) == 73
    (tmp_path / "mine.txt").unlink()
    assert main(words) == 0
    assert main(words) == 73
    assert main([*words, "--overwrite"]) == 0


def test_nothing_is_written_beside_the_analyses(blocks: Analysed) -> None:
    nilearn = blocks.nilearn("untouched")
    before = {p: p.stat().st_mtime_ns for folder in (blocks.spm, nilearn) for p in folder.rglob("*")}
    blocks.check(nilearn)
    assert before == {p: p.stat().st_mtime_ns for folder in (blocks.spm, nilearn) for p in folder.rglob("*")}


def test_every_pair_of_the_users_analyses_gives_its_truth(
    shared_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = shared_dir / "own-analyses" / "check_pairs.py"
    if not script.is_file():
        pytest.skip("the analyses of users are not there")
    run = subprocess.run

    def run_here(command: list[str], **settings: Any) -> Any:
        """Run the command line in this process, which has imported it already."""
        if command[1] != f"{PROJECT}/run.py":
            return run(command, **settings)
        return subprocess.CompletedProcess(command, main(command[2:]), "", "")

    monkeypatch.setattr(subprocess, "run", run_here)
    monkeypatch.setattr(sys, "argv", [str(script), str(PROJECT), sys.executable])
    with pytest.raises(SystemExit):
        runpy.run_path(str(script), run_name="__main__")
    assert re.search(r"right (\d+) / \1$", capsys.readouterr().out.strip())
