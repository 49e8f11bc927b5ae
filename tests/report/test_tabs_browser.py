"""A tab for each pair: with the keyboard, without a script, on paper; all lists of a page change together."""

from dataclasses import replace
from pathlib import Path

import pytest

from bidsglm.packages import PACKAGES
from bidsglm.pairs import Pair
from bidsglm.report.html import participant_page
from bidsglm.report.pair_matrix import pair_matrices
from bidsglm.report.participant_report import ParticipantReport

from ..test_further_package import MADE_UP
from .records import ABOUT, contrast_report, unit_report

THIRD = Pair("third", "nilearn")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PACKAGES, "third", MADE_UP)
        path: Path = tmp_path_factory.mktemp("tabs") / "sub-01.html"
        path.write_text(participant_page(ParticipantReport("01", ABOUT, (three(),))), encoding="utf-8")
    return path.as_uri()


def three():
    """A unit of three packages; the third pair's maps agree less."""
    usual = contrast_report()
    rows = tuple(
        {key.replace("spm", "third"): value for key, value in row.items()} | {"pearson_r": 0.5}
        for row in usual.agreement
    )
    pairs = [
        {"contrast": "go", "contrast_name": "go", "map": "t", "package": a, "reference": b, "pearson_r": 0.9}
        for a, b in (("spm", "nilearn"), ("third", "nilearn"), ("spm", "third"))
    ]
    contrast = replace(
        usual,
        others=(replace(usual, pair=THIRD, agreement=rows, breakdowns=(), why_figures=()),),
        matrices=pair_matrices(pairs),
    )
    unit = unit_report((contrast,))
    return replace(unit, pairs=(unit.pair, THIRD), pair_rows=tuple(pairs), findings=())


def shown(page) -> list[str]:
    return page.locator(".tab:visible").evaluate_all("(all) => all.map((e) => e.dataset.key)")


def test_one_tab_is_chosen_and_the_arrow_keys_go_round(page, address):
    page.goto(address)
    first = page.get_by_role("tablist").first
    tabs = first.get_by_role("tab")
    assert tabs.all_inner_texts() == ["SPM and nilearn", "Third and nilearn"]
    assert set(shown(page)) == {"difference"}
    tabs.first.focus()
    page.keyboard.press("ArrowRight")
    assert tabs.nth(1).get_attribute("aria-selected") == "true"
    assert tabs.nth(1).evaluate("(e) => e === document.activeElement")
    assert set(shown(page)) == {"thirdVSnilearn"}
    page.keyboard.press("ArrowRight")
    assert set(shown(page)) == {"difference"}
    page.keyboard.press("End")
    assert set(shown(page)) == {"thirdVSnilearn"}
    panel = first.locator("xpath=..").get_by_role("tabpanel")
    assert panel.count() == 1
    assert panel.get_attribute("aria-labelledby") == tabs.nth(1).get_attribute("id")


def test_all_lists_change_together_and_what_was_clicked_stays_in_its_place(page, address):
    page.goto(address)
    page.locator("details.card > summary").first.click()
    tab = page.locator("details.card [role=tab]").nth(1)
    tab.scroll_into_view_if_needed()
    before = tab.bounding_box()["y"]
    tab.click()
    assert abs(tab.bounding_box()["y"] - before) < 2
    chosen = page.locator("[role=tab][aria-selected=true]").all_inner_texts()
    assert len(chosen) > 1
    assert set(chosen) == {"Third and nilearn"}


def test_each_pair_has_a_line_and_the_one_that_agrees_least_stands_for_the_contrast(page, address):
    page.goto(address)
    answer = page.locator(".answer").first
    assert "Third and nilearn: other conclusions." in answer.inner_text()
    assert "Third and nilearn, t: r 0.500" in page.locator("details.card > summary").first.inner_text()


def test_without_a_script_all_pairs_stand_below_each_other(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert set(shown(page)) == {"difference", "thirdVSnilearn"}
    assert page.locator(".tab-title:visible").first.inner_text() == "SPM and nilearn"
    context.close()


def test_paper_has_all_pairs_with_their_names_and_no_tabs(page, address):
    page.goto(address)
    page.emulate_media(media="print")
    assert set(shown(page)) == {"difference", "thirdVSnilearn"}
    assert page.locator(".tab-bar:visible").count() == 0
    assert page.locator(".tab-title:visible").first.inner_text() == "SPM and nilearn"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_runs_over_the_edge(browser, address, width):
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
