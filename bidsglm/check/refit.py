"""SPM's own maps computed again from the scans: they come out, or what differs is said."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.backends import backend
from bidsglm.check.data import ScanPlace, read_series, values_of
from bidsglm.check.models import designs_of, placed_columns, specification_of
from bidsglm.check.own_files import own_file
from bidsglm.check.spm_records import SpmAnalysis, SpmContrast
from bidsglm.data import Volume
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, Floats, Mask
from bidsglm.report.second_level_check import RefittedMap

RANGE = 5e-7
"""Share of a map's range by which float32 numbers of the same computation differ at most."""


class RefittedModel(NamedTuple):
    """SPM's model fitted again."""

    maps: tuple[RefittedMap, ...]
    noise: Mapping[str, Any]
    """Facts of its noise model"""

    @property
    def is_reproduced(self) -> bool:
        """Whether all maps came out."""
        return bool(self.maps) and all(each.is_reproduced for each in self.maps)


def refitted(spm: SpmAnalysis, scans: Sequence[Sequence[ScanPlace]]) -> RefittedModel:
    """Fit SPM's model to its scans as SPM12 does, and compare the maps in the folder.

    Raises
    ------
    BidsglmError
        A scan is damaged, or the model cannot be fitted.
    """
    mask_file = own_file(spm.folder, "mask")
    if not (spm.is_estimated and mask_file is not None and spm.contrasts):
        return RefittedModel((), {})
    if any(session.n_filters > 1 for session in spm.sessions):
        raise DataError("runs that were concatenated (spm_fmri_concatenate) are not fitted again")
    mask, grid = values_of(mask_file)
    voxels = np.nan_to_num(mask) > 0
    volume = Volume(grid.shape, grid.affine, voxels)
    model = specification_of(spm)
    package = backend("spm")
    designs = designs_of(spm)
    series = [read_series(run, volume) for run in scans]
    # the folder's own mask: that of the threshold is a matter of the settings
    fitted = package.estimate(designs, series, np.ones(int(voxels.sum()), dtype=np.bool_), model, volume)
    found = []
    for contrast in spm.contrasts:
        runs, specification = _of_sessions(spm, contrast)
        if specification is None:
            continue
        maps = package.contrast(fitted, specification, runs)
        tested = (
            ("effect", maps.effect, contrast.effect_map),
            (specification.test, maps.stat, contrast.stat_map),
        )
        for what, values, name in tested:
            path = own_file(spm.folder, name)
            if values is not None and path is not None:
                found.append(compared_map(contrast.name, what, (values, fitted.mask), path, voxels))
    return RefittedModel(tuple(found), fitted.noise)


def _of_sessions(
    spm: SpmAnalysis, contrast: SpmContrast
) -> tuple[tuple[int, ...], ContrastSpecification | None]:
    """Sessions that a contrast is of, and its weights there: all of them alike, or one alone; else None."""
    designs, columns = designs_of(spm), placed_columns(spm)
    used = [i for i, placed in enumerate(columns) if contrast.weights[:, list(placed)].any()]
    if len(used) != 1 or len(designs) == 1:
        return tuple(range(len(designs))), one_session(spm, contrast)
    own = contrast.weights[:, list(columns[used[0]])]
    first = {name: own[:, i] for i, name in enumerate(designs[used[0]].names) if own[:, i].any()}
    weights = np.column_stack(list(first.values()))
    test = "F" if contrast.test == "F" else "t"
    return (used[0],), ContrastSpecification(contrast.name, "contrast", tuple(first), weights, test)  # type: ignore[arg-type]


def one_session(spm: SpmAnalysis, contrast: SpmContrast) -> ContrastSpecification | None:
    """SPM's weights as those of one session; None where the sessions' differ.

    SPM sums over sessions what a contrast of ours averages.
    """
    designs, columns = designs_of(spm), placed_columns(spm)
    blocks = [contrast.weights[:, list(placed)] for placed in columns]
    names = [design.names for design in designs]
    first = {name: blocks[0][:, i] for i, name in enumerate(names[0]) if blocks[0][:, i].any()}
    for block, own in zip(blocks[1:], names[1:], strict=True):
        other = {name: block[:, i] for i, name in enumerate(own) if block[:, i].any()}
        if other.keys() != first.keys() or any(not np.array_equal(other[n], first[n]) for n in first):
            return None
    if not first:
        return None
    weights = np.column_stack(list(first.values())) * len(designs)
    test = "F" if contrast.test == "F" else "t"
    return ContrastSpecification(contrast.name, "contrast", tuple(first), weights, test)  # type: ignore[arg-type]


def compared_map(
    contrast: str, what: str, made: tuple[Floats, Mask], path: Path, voxels: Mask
) -> RefittedMap:
    """Compare a map that was computed again with the file of it.

    What was made are the values of voxels (x, y, z), and which of them there are.
    """
    whole, _ = values_of(path)
    if whole.shape != voxels.shape:
        raise DataError(f"{path}: is on another grid than SPM's mask; give the maps as SPM left them")
    theirs = whole[voxels]
    values, fitted = made
    inside = np.isfinite(theirs) & fitted
    x, y = values[inside], theirs[inside]
    difference = largest_difference(x, y)
    same = np.array_equal(np.isfinite(theirs), fitted) and difference <= RANGE
    return RefittedMap(contrast, what, path, pearson_r(x, y), difference, bool(same))


def largest_difference(made: Floats, target: Floats) -> float:
    """Largest difference from a map, as a share of the map's range; NaN without a voxel.

    >>> largest_difference(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    0.5
    """
    if not target.size:
        return float("nan")
    return float(np.abs(made - target).max()) / max(float(np.ptp(target)), np.finfo(float).tiny)
