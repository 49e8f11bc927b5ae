"""The group level without maps: what is done in which order, what is told, and how it ends."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bidsglm import group_level
from bidsglm.errors import DataError, NoInputError, ReadWriteError
from bidsglm.execution.settings_file import OF_THE_JOB
from bidsglm.settings import Settings


def settings_of(folder: Path, **changes: Any) -> Settings:
    return Settings(folder / "bids", folder / "out", "group", **changes)


class Members(SimpleNamespace):
    """Members whose parts can be replaced."""

    def _replace(self, **changes: Any) -> "Members":
        return Members(**{**vars(self), **changes})


def members_of(out: Path, finished: str = "ab", compared: str = "ab", **more: Any) -> Members:
    labels = ("a", "b", "c")
    facts = {"problems": {"a": "", "c": "not run yet"}, "failures": (), **more}
    return Members(output_dir=out, finished=finished, compared=compared, labels=labels, **facts)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("bidsglm"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("bidsglm"), "handlers", [])
    monkeypatch.setattr(group_level, "start_log", lambda *given: None)
    caplog.set_level(logging.DEBUG, "bidsglm")
    return caplog


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture) -> list[str]:
    """What is done; members are the letters that stand for them."""
    found: list[str] = []

    @contextmanager
    def claimed(out: Path, wanted: Mapping[str, str], tell: object) -> Iterator[None]:
        found.append(f"claim {' '.join(wanted)}")
        yield
        found.append("let go")

    class Tables(SimpleNamespace):
        def _replace(self, **changes: Any) -> "Tables":
            return Tables(**{**vars(self), **changes})

    def step(name: str, result: Any = None) -> Any:
        return lambda *given, **more: (found.append(name), result(given[0]) if result else None)[1]

    def agreed(members: Any) -> dict[str, SimpleNamespace]:
        return {
            "task": SimpleNamespace(rows=[{"participant_id": f"sub-{each}"} for each in members.compared])
        }

    def same(members: Any) -> Any:
        return members

    replaced: dict[str, Any] = {
        "claimed": claimed,
        "bound_threads": lambda n: found.append(f"threads {n}"),
        "requested_atlas": lambda settings: None,
        "consistent_members": lambda members, settings: members,
        "participants_of": lambda units: tuple(units),
        "by_name": lambda units: {"task": units},
        "named": ", ".join,
        "write_tables": step("tables", lambda members: Tables(members=members, agreement=agreed(members))),
        "write_calibrations": step("calibrations", same),
        "write_regions": step("regions", same),
        "write_group_maps": step("maps", same),
        "write_group_page": step("page", lambda settings: (settings.output_dir / "group.html", ())),
        "write_citation": step("citation"),
        "_describe_dataset": step("dataset"),
        "_start_log_file": step("log"),
    }
    for name, instead in replaced.items():
        monkeypatch.setattr(group_level, name, instead)
    return found


def test_tables_come_before_maps_and_the_page_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[str], said: pytest.LogCaptureFixture
) -> None:
    settings = settings_of(tmp_path)
    monkeypatch.setattr(group_level, "find_members", lambda settings: members_of(settings.output_dir))
    assert group_level.run_group(settings) == 0
    assert steps == [
        "threads 1",
        "claim group",
        "dataset",
        "log",
        "tables",
        "calibrations",
        "regions",
        "maps",
        "page",
        "citation",
        "let go",
    ]
    assert [(record.levelname, record.message) for record in said.records] == [
        ("INFO", f"see {tmp_path / 'out' / 'group.html'}"),
        ("WARNING", "left out of the group, wholly or in part: sub-c: not run yet"),
        ("INFO", "2 of 3 participants compared"),
    ]
    steps.clear()
    assert group_level.run_group(settings_of(tmp_path, reports_only=True, omp_nthreads=3)) == 0
    assert steps[0] == "threads 3"
    assert "maps" not in steps
    assert "regions" not in steps


def test_nothing_is_written_where_words_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(group_level, "find_members", lambda settings: members_of(settings.output_dir))
    assert group_level.run_group(settings_of(tmp_path, dry_run=True)) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"2 finished units of 3 participants in {tmp_path / 'out'}",
        "  task: a, b",
        "  sub-c: not run yet",
    ]
    monkeypatch.setattr(group_level, "write_methods", lambda out, methods: f"methods in {out}\n")
    assert group_level.run_group(settings_of(tmp_path, boilerplate_only=True)) == 0
    assert capsys.readouterr().out == f"methods in {tmp_path / 'out'}\n"
    assert steps == ["threads 1"] * 2


@pytest.mark.parametrize("compared", ["ab", ""])
def test_a_single_package_is_told_of(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[str],
    said: pytest.LogCaptureFixture,
    compared: str,
) -> None:
    found = members_of(tmp_path, compared=compared, problems={})
    monkeypatch.setattr(group_level, "find_members", lambda settings: found)
    assert group_level.run_group(settings_of(tmp_path)) == 0
    words = "only one package was fitted: its group maps are written, and there is nothing to compare"
    assert (words in said.messages) is not bool(compared)
    assert said.messages[-1] == f"2 of 3 participants {'compared' if compared else 'in the group maps'}"


@pytest.mark.parametrize(
    ("problems", "said_of_it"),
    [({}, ""), ({"a": ""}, ""), ({"a": "", "b": "sub-b: is odd", "c": "x"}, " (sub-b: is odd)")],
)
def test_nobody_who_is_finished_is_an_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[str],
    problems: dict[str, str],
    said_of_it: str,
) -> None:
    found = members_of(tmp_path, finished="", problems=problems)
    monkeypatch.setattr(group_level, "find_members", lambda settings: found)
    with pytest.raises(NoInputError) as error:
        group_level.run_group(settings_of(tmp_path))
    assert str(error.value) == (
        f"{tmp_path}: no finished participant among 3{said_of_it}; run the participant level first"
    )


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ((), 0),
        ((DataError("a"),), 65),
        ((DataError("a"), DataError("b")), 65),
        ((DataError("a"), ReadWriteError("b")), 1),
    ],
)
def test_damaged_results_make_the_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[str],
    said: pytest.LogCaptureFixture,
    failures: tuple[Any, ...],
    code: int,
) -> None:
    first, further = failures[:1], failures[1:]
    found = members_of(tmp_path, failures=first)
    monkeypatch.setattr(group_level, "find_members", lambda settings: found)
    monkeypatch.setattr(group_level, "write_group_page", lambda *given: (tmp_path / "g.html", further))
    assert group_level.run_group(settings_of(tmp_path)) == code
    told = [record.message for record in said.records if record.levelname == "ERROR"]
    assert told == [f"failed: {failure}" for failure in failures]


def test_nobody_compared_and_nobody_finished_is_zero(
    steps: list[str], said: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    found: Any = members_of(tmp_path, finished="", compared="")
    assert group_level._recap(found, 0) == 0
    assert said.messages[-1] == "0 of 3 participants compared"


def test_left_over_files_of_the_group_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[str]
) -> None:
    removed: list[Path] = []
    monkeypatch.setattr(group_level, "remove_left_over", lambda paths: removed.extend(paths))
    folder = tmp_path / "out" / "group" / "deep"
    folder.mkdir(parents=True)
    (folder / ".x").touch()
    (folder / "y").touch()
    group_level._make_group(members_of(tmp_path), None, settings_of(tmp_path))  # type: ignore[arg-type]
    assert removed == [folder / ".x"]


def test_what_makes_other_results_makes_another_digest(tmp_path: Path) -> None:
    base = settings_of(tmp_path)
    found = group_level._digest(base)
    other: dict[str, Any] = {
        "participant_labels": ("01",),
        "session_labels": ("a",),
        "permutations": 9,
        "two_sided": True,
        "random_seed": 3,
        "allow_mixed": True,
        "atlas": Path("a.nii"),
        "output_dir": tmp_path / "other",
        "bids_dir": tmp_path / "other",
    }
    for name, value in other.items():
        assert group_level._digest(replace(base, **{name: value})) != found, name
    same: dict[str, Any] = {"n_procs": 3, "verbosity": 1, "overwrite": True, "work_dir": Path("w"), "mem": 5}
    assert set(same) < set(OF_THE_JOB) <= {field.name for field in fields(Settings)}
    for name, value in same.items():
        assert group_level._digest(replace(base, **{name: value})) == found, name
    link = tmp_path / "link"
    (tmp_path / "out").mkdir()
    link.symlink_to(tmp_path / "out")
    assert group_level._digest(replace(base, output_dir=link)) == found


def test_the_log_of_a_run_stands_beside_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    settings = settings_of(tmp_path)
    group_level._start_log_file(settings)
    (folder,) = (tmp_path / "out" / "logs").iterdir()
    assert not (folder / "bidsglm.toml").exists(), "there are no preprocessed data"
    monkeypatch.setattr(group_level, "settings_toml", lambda settings: "text")
    group_level._start_log_file(settings)
    texts = [path.read_text() for path in (tmp_path / "out" / "logs").glob("*/bidsglm.toml")]
    assert texts == ["text"]


@pytest.mark.parametrize("there", [True, False])
def test_links_to_data_that_are_gone_leave_the_description(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    written: list[Any] = []

    def gone(settings: Settings) -> None:
        raise NoInputError("gone")

    monkeypatch.setattr(group_level, "write_dataset_files", lambda *given: written.append(given))
    settings = settings_of(tmp_path)
    settings.output_dir.mkdir()
    if there:
        (settings.output_dir / "dataset_description.json").touch()
    monkeypatch.setattr(group_level, "dataset_links", gone)
    group_level._describe_dataset(settings)
    assert written == ([] if there else [(settings.output_dir, {"raw": tmp_path / "bids"})])
    monkeypatch.setattr(group_level, "dataset_links", lambda settings: {"raw": "x"})
    group_level._describe_dataset(settings)
    assert written[-1] == (settings.output_dir, {"raw": "x"})
