"""SPM's own maps computed again from the scans: they come out, or what differs is said."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.backends import backend
from bidsglm.check.concatenated import fit_concatenated, is_concatenated, why_not_fitted
from bidsglm.check.data import ScanPlace, read_series, values_of
from bidsglm.check.models import designs_of, placed_columns, specification_of
from bidsglm.check.own_files import own_file
from bidsglm.check.spm_records import SpmAnalysis, SpmContrast
from bidsglm.data import Volume
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, Floats, Mask
from bidsglm.report.second_level_check import RefittedMap
from bidsglm.spm import contrasts

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
    together = is_concatenated(spm)
    if together and (lacking := why_not_fitted(spm)):
        raise DataError(f"runs were concatenated (spm_fmri_concatenate), and {lacking}")
    mask, grid = values_of(mask_file)
    voxels = np.nan_to_num(mask) > 0
    volume = Volume(grid.shape, grid.affine, voxels)
    model = specification_of(spm)
    series = [read_series(run, volume) for run in scans]
    # the folder's own mask: that of the threshold is a matter of the settings
    inside = np.ones(int(voxels.sum()), dtype=np.bool_)
    if together:
        fitted = fit_concatenated(spm, series, inside, model)
    else:
        fitted = backend("spm").estimate(designs_of(spm), series, inside, model, volume)
    found = []
    for contrast in spm.contrasts:
        for what, values, name in _maps_of(spm, fitted, contrast):
            path = own_file(spm.folder, name)
            if path is not None:
                found.append(compared_map(contrast.name, what, (values, fitted.mask), path, voxels))
    return RefittedModel(tuple(found), fitted.noise)


def _maps_of(spm: SpmAnalysis, fitted: Any, contrast: SpmContrast) -> Iterator[tuple[str, Floats, str]]:
    """What, values and file of a contrast's maps, by SPM's own weights: it sums over sessions."""
    blocks = [contrast.weights[:, list(placed)].T for placed in placed_columns(spm)]
    decomposed = fitted.model.decomposition
    weights = contrasts.cleaned(blocks, decomposed.tolerance)
    error, dispersion = fitted.residual_mean_square, fitted.dispersion
    if contrast.test == "F":
        test = contrasts.f_test(weights, decomposed, dispersion.design_covariances)
        yield "F", contrasts.f_maps(test, fitted.betas, error).F, contrast.stat_map
        return
    variance = contrasts.effect_covariance(weights, dispersion.parameter_covariances)[0, 0]
    maps = contrasts.t_maps(weights, fitted.betas, error, variance)
    yield "effect", maps.effect, contrast.effect_map
    yield "t", maps.t, contrast.stat_map


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
