"""How a modelling step is made equal in two packages of which one is AFNI or FSL: keys and words.

Their scripts take settings from the model; so do the lines that a user would change in them.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from bidsglm.attribution.steps import CENSORING, REGRESSORS
from bidsglm.packages import titles
from bidsglm.pairs import Pair

Keys = Mapping[str, object]


class Remedy(NamedTuple):
    """What makes a step equal, or why nothing does."""

    model: Keys
    """Keys to merge into Model of the node at level Run"""
    option: str
    """Option of the command line"""
    remains: str


def remedy(step: str, pair: Pair) -> Remedy:
    """Find what makes a step equal in a pair.

    >>> remedy("noise", Pair("fsl", "afni")).model
    {'Software': {'FSL': {'Prewhitening': False}, 'AFNI': {'NoiseModel': 'none'}}}
    """
    return REMEDIES[step](pair)


def _software(pair: Pair, keys: Mapping[str, tuple[str, Keys]]) -> dict[str, Keys]:
    """Keys of the packages of a pair that have any."""
    return dict(keys[name] for name in pair if name in keys)


INDEPENDENT: Mapping[str, tuple[str, Keys]] = {
    "spm": ("SPM", {"SerialCorrelation": "none"}),
    "nilearn": ("Nilearn", {"NoiseModel": "ols"}),
    "afni": ("AFNI", {"NoiseModel": "none"}),
    "fsl": ("FSL", {"Prewhitening": False}),
}
NEAREST: Mapping[str, tuple[str, Keys]] = {
    "afni": ("AFNI", {"ResponseModel": "SPMG1"}),
    "fsl": ("FSL", {"HRF": "double-gamma", "TemporalDerivative": False}),
}
UNSCALED: Mapping[str, tuple[str, Keys]] = {
    "nilearn": ("Nilearn", {"SignalScaling": False}),
    "afni": ("AFNI", {"Scale": False}),
}


def _noise(pair: Pair) -> Remedy:
    return Remedy(
        {"Software": _software(pair, INDEPENDENT)},
        "",
        "To see that this step is the cause, not to report: without a noise model, t values of"
        f" autocorrelated data are too large. The noise models of {titles(pair)} cannot be made equal;"
        " report one package, and name its noise model.",
    )


def _regressors(pair: Pair) -> Remedy:
    of_afni = (
        " AFNI's are of a given height and the other package's of unit sum, so effects keep another size; for"
        " events of a duration d write AFNI's as SPMG1(d)."
    )
    model = {"HRF": {"Variables": ["trial_type.*"], "Model": "spm"}, "Software": _software(pair, NEAREST)}
    return Remedy(
        model,
        "",
        f"These are the nearest responses that both have.{of_afni * ('afni' in pair)} Events are"
        " placed by each package's own rule.",
    )


def _filter(pair: Pair) -> Remedy:
    model: dict[str, object] = {"X": ["...", "cosine*"], "Options": {"HighPassFilterCutoffHz": 0}}
    if "afni" in pair:
        model["Software"] = {"AFNI": {"Polort": 0}}
    return Remedy(
        model,
        "",
        "Both packages then fit fMRIPrep's cosines (128 s) as columns of the design, and nothing of this"
        " step remains. In X, ... stands for what your model has there. No other way makes the filters"
        f" equal:{' a polynomial has no cut-off.' * ('afni' in pair)}"
        f"{' FSL takes a local line off, not cosines.' * ('fsl' in pair)}",
    )


def _scaling(pair: Pair) -> Remedy:
    if set(pair) <= set(UNSCALED):
        return Remedy(
            {"Software": _software(pair, UNSCALED)},
            "",
            "Both packages then fit the values of the images, and nothing of this step remains.",
        )
    return Remedy(
        {},
        "",
        "No key switches this off: one package divides by a number for the whole run. Compare effects in"
        " percent of each voxel's mean (slope_percent in the table of pairs); t of a single run does not"
        " depend on it.",
    )


def _runs(pair: Pair) -> Remedy:
    return Remedy(
        {},
        "--run-label 1",
        "No setting makes several runs equal. Fit each run by itself (--run-label with each in turn) and"
        " combine the effect maps of both packages in the same way; within a run nothing of this step"
        " remains.",
    )


def _smoother(pair: Pair) -> Remedy:
    return Remedy(
        {},
        "--smoothing-fwhm 0",
        "Smooth the images once, with either package, and give both the smoothed files: nothing of this"
        " step remains.",
    )


def _censoring(pair: Pair) -> Remedy:
    return Remedy(
        {"X": ["...", "motion_outlier*"], "Software": {"AFNI": {"Censor": []}}},
        "",
        "Both packages then have a column for each such scan, which leaves it out as censoring does, and"
        " nothing of this step remains. In X, ... stands for what your model has there; fMRIPrep's"
        " motion_outlier columns must mark the same scans.",
    )


def _mask(pair: Pair) -> Remedy:
    model: dict[str, object] = {"Options": {"Mask": {"desc": ["brain"], "suffix": ["mask"]}}}
    if "spm" in pair:
        model["Software"] = {"SPM": {"InclusiveMaskingThreshold": "-Inf"}}
    kept = " FSL's mask is a voxel wider than the mask files, and leaves out what is dark." * ("fsl" in pair)
    return Remedy(
        model, "", f"Compare the packages in the voxels of both; a mask changes no value in it.{kept}"
    )


REMEDIES: Mapping[str, Callable[[Pair], Remedy]] = {
    "smoother": _smoother,
    "scaling": _scaling,
    REGRESSORS: _regressors,
    CENSORING: _censoring,
    "filter": _filter,
    "noise": _noise,
    "runs": _runs,
    "mask": _mask,
}
