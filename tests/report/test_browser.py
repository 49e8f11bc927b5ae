"""Pages in a real browser: nothing is fetched, viewers move, tables sort, nothing overflows."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bidsglm.report.html import participant_page
from bidsglm.report.participant_report import ParticipantReport
from bidsglm.report.slices import reoriented
from bidsglm.report.volumes import packed_regions, scene

from .records import (
    ABOUT,
    NILEARN_CODE,
    SPM_CODE,
    contrast_report,
    participant_report,
    unit_report,
    volumes,
)

HOSTILE = 'go > <script>alert("x")</script> & "rest"'
WIDTHS = (1280, 390)
"""Pixels of a laptop and of a telephone."""
LEGIBLE = 4.5
"""Contrast ratio that WCAG 2 asks of text."""
ROUNDING = 0.06
"""The viewer writes one decimal of the test maps, rounded to steps of 0.04."""


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    report = participant_report(
        contrast_report(),
        replace(contrast_report(HOSTILE), label="hostile"),
        replace(contrast_report(test="F"), label="f"),
    )
    return written(tmp_path_factory.mktemp("page") / "sub-01.html", participant_page(report))


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def viewed(page, address):
    """The page with its first viewer ready."""
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(address)
    page.locator("details.card > summary").first.click()
    viewer = page.locator(".viewer").first
    viewer.scroll_into_view_if_needed()
    page.wait_for_selector(".viewer[data-ready]")
    return viewer


def place(viewer) -> str:
    return viewer.locator(".place").text_content()


def test_page_opens_without_errors_requests_or_dialogs(page, address):
    seen: list[str] = []
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: seen.append(request.url))
    page.goto(address)
    for card in page.locator("details.card").all():
        card.locator("summary").first.click()
        viewer = card.locator(".viewer")
        viewer.scroll_into_view_if_needed()
        viewer.locator("canvas").first.click()
    assert page.locator(".viewer[data-ready]").count() == 3
    assert [text for text in seen if text != address and not text.startswith(("data:", "blob:"))] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows(page, address, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    inside = page.evaluate(
        """() => Array.from(document.querySelectorAll("main *"))
        .filter((e) => e.checkVisibility() && !e.closest(".scroll, .frame, .jump, .code, svg"))
        .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert inside == []


def test_clicks_move_the_cross_hair_to_the_voxel_under_them(viewed):
    before = place(viewed)
    viewed.locator("canvas").first.click(position={"x": 40, "y": 40})
    first = place(viewed)
    assert first != before
    # the same point in the other package's panel is the same voxel
    viewed.locator(".panel").nth(1).locator("canvas").first.click(position={"x": 40, "y": 40})
    assert place(viewed) == first


@pytest.mark.parametrize(
    ("key", "axis", "sign"),
    [
        ("ArrowLeft", "x", -1),
        ("ArrowRight", "x", 1),
        ("ArrowUp", "y", 1),
        ("ArrowDown", "y", -1),
        ("PageUp", "z", 1),
        ("PageDown", "z", -1),
    ],
)
def test_keys_move_the_cross_hair_by_one_voxel(viewed, key, axis, sign):
    for canvas in viewed.locator(".panel").first.locator("canvas").all():
        canvas.click()
    before = coordinates(place(viewed))
    viewed.locator(".stage").press(key)
    moved = {name: coordinates(place(viewed))[name] - before[name] for name in "xyz"}
    assert moved == {name: 3.0 * sign * (name == axis) for name in "xyz"}


def coordinates(words: str) -> dict[str, float]:
    return {name: float(value.replace("−", "-")) for name, value in re.findall(r"([xyz]) ([−\d.]+)", words)}


def numbers(words: str) -> list[float]:
    """SPM's value, nilearn's, and their difference."""
    found = re.search(r"SPM ([−\d.]+), nilearn ([−\d.]+), difference ([−\d.]+)", words)
    return [float(value.replace("−", "-")) for value in found.groups()]


