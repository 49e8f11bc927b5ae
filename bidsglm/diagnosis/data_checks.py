"""Checks of the data themselves: voxels without data, values that are not finite, intensities, masks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bidsglm.data import MaskLoss
from bidsglm.diagnosis.advice import Finding, Severity, listed, percent, times, verb
from bidsglm.model import ModelSpecification
from bidsglm.packages import titles
from bidsglm.sentences import joined

NO_MEAN = 2.0
"""Mean over standard deviation of the median voxel below which a series has lost its mean: images as scanned
have 10 to 100, demeaned and z-scored ones 0, per cent change around 0.1."""
LOWEST_MEAN = 0.99
"""nilearn divides by no less than 1; below this its effects are a hundredth off."""
BRIGHT_VOLUME = 3.0
"""Global of one volume over that of the median volume from which its values are not those of a scan."""
SOME = 0.001
"""Share of voxels in another unit from which the map has none."""
MANY = 0.01
"""Share of the mask without a result that should be looked at."""
KEPT = 0.9
"""Share of a mask that its way to the images' grid should leave."""


@dataclass(frozen=True)
class RunData:
    """A run's voxels within the mask, before smoothing."""

    label: str
    n_voxels: int
    n_constant: int
    """One value in every scan"""
    n_zero: int
    """That value is 0"""
    n_not_finite: int
    """NaN or infinite in some scan"""
    n_low: int
    """Voxels with data whose mean is below what nilearn divides by"""
    median_mean: float
    """Over voxels with data"""
    mean_to_deviation: float
    """For the median voxel: mean over standard deviation over the scans"""
    brightest: int = 0
    """The volume, from 1, with the largest global"""
    bright: float = 1.0
    """Its global over that of the median volume"""

    @property
    def has_mean(self) -> bool:
        """Whether there is a mean to be per cent of."""
        return not self.mean_to_deviation < NO_MEAN


@dataclass(frozen=True)
class DataReview:
    """A unit's data, as the checks see them."""

    runs: tuple[RunData, ...]
    n_without_data: int
    """Voxels of the mask that are constant in any run"""
    smoothed: bool
    backends: tuple[str, ...]
    n_explained: dict[str, int] = field(default_factory=dict)
    """Backend -> voxels whose residual is rounding"""
    n_not_pooled: int = 0
    masks: tuple[MaskLoss, ...] = ()

    @property
    def n_voxels(self) -> int:
        """Number of voxels of the mask."""
        return max((run.n_voxels for run in self.runs), default=0)


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


def lost_means(data: DataReview, model: ModelSpecification) -> Iterator[Finding]:
    """Find series without their mean."""
    # scaling divides by the mean: of a demeaned series that is nearly nothing
    lost = [run for run in data.runs if not run.has_mean]
    if not lost:
        return
    scaling = list(without_unit(data.runs, model, data.backends))
    names = titles(scaling)
    unit = (
        f"Effects are therefore in no unit in {names}: they are not percent of anything, and a group must not"
        " average them."
        if names
        else "Nothing is scaled by it here: effects are in the units of the images."
    )
    yield Finding(
        "serious" if names else "note",
        "no-mean",
        "The images have no mean",
        f"{no_mean_text(lost[0])} {unit} t, F and p do not depend on the scale of a voxel.",
        _with_means(scaling)
        if names
        else "Nothing to do, unless effects are to be in percent: then add the mean image back.",
        runs=tuple(run.label for run in lost),
        size=NO_MEAN - lost[0].mean_to_deviation,
    )


SCALING_OFF = {
    "nilearn": "SignalScaling to false in Software.Nilearn",
    "afni": "Scale to false in Software.AFNI",
}
"""Package -> the key of a model that leaves its series unscaled"""
SCALED_ALWAYS = {
    "spm": "SPM scales every run to a grand mean of 100, whatever GlobalNormalization says.",
    "fsl": "FSL scales every run by its median, whatever the model says.",
}


def _with_means(scaling: Sequence[str]) -> str:
    """What to do about a lost mean, where some packages scale by it."""
    keys = {name: SCALING_OFF[name] for name in scaling if name in SCALING_OFF}
    parts = ["Add the mean image back to the series, or preprocess without demeaning."]
    if keys:
        parts.append(
            f"Else set {joined(list(keys.values()))}: effects of {titles(keys)} are then in the units of the"
            " images."
        )
    return " ".join([*parts, *(SCALED_ALWAYS[name] for name in scaling if name in SCALED_ALWAYS)])


