"""A second level of SPM beside one of nilearn: columns, variance, masks, contrasts."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.check.columns import DIGITS
from bidsglm.check.data import ScanPlace, grid_of, load_image, support, values_of, volumes
from bidsglm.check.map_pairs import map_pair
from bidsglm.check.nilearn_designs import NilearnDesign
from bidsglm.check.nilearn_folder import NilearnAnalysis
from bidsglm.check.own_files import own_file
from bidsglm.check.refit import largest_difference
from bidsglm.check.second_level import SpmGroup
from bidsglm.check.second_level_words import has_equal_variance, is_independent, variance_in_words
from bidsglm.dataset.masks import is_same_grid
from bidsglm.design_space import unexplained
from bidsglm.model import Floats
from bidsglm.report.check import CheckedPair, SettingPair
from bidsglm.report.wording import digits
from bidsglm.sentences import joined

SAME = 1e-6
"""Share of a column or map by which the same numbers differ at most: files hold seven digits."""
MADE = 1e-5
"""Share of a map's range to which it must come out to be explained."""


class GroupColumn(NamedTuple):
    """A column of SPM's design, and the most similar one of nilearn's."""

    spm: str
    nilearn: str
    r: float
    """NaN for constants"""


class GroupComparison(NamedTuple):
    """What differs from nilearn's second level."""

    nilearn: NilearnAnalysis
    settings: tuple[SettingPair, ...]
    columns: tuple[GroupColumn, ...]
    pairs: tuple[CheckedPair, ...]
    findings: tuple[str, ...]

    @property
    def same_model(self) -> bool:
        """Whether no difference matters."""
        return not any(each.matters for each in self.settings)


def compared_group(group: SpmGroup, scans: Sequence[ScanPlace], nilearn: NilearnAnalysis) -> GroupComparison:
    """Compare a second level with nilearn's.

    Raises
    ------
    BidsglmError
        A map is damaged.
    """
    design = nilearn.designs[0] if nilearn.designs else None
    if design is not None and len(design.matrix) != len(group.matrix):
        counts = f"{len(group.matrix)} images", f"{len(design.matrix)} images"
        other = SettingPair(
            "scans",
            *counts,
            "the analyses are of other participants; nothing in their maps can be compared",
            "give both the same images",
        )
        return GroupComparison(nilearn, (other,), (), (), ())
    notes = []
    if design is not None:
        moved = in_order_of(group, design)
        if moved is not design:
            notes.append("nilearn's rows are SPM's in another order; they were compared in SPM's.")
        design = moved
    columns = tuple(_columns(group, design)) if design is not None else ()
    pairs = tuple(_pairs(group, nilearn))
    settings = [*_designs(group, design), *_variance(group), *_masks(pairs)]
    found = list(_explained(scans, nilearn, design))
    settings += _contrasts(pairs, found)
    return GroupComparison(nilearn, tuple(settings), columns, pairs, (*notes, *(text for _, text in found)))


def _columns(group: SpmGroup, design: NilearnDesign) -> Iterator[GroupColumn]:
    for name, column in zip(group.names, group.matrix.T, strict=True):
        if np.ptp(column) == 0:
            constant = [design.names[i] for i in design.constants]
            yield GroupColumn(name, constant[0] if constant else "", float("nan"))
            continue
        candidates = [
            (n, pearson_r(column, c)) for n, c in zip(design.names, design.matrix.T, strict=True) if np.ptp(c)
        ]
        best = max(candidates, key=lambda pair: abs(pair[1]), default=("", float("nan")))
        yield GroupColumn(name, *best)


def _outside(columns: Floats, names: Sequence[str], other: Floats) -> list[str]:
    """Columns that are no combination of another design's."""
    lost = np.linalg.norm(unexplained(columns, other), axis=0) > SAME * np.linalg.norm(columns, axis=0)
    return [name for name, each in zip(names, lost, strict=True) if each]


def _designs(group: SpmGroup, design: NilearnDesign | None) -> Iterator[SettingPair]:
    if design is None:
        return
    ours = _outside(group.matrix, group.names, design.matrix)
    theirs = _outside(design.matrix, design.names, group.matrix)
    if not ours and not theirs:
        return
    told = [
        f"{joined(names)} that the other cannot make" if names else "nothing more" for names in (ours, theirs)
    ]
    yield SettingPair(
        "columns",
        told[0],
        told[1],
        "effects are adjusted for other things, and the variance is of what they leave",
        "give both the same columns, with the images in the same order",
    )


def in_order_of(group: SpmGroup, design: NilearnDesign) -> NilearnDesign:
    """Nilearn's design with its rows in the order of SPM's, where they are the same rows in another order.

    Rows that are alike may stand for each other: least squares gives the same whichever is which.
    """
    if _spans_same(group.matrix, design.matrix):
        return design
    partners = _partners(group.matrix, design.matrix)
    if not partners:
        return design
    ours = np.lexsort(group.matrix[:, [i for i, _ in partners]].T)
    theirs = np.lexsort(design.matrix[:, [j for _, j in partners]].T)
    order = np.empty_like(ours)
    order[ours] = theirs
    moved = design._replace(matrix=design.matrix[order])
    return moved if _spans_same(group.matrix, moved.matrix) else design


