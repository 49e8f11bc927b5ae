"""Pages and drawings are those that were looked at: word by word, and each line where it was drawn.

After a change on purpose look at the pages, then write the outlines anew: `BIDSGLM_LOOKED_AT=renew pytest
tests/report/test_looked_at.py`, and commit what git shows as changed.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bidsglm.report.group_html import group_page
from bidsglm.report.html import participant_page
from bidsglm.report.story import story_page

from .group_records import group_report, group_unit
from .outlines import outline
from .records import contrast_report, participant_report
from .region_records import group_regions
from .story_records import story_report

FOLDER = Path(__file__).parent / "looked_at"
RENEW = "BIDSGLM_LOOKED_AT"
PAGES: dict[str, Callable[[], str]] = {
    "participant": lambda: participant_page(
        participant_report(contrast_report(), replace(contrast_report(test="F"), label="f"))
    ),
    "group": lambda: group_page(
        group_report(group_unit(12, ("go", "stop"), regions=group_regions(("go", "stop"))), n=12)
    ),
    "small_group": lambda: group_page(group_report(group_unit(3), n=3)),
    "story": lambda: story_page(story_report()),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_the_one_that_was_looked_at(name: str) -> None:
    file, lines = FOLDER / f"{name}.txt", outline(PAGES[name]())
    if os.environ.get(RENEW) == "renew":
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert lines == file.read_text(encoding="utf-8").splitlines()
