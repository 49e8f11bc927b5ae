"""Group maps equal each package's own second level on the same files; bad input is named."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.second_level import SecondLevelModel
from scipy import stats

from bidsglm.cli import main
from bidsglm.settings import Settings
from bidsglm.spm.second_level import group_contrast, group_estimate
from bidsglm.statsmodel.specification import parse_model
from bidsglm.unit.configuration import configuration
from tests import tiny
from tests.finished import (
    AFFINE,
    NAME,
    brain,
    change_summary,
    effects,
    read_rows,
    write_dataset,
    write_group,
    write_participant,
)

pytestmark = pytest.mark.usefixtures("plain_figures")

Said = pytest.CaptureFixture[str]
RELATIVE = 1e-6
"""What the project promises against nilearn on images; maps are float32."""
AGES = (23, 31, 44, 29, 37, 52, 41)
GROUPS = ("patient", "control", "control", "patient", "control", "patient", "patient")


def group(bids: Path, out: Path, *options: str) -> int:
    return main([str(bids), str(out), "group", *options])


def values(out: Path, contrast: str, stat: str, desc: str) -> np.ndarray:
    path = out / "group" / f"{NAME}_contrast-{contrast}_stat-{stat}_desc-{desc}_statmap.nii.gz"
    return np.asarray(nib.load(path).dataobj)


def summary(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "group" / f"{NAME}_desc-group_summary.json").read_text()))


def effect_paths(out: Path, backend: str, contrast: str = "go") -> list[Path]:
    return sorted(out.glob(f"sub-*/func/*_contrast-{contrast}_stat-effect_desc-{backend}_statmap.nii.gz"))


def write_model(path: Path, *nodes: Mapping[str, object]) -> Path:
    """The model of the finished participants (its first level is not looked at) with Dataset nodes."""
    document = tiny.model()
    document["Name"] = "tap"
    document["Nodes"] += nodes
    document["Edges"] = [{"Source": "run", "Destination": str(one["Name"])} for one in nodes]
    path.write_text(json.dumps(document))
    return path


def node(*x: object, **more: object) -> dict[str, object]:
    return {
        "Level": "Dataset",
        "Name": "group",
        "GroupBy": ["contrast"],
        "Model": {"Type": "glm", "X": list(x)},
        **more,
    }


def nilearns(
    paths: list[Path], design: pd.DataFrame, contrast: object, mask: np.ndarray
) -> dict[str, np.ndarray]:
    model = SecondLevelModel(mask_img=nib.Nifti1Image(mask.astype(np.uint8), AFFINE))
    model.fit([nib.load(path) for path in paths], design_matrix=design)
    found = model.compute_contrast(contrast, output_type="all")
    names = {"t": "stat", "z": "z_score", "effect": "effect_size", "variance": "effect_variance"}
    return {name: found[key].get_fdata()[mask] for name, key in {**names, "p": "p_value"}.items()}


def assert_same(ours: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=RELATIVE, atol=RELATIVE * np.abs(theirs).max())


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bids, out = write_group(tmp_path_factory.mktemp("plain"), 7)
    # one voxel is missing in one participant's nilearn map
    path = effect_paths(out, "nilearn")[4]
    image = nib.load(path)
    content = np.asarray(image.dataobj).copy()
    content[3, 3, 3] = np.nan
    nib.save(nib.Nifti1Image(content, image.affine), path)
    assert group(bids, out, "-q", "--permutations", "30", "--random-seed", "4") == 0
    return out


@pytest.fixture(scope="module")
def designed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Age as a covariate, and groups, in a node each."""
    root = tmp_path_factory.mktemp("designed")
    bids, out = write_group(root, 7, age=AGES, group=GROUPS)
    factor = {"Name": "Factor", "Input": ["group"]}
    write_model(
        out / "model-tap_smdl.json",
        node(1, "age", DummyContrasts={"Test": "t"}, Name="withAge"),
        node(
            "group.patient",
            "group.control",
            "age",
            Name="two",
            Transformations={"Transformer": "pybids-transforms-v1", "Instructions": [factor]},
            Contrasts=[
                {
                    "Name": "patient > control",
                    "ConditionList": ["group.patient", "group.control"],
                    "Weights": [1, -1],
                    "Test": "t",
                }
            ],
        ),
    )
    assert group(bids, out, "-q", "--permutations", "20") == 0
    return out


