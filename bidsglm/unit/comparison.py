"""Writes what compares the packages: differences, agreement, why they differ, and the designs' diagnosis."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bidsglm.agreement.maps import BothMaps, FweThresholds, agreement
from bidsglm.agreement.pairs import pair_rows
from bidsglm.attribution import engine as attribution
from bidsglm.data import ContrastMaps
from bidsglm.diagnosis.collinearity import (
    contrast_rows,
    correlation_rows,
    regressor_rows,
)
from bidsglm.diagnosis.findings import RunReview, findings, is_reported
from bidsglm.messages import LOG
from bidsglm.outputs.fit_tables import CONTRASTS, DOMINANT_STEPS, REGRESSORS
from bidsglm.outputs.names import map_name
from bidsglm.outputs.unit_tables import PAIRS, agreement_schema, attribution_schema, with_suffix
from bidsglm.pairs import DEFAULT_PAIR, Pair, every_pair
from bidsglm.report.steps import colour
from bidsglm.unit.files import OUTSIDE, UnitWriter, contrast_facts, stats_of
from bidsglm.unit.fit import Fitted
from bidsglm.unit.percent import percent_units
from bidsglm.unit.preparation import run_label
from bidsglm.unit.summary import as_form


def write_differences(writer: UnitWriter) -> None:
    """Maps of each package minus the reference, in the voxels of both masks."""
    for pair in writer.pairs:
        _write_difference(writer, pair)


def _write_difference(writer: UnitWriter, pair: Pair) -> None:
    one, base = (writer.fitted.fits[name] for name in pair)
    both = one.mask & base.mask
    for first, second in zip(one.maps, base.maps, strict=True):
        text = f"{pair.first} minus {pair.reference}, in the voxels of both"
        facts = {**contrast_facts(first, writer.unit), "Description": text}
        maps = dict(stats_of(second))
        for stat, values in stats_of(first):
            if stat in ("effect", "t", "F"):
                difference = np.where(both, values - maps[stat], OUTSIDE[stat])
                name = map_name(writer.unit.prefix, stat, pair.label, first.specification.label)
                writer.image(name, difference, OUTSIDE[stat], {"StatisticType": stat, **facts})


def _compared(writer: UnitWriter, pair: Pair) -> list[BothMaps]:
    """Both packages' maps of each contrast."""
    one, base = (writer.fitted.fits[name] for name in pair)
    masks = one.mask, base.mask
    return [BothMaps(*maps, masks, pair) for maps in zip(one.maps, base.maps, strict=True)]


def _names(maps: ContrastMaps) -> dict[str, str]:
    return {"contrast": maps.specification.label, "contrast_name": maps.specification.name}


def write_agreement(writer: UnitWriter) -> None:
    """One row for each contrast and map, with the columns of every pair."""
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for pair in writer.pairs:
        for found in _agreement(writer, pair):
            row = rows.setdefault((str(found["contrast"]), str(found["map"])), {})
            row |= with_suffix(found, pair)
    writer.table(
        agreement_schema(*writer.pairs), f"{writer.unit.prefix}_desc-agreement_metrics", rows.values()
    )


def _agreement(writer: UnitWriter, pair: Pair) -> Iterator[dict[str, str | int | float]]:
    """Rows of one pair."""
    coordinates = writer.volume.coordinates
    fits = [writer.fitted.fits[name] for name in pair]
    for index, both in enumerate(_compared(writer, pair)):
        heights = [fit.inference.contrasts[index].thresholds.fwe05 for fit in fits]
        fwe = FweThresholds(heights[0], heights[1], writer.fitted.prepared.model.two_sided)
        for row in agreement(both, coordinates, fwe):
            yield {**row, **_names(both.first)}


