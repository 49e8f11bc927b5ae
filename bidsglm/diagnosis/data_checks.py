"""Checks of the data themselves: voxels without data, values that are not finite, masks."""

from collections.abc import Iterator

from bidsglm.diagnosis import intensity_checks
from bidsglm.diagnosis.advice import Finding, Severity, listed, percent, verb
from bidsglm.diagnosis.data_review import DataReview
from bidsglm.model import ModelSpecification
from bidsglm.packages import titles

MANY = 0.01
"""Share of the mask without a result that should be looked at."""
KEPT = 0.9
"""Share of a mask that its way to the images' grid should leave."""


def _size(n: int, of: int) -> Severity:
    return "warning" if n >= MANY * of else "note"


def empty_voxels(data: DataReview, model: ModelSpecification) -> Iterator[Finding]:
    """Find voxels of the mask in which nothing was measured."""
    # constant series: their residuals are rounding, and any t may come of it
    n = data.n_without_data
    if not n:
        return
    n_zero = max(run.n_zero for run in data.runs)
    where = "every scan of a run" if len(data.runs) > 1 else "every scan"
    zero = f", {n_zero:,} of them 0" if n_zero else ""
    before = " before smoothing" if data.smoothed else ""
    own = (
        " nilearn's own FirstLevelModel divides one rounding error by another there, which gives a t of any"
        " size."
        if "nilearn" in data.backends
        else ""
    )
    yield Finding(
        _size(n, data.n_voxels),
        "voxels-without-data",
        "Voxels of the mask have no data",
        f"{n:,} of {data.n_voxels:,} voxels of the mask are constant in {where}{before}{zero}: outside the"
        " field of view, or set to one value by preprocessing. They have no result in any map (effect NaN, t"
        f" 0, p 1), and no part in masks, clusters, agreement and group maps.{own}",
        "Nothing to do if they lie at the edge of the brain; else look at the mask and at the images.",
        runs=tuple(run.label for run in data.runs if run.n_constant),
        size=n / data.n_voxels,
    )


def explained_voxels(data: DataReview, model: ModelSpecification) -> Iterator[Finding]:
    """Find voxels of which the design leaves only rounding."""
    found = {name: n for name, n in data.n_explained.items() if n}
    if not found and not data.n_not_pooled:
        return
    # packages count in their own masks; the largest count is what the user looks for
    n = max((*found.values(), data.n_not_pooled))
    pooled = (
        f" {data.n_not_pooled:,} of them would enter the pooled covariance: they were left out, since SPM's"
        " own result is then their rounding noise."
        if data.n_not_pooled
        else ""
    )
    yield Finding(
        _size(n, data.n_voxels),
        "voxels-without-residual",
        "The design explains voxels without remainder",
        f"In {n:,} of {data.n_voxels:,} voxels of the mask the design explains every scan up to rounding, as"
        " where an image is constant but for scans that have a column of their own. No noise is left to"
        f" divide by: they have no result (effect NaN, t 0, p 1).{pooled}",
        "Look at the images there, and whether they belong in the mask.",
        backends=tuple(found),
        size=n / data.n_voxels,
    )


def missing_values(data: DataReview, model: ModelSpecification) -> Iterator[Finding]:
    """Find voxels that are not a number, or infinite, in some scan."""
    bad = [run for run in data.runs if run.n_not_finite]
    if not bad:
        return
    counts = listed([f"{run.n_not_finite:,} in {run.label}" for run in bad])
    # the worst run: a voxel that is bad in several would count as several in a sum
    n, of = max(run.n_not_finite for run in bad), data.n_voxels
    where = f" ({counts})" if len(data.runs) > 1 else ""
    without = [name for name in data.backends if name != "nilearn"]
    known = [f"{titles(without)} {verb(without, 'has', 'have')} no result there"] if without else []
    known += ["nilearn takes 0 for them"] * ("nilearn" in data.backends)
    taken = ", ".join(known)
    # the sum over neighbours would be NaN in a whole ball around one such voxel
    if data.smoothed:
        taken = "Smoothing takes 0 for them: values around them are too low in these scans"
    yield Finding(
        "warning",
        "values-not-finite",
        "Some values are not finite numbers",
        f"{n:,} of {of:,} voxels are NaN or infinite in some"
        f" scan{', before smoothing' if data.smoothed else ''}{where}. {taken}.",
        "Correct the images, or leave these voxels out of the mask.",
        runs=tuple(run.label for run in bad),
        size=n / max(of, 1),
    )


def lossy_masks(data: DataReview, model: ModelSpecification) -> Iterator[Finding]:
    """Find mask files of which little arrives."""
    # a mask may have voxels of another size: volumes are compared, not numbers of voxels
    lost = [mask for mask in data.masks if mask.share < KEPT]
    if not lost:
        return
    worst = min(lost, key=lambda mask: mask.share)
    others = f" ({len(lost)} masks lose more than {percent(1 - KEPT)})" if len(lost) > 1 else ""
    why = "in common with the masks of the other runs" if worst.common else "on the grid of the images"
    yield Finding(
        "warning",
        "mask-loses-voxels",
        "A mask loses many voxels",
        f"Of the volume of {worst.name} {percent(worst.share)} is left {why}{others}. What"
        " lies outside has no result in any package.",
        "Look at the mask over the images: is it in their space, and whole?",
        tuple(mask.name for mask in lost),
        size=1 - worst.share,
    )


def moved_masks(data: DataReview, model: ModelSpecification) -> Iterator[Finding]:
    """Find mask files on another grid than the images."""
    moved = tuple(mask.name for mask in data.masks if mask.moved)
    rules = " by each package's own rule, so that their masks may differ at its edge"
    rules *= len(data.backends) > 1
    if moved:
        yield Finding(
            "note",
            "mask-on-other-grid",
            "A mask lies on another grid than the images",
            f"{listed(moved)}: brought to the images' grid{rules}.",
            "Is it the mask of these images? Else take the one that was made with them, or resample it.",
            moved,
        )


CHECKS = (empty_voxels, explained_voxels, missing_values, *intensity_checks.CHECKS, lossy_masks, moved_masks)


def data_findings(data: DataReview, model: ModelSpecification) -> list[Finding]:
    """Everything there is to say about the data of a unit.

    >>> from bidsglm.diagnosis.data_review import RunData
    >>> run = RunData("the run", 400, 8, 8, 0, 0, 900.0, 60.0)
    >>> found = data_findings(DataReview((run,), 8, False, ("spm",)), ModelSpecification("m", ()))
    >>> found[0].text[:60]
    '8 of 400 voxels of the mask are constant in every scan, 8 of'
    """
    return [finding for check in CHECKS for finding in check(data, model)]
