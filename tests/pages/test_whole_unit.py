"""What a page shows of a unit that was fitted, against its files."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from bidsglm.cli import main
from bidsglm.outputs.summary_reading import read_summary
from bidsglm.pages import unit as unit_page
from bidsglm.pages.unit_files import UnitFiles
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.participant_report import UnitReport
from tests import tiny

PREFIX = f"sub-01_task-{tiny.TASK}_space-{tiny.SPACE}"
OTHER = Pair("afni", "nilearn")
PACKAGES = ("spm", "nilearn", "afni")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three packages, a t contrast, one of confounds and an F."""
    root = tmp_path_factory.mktemp("study")
    study = tiny.write_study(root, participants=("01",), runs=("run-1",))
    document: Any = json.loads(json.dumps(tiny.model()))
    conditions = ["trial_type.move", "trial_type.look"]
    document["Nodes"][0]["Contrasts"] += [
        {"Name": "any", "ConditionList": conditions, "Weights": [[1, 0], [0, -0.5]], "Test": "F"},
        {"Name": "motion", "ConditionList": ["trans_x"], "Weights": [1], "Test": "t"},
    ]
    (root / "model.json").write_text(json.dumps(document))
    words = [str(study), str(root / "out"), "participant", "-q", "-m", str(root / "model.json")]
    assert main([*words, "--backends", *PACKAGES, "--skip-bids-validation"]) == 0
    return root / "out"


@pytest.fixture(scope="module")
def summary(out: Path) -> Any:
    return read_summary(out / f"sub-01/func/{PREFIX}_desc-bidsglm_summary.json")


@pytest.fixture(scope="module")
def report(out: Path, summary: Any, tmp_path_factory: pytest.TempPathFactory) -> UnitReport:
    return unit_page.unit_report(UnitFiles(out, summary), tmp_path_factory.mktemp("figures"))


def values(out: Path, name: str) -> np.ndarray:
    return nib.load(out / f"sub-01/func/{PREFIX}_{name}.nii.gz").get_fdata()


def test_contrasts_are_told_with_weights_runs_and_degrees_of_freedom(
    report: UnitReport, summary: Any
) -> None:
    found = {each.name: each for each in report.contrasts}
    assert {name: each.definition for name, each in found.items()} == {
        "move - look": "1 × move − 1 × look",
        "any": "1 × move; − 0.5 × look",
        "motion": "1 × trans_x",
    }
    assert {name: each.of_confounds for name, each in found.items()} == {
        "move - look": False,
        "any": False,
        "motion": True,
    }
    for each, told in zip(report.contrasts, summary["contrasts"], strict=True):
        assert (each.label, each.test, each.runs) == (told["label"], told["test"], tuple(told["runs"]))
        assert each.dof == {name: tuple(dof) for name, dof in told["dof"].items()}
        assert each.tested == tuple(told["conditions"])
    assert found["move - look"].weights == {"trial_type.move": 1.0, "trial_type.look": -1.0}
    assert found["any"].weights == {}


def test_spread_of_effects_is_over_the_voxels_of_all_masks(out: Path, report: UnitReport) -> None:
    both = np.logical_and.reduce([values(out, f"desc-{name}_mask") > 0 for name in PACKAGES])
    for each in report.contrasts:
        expected = {}
        if each.test == "t":
            for name in PACKAGES:
                effect = values(out, f"contrast-{each.label}_stat-effect_desc-{name}_statmap")
                expected[name] = np.nanstd(effect[both])
        assert each.effect_sd == pytest.approx(expected, rel=1e-4)


def test_each_pair_has_its_rows_of_agreement_and_its_reasons(out: Path, report: UnitReport) -> None:
    assert report.pair == DEFAULT_PAIR
    assert report.pairs == (DEFAULT_PAIR, OTHER)
    table = pd.read_csv(out / f"sub-01/func/{PREFIX}_desc-agreement_metrics.tsv", sep="\t", na_values=["n/a"])
    for each in report.contrasts:
        own = table[table["contrast"] == each.label]
        (other,) = each.others
        assert other.pair == OTHER
        for rows, suffix in ((each.agreement, ""), (other.agreement, OTHER.suffix)):
            assert [row["map"] for row in rows] == own["map"].tolist()
            assert [row["pearson_r"] for row in rows] == pytest.approx(
                own[f"pearson_r{suffix}"].tolist(), nan_ok=True
            )
        assert {part.metric for part in each.breakdowns} >= {"rmsd"} or each.of_confounds
    assert len(report.pair_rows) == sum(2 if each.test == "t" else 1 for each in report.contrasts) * 3


def test_estimates_masks_and_runs_are_those_of_the_summary(report: UnitReport, summary: Any) -> None:
    estimates = summary["estimates"]
    assert report.mask_sizes == {name: estimates[name]["n_voxels"] for name in PACKAGES}
    rows = {row.name: row.cells for row in report.estimates}
    assert rows["voxels in the mask"] == {name: f"{estimates[name]['n_voxels']:,}" for name in PACKAGES}
    assert rows["residual degrees of freedom"] == {name: f"{estimates[name]['dof']:.4g}" for name in PACKAGES}
    (run,) = report.runs
    assert (run.label, run.n_scans, run.repetition_time) == ("run-1", tiny.N_SCANS, tiny.REPETITION_TIME)
    assert run.tables == f"sub-01/func/{summary['runs'][0]['prefix']}"
    assert report.backends == PACKAGES
    assert report.title == f"task-{tiny.TASK} space-{tiny.SPACE}"
    assert not report.native
    assert report.calibration is None
    assert report.regions is None
    assert report.code == ()


def test_clusters_are_of_every_package_with_its_thresholds(report: UnitReport, summary: Any) -> None:
    for each, told in zip(report.contrasts, summary["contrasts"], strict=True):
        assert [found.backend for found in each.clusters] == list(PACKAGES)
        for found in each.clusters:
            assert found.thresholds == told["thresholds"][found.backend]
            assert found.table.startswith(f"sub-01/func/{PREFIX}_contrast-{each.label}_desc-{found.backend}")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-0.012345, "−0.0123"),
        (12345, "12,345"),
        (True, "True"),
        ("ols", unit_page.NOISE_MODELS.get("ols", "ols")),
        ({"a": 1, "b": 0.5}, "a 1, b 0.5"),
        ([1.0, 2.0], "1; 2"),
        ([[1.0, 2.0], [3.0]], "(1, 2); (3)"),
        (None, "None"),
    ],
)
def test_facts_in_words(value: object, said: str) -> None:
    assert unit_page._words(value) == said


@pytest.mark.parametrize(
    ("row", "backends", "cells"),
    [
        (["Noise", "a", "b", "c"], PACKAGES, {"spm": "a", "nilearn": "b", "afni": "c"}),
        (["Noise", "a", "b"], ("spm",), {"spm": "a", "nilearn": "b"}),
        (["Noise", "a"], ("afni",), {"afni": "a"}),
    ],
)
def test_settings_of_earlier_versions_have_two_packages(
    row: list[str], backends: tuple[str, ...], cells: dict[str, str]
) -> None:
    found = unit_page._setting(row, backends)
    assert (found.name, dict(found.cells)) == ("Noise", cells)
