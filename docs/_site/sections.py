"""An index page gets the navigation of the pages that it lists, in its order, so that they are named once."""

import re
from pathlib import Path

from sphinx.application import Sphinx

LISTED = re.compile(r"^(?:-|\||\d+\.) *\[[^\]]+\]\(([^)#]+)\.md\)", re.MULTILINE)
"""A page at the beginning of an item or of a table's row."""


def with_navigation(app: Sphinx, name: str, source: list[str]) -> None:
    """Add a hidden table of contents to an index page of a section."""
    pages = list(dict.fromkeys(LISTED.findall(source[0]))) if Path(name).name == "index" else []
    if pages:
        source[0] += "\n```{toctree}\n:hidden:\n\n" + "\n".join(pages) + "\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of it."""
    app.connect("source-read", with_navigation)
    return {"parallel_read_safe": True}
