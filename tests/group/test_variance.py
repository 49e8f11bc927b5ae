"""Unequal variances of groups, end to end: SPM12's own results, independent fits, and what is said."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import statsmodels.api as sm

from bidsglm.cli import main
from tests import tiny
from tests.finished import NAME, effects, read_rows, write_dataset, write_participant
from tests.spm.extras import find_extra
from tests.spm.test_group_variance import CASES, FOLDER, IMAGE_RTOL, UNEQUAL, read_case

pytestmark = pytest.mark.usefixtures("plain_figures")

Said = pytest.CaptureFixture[str]
GROUPS = ("patient", "control") * 5
AGES = (23, 31, 44, 29, 37, 52, 41, 26, 33, 48)


def dataset_node(x: list[object], variance: str | None, *contrasts: dict[str, Any]) -> dict[str, Any]:
    model: dict[str, Any] = {"Type": "glm", "X": x}
    if variance is not None:
        model["Software"] = {"SPM": {"Variance": variance}}
    node = {"Level": "Dataset", "Name": "group", "GroupBy": ["contrast"], "Model": model}
    return {**node, "Contrasts": list(contrasts)} if contrasts else node


def contrast(name: str, **weights: float) -> dict[str, Any]:
    conditions = [{"mean": 1}.get(key, key.replace("_", ".")) for key in weights]
    return {"Name": name, "ConditionList": conditions, "Weights": [*weights.values()], "Test": "t"}


def write_model(out: Path, node: dict[str, Any], run: dict[str, Any] | None = None) -> None:
    document = tiny.model()
    document["Name"] = "tap"
    document["Nodes"][0]["Model"] |= run or {}
    document["Nodes"].append(node)
    out.mkdir(parents=True, exist_ok=True)
    (out / "model-tap_smdl.json").write_text(json.dumps(document))


def study(
    root: Path, node: dict[str, Any], spread: float = 3.0, run: dict[str, Any] | None = None
) -> tuple[Path, Path]:
    """Ten participants of two groups, the patients' effects with another spread."""
    labels = [f"{i:02d}" for i in range(1, 11)]
    bids, out = write_dataset(root, labels, group=GROUPS, age=AGES), root / "out"
    for i, label in enumerate(labels):
        scale = spread if GROUPS[i] == "patient" else 1.0
        maps = {name: scale * (values - 3) + 3 for name, values in effects(i, mean=3.0).items()}
        write_participant(out, label, {"go": maps})
    write_model(out, node, run)
    return bids, out


def group(bids: Path, out: Path) -> int:
    return main([str(bids), str(out), "group", "-q"])


def path_of(out: Path, label: str, stat: str, desc: str = "spm") -> Path:
    return out / "group" / f"{NAME}_contrast-{label}_stat-{stat}_desc-{desc}_statmap.nii.gz"


def values(out: Path, label: str, stat: str, desc: str = "spm") -> np.ndarray:
    return np.asarray(nib.load(path_of(out, label, stat, desc)).dataobj).ravel()


def sidecar(out: Path, label: str, desc: str = "spm") -> dict[str, Any]:
    path = path_of(out, label, "t", desc)
    return dict(json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text()))


def summary(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "group" / f"{NAME}_desc-group_summary.json").read_text()))


DIFFERENCE = contrast("patient - control", group_patient=1, group_control=-1)
NAMES = {"pMinusC": "patientMinusControl", "p": "groupPatient", "age": "age"}


