"""Every option reaches its setting, both ways; words about the program, and what stops it at once."""

import errno
import logging
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from bidsglm import cli, descriptor, errors, messages, packages, parser, requested
from bidsglm.options import ONLY_AT, build_parser
from bidsglm.pairs import DEFAULT_PAIR, Pair, base_of, every_pair, pair_of
from bidsglm.settings import Settings

POSITIONAL = {"bids_dir", "output_dir", "level"}
BARE = Settings(Path("bids"), Path("out"), "participant")
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("--participant-label 02 01 02", {"participant_labels": ("02", "01")}),
    ("--session-label a", {"session_labels": ("a",)}),
    ("--task-id x", {"task_labels": ("x",)}),
    ("--run-label 1", {"run_labels": ("1",)}),
    ("--space T1w", {"space": ("T1w",)}),
    ("--drop-first 4", {"drop_first": 4}),
    ("--allow-trimmed", {"allow_trimmed": True}),
    ("--derivatives a x=/b", {"derivatives": (Path("a"), Path("/b"))}),
    ("-m m.json", {"model": Path("m.json")}),
    ("--backends fsl nilearn", {"backends": ("nilearn", "fsl")}),
    ("--backends all", {"backends": ("spm", "nilearn", "afni", "fsl")}),
    ("--reference spm", {"reference": "spm", "reference_asked": True}),
    ("--reference nilearn", {"reference_asked": True}),
    ("--settings native", {"matching": "native"}),
    ("--hrf glover", {"hrf": "glover"}),
    ("--high-pass 0", {"high_pass": 0.0}),
    ("--noise-model ols", {"noise_model": "ols"}),
    ("--confounds a b", {"confounds": ("a", "b")}),
    ("--mask-threshold 0.5", {"mask_threshold": 0.5}),
    ("--contrasts others", {"contrasts": "others"}),
    ("--smoothing-fwhm 6", {"smoothing_fwhm": 6.0}),
    ("-w work", {"work_dir": Path("work")}),
    ("--n-cpus 3", {"n_procs": 3}),
    ("--omp-nthreads 2", {"omp_nthreads": 2}),
    ("--mem-mb 500", {"mem": 500_000_000}),
    ("--scheduler node:1", {"scheduler": "tcp://node:1"}),
    (
        "--scheduler node:1 --scheduler-tls a b c",
        {"scheduler": "tls://node:1", "scheduler_tls": (Path("a"), Path("b"), Path("c"))},
    ),
    ("--bids-database-dir d", {"bids_database_dir": Path("d")}),
    ("--no-attribution", {"attribution": False}),
    ("--export-code", {"export_code": True}),
    ("--atlas a.nii", {"atlas": Path("a.nii")}),
    ("--atlas-labels a.tsv", {"atlas_labels": Path("a.tsv")}),
    ("--calibrate 5", {"calibrate": 5}),
    ("--underlay t1w", {"underlay": "t1w"}),
    ("--skip-bids-validation", {"skip_bids_validation": True}),
    ("--reports-only", {"reports_only": True}),
    ("--boilerplate-only", {"boilerplate_only": True}),
    ("--dry-run", {"dry_run": True}),
    ("--stop-on-first-crash", {"stop_on_first_crash": True}),
    ("--overwrite", {"overwrite": True}),
    ("--allow-mixed", {"allow_mixed": True}),
    ("--two-sided", {"two_sided": True}),
    ("--random-seed 7", {"random_seed": 7}),
    ("-vv -q", {"verbosity": 1}),
    ("--quiet", {"verbosity": -1}),
    ("--notrack", {}),
]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Settings]:
    """Settings that a command line gives, without running anything."""

    def parse(line: str) -> Settings:
        seen: list[Settings] = []
        monkeypatch.setattr(cli, "_run", lambda settings: seen.append(settings) or 0)
        assert cli.main(line.split()) == 0
        return seen[0]

    return parse


@pytest.mark.parametrize(("words", "changes"), OPTIONS)
def test_an_option_changes_its_setting_and_no_other(
    parsed: Callable[[str], Settings], words: str, changes: dict[str, Any]
) -> None:
    found = parsed(f"bids out participant {words}")
    for field in fields(Settings):
        expected = changes.get(field.name, getattr(BARE, field.name))
        assert getattr(found, field.name) == expected, field.name


def test_every_setting_has_its_option_in_the_table(parsed: Callable[[str], Settings]) -> None:
    assert parsed("bids out group --permutations 9").permutations == 9
    named = {name for _, changes in OPTIONS for name in changes} | POSITIONAL
    assert {field.name for field in fields(Settings)} - named == {"bids_filters", "permutations"}


