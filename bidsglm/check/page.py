"""Results of a check as tables and as a page."""

import shutil
from pathlib import Path
from typing import NamedTuple

from bidsglm.check.answer import answer, as_json, refit_json, setting_json
from bidsglm.check.comparison import Checked
from bidsglm.check.contrast_reports import ShownContrasts, shown_contrasts
from bidsglm.check.model_files import FOLDERS, MODEL, WrittenModel
from bidsglm.check.models import design_findings
from bidsglm.check.reasons import own_reasons, reach_of
from bidsglm.check.refit import RefittedModel
from bidsglm.check.sentences import findings_of
from bidsglm.check.setting_rows import column_rows, drift_sentences, setting_rows
from bidsglm.check.why import AttributedMaps
from bidsglm.check.z_maps import FOLDER as MADE
from bidsglm.outputs.check_tables import COLUMNS, MAPS, SETTINGS
from bidsglm.outputs.names import write_json, write_text
from bidsglm.outputs.unit_tables import agreement_schema, attribution_schema
from bidsglm.pages.about import about
from bidsglm.pairs import DEFAULT_PAIR
from bidsglm.report.check import (
    CheckedColumn,
    CheckedModel,
    CheckedPair,
    CheckReport,
    check_page,
)

WHOSE = {"model": "The model of both", "model-spm": "SPM's model", "model-nilearn": "nilearn's model"}
"""Folder of a model -> its heading"""
TABLES = {
    "settings": "settings.tsv",
    "columns": "columns.tsv",
    "maps": "maps.tsv",
    "agreement": "agreement.tsv",
    "attribution": "attribution.tsv",
}
"""Part of the page -> its table"""


class Results(NamedTuple):
    """All that is written of a check."""

    found: Checked
    refit: RefittedModel
    why: AttributedMaps
    models: tuple[WrittenModel, ...]
    not_written: tuple[str, ...]
    """Why there is no model of an analysis"""


def remove_earlier(output: Path) -> None:
    """Remove what an earlier check wrote, so that nothing of it is taken for the new one."""
    for name in TABLES.values():
        for path in (output / name, (output / name).with_suffix(".json")):
            path.unlink(missing_ok=True)
    for path in (output / MADE).glob("*_t.nii.gz"):
        path.unlink()
    for folder in (output / name for name in FOLDERS):
        if (folder / MODEL).is_file():
            shutil.rmtree(folder)


def write_check(output: Path, results: Results) -> dict[str, tuple[str, ...]]:
    """Write check.json, the tables and the page; returns where each contrast's differences come from."""
    found, refit, why, models, not_written = results
    shown = shown_contrasts(found, why.explanation)
    reasons = {each.name: own_reasons(each.breakdowns, found.settings) for each in shown.contrasts}
    write_json(output / "check.json", _json(results, reasons))
    written = _write_tables(output, results, shown)
    report = CheckReport(
        about=about(),
        spm=str(found.spm.path),
        nilearn=str(found.nilearn.folder),
        same_model=found.same_model,
        answer=answer(found),
        settings=found.settings,
        rows=tuple(setting_rows(found)),
        columns=tuple(column_rows(found)),
        drifts=tuple(drift_sentences(found)),
        maps=found.maps,
        contrasts=shown.contrasts,
        scene=shown.scene,
        reasons=reasons,
        reach=reach_of(why.explanation) if why.explanation else None,
        not_attributed=why.reason,
        models=tuple(_shown_model(each) for each in models),
        models_not_written=not_written,
        findings=tuple(findings_of(found, refit.maps)),
        design_findings=design_findings(found.spm),
        notes=found.notes,
        tables={part: name for part, name in TABLES.items() if name in written},
    )
    write_text(output / "check.html", check_page(report))
    return reasons


def _json(results: Results, reasons: dict[str, tuple[str, ...]]) -> dict[str, object]:
    found, refit, why, models, not_written = results
    attribution: dict[str, object] = {"is_attributed": why.explanation is not None}
    if why.explanation is None:
        attribution["reason"] = why.reason
    else:
        attribution |= {
            "closes": why.explanation.closes,
            "n_sample": why.explanation.n_sample,
            "n_voxels": why.explanation.n_voxels,
            "notes": list(why.explanation.notes),
            "said": {name: list(texts) for name, texts in reasons.items()},
        }
    return {
        **as_json(found),
        "spm_reproduced": [refit_json(each) for each in refit.maps],
        "attribution": attribution,
        "models": [_model(each) for each in models],
        "models_not_written": list(not_written),
    }


def _write_tables(output: Path, results: Results, shown: ShownContrasts) -> set[str]:
    """Write the tables for which there are rows, with their sidecars; returns their names."""
    found, why = results.found, results.why
    rows = {
        "settings": (SETTINGS, [setting_json(each) for each in found.settings]),
        "columns": (COLUMNS, [_column_row(each) for each in column_rows(found)]),
        "maps": (MAPS, [_map_row(each) for each in found.maps]),
    }
    if shown.agreement:
        rows["agreement"] = agreement_schema(DEFAULT_PAIR), [dict(row) for row in shown.agreement]
    if why.explanation is not None:
        called = {each.name: each.label for each in shown.contrasts}
        rows["attribution"] = (
            attribution_schema(DEFAULT_PAIR),
            [
                {**row, "contrast": called[str(row["contrast"])], "contrast_name": row["contrast"]}
                for row in why.explanation.rows
                if row["contrast"] in called
            ],
        )
    for part, (schema, table) in rows.items():
        schema.write(output / TABLES[part], table, facts={})
    return {TABLES[part] for part in rows}


def _model(each: WrittenModel) -> dict[str, object]:
    return {
        "model": f"{each.folder}/{MODEL}",
        "scripts": list(each.scripts),
        "has_data": each.has_data,
        "largest_difference_of_columns": each.difference,
        "is_same": each.is_same,
        "notes": list(each.notes),
    }


def _shown_model(each: WrittenModel) -> CheckedModel:
    whose = WHOSE[each.folder]
    return CheckedModel(whose, each.folder, each.scripts, each.has_data, each.is_same, each.notes)


def _column_row(each: CheckedColumn) -> dict[str, object]:
    return {
        "run": each.run,
        "spm": each.spm or None,
        "nilearn": each.nilearn or None,
        "r": each.r,
        "r_after_high_pass": each.r_filtered,
        "nilearn_per_spm_unit": each.ratio,
        "verdict": each.verdict,
    }


def _map_row(each: CheckedPair) -> dict[str, object]:
    return {
        "contrast": each.contrast,
        "map": each.what,
        "pearson_r": each.r,
        "nilearn_per_spm_unit": each.ratio,
        "dice": each.dice,
        "n_spm": each.n_spm,
        "n_nilearn": each.n_nilearn,
        "n_both": each.n_both,
    }
