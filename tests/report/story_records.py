"""A small story that the tests of this folder share."""

from bidsglm.report.answers import Answer
from bidsglm.report.calibration import CalibrationReport
from bidsglm.report.maps import maps_figure
from bidsglm.report.rendering import Links
from bidsglm.report.story import StoryContrast, StoryModel, StoryReport

from .reasons import FILLED, NOTE, broken_down
from .records import ABOUT, contrast_report, volumes
from .test_calibration import contrast as calibrated

MODELS = ("asposted", "overparameterised", "unfiltered", "movementonly")


def story_contrast(name: str) -> StoryContrast:
    sizes = {"nilearn": 0.8, "spm": 1.2}
    return StoryContrast(name, 0.9, 0.1, 1.5, 0.95, 0.5, 0.7, sizes, sizes, broken_down())


def story_model(name: str) -> StoryModel:
    folder = f"derivatives/{name}"
    return StoryModel(
        title=f"model {name}",
        model_file=f"models/{name}.json",
        page=f"{folder}/sub-01.html",
        regressors=("movement", "rest"),
        filters={"spm": "128 s", "nilearn": "none"},
        inflation=12.0,
        contrasts={each: story_contrast(each) for each in ("movement", "movement - rest")},
        findings=(FILLED, NOTE),
        figures={"effect": maps_figure(volumes(), "effect"), "shapley": contrast_report().why_figures[0]},
        links=Links(f"{folder}/agreement.tsv", f"{folder}/attribution.tsv"),
    )


def story_report() -> StoryReport:
    """Four models alike, an answer and a calibration."""
    return StoryReport(
        about=ABOUT,
        participant="01",
        cutoff=128.0,
        repetition_time=2.0,
        n_scans=70,
        models={name: story_model(name) for name in MODELS},
        moved_by_filter=dict.fromkeys(("movement", "movement - rest", "movement alone"), 0.5),
        truth_sd=0.4,
        picture=maps_figure(volumes(), "effect"),
        answers=(Answer("fault", "Is my code at fault?", ("No.", "It is the design.")),),
        calibration=CalibrationReport(20, 300, 400, 1, (calibrated(),), "derivatives/calibration.tsv"),
    )
