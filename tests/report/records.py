"""Small reports that the tests of this folder share."""

from functools import cache

import numpy as np

from bidsglm.agreement.maps import BothMaps, agreement
from bidsglm.data import Condition, ContrastMaps, DesignMatrix, Paradigm
from bidsglm.model import ContrastSpecification, ModelSpecification
from bidsglm.report.breakdowns import Reach
from bidsglm.report.code import CodeReport
from bidsglm.report.contrast_images import ContrastImages
from bidsglm.report.designs import design_figure
from bidsglm.report.diagnosis import inflation_figure
from bidsglm.report.diagnosis_tables import DiagnosisReport
from bidsglm.report.drawing import Figure
from bidsglm.report.figures import contrast_figures
from bidsglm.report.ladders import attribution_figures
from bidsglm.report.maps import dominant_figure, masks_figure
from bidsglm.report.methods import RunInput, SettingRow
from bidsglm.report.participant_report import ContrastReport, ParticipantReport, UnitReport
from bidsglm.report.peaks import peak_figure, thumbnail
from bidsglm.report.rendering import About
from bidsglm.report.volumes import packed_contrast, scene
from bidsglm.unit.methods import paragraphs, setting_rows

from .reasons import FILLED, NOTE, broken_down

SHAPE = (12, 14, 8)
AFFINE = np.array([[-3.0, 0, 0, 17], [0, 3, 0, -20], [0, 0, 3, -12], [0, 0, 0, 1]])
SPM_CODE = "% differs: one V\nspec.cvi = 'AR(1)';  % not <that>\n" + "x = 1;\n" * 60
NILEARN_CODE = 'root = here / ".."  # the data & more\nmodel.fit("""' + "x" * 200 + '""")\n'
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
        BothMaps(
            maps_of(images, "spm", test),
            maps_of(images, "nilearn", test),
            (images.masks["spm"][columns], images.masks["nilearn"][columns]),
        ),
        np.argwhere(columns) * 3.0,
    )
    dof = {"spm": (206.97,), "nilearn": (224.0,)}
    parts = broken_down(test)
    return ContrastReport(
        name,
        images.label,
        "1 * go",
        test,
        dof,
        rows,
        contrast_figures(images),
        runs=("run-1",),
        weights={"trial_type.go": 1.0} if test == "t" else {},
        effect_sd={"spm": 1.2, "nilearn": 1.1} if test == "t" else {},
        breakdowns=parts,
        why_figures=(*attribution_figures(images.label, name, parts), _dominant(images)),
        volumes=packed_contrast(images, scene(images)),
        thumbnail=thumbnail(images),
        peak=peak_figure(images),
    )


def _dominant(images: ContrastImages) -> Figure:
    steps = np.where(np.arange(SHAPE[0])[:, None, None] < 6, 1, 2) * images.both
    return dominant_figure(images, steps, [("none", "#999999"), ("filter", "#0000ff"), ("noise", "#ff0000")])


def diagnosis_report() -> DiagnosisReport:
    regressor = {"regressor": "trial_type.go", "kind": "condition", "vif": 1.2}
    regressor |= {"vif_with_constant_and_drifts": np.inf, "removed_by_filter": 0.25}
    contrast = {"contrast": "go", "contrast_name": "go", "estimable": 1.0, "efficiency": 12.5}
    facts = {"rank": 6, "n_columns": 7, "condition_number": np.inf}
    both = ("spm", "nilearn")
    regressors = {backend: [regressor] for backend in both}
    figures = (inflation_figure(regressors, "run-1"),)
    contrasts = {backend: [contrast] for backend in both}
    return DiagnosisReport("run-1", dict.fromkeys(both, facts), regressors, contrasts, figures)


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


_diagnosis = cache(diagnosis_report)


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
        estimates=(SettingRow("Degrees of freedom", {"spm": "207", "nilearn": "224"}),),
        warnings=("High-pass filter not given: 1/128 Hz.",),
        findings=(FILLED, NOTE),
        diagnoses=(_diagnosis(),),
        reach=Reach(True, 300, 400, ("A note on the attribution.",)),
        scene=scene(volumes()).packed(),
        code=(
            CodeReport("spm", "sub-01/code/x/spm_batch.m", SPM_CODE),
            CodeReport("nilearn", "sub-01/code/x/nilearn_script.py", NILEARN_CODE),
        ),
    )


def participant_report(*contrasts: ContrastReport) -> ParticipantReport:
    return ParticipantReport("01", ABOUT, (unit_report(contrasts),))
