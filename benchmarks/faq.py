"""Write docs/faq.md: ``python benchmarks/faq.py [--demo DIR] [--work-dir DIR] [--only-text]``.

Computes docs/faq_numbers.json anew (some minutes; see `faq_numbers` for the data it needs) and sets the
numbers into ``benchmarks/faq_template.md``. ``--only-text`` takes the numbers as they are.
"""

import argparse
import json
import re
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

TEMPLATE = PROJECT / "benchmarks" / "faq_template.md"
NUMBERS = PROJECT / "docs" / "faq_numbers.json"
PAGE = PROJECT / "docs" / "faq.md"
WIDTH = 118
DIGITS = 6
"""Kept of each number; the page shows two to four."""


def rounded(value: Any) -> Any:
    """Numbers with as many digits as are kept, in any nesting."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def page(numbers: dict[str, Any]) -> str:
    """Set the numbers into the text."""
    regressor = {
        name: {**facts, "inverse": 1 / facts["ratio"]} for name, facts in numbers["regressor"].items()
    }
    demo = {**numbers["demo"], "all": numbers["demo"]["both"] + numbers["demo"]["nilearn_only"]}
    text = TEMPLATE.read_text(encoding="utf-8").format(**{**numbers, "regressor": regressor, "demo": demo})
    blocks = re.sub(r"(\d)%", "\\1\N{NO-BREAK SPACE}%", text).strip().split("\n\n")
    return "\n\n".join(wrapped(block) for block in blocks) + "\n"


def wrapped(block: str) -> str:
    """Fill a paragraph's lines anew; headings and tables stay."""
    if block.startswith(("#", "|")):
        return block
    return textwrap.fill(re.sub(r"[ \n]+", " ", block), WIDTH, break_long_words=False, break_on_hyphens=False)


def computed(demo: Path | None, work: Path) -> dict[str, Any]:
    """Run every analysis; makes the demo where there is none."""
    from benchmarks.faq_numbers import numbers

    if demo is None:
        from bidsglm.cli import main

        demo = work / "demo"
        if main(["demo", str(demo)]):
            raise SystemExit("the demo failed")
    return numbers(demo, work / "runs")


def write(arguments: argparse.Namespace) -> None:
    """Write the numbers, unless they are to stay, and the page."""
    if not arguments.only_text:
        with tempfile.TemporaryDirectory() as folder:
            found = computed(arguments.demo, arguments.work_dir or Path(folder))
        NUMBERS.write_text(json.dumps(rounded(found), indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(json.loads(NUMBERS.read_text(encoding="utf-8"))), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--demo", type=Path, help="a finished demo data set (made anew)")
    parser.add_argument("--work-dir", type=Path, help="keep the runs here")
    parser.add_argument("--only-text", action="store_true", help="do not compute the numbers")
    write(parser.parse_args())
