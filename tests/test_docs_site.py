"""The documentation as a site: built without a warning, it needs no network and shows all that there is."""

import importlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bidsglm.authoring.command import build_model_parser
from bidsglm.options import build_parser
from bidsglm.statsmodel.json_schema import json_schema
from tests.conftest import PROJECT

pytest.importorskip("sphinx", reason="the extra `docs` is not installed")

VALIDATION = (PROJECT / "docs" / "validation.md").read_text(encoding="utf-8")
EQUATIONS = (PROJECT / "docs" / "explanation" / "spm12.md").read_text(encoding="utf-8")


class Loaded(HTMLParser):
    """Addresses of what a page loads by itself: scripts, styles, pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "iframe"):
            self.addresses.append(given.get("src") or "")
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload"):
            self.addresses.append(given.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, beside a demo of which one page was made."""
    folder = tmp_path_factory.mktemp("site")
    page = folder / "demo" / "derivatives" / "bidsglm" / "sub-01.html"
    page.parent.mkdir(parents=True)
    page.write_text("<title>an example</title>")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(folder / "doctrees")]
    environment = {
        "PATH": "",
        "PYTHONPATH": str(PROJECT),
        "DOCS_DEMO": str(folder / "demo"),
        "HOME": str(folder),
    }
    done = subprocess.run(
        [*command, str(PROJECT / "docs"), str(folder / "site")],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


def text_of(site: Path, name: str) -> str:
    return (site / name).read_text(encoding="utf-8")


def test_make_docs_builds_what_is_tested_here() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    assert "-m sphinx -q -W --keep-going" in makefile
    assert "make docs" in (PROJECT / ".ci" / "run").read_text()


def test_pages_load_nothing_from_a_network(site: Path) -> None:
    pages = [path for path in site.rglob("*.html") if "demo" not in path.parts]
    assert len(pages) > 25
    loaded = {address for page in pages for address in Loaded(page.read_text()).addresses}
    assert [address for address in loaded if re.match(r"(?:https?:)?//", address)] == []
    assert any("tex-svg.js" in address for address in loaded)
    assert (site / "_static" / "tex-svg.js").stat().st_size > 1_000_000


@pytest.mark.parametrize(
    ("repository", "hpc", "script"),
    [
        ("", "files", "[it](../hpc/dask_slurm.py)"),
        ("https://a/b", "[files](https://a/b/hpc)", "[it](https://a/b/hpc/dask_slurm.py)"),
    ],
)
def test_links_out_of_the_site_lead_to_the_repository_where_it_is_known(
    monkeypatch: pytest.MonkeyPatch, repository: str, hpc: str, script: str
) -> None:
    monkeypatch.setenv("DOCS_REPOSITORY", repository)
    monkeypatch.syspath_prepend(str(PROJECT / "docs" / "_site"))
    changed = importlib.import_module("outside").with_addresses
    source = ["[files](../hpc) [it](../hpc/dask_slurm.py) [page](maps.md) ![picture](images/page.png)"]
    changed(None, "hpc", source)
    assert source == [f"{hpc} {script} [page](maps.md) ![picture](images/page.png)"]


def test_every_page_can_be_searched_and_is_in_a_section(site: Path) -> None:
    names = json.loads(text_of(site, "searchindex.js").removeprefix("Search.setIndex(").removesuffix(")"))[
        "docnames"
    ]
    pages = {path.relative_to(PROJECT / "docs").with_suffix("").as_posix() for path in DOCUMENTS}
    assert set(names) == pages


DOCUMENTS = [path for path in (PROJECT / "docs").rglob("*.md") if path.name != "README.md"]


def test_reference_lists_every_option_of_the_program(site: Path) -> None:
    page = text_of(site, "reference/options.html")
    parsers = (build_parser(), build_model_parser())
    options = {option for each in parsers for action in each._actions for option in action.option_strings}
    shown = set(re.findall(r">(--?[a-z][\w-]*)<", page))
    assert options - shown <= {"-h", "--help", "--version"}


def test_reference_lists_every_key_of_the_model_language(site: Path) -> None:
    page = text_of(site, "reference/schema.html")
    schema = json_schema()
    parts = [schema, *schema["$defs"].values()]
    keys = {key for part in parts for key in part.get("properties", {})}
    assert len(keys) > 40
    assert [key for key in keys if f">{key}<" not in page] == []


def test_gallery_leads_to_the_pages_that_were_made_and_to_no_others(site: Path) -> None:
    gallery = text_of(site, "gallery.html")
    assert re.findall(r'href="(demo/[^"]+)"', gallery) == ["demo/sub-01.html"]
    assert (site / "demo" / "sub-01.html").is_file()


def test_equations_are_said_to_be_met_as_the_validation_says() -> None:
    rows = re.findall(r"^\| ([^|]+) \| (?:of [^|]+|number that differ) \| (\S+) \|", VALIDATION, re.MULTILINE)
    worst = {name: float(value) for name, value in rows}
    quotes = re.findall(r"^> Verified.*(?:\n> .*)*", EQUATIONS, re.MULTILINE)
    said = dict(re.findall(r"`([^`]+)`\s+(?:> )?(\d+(?:e-\d+)?)", "\n".join(quotes)))
    assert len(quotes) > 10
    assert {name: float(value) for name, value in said.items()} == worst
