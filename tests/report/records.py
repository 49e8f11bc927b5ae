"""Small reports that the tests of this folder share."""

from functools import cache

import numpy as np

from bidsglm.compare.agreement import agreement
from bidsglm.model import (
    Condition,
    ContrastMaps,
    ContrastSpecification,
    DesignMatrix,
    ModelSpecification,
    Paradigm,
)
from bidsglm.report.figures import ContrastImages, Figure, contrast_figures, design_figure, masks_figure
from bidsglm.report.html import About, ContrastReport, ParticipantReport, RunInput, SettingRow, UnitReport
from bidsglm.report.methods import paragraphs, setting_rows

SHAPE = (12, 14, 8)
AFFINE = np.array([[-3.0, 0, 0, 17], [0, 3, 0, -20], [0, 0, 3, -12], [0, 0, 0, 1]])
MOTION = ("trans_x", "trans_y")
ABOUT = About("0.1", "bidsglm /data /out participant", "2026-01-02", {"nilearn": "0.14.1"})


def ball(radius: float = 5.0) -> np.ndarray:
    distance = np.linalg.norm(np.indices(SHAPE) - np.array(SHAPE)[:, None, None, None] / 2, axis=0)
    return distance < radius


def volumes(
    name: str = "go", test: str = "t", backends: tuple[str, ...] = ("spm", "nilearn")
) -> ContrastImages:
    rng = np.random.default_rng(5)
    signal = 4 * rng.normal(size=SHAPE)
    stat = {b: np.where(ball(), signal + rng.normal(size=SHAPE), 0) for b in backends}
    if test == "F":
        stat = {b: m**2 for b, m in stat.items()}
    maps = {test: stat, "p": {b: np.exp(-np.abs(m)) for b, m in stat.items()}}
    if test == "t":
        maps["effect"] = {b: np.where(ball(), m / 3, np.nan) for b, m in stat.items()}
    masks = {b: ball(5.0 if b == "nilearn" else 4.5) for b in backends}
    return ContrastImages(name, "go", maps, masks, 100.0 * ball(6), AFFINE)


def maps_of(images: ContrastImages, backend: str, test: str = "t") -> ContrastMaps:
    columns = images.either
    specification = ContrastSpecification(images.name, images.label, ("go",), np.ones((1, 1)), test)
    stat = images.maps[test][backend][columns]
    effect = images.maps["effect"][backend][columns] if test == "t" else None
    p = images.maps["p"][backend][columns]
    return ContrastMaps(specification, (0,), effect, effect, stat, stat, p, (50.0,))


@cache
def contrast_report(name: str = "go", test: str = "t") -> ContrastReport:
    images = volumes(name, test)
    columns = images.either
    rows = agreement(
        maps_of(images, "spm", test),
        maps_of(images, "nilearn", test),
        images.masks["spm"][columns],
        images.masks["nilearn"][columns],
        np.argwhere(columns) * 3.0,
    )
    dof = {"spm": (206.97,), "nilearn": (224.0,)}
    return ContrastReport(name, images.label, "1 * go", test, ("run-1",), dof, rows, contrast_figures(images))


def designs() -> dict[str, DesignMatrix]:
    rng = np.random.default_rng(6)
    names = ("trial_type.go", *MOTION)
    return {
        "spm": DesignMatrix((*names, "constant"), rng.normal(size=(30, 4)), rng.normal(size=(30, 2))),
        "nilearn": DesignMatrix((*names, "drift_1", "constant"), rng.normal(size=(30, 5)), np.zeros((30, 0))),
    }


def paradigm(start_time: float | None = 0.95) -> Paradigm:
    go = Condition("go", np.array([2.0, 30.0]), np.ones(2))
    return Paradigm(2.0, 30, start_time, (go,), MOTION, np.zeros((30, 2)))


@cache
def _design() -> Figure:
    return design_figure(designs(), "run-1")


@cache
def _masks() -> Figure:
    images = volumes()
    return masks_figure(images.masks, images.background, images.affine)


def unit_report(contrasts: tuple[ContrastReport, ...]) -> UnitReport:
    model, paradigms = ModelSpecification("auto", ("trial_type.go",)), (paradigm(),)
    run = RunInput("run-1", {"bold": "bids:raw:sub-01/bold.nii.gz"}, 30, 2.0, 0.95, {"go": 2}, MOTION)
    return UnitReport(
        title="task-tapping",
        backends=("spm", "nilearn"),
        runs=(run,),
        settings=setting_rows(model, paradigms),
        methods=paragraphs(model, paradigms),
        designs=(_design(),),
        contrasts=contrasts,
        data_figures=(_masks(),),
        mask_sizes={"spm": 400, "nilearn": 500},
        estimates=(SettingRow("Degrees of freedom", "207", "224"),),
        warnings=("High-pass filter not given: 1/128 Hz.",),
    )


def participant_report(*contrasts: ContrastReport) -> ParticipantReport:
    return ParticipantReport("01", ABOUT, (unit_report(contrasts),))
