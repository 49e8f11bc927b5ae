"""Pages in a browser at two widths, light, dark and on paper: accessible, short, nothing white on dark."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from bidsglm.report.group_html import group_page
from bidsglm.report.html import participant_page
from bidsglm.report.rendering import Links
from bidsglm.report.story import story_page

from .group_records import group_report, group_unit
from .records import contrast_report, participant_report, unit_report
from .story_records import MODELS, story_report

SERIOUS = {"serious", "critical"}
MANY = 12
NARROWEST = 100
"""Pixels of a table's first column: a word of the field"""
OPEN_ALL = (
    "document.querySelectorAll('details').forEach((d) => { d.removeAttribute('name'); d.open = true; })"
)
TALLEST = 12_000
"""Pixels of a page of twelve contrasts before anything is opened"""


def participant(n: int = 3) -> str:
    named = [replace(contrast_report(), name=f"go {i}", label=f"go{i}") for i in range(n)]
    return participant_page(replace(participant_report(), units=(unit_report(tuple(named)),)))


PAGES = {
    "participant": lambda: participant(2),
    "group": lambda: group_page(group_report(group_unit(4, ("go", "stop")), n=4)),
    "story": lambda: story_page(story_report()),
}


@pytest.fixture(scope="module")
def addresses(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, page in PAGES.items():
        (folder / f"{name}.html").write_text(page(), encoding="utf-8")
        found[name] = (folder / f"{name}.html").as_uri()
    return found


@pytest.fixture(scope="module")
def open_browser(browser):
    """axe is a script of its own, which the pages' policy rightly stops; it is let in for the test alone."""
    context = browser.new_context(bypass_csp=True)
    yield context
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(open_browser, addresses, name, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    page = open_browser.new_page()
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(addresses[name])
    page.evaluate(OPEN_ALL)
    found = axe.Axe().run(page).response["violations"]
    told = [(each["id"], each["nodes"][0]["html"][:120]) for each in found if each["impact"] in SERIOUS]
    page.close()
    assert told == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_white_on_a_dark_page(page, addresses, name):
    page.emulate_media(color_scheme="dark")
    page.goto(addresses[name])
    white = page.evaluate(
        """() => Array.from(document.querySelectorAll("main *"))
        .filter((e) => getComputedStyle(e).backgroundColor === "rgb(255, 255, 255)"
          || e.matches("rect[fill=white], rect[fill='#ffffff']"))
        .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert white == []


def test_twelve_contrasts_are_short_before_they_are_opened(page, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(participant(MANY), encoding="utf-8")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollHeight") < TALLEST
    # verdict, a pair of maps with their difference and the leading step are on the first screen
    for selector in (".answers .headline", ".first figure", ".leading"):
        box = page.locator(selector).first.bounding_box()
        assert box["y"] + box["height"] < 900, selector


def test_one_card_is_open_at_a_time_and_print_opens_all(page, addresses):
    page.goto(addresses["participant"])
    cards = page.locator("details.card")
    for i in range(2):
        cards.nth(i).locator("summary").first.click()
        assert page.locator("details.card[open]").count() == 1
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details.card[open]").count() == cards.count()
    hidden = page.evaluate(
        """() => Array.from(document.querySelectorAll("tbody tr"))
        .filter((row) => getComputedStyle(row).display === "none").length"""
    )
    assert hidden == 0


def test_navigation_marks_the_section_that_is_read(page, addresses):
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(addresses["participant"])
    marked = page.locator("nav a[aria-current]")
    assert marked.text_content() == "Summary"
    page.evaluate("document.getElementById('design').scrollIntoView({ behavior: 'instant' })")
    page.locator("nav a[aria-current]", has_text="Design").wait_for()
    assert marked.count() == 1


def test_search_finds_contrasts_by_name(page, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(participant(MANY), encoding="utf-8")
    page.goto(path.as_uri())
    shown = page.locator("details.card:visible")
    assert shown.count() == MANY
    page.get_by_role("searchbox").fill("GO 11")
    assert shown.count() == 1
    assert page.locator(".find output").text_content() == "1 found"
    page.get_by_role("searchbox").fill("")
    assert shown.count() == MANY


def test_long_tables_show_five_rows_and_all_on_demand(page, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(participant(MANY), encoding="utf-8")
    page.goto(path.as_uri())
    rows = page.locator("#summary table tbody tr:visible")
    assert rows.count() == 5
    page.locator("#summary button.more").click()
    assert rows.count() == 2 * MANY
    page.locator("#summary button.more").click()
    page.locator("#summary table").get_by_role("button", name="RMSD").click()
    assert rows.count() == 5


def test_narrow_tables_keep_their_first_column_and_say_that_they_scroll(page, addresses):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(addresses["participant"])
    box = page.locator("#summary .scroll.wide").first
    assert "scrolls sideways" in box.evaluate("(e) => getComputedStyle(e, '::before').content")
    box.evaluate("(e) => { e.scrollLeft = 200; }")
    first = box.locator("tbody th").first.bounding_box()
    assert first["x"] >= box.bounding_box()["x"] - 1


@pytest.mark.parametrize("name", PAGES)
def test_first_columns_of_narrow_tables_are_wide_enough_to_read(page, addresses, name):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(addresses[name])
    page.evaluate(OPEN_ALL)
    widths = page.locator(".scroll.wide tbody tr:first-child > th:first-child").evaluate_all(
        "(all) => all.filter((e) => e.checkVisibility()).map((e) => e.getBoundingClientRect().width)"
    )
    assert len(widths) > 3
    assert min(widths) >= NARROWEST
    assert max(widths) <= 390 / 2, "and the numbers have a place beside them"
    page.locator("table.regions tbody th").evaluate_all(
        "(all) => all.forEach((e) => { e.textContent = 'supplementary motor area'; })"
    )
    over = page.locator(".scroll.wide tbody th").evaluate_all(
        "(all) => all.filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1).length"
    )
    assert over == 0, "no name runs into the next column"


def test_agreement_in_a_card_is_seen_on_its_ground(page, addresses):
    """The bars are in the page's colour, not in that of a figure by itself."""
    page.emulate_media(color_scheme="dark")
    page.goto(addresses["participant"])
    colour = page.locator("svg.spark rect").first.evaluate("(e) => getComputedStyle(e).fill")
    assert sum(map(int, re.findall(r"\d+", colour)[:3])) > 400


def test_tables_lead_to_their_data():
    text = participant_page(participant_report(contrast_report()))
    assert "Download data" not in text.split('id="contrasts"')[1].split("</details>")[0]
    linked = replace(unit_report((contrast_report(),)), links=Links("a_b.tsv", "c.tsv"))
    text = participant_page(replace(participant_report(), units=(linked,)))
    assert re.search(r'<a href="a_b\.tsv" download>Download data</a>', text)


def test_a_narrow_card_has_its_title_on_a_line_of_its_own(page, addresses):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(addresses["participant"])
    summary = page.locator("details.card > summary").first
    title, agreement = (summary.locator(part).bounding_box() for part in ("h3", ".agreement"))
    assert title["height"] < 2 * 1.3 * 16, "one line of a short name"
    assert agreement["y"] >= title["y"] + title["height"] - 1


def test_panels_of_a_narrow_viewer_stand_at_one_height(page, addresses):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(addresses["participant"])
    page.locator("details.card > summary").first.click()
    page.locator(".viewer").first.scroll_into_view_if_needed()
    page.wait_for_selector(".viewer[data-ready]")
    viewer = page.locator(".viewer").first
    viewer.locator(".panel-title").nth(2).evaluate("(e) => { e.textContent = 'a title that wraps here'; }")
    tops = viewer.locator(".planes").evaluate_all("(all) => all.map((e) => e.getBoundingClientRect().top)")
    assert len(tops) == 3
    assert max(tops) - min(tops) < 1


def test_narrow_figures_say_that_they_scroll(page, addresses):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(addresses["participant"])
    page.locator("details.card > summary").first.click()
    frame = page.locator("details.card .frame.wide").first
    frame.wait_for()
    assert "scrolls sideways" in frame.evaluate("(e) => getComputedStyle(e, '::before').content")


def test_every_section_is_in_sight_in_the_navigation(page, addresses):
    page.set_viewport_size({"width": 900, "height": 900})
    page.goto(addresses["participant"])
    for link in page.locator("nav a").all():
        box = link.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 900


def test_data_to_download_stand_on_the_line_of_the_copy_button(page, tmp_path):
    linked = replace(unit_report((contrast_report(),)), links=Links("a_b.tsv", "c.tsv"))
    path = tmp_path / "page.html"
    path.write_text(participant_page(replace(participant_report(), units=(linked,))), encoding="utf-8")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(path.as_uri())
    page.evaluate(OPEN_ALL)
    lines = page.locator(".download").evaluate_all(
        """(all) => all.filter((e) => e.previousElementSibling.matches(".copy")).map((e) => {
          const parts = [e.querySelector("a"), e.previousElementSibling];
          const [own, copy] = parts.map((part) => part.getBoundingClientRect());
          return Math.abs(own.top + own.bottom - copy.top - copy.bottom) / 2;
        })"""
    )
    assert len(lines) >= 3
    assert max(lines) <= 3


def test_lines_of_a_recipe_are_not_cut(page, addresses):
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(addresses["participant"])
    page.evaluate(OPEN_ALL)
    boxes = page.locator(".recipe div.code")
    assert boxes.count() >= 2
    assert boxes.evaluate_all("(all) => all.filter((e) => e.scrollWidth > e.clientWidth + 1).length") == 0


def test_tables_of_overlap_lead_to_their_data():
    linked = replace(unit_report((contrast_report(),)), links=Links("a_b.tsv", "c.tsv"))
    text = participant_page(replace(participant_report(), units=(linked,)))
    assert re.search(r'"Overlap of the.*?</table>\s*</div>\s*<p class="download"><a href="a_b', text, re.S)


def test_figures_have_no_ground_and_light_ink_on_dark_pages(page, tmp_path):
    """By the pixels of each picture: a dark corner, and something light in it."""
    (tmp_path / "page.html").write_text(participant(1), encoding="utf-8")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.goto((tmp_path / "page.html").as_uri())
    page.evaluate(OPEN_ALL)
    images = page.locator("figure .frame svg.plate")
    assert images.count() >= 6
    for image in images.all():
        image.scroll_into_view_if_needed()
        pixels = np.asarray(Image.open(io.BytesIO(image.screenshot())).convert("L"))
        assert pixels[1, 1] < 60
        assert np.mean(pixels < 60) > 0.1
        assert np.mean(pixels > 140) > 0.001


def test_every_table_of_the_story_leads_to_the_data_of_its_models():
    behind = story_page(story_report()).split('<div class="scroll"')[1:]
    led = [re.findall(r'<a href="([^"]+)" download>Download data</a>', text) for text in behind]
    one, two, three, four = (f"derivatives/{name}" for name in MODELS)
    assert led == [
        [f"{one}/attribution.tsv"],
        [f"{one}/agreement.tsv", f"{two}/agreement.tsv"],
        [f"{two}/agreement.tsv", f"{four}/agreement.tsv"],
        [f"{four}/attribution.tsv"],
        [f"{folder}/agreement.tsv" for folder in (one, two, three, four)],
        ["derivatives/calibration.tsv"],
    ]
