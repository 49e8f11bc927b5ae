"""Maps of two programs that belong together, and how alike they are."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.check.contrast_settings import nearest_contrast, nearest_f_contrast
from bidsglm.check.data import support, values_of
from bidsglm.check.map_weights import Reproduction
from bidsglm.check.nilearn_folder import NilearnAnalysis
from bidsglm.check.own_files import own_file
from bidsglm.check.runs import ComparedRun
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.dataset.masks import is_same_grid
from bidsglm.report.check import CheckedPair


def map_pairs(
    spm: SpmAnalysis,
    nilearn: NilearnAnalysis,
    made: Mapping[str, Reproduction],
    runs: Sequence[ComparedRun],
) -> tuple[CheckedPair, ...]:
    """Maps of the contrasts that belong together, most alike in direction."""
    pairs = []
    for label in nilearn.contrasts:
        if (theirs := nilearn.of_contrast(label, "F")) is not None:
            tested = nearest_f_contrast(spm, label)
            ours = own_file(spm.folder, tested.stat_map) if tested is not None else None
            if tested is not None and ours is not None:
                pairs.append(map_pair("F", tested.name, ours, theirs))
            continue
        contrast = nearest_contrast(spm, label, made.get(label), runs)
        if contrast is None:
            continue
        for what, name in (("effect", contrast.effect_map), ("t", contrast.stat_map)):
            theirs, ours = nilearn.of_contrast(label, what), own_file(spm.folder, name)
            if theirs is None or ours is None:
                continue
            pairs.append(map_pair(what, contrast.name, ours, theirs))
    return tuple(pairs)


def map_pair(what: str, contrast: str, ours: Path, theirs: Path) -> CheckedPair:
    """Compare a map of each program within both masks."""
    (a, grid), (b, other_grid) = values_of(ours), values_of(theirs)
    if not is_same_grid(grid, other_grid):
        return CheckedPair(what, contrast, ours, theirs, math.nan, math.nan, 0, 0, 0, math.nan)
    one, other = support(a), support(b)
    both = one & other
    x, y = a[both], b[both]
    ratio = float(x @ y / (x @ x)) if both.any() else float("nan")
    n_one, n_other, n_both = (int(np.count_nonzero(m)) for m in (one, other, both))
    dice = 2 * n_both / (n_one + n_other) if n_one + n_other else float("nan")
    return CheckedPair(what, contrast, ours, theirs, pearson_r(x, y), ratio, n_one, n_other, n_both, dice)
