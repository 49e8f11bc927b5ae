"""One participant without fitting: what is done with each unit, what is told, and how it ends."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bidsglm import participant
from bidsglm.add_ons import AddOn, Written
from bidsglm.errors import DataError, HeldError, NoInputError, ReadWriteError
from bidsglm.outputs.failures import Failure, Outcome
from bidsglm.settings import Settings


class Stage:
    """Two units a and b, and what happens to them."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.steps: list[str] = []
        self.finished: set[str] = set()
        self.failing: dict[str, Exception] = {}
        self.add_ons: list[AddOn] = []
        self.added: dict[str, tuple[bool, list[Failure]]] = {}
        self.page_is_current = False
        self.page_error: Exception | None = None
        self.claims: Mapping[str, str] = {}
        self.units = [self.unit("a"), self.unit("b")]

    def unit(self, prefix: str) -> tuple[Any, Any]:
        unit = SimpleNamespace(prefix=prefix, participant="01", folder=f"sub-01/{prefix}", runs=(1,))
        model = SimpleNamespace(specification=SimpleNamespace(name=prefix), document={})
        return unit, model

    def step(self, what: str) -> None:
        self.steps.append(what)
        if what in self.failing:
            raise self.failing[what]

    def settings(self, **changes: Any) -> Settings:
        return Settings(self.out.parent / "bids", self.out, "participant", **changes)

    def run(self, **changes: Any) -> Outcome:
        self.steps.clear()
        return participant.run_participant(self.settings(**changes), "01")


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage(tmp_path / "out")

    @contextmanager
    def claimed(out: Path, wanted: Mapping[str, str], tell: Callable[..., None]) -> Iterator[dict[str, Any]]:
        made.step("claim")
        made.claims = dict(wanted)
        yield dict.fromkeys(wanted, SimpleNamespace(confirm=None))
        made.steps.append("let go")

    def page(out: Path, label: str) -> None:
        made.steps.append("page")
        if made.page_error:
            raise made.page_error

    def add(settings: Settings, unit: Any, model: Any, wanted: Any) -> tuple[bool, list[Failure]]:
        made.step(f"add {unit.prefix} {' '.join(each.name for each in wanted)}".rstrip())
        return made.added.get(unit.prefix, (False, []))

    def failed(path: Path, failure: Failure) -> None:
        made.steps.append(f"note {path.name.removesuffix('_desc-bidsglm_summary.json')}: {failure.message}")

    def digest(unit: Any, model: Any, settings: Settings) -> str:
        if error := made.failing.get(f"digest {unit.prefix}"):
            raise error
        return f"digest of {unit.prefix}"

    replaced: dict[str, Callable[..., Any]] = {
        "claimed": claimed,
        "units_with_models": lambda settings, label: made.units,
        "fit_digest": digest,
        "is_finished": lambda unit, out, digest: unit.prefix in made.finished,
        "_fit_unit": lambda work, settings, claim: made.step(f"fit {work.unit.prefix}"),
        "requested_add_ons": lambda settings: tuple(made.add_ons),
        "write_add_ons": add,
        "page_is_current": lambda out, label: made.page_is_current,
        "write_participant_page": page,
        "record_failure": failed,
        "summary_path": lambda out, unit: out / unit.folder / f"{unit.prefix}_desc-bidsglm_summary.json",
    }
    for name, instead in replaced.items():
        monkeypatch.setattr(participant, name, instead)
    return made


def nothing(finished: object) -> Written:
    return Written([])


def test_units_are_claimed_together_fitted_in_turn_and_shown(stage: Stage) -> None:
    outcome = stage.run()
    assert stage.steps == ["claim", "fit a", "add a", "fit b", "add b", "page", "let go"]
    assert stage.claims == {"a": "digest of a", "b": "digest of b"}
    page = stage.out / "sub-01.html"
    assert outcome == Outcome("01", "finished", 0, f"sub-01: finished, see {page}")
    assert (stage.out / "model-a_smdl.json").exists()


def test_units_that_are_known_are_not_looked_for(stage: Stage) -> None:
    outcome = participant.run_participant(stage.settings(), "01", tuple(stage.units[:1]))
    assert outcome.state == "finished"
    assert stage.claims == {"a": "digest of a"}
    assert participant.run_participant(stage.settings(), "01", ()).state == "skipped"


def test_what_is_there_is_left_alone_unless_asked_for(stage: Stage) -> None:
    stage.finished, stage.page_is_current = {"a", "b"}, True
    outcome = stage.run()
    assert stage.steps == ["claim", "add a", "add b", "let go"]
    page = stage.out / "sub-01.html"
    said = f"sub-01: already there, see {page} (--overwrite fits again)"
    assert outcome == Outcome("01", "skipped", 0, said)
    assert stage.run(overwrite=True).state == "finished"
    assert [step for step in stage.steps if step.startswith("fit")] == ["fit a", "fit b"]