def test_nilearns_maps_are_those_of_second_level_model(plain: Path) -> None:
    mask = brain()
    mask[3, 3, 3] = False
    theirs = nilearns(effect_paths(plain, "nilearn"), pd.DataFrame({"mean": np.ones(7)}), "mean", mask)
    for stat, expected in theirs.items():
        assert_same(values(plain, "go", stat, "nilearn")[mask], expected)
    for stat, outside in (("effect", np.nan), ("variance", np.nan), ("t", 0), ("z", 0), ("p", 1)):
        np.testing.assert_array_equal(values(plain, "go", stat, "nilearn")[~mask], outside)


def test_spms_maps_are_those_of_its_second_level(plain: Path) -> None:
    mask = brain()
    images = np.stack([np.asarray(nib.load(path).dataobj)[mask] for path in effect_paths(plain, "spm")])
    expected = group_contrast(group_estimate(images, np.ones((7, 1))), np.ones(1))
    np.testing.assert_array_equal(values(plain, "go", "effect", "spm")[mask], expected.effect)
    np.testing.assert_array_equal(values(plain, "go", "t", "spm")[mask], expected.stat)
    np.testing.assert_allclose(values(plain, "go", "p", "spm")[mask], stats.t.sf(expected.stat, 6), rtol=1e-5)


def test_each_package_has_its_mask_and_the_comparison_is_over_both(plain: Path) -> None:
    entry = summary(plain)["contrasts"][0]
    n = int(brain().sum())
    assert entry["n_voxels"] == {"spm": n, "nilearn": n - 1, "both": n - 1}
    difference = values(plain, "go", "t", "difference")
    both = brain()
    both[3, 3, 3] = False
    spm, nilearn = (values(plain, "go", "t", desc) for desc in ("spm", "nilearn"))
    np.testing.assert_allclose(difference[both], (spm - nilearn)[both], atol=1e-5)
    np.testing.assert_array_equal(difference[~both], 0)


def test_agreement_table_has_the_group_contrast_beside_the_contrast(plain: Path) -> None:
    rows = read_rows(plain / "group" / f"{NAME}_desc-groupAgreement_metrics.tsv")
    assert [(row["contrast"], row["group_contrast"], row["map"]) for row in rows] == [
        ("go", "mean", "effect"),
        ("go", "mean", "t"),
        ("go", "mean", "z"),
    ]
    both = brain()
    both[3, 3, 3] = False
    spm, nilearn = (values(plain, "go", "t", desc)[both] for desc in ("spm", "nilearn"))
    np.testing.assert_allclose(float(rows[1]["pearson_r"]), np.corrcoef(spm, nilearn)[0, 1], rtol=1e-6)
    assert rows[1]["n_both"] == str(both.sum())
    described = json.loads((plain / "group" / f"{NAME}_desc-groupAgreement_metrics.json").read_text())
    assert set(described) == set(rows[0])


def test_sidecars_say_who_what_and_from_which_files(plain: Path) -> None:
    path = plain / "group" / f"{NAME}_contrast-go_stat-t_desc-spm_statmap.json"
    told = json.loads(path.read_text())
    assert told["NumberOfParticipants"] == 7
    assert told["DegreesOfFreedom"] == 6
    assert told["GroupContrast"] == "mean"
    assert told["Columns"] == ["mean"]
    assert "SPM12" in told["Package"]
    first = plain / told["Sources"][0].removeprefix("bids::")
    assert first == effect_paths(plain, "spm")[0]


def test_tables_of_clusters_are_each_packages_own(plain: Path) -> None:
    for desc, column in (("spm", "peak_p_fwe"), ("nilearn", "survives_fdr05")):
        name = f"{NAME}_contrast-go_desc-{desc}_clusters"
        assert column in (plain / "group" / f"{name}.tsv").read_text().splitlines()[0]
        told = json.loads((plain / "group" / f"{name}.json").read_text())
        assert set(told["Thresholds"]) == {"p001", "fwe05", "fdr05"}
        assert told["SearchVolumeVoxels"] == brain().sum() - (desc == "nilearn")
    smoothness = summary(plain)["contrasts"][0]["fwhm_mm"]
    assert all(width > 0 for width in smoothness)


def test_permutations_are_those_of_non_parametric_inference(plain: Path) -> None:
    from nilearn.glm.second_level import non_parametric_inference

    mask = nib.Nifti1Image(brain().astype(np.uint8), AFFINE)
    images = [
        nib.Nifti1Image(np.nan_to_num(nib.load(path).get_fdata()), AFFINE)
        for path in effect_paths(plain, "spm")
    ]
    theirs = non_parametric_inference(
        images,
        design_matrix=pd.DataFrame({"mean": np.ones(7)}),
        second_level_contrast="mean",
        mask=mask,
        n_perm=30,
        random_state=4,
    )
    expected = 10.0 ** -np.asarray(theirs.dataobj)[brain()]
    np.testing.assert_allclose(values(plain, "go", "p", "spmPermutation")[brain()], expected, rtol=1e-5)
    np.testing.assert_array_equal(values(plain, "go", "p", "nilearnPermutation")[~brain()], 1)


