"""Blocks of the documentation's pages: commands, and what they print."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from tests.conftest import PROJECT

DOCS = PROJECT / "docs"
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """A command of a page, and the lines that the page shows of its output."""

    words: list[str]
    printed: list[str]


def blocks(page: Path, kind: str) -> list[str]:
    """Code blocks of a kind."""
    return [text for found, text in BLOCK.findall(page.read_text(encoding="utf-8")) if found == kind]


def steps(page: Path) -> list[Step]:
    """Commands of bidsglm in the blocks `console`, each with the block `text` behind it."""
    found: list[Step] = []
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "console":
            lines = [
                line.removeprefix("$ bidsglm ") for line in text.splitlines() if line.startswith("$ bidsglm ")
            ]
            found += [Step(shlex.split(line), []) for line in lines]
        elif kind == "text" and found:
            found[-1].printed.extend(text.splitlines())
    return found


def plain_commands(page: Path) -> list[list[str]]:
    """Commands of bidsglm in blocks without a kind, continued lines joined and remarks left out."""
    text = "\n".join(blocks(page, "")).replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("bidsglm ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]
