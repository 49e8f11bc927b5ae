"""What a page says of why, from summaries and tables on disk."""

from dataclasses import asdict

import numpy as np
import pytest

from bidsglm.diagnosis.advice import Finding
from bidsglm.errors import ReadWriteError
from bidsglm.outputs.fit_tables import DOMINANT_STEPS
from bidsglm.outputs.names import map_name
from bidsglm.outputs.summary_reading import read_summary, write_summary
from bidsglm.packages import DEFAULT_PACKAGES
from bidsglm.pages.reasons import diagnoses, findings, left_out, reach, read_breakdowns, read_dominant
from bidsglm.pages.unit_files import UnitFiles
from bidsglm.report.filled_runs import FILLED
from bidsglm.report.left_out import ArbitraryContrasts
from tests.finished import SHAPE, brain, write_image


def part(run: str, inflation: float | None, backend: str = "spm") -> dict[str, object]:
    regressor = {
        "regressor": "trial_type.go",
        "kind": "condition",
        "vif": 1.0,
        "vif_with_constant_and_drifts": inflation,
        "removed_by_filter": 0.2,
    }
    contrast = {"contrast": "go", "contrast_name": "go", "estimable": 1, "efficiency": 2.0}
    facts = {"run": run, "backend": backend, "rank": 3, "n_columns": 3, "condition_number": 4.0}
    correlation = {"regressor": "trial_type.go", "trial_type.go": 1.0}
    return {**facts, "regressors": [regressor], "contrasts": [contrast], "correlations": [correlation]}


def test_summary_of_an_earlier_version_says_nothing():
    assert reach({}) is None
    assert findings([]) == ()
    assert diagnoses({}) == ()


def test_only_the_run_with_the_largest_inflation_is_drawn():
    found = diagnoses({"diagnosis": [part("run-1", 2.0), part("run-2", 9.0), part("run-3", 3.0)]})
    assert [bool(run.figures) for run in found] == [False, True, False]


def test_infinite_inflation_and_condition_come_back_from_the_summary(tmp_path):
    lost = {**part("run-1", np.inf), "rank": 2, "condition_number": np.inf}
    lost["regressors"][0]["vif"] = np.nan
    place = {"participant": "01", "entities": {}, "prefix": "sub-01_task-x", "folder": "sub-01/func"}
    content = {**place, "status": "finished", "backends": ["spm"], "contrasts": [], "diagnosis": [lost]}
    path = tmp_path / "sub-01/func/sub-01_task-x_desc-bidsglm_summary.json"
    write_summary(path, content)
    assert '"condition_number": "inf"' in path.read_text()
    (found,) = diagnoses(read_summary(path))
    assert found.facts["spm"]["condition_number"] == np.inf
    assert found.regressors["spm"][0]["vif_with_constant_and_drifts"] == np.inf
    assert np.isnan(found.regressors["spm"][0]["vif"])
    assert found.regressor_lines()[0][2][1] == "∞"


def test_findings_come_back_as_they_were_and_others_are_refused(tmp_path):
    finding = Finding("warning", "x", "title", "text", "remedy", ("a",), ("spm",), ("run-1",), np.inf)
    place = {"participant": "01", "entities": {}, "prefix": "sub-01_task-x", "folder": "sub-01/func"}
    content = {**place, "status": "finished", "backends": ["spm"], "contrasts": []}
    path = tmp_path / "sub-01/func/sub-01_task-x_desc-bidsglm_summary.json"
    write_summary(path, {**content, "findings": [asdict(finding)]})
    assert findings(read_summary(path)["findings"]) == (finding,)
    for change, said in (({"severity": "awful"}, "severity"), ({"text": 5}, "text"), ({"more": 1}, "more")):
        write_summary(path, {**content, "findings": [{**asdict(finding), **change}]})
        with pytest.raises(ReadWriteError, match=rf"findings\.0\.{said} is "):
            read_summary(path)


def test_unit_without_attribution_has_no_breakdowns(tmp_path):
    assert read_breakdowns(tmp_path, "sub-01_task-x") == {}


def test_table_is_read_by_contrast(tmp_path):
    columns = "contrast map metric step nilearn spm ladder shapley total closure_nilearn closure_spm part_of"
    row = "go t rmsd noise a b 0.5 0.5 0.5 n/a 1e-8 regressors"
    lines = (f"{columns} contrast_name", f"{row} go")
    text = "\n".join("\t".join(line.split()) for line in lines) + "\n"
    (tmp_path / "p_desc-attribution_metrics.tsv").write_text(text)
    (breakdown,) = read_breakdowns(tmp_path, "p")["go"]
    assert breakdown.total == 0.5
    assert np.isnan(breakdown.closures[0])


def summary_of(filled: bool) -> dict:
    """Two conditions, alone and their difference; with or without time between them."""
    found = asdict(Finding("serious", FILLED, "", "", "", ("go", "rest")))
    go = {"label": "go", "name": "go!", "test": "t", "conditions": ["go"], "weights": [1.0]}
    pair = {
        "label": "pair",
        "name": "go - rest",
        "test": "t",
        "conditions": ["go", "rest"],
        "weights": [1.0, -1.0],
    }
    both = {
        "label": "any",
        "name": "any",
        "test": "F",
        "conditions": ["go", "rest"],
        "weights": [[1, 0], [0, 1]],
    }
    return {"findings": [found] * filled, "contrasts": [go, pair, both]}


@pytest.mark.parametrize(
    ("filled", "expected"),
    [
        ([True, True], {"go": "go!"}),
        ([True, False], {"go": "go!"}),
        ([True, False, False], {}),
        ([False], {}),
    ],
)
def test_contrasts_arbitrary_in_half_of_the_participants_are_left_out(filled, expected):
    assert left_out([summary_of(each) for each in filled]) == ArbitraryContrasts(expected, 3)


@pytest.mark.parametrize(
    ("highest", "inside", "is_drawn"), [(2, True, True), (0, True, False), (2, False, False)]
)
def test_map_of_the_leading_steps_is_drawn_where_a_step_leads_in_both_masks(
    tmp_path, highest: int, inside: bool, is_drawn: bool
):
    prefix, folder = "sub-01_task-x", tmp_path / "sub-01/func"
    stats = ("effect", "t", "p")
    for name in [f"{prefix}_desc-mean_boldref"] + [
        map_name(prefix, stat, package, "go") for stat in stats for package in DEFAULT_PACKAGES
    ]:
        write_image(folder / f"{name}.nii.gz", np.ones(SHAPE))
    unit = {"folder": "sub-01/func", "prefix": prefix, "backends": list(DEFAULT_PACKAGES)}
    contrast = {"name": "go", "label": "go", "test": "t"}
    files = UnitFiles(tmp_path, unit)
    images = files.contrast_images(contrast, dict.fromkeys(DEFAULT_PACKAGES, brain()))
    assert read_dominant(files, images) is None
    steps = np.zeros(SHAPE)
    steps[4:] = highest
    assert (steps[~images.both].any() and steps[images.both].any()) == bool(highest)
    steps[images.both != inside] = 0
    stem = f"{prefix}_contrast-go_desc-dominantstep_dseg"
    write_image(folder / f"{stem}.nii.gz", steps)
    rows = [{"index": i, "name": name} for i, name in enumerate(("none", "scaling", "noise"))]
    DOMINANT_STEPS.write(folder / f"{stem}.tsv", rows)
    found = read_dominant(files, images)
    assert (found is not None) == is_drawn
    assert found is None or "noise" in found.alt
