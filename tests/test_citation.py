"""The methods text of an output folder: of every finished unit, equal ones once."""

from pathlib import Path
from typing import Any

import pytest

from bidsglm import citation
from bidsglm.citation import citation_path, citation_text, write_citation, write_methods
from tests.finished import NAME, change_summary, write_participant


def write(out: Path, label: str, *methods: str, **changes: Any) -> None:
    write_participant(out, label, {}, methods=list(methods), **changes)


def test_units_of_one_method_share_a_heading_and_the_text_is_in_order() -> None:
    text = citation_text(
        {"b_task-x": ("One.", "More."), "a_task-x": ("One.", "More."), "c_task-x": ("Two.",)}
    )
    assert text.split("\n\n")[:6] == [
        "# Methods",
        "## a task-x, b task-x",
        "One.",
        "More.",
        "## c task-x",
        "Two.",
    ]
    # nothing is cited, and the file ends with a line
    assert text.endswith("Two.\n\n# References\n\n\n")


def test_the_text_has_every_finished_unit_and_no_other(tmp_path: Path) -> None:
    write(tmp_path, "01", "First level.")
    write(tmp_path, "02", "Another.")
    write(tmp_path, "03", "Not yet.", status="failed")
    (tmp_path / "sub-04" / "func").mkdir(parents=True)
    (tmp_path / "sub-04" / "func" / f"sub-04_{NAME}_desc-bidsglm_summary.json").write_text("{")
    write_citation(tmp_path)
    text = citation_path(tmp_path).read_text()
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        f"## sub-0{i} {NAME.replace('_', ' ')}" for i in (1, 2)
    ]
    assert "Not yet." not in text


def test_others_are_read_again_only_where_the_text_lacks_something(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    finished = citation._finished
    monkeypatch.setattr(citation, "_finished", lambda out: (asked.append(out), finished(out))[1])
    write(tmp_path, "01", "First level.")
    write_citation(tmp_path, ["01"])
    assert len(asked) == 1
    write(tmp_path, "02", "First level.")
    write_citation(tmp_path, ["02"])
    assert len(asked) == 1
    write(tmp_path, "03", "Another level.")
    write_citation(tmp_path, ["03"])
    assert len(asked) == 2
    # two kinds of methods: who has which is read again
    write_citation(tmp_path, ["03"])
    assert len(asked) == 3
    change_summary(tmp_path, "03", status="failed")
    write_citation(tmp_path)
    assert "Another level." not in citation_path(tmp_path).read_text()


def test_methods_of_units_to_come_stand_beside_the_finished(tmp_path: Path) -> None:
    write(tmp_path, "01", "First level.")
    text = write_methods(tmp_path, {"sub-02_task-x": ("Planned.",)})
    assert text == citation_path(tmp_path).read_text()
    assert "First level." in text
    assert "Planned." in text
