"""Whether a run has what presets of --confounds stand for, and CompCor columns of one mask."""

from collections.abc import Sequence

from bidsglm.data import Run
from bidsglm.dataset.tsv import read_tsv
from bidsglm.errors import BidsglmError, DataError
from bidsglm.inputs import read_json
from bidsglm.statsmodel.globs import is_glob, matching
from bidsglm.statsmodel.presets import COMPONENTS, PRESETS

WHOLE = tuple(name for names in PRESETS.values() for name in names if is_glob(name))
"""Globs that presets stand for: one that takes nothing is no model without nuisance, but a mistake."""
COMBINED = "combined"
"""fMRIPrep's mask of white matter and CSF together, which nilearn takes too."""


def check_components(run: Run, patterns: Sequence[str]) -> None:
    """Refuse presets that take nothing, or CompCor columns of several masks.

    fMRIPrep before 21 numbered the components of all masks in one row.

    Raises
    ------
    DataError
        Naming what is not there, or a column of another mask by the JSON file beside the table.
    """
    if run.confounds is None:
        return
    wanted = [pattern for pattern in patterns if pattern.startswith(COMPONENTS)]
    columns = read_tsv(run.confounds).columns if patterns else {}
    for pattern in patterns:
        if pattern in WHOLE and not matching(pattern, columns):
            raise DataError(
                f"{run.confounds}: no column {pattern}, which a preset of --confounds takes; leave it out or "
                "run fMRIPrep so that it writes them"
            )
    sidecar = run.confounds.with_suffix(".json")
    try:
        about = read_json(sidecar)
    except BidsglmError:  # without it nobody can tell
        return
    for name in dict.fromkeys(name for pattern in wanted for name in matching(pattern, columns)):
        entry = about.get(name)
        mask = entry.get("Mask", COMBINED) if isinstance(entry, dict) else COMBINED
        if mask != COMBINED:
            raise DataError(
                f"{sidecar}: {name} is a component of the mask {mask}, beside {COMBINED}; give their "
                "number (--confounds compcor:6), or the names themselves"
            )