def test_values_are_those_of_the_maps_at_the_coordinates(viewed):
    images = volumes()
    peak = np.nanmax(np.where(images.masks["spm"], images.maps["t"]["spm"], np.nan))
    viewed.get_by_role("button", name="SPM's peak").click()
    spm, nilearn, difference = numbers(place(viewed))
    at = coordinates(place(viewed))
    voxel = np.linalg.solve(images.affine, [at["x"], at["y"], at["z"], 1])[:3].round().astype(int)
    expected = [images.maps["t"][backend][tuple(voxel)] for backend in ("spm", "nilearn")]
    np.testing.assert_allclose(expected[0], peak)
    found = [spm, nilearn, difference]
    np.testing.assert_allclose(found, [*expected, expected[0] - expected[1]], rtol=0, atol=ROUNDING)


def test_the_region_at_the_cross_hair_has_its_name(page, tmp_path):
    of = scene(volumes())
    places = np.zeros(of.shape, dtype=np.int64)
    half = of.shape[0] // 2
    places[half:] = 2
    places[0] = 1
    name = 'Precentral <b>gyrus</b> "right"'
    record = {**of.packed(), **packed_regions(places, ["Insula left", name])}
    unit = replace(unit_report((contrast_report(),)), scene=record)
    page.goto(written(tmp_path / "sub-01.html", participant_page(ParticipantReport("01", ABOUT, (unit,)))))
    page.locator("details.card > summary").first.click()
    viewer = page.locator(".viewer").first
    viewer.scroll_into_view_if_needed()
    page.wait_for_selector(".viewer[data-ready]")
    told = {}
    stage = viewer.locator(".stage")
    for _ in range(of.shape[0]):
        stage.press("ArrowRight")
    for i in reversed(range(of.shape[0])):
        told[i] = place(viewer).split(". Region: ")[1]
        stage.press("ArrowLeft")
    expected = {i: name if i >= half else "Insula left" if i == 0 else "none" for i in range(of.shape[0])}
    assert told == expected


def test_without_an_atlas_no_region_is_spoken_of(viewed):
    assert "Region" not in place(viewed)


def picture(viewed, panel: int) -> str:
    return viewed.locator(".panel").nth(panel).locator("canvas").first.evaluate("(c) => c.toDataURL()")


def test_map_and_threshold_change_the_pictures(viewed):
    before = [picture(viewed, panel) for panel in range(3)]
    viewed.locator(".threshold").fill("60")
    assert all(picture(viewed, panel) != before[panel] for panel in range(3))
    viewed.locator(".which").select_option("effect")
    viewed.locator(".place", has_text="mm: effect").wait_for()
    assert viewed.locator(".threshold").input_value() == "0"


def test_pictures_show_the_maps_the_right_way_round(viewed):
    """The brightest column of SPM's axial slice is on the side of its peak."""
    images = volumes()
    of = scene(images)
    viewed.get_by_role("button", name="SPM's peak").click()
    upright = reoriented(np.where(images.masks["spm"], images.maps["t"]["spm"], np.nan), images.affine)[
        of.box
    ]
    peak = np.unravel_index(np.nanargmax(upright), upright.shape)
    canvas = viewed.locator("canvas").first
    shares = (peak[0] + 0.5) / of.shape[0], 1 - (peak[1] + 0.5) / of.shape[1]
    colour = canvas.evaluate(
        """(c, [x, y]) => Array.from(c.getContext("2d")
        .getImageData(Math.round(x * c.width), Math.round(y * c.height), 1, 1).data)""",
        shares,
    )
    # the hottest colour is a light yellow
    assert colour[0] > 240
    assert colour[1] > 220


def test_viewer_is_reached_by_the_keyboard(viewed):
    viewed.locator("[data-to=farthest]").focus()
    viewed.page.keyboard.press("Tab")
    assert viewed.locator(".stage").evaluate("(e) => e === document.activeElement")


