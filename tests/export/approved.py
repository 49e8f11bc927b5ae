"""What of a unit's code depends on the unit, for people to look over: ``python -m tests.export.approved``.

The command writes the files of ``tests/data/export`` anew. Look over what it changes before you keep it.
"""

import re
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import bidsglm
from bidsglm.export.templating import TEMPLATES
from tests.conftest import PROJECT

from .afni_cases import AFNI_CASES
from .feat_cases import FEAT_CASES
from .units import CASES, Case, Unit, taken_away

APPROVED = PROJECT / "tests" / "data" / "export"
KINDS: Mapping[str, Mapping[str, Case]] = {"units": CASES, "afni": AFNI_CASES, "fsl": FEAT_CASES}
ROWS = 3
"""Of a table of numbers"""
LONG = re.compile(r"\d*\.\d{9,}(?:e-?\d+)?")
FIXED = {
    line.strip() for path in TEMPLATES.iterdir() for line in path.read_text(encoding="utf-8").splitlines()
}
"""Lines of the templates: what stands there as it is needs no second look"""


def shown(unit: Unit) -> str:
    """Name and own lines of each text file of a unit's code; long numbers with nine digits."""
    parts = []
    for path in sorted(unit.folder.iterdir()):
        if not path.is_file() or path.suffix in (".mat", ".gz"):
            continue
        content = path.read_text(encoding="utf-8")
        lines = content.splitlines()
        own = lines[:ROWS]
        if path.suffix not in (".tsv", ".txt", ".1D"):
            own = [line for line in lines if line.strip() not in FIXED]
        own.append(
            f"... {len(lines)} lines{'' if content.endswith(chr(10)) else ', the last without its end'}"
        )
        parts += [f"== {path.name}", *own]
    text = "\n".join(parts) + "\n"
    text = text.replace(f"bidsglm {bidsglm.__version__}", "bidsglm VERSION")
    text = text.replace(f"nilearn {version('nilearn')}", "nilearn VERSION")
    return LONG.sub(lambda found: f"{float(found[0]):.9g}", text)


def file_of(kind: str, name: str) -> Path:
    """Where the kept text of a case is."""
    return APPROVED / kind / f"{re.sub('[^a-z]+', '_', name)}.txt"


if __name__ == "__main__":
    for kind, cases in KINDS.items():
        for name, case in cases.items():
            target = file_of(kind, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory() as folder:
                target.write_text(shown(taken_away(Path(folder), case)), encoding="utf-8")