@pytest.mark.parametrize(
    ("words", "level"),
    [
        ("--permutations 9", "group"),
        ("--scheduler node:1", "participant"),
        ("--calibrate 5", "participant"),
        ("--export-code", "participant"),
        ("--underlay t1w", "participant"),
    ],
)
def test_an_option_of_one_level_is_refused_at_the_other(
    capsys: pytest.CaptureFixture[str], parsed: Callable[[str], Settings], words: str, level: str
) -> None:
    assert parsed(f"bids out {level} {words}").level == level
    other = {"group": "participant", "participant": "group"}[level]
    option = words.partition(" ")[0]
    assert ONLY_AT[option.removeprefix("--").replace("-", "_")] == level
    assert cli.main(["bids", "out", other, *words.split()]) == 64
    said = f"bidsglm: {option} does nothing at the {other} level; give it to the {level} level\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("bids out participant --backends spm afni --reference fsl", True),
        ("bids out participant --backends spm --reference fsl", False),
        ("bids out group --backends spm afni --reference fsl", False),
        ("bids out participant --backends spm afni --reference afni", False),
        ("bids out participant --backends spm afni", False),
        ("bids out participant --backends all --reference fsl", False),
    ],
)
def test_the_reference_is_one_of_several_packages_that_are_fitted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str, refused: bool
) -> None:
    monkeypatch.setattr(cli, "_run", lambda settings: 0)
    assert cli.main(line.split()) == (64 if refused else 0)
    said = "bidsglm: --reference fsl is not among --backends spm afni; add it there\n"
    assert capsys.readouterr().err == said * refused


def test_certificates_are_for_a_scheduler(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bids", "out", "participant", "--scheduler-tls", "a", "b", "c"]) == 64
    assert "--scheduler-tls: needs --scheduler; give its address" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["demo"], True),
        (["demo", "out"], True),
        (["demo", "out", "--participants"], True),
        (["demo", "out", "group"], False),
        (["demo", "out", "x", "group"], True),
        (["model", "demo"], False),
        ([], False),
    ],
)
def test_a_command_is_told_from_a_folder_of_its_name(words: list[str], wanted: bool) -> None:
    assert cli.is_command("demo", words) is wanted


@pytest.mark.parametrize("name", ["demo.command", "authoring.command", "check.command", "maps.command"])
def test_commands_get_the_words_behind_their_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    given: list[Any] = []
    monkeypatch.setattr(f"bidsglm.{name}.main", lambda words, *more: given.append(list(words)) or 7)
    word = {"authoring": "model"}.get(name.partition(".")[0], name.partition(".")[0])
    assert cli.main([word, "a", "b"]) == 7
    assert given == [["a", "b"]]


@pytest.mark.parametrize("word", ["caf\udce9", "a\udcff"])
def test_what_is_no_text_is_refused_and_what_is_passes(
    capsys: pytest.CaptureFixture[str], parsed: Callable[[str], Settings], word: str
) -> None:
    assert cli.main(["bids", word, "participant"]) == 64
    assert "is not UTF-8 text; rename the folder or file, or give a link to it" in capsys.readouterr().err
    assert parsed("bids café participant").output_dir == Path("café")


def test_a_working_folder_that_is_gone_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(os, "getcwd", gone)
    assert cli.main(["bids", "out", "participant"]) == 66
    assert "the working folder no longer exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "full", "map.nii"), 74),
        (OSError(errno.EIO, "bad disk"), 1),
        (MemoryError(), 75),
        (KeyboardInterrupt(), 1),
    ],
)
def test_what_stops_a_run_is_one_line_and_a_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail(settings: Settings) -> int:
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    assert cli.main(["bids", "out", "participant"]) == code
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(errno.ENOSPC, "full")])
def test_an_output_that_is_closed_or_full_is_left_to_the_streams(
    monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def fail(settings: Settings) -> int:
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    with pytest.raises(type(error)):
        cli.main(["bids", "out", "participant"])


@pytest.mark.parametrize(("level", "dry"), [("participant", False), ("participant", True), ("group", False)])
def test_a_level_runs_confined_to_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str, dry: bool
) -> None:
    from bidsglm.outputs.confinement import is_confined

    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (out / "link").symlink_to(elsewhere)
    found: list[Any] = []
    spares: list[Any] = []
    in_use = cli.work_dir_in_use

    def run(settings: Settings) -> int:
        found.append((settings.level, is_confined(out / "link")))
        return 7

    monkeypatch.setattr(cli, "work_dir_in_use", lambda *given: spares.append(given[2]) or in_use(*given))
    monkeypatch.setattr("bidsglm.execution.level.run_participants", run)
    monkeypatch.setattr("bidsglm.group_level.run_group", lambda settings: run(settings) + 1)
    monkeypatch.setattr("bidsglm.dataset.destination.check_destination", lambda settings: None)
    words = ["bids", str(out), level, *(["--dry-run"] if dry else [])]
    assert cli.main(words) == 7 + (level == "group")
    assert found == [(level, False)]
    assert spares == [None if dry else out]