def test_covariates_are_centred_and_named_in_the_files(designed: Path) -> None:
    ages = np.array(AGES) - np.mean(AGES)
    design = pd.DataFrame({"mean": np.ones(7), "age": ages})
    for contrast, label in (("mean", "go_node-withAge"), ("age", "go_node-withAge_groupcontrast-age")):
        theirs = nilearns(effect_paths(designed, "nilearn"), design, contrast, brain())
        for stat in ("effect", "t", "p"):
            assert_same(values(designed, label, stat, "nilearn")[brain()], theirs[stat])
        np.testing.assert_allclose(
            values(designed, label, "t", "spm")[brain()],
            nilearns(effect_paths(designed, "spm"), design, contrast, brain())["t"],
            rtol=1e-4,
            atol=1e-4,
        )
    rows = read_rows(designed / "group" / f"{NAME}_contrast-go_node-withAge_design.tsv")
    np.testing.assert_allclose([float(row["age"]) for row in rows], ages)
    assert rows[0]["participant_id"] == "sub-01"


def test_two_groups_are_compared(designed: Path) -> None:
    patient = np.array(GROUPS) == "patient"
    ages = np.array(AGES) - np.mean(AGES)
    design = pd.DataFrame({"p": patient.astype(float), "c": (~patient).astype(float), "age": ages})
    theirs = nilearns(effect_paths(designed, "nilearn"), design, "p - c", brain())
    label = "go_node-two_groupcontrast-patientGreaterControl"
    for stat in ("effect", "variance", "t", "z"):
        assert_same(values(designed, label, stat, "nilearn")[brain()], theirs[stat])
    entries = {entry["label"]: entry for entry in summary(designed)["contrasts"]}
    assert entries[label]["group_contrast"] == "patient > control"
    assert entries[label]["dof"] == {"spm": [4.0], "nilearn": [4.0]}
    assert set(entries) == {"go_node-withAge", "go_node-withAge_groupcontrast-age", label}


def test_sessions_fitted_apart_are_averaged_first(tmp_path: Path) -> None:
    bids, out = write_dataset(tmp_path, []), tmp_path / "out"
    for i, label in enumerate(("01", "02", "03")):
        for j, session in enumerate("ab"):
            write_participant(out, label, {"go": effects(10 * i + j)}, session=session)
    assert group(bids, out, "-q") == 0
    both = [[effects(10 * i + j)["spm"][brain()] for j in range(2)] for i in range(3)]
    np.testing.assert_allclose(
        values(out, "go", "effect", "spm")[brain()], np.mean(both, axis=(0, 1)), rtol=1e-5, atol=1e-6
    )
    assert "sessions fitted apart are averaged" in " ".join(summary(out)["notes"])


def test_participants_without_a_contrast_are_left_out_of_it_by_name(tmp_path: Path) -> None:
    bids, out = write_group(tmp_path, 3)
    write_participant(out, "04", {"go": effects(8), "stop": effects(9)})
    write_participant(out, "02", {"stop": effects(7)})
    assert group(bids, out, "-q") == 0
    entries = {entry["label"]: entry for entry in summary(out)["contrasts"]}
    assert entries["go"]["participants"] == ["01", "03", "04"]
    assert entries["go"]["left_out"] == {"02": "has no such contrast"}
    assert entries["stop"]["participants"] == ["02", "04"]


def test_f_contrasts_have_no_group_maps_and_that_is_said(tmp_path: Path) -> None:
    bids, out = write_group(tmp_path, 2)
    for label in ("01", "02"):
        change_summary(out, label, contrasts=[{"name": "any", "label": "any", "test": "F"}])
        (table,) = (out / f"sub-{label}").rglob("*_desc-agreement_metrics.tsv")
        table.write_text(table.read_text().replace("go", "any").replace("\tt\t", "\tF\t"))
    assert group(bids, out, "-q") == 0
    assert "any is an F contrast: it has no effect map, so no group maps." in summary(out)["notes"]
    assert summary(out)["contrasts"] == []


def test_one_participant_has_tables_and_a_page_but_no_maps(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 1)
    assert group(bids, out) == 0
    said = capsys.readouterr().err
    assert said.count("there is only sub-01, and of one participant no variance") == 1
    assert (out / "group" / f"{NAME}_desc-agreement_metrics.tsv").exists()
    assert (out / "group.html").exists()
    assert not list((out / "group").glob("*_statmap*"))


