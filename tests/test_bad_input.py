"""Bad input: one clear line with file and remedy, the documented exit code, nobody else harmed."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import pytest

from bidsglm.cli import main
from bidsglm.participant import record_death
from bidsglm.settings import Settings
from tests import tiny

NAME = f"sub-01_task-{tiny.TASK}"
SPACE = f"space-{tiny.SPACE}"


class Place(NamedTuple):
    """Folders and files of the first participant, who gets the bad input."""

    study: Path

    @property
    def derived(self) -> Path:
        return self.study / "derivatives" / "fmriprep" / "sub-01" / "func"

    @property
    def bold(self) -> Path:
        return self.derived / f"{NAME}_{SPACE}_desc-preproc_bold.nii.gz"

    @property
    def mask(self) -> Path:
        return self.derived / f"{NAME}_{SPACE}_desc-brain_mask.nii.gz"

    @property
    def confounds(self) -> Path:
        return self.derived / f"{NAME}_desc-confounds_timeseries.tsv"

    @property
    def events(self) -> Path:
        return self.study / "sub-01" / "func" / f"{NAME}_events.tsv"


def replace_in(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_grid_run(place: Place) -> None:
    """Two runs instead of one, the second on a grid of its own."""
    for folder in (place.events.parent, place.derived):
        for path in list(folder.iterdir()):
            one, two = (path.name.replace(f"task-{tiny.TASK}", f"task-{tiny.TASK}_run-{i}") for i in (1, 2))
            (folder / two).write_bytes(path.read_bytes())
            path.rename(folder / one)
    moved = tiny.AFFINE + np.diag([0.5, 0, 0, 0])
    second = place.derived / f"{NAME}_run-2_{SPACE}_desc-preproc_bold.nii.gz"
    tiny.write_image(second, np.asarray(nib.load(second).dataobj), moved)


def disjoint_masks(place: Place) -> None:
    """A mask on another grid, beside the brain."""
    tiny.write_image(place.mask, tiny.brain(), tiny.AFFINE + np.array([[0, 0, 0, 500.0]] + [[0] * 4] * 3))


def change_values(place: Place, change: Callable[[np.ndarray], None]) -> None:
    """Spoil the values of the bold file in place."""
    values = np.array(nib.load(place.bold).dataobj)
    change(values)
    tiny.write_image(place.bold, values)


def keep_scans(place: Place, n_scans: int) -> None:
    """Cut bold, raw and preprocessed, and confounds."""
    tiny.write_image(place.events.parent / f"{NAME}_bold.nii.gz", np.zeros((2, 2, 2, n_scans), np.int16))
    tiny.write_image(place.bold, np.array(nib.load(place.bold).dataobj)[..., :n_scans])
    lines = place.confounds.read_text().splitlines()
    place.confounds.write_text("\n".join(lines[: n_scans + 1]) + "\n")


def without_affine(place: Place) -> None:
    """Blank the rows of the sform, which start at byte 280 of a NIfTI header."""
    content = bytearray(gzip.decompress(place.bold.read_bytes()))
    content[280:328] = bytes(48)
    place.bold.write_bytes(gzip.compress(bytes(content)))


class Case(NamedTuple):
    """What is done to the data, and what must be said of it."""

    spoil: Callable[[Place], object]
    code: int
    said: tuple[str, ...]
    """Parts of the one line."""


PARTICIPANT = {
    "no events": Case(lambda p: p.events.unlink(), 65, ("events.tsv", "--run-label")),
    "events without trial_type": Case(
        lambda p: replace_in(p.events, "trial_type", "kind"), 65, ("events.tsv", "trial_type", "add")
    ),
    "onset n/a": Case(
        lambda p: replace_in(p.events, "20.0\t10", "n/a\t10"), 65, ("events.tsv", "line 3", "onset", "n/a")
    ),
    "duration n/a": Case(
        lambda p: replace_in(p.events, "20.0\t10", "20.0\tn/a"), 65, ("events.tsv", "line 3", "duration")
    ),
    "onset is a word": Case(lambda p: replace_in(p.events, "20.0\t", "soon\t"), 65, ("events.tsv", "soon")),
    "truncated bold": Case(lambda p: truncate(p.bold), 74, ("desc-preproc_bold.nii.gz", "truncated")),
    "empty bold": Case(lambda p: p.bold.write_bytes(b""), 74, ("desc-preproc_bold.nii.gz",)),
    "bold is text": Case(lambda p: p.bold.write_text("hello"), 74, ("desc-preproc_bold.nii.gz", "gzip")),
    "truncated mask": Case(lambda p: truncate(p.mask), 74, ("brain_mask.nii.gz",)),
    "mask beside the brain": Case(disjoint_masks, 65, ("brain_mask.nii.gz",)),
    "mask of zeros": Case(
        lambda p: tiny.write_image(p.mask, np.zeros(tiny.SHAPE, np.uint8)),
        65,
        ("brain_mask.nii.gz", "no voxel"),
    ),
    "mask of several volumes": Case(
        lambda p: tiny.write_image(p.mask, np.ones((*tiny.SHAPE, 3), np.uint8)),
        65,
        ("brain_mask.nii.gz", "3 volumes"),
    ),
    "bold of zeros": Case(
        lambda p: change_values(p, lambda v: v.fill(0)),
        65,
        ("desc-preproc_bold.nii.gz", "volume 1", "images"),
    ),
    "constant bold": Case(
        lambda p: change_values(p, lambda v: v.fill(500)),
        65,
        ("desc-preproc_bold.nii.gz", "varies over the scans"),
    ),
    "a volume of NaN": Case(
        lambda p: change_values(p, lambda v: v[..., 7].fill(np.nan)),
        65,
        ("desc-preproc_bold.nii.gz", "volume 8", "images"),
    ),
    "fewer scans than regressors": Case(
        lambda p: keep_scans(p, 6), 65, ("desc-preproc_bold.nii.gz", "degrees of freedom")
    ),
    "affine of zeros": Case(
        without_affine, 65, ("desc-preproc_bold.nii.gz", "affine", "write the image again")
    ),
    "runs of different grids": Case(other_grid_run, 65, ("run-2", "run-1", "grid")),
    "confound missing": Case(
        lambda p: replace_in(p.confounds, "rot_z", "rotz"), 65, ("confounds_timeseries.tsv", "rot_z", "rotz")
    ),
    "confounds file missing": Case(lambda p: p.confounds.unlink(), 65, ("confounds", "trans_x")),
    "confounds too short": Case(
        lambda p: p.confounds.write_text("\n".join(p.confounds.read_text().splitlines()[:-3]) + "\n"),
        65,
        ("confounds_timeseries.tsv", "67", "70"),
    ),
    "confound n/a in the middle": Case(
        lambda p: p.confounds.write_text(
            "\n".join(
                "\t".join(["n/a", *line.split("\t")[1:]]) if i == 30 else line
                for i, line in enumerate(p.confounds.read_text().splitlines())
            )
        ),
        65,
        ("confounds_timeseries.tsv", "trans_x", "line 31"),
    ),
}


@pytest.fixture(autouse=True)
def _no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes most of the time and has tests of its own."""
    monkeypatch.setattr("bidsglm.pages.contrasts.contrast_figures", lambda images: ())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tiny.write_study(tmp_path))


