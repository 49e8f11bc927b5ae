"""Checks of the intensities of the data, which effects are scaled by: means, and volumes that stand out."""

from collections.abc import Iterator, Sequence

from bidsglm.diagnosis.advice import Finding, times
from bidsglm.diagnosis.data_review import NO_MEAN, DataReview, RunData
from bidsglm.model import ModelSpecification
from bidsglm.packages import titles
from bidsglm.sentences import joined

LOWEST_MEAN = 0.99
"""nilearn divides by no less than 1; below this its effects are a hundredth off."""


BRIGHT_VOLUME = 3.0
"""Global of one volume over that of the median volume from which its values are not those of a scan."""


SOME = 0.001
"""Share of voxels in another unit from which the map has none."""


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
    # 0 is each voxel's mean over time; 1 and [0, 1] take means over voxels, of each scan or of all
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


CHECKS = (lost_means, low_means, bright_volumes)
