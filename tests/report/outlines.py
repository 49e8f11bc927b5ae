"""A page or a drawing as lines that can be read and compared: what is written, and where it is drawn."""

import re
from html.parser import HTMLParser

NUMBER = re.compile(r"-?\d+\.\d+(e-?\d+)?")
LEFT_OUT = ("script", "style", "template")
"""Elements whose content nobody sees"""
EMBEDDED = re.compile(r"data:[\w/+.-]+[;,][^\"' )]*")
IN_WORDS = ("title", "alt", "id", "href", "for", "aria-label", "aria-labelledby", "data-text")
"""Attributes whose numbers are read and not drawn"""
LONGEST = 400
"""Characters of an attribute; a curve is known by its beginning"""


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in LEFT_OUT
        if tag not in LEFT_OUT:
            said = " ".join(f"{name}={_plain(name, value or '')}" for name, value in attrs)
            self.lines.append(f"<{tag} {said}".rstrip())

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in LEFT_OUT

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._hidden:
            self.lines.append(" ".join(data.split()))


def _plain(name: str, value: str) -> str:
    text = EMBEDDED.sub("data:", " ".join(value.split()))
    text = text if name in IN_WORDS else _rounded(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ({len(text)})"


def _rounded(text: str) -> str:
    """Numbers to the first decimals, so that the last bit of a library is no change.

    >>> _rounded("M 1.23456 -0.5 in 0.14.1")
    'M 1.23 -0.5 in 0.14.1'
    """
    return NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip(".") or "0", text)


def outline(text: str) -> list[str]:
    """Lines of a page or a drawing: each element with its attributes, and each text."""
    found = _Outline()
    found.feed(text)
    found.close()
    return found.lines
