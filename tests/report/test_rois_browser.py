"""Regions in a real browser: marks name their region, tables sort, telephones need no sideways scrolling."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bidsglm.report.group_html import group_page
from bidsglm.report.html import participant_page
from bidsglm.report.participant_report import ParticipantReport

from .group_records import group_report, group_unit
from .records import ABOUT, contrast_report, unit_report
from .region_records import group_regions, participant_regions

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    unit = replace(unit_report((contrast_report(),)), regions=participant_regions())
    texts = {
        "group": group_page(group_report(group_unit(regions=group_regions(("go", "stop"))))),
        "participant": participant_page(ParticipantReport("01", ABOUT, (unit,))),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text)
    return {name: folder / f"{name}.html" for name in texts}


def opened(page: "Page", path: Path, width: int = 1280) -> "Page":
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(path.as_uri())
    return page


def test_pointing_at_a_region_names_it_and_marks_it_everywhere(page: "Page", files: dict[str, Path]) -> None:
    opened(page, files["group"])
    marks = page.locator("#regions .dots a")
    marks.first.hover()
    assert page.locator(".tip").inner_text().startswith("left insula: SPM z 3.799")
    # both plots of both contrasts
    assert page.locator("#regions .dots a.same").count() == 4


def test_keyboard_reaches_every_region(page: "Page", files: dict[str, Path]) -> None:
    opened(page, files["group"])
    page.locator("#regions .marks a[tabindex='0']").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".tip").inner_text().startswith("a < b & c: SPM z")


@pytest.mark.parametrize(("name", "title"), [("group", "z shift"), ("participant", "SPM mean t")])
def test_table_sorts_by_a_click(page: "Page", files: dict[str, Path], name: str, title: str) -> None:
    opened(page, files[name])
    page.locator("table.regions").get_by_role("button", name=title, exact=True).click()
    column = page.evaluate(
        "title => Array.from(document.querySelectorAll('table.regions thead th'),"
        " cell => cell.textContent).indexOf(title)",
        title,
    )
    cells = page.locator(f"table.regions tbody td:nth-child({column + 1})").all_inner_texts()
    known = [float(cell.replace("\N{MINUS SIGN}", "-")) for cell in cells if cell != "n/a"]
    assert len(known) > 2
    assert known == sorted(known)


@pytest.mark.parametrize("name", ["group", "participant"])
@pytest.mark.parametrize("width", [390, 1280])
def test_page_needs_no_sideways_scrolling(
    page: "Page", files: dict[str, Path], name: str, width: int
) -> None:
    opened(page, files[name], width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#regions .dots").first.bounding_box()["width"] <= width
