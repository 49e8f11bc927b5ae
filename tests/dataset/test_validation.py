"""What the BIDS validator finds ends the run, where it matters for the participants that are fitted."""

import json
import logging
from pathlib import Path

import pytest

from bidsglm.cli import main
from bidsglm.dataset import validation
from bidsglm.dataset.validation import Issue, check_valid, find_validator, relevant_issues
from bidsglm.errors import InvalidBidsError
from tests import tiny

pytestmark = pytest.mark.usefixtures("plain_figures")

STRAY = "sub-01/func/sub-01_task-tap_run-1_bould.json"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return tiny.write_study(tmp_path, runs=("run-1", "run-2"))


@pytest.fixture
def validator(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real validator, which the other tests go without."""
    monkeypatch.setattr(validation, "find_validator", find_validator)
    program = find_validator()
    assert program is not None, "bids-validator-deno is missing; install the extra: pip install -e .[test]"
    return program


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that stands in for the validator; a test writes it."""
    program = tmp_path / "validator"
    program.touch(mode=0o755)
    monkeypatch.setattr(validation, "find_validator", lambda: program)
    return program


@pytest.mark.usefixtures("validator")
def test_data_set_of_the_tests_is_valid(study: Path) -> None:
    check_valid(study, ["01", "02"])


@pytest.mark.usefixtures("validator")
def test_invalid_file_is_named_with_the_way_out(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study / STRAY).write_text("{}")
    (study / "notes.docx").write_text("x")
    out = study.parent / "out"
    assert main([str(study), str(out), "participant"]) == 16
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{study}/notes.docx: not valid BIDS: NOT_INCLUDED, and 1 more file with errors" in line
    assert "--skip-bids-validation" in line
    assert not out.exists()


@pytest.mark.usefixtures("validator")
def test_error_of_another_participant_does_not_matter(study: Path) -> None:
    (study / STRAY).write_text("{}")
    check_valid(study, ["02"])
    with pytest.raises(InvalidBidsError, match="sub-01_task-tap_run-1_bould"):
        check_valid(study, ["01"])


@pytest.mark.usefixtures("validator")
def test_validation_can_be_skipped(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (study / STRAY).write_text("{}")
    command = [str(study), str(study.parent / "out"), "participant", "--dry-run"]
    assert main(command) == 16
    assert main([*command, "--skip-bids-validation"]) == 0
    assert "sub-01" in capsys.readouterr().out


@pytest.mark.usefixtures("validator")
def test_images_whose_content_was_never_fetched_are_no_error(study: Path) -> None:
    image = study / "sub-01/func/sub-01_task-tap_run-1_bold.nii.gz"
    image.unlink()
    image.symlink_to("../../.git/annex/objects/absent")
    check_valid(study, ["01", "02"])


@pytest.mark.usefixtures("validator")
def test_events_are_left_to_their_reader_who_knows_the_line(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study / "sub-01/func/sub-01_task-tap_run-1_events.tsv").write_text(
        "onset\tduration\ttrial_type\nsoon\t1\tmove\n"
    )
    assert main([str(study), str(study.parent / "out"), "participant", "--participant-label", "01"]) == 65
    assert "line 2" in capsys.readouterr().err


def test_derivatives_are_not_raw_data(validator: Path, study: Path) -> None:
    (study / "derivatives" / "fmriprep" / "anything.txt").write_text("x")
    check_valid(study, ["01"])


@pytest.mark.usefixtures("validator")
def test_stimuli_are_found(study: Path) -> None:
    (study / "stimuli").mkdir()
    (study / "stimuli" / "face.png").write_text("x")
    header = "onset\tduration\ttrial_type\tstim_file"
    events = study / "sub-01/func/sub-01_task-tap_run-1_events.tsv"
    events.write_text(f"{header}\n0\t10\tmove\tface.png\n")
    assert validation_codes(study) == []


def validation_codes(study: Path) -> list[str]:
    """All errors, those of files that bidsglm reads itself among them."""
    program = find_validator()
    assert program is not None
    report = validation._run(program, study, validation.TIME_LIMIT)
    assert report is not None
    return [issue.code for issue in validation.read_issues(report)]


def test_without_the_validator_the_run_goes_on(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "find_validator", lambda: None)
    (study / STRAY).write_text("{}")
    check_valid(study, ["01"])


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("#!/bin/sh\nexec sleep 20", "takes more than 0.3 s"),
        ("#!/bin/sh\necho wrong; exit 1", "ended with code 1"),
        ("#!/bin/sh\nprintf '{\"issues\": '; exit 137", "ended with code 137"),
        ("#!/no/such/shell", "does not run"),
    ],
)
def test_validator_that_fails_is_said_and_harms_nobody(
    stand_in: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, script: str, said: str
) -> None:
    stand_in.write_text(script)
    with caplog.at_level(logging.WARNING, "bidsglm"):
        logging.getLogger("bidsglm").propagate = True
        check_valid(tmp_path, ["01"], time_limit=0.3)
    assert said in caplog.text


def test_first_file_leads_and_warnings_do_not_count(stand_in: Path, tmp_path: Path) -> None:
    issues = [
        {"code": "B", "severity": "error", "location": "/z", "subCode": "Field"},
        {"code": "A", "severity": "warning", "location": "/a"},
        {"code": "C", "severity": "error", "location": "/y", "subCode": "Name"},
        {"code": "D", "severity": "error", "location": "/z"},
    ]
    stand_in.write_text(f"#!/bin/sh\necho '{json.dumps({'issues': {'issues': issues}})}'\nexit 16\n")
    with pytest.raises(
        InvalidBidsError, match=r"/y: not valid BIDS: C \(Name\), and 1 more file with errors;"
    ):
        check_valid(tmp_path, ["01"])


def test_headers_of_raw_images_do_not_matter() -> None:
    assert relevant_issues([Issue("NIFTI_HEADER_UNREADABLE", "/sub-01/func/a_bold.nii.gz", "")], ["01"]) == []


def test_scans_table_that_lists_images_elsewhere_does_not_stop_a_fit() -> None:
    missing = Issue("SCANS_FILENAME_NOT_MATCH_DATASET", "/sub-01/sub-01_scans.tsv", "")
    assert relevant_issues([missing], ["01"]) == []


def test_faults_of_recordings_that_no_fit_needs_do_not_stop_it() -> None:
    places = ("ses-meg/meg/sub-01_meg.json", "dwi/sub-01_dwi.json", "ses-mri/func/sub-01_x.json")
    found = [Issue("ENTITY_NOT_IN_RULE", f"/sub-01/{place}", "") for place in places]
    assert relevant_issues([*found, Issue("X", "/participants.tsv", "")], ["01"]) == [
        Issue("X", "/participants.tsv", ""),
        found[2],
    ]
