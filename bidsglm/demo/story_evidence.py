"""From the results of the story's fits to its numbers and pictures."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm import packages
from bidsglm.dataset.nifti import read_map
from bidsglm.model import TRIAL_TYPE, Floats, Mask
from bidsglm.outputs.names import read_json
from bidsglm.outputs.summaries import unit_summaries
from bidsglm.outputs.summary_form import SummaryForm, has_fit
from bidsglm.pages.about import about
from bidsglm.pages.calibration import read_calibration
from bidsglm.pages.reasons import findings, reach, read_breakdowns
from bidsglm.pages.scales import read_noise, read_units
from bidsglm.pages.unit_files import UnitFiles
from bidsglm.pairs import DEFAULT_PAIR
from bidsglm.report.answers import Answer, Asked, Facts, answers
from bidsglm.report.calibration import CalibrationReport
from bidsglm.report.contrast_images import ContrastImages
from bidsglm.report.drawing import Figure
from bidsglm.report.ladders import attribution_figures, on_sample
from bidsglm.report.maps import maps_figure
from bidsglm.report.rendering import Links
from bidsglm.report.story import StoryContrast, StoryModel, StoryReport
from bidsglm.report.story_figures import story_figure

TITLES = {
    "asposted": "movement + rest, nilearn unfiltered",
    "overparameterised": "movement + rest",
    "unfiltered": "movement, nilearn unfiltered",
    "movementonly": "movement",
}
"""The story's models in its order, by the name of their file."""
LAST = "movementonly"
"""The model that both repairs lead to."""
MOVEMENT, DIFFERENCE = "movement", "movement - rest"


class FittedStory(NamedTuple):
    """A model's results."""

    model: StoryModel
    files: UnitFiles
    images: Mapping[str, ContrastImages]
    """By contrast"""


def model_file(name: str) -> str:
    """Where a model stands in the demo.

    >>> model_file("movementonly")
    'models/model-movementonly_smdl.json'
    """
    return f"models/model-{name}_smdl.json"


def results_folder(name: str) -> str:
    """Where a model's results go in the demo."""
    return f"derivatives/bidsglm-story-{name}"


def story(root: Path, participant: str) -> StoryReport:
    """Collect what the page tells from the folder that holds the demo and the results.

    Raises
    ------
    ReadWriteError
        When a result is missing or cannot be read.
    """
    truth = read_map(root / "truth" / f"sub-{participant}_desc-movement_truth.nii.gz")[0]
    fits = {name: _fitted(root, name, participant, truth) for name in TITLES}
    images = {name: fit.images for name, fit in fits.items()}
    run = fits[LAST].files.summary["runs"][0]
    pairs = {
        MOVEMENT: (images["asposted"][MOVEMENT], images["overparameterised"][MOVEMENT]),
        DIFFERENCE: (images["asposted"][DIFFERENCE], images["overparameterised"][DIFFERENCE]),
        "movement alone": (images["unfiltered"][MOVEMENT], images[LAST][MOVEMENT]),
    }
    inside = images[LAST][MOVEMENT].both
    files = fits[LAST].files
    calibration = read_calibration(files.output_dir, files.summary)
    return StoryReport(
        about=about(),
        participant=participant,
        cutoff=run["high_pass"] or math.inf,
        repetition_time=run["repetition_time"],
        n_scans=run["n_scans"],
        models={name: fit.model for name, fit in fits.items()},
        moved_by_filter={
            name: _correlation(a.maps["effect"]["nilearn"], b.maps["effect"]["nilearn"], inside)
            for name, (a, b) in pairs.items()
        },
        truth_sd=float(truth[inside].std()),
        picture=_picture(images, truth, inside),
        answers=_answers(fits[LAST], calibration),
        calibration=_linked(calibration),
    )


def _linked(found: CalibrationReport | None) -> CalibrationReport | None:
    """Calibration of the last model, linked from the story's page."""
    return replace(found, table=f"{results_folder(LAST)}/{found.table}") if found else None


def _answers(fit: FittedStory, calibration: CalibrationReport | None) -> tuple[Answer, ...]:
    """What the last model says to the questions of the thread."""
    files, summary = fit.files, fit.files.summary
    noise, picture = read_noise(files.folder, summary)
    labels = {contrast["name"]: contrast["label"] for contrast in summary["contrasts"]}
    asked = [Asked(name, labels[name], "t", c.breakdowns) for name, c in fit.model.contrasts.items()]
    trust = calibration.contrasts[0].headline if calibration else ()
    facts = Facts(asked, read_units(files.folder, summary), noise, picture, fit.model.findings, (), trust)
    return answers(replace(facts, head=f"{fit.model.page}#summary"))