def test_truncated_map_is_named_and_the_others_go_on(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 4)
    path = effect_paths(out, "nilearn")[1]
    path.write_bytes(path.read_bytes()[:-60])
    effect_paths(out, "spm")[2].unlink()
    assert group(bids, out) == 1
    said = capsys.readouterr().err
    assert f"{path}: is truncated or damaged" in said
    (entry,) = summary(out)["contrasts"]
    assert entry["participants"] == ["01", "04"]
    assert set(entry["left_out"]) == {"02", "03"}
    assert path.name in (out / "group.html").read_text()


def test_map_without_a_value_leaves_only_its_participant_out(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 4)
    path = effect_paths(out, "spm")[1]
    image = nib.load(path)
    nib.save(nib.Nifti1Image(np.full(image.shape, np.nan, np.float32), image.affine), path)
    assert group(bids, out) == 65
    assert f"{path}: has no value in any voxel; run the participant again" in capsys.readouterr().err
    (entry,) = summary(out)["contrasts"]
    assert entry["participants"] == ["01", "03", "04"]


def test_maps_on_different_grids_are_an_error_that_names_two_files(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 2)
    write_participant(out, "03", {"go": effects(5)}, affine=np.diag([2.0, 3, 3, 1]))
    assert group(bids, out) == 65
    line = capsys.readouterr().err.splitlines()[-1]
    assert "sub-03" in line
    assert "sub-01" in line
    assert "grid" in line
    assert (out / "group" / f"{NAME}_desc-agreement_metrics.tsv").exists()
    assert (out / "group.html").exists()


COVARIATES = {
    "no table": ((1, "age"), {}, 66, "participants.tsv: does not exist"),
    "no column": ((1, "agee"), {"age": (1, 2, 3)}, 65, "has no column 'agee'; did you mean 'age'?"),
    "one group": ((1, "sex"), {"sex": "FFF"}, 65, "1 value: F"),
    "no groups": ((1, "sex"), {"sex": "FMX"}, 65, "3 values: F, M, X"),
    "two spellings": ((1, "sex"), {"sex": "FfM"}, 65, "'F' in line 2 and 'f' in line 3; write them alike"),
    "too few": ((1, "age", "iq"), {"age": (1, 2, 4), "iq": (4, 1, 9)}, 65, "3 participants are too few"),
}


@pytest.mark.parametrize(("x", "columns", "code", "said"), COVARIATES.values(), ids=COVARIATES)
def test_covariates_that_are_not_there_are_named(
    tmp_path: Path,
    capsys: Said,
    x: tuple[object, ...],
    columns: dict[str, tuple[object, ...]],
    code: int,
    said: str,
) -> None:
    bids, out = write_group(tmp_path, 3, **columns)
    write_model(out / "model-tap_smdl.json", node(*x))
    assert group(bids, out) == code
    assert said in capsys.readouterr().err
    assert said.split(":")[0] in " ".join(summary(out)["errors"])
    assert (out / "group.html").exists()
    assert not list((out / "group").glob("*_statmap*"))


def test_missing_covariate_leaves_a_participant_out_by_name(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 5, age=(20, "n/a", 40, 30, 25))
    write_model(out / "model-tap_smdl.json", node(1, "age"))
    assert group(bids, out) == 0
    assert "participants.tsv has no age of sub-02 (line 3)" in capsys.readouterr().err
    assert summary(out)["contrasts"][0]["participants"] == ["01", "03", "04", "05"]


def test_covariate_that_does_not_vary_is_an_error_and_the_other_maps_stand(tmp_path: Path) -> None:
    bids, out = write_group(tmp_path, 4, age=(30, 30, 30, 30))
    write_model(out / "model-tap_smdl.json", node(1, "age"))
    assert group(bids, out, "-q") == 65
    assert [entry["label"] for entry in summary(out)["contrasts"]] == ["go"]
    assert "column 'age' is 30 for all participants here" in " ".join(summary(out)["errors"])
    assert "the group contrast 'age' of go is left out" in " ".join(summary(out)["notes"])


def test_covariate_that_goes_with_the_groups_is_an_error_and_the_other_maps_stand(tmp_path: Path) -> None:
    bids, out = write_group(tmp_path, 6, age=(20, 20, 20, 40, 40, 40), group="aaabbb")
    contrasts = [
        {"Name": "a - b", "ConditionList": ["group.a", "group.b"], "Weights": [1, -1], "Test": "t"},
        {"Name": "all", "ConditionList": ["group.a", "group.b"], "Weights": [0.5, 0.5], "Test": "t"},
    ]
    write_model(out / "model-tap_smdl.json", node("group", "age", Contrasts=contrasts))
    assert group(bids, out, "-q") == 65
    assert [entry["label"] for entry in summary(out)["contrasts"]] == ["go_groupcontrast-all"]
    together, left_out = summary(out)["errors"]
    assert "group.a, group.b and age depend on each other for the participants here" in together
    assert "'a - b' of go is left out" in left_out


