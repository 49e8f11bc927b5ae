"""Words on many models are what is kept beside the tests; `approved.py` says how they are renewed."""

import pytest

from bidsglm.backends import BACKENDS

from .approved import APPROVED, shown


def parts(text: str) -> dict[str, str]:
    """Package -> its lines."""
    return dict(part.split("\n", 1) for part in ("\n" + text).split("\n== ")[1:])


@pytest.mark.parametrize("package", BACKENDS)
def test_words_are_what_is_kept(package: str) -> None:
    then = APPROVED.read_text(encoding="utf-8")
    assert parts(shown())[package].splitlines() == parts(then)[package].splitlines()
