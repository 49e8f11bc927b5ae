"""From finished results on disk to what a page says of why they differ."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from bidsglm.diagnosis.advice import Finding
from bidsglm.model import TRIAL_TYPE
from bidsglm.outputs.fit_tables import DOMINANT_STEPS
from bidsglm.outputs.schema import Row
from bidsglm.outputs.summary_form import ContrastForm, DiagnosisForm, FindingForm, SummaryForm, weight_rows
from bidsglm.outputs.unit_tables import attribution_schema
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.breakdowns import Breakdown, Reach, breakdowns
from bidsglm.report.contrast_images import ContrastImages
from bidsglm.report.diagnosis import correlation_figure, inflation_figure
from bidsglm.report.diagnosis_tables import DiagnosisReport
from bidsglm.report.drawing import Figure
from bidsglm.report.filled_runs import is_arbitrary
from bidsglm.report.left_out import ArbitraryContrasts
from bidsglm.report.maps import dominant_figure
from bidsglm.report.steps import STEP_COLOURS
from bidsglm.unit.maps import UnitMaps
from bidsglm.unit.summary import as_finding


def read_breakdowns(folder: Path, prefix: str, pair: Pair = DEFAULT_PAIR) -> dict[str, tuple[Breakdown, ...]]:
    """Contrast label -> why the maps of two packages differ; empty where nothing was attributed."""
    rows = attribution_schema(pair).rows_in(folder, prefix)
    labels = dict.fromkeys(str(row["contrast"]) for row in rows)
    return {label: breakdowns([row for row in rows if row["contrast"] == label], pair) for label in labels}


def read_dominant(files: UnitMaps, images: ContrastImages) -> Figure | None:
    """Picture of the dominant-step map of a contrast, if there is one."""
    stem = f"{files.prefix}_contrast-{images.label}_desc-dominantstep_dseg"
    if not (files.folder / f"{stem}.nii.gz").exists():
        return None
    rows = sorted(DOMINANT_STEPS.read(files.folder / f"{stem}.tsv"), key=lambda row: int(row["index"]))
    names = [(row["name"], STEP_COLOURS.get(row["name"], STEP_COLOURS["none"])) for row in rows]
    steps = files.map(stem)[0].round().astype(np.int16)
    # with nothing to lead it, a map has no story
    return dominant_figure(images, steps, names) if ((steps > 0) & images.both).any() else None


def reach(summary: SummaryForm, pair: Pair = DEFAULT_PAIR) -> Reach | None:
    """How far the attribution of two packages' differences can be trusted."""
    others = summary.get("attributions", {})
    found = summary.get("attribution") if pair.is_default else others.get(pair.label)
    if not found:
        return None
    return Reach(
        bool(found.get("closes")),
        found.get("n_sample", 0),
        found.get("n_voxels", 0),
        tuple(found.get("notes", ())),
        bool(found.get("in_blocks")),
    )


def findings(found: Iterable[FindingForm]) -> tuple[Finding, ...]:
    """What the summary of a unit, or of a group's contrast, says about designs and data."""
    return tuple(map(as_finding, found))


def left_out(summaries: Sequence[SummaryForm]) -> ArbitraryContrasts:
    """Contrasts that the designs of at least half of the units that have them make arbitrary."""
    votes: dict[str, list[bool]] = {}
    names: dict[str, str] = {}
    for summary in summaries:
        found = findings(summary.get("findings", ()))
        for contrast in summary["contrasts"]:
            names[contrast["label"]] = str(contrast["name"])
            votes.setdefault(contrast["label"], []).append(is_arbitrary(weights_of(contrast), found))
    chosen = {label: names[label] for label, each in votes.items() if 2 * sum(each) >= len(each)}
    return ArbitraryContrasts(chosen, len(names))


def weights_of(contrast: ContrastForm) -> dict[str, float]:
    """Weights of a t contrast by regressor; none of F, and where an earlier version wrote none."""
    if contrast["test"] != "t" or "conditions" not in contrast:
        return {}
    (row,) = weight_rows(contrast["weights"])
    return dict(zip(contrast["conditions"], row, strict=True))


def diagnoses(summary: SummaryForm) -> tuple[DiagnosisReport, ...]:
    """Diagnosis of each run, the worst one with figures."""
    found = list(summary.get("diagnosis", ()))
    runs = dict.fromkeys(str(each["run"]) for each in found)
    parts = {run: [each for each in found if each["run"] == run] for run in runs}
    worst = max(parts, key=lambda run: _inflation(parts[run]), default="")
    return tuple(_diagnosis(run, each, run == worst) for run, each in parts.items())


def _inflation(parts: Sequence[DiagnosisForm]) -> float:
    """Largest variance inflation of a condition."""
    values = (
        row["vif_with_constant_and_drifts"]
        for part in parts
        for row in part["regressors"]
        if str(row["regressor"]).startswith(TRIAL_TYPE)
    )
    return max((value for value in values if not np.isnan(value)), default=0.0)


def _diagnosis(run: str, parts: Sequence[DiagnosisForm], drawn: bool) -> DiagnosisReport:
    def tables(kind: Literal["regressors", "contrasts", "correlations"]) -> dict[str, list[Row]]:
        return {
            part["backend"]: [
                {key: np.nan if value is None else value for key, value in row.items()} for row in part[kind]
            ]
            for part in parts
        }

    regressors, correlations = tables("regressors"), tables("correlations")
    figures: tuple[Figure, ...] = ()
    if drawn and any(regressors.values()):
        figures = inflation_figure(regressors, run), correlation_figure(correlations, run)
    return DiagnosisReport(
        run,
        {part["backend"]: _facts(part) for part in parts},
        regressors,
        tables("contrasts"),
        figures,
    )


def _facts(part: DiagnosisForm) -> dict[str, float]:
    """Rank, columns and condition number."""
    return {key: part[key] for key in ("rank", "n_columns", "condition_number")}
