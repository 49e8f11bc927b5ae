"""The page of a data set: complete, safe with any name, light with many participants, honest with few."""

import re
import time
from dataclasses import replace

import pytest

from bidsglm.report.group_html import group_page
from bidsglm.report.group_report import GroupReport, ParticipantEntry

from .group_records import group_report, group_unit
from .parsed import Page
from .records import ABOUT

HOSTILE = 'go > <script>alert("x")</script> & "rest"'
MANY = 1000
MAX_BYTES = 5e6
"""What a page of 1,000 participants and three contrasts may weigh, maps apart."""
SLOWEST = 15
"""Seconds that its making may take on a busy machine; 2 on a quiet one."""


@pytest.fixture(scope="module")
def text() -> str:
    return group_page(group_report(group_unit()))


@pytest.fixture(scope="module")
def page(text) -> Page:
    return Page(text)


def test_sections_stand_in_the_order_of_the_questions(page):
    assert page.texts["h2"] == [
        "Summary",
        "Agreement",
        "Participants",
        "Group maps",
        "Regions",
        "Why they differ",
        "Questions",
        "Methods",
        "Left out",
        "Errors",
        "About",
    ]
    assert page.open == []


def test_links_inside_the_page_lead_somewhere(page):
    inside = {link[1:] for link in page.values("a", "href") if link.startswith("#")}
    assert inside <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_steps_link_to_their_explanation(page):
    assert {"#step-noise", "#step-scaling"} <= set(page.values("a", "href"))
    assert {"step-noise", "step-scaling"} <= set(page.ids)


def test_several_tasks_share_one_explanation_and_no_place():
    units = group_unit(2, title="task-a"), group_unit(2, title="task-b")
    page = Page(group_page(group_report(*units, n=2)))
    assert page.ids.count("step-noise") == 1
    assert len(page.ids) == len(set(page.ids))


def test_the_verdict_comes_first(page):
    first = [attrs.get("class") for tag, attrs in page.tags if attrs.get("class") in ("headline", "tiles")]
    assert first[0] == "headline"


def test_who_failed_is_an_error_and_who_was_not_run_is_left_out(page):
    assert "sub-98: sub-98_bold.nii.gz: ends too early" in page.texts["li"]
    assert not any("sub-99" in text for text in page.texts["li"])
    assert "sub-99" in page.texts["th"]
    assert "Participants have 1 to 2 runs." in page.texts["li"]


def test_what_is_noted_twice_is_said_once():
    unit = group_unit(2)
    twice = replace(group_report(unit, unit), warnings=unit.notes)
    assert Page(group_page(twice)).texts["li"].count(unit.notes[0]) == 1


def test_references_are_those_cited(page):
    assert any("Exploring the impact of analysis software" in text for text in page.texts["li"])


def test_nothing_is_fetched_from_anywhere(text):
    assert not re.search(r'(?:src|href|url)\s*[=(]\s*["\']?(?:https?:)?//', text)


def test_names_are_text_wherever_they_stand():
    unit = group_unit(3, (HOSTILE,), title=HOSTILE)
    text = group_page(group_report(unit))
    assert '<script>alert("x")' not in text
    assert Page(text).open == []


def test_without_a_participant_the_page_says_so():
    page = Page(group_page(GroupReport("ds", ABOUT, (ParticipantEntry("01", error="no events"),))))
    assert page.texts["h2"] == ["Summary", "Left out", "Errors", "About"]
    assert "No participant could be compared." in page.texts["strong"]
    assert "sub-01: no events" in page.texts["li"]
    assert {link[1:] for link in page.values("a", "href") if link.startswith("#")} <= set(page.ids)


def test_one_participant_alone_is_no_group():
    page = Page(group_page(group_report(group_unit(1, contrasts=(), shares=()), n=1)))
    assert any("One participant makes no group" in text for text in page.texts["p"])
    assert "Why they differ" not in page.texts["h2"]
    assert page.open == []


def test_a_thousand_participants_make_a_light_page_in_little_time():
    unit = group_unit(MANY, ("go", "stop", "go - stop"))
    start = time.process_time()
    text = group_page(group_report(unit, n=MANY))
    assert time.process_time() - start < SLOWEST
    assert len(text.encode()) < MAX_BYTES + len(group_page(group_report(group_unit(2))).encode())
    assert "sub-1000" in text


def test_sessions_that_count_each_are_not_called_participants():
    unit = group_unit(5)
    sessions = tuple(
        row | {"participant_id": "sub-01", "session_id": f"ses-{row['participant_id'][-1]}"}
        if row["participant_id"] in ("sub-01", "sub-02")
        else row
        for row in unit.rows
    )
    text = group_page(group_report(replace(unit, rows=sessions, outlying={})))
    assert "It leads in 4 of 5 sessions of participants" in text
    assert "A dot is a session of a participant" in text
    assert "It leads in 4 of 5 participants" in group_page(group_report(unit))