def _partners(one: Floats, other: Floats) -> list[tuple[int, int]]:
    """Columns that vary and have the same values, in whatever order of the rows."""
    found: list[tuple[int, int]] = []
    for i, column in enumerate(one.T):
        for j, candidate in enumerate(other.T):
            taken = any(j == used for _, used in found)
            close = np.allclose(np.sort(column), np.sort(candidate), DIGITS, SAME * float(np.ptp(column)))
            if np.ptp(column) and close and not taken:
                found.append((i, j))
                break
    return found


def _spans_same(one: Floats, other: Floats) -> bool:
    names = [""] * max(one.shape[1], other.shape[1])
    first = _outside(one, names[: one.shape[1]], other)
    return not first and not _outside(other, names[: other.shape[1]], one)


def _variance(group: SpmGroup) -> Iterator[SettingPair]:
    if has_equal_variance(group) and is_independent(group):
        return
    yield SettingPair(
        "variance",
        variance_in_words(group),
        "equal variance, independent images",
        "SPM weights the images by one covariance for all voxels; t differs, effects where columns overlap",
        "in SPM choose independence Yes and variance Equal; nilearn has no other",
    )


def _pairs(group: SpmGroup, nilearn: NilearnAnalysis) -> Iterator[CheckedPair]:
    """Maps of each contrast of nilearn with those of SPM's contrast that is most alike in direction."""
    for label in nilearn.contrasts:
        found: list[list[CheckedPair]] = []
        for contrast in group.contrasts:
            own = []
            for what, name in (("effect", contrast.effect_map), ("t", contrast.stat_map)):
                theirs, ours = nilearn.of_contrast(label, what), own_file(group.folder, name)
                if contrast.test == "T" and theirs is not None and ours is not None:
                    own.append(map_pair(what, contrast.name, ours, theirs))
            found += [own] if own else []
        # of several that are alike to the last digit, the first
        yield from max(found, key=lambda own: round(abs(np.nan_to_num(own[0].r)), 6), default=[])


def _masks(pairs: Sequence[CheckedPair]) -> Iterator[SettingPair]:
    for pair in pairs[:1]:
        if not pair.n_both:
            yield SettingPair(
                "scans",
                "a grid of SPM's own",
                "another grid, or no voxel in common",
                "the maps are of other images, or were resampled",
                "give both the same images, and nilearn no target_affine",
            )
        elif not pair.n_spm == pair.n_nilearn == pair.n_both:
            yield SettingPair(
                "mask",
                f"{pair.n_spm:,} voxels",
                f"{pair.n_nilearn:,} voxels, {pair.n_both:,} of them SPM's",
                "results at the edge are in one of them only; what both have is the same",
                "give nilearn SPM's mask: SecondLevelModel(mask_img='mask.nii')",
            )


def _contrasts(pairs: Sequence[CheckedPair], found: Sequence[tuple[bool, str]]) -> Iterator[SettingPair]:
    for pair in (each for each in pairs if each.what == "effect" and each.n_both):
        if abs(pair.r) > 1 - SAME and abs(pair.ratio - 1) > MADE:
            yield SettingPair(
                f"contrast: weights of {pair.contrast}",
                "1 times its effect",
                f"{digits(pair.ratio)} times SPM's effect",
                "effects are in another unit or of another sign; t has no unit, but the sign",
                "give both the same weights",
            )
    if found and not any(made for made, _ in found):
        yield SettingPair(
            "scans",
            "the images that were found",
            "other images, or smoothed ones (smoothing_fwhm)",
            "the maps are of other data",
            "give both the same images",
        )


def _explained(
    scans: Sequence[ScanPlace], nilearn: NilearnAnalysis, design: NilearnDesign | None
) -> Iterator[tuple[bool, str]]:
    """Say of nilearn's effect maps whether least squares on the images give them, and with which weights."""
    maps = [m for m in nilearn.maps if m.kind == "effect"]
    if design is None or not scans or not maps:
        return
    grid = grid_of(load_image(scans[0].path))
    loaded = [(m, *values_of(m.path)) for m in maps]
    loaded = [each for each in loaded if is_same_grid(each[2], grid)]
    if not loaded:
        return
    inside = np.logical_and.reduce([support(values) for _, values, _ in loaded])
    images = np.array([np.asarray(v, dtype=np.float64).reshape(grid.shape)[inside] for v in volumes(scans)])
    inside_all = np.isfinite(images).all(axis=0)
    betas = np.linalg.lstsq(design.matrix, images[:, inside_all], rcond=None)[0]
    for each, values, _ in loaded:
        target = values[inside][inside_all]
        weights = np.atleast_1d(np.linalg.lstsq(betas.T, target, rcond=None)[0])
        named = zip(weights.tolist(), design.names, strict=True)
        told = " ".join(f"{round(w, 6):+g} {name}" for w, name in named if abs(w) > MADE)
        if largest_difference(weights @ betas, target) <= MADE:
            yield True, f"nilearn's effect map of {each.contrast} is least squares on these images: {told}."
        else:
            yield False, f"nilearn's effect map of {each.contrast} does not come out of these images."