def error_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if " ERROR " in line and "failed:" not in line]


@pytest.mark.parametrize("name", PARTICIPANT)
def test_bad_participant_is_named_and_harms_nobody(
    name: str, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case, out = PARTICIPANT[name], tmp_path / "out"
    case.spoil(place)
    code = main([str(place.study), str(out), "participant", "--backends", "spm"])
    lines = error_lines(capsys.readouterr().err)
    assert code == case.code
    assert len(lines) == 1, lines
    for part in case.said:
        assert part in lines[0]
    assert "unexpected" not in lines[0]
    assert (out / "sub-02" / "func" / f"sub-02_task-{tiny.TASK}_{SPACE}_desc-bidsglm_summary.json").exists()
    assert case.said[0] in (out / "sub-01.html").read_text()
    assert not list(out.rglob("*.tmp"))
    assert not list(out.glob("sub-01/func/*statmap*"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bold of zeros", "a tenth of the robust range"),
        ("a volume of NaN", "a tenth of the robust range"),
        ("constant bold", "varies over the scans"),
        ("fewer scans than regressors", "leave FSL no residual degrees of freedom"),
        ("mask beside the brain", "no voxel"),
    ],
)
def test_fsl_says_what_is_wrong_with_images_in_one_line(
    name: str, said: str, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    PARTICIPANT[name].spoil(place)
    options = ["--participant-label", "01", "--backends", "fsl", "-q"]
    assert main([str(place.study), str(tmp_path / "out"), "participant", *options]) == 65
    (line,) = error_lines(capsys.readouterr().err)
    assert said in line
    assert ".nii.gz: " in line


def failing(place: Place, out: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    """Exit code and the one line of a run that stops before any participant."""
    code = main([str(place.study), str(out), "participant", *options])
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert not out.exists()
    return code, lines[0]


def with_unknown_key(document: dict) -> None:
    document["Nodes"][0]["Model"]["Sofware"] = {}


def with_unknown_software_key(document: dict) -> None:
    document["Nodes"][0]["Model"]["Software"] = {"SPM": {"SerialCorrelations": "AR(1)"}}


def with_unknown_hrf(document: dict) -> None:
    document["Nodes"][0]["Model"]["HRF"]["Model"] = "spm + derivatives"


def with_basis_without_order(document: dict) -> None:
    document["Nodes"][0]["Model"]["HRF"] = {"Variables": ["trial_type.*"], "Model": "fir"}


def with_too_fast_filter(document: dict) -> None:
    document["Nodes"][0]["Model"]["Options"] = {"HighPassFilterCutoffHz": 128}


def with_onset_outside_the_resolution(document: dict) -> None:
    document["Nodes"][0]["Model"]["Software"] = {"SPM": {"MicrotimeOnset": 17}}


def with_absurd_resolution(document: dict) -> None:
    document["Nodes"][0]["Model"]["Software"] = {"SPM": {"MicrotimeResolution": 100_000}}


def with_set_that_nilearn_lacks(document: dict) -> None:
    parameters = {"Length": 16, "Order": 3}
    document["Nodes"][0]["Model"]["HRF"] = {
        "Variables": ["trial_type.*"],
        "Model": "fourier",
        "Parameters": parameters,
    }
    document["Nodes"][0]["Contrasts"][0]["ConditionList"] = [
        "trial_type.move_fourier_1",
        "trial_type.look_fourier_1",
    ]


def with_too_few_weights(document: dict) -> None:
    document["Nodes"][0]["Contrasts"][0]["Weights"] = [1]


MODELS: dict[str, tuple[Callable[[dict], object], tuple[str, ...]]] = {
    "unknown key": (with_unknown_key, ("Sofware", "Software")),
    "unknown package setting": (with_unknown_software_key, ("SerialCorrelations", "SerialCorrelation")),
    "unknown response": (with_unknown_hrf, ("spm + derivatives",)),
    "basis set without its parameters": (with_basis_without_order, ("fir", "Order")),
    "cut-off in seconds instead of Hz": (with_too_fast_filter, ("HighPassFilterCutoffHz", "128")),
    "microtime onset outside": (with_onset_outside_the_resolution, ("MicrotimeOnset", "17")),
    "absurd microtime resolution": (with_absurd_resolution, ("MicrotimeResolution", "1000")),
    "basis set that nilearn lacks": (with_set_that_nilearn_lacks, ("fourier", "--backends spm")),
    "too few weights": (with_too_few_weights, ("move - look", "Weights")),
}


@pytest.mark.parametrize("name", MODELS)
def test_bad_model_stops_before_anything_is_written(
    name: str, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, said = MODELS[name]
    document = tiny.model()
    change(document)
    path = tmp_path / "bad_smdl.json"
    path.write_text(json.dumps(document))
    code, line = failing(place, tmp_path / "out", capsys, "--model", str(path))
    assert code == 65
    for part in ("bad_smdl.json", *said):
        assert part in line


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("trial_type.look", "trial_type.lok"), ("trial_type.lok", "trial_type.look")),
        (
            ('"ConditionList": ["trial_type.move"', '"ConditionList": ["trial_type.moves"'),
            ("moves", "trial_type.move"),
        ),
        (('"trans_*"', '"trans_w"'), ("trans_w", "trans_")),
    ],
)
def test_name_that_no_run_has_is_named_with_the_nearest(
    change: tuple[str, str],
    said: tuple[str, ...],
    place: Place,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "smdl.json"
    path.write_text(json.dumps(tiny.model()).replace(*change, 1))
    code = main(
        [str(place.study), str(tmp_path / "out"), "participant", "-m", str(path), "--backends", "spm"]
    )
    lines = error_lines(capsys.readouterr().err)
    assert code == 65
    assert len(lines) == 2, "each participant says so"
    for part in said:
        assert part in lines[0]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--participant-label", "09"], 18, ("09", "01")),
        (["--model", "absent_smdl.json"], 66, ("absent_smdl.json",)),
        (["--derivatives", "absent"], 66, ("absent",)),
        (["--hrf", "fourrier"], 64, ("fourrier",)),
    ],
)
def test_what_is_not_there_is_named(
    options: list[str],
    code: int,
    said: tuple[str, ...],
    place: Place,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = main([str(place.study), str(tmp_path / "out"), "participant", *options])
    err = capsys.readouterr().err
    assert found == code
    for part in said:
        assert part in err


@pytest.mark.parametrize(
    "options",
    [["--hrf", "cannonicle"], ["--high-pass", "0.008"], ["--noise-model", "ar"], ["--hrf", "glover"]],
)
def test_options_that_make_no_model_are_refused_once_for_everybody(
    options: list[str], place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(place.study), str(tmp_path / "out"), "participant", *options]) in (64, 65)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert options[1] in lines[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--task-label", "rest"], "rest"), (["--space", "T1w"], "T1w"), (["--run-label", "7"], "7")],
)
def test_filters_without_match_end_with_their_code(
    options: list[str], said: str, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(place.study), str(tmp_path / "out"), "participant", *options]) == 18
    assert said in error_lines(capsys.readouterr().err)[0]