def test_without_script_the_reader_is_told_where_the_maps_are(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    page.locator("details.card > summary").first.click()
    assert page.locator(".fallback").first.is_visible()
    assert not page.locator(".controls").first.is_visible()
    context.close()


def test_tables_sort_both_ways_by_number(page, address):
    page.goto(address)
    table = page.locator("#summary table.sortable")
    button = table.get_by_role("button", name="RMSD")
    column = 1 + table.locator("thead th").all_text_contents().index("RMSD")

    def values() -> list[float]:
        return [float(text) for text in table.locator(f"tbody tr > :nth-child({column})").all_text_contents()]

    button.click()
    assert values() == sorted(values())
    assert table.locator("th[aria-sort=ascending]").count() == 1
    button.click()
    assert values() == sorted(values(), reverse=True)


def test_copy_button_gives_the_table_as_tabbed_text(page, address):
    page.goto(address)
    page.locator("#summary button.copy", has_text="Copy table").first.click()
    page.locator("#summary button.copy", has_text="Copied").wait_for()
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert lines[0].split("\t")[:3] == ["contrast", "map", "Pearson r"]
    float(lines[1].split("\t")[2])


@pytest.mark.parametrize("clipboard", ["allowed", "refused"])
def test_copy_button_gives_the_script_as_it_stands_in_its_file(page, address, clipboard):
    page.goto(address)
    if clipboard == "refused":
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(Error('refused')); }")
    for script, expected in (("spm", SPM_CODE), ("nilearn", NILEARN_CODE)):
        article = page.locator(f"#code-1-{script}")
        article.get_by_role("button", name="Copy code").click()
        article.get_by_role("button", name="Copied").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == expected


def test_long_script_scrolls_in_its_box(page, address):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(address)
    tall, wide = page.locator("#code-1-spm .code"), page.locator("#code-1-nilearn .code")
    assert tall.evaluate("box => box.scrollHeight > box.clientHeight")
    assert wide.evaluate("box => box.scrollWidth > box.clientWidth")
    tall.focus()
    page.keyboard.press("PageDown")
    # the page's policy forbids the browser to wait for a function
    for _ in range(40):
        if scrolled := tall.evaluate("box => box.scrollTop") > 0:
            break
        page.wait_for_timeout(50)
    assert scrolled


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_part_of_a_script_is_readable(page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    colours = page.evaluate(
        """() => {
          const box = document.querySelector("#code-1-spm .code");
          const ground = getComputedStyle(box).backgroundColor;
          return Array.from(box.querySelectorAll("span"), (part) => [getComputedStyle(part).color, ground]);
        }"""
    )
    assert colours
    assert min(contrast_ratio(*pair) for pair in colours) >= LEGIBLE


def contrast_ratio(ink: str, paper: str) -> float:
    """Of two colours, by WCAG 2."""
    lighter, darker = sorted(map(luminance, (ink, paper)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = np.array([int(part) / 255 for part in re.findall(r"\d+", colour)[:3]])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_link_into_a_closed_part_opens_it(page, address):
    page.goto(address)
    assert not page.locator("#why-1-hostile").is_visible()
    page.locator("#why-they-differ a[href='#why-1-hostile']").first.click()
    page.locator("#why-1-hostile").wait_for(state="visible")
    # and again, when it was closed in between
    page.locator("#unit-1-hostile > summary").click()
    page.locator("#why-they-differ a[href='#why-1-hostile']").first.click()
    page.locator("#why-1-hostile").wait_for(state="visible")


def test_print_shows_every_part_but_no_controls(page, address):
    page.goto(address)
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert not page.locator(".viewer").first.is_visible()
    assert not page.locator("button.copy").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_on_its_ground(page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    colours = page.evaluate(
        """() => [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"""
    )
    ink, paper = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert (ink < paper) == (scheme == "light")
    assert abs(ink - paper) > 500
