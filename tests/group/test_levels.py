"""Group analyses of each session and level, of groups and several contrasts: numbers of scipy and nilearn."""

import json
import re
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
from bidsglm.outputs.names import contrast_entities
from tests import tiny
from tests.finished import AFFINE, NAME, brain, effects, read_rows, write_dataset, write_participant

pytestmark = pytest.mark.usefixtures("plain_figures")

RELATIVE = 1e-5
LABELS = tuple(f"{i:02d}" for i in range(1, 10))
AGE = (21, 34, 47, 29, 38, 52, 44, 26, 31)
GROUP = tuple("abcabcabc")
SITE = ("north side", "south", "south") * 3
DOSE = (1.5, 0.5, 2.5, 1, 3, 2, 0.25, 4, 1.25)
NUMBERED = (1, 2, 1, 2, 1, 2, 1, 2, 1)


def node(name: str, group_by: list[str], x: list[object], **more: object) -> dict[str, Any]:
    model: dict[str, Any] = {"Type": "glm", "X": x, "Software": {"SPM": {"Variance": "equal"}}}
    return {"Level": "Dataset", "Name": name, "GroupBy": group_by, "Model": model, **more}


def contrast(name: str, weights: Mapping[str, Any], rows: list[list[float]] | None = None) -> dict[str, Any]:
    test = "F" if rows else "t"
    return {
        "Name": name,
        "ConditionList": list(weights),
        "Weights": rows or list(weights.values()),
        "Test": test,
    }


def write_model(path: Path, *nodes: Mapping[str, Any]) -> Path:
    document = tiny.model()
    document["Name"] = "tap"
    document["Nodes"][0]["GroupBy"] = ["run", "session", "subject"]
    document["Nodes"] += nodes
    document["Edges"] = [{"Source": "run", "Destination": one["Name"]} for one in nodes]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def transformations(*items: Mapping[str, Any]) -> dict[str, Any]:
    return {"Transformer": "pybids-transforms-v1", "Instructions": list(items)}


def study(root: Path, *nodes: Mapping[str, Any], sessions: tuple[str, ...] = ("",)) -> tuple[Path, Path]:
    """Nine participants with the contrasts go and stop; their data set and output folder."""
    bids = write_dataset(root, LABELS, age=AGE, group=GROUP, site=SITE, grade=NUMBERED, dose=DOSE)
    out = root / "out"
    for i, label in enumerate(LABELS):
        for j, session in enumerate(sessions):
            maps = {
                name: effects(100 * i + 10 * j + k, mean=0.3 * k) for k, name in enumerate(("go", "stop"))
            }
            write_participant(out, label, maps, session=session)
    write_model(out / "model-tap_smdl.json", *nodes)
    return bids, out


def group(bids: Path, out: Path, *options: str) -> int:
    return main([str(bids), str(out), "group", "-q", *options])


def values(out: Path, contrast: str, stat: str, desc: str = "spm", where: str = "") -> np.ndarray:
    path = (
        out / "group" / f"{NAME}{where}_{contrast_entities(contrast)}_stat-{stat}_desc-{desc}_statmap.nii.gz"
    )
    return np.asarray(nib.load(path).dataobj)[brain()]


def effect_maps(out: Path, contrast: str = "go", session: str = "", desc: str = "spm") -> np.ndarray:
    """(n_participants, n_voxels)"""
    folder = f"sub-*/ses-{session}/func" if session else "sub-*/func"
    paths = sorted(out.glob(f"{folder}/*_contrast-{contrast}_stat-effect_desc-{desc}_statmap.nii.gz"))
    assert len(paths) == len(LABELS)
    return np.stack([np.asarray(nib.load(path).dataobj)[brain()] for path in paths])


def summary(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "group" / f"{NAME}_desc-group_summary.json").read_text()))


def close(ours: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=RELATIVE, atol=RELATIVE * np.abs(theirs).max())


