"""Links to files of the project that are no pages: to the repository where it is known, else to a copy.

The pages are read on GitHub too, so they link to files and folders as these lie. DOCS_REPOSITORY is where the
published site finds them; without it, files are copied into the site; folders and texts are named only.
"""

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(((?!https?:|#|mailto:)[^)\s#]+)((?:#[^)\s]*)?)\)")
DOCS = Path(__file__).resolve().parent.parent


def with_addresses(app: Sphinx, name: str, source: list[str]) -> None:
    """Change the links of a page that lead out of the site."""
    folder = (DOCS / name).parent
    source[0] = LINK.sub(lambda found: address(found, folder), source[0])


def address(found: re.Match[str], folder: Path) -> str:
    """A link, changed where it leads to no page."""
    text, path, _ = found.groups()
    target = (folder / path).resolve()
    repository = os.environ.get("DOCS_REPOSITORY", "")
    if not target.exists() or (target.suffix == ".md" and DOCS in target.parents):
        return found[0]
    if repository:
        return f"[{text}]({repository}/{target.relative_to(DOCS.parent).as_posix()})"
    return text if target.is_dir() or target.suffix == ".md" else found[0]  # MyST takes the latter for a page


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of it."""
    app.connect("source-read", with_addresses)
    return {"parallel_read_safe": True}
