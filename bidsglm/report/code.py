"""Code that gives a backend's maps, to be read on a page."""

import re
from dataclasses import dataclass
from functools import cached_property

from bidsglm.packages import PACKAGES

DIFFERS = re.compile(r'<span class="(c1?)">([^<]*\bdiffers\b)')
"""A comment on what the other package does."""


@dataclass(frozen=True)
class CodeReport:
    """A script of one backend."""

    backend: str
    path: str
    """Relative to the page."""
    text: str

    @property
    def package(self) -> str:
        """What runs it."""
        return PACKAGES[self.backend].runs_in

    @cached_property
    def html(self) -> str:
        """The text as safe HTML, its parts in spans; comments on differences stand out."""
        text = highlighted(self.text, PACKAGES[self.backend].language)
        return DIFFERS.sub(r'<span class="\1 differs">\2', text)


def highlighted(text: str, language: str) -> str:
    """Text of a program as HTML with pygments' short classes.

    >>> print(highlighted("x < 1", "python").rstrip())
    <span class="n">x</span> <span class="o">&lt;</span> <span class="mi">1</span>
    """
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name

    return str(highlight(text, get_lexer_by_name(language, stripnl=False), HtmlFormatter(nowrap=True)))