# words about the program


def test_the_nearest_option_is_named_by_its_beginning_or_its_letters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for word, hint in (
        ("--smoothing", "did you mean '--smoothing-fwhm'?"),
        ("--over", "did you mean '--overwrite'?"),
        ("--overwritte=3", "did you mean '--overwrite'?"),
        ("--zzzzzzz", ""),
        ("extra", ""),
    ):
        assert cli.main(["bids", "out", "participant", word]) == 64
        said = capsys.readouterr().err
        assert said.startswith(f"bidsglm: unrecognized arguments: {word}")
        assert (hint in said) if hint else ("did you mean" not in said)
        assert said.endswith("(see bidsglm --help)\n")


@pytest.mark.parametrize(
    ("words", "spelled"),
    [
        (["--a_b=c_d", "e_f"], ["--a-b=c_d", "e_f"]),
        (["--mask-threshold", "-INF"], ["--mask-threshold=-INF"]),
        (["--mask_threshold", "-inf"], ["--mask-threshold=-inf"]),
        (["--high-pass", "-inf"], ["--high-pass", "-inf"]),
        (["-inf"], ["-inf"]),
        (["-a_b"], ["-a_b"]),
    ],
)
def test_long_options_have_one_spelling_and_values_stay(words: list[str], spelled: list[str]) -> None:
    assert parser.hyphenated(words) == spelled


def test_the_width_of_help_is_that_of_the_terminal_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, width in (("80", 78), ("102", 100), ("300", 100)):
        monkeypatch.setenv("COLUMNS", columns)
        lines = build_parser().format_help().splitlines()
        told = [line for line in lines if line.startswith(" " * 30)]
        assert width - 12 < max(map(len, told)) <= width
    (line,) = [line for line in lines if line.startswith("  --two-sided")]
    assert line.index("thresholds of both tails") == 36
    assert [line for line in lines if line.startswith("  --scheduler-tls CA CERT KEY  ")]


@pytest.mark.parametrize(
    ("verbosity", "level"),
    [
        (0, logging.INFO),
        (1, logging.DEBUG),
        (2, logging.DEBUG),
        (-1, logging.WARNING),
        (-2, logging.ERROR),
        (-3, logging.ERROR),
    ],
)
def test_how_much_is_said(verbosity: int, level: int) -> None:
    assert messages.log_level(verbosity) == level


def test_the_log_file_has_all_and_the_terminal_what_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages.start_log(-1, tmp_path)
    try:
        messages.LOG.debug("a detail")
        messages.LOG.warning("one\nline\x1b[2J")
        try:
            raise ValueError("odd")
        except ValueError:
            messages.log_traceback("what failed")
        logging.getLogger("py.warnings").warning("for programmers")
        assert logging.getLogger("py.warnings").propagate is False
        assert messages.LOG.propagate is False
    finally:
        messages.start_log(0, None)
    (file,) = tmp_path.iterdir()
    assert file.name == f"bidsglm-{os.uname().nodename}-{os.getpid()}.log"
    text = file.read_text()
    for words in ("DEBUG a detail", "ERROR what failed", "ValueError: odd", "for programmers"):
        assert words in text
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(r"WARNING one line\x1b[2J")
    messages.LOG.info("not into the file")
    assert file.read_text() == text
    assert len(messages.LOG.handlers) == 1


def test_without_a_terminal_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with messages.progress_bar(5) as advance:
        advance()
    assert capsys.readouterr().err == ""


