"""What the pages' Content-Security-Policy lets run: our own script and style sheet, named by their hash."""

import base64
import hashlib
import re

import pytest

from bidsglm.report.group_html import group_page
from bidsglm.report.html import participant_page

from .group_records import group_report, group_unit
from .records import contrast_report, participant_report

PAGES = {
    "participant": lambda: participant_page(participant_report(contrast_report())),
    "group": lambda: group_page(group_report(group_unit(3, ("go",)), n=3)),
}
INJECTED = '<style>h1 { color: rgb(1, 2, 3); }</style><script>document.title = "taken over";</script>'


@pytest.fixture(params=PAGES)
def text(request: pytest.FixtureRequest) -> str:
    return PAGES[request.param]()


def hashed(content: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() + "'"


def test_policy_names_the_one_script_and_the_one_style_sheet(text: str) -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    for element in ("script", "style"):
        (content,) = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        assert allowed[f"{element}-src"] == hashed(content), element
    assert allowed["default-src"] == allowed["base-uri"] == allowed["form-action"] == "'none'"
    assert "unsafe" not in policy


def test_no_element_has_a_style_or_a_handler_of_its_own(text: str) -> None:
    outside = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    assert re.findall(r"<[^>]*\s(?:style|on\w+)=[^>]*>", outside) == []


def test_injected_script_and_style_do_nothing(page, text: str, tmp_path) -> None:
    path = tmp_path / "page.html"
    path.write_text(text.replace("<main>", f"<main>{INJECTED}"), encoding="utf-8")
    page.goto(path.as_uri())
    assert page.title() != "taken over"
    assert page.locator("h1").first.evaluate("(e) => getComputedStyle(e).color") != "rgb(1, 2, 3)"
    # ours does: it makes the headers of tables into buttons
    assert page.locator("table.sortable th button").count() > 0
