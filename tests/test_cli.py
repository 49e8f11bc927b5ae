import json
import subprocess
import sys
from pathlib import Path

import pytest

from bidsglm import __version__, cli, options
from bidsglm.errors import BidsglmError
from bidsglm.settings import Settings
from tests.conftest import PROJECT

pytestmark = pytest.mark.usefixtures("plain_figures")


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch):
    """Settings that a command line gives, without running anything."""

    def parse(*words: str) -> Settings:
        seen: list[Settings] = []
        monkeypatch.setattr(cli, "_run", lambda settings: seen.append(settings) or 0)
        assert cli.main(words) == 0
        return seen[0]

    return parse


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--participant-label", "sub-01", "02"], "participant_labels", ("01", "02")),
        (["--participant_label", "01"], "participant_labels", ("01",)),
        (["--session-id", "ses-a"], "session_labels", ("a",)),
        (["--task-label", "task-x", "y"], "task_labels", ("x", "y")),
        (["--run_id", "run-01"], "run_labels", ("01",)),
        (["--space", "space-T1w", "MNI"], "space", ("T1w", "MNI")),
        (["-d", "fmriprep=/a/b", "/c=d/e"], "derivatives", (Path("/a/b"), Path("/c=d/e"))),
        (["--backends", "nilearn", "spm"], "backends", ("spm", "nilearn")),
        (["--backends", "nilearn"], "backends", ("nilearn",)),
        (["--settings", "native"], "matching", "native"),
        (["--mask-threshold", "-Inf"], "mask_threshold", float("-inf")),
        (["--confounds", "trans_*", "csf"], "confounds", ("trans_*", "csf")),
        (["--confounds"], "confounds", ()),
        (["--smoothing_fwhm=6"], "smoothing_fwhm", 6.0),
        (["--nprocs", "3"], "n_procs", 3),
        (["-vv", "-q"], "verbosity", 1),
        (["--notrack"], "overwrite", False),
    ],
)
def test_option_reaches_its_setting(settings_of, words: list[str], field: str, value: object) -> None:
    assert getattr(settings_of("bids", "out", "participant", *words), field) == value


@pytest.mark.parametrize(
    ("typed", "level"),
    [("participant", "participant"), ("subject", "participant"), ("group", "group"), ("dataset", "group")],
)
def test_levels_have_aliases(settings_of, typed: str, level: str) -> None:
    assert settings_of("bids", "out", typed).level == level


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["bids", "out", "session"], 17, "unknown analysis level 'session'"),
        (["bids", "out"], 64, "analysis_level"),
        (["bids", "out", "participant", "--no-such-option"], 64, "--no-such-option"),
        (["bids", "out", "participant", "--calibrate", "0"], 64, "--calibrate"),
        (["bids", "out", "participant", "--n-procs", "0"], 64, "at least 1"),
        (["bids", "out", "participant", "--high-pass", "-5"], 64, "must not be negative"),
        (["bids", "out", "participant", "--backends", "ants"], 64, "ants"),
        (["bids", "bids", "participant"], 64, "raw data folder itself"),
        (["bids", "out", "participant", "--bids-filter-file", "none.json"], 66, "none.json"),
        (["none", "out", "participant"], 66, "none"),
        (["bids", "out", "participant", "--permutations", "99"], 64, "give it to the group level"),
        (["bids", "out", "subject", "--permutations=99"], 64, "does nothing at the participant level"),
        (["bids", "out", "group", "--scheduler", "node:8786"], 64, "give it to the participant level"),
        (["bids", "out", "participant", "--smoothing", "6"], 64, "did you mean '--smoothing-fwhm'?"),
        (["bids", "out", "participant", "--smoothing_fwmh=6"], 64, "did you mean '--smoothing-fwhm'?"),
        (
            ["bids", "out", "participant", "--participant_labels", "1"],
            64,
            "did you mean '--participant-label'?",
        ),
        (["bids", "out", "participant", "--nthreads", "1"], 64, "--omp-nthreads"),
    ],
)
def test_wrong_command_line_is_one_line_and_its_code(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == code
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


@pytest.mark.parametrize("content", ["{", "[]", '{"bold": 1}', '{"bould": {}}'])
def test_bad_filter_file_is_named(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "filter.json"
    path.write_text(content)
    assert cli.main(["bids", "out", "participant", "--bids-filter-file", str(path)]) == 65
    assert "filter.json" in capsys.readouterr().err


def test_filter_file_reaches_the_settings(settings_of, tmp_path: Path) -> None:
    path = tmp_path / "filter.json"
    path.write_text(json.dumps({"bold": {"session": "1"}}))
    assert settings_of("b", "o", "group", "--bids-filter-file", str(path)).bids_filters == {
        "bold": {"session": "1"}
    }


def test_foreseen_error_is_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class FullError(BidsglmError):
        exit_code = 74

    def fail(settings: Settings) -> int:
        raise FullError("disk: full; free it")

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main(["bids", "out", "group"]) == 74
    assert capsys.readouterr().err == "bidsglm: disk: full; free it\n"


def test_version_and_help_end_well(capsys: pytest.CaptureFixture[str]) -> None:
    for option, said in (("--version", __version__), ("--help", "analysis_level")):
        with pytest.raises(SystemExit) as ended:
            cli.main([option])
        assert ended.value.code == 0
        assert said in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from bidsglm import cli, options; options.build_parser(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"nilearn", "bids", "pandas", "scipy", "matplotlib", "sklearn", "jinja2", "nibabel"} & set(
        loaded
    )


def test_every_option_is_in_the_manual() -> None:
    manual = (PROJECT / "docs" / "usage.md").read_text()
    spellings = [option for action in options.build_parser()._actions for option in action.option_strings]
    assert [option for option in spellings if f"`{option}" not in manual and option != "-h"] == []


def test_unforeseen_error_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(settings: Settings) -> int:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main(["bids", "out", "group"]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines == ["bidsglm: unexpected ZeroDivisionError: by zero; please report it with the log folder"]


@pytest.mark.parametrize("level", ["participant", "group"])
def test_data_set_in_a_folder_named_demo_is_analysed(
    level: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make demo` makes such a folder, and calls both levels with its relative name."""
    analysed: list[Path] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "_run", lambda settings: analysed.append(settings.bids_dir) or 0)
    assert cli.main(["demo", "out", level]) == 0
    assert analysed == [Path("demo")]
