"""The page of a data set in a real browser: marks name participants, rows sort and turn, maps are linked."""

from pathlib import Path

import pytest

from bidsglm.report.group_html import group_page

from .group_records import group_report, group_unit

WIDTHS = (1280, 390)
"""Pixels of a laptop and of a telephone."""
MANY = 40
"""Participants; more than a page of rows holds."""
N_ROWS = MANY * 2 * 2
SOON = 8000
"""Milliseconds in which a browser does what it is told, on a busy machine too."""


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    unit = group_unit(MANY, ("go", "stop - go"))
    folder = tmp_path_factory.mktemp("group")
    written(folder / "sub-07.html", "<h1>sub-07</h1>")
    return written(folder / "group.html", group_page(group_report(unit, n=MANY)))


@pytest.fixture
def opened(page, address):
    page.set_default_timeout(SOON)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(address)
    return page


def test_page_opens_without_errors_requests_or_dialogs(page, address):
    seen: list[str] = []
    page.on("console", lambda message: seen.append(message.text))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda request: seen.append(request.url))
    page.set_default_timeout(SOON)
    page.goto(address)
    page.locator("details.card > summary").first.click()
    page.locator(".viewer").scroll_into_view_if_needed()
    page.wait_for_selector(".viewer[data-ready]")
    page.locator(".marks a").first.hover()
    assert [text for text in seen if text != address and not text.startswith(("data:", "blob:"))] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows(page, address, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    inside = page.evaluate(
        """() => Array.from(document.querySelectorAll("main *"))
        .filter((e) => e.checkVisibility() && !e.closest(".scroll, .frame, .jump") && !e.closest("svg"))
        .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert inside == []


def test_a_mark_under_the_pointer_names_its_participant_and_value(opened):
    mark = opened.locator(".marks a", has_text="sub-07: ").first
    words = mark.text_content()
    mark.hover()
    assert opened.locator(".tip").is_visible()
    assert opened.locator(".tip").text_content() == words
    # and the same participant in every other plot
    same = opened.locator(".marks a.same")
    assert same.count() == opened.locator("#agreement .marks").count()
    names = same.evaluate_all(
        "(all) => all.map((m) => (m.ariaLabel ?? m.textContent).split(': ')[0])",
    )
    assert set(names) == {"sub-07"}
    opened.mouse.move(0, 0)
    assert not opened.locator(".tip").is_visible()


def test_a_click_on_a_mark_opens_the_participants_page(opened):
    opened.locator(".marks a", has_text="sub-07: ").first.click()
    opened.wait_for_url("**/sub-07.html#unit-1-go")


def test_marks_are_reached_by_tab_and_arrow_keys(opened):
    strip = opened.locator(".marks").first
    assert strip.locator("a[tabindex='0']").count() == 1
    strip.locator("a[tabindex='0']").focus()
    first = opened.locator(".tip").text_content()
    opened.keyboard.press("ArrowRight")
    second = opened.locator(".tip").text_content()
    assert first != second
    assert float(first.split(": ")[1].split(",")[0]) <= float(second.split(": ")[1].split(",")[0])
    opened.keyboard.press("End")
    assert opened.evaluate("document.activeElement === document.querySelector('.marks').lastElementChild")
    assert strip.locator("a[tabindex='0']").count() == 1


def column(page, name: str) -> list[str]:
    table = page.locator("table.rows")
    place = 1 + table.locator("thead th").all_text_contents().index(name)
    return table.locator(f"tbody tr > :nth-child({place})").all_text_contents()


def test_rows_sort_over_all_pages(opened):
    opened.locator("table.rows").get_by_role("button", name="Pearson r").click()
    values = [float(text) for text in column(opened, "Pearson r")]
    assert values == sorted(values)
    opened.get_by_role("button", name="Next").click()
    later = [float(text) for text in column(opened, "Pearson r")]
    assert later == sorted(later)
    assert later[0] >= values[-1]
    assert opened.locator("table.rows th[aria-sort=ascending]").count() == 1
    opened.locator("table.rows").get_by_role("button", name="Pearson r").click()
    falling = [float(text) for text in column(opened, "Pearson r")]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] >= later[-1]


def test_rows_turn_over_to_the_last(opened):
    assert f"of {N_ROWS}" in opened.locator(".pager .range").text_content()
    following = opened.get_by_role("button", name="Next")
    turned = 0
    while following.is_enabled():
        following.click()
        turned += 1
    assert turned == (N_ROWS - 1) // 50
    assert f"to {N_ROWS} of" in opened.locator(".pager .range").text_content()


def test_rows_are_found_by_participant_contrast_and_map(opened):
    opened.get_by_role("combobox", name="Contrast").select_option("stop - go")
    assert set(column(opened, "contrast")) == {"stop - go"}
    opened.locator(".finder").get_by_role("combobox", name="Map").select_option("effect")
    assert set(column(opened, "map")) == {"effect"}
    opened.get_by_role("searchbox").fill("Sub-1")
    assert set(column(opened, "participant")) == {f"sub-1{i}" for i in range(10)}
    opened.get_by_role("searchbox").fill("nobody")
    assert opened.locator(".pager .range").text_content() == "No row fits"


def test_rows_of_those_far_from_the_others(opened):
    opened.get_by_label("only those far from the others").check()
    assert column(opened, "participant") == ["sub-02"]
    assert column(opened, "far from the others in") == ["Pearson r"]


def test_every_row_links_to_its_participant(opened):
    links = opened.locator("table.rows tbody a").evaluate_all(
        "(all) => all.map((a) => a.getAttribute('href'))"
    )
    assert len(links) == 50
    assert links[0] == "sub-01.html#unit-1-go"


def test_copy_gives_all_rows_that_are_chosen(opened):
    opened.get_by_role("combobox", name="Contrast").select_option("go")
    opened.locator("#participants button.copy").click()
    opened.locator("#participants button.copy", has_text="Copied").wait_for()
    lines = opened.evaluate("navigator.clipboard.readText()").splitlines()
    assert lines[0].split("\t")[:4] == ["participant", "contrast", "map", "Pearson r"]
    assert len(lines) == 1 + N_ROWS // 2
    assert {line.split("\t")[1] for line in lines[1:]} == {"go"}


def test_without_script_the_first_rows_and_all_marks_are_there(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    assert page.locator("table.rows tbody tr").count() == 50
    assert page.locator(".marks a title").count() > MANY
    assert not page.locator(".finder").is_visible()
    context.close()


def test_group_maps_are_linked_and_follow_the_threshold(opened):
    opened.locator("details.card > summary").first.click()
    viewer = opened.locator(".viewer").first
    viewer.scroll_into_view_if_needed()
    opened.wait_for_selector(".viewer[data-ready]")

    def pictures() -> list[str]:
        canvases = viewer.locator(".panel canvas:first-child")
        return canvases.evaluate_all("(all) => all.map((c) => c.toDataURL())")

    before = pictures()
    viewer.locator("canvas").first.click(position={"x": 40, "y": 40})
    moved = pictures()
    assert all(one != two for one, two in zip(before, moved, strict=True))
    viewer.locator(".threshold").fill("60")
    assert all(one != two for one, two in zip(moved, pictures(), strict=True))


def test_a_threshold_hides_what_does_not_pass_in_each_package(opened):
    opened.locator("details.card > summary").first.click()
    viewer = opened.locator(".viewer").first
    viewer.scroll_into_view_if_needed()
    opened.wait_for_selector(".viewer[data-ready]")
    viewer.get_by_role("button", name="SPM's peak").click()

    def coloured() -> list[int]:
        """Pixels of each panel that are not grey."""
        return viewer.locator(".panel canvas:first-child").evaluate_all(
            """(all) => all.map((c) => {
              const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
              let n = 0;
              for (let i = 0; i < data.length; i += 4) n += Math.abs(data[i] - data[i + 2]) > 40;
              return n;
            })"""
        )

    level = viewer.get_by_role("combobox", name="Show")
    every = coloured()
    level.select_option("p < 0.001")
    some = coloured()
    assert all(0 < few <= many for few, many in zip(some, every, strict=True))
    assert sum(some) < sum(every)
    level.select_option("FWE 0.05")
    few = coloured()
    assert few[0] > 0
    assert few[1] < 0.1 * some[1], "nothing of nilearn's passes, but for the cross-hair"
    titles = viewer.locator(".panel-title").all_text_contents()
    assert titles == ["SPM: |t| > 5.00", "nilearn: nothing passes", "SPM − nilearn"]
    # the difference is shown where either passes
    assert few[2] > few[1]
    level.select_option("FDR 0.05")
    smallest = coloured()
    assert smallest[0] > smallest[1], "the voxel that has FDR's height passes it"
    assert viewer.locator(".panel-title").first.text_content().startswith("SPM: |t| ≥ ")
    viewer.locator(".threshold").fill("10")
    assert level.input_value() == ""
    assert viewer.locator(".panel-title").first.text_content() == "SPM"


def test_a_threshold_shows_both_tails_of_t(opened):
    opened.locator("details.card > summary").first.click()
    viewer = opened.locator(".viewer").first
    viewer.scroll_into_view_if_needed()
    opened.wait_for_selector(".viewer[data-ready]")
    viewer.get_by_role("combobox", name="Show").select_option("p < 0.001")
    blue = viewer.locator(".panel canvas:first-child").first.evaluate(
        """(c) => {
          const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
          let n = 0;
          for (let i = 0; i < data.length; i += 4) n += data[i + 2] - data[i] > 60;
          return n;
        }"""
    )
    assert blue > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_are_seen_on_their_ground(page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(address)
    found = page.evaluate(
        """() => [".marks", ".strips .name"].map((k) => getComputedStyle(document.querySelector(k)).fill)
        .concat(getComputedStyle(document.querySelector(".strips")).backgroundColor)"""
    )
    mark, ink, ground = (sum(map(int, c[c.index("(") + 1 : -1].split(",")[:3])) for c in found)
    assert abs(mark - ground) > 200
    assert abs(ink - ground) > 400


def test_print_keeps_plots_and_rows_but_no_controls(opened):
    opened.emulate_media(media="print")
    assert opened.locator("svg.strips").first.is_visible()
    assert opened.locator("table.rows").is_visible()
    assert not opened.locator(".finder").is_visible()
    assert not opened.locator(".pager button").first.is_visible()