@pytest.mark.parametrize("name", CASES)
def test_maps_of_the_group_level_are_spms(tmp_path: Path, name: str) -> None:
    case = read_case(name)
    table = read_rows(find_extra(f"{FOLDER}/inputs/participants.tsv"))
    labels = [row["participant_id"].removeprefix("sub-") for row in table]
    bids = write_dataset(
        tmp_path, labels, group=[row["group"] for row in table], age=[row["age"] for row in table]
    )
    out = tmp_path / "out"
    for label in labels:
        found = find_extra(f"{FOLDER}/inputs/sub-{label}_contrast-{case.about['contrast']}_effect.nii.gz")
        effect = np.asarray(nib.load(found).dataobj)
        write_participant(out, label, {"go": {"spm": effect, "nilearn": effect}})
    two = case.about["des"] == "t2"
    x = [*(["group"] if two else [1]), *(["age"] if case.about["cov"] else [])]
    written = [DIFFERENCE, contrast("group.patient", group_patient=1)] if two else [contrast("mean", mean=1)]
    if case.about["cov"]:
        written.append(contrast("age", age=1))
    # unequal variances are what nothing is said for
    variance = "equal" if two and not case.about["unequal"] else None
    write_model(out, dataset_node(x, variance, *written))
    assert group(bids, out) == 0
    for i, one in enumerate(case.about["cons"], start=1):
        label = NAMES.get(one["name"])
        ours = f"go_groupcontrast-{label}" if label else "go"
        Bcov = np.array(case.summary["Bcov"], dtype=float, ndmin=2)
        weights = np.array(one["w"], dtype=float)
        theirs = {
            "effect": case.map(f"con_{i:04d}"),
            "t": case.map(f"spmT_{i:04d}"),
            "variance": case.map("ResMS") * (weights @ Bcov @ weights),
        }
        for stat, expected in theirs.items():
            atol = IMAGE_RTOL * (np.nanmax(expected) - np.nanmin(expected))
            np.testing.assert_allclose(values(out, ours, stat), expected, rtol=0, atol=atol)
        told = sidecar(out, ours)
        assert told["VarianceModel"] == ("unequal" if name in UNEQUAL else "equal")
        if name in UNEQUAL:
            # SPM's first group are the patients, ours stand by the alphabet
            np.testing.assert_allclose(told["Hyperparameters"], case.summary["h"][::-1], rtol=1e-6)


@pytest.fixture(scope="module")
def unequal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bids, out = study(tmp_path_factory.mktemp("unequal"), dataset_node(["group", "age"], None))
    assert group(bids, out) == 0
    return out


def test_spm_is_weighted_least_squares_with_the_variances_that_it_names(unequal: Path) -> None:
    told = sidecar(unequal, "go_groupcontrast-controlMinusPatient")
    variances = told["GroupVariances"]
    assert 4 < variances["group.patient"] / variances["group.control"] < 14
    paths = sorted(unequal.glob("sub-*/func/*_contrast-go_stat-effect_desc-spm_statmap.nii.gz"))
    images = np.stack([np.asarray(nib.load(path).dataobj).ravel() for path in paths])
    marks = np.array([[g == "control", g == "patient"] for g in GROUPS], dtype=float)
    X = np.column_stack([marks, np.array(AGES) - np.mean(AGES)])
    weights = [1 / variances[f"group.{g}"] for g in GROUPS]
    inside = np.flatnonzero(np.isfinite(images).all(axis=0))[::37]
    for voxel in inside:
        fit = sm.WLS(images[:, voxel], X, weights=weights).fit()
        test = fit.t_test([1, -1, 0])
        np.testing.assert_allclose(
            values(unequal, "go_groupcontrast-controlMinusPatient", "t")[voxel], test.tvalue, rtol=1e-5
        )
        np.testing.assert_allclose(
            values(unequal, "go_groupcontrast-age", "effect")[voxel], fit.params[2], rtol=1e-4, atol=1e-6
        )
        np.testing.assert_allclose(
            values(unequal, "go_groupcontrast-age", "p")[voxel],
            fit.t_test([0, 0, 1]).pvalue / 2 if fit.params[2] > 0 else 1 - fit.t_test([0, 0, 1]).pvalue / 2,
            rtol=1e-3,
        )
    assert told["DegreesOfFreedom"] == 7


def test_nilearn_has_one_variance(unequal: Path) -> None:
    paths = sorted(unequal.glob("sub-*/func/*_contrast-go_stat-effect_desc-nilearn_statmap.nii.gz"))
    images = np.stack([np.asarray(nib.load(path).dataobj).ravel() for path in paths])
    marks = np.array([[g == "control", g == "patient"] for g in GROUPS], dtype=float)
    X = np.column_stack([marks, np.array(AGES) - np.mean(AGES)])
    for voxel in np.flatnonzero(np.isfinite(images).all(axis=0))[::37]:
        t = sm.OLS(images[:, voxel], X).fit().t_test([1, -1, 0]).tvalue
        np.testing.assert_allclose(
            values(unequal, "go_groupcontrast-controlMinusPatient", "t", "nilearn")[voxel], t, rtol=1e-5
        )
    assert sidecar(unequal, "go_groupcontrast-controlMinusPatient", "nilearn")["VarianceModel"] == "equal"


