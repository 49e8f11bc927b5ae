"""Whether the anatomical CompCor columns of a run are those of one mask."""

import json
from collections.abc import Sequence

from bidsglm.dataset.tsv import read_tsv
from bidsglm.errors import DataError
from bidsglm.model import Run
from bidsglm.statsmodel.globs import matching
from bidsglm.statsmodel.presets import COMPONENTS

COMBINED = "combined"
"""fMRIPrep's mask of white matter and CSF together, which nilearn takes too."""


def check_components(run: Run, patterns: Sequence[str]) -> None:
    """Refuse CompCor columns of several masks, which fMRIPrep before 21 numbered in one row.

    Raises
    ------
    DataError
        Naming a column of another mask, by the JSON file beside the table.
    """
    if run.confounds is None:
        return
    wanted = [pattern for pattern in patterns if pattern.startswith(COMPONENTS)]
    sidecar = run.confounds.with_suffix(".json")
    try:
        about = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # without it nobody can tell
    columns = read_tsv(run.confounds).columns if wanted else {}
    for name in dict.fromkeys(name for pattern in wanted for name in matching(pattern, columns)):
        entry = about.get(name) if isinstance(about, dict) else None
        mask = entry.get("Mask", COMBINED) if isinstance(entry, dict) else COMBINED
        if mask != COMBINED:
            raise DataError(
                f"{sidecar}: {name} is a component of the mask {mask}, beside {COMBINED}; give their "
                "number (--confounds compcor:6), or the names themselves"
            )
