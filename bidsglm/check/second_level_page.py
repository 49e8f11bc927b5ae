"""Results of a check of a second level as check.json, tables and a page."""

from pathlib import Path
from typing import Any

import numpy as np

from bidsglm.check.answer import pair_json, refit_json, setting_json
from bidsglm.check.second_level_check import CheckedGroup, group_answer, group_findings
from bidsglm.check.second_level_nilearn import GroupComparison
from bidsglm.check.second_level_words import (
    covariates_in_words,
    design_name,
    globals_in_words,
    has_equal_variance,
    is_independent,
    mask_in_words,
    rows_in_words,
    variance_in_words,
)
from bidsglm.outputs.check_tables import GROUP_MAPS, GROUP_SETTINGS
from bidsglm.outputs.names import write_json, write_text
from bidsglm.pages.about import about
from bidsglm.report.second_level_check import SecondLevelReport, second_level_page


def group_json(found: CheckedGroup) -> dict[str, Any]:
    """The result in the form of check.json."""
    group = found.group
    rows = [refit_json(each) for each in (found.refit.maps if found.refit else ())]
    return {
        "level": "second",
        "spm": str(group.path),
        "design": {
            "name": design_name(group),
            "spm": group.title,
            "images": len(group.matrix),
            "columns": list(group.names),
            "factors": {f.name: len(np.unique(f.levels)) for f in group.factors},
            "covariates": covariates_in_words(group),
            "residual_degrees_of_freedom": group.dof,
        },
        "variance": {
            "words": variance_in_words(group),
            "equal": has_equal_variance(group),
            "independent": is_independent(group),
            "hyperparameters_spm": group.errors.hyperparameters.tolist(),
            "hyperparameters": found.refit.fit.hyperparameters.tolist() if found.refit else [],
        },
        "mask": mask_in_words(group),
        "globals": globals_in_words(group),
        "images": [str(place.path) for place in found.images.scans],
        **_comparison_json(found.comparison),
        "maps": rows,
        "spm_reproduced": rows,
        "findings": list(group_findings(found)),
        "notes": list(found.notes),
        "answer": group_answer(found),
    }


def _comparison_json(beside: GroupComparison | None) -> dict[str, Any]:
    if beside is None:
        return {}
    return {
        "nilearn": str(beside.nilearn.folder),
        "same_model": beside.same_model,
        "settings_that_differ": [setting_json(each) for each in beside.settings],
        "columns": [{"spm": c.spm, "nilearn": c.nilearn, "r": c.r} for c in beside.columns],
        "nilearn_maps": [pair_json(each) for each in beside.pairs],
    }


def write_group_check(output: Path, found: CheckedGroup) -> None:
    """Write check.json, the tables and the page into a folder that exists."""
    refits, beside = found.refit.maps if found.refit else (), found.comparison
    rows = tuple(rows_in_words(found.group))
    write_json(output / "check.json", group_json(found))
    settings = [{"setting": name, "spm": words} for name, words in rows]
    GROUP_SETTINGS.write(output / "settings.tsv", settings, facts={})
    GROUP_MAPS.write(
        output / "maps.tsv",
        [
            {
                "contrast": each.contrast or None,
                "map": each.what,
                "file": each.path.name,
                "pearson_r": each.r,
                "largest_difference": each.difference,
                "is_reproduced": each.is_reproduced,
            }
            for each in refits
        ],
        facts={},
    )
    report = SecondLevelReport(
        about(),
        str(found.group.path),
        design_name(found.group),
        len(found.group.matrix),
        group_answer(found),
        rows,
        refits,
        tuple(group_findings(found)),
        found.notes,
        str(beside.nilearn.folder) if beside else "",
        beside.settings if beside else (),
        beside.columns if beside else (),
        beside.pairs if beside else (),
    )
    write_text(output / "check.html", second_level_page(report))