def test_variances_stand_in_summary_table_page_and_methods(unequal: Path) -> None:
    entry = next(e for e in summary(unequal)["contrasts"] if e["label"] == "go_groupcontrast-age")
    assert entry["variance"]["spm"]["VarianceModel"] == "unequal"
    assert entry["variance"]["nilearn"] == {"VarianceModel": "equal"}
    rows = read_rows(unequal / "group" / f"{NAME}_desc-groupAgreement_metrics.tsv")
    assert {row["variance_spm"] for row in rows} == {"unequal"}
    page = (unequal / "group.html").read_text()
    assert "SPM: a variance for each group, its default (group.control" in page
    assert "with a variance for each group of participants as in SPM&#39;s default" in page


@pytest.mark.parametrize("place", ["run", "dataset"])
def test_equal_variances_are_asked_for_at_the_dataset_or_the_run_node(tmp_path: Path, place: str) -> None:
    own = "equal" if place == "dataset" else None
    run = {"Software": {"SPM": {"Variance": "equal"}}} if place == "run" else {}
    bids, out = study(tmp_path, dataset_node(["group"], own), run=run)
    assert group(bids, out) == 0
    told = sidecar(out, "go_groupcontrast-controlMinusPatient")
    assert (told["VarianceModel"], told["VarianceReason"]) == ("equal", "the model says so")
    page = (out / "group.html").read_text()
    assert "SPM: one variance, as the model says so." in page
    assert "of one variance in all groups" in page
    assert not any("no effect above" in note for note in summary(out)["notes"])


def test_dataset_node_says_more_than_the_run_node(tmp_path: Path) -> None:
    run = {"Software": {"SPM": {"Variance": "equal"}}}
    bids, out = study(tmp_path, dataset_node(["group"], "unequal"), run=run)
    assert group(bids, out) == 0
    assert sidecar(out, "go_groupcontrast-controlMinusPatient")["VarianceModel"] == "unequal"


@pytest.mark.parametrize("word", ["welch", "Unequal variances", True, 1])
def test_other_words_are_refused(tmp_path: Path, word: Any, capsys: Said) -> None:
    bids, out = study(tmp_path, dataset_node(["group"], word))
    assert group(bids, out) == 65
    said = capsys.readouterr().err
    assert "model-tap_smdl.json: Nodes[1].Model.Software.SPM.Variance" in said
    assert "must be 'equal' or 'unequal'" in said


def test_misspelt_key_is_named(tmp_path: Path, capsys: Said) -> None:
    node = dataset_node(["group"], "equal")
    node["Model"]["Software"]["SPM"] = {"Varience": "equal"}
    bids, out = study(tmp_path, node)
    assert group(bids, out) == 65
    assert "did you mean 'Variance'" in capsys.readouterr().err


def quiet_study(root: Path, variance: str | None) -> tuple[Path, Path]:
    """Two groups in whom no voxel responds in the same way."""
    bids, out = study(root, dataset_node(["group"], variance))
    for i, label in enumerate(f"{i:02d}" for i in range(1, 11)):
        signs = np.where(np.arange(8 * 9 * 7).reshape(8, 9, 7) % 2, 1, -1) * (-1) ** (i // 2)
        maps = {name: (1 + 0.01 * found) * signs for name, found in effects(i).items()}
        write_participant(out, label, {"go": maps})
    return bids, out


def test_without_a_voxel_that_responds_variances_are_equal_and_that_is_said(tmp_path: Path) -> None:
    bids, out = quiet_study(tmp_path, None)
    assert group(bids, out) == 0
    told = sidecar(out, "go_groupcontrast-controlMinusPatient")
    assert told["VarianceModel"] == "equal"
    assert "no voxel passes the F test" in told["VarianceReason"]
    assert "SPM itself stops here" in (out / "group.html").read_text()


def test_unequal_variances_asked_for_without_a_voxel_are_an_error(tmp_path: Path, capsys: Said) -> None:
    bids, out = quiet_study(tmp_path, "unequal")
    assert group(bids, out) == 65
    said = capsys.readouterr().err
    assert "no voxel passes the F test" in said
    assert '"Variance": "equal"' in said
