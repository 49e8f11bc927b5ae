"""The glossary says each word once, and has the words that results use."""

import re

from bidsglm.attribution.steps import PARTS_OF_REGRESSORS
from bidsglm.report.steps import STEP_TEXTS
from bidsglm.simulation.noise import NOISES
from tests.conftest import PROJECT

PAGE = (PROJECT / "docs" / "glossary.md").read_text(encoding="utf-8")


def sections() -> dict[str, list[tuple[str, str]]]:
    """Heading -> words and their meanings."""
    parts = re.split(r"^## (.*)$", PAGE, flags=re.MULTILINE)
    return {
        heading: re.findall(r"^\| (?!word|here|---)([^|]+) \| ([^|]+) ", text, re.MULTILINE)
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_each_word_is_said_once_and_in_order() -> None:
    found = {heading: words for heading, words in sections().items() if "other programs" not in heading}
    words = [word.lower() for rows in found.values() for word, _ in rows]
    assert len(words) > 25
    assert len(set(words)) == len(words)
    for heading, rows in found.items():
        own = [word.lower() for word, _ in rows]
        assert own == sorted(own), heading


def test_steps_and_noises_of_the_results_are_among_the_meanings() -> None:
    meanings = {word: text for rows in sections().values() for word, text in rows}
    short = {"smoother": "smoothing kernel", "noise": "noise model", "runs": "combination of runs"}
    for name in STEP_TEXTS:
        if name not in PARTS_OF_REGRESSORS:
            assert short.get(name, name) in meanings["modelling step"], name
    assert all(name in meanings["noise"] for name in NOISES)


def test_words_of_our_own_making_stand_in_no_page() -> None:
    strange = re.compile(
        r"\b(corners?|players?|games?|stillness|doomed|filled run|supplements?)\b", re.IGNORECASE
    )
    pages = [PROJECT / "README.md", *(PROJECT / "docs").glob("*.md")]
    found = {page.name: set(strange.findall(page.read_text(encoding="utf-8"))) for page in pages}
    assert {name: words for name, words in found.items() if words} == {}