class Terminal:
    """A standard error that counts as a terminal."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_the_outermost_bar_alone_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with messages.progress_bar(1) as advance:
        advance()
    assert terminal.text == ""
    with messages.progress_bar(2) as advance:
        with messages.progress_bar(7, "others") as inner:
            inner()
        advance()
    assert "participants" in terminal.text
    assert "1/2" in terminal.text
    assert "others" not in terminal.text
    with messages.progress_bar(3, "runs"):
        pass
    assert "runs" in terminal.text


# errors and packages


def test_codes_of_errors_are_those_of_the_specification() -> None:
    codes = {
        "BidsglmError": 1,
        "InvalidBidsError": 16,
        "UnknownLevelError": 17,
        "NothingMatchedError": 18,
        "UsageError": 64,
        "DataError": 65,
        "UnsupportedModelError": 65,
        "FaultyModelError": 65,
        "NoInputError": 66,
        "CannotCreateError": 73,
        "ReadWriteError": 74,
        "TryLaterError": 75,
        "HeldError": 75,
        "ClusterError": 74,
    }
    assert {name: getattr(errors, name).exit_code for name in codes} == codes
    assert errors.LONGEST_LINE == 1500


def test_what_each_package_is_like() -> None:
    rows = packages.PACKAGES
    kinds = {
        name: (
            row.projects_filter,
            row.random_fields,
            row.edges_touch,
            row.corners_touch,
            row.censors,
            row.own_least_squares,
            row.filters_columns,
        )
        for name, row in rows.items()
    }
    assert kinds == {
        "spm": (True, True, True, False, False, False, False),
        "nilearn": (False, False, False, False, False, False, False),
        "afni": (False, False, False, False, True, True, False),
        "fsl": (False, False, True, True, False, False, True),
    }
    assert {name: row.noise_models for name, row in rows.items()} == {
        "spm": 1,
        "nilearn": 1,
        "afni": 110,
        "fsl": 1,
    }


def test_every_pair_begins_with_the_reference_and_goes_on_with_the_last_of_the_rest() -> None:
    found = every_pair(packages.PACKAGES, "afni")
    assert [tuple(pair) for pair in found] == [
        ("spm", "afni"),
        ("nilearn", "afni"),
        ("fsl", "afni"),
        ("spm", "fsl"),
        ("nilearn", "fsl"),
        ("spm", "nilearn"),
    ]
    assert every_pair(["fsl"]) == ()
    assert every_pair([]) == ()
    assert pair_of(["fsl"]) == DEFAULT_PAIR
    assert pair_of(["fsl", "afni"]) == ("afni", "fsl")
    assert base_of([]) == ""
    assert packages.titles(["spm"]) == "SPM"
    assert packages.titles(["spm", "afni", "fsl"]) == "SPM, AFNI and FSL"
    assert Pair("afni", "fsl").difference == "AFNI − FSL"


def test_an_addition_is_asked_for_by_its_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    for name in ("regions.values.region", "export.add_on.code", "regions.anatomy.underlay"):
        monkeypatch.setattr(f"bidsglm.{name}_add_on", lambda settings, n=name: made.append(n) or n)
    monkeypatch.setattr("bidsglm.calibration.add_on.calibration_add_on", lambda n, seed: f"{n} by {seed}")
    asked: list[tuple[dict[str, Any], Any]] = [
        ({}, ()),
        ({"atlas": Path("a")}, ("regions.values.region",)),
        ({"atlas_labels": Path("a")}, ("regions.values.region",)),
        ({"export_code": True}, ("export.add_on.code",)),
        ({"calibrate": 5, "random_seed": 3}, ("5 by 3",)),
        ({"underlay": "t1w"}, ("regions.anatomy.underlay",)),
        ({"underlay": "t1w", "export_code": True}, ("export.add_on.code", "regions.anatomy.underlay")),
    ]
    for changes, expected in asked:
        assert requested.requested_add_ons(Settings(tmp_path, tmp_path, "participant", **changes)) == expected


def test_the_descriptor_has_options_by_their_long_names_and_bounds() -> None:
    inputs = {item["id"]: item for item in descriptor.descriptor()["inputs"]}
    assert inputs["random_seed"]["minimum"] == 0
    assert (inputs["n_procs"]["minimum"], inputs["n_procs"]["maximum"]) == (1, 4096)
    assert (inputs["high_pass"]["minimum"], inputs["high_pass"]["maximum"]) == (0, 1e6)
    assert (inputs["scheduler_tls"]["min-list-entries"], inputs["scheduler_tls"]["max-list-entries"]) == (
        3,
        3,
    )
    assert inputs["confounds"]["min-list-entries"] == 1
    assert inputs["work_dir"]["type"] == "String"
    assert inputs["atlas"]["type"] == "File"
    assert list(inputs)[5:7] == ["participant_label", "session_label"]
    text = descriptor.descriptor_text()
    assert text.startswith('{\n  "name"')
    assert text.endswith("}\n")
