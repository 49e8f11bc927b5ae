"""Sentences on odd units are what is kept beside the tests; `approved.py` says how they are renewed."""

import pytest

from .approved import APPROVED, shown


@pytest.fixture(scope="module")
def parts() -> tuple[dict[str, str], dict[str, str]]:
    """Case -> its findings, as they are now and as they are kept."""
    texts = shown(), APPROVED.read_text(encoding="utf-8")
    now, then = (dict(part.split("\n", 1) for part in text.split("== ")[1:]) for text in texts)
    return now, then


NAMES = [part.split("\n", 1)[0] for part in APPROVED.read_text(encoding="utf-8").split("== ")[1:]]


@pytest.mark.parametrize("name", NAMES)
def test_findings_are_what_is_kept(name: str, parts: tuple[dict[str, str], dict[str, str]]) -> None:
    now, then = parts
    assert now[name] == then[name]


def test_every_case_is_kept(parts: tuple[dict[str, str], dict[str, str]]) -> None:
    now, then = parts
    assert list(now) == list(then)