def extra_sum_of_squares(y: np.ndarray, full: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """F of weights' rows all being zero: the model fitted with and without them."""
    null = full @ _null_space(weights)
    rest = [y - x @ np.linalg.lstsq(x, y, rcond=None)[0] for x in (full, null)]
    sums = [(r**2).sum(axis=0) for r in rest]
    rank, free = np.linalg.matrix_rank(full), np.linalg.matrix_rank(full) - np.linalg.matrix_rank(null)
    return (sums[1] - sums[0]) / free / (sums[0] / (len(y) - rank))


def _null_space(weights: np.ndarray) -> np.ndarray:
    _, singular, right = np.linalg.svd(weights)
    return right[np.count_nonzero(singular > 1e-10) :].T


@pytest.fixture(scope="module")
def by_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    nodes = [
        node("each", ["contrast", "session", "site"], [1], DummyContrasts={"Test": "t"}),
    ]
    bids, out = study(tmp_path_factory.mktemp("sessions"), *nodes, sessions=("pre", "post"))
    assert group(bids, out) == 0
    return out


@pytest.mark.parametrize("session", ["pre", "post"])
@pytest.mark.parametrize("site", ["north side", "south"])
@pytest.mark.parametrize("desc", ["spm", "nilearn"])
def test_each_session_and_site_has_a_one_sample_test(
    by_session: Path, session: str, site: str, desc: str
) -> None:
    members = np.array(SITE) == site
    where = f"_ses-{session}_site-{'northSide' if ' ' in site else site}"
    for name in ("go", "stop"):
        maps = effect_maps(by_session, name, session, desc)[members]
        close(values(by_session, name, "t", desc, where), stats.ttest_1samp(maps, 0).statistic)
        close(values(by_session, name, "effect", desc, where), maps.mean(axis=0))


def test_each_group_has_tables_of_its_own(by_session: Path) -> None:
    where = f"{NAME}_ses-pre_site-northSide"
    rows = read_rows(by_session / "group" / f"{where}_desc-agreement_metrics.tsv")
    assert {(row["participant_id"], row["session_id"]) for row in rows} == {
        (f"sub-{label}", "ses-pre") for label in ("01", "04", "07")
    }
    rows = read_rows(by_session / "group" / f"{where}_desc-groupAgreement_metrics.tsv")
    assert {row["contrast"] for row in rows} == {"go", "stop"}
    rows = read_rows(by_session / "group" / f"{where}_contrast-go_design.tsv")
    assert [row["participant_id"] for row in rows] == ["sub-01", "sub-04", "sub-07"]


def test_each_group_stands_on_the_page(by_session: Path) -> None:
    page = (by_session / "group.html").read_text()
    for session in ("pre", "post"):
        for site in ("north side", "south"):
            assert f"<h3>go (ses-{session}, site {site})</h3>" in page
    assert page.count('<details class="card" id="group-1-') == 8
    assert len(set(re.findall('class="card" id="(group-1-[^"]+)', page))) == 8
    assert "Mean over 3 participants of ses-pre, site north side (one-sample t test)" in page


def test_groups_that_the_model_no_longer_asks_for_are_removed(tmp_path: Path) -> None:
    bids, out = study(tmp_path, node("each", ["contrast", "site"], [1]))
    assert group(bids, out) == 0
    assert list((out / "group").glob("*_site-south_*"))
    write_model(out / "model-tap_smdl.json", node("all", ["contrast"], [1]))
    assert group(bids, out) == 0
    assert not list((out / "group").glob("*_site-south_*"))
    assert list((out / "group").glob(f"{NAME}_contrast-go_stat-t*"))


@pytest.fixture(scope="module")
def designed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    any_group = [[1.0, -1.0, 0.0], [0.0, 1.0, -1.0]]
    three = {f"group.{level}": 0 for level in "abc"}
    slopes = transformations(
        {"Name": "Factor", "Input": ["grade"]},
        {"Name": "Demean", "Input": ["age"], "Output": ["age_dm"]},
        {"Name": "Product", "Input": ["grade.1", "age_dm"], "Output": "age.1"},
        {"Name": "Product", "Input": ["grade.2", "age_dm"], "Output": ["age.2"]},
    )
    recoded = transformations(
        {"Name": "Rename", "Input": ["age"], "Output": ["years"]},
        {"Name": "Replace", "Input": ["site"], "Replace": {"north side": "north"}},
        {"Name": "Threshold", "Input": ["grade"], "Threshold": 2, "Binarize": True, "Output": ["high"]},
        {"Name": "Copy", "Input": ["dose"], "Output": ["scaled"]},
        {"Name": "Scale", "Input": ["scaled"]},
    )
    nodes = [
        node(
            "three",
            ["contrast"],
            [1, "group"],
            Contrasts=[
                contrast("b - a", {"group.b": 1, "group.a": -1}),
                contrast("anova", three, any_group),
            ],
        ),
        node(
            "slopes",
            ["contrast"],
            ["grade.*", "age.1", "age.2"],
            Transformations=slopes,
            Contrasts=[
                contrast("slope", {"age.1": 1, "age.2": -1}),
                contrast("any", {"age.1": 0, "age.2": 0}, [[1, 0], [0, 1]]),
            ],
        ),
        node(
            "recoded",
            ["contrast"],
            ["site.north", "site.south", "years", "high", "scaled"],
            Transformations=recoded,
            Contrasts=[contrast("sites", {"site.north": 1, "site.south": -1})],
        ),
        node(
            "both",
            [],
            ["go", "stop", "age"],
            Contrasts=[
                contrast("any response", {"go": 0, "stop": 0}, [[1, 0], [0, 1]]),
                contrast("stop - go", {"stop": 1, "go": -1}),
            ],
        ),
    ]
    bids, out = study(tmp_path_factory.mktemp("designed"), *nodes)
    assert group(bids, out, "--permutations", "4") == 0
    return out


def test_only_t_contrasts_of_participants_are_permuted(designed: Path) -> None:
    notes = " ".join(summary(designed)["notes"])
    assert "go: no permutations of 'anova': only t contrasts are permuted." in notes
    assert "no permutations of 'stop - go': a participant's contrasts are not exchangeable" in notes
    assert list(
        (designed / "group").glob(
            "*_contrast-go_node-three_groupcontrast-bMinusA_stat-p_desc-spmPermutation_statmap.nii.gz"
        )
    )


def marks(column: tuple[object, ...], *levels: object) -> np.ndarray:
    return np.column_stack([[float(value == level) for value in column] for level in levels])


@pytest.mark.parametrize("desc", ["spm", "nilearn"])
def test_one_way_anova_of_three_groups(designed: Path, desc: str) -> None:
    maps = effect_maps(designed, "go", desc=desc)
    groups = [maps[np.array(GROUP) == level] for level in "abc"]
    found = stats.f_oneway(*groups)
    close(values(designed, "go_node-three_groupcontrast-anova", "F", desc), found.statistic)
    close(values(designed, "go_node-three_groupcontrast-anova", "p", desc), found.pvalue)
    assert not list((designed / "group").glob("*groupcontrast-anova*stat-effect*"))
    close(
        values(designed, "go_node-three_groupcontrast-bMinusA", "effect", desc),
        groups[1].mean(axis=0) - groups[0].mean(axis=0),
    )


@pytest.mark.parametrize("desc", ["spm", "nilearn"])
def test_slopes_of_a_numbered_factor(designed: Path, desc: str) -> None:
    maps = effect_maps(designed, "stop", desc=desc)
    age = np.array(AGE) - np.mean(AGE)
    groups = marks(NUMBERED, 1, 2)
    full = np.column_stack([groups, groups * age[:, None]])
    weights = np.array([[0.0, 0, 1, 0], [0, 0, 0, 1]])
    close(
        values(designed, "stop_node-slopes_groupcontrast-any", "F", desc),
        extra_sum_of_squares(maps, full, weights),
    )
    fitted = [stats.linregress(age[m == 1], maps[m == 1, 0]).slope for m in groups.T]
    np.testing.assert_allclose(
        values(designed, "stop_node-slopes_groupcontrast-slope", "effect", desc)[0],
        fitted[0] - fitted[1],
        rtol=1e-4,
    )
    rows = read_rows(designed / "group" / f"{NAME}_contrast-stop_node-slopes_design.tsv")
    np.testing.assert_allclose([float(row["age.1"]) for row in rows], full[:, 2])
    assert list(rows[0]) == ["participant_id", "grade.1", "grade.2", "age.1", "age.2"]


def test_renamed_covariates_are_centred_and_made_ones_are_not(designed: Path) -> None:
    rows = read_rows(designed / "group" / f"{NAME}_contrast-go_node-recoded_design.tsv")
    age = np.array(AGE) - np.mean(AGE)
    np.testing.assert_allclose([float(row["years"]) for row in rows], age)
    dose = np.array(DOSE) - np.mean(DOSE)
    np.testing.assert_allclose([float(row["scaled"]) for row in rows], dose / dose.std(ddof=1))
    assert [float(row["high"]) for row in rows] == [float(grade >= 2) for grade in NUMBERED]
    assert [float(row["site.north"]) for row in rows] == [float(site == "north side") for site in SITE]


@pytest.mark.parametrize("desc", ["spm", "nilearn"])
def test_difference_of_recoded_groups_is_nilearns(designed: Path, desc: str) -> None:
    design = pd.DataFrame(marks(SITE, "north side", "south"), columns=["north", "south"])
    design["age"], design["dose"] = AGE, DOSE
    design["high"] = [float(grade >= 2) for grade in NUMBERED]
    model = SecondLevelModel(mask_img=nib.Nifti1Image(brain().astype(np.uint8), AFFINE))
    paths = sorted(designed.glob(f"sub-*/func/*_contrast-go_stat-effect_desc-{desc}_statmap.nii.gz"))
    model.fit([nib.load(path) for path in paths], design_matrix=design)
    theirs = model.compute_contrast("north - south", output_type="stat").get_fdata()[brain()]
    close(values(designed, "go_node-recoded_groupcontrast-sites", "t", desc), theirs)


@pytest.mark.parametrize("desc", ["spm", "nilearn"])
def test_several_contrasts_in_one_model_have_a_column_each(designed: Path, desc: str) -> None:
    maps = np.vstack([effect_maps(designed, name, desc=desc) for name in ("go", "stop")])
    which = np.repeat(np.eye(2), len(LABELS), axis=0)
    full = np.column_stack([which, np.tile(np.array(AGE) - np.mean(AGE), 2)])
    weights = np.array([[1.0, 0, 0], [0, 1, 0]])
    close(values(designed, "groupcontrast-anyResponse", "F", desc), extra_sum_of_squares(maps, full, weights))
    close(
        values(designed, "groupcontrast-stopMinusGo", "effect", desc),
        maps[9:].mean(axis=0) - maps[:9].mean(axis=0),
    )
    rows = read_rows(designed / "group" / f"{NAME}_design.tsv")
    assert list(rows[0]) == ["participant_id", "contrast", "go", "stop", "age"]
    assert [(row["participant_id"], row["contrast"]) for row in rows[8:10]] == [
        ("sub-09", "go"),
        ("sub-01", "stop"),
    ]
    entry = next(e for e in summary(designed)["contrasts"] if e["label"] == "groupcontrast-anyResponse")
    assert (entry["n"], entry["n_maps"], entry["test"]) == (9, 18, "F")


def test_page_shows_f_maps_and_says_what_they_test(designed: Path) -> None:
    page = (designed / "group.html").read_text()
    assert (
        "Whether 1 × go or 1 × stop is not 0 (F test), in a model of go, stop and age over 9 participants"
        in page
    )
    assert "18 maps, taken as independent" in page
    assert "<h3>go: anova (three)</h3>" in page


def test_group_of_one_is_an_error_and_the_others_have_maps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = study(tmp_path, node("each", ["contrast", "kind"], [1]))
    rows = [f"sub-{label}\t{'only' if label == '05' else 'usual'}" for label in LABELS]
    (bids / "participants.tsv").write_text("\n".join(["participant_id\tkind", *rows]) + "\n")
    assert group(bids, out) == 65
    assert (
        "the group kind only is one participant, sub-05: of one there is no variance"
        in capsys.readouterr().err
    )
    assert list((out / "group").glob("*_kind-usual_contrast-go_stat-t*"))
    assert (out / "group.html").exists()


def test_group_of_one_in_a_design_is_named_and_its_maps_are_written(tmp_path: Path) -> None:
    bids, out = study(tmp_path, node("all", ["contrast"], [1, "kind"]))
    rows = [f"sub-{label}\t{'only' if label == '05' else 'usual'}" for label in LABELS]
    (bids / "participants.tsv").write_text("\n".join(["participant_id\tkind", *rows]) + "\n")
    assert group(bids, out) == 65
    assert "the group kind.only is one participant, sub-05" in " ".join(summary(out)["errors"])
    assert list((out / "group").glob("*_contrast-go_groupcontrast-onlyMinusUsual_stat-t*"))


def test_session_that_somebody_missed_is_named(tmp_path: Path) -> None:
    bids, out = study(tmp_path, node("each", ["contrast", "session"], [1]), sessions=("pre", "post"))
    for path in (out / "sub-03" / "ses-post" / "func").iterdir():
        path.unlink()
    assert group(bids, out) == 0
    (entry,) = (e for e in summary(out)["contrasts"] if (e["group"], e["label"]) == ("ses-post", "go"))
    assert entry["left_out"] == {"03": "has no results of ses-post"}


def test_node_by_session_without_sessions_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = study(tmp_path, node("each", ["contrast", "session"], [1]))
    assert group(bids, out) == 65
    assert "groups by session, but the results are of no session" in capsys.readouterr().err


def test_node_without_contrast_that_names_none_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = study(tmp_path, node("each", [], [1]))
    assert group(bids, out) == 65
    assert "add 'contrast' to its GroupBy" in capsys.readouterr().err


def test_contrast_that_is_written_out_and_cannot_be_told_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = [contrast("mean", {"constant": 1}), contrast("c - a", {"group.c": 1, "group.a": -1})]
    written[0]["ConditionList"] = [1]
    every = node("all", ["contrast"], [1, "group.*"], Contrasts=written)
    every["Transformations"] = transformations({"Name": "Factor", "Input": ["group"]})
    bids, out = study(tmp_path, every)
    assert group(bids, out) == 65
    said = capsys.readouterr().err
    assert "participants.tsv: the group contrast 'mean' of go is left out" in said
    assert "mean, group.a, group.b and group.c depend on each other" in said
    assert [e["group_contrast"] for e in summary(out)["contrasts"]] == ["c - a", "c - a"]


def test_covariate_twice_in_the_model_is_named_and_what_does_not_need_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = node("all", ["contrast"], [1, "age", "months"], Contrasts=[contrast("mean", {"1": 1})])
    twice["Contrasts"][0]["ConditionList"] = [1]
    twice["Transformations"] = transformations(
        {"Name": "Sum", "Input": ["age"], "Weights": [12], "Output": ["months"]},
        {"Name": "Demean", "Input": ["months"]},
    )
    bids, out = study(tmp_path, twice)
    assert group(bids, out) == 65
    assert "age and months depend on each other" in capsys.readouterr().err
    close(values(out, "go", "effect"), effect_maps(out).mean(axis=0))


def test_column_with_a_value_for_each_participant_makes_no_groups(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = study(tmp_path, node("each", ["contrast", "age"], [1]))
    assert group(bids, out) == 65
    assert "has another value for each participant: it makes no groups" in capsys.readouterr().err


def test_filter_of_an_edge_chooses_participants_by_a_column(tmp_path: Path) -> None:
    bids, out = study(tmp_path, node("few", ["contrast"], [1]))
    path = out / "model-tap_smdl.json"
    document = json.loads(path.read_text())
    document["Edges"][0]["Filter"] = {"site": ["south"], "grade": [2]}
    path.write_text(json.dumps(document))
    assert group(bids, out) == 0
    chosen = [i for i, cells in enumerate(zip(SITE, NUMBERED, strict=True)) if cells == ("south", 2)]
    expected = stats.ttest_1samp(effect_maps(out)[chosen], 0).statistic
    close(values(out, "go", "t"), expected)


def log_of(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_what_is_odd_in_a_group_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bids, out = study(tmp_path, node("all", ["contrast"], [1, "dose"]))
    path = out / "model-tap_smdl.json"
    document = json.loads(path.read_text())
    document["Edges"][0]["Filter"] = {"site": ["south"], "subject": [*LABELS, "77"]}
    path.write_text(json.dumps(document))
    table = bids / "participants.tsv"
    table.write_text(table.read_text().replace("sub-05", "sub-5").replace("\t4\n", "\t-999\n"))
    twins = [
        next(out.glob(f"sub-{i}/func/*_contrast-go_stat-effect_desc-spm_statmap.nii.gz"))
        for i in ("02", "06")
    ]
    twins[1].write_bytes(twins[0].read_bytes())
    assert group(bids, out) == 0
    said = log_of(capsys)
    assert (
        "sub-01, sub-04, sub-07 are left out of the group maps: site is north side, which the filter" in said
    )
    assert "sub-05 is left out of the group maps: not in participants.tsv, which has sub-5 (line 6)" in said
    assert "names subject 77, of which there are no results" in said
    assert "line 9: dose of sub-08 is -999, all others are from" in said
    assert said.count("go: the effect maps of sub-02 and sub-06 are the same in every voxel") == 1
    assert "stop: the effect maps of" not in said


def test_filter_that_leaves_one_participant_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = study(tmp_path, node("all", ["contrast"], [1]))
    path = out / "model-tap_smdl.json"
    document = json.loads(path.read_text())
    document["Edges"][0]["Filter"] = {"dose": [0.25]}
    path.write_text(json.dumps(document))
    assert group(bids, out) == 65
    assert "participants.tsv: the group is one participant, sub-07: of one there is no variance" in log_of(
        capsys
    )