def test_contrasts_of_the_two_levels_are_never_confused_in_file_names(tmp_path: Path) -> None:
    bids, out = write_group(tmp_path, 4, age=(20, 30, 40, 25))
    for seed, label in enumerate(("01", "02", "03", "04")):
        write_participant(out, label, {"go": effects(seed), "goAge": effects(seed + 9)})
    write_model(out / "model-tap_smdl.json", node(1, "age"))
    assert group(bids, out, "-q") == 0
    found = {entry["label"]: (entry["name"], entry["group_contrast"]) for entry in summary(out)["contrasts"]}
    assert found == {
        "go": ("go", "mean"),
        "go_groupcontrast-age": ("go", "age"),
        "goAge": ("goAge", "mean"),
        "goAge_groupcontrast-age": ("goAge", "age"),
    }
    for label, (name, over) in found.items():
        (path,) = (out / "group").glob(f"*_contrast-{label}_stat-t_desc-spm_statmap.json")
        facts = json.loads(path.read_text())
        assert (facts["ContrastName"], facts["GroupContrast"]) == (name, over)


def test_names_that_share_files_are_an_error(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 4, age=(20, 30, 40, 25))
    contrasts = [
        {"Name": name, "ConditionList": ["age"], "Weights": [weight], "Test": "t"}
        for name, weight in (("of age", 1), ("ofAge", -1))
    ]
    write_model(out / "model-tap_smdl.json", node(1, "age", Contrasts=contrasts))
    assert group(bids, out) == 65
    assert "ofAge" in capsys.readouterr().err


def test_maps_of_an_earlier_run_do_not_stay(tmp_path: Path) -> None:
    bids, out = write_group(tmp_path, 3)
    write_participant(out, "01", {"go": effects(0), "stop": effects(1)})
    write_participant(out, "02", {"go": effects(2), "stop": effects(3)})
    assert group(bids, out, "-q") == 0
    assert list((out / "group").glob("*contrast-stop*"))
    for label in ("01", "02"):
        change_summary(out, label, contrasts=[{"name": "go", "label": "go", "test": "t"}])
    assert group(bids, out, "-q") == 0
    assert not list((out / "group").glob("*contrast-stop*"))
    assert list((out / "group").glob("*contrast-go*"))


def test_maps_of_an_earlier_run_survive_an_error(tmp_path: Path) -> None:
    bids, out = write_group(tmp_path, 3)
    assert group(bids, out, "-q") == 0
    write_model(out / "model-tap_smdl.json", node(1, "age"))
    assert group(bids, out, "-q") == 66
    assert list((out / "group").glob("*_stat-t_desc-spm_statmap.nii.gz"))
    write_model(out / "model-tap_smdl.json", node(1, DummyContrasts={"Test": "t"}, Name="other"))
    change_summary(out, "01", contrasts=[])
    change_summary(out, "02", contrasts=[])
    assert group(bids, out, "-q") == 0
    assert not list((out / "group").glob("*_stat-t_desc-spm_statmap.nii.gz"))


def test_group_model_may_come_from_the_command_line(tmp_path: Path, capsys: Said) -> None:
    bids, out = write_group(tmp_path, 3, age=(20, 31, 29))
    path = write_model(tmp_path / "model_smdl.json", node(1, "age", Contrasts=[_of_age()]))
    fitted = parse_model(json.loads(path.read_text()), "m", Settings(bids, out, "participant"))
    for label in ("01", "02", "03"):
        configured = configuration(fitted, "matched", ("spm", "nilearn"))
        change_summary(out, label, configuration=configured)
    assert group(bids, out, "-q", "--model", str(path)) == 0
    assert [entry["label"] for entry in summary(out)["contrasts"]] == ["go_groupcontrast-age"]
    document = json.loads(path.read_text())
    document["Nodes"][0]["Model"]["X"] = ["trial_type.move", "trial_type.look", 1]
    path.write_text(json.dumps(document))
    assert group(bids, out, "--model", str(path)) == 65
    assert "was run with another model (regressors (X): " in capsys.readouterr().err


def _of_age() -> dict[str, object]:
    return {"Name": "age", "ConditionList": ["age"], "Weights": [1], "Test": "t"}