def no_mean_text(run: RunData) -> str:
    """Say how far a series has lost its mean."""
    return (
        f"The mean over scans of the median voxel is {run.median_mean:.3g}, {times(run.mean_to_deviation)}"
        " times its standard deviation (images as scanned: 10 to 100 times): the mean was removed, as in"
        " demeaned, z-scored or percent-change series."
    )


def low_means(data: DataReview, model: ModelSpecification) -> Iterator[Finding]:
    """Find voxels by whose mean nilearn does not divide."""
    if "nilearn" not in data.backends or model.nilearn.signal_scaling is False:
        return
    # a series that has lost its mean is low everywhere, which `lost_means` tells
    low = [run for run in data.runs if run.n_low and run.has_mean]
    if not low:
        return
    worst = max(low, key=lambda run: run.n_low)
    grand = model.nilearn.signal_scaling != 0
    what = "the mean over the mask" if grand else "each voxel's own mean"
    others = " SPM's scaling has no such limit." if "spm" in data.backends else ""
    yield Finding(
        "serious" if worst.n_low >= SOME * data.n_voxels else "note",
        "low-means",
        "nilearn does not scale by means below 1",
        f"The mean over scans of {worst.n_low:,} of {data.n_voxels:,} voxels is below 1 (that of the median"
        f" voxel is {worst.median_mean:.3g}). nilearn divides by {what}, but by no less than 1: there its"
        f" effects are 100 times a change in the units of the images, not percent.{others} t, F and p do not"
        " depend on it.",
        "Multiply the images by a number that brings the brain to some hundreds, or set SignalScaling to"
        " false in Software.Nilearn: effects are then in the units of the images.",
        backends=("nilearn",),
        runs=tuple(run.label for run in low),
        size=worst.n_low / data.n_voxels,
    )


def bright_volumes(data: DataReview, model: ModelSpecification) -> Iterator[Finding]:
    """Find volumes that take the scaling of a whole run."""
    # SPM scales a run by the mean of its globals, so one volume can carry it
    worst = max(data.runs, key=lambda run: run.bright, default=None)
    if "spm" not in data.backends or worst is None or not worst.bright > BRIGHT_VOLUME:
        return
    yield Finding(
        "serious",
        "bright-volume",
        "A volume is much brighter than the others",
        f"{bright_text(worst)} SPM scales all scans of the run by the mean of these globals, and masks each"
        " scan by its own: effects and mask of SPM are those of this volume.",
        "Look at the volume for a value that stands for a missing one, and correct it.",
        runs=(worst.label,),
        size=worst.bright,
    )


def bright_text(run: RunData) -> str:
    """Say how much brighter the brightest volume of a run is."""
    return (
        f"The global of volume {run.brightest} of {run.label} (the mean of its voxels above an eighth of"
        f" their mean) is {run.bright:.3g} times that of the median volume."
    )


def lossy_masks(data: DataReview, model: ModelSpecification) -> Iterator[Finding]:
    """Find mask files of which little arrives."""
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


CHECKS = (empty_voxels, explained_voxels, missing_values, lost_means, low_means, bright_volumes, lossy_masks)


def data_findings(data: DataReview, model: ModelSpecification) -> list[Finding]:
    """Everything there is to say about the data of a unit.

    >>> run = RunData("the run", 400, 8, 8, 0, 0, 900.0, 60.0)
    >>> found = data_findings(DataReview((run,), 8, False, ("spm",)), ModelSpecification("m", ()))
    >>> found[0].text[:60]
    '8 of 400 voxels of the mask are constant in every scan, 8 of'
    """
    return [finding for check in CHECKS for finding in check(data, model)]


def without_unit(
    runs: Sequence[RunData], model: ModelSpecification, backends: Sequence[str]
) -> dict[str, str]:
    """Backend, of those that are fitted -> why its effects are in no unit.

    >>> run = RunData("the run", 9, 0, 0, 0, 9, 0.5, 50.0)
    >>> without_unit([run], ModelSpecification("m", ()), ["spm", "nilearn"])
    {'nilearn': 'arbitrary units (means below 1)'}
    """
    # SPM and FEAT scale whatever the model says, nilearn and AFNI where they are asked to
    scales = {
        "spm": True,
        "nilearn": model.nilearn.signal_scaling is not False,
        "afni": model.afni.scale,
        "fsl": True,
    }
    if any(not run.has_mean for run in runs):
        why = "arbitrary units (the images have no mean)"
        return {name: why for name in backends if scales.get(name)}
    # nilearn divides by no less than 1: there its effects are in the images' unit times 100
    if scales["nilearn"] and any(run.n_low >= SOME * run.n_voxels and run.n_low for run in runs):
        return {name: "arbitrary units (means below 1)" for name in backends if name == "nilearn"}
    return {}