def write_pairs(writer: UnitWriter) -> None:
    """Every package with every other."""
    units = percent_units(writer.fitted)
    rows: list[dict[str, object]] = []
    for pair in every_pair(writer.fitted.fits, writer.reference):
        for both in _compared(writer, pair):
            percent = {
                name: np.mean([found[i] for i in both.first.runs], axis=0) for name, found in units.items()
            }
            two_sided = writer.fitted.prepared.model.two_sided
            found = pair_rows(both, percent, two_sided)
            rows += [{**_names(both.first), **row} for row in found if row["map"] != "z"]
    order = {label: i for i, label in enumerate(dict.fromkeys(str(row["contrast"]) for row in rows))}
    rows.sort(key=lambda row: (order[str(row["contrast"])], str(row["map"]) != "effect"))
    writer.table(PAIRS, f"{writer.unit.prefix}_desc-pairs_metrics", rows)


def write_attributions(
    writer: UnitWriter, explanations: Sequence[attribution.Explanation]
) -> dict[str, object]:
    """Write a table of steps for each pair, and dominant-step maps; returns what the summary says of them."""
    found = {each.pair: _write_attribution(writer, each) for each in explanations}
    told: dict[str, object] = {}
    if DEFAULT_PAIR in found:
        told["attribution"] = found.pop(DEFAULT_PAIR)
    if found:
        told["attributions"] = {pair.label: facts for pair, facts in found.items()}
    return told


def _write_attribution(writer: UnitWriter, explanation: attribution.Explanation) -> dict[str, object]:
    """Files of one pair."""
    maps = next(iter(writer.fitted.fits.values())).maps
    labels = {each.specification.name: each.specification.label for each in maps}
    rows = [
        {**row, "contrast": labels[str(row["contrast"])], "contrast_name": row["contrast"]}
        for row in explanation.rows
    ]
    schema = attribution_schema(explanation.pair)
    writer.table(schema, schema.path(Path(), writer.unit.prefix).stem, rows)
    for label, steps in explanation.dominant.items():
        _write_dominant(writer, label, steps, explanation.labels)
    told = ("closes", "n_sample", "n_voxels", "n_uncertain", "in_blocks", "notes")
    return {key: getattr(explanation, key) for key in told}


def _write_dominant(writer: UnitWriter, label: str, steps: NDArray[np.int8], names: Sequence[str]) -> None:
    """Labelled map of the step that makes most of the difference at each voxel, with its names."""
    name = f"{writer.unit.prefix}_contrast-{label}_desc-dominantstep_dseg"
    text = "modelling step with the largest Shapley value of the difference of the statistic, at each voxel"
    writer.image(name, steps, 0.0, {"Description": text}, dtype=np.uint8)
    rows = [{"index": index, "name": step, "color": colour(step)} for index, step in enumerate(names)]
    DOMINANT_STEPS.write(writer.path(f"{name}.tsv"), rows)


def _reviews(fitted: Fitted) -> list[RunReview]:
    prepared = fitted.prepared
    return [
        RunReview(
            run_label(prefix), paradigm, {b: d[i] for b, d in prepared.designs.items()}, prepared.contrasts
        )
        for i, (prefix, paradigm) in enumerate(
            zip(prepared.unit.run_prefixes, prepared.paradigms, strict=True)
        )
    ]


def write_diagnosis(writer: UnitWriter) -> dict[str, object]:
    """Write tables on regressors and contrasts of each design; returns what the summary says of them."""
    reviews = _reviews(writer.fitted)
    diagnoses = []
    for prefix, review in zip(writer.unit.run_prefixes, reviews, strict=True):
        for backend, found in review.diagnoses.items():
            writer.table(REGRESSORS, f"{prefix}_desc-{backend}Regressors_metrics", regressor_rows(found))
            writer.table(CONTRASTS, f"{prefix}_desc-{backend}Contrasts_metrics", contrast_rows(found))
            facts = {
                "rank": found.rank,
                "n_columns": found.n_columns,
                "condition_number": found.condition_number,
                "regressors": regressor_rows(found),
                "contrasts": contrast_rows(found),
                "correlations": correlation_rows(found),
            }
            diagnoses.append({"run": review.label, "backend": backend, **facts})
    said = findings(reviews, writer.fitted.prepared.model, writer.fitted.review)
    for finding in filter(is_reported, said):
        LOG.warning("%s: %s. %s %s", writer.unit.prefix, finding.title, finding.text, finding.remedy)
    return {"findings": [as_form(finding) for finding in said], "diagnosis": diagnoses}