def _fitted(root: Path, name: str, participant: str, truth: Floats) -> FittedStory:
    folder = root / results_folder(name)
    (summary,) = (each for each in unit_summaries(folder, participant) if has_fit(each))
    files = UnitFiles(folder, summary)
    masks = files.masks()
    images = {c["name"]: files.contrast_images(c, masks) for c in summary["contrasts"]}
    contrasts = _contrasts(files, images, truth)
    label = images[MOVEMENT].label
    known = reach(summary)
    figures = attribution_figures(label, MOVEMENT, contrasts[MOVEMENT].breakdowns)
    drawn = {
        figure.name.rsplit("-", 1)[1].split(".")[0]: figure
        for figure in on_sample(figures, known.sample if known else "")
    }
    columns = read_json(root / model_file(name))["Nodes"][0]["Model"]["X"]
    model = StoryModel(
        title=TITLES[name],
        model_file=model_file(name),
        page=f"{results_folder(name)}/sub-{participant}.html",
        regressors=tuple(name.removeprefix(TRIAL_TYPE) for name in columns if name != 1),
        filters=_filters(summary),
        inflation=_inflation(summary),
        contrasts=contrasts,
        findings=findings(summary.get("findings", ())),
        figures={"effect": maps_figure(images[MOVEMENT], "effect"), **drawn},
        links=_links(files.links(), results_folder(name)),
    )
    return FittedStory(model, files, images)


def _links(found: Links, folder: str) -> Links:
    """Tables of the two packages, relative to the story's page."""
    agreement, steps = (f"{folder}/{link}" if link else "" for link in (found.agreement, found.attribution))
    return Links(agreement, steps)


def _filters(summary: SummaryForm) -> dict[str, str]:
    spm, nilearn = next(row[1:] for row in summary["settings"] if row[0] == "High-pass filter")
    return {"spm": spm, "nilearn": nilearn}


def _inflation(summary: SummaryForm) -> float:
    """Variance inflation of movement in SPM's design."""
    (part,) = (part for part in summary["diagnosis"] if part["backend"] == "spm")
    rows = {row["regressor"]: row for row in part["regressors"]}
    return float(rows[TRIAL_TYPE + MOVEMENT]["vif_with_constant_and_drifts"])


def _contrasts(
    files: UnitFiles, images: Mapping[str, ContrastImages], truth: Floats
) -> dict[str, StoryContrast]:
    parts = read_breakdowns(files.folder, files.prefix)
    found = {}
    for name, image in images.items():
        rows = {row["map"]: row for row in files.agreement()[DEFAULT_PAIR] if row["contrast"] == image.label}
        effects = image.maps["effect"]
        found[name] = StoryContrast(
            name=name,
            effect_r=float(rows["effect"]["pearson_r"]),
            effect_rmsd=float(rows["effect"]["rmsd"]),
            effect_slope=float(rows["effect"]["slope"]),
            t_r=float(rows["t"]["pearson_r"]),
            t_rmsd=float(rows["t"]["rmsd"]),
            dice=float(rows["t"]["dice_p001"]),
            sd={backend: float(np.std(values[image.both])) for backend, values in effects.items()},
            truth_r={backend: _correlation(values, truth, image.both) for backend, values in effects.items()},
            breakdowns=parts.get(image.label, ()),
        )
    return found


def _correlation(a: Floats, b: Floats, inside: Mask) -> float:
    """Pearson's r over the voxels where both are known."""
    known = inside & np.isfinite(a) & np.isfinite(b)
    return float(np.corrcoef(a[known], b[known])[0, 1])


def _picture(images: Mapping[str, Mapping[str, ContrastImages]], truth: Floats, inside: Mask) -> Figure:
    """Effects of movement in the first and in the last model, and the truth."""
    first, last = images["asposted"][MOVEMENT], images[LAST][MOVEMENT]
    panels = [
        [(f"{when}\n{packages.title(b)}", shown.maps["effect"][b]) for b in ("nilearn", "spm")]
        for when, shown in (("before", first), ("after", last))
    ]
    return story_figure([*panels, [("truth", truth)]], inside, last.background, last.affine)
