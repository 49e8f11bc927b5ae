"""What checks say of each odd pair of analyses, as it is kept.

Every check that the tests of this folder make is compared with a file of ``tests/data/check``. The variable
BIDSGLM_APPROVE writes these files anew: ``BIDSGLM_APPROVE=1 pytest -n 0 tests/check``. Look over what it
changes before you keep it.
"""

import html
import json
import os
import re
from pathlib import Path
from typing import Any

from tests.conftest import PROJECT

APPROVED = PROJECT / "tests" / "data" / "check"
NOISE = 1e-5
"""Below it numbers are rounding, which another computer has otherwise"""
TINY = re.compile(r"\d(?:\.\d+)?e-(?:0[5-9]|[1-9]\d)")
SECTIONS = ("settings", "how-it-was-found", "beside-nilearn")
"""Of the page, by their ids: the rest is in check.json or belongs to the report"""


def rounded(value: Any) -> Any:
    """Numbers to three digits, and to nothing where they are rounding."""
    if isinstance(value, bool) or not isinstance(value, float | dict | list):
        return value
    if isinstance(value, float):
        return 0.0 if abs(value) < NOISE else float(f"{value:.3g}")
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return {key: rounded(each) for key, each in value.items()}


def section_text(page: str) -> list[str]:
    """Words of the sections of a page that are the check's own."""
    lines = []
    for part in re.split(r"<section\b", page)[1:]:
        name = re.search(r'\bid="([^"]*)"', part.partition(">")[0])
        if name is None or name[1] not in SECTIONS:
            continue
        plain = re.sub(r"(?s)<(svg|style|script)\b.*?</\1>", " ", part.partition("</section>")[0])
        words = re.sub(r"(?s)<[^>]*>", "\n", plain.partition(">")[2])
        lines += [html.unescape(line.strip()) for line in words.splitlines() if line.strip()]
    return lines


def shown(out: Path, root: Path) -> str:
    """What stands in a folder of results, with paths from the study's folder."""
    found = rounded(json.loads((out / "check.json").read_text(encoding="utf-8")))
    parts = [json.dumps(found, indent=1, ensure_ascii=False), *section_text((out / "check.html").read_text())]
    for path in sorted(out.glob("model-*/model_smdl.json")):
        document = rounded(json.loads(path.read_text(encoding="utf-8")))
        parts += [f"== {path.relative_to(out)}", json.dumps(document, indent=1, ensure_ascii=False)]
    text = "\n".join(parts) + "\n"
    text = re.sub(r"largest difference [^.;]*(?:\.\d[^.;]*)?", "largest difference of rounding", text)
    return TINY.sub("TINY", text.replace(str(root), "ROOT"))


def compared_with_kept(out: Path, root: Path, name: str) -> None:
    """Fail where results are not what is kept."""
    test = os.environ["PYTEST_CURRENT_TEST"].partition("::")[0]
    target = APPROVED / f"{Path(test).stem.removeprefix('test_')}-{re.sub('[^A-Za-z0-9]+', '-', name)}.txt"
    text = shown(out, root)
    if os.environ.get("BIDSGLM_APPROVE"):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    assert text == target.read_text(encoding="utf-8")
