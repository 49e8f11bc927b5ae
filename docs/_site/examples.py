"""Pages of the demo beside the site, where there is one: `make demo docs` shows in the gallery what it made.

DOCS_DEMO is the demo's folder (the Makefile's OUT). A comment, `<!-- example: sub-01.html -->`, says where
the link to an example goes; without the example, nothing stands there.
"""

import os
import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx

MARK = re.compile(r"<!-- example: ([\w./-]+) -->")
KEPT = {".html", ".tsv", ".json"}
"""Pages, and what they offer to download but maps."""


def folders() -> dict[str, Path]:
    """Name in the site -> folder of results."""
    demo = Path(os.environ.get("DOCS_DEMO", "demo")).resolve()
    names = {
        "": "bidsglm",
        "overparameterised": "bidsglm-overparameterised",
        "maps": "maps",
        "check": "check",
    }
    return {place: demo / "derivatives" / name for place, name in names.items()}


def with_examples(app: Sphinx, name: str, source: list[str]) -> None:
    """Put links where the comments stand."""
    source[0] = MARK.sub(lambda found: _link(found[1], "../" * name.count("/")), source[0])


def _link(page: str, up: str) -> str:
    folder, _, name = page.rpartition("/")
    there = (folders()[folder] / name).is_file()
    return f'<p><a href="{up}demo/{page}">Open this page as it is.</a></p>' if there else ""


def copy_examples(app: Sphinx, problem: Exception | None) -> None:
    """Copy the pages into the finished site."""
    for name, folder in ({} if problem else folders()).items():
        for path in (path for path in folder.rglob("*") if path.suffix in KEPT):
            target = Path(app.outdir) / "demo" / name / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of it."""
    app.connect("source-read", with_examples, priority=300)
    app.connect("build-finished", copy_examples)
    return {"parallel_read_safe": True}
