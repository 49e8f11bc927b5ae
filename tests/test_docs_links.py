"""Links, pictures and options in the pages of the documentation, and the indices that list them."""

import re
from pathlib import Path

from bidsglm.authoring.command import build_model_parser
from bidsglm.options import build_parser
from tests.conftest import PROJECT

DOCS = PROJECT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md"))
OF_OTHERS = {"--rm", "--user", "--cleanenv", "--containall", "--only-text"}
"""Options of docker, apptainer and our benchmarks."""
OF_WORKFLOWS = "../../actions/workflows/"
"""How a README leads to the workflows of whichever repository it is read in, on GitHub."""


def test_links_of_the_docs_lead_somewhere() -> None:
    pages = [PROJECT / "README.md", *PAGES]
    assert [link for page in pages for link in broken_links(page)] == []


def broken_links(page: Path) -> list[str]:
    """Links of a page to files or headings that do not exist."""
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    own = [link for link in links if not link.startswith("http")]
    return [f"{page.relative_to(PROJECT)}: {link}" for link in own if not leads(page, link)]


def leads(page: Path, link: str) -> bool:
    """Whether a relative link leads to a file, and to a heading of it where it names one."""
    path, _, anchor = link.partition("#")
    if path.startswith(OF_WORKFLOWS):
        page, path = PROJECT / "README.md", f".github/workflows/{path.split('/')[4]}"
    target = (page.parent / path) if path else page
    return target.exists() and (not anchor or anchor in anchors(target.read_text(encoding="utf-8")))


def anchors(text: str) -> set[str]:
    """Anchors that GitHub gives to headings."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_options_in_the_texts_exist() -> None:
    parsers = (build_parser(), build_model_parser())
    known = {option for each in parsers for action in each._actions for option in action.option_strings}
    for page in (PROJECT / "README.md", *(DOCS / name for name in ("faq.md", "model.md", "outputs.md"))):
        words = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text(encoding="utf-8")))
        assert words - known - OF_OTHERS == set(), page.name


def test_index_lists_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    indices = [page for page in PAGES if page.name in ("README.md", "index.md")]
    named = index + (DOCS / "reference" / "index.md").read_text() + (DOCS / "howto" / "index.md").read_text()
    names = {page: page.relative_to(DOCS).as_posix() for page in PAGES if page not in indices}
    assert [
        name for page, name in names.items() if f"({name})" not in named and f"({page.name})" not in named
    ] == []


def test_pictures_of_the_docs_are_shown_and_small() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (PROJECT / "README.md", *PAGES)]
    shown = {Path(name).name for text in texts for name in re.findall(r"[\w./-]+\.png", text)}
    pictures = [*DOCS.glob("*.png"), *(DOCS / "images").iterdir()]
    assert {path.name for path in pictures} - shown == set()
    assert sum(path.stat().st_size for path in pictures) < 3_000_000