def test_a_page_that_is_old_is_written_without_a_fit(stage: Stage) -> None:
    stage.finished = {"a", "b"}
    assert stage.run().state == "skipped"
    assert "page" in stage.steps


def test_one_new_unit_or_addition_makes_the_participant_new(stage: Stage) -> None:
    stage.page_is_current, stage.finished = True, {"a"}
    assert stage.run().state == "finished"
    assert "page" in stage.steps
    stage.finished, stage.added = {"a", "b"}, {"b": (True, [])}
    assert stage.run().state == "finished"
    assert "page" in stage.steps


def test_a_unit_that_fails_is_noted_and_the_others_go_on(stage: Stage) -> None:
    stage.failing = {"fit a": DataError("a: no scans")}
    outcome = stage.run()
    assert stage.steps == ["claim", "fit a", "note a: a: a: no scans", "fit b", "add b", "page", "let go"]
    assert outcome == Outcome("01", "failed", DataError.exit_code, "a: a: no scans")


def test_failures_of_two_kinds_are_told_together_with_the_general_code(stage: Stage) -> None:
    stage.failing = {"fit a": DataError("no scans"), "fit b": ReadWriteError("disk")}
    outcome = stage.run()
    assert (outcome.exit_code, outcome.message) == (1, "a: no scans; b: disk")


def test_the_first_failure_ends_it_where_that_is_asked_for(stage: Stage) -> None:
    stage.failing = {"fit a": DataError("no scans")}
    assert stage.run(stop_on_first_crash=True).state == "failed"
    assert "fit b" not in stage.steps
    assert "page" in stage.steps
    stage.failing = {"digest a": DataError("no file")}
    assert stage.run(stop_on_first_crash=True).state == "failed"
    assert not [step for step in stage.steps if step.startswith("fit")]
    assert stage.run().state == "failed"
    assert stage.steps == ["note a: a: no file", "claim", "fit b", "add b", "page", "let go"]


def test_another_job_at_work_is_no_failure_of_the_data(stage: Stage) -> None:
    stage.failing = {"claim": HeldError("a: held")}
    outcome = stage.run()
    assert outcome == Outcome("01", "failed", HeldError.exit_code, "sub-01: a: held", held=True)
    assert stage.steps == ["claim"]
    stage.failing = {"fit b": HeldError("b: taken over")}
    assert stage.run().held