def test_no_derivatives_names_the_remedy(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place.study / "derivatives").rename(place.study.parent / "elsewhere")
    code, line = failing(place, tmp_path / "out", capsys)
    assert code == 66
    assert "--derivatives" in line


@pytest.mark.parametrize("content", [None, "{", '{"BIDSVersion": "1.9.0"}'])
def test_invalid_bids_is_refused_unless_told_otherwise(
    content: str | None, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place.study / "dataset_description.json"
    path.unlink() if content is None else path.write_text(content)
    code, line = failing(place, tmp_path / "out", capsys)
    assert code == 16
    assert "dataset_description.json" in line


def test_output_that_cannot_be_made_has_its_code(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main([str(place.study), str(tmp_path / "file" / "out"), "participant"]) == 73
    assert "file" in capsys.readouterr().err


def test_failure_does_not_take_earlier_results(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [
        str(place.study),
        str(out),
        "participant",
        "--participant-label",
        "01",
        "--backends",
        "spm",
        "-q",
    ]
    assert main(command) == 0
    before = {path: path.read_bytes() for path in out.rglob("*statmap.nii.gz")}
    truncate(place.bold)
    assert main(command) == 74
    assert {path: path.read_bytes() for path in out.rglob("*statmap.nii.gz")} == before
    assert "truncated" in (out / "sub-01.html").read_text()


def test_group_without_results_says_what_to_run(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(place.study), str(tmp_path / "out"), "group"]) == 66
    assert "participant level first" in capsys.readouterr().err


def test_group_goes_on_without_the_failed(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "out"
    truncate(place.bold)
    assert main([str(place.study), str(out), "participant", "-q"]) == 74
    assert main([str(place.study), str(out), "group", "-q"]) == 0
    page = (out / "group.html").read_text()
    assert "truncated" in page
    assert "sub-02" in page


def test_stop_on_first_crash_starts_nobody_else(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "out"
    place.events.unlink()
    assert main([str(place.study), str(out), "participant", "--stop-on-first-crash", "-q"]) == 65
    assert not (out / "sub-02").exists()


ALONE = ("--participant-label", "01", "--no-attribution")


def run_alone(place: Place, tmp_path: Path, *options: str) -> int:
    return main([str(place.study), str(tmp_path / "out"), "participant", *ALONE, *options])


MODEL_AND_TABLES: dict[str, tuple[Callable[[Place], object], dict, tuple[str, ...]]] = {
    "filter faster than two TRs": (
        lambda p: None,
        tiny.model(Options={"HighPassFilterCutoffHz": 0.25}),
        ("smdl.json", "two TRs", "HighPassFilterCutoffHz"),
    ),
    "modulator too large to square": (
        lambda p: p.events.write_text(
            "onset\tduration\ttrial_type\trt\n"
            + "".join(f"{20 * i}\t5\t{('move', 'look')[i % 2]}\t{i + 1}e300\n" for i in range(6))
        ),
        tiny.model(
            Software={
                "SPM": {
                    "ParametricModulations": [
                        {
                            "Name": "rt",
                            "Conditions": ["trial_type.move"],
                            "Values": "rt",
                            "PolynomialExpansion": 2,
                        }
                    ]
                }
            }
        ),
        ("events.tsv", "line 2", "1e300"),
    ),
}


@pytest.mark.parametrize("name", MODEL_AND_TABLES)
def test_model_that_does_not_suit_the_data_is_named(
    name: str, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, document, said = MODEL_AND_TABLES[name]
    spoil(place)
    path = tmp_path / "a_smdl.json"
    path.write_text(json.dumps(document))
    assert run_alone(place, tmp_path, "--backends", "spm", "-m", str(path)) == 65
    (line,) = error_lines(capsys.readouterr().err)
    for part in said:
        assert part in line
    assert not list((tmp_path / "out").rglob("*statmap*"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: p.events.write_text(p.events.read_text().replace("\t", ",")), "separated by commas"),
        (lambda p: p.events.write_bytes("onset\tduration\ttrial_type\n1\t1\tö\n".encode("latin1")), "UTF-8"),
        (lambda p: p.events.write_text(""), "empty"),
    ],
)
def test_unusable_events_of_a_whole_task_are_named(
    spoil: Callable[[Place], object],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = Place(tiny.write_study(tmp_path, participants=("01",)))
    spoil(place)
    assert run_alone(place, tmp_path) == 65
    (line,) = error_lines(capsys.readouterr().err)
    assert "events.tsv" in line
    assert said in line


def test_nilearn_refuses_a_design_without_residual_freedom(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_scans(place, 2)
    assert run_alone(place, tmp_path, "--backends", "nilearn") == 65
    (line,) = error_lines(capsys.readouterr().err)
    assert "desc-preproc_bold.nii.gz" in line
    assert "fewer confounds" in line


def test_mask_of_one_volume_in_four_dimensions_is_a_mask(place: Place, tmp_path: Path) -> None:
    tiny.write_image(place.mask, tiny.brain()[..., None])
    assert run_alone(place, tmp_path, "--backends", "spm", "-q") == 0


def test_values_that_are_no_numbers_are_reported_without_a_warning_of_python(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def spoil(values: np.ndarray) -> None:
        values[4, 4, 4, 3] = np.inf
        values[5, 5, 5, 7] = np.nan

    change_values(place, spoil)
    assert run_alone(place, tmp_path) == 0
    err = capsys.readouterr().err
    assert "2 of 336 voxels are NaN or infinite" in err
    assert "Warning" not in err
    assert "encountered in" not in err


def test_filter_file_may_hold_null(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "filters.json"
    path.write_text('{"bold": {"session": null}}')
    assert run_alone(place, tmp_path, "--backends", "spm", "-q", "--bids-filter-file", str(path)) == 0
    assert 'session = "null"' in (tmp_path / "out" / "bidsglm.toml").read_text()


def test_damaged_summary_is_named_and_a_new_run_replaces_it(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_alone(place, tmp_path, "--backends", "spm", "-q") == 0
    (summary,) = (tmp_path / "out").rglob("*_summary.json")
    summary.write_text("{")
    assert run_alone(place, tmp_path, "--reports-only") == 74
    assert "summary.json" in error_lines(capsys.readouterr().err)[0]
    assert run_alone(place, tmp_path, "--backends", "spm", "-q") == 0
    assert json.loads(summary.read_text())["status"] == "finished"


def test_process_that_dies_leaves_its_reason_in_the_page(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "out"
    record_death(Settings(place.study, out, "participant"), "01", "sub-01: its process was killed")
    assert "its process was killed" in (out / "sub-01.html").read_text()
