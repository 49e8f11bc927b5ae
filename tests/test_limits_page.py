"""docs/reference/limits.md names every limit and threshold as the program has it."""

from pathlib import Path

import pytest

from benchmarks import limits_page
from bidsglm.dataset import tsv
from bidsglm.diagnosis import filling

WRITTEN = limits_page.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("section", limits_page.SECTIONS, ids=lambda section: section.title)
def test_numbers_of_the_page_are_those_of_the_program(section: limits_page.Section) -> None:
    _, _, text = WRITTEN.partition(f"## {section.title}\n")
    rows = [row for module in section.modules for row in limits_page.constants(module)]
    assert rows
    for row in rows:
        line = f"| {limits_page.written(row.value)} | `{row.name}`<br>"
        assert (line in text.partition("\n## ")[0]) == (row.name not in limits_page.LEFT_OUT), row


def test_page_is_what_the_script_writes() -> None:
    assert limits_page.page() == WRITTEN


def test_each_module_stands_once() -> None:
    modules = [module for section in limits_page.SECTIONS for module in section.modules]
    assert len(modules) == len(set(modules))
    known = {row.name for module in modules for row in limits_page.constants(module)}
    assert known >= limits_page.LEFT_OUT


def test_a_changed_constant_is_on_the_page_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tsv, "MOST_CELLS", tsv.MOST_CELLS + 1)
    assert limits_page.page() != WRITTEN
    monkeypatch.undo()
    monkeypatch.setattr(filling, "EXPLAINED", 0.96)
    assert limits_page.page() != WRITTEN


def test_index_of_the_reference_leads_there() -> None:
    assert "(limits.md)" in (Path(limits_page.PAGE).parent / "index.md").read_text(encoding="utf-8")