def test_what_fails_before_any_unit_is_known_is_noted_of_the_participant(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(settings: Settings, label: str) -> None:
        raise NoInputError("no runs")

    monkeypatch.setattr(participant, "units_with_models", none)
    outcome = stage.run()
    assert stage.steps == ["note sub-01: sub-01: no runs", "page"]
    assert outcome == Outcome("01", "failed", NoInputError.exit_code, "sub-01: no runs")


def test_the_mark_of_an_earlier_failure_goes_and_left_over_files_too(stage: Stage) -> None:
    folder = stage.out / "sub-01"
    folder.mkdir(parents=True)
    marker = folder / "sub-01_desc-bidsglm_summary.json"
    marker.write_text("{}")
    assert stage.run().state == "finished"
    assert not marker.exists()


def test_a_page_that_fails_is_a_failure(stage: Stage) -> None:
    stage.page_error = ReadWriteError("full")
    outcome = stage.run()
    assert outcome == Outcome("01", "failed", ReadWriteError.exit_code, "sub-01: report: full")
    stage.failing = {"fit a": ReadWriteError("disk")}
    assert stage.run().message == "a: disk; sub-01: report: full"


def test_what_takes_long_comes_after_all_fits_and_a_first_page(stage: Stage) -> None:
    stage.add_ons = [AddOn("long", "x", nothing, True), AddOn("short", "x", nothing)]
    assert stage.run().state == "finished"
    assert stage.steps == [
        "claim",
        "fit a",
        "add a short",
        "fit b",
        "add b short",
        "page",
        "add a long short",
        "add b long short",
        "page",
        "let go",
    ]
    stage.page_is_current = True
    stage.run()
    assert stage.steps.count("page") == 1
    stage.failing = {"fit a": DataError("x"), "fit b": DataError("x")}
    stage.run()
    assert not [step for step in stage.steps if step.startswith("add")]


def test_only_units_that_were_fitted_get_what_takes_long(stage: Stage) -> None:
    stage.add_ons = [AddOn("long", "x", nothing, True)]
    stage.failing = {"fit a": DataError("x")}
    stage.run()
    assert [step for step in stage.steps if step.startswith("add")] == ["add b", "add b long"]


def test_a_first_page_that_fails_is_told_once(stage: Stage) -> None:
    stage.add_ons = [AddOn("long", "x", nothing, True)]
    stage.page_error = ReadWriteError("full")
    assert stage.run().message == "sub-01: report: full"


def test_the_same_failure_of_an_addition_is_told_once_and_another_too(stage: Stage) -> None:
    stage.add_ons = [AddOn("long", "x", nothing, True)]
    stage.added = {"a": (False, [Failure(65, "a: rois: wrong")])}
    assert stage.run().message == "a: rois: wrong"
    stage.failing = {"add b long": DataError("odd")}
    outcome = stage.run()
    assert outcome.message == "a: rois: wrong; b: odd"
    assert outcome.exit_code == 65


def test_additions_that_break_leave_the_fit(stage: Stage) -> None:
    stage.finished = {"a", "b"}
    stage.failing = {"add a": DataError("odd")}
    assert stage.run() == Outcome("01", "failed", DataError.exit_code, "a: odd")
    assert not [step for step in stage.steps if step.startswith("note")]


def test_changes_of_what_takes_long_make_the_participant_new(stage: Stage) -> None:
    stage.add_ons = [AddOn("long", "x", nothing, True)]
    stage.finished, stage.page_is_current = {"a", "b"}, True
    assert stage.run().state == "skipped"
    stage.added = {"b": (True, [])}
    assert stage.run().state == "finished"


def test_the_death_of_a_process_is_noted_with_its_code_and_shown(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[tuple[Path, Failure]] = []
    monkeypatch.setattr(participant, "record_failure", lambda *given: noted.append(given))
    participant.record_death(stage.settings(), "01", "killed")
    participant.record_death(stage.settings(), "01", "too large", 75)
    path = stage.out / "sub-01" / "sub-01_desc-bidsglm_summary.json"
    assert noted == [(path, Failure(1, "killed")), (path, Failure(75, "too large"))]
    assert stage.steps == ["page", "page"]


def test_a_report_is_written_again_from_results_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = stage.settings()
    outcome = participant.rewrite_report(settings, "01")
    said = f"sub-01: {stage.out}: holds no finished results; run without --reports-only first"
    assert outcome == Outcome("01", "failed", NoInputError.exit_code, said)
    monkeypatch.setattr(participant, "unit_summaries", lambda out, label: [{}])
    said = f"sub-01: report written, see {stage.out / 'sub-01.html'}"
    assert participant.rewrite_report(settings, "01") == Outcome("01", "finished", 0, said)
    stage.page_error = ReadWriteError("full")
    outcome = participant.rewrite_report(settings, "01")
    assert outcome == Outcome("01", "failed", ReadWriteError.exit_code, "sub-01: report: full")


@pytest.mark.parametrize(("n_runs", "said"), [(1, "a: fitting 1 run"), (2, "a: fitting 2 runs")])
@pytest.mark.parametrize("attribution", [True, False])
def test_a_fit_is_told_with_its_notes_and_written_with_what_explains_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    n_runs: int,
    said: str,
    attribution: bool,
) -> None:
    monkeypatch.setattr(logging.getLogger("bidsglm"), "propagate", True)
    monkeypatch.setattr(logging.getLogger("bidsglm"), "handlers", [])
    caplog.set_level(logging.DEBUG, "bidsglm")
    written: list[Any] = []

    def write(fitted: Any, found: Callable[[], Any], out: Path, stamp: Any, confirm: object) -> None:
        assert fitted is whole
        written.append((found(), out, stamp.digest, confirm))

    maps = SimpleNamespace(notes=(), fits={"spm": 1})
    whole = SimpleNamespace(notes=("odd scans",), fits={"spm": 1})
    for name, instead in {
        "prepare": lambda *given: given,
        "check_memory": lambda *given: None,
        "estimated": lambda prepared: maps,
        "inferred": lambda found: whole if found is maps else None,
        "configuration": lambda specification, matching, backends: {"backends": backends},
        "write_unit": write,
    }.items():
        monkeypatch.setattr(participant, name, instead)
    explained = lambda found, reference: iter([reference] if found is maps else [])  # noqa: E731
    monkeypatch.setattr("bidsglm.unit.explanation.explanations", explained)
    settings = Settings(tmp_path, tmp_path / "out", "participant", attribution=attribution)
    unit: Any = SimpleNamespace(prefix="a", runs=(0,) * n_runs)
    model: Any = SimpleNamespace(specification=None, backends=("spm",))
    claim: Any = SimpleNamespace(confirm="confirm")
    participant._fit_unit(participant._Work(unit, model, "d"), settings, claim)
    assert written == [((settings.reference,) if attribution else (), tmp_path / "out", "d", "confirm")]
    told = [(record.levelname, record.message) for record in caplog.records]
    assert told[0] == ("INFO", said)
    assert ("WARNING", "a: odd scans") in told
    seconds = [float(text.split()[-2]) for _, text in told if "after" in text]
    assert len(seconds) == 2
    assert all(0 <= value < 60 for value in seconds)
