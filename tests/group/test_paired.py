"""Paired tests and mixed designs: a participant's maps in one model, against scipy and statsmodels."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from tests.finished import NAME, brain, effects, read_rows, write_participant
from tests.group.test_levels import (
    AGE,
    LABELS,
    SITE,
    close,
    contrast,
    effect_maps,
    group,
    node,
    study,
    summary,
    transformations,
    values,
)

pytestmark = pytest.mark.usefixtures("plain_figures")

Said = pytest.CaptureFixture[str]
PAIR = {"session.post": 1, "session.pre": -1}


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two visits of nine participants, in several models."""
    mixed = transformations(
        {"Name": "Factor", "Input": ["site"]},
        {"Name": "Factor", "Input": ["session"]},
        {"Name": "Product", "Input": ["site.south", "session.post"], "Output": ["change.south"]},
    )
    nodes = [
        node("paired", ["contrast"], ["session", "participant_id"]),
        node("free", ["contrast"], ["session"], Contrasts=[contrast("post - pre", PAIR)]),
        node(
            "mixed",
            ["contrast"],
            ["session.pre", "session.post", "change.south", "participant_id"],
            Transformations=mixed,
            Contrasts=[contrast("interaction", {"change.south": 1})],
        ),
        node(
            "cells",
            [],
            ["contrast", "participant_id"],
            Contrasts=[contrast("stop - go", {"contrast.stop": 1, "contrast.go": -1})],
        ),
    ]
    bids, out = study(tmp_path_factory.mktemp("visits"), *nodes, sessions=("pre", "post"))
    assert group(bids, out) == 0
    return out


def pair(out: Path, desc: str, name: str = "go") -> tuple[np.ndarray, np.ndarray]:
    return effect_maps(out, name, "pre", desc), effect_maps(out, name, "post", desc)


@pytest.mark.parametrize("desc", ["spm", "nilearn"])
def test_sessions_with_an_effect_of_each_participant_are_the_paired_test(visits: Path, desc: str) -> None:
    before, after = pair(visits, desc)
    found = stats.ttest_rel(after, before)
    name = "go_node-paired_groupcontrast-postMinusPre"
    close(values(visits, name, "t", desc), found.statistic)
    close(values(visits, name, "effect", desc), (after - before).mean(axis=0))
    close(values(visits, name, "p", desc), stats.ttest_rel(after, before, alternative="greater").pvalue)
    entry = next(e for e in summary(visits)["contrasts"] if e["label"] == name)
    assert (entry["n"], entry["n_maps"], entry["dof"][desc]) == (9, 18, [8.0])


@pytest.mark.parametrize("desc", ["spm", "nilearn"])
def test_without_it_the_maps_are_taken_as_independent(visits: Path, desc: str) -> None:
    before, after = pair(visits, desc)
    found = stats.ttest_ind(after, before).statistic
    close(values(visits, "go_node-free_groupcontrast-postMinusPre", "t", desc), found)


@pytest.mark.parametrize("desc", ["spm", "nilearn"])
def test_change_in_one_group_less_that_in_the_other_is_a_test_of_the_differences(
    visits: Path, desc: str
) -> None:
    before, after = pair(visits, desc)
    south = np.array([site == "south" for site in SITE])
    change = after - before
    found = stats.ttest_ind(change[south], change[~south]).statistic
    close(values(visits, "go_node-mixed_groupcontrast-interaction", "t", desc), found)


def test_statsmodels_fits_the_same_interaction(visits: Path) -> None:
    before, after = pair(visits, "spm")
    frame = pd.DataFrame(
        {
            "who": [*LABELS, *LABELS],
            "post": np.repeat([0.0, 1.0], 9),
            "change": np.repeat([0.0, 1.0], 9) * np.tile([float(s == "south") for s in SITE], 2),
        }
    )
    ours = values(visits, "go_node-mixed_groupcontrast-interaction", "t")
    for voxel in range(0, ours.size, 41):
        frame["y"] = np.concatenate([before[:, voxel], after[:, voxel]])
        fit = smf.ols("y ~ post + change + C(who)", frame).fit()
        np.testing.assert_allclose(ours[voxel], fit.tvalues["change"], rtol=1e-4, atol=1e-5)


def test_design_says_whose_and_of_which_visit_each_map_is(visits: Path) -> None:
    rows = read_rows(visits / "group" / f"{NAME}_contrast-go_node-paired_design.tsv")
    assert list(rows[0])[:4] == ["participant_id", "session_id", "session.post", "session.pre"]
    assert list(rows[0])[4:] == [f"participant_id.{label}" for label in LABELS]
    marked = {(row["session_id"], float(row["session.pre"])) for row in rows}
    assert marked == {("ses-pre", 1.0), ("ses-post", 0.0)}


def test_page_says_that_each_participant_has_an_effect(visits: Path) -> None:
    page = (visits / "group.html").read_text()
    assert "in a model of session.post, session.pre and participant_id.* over 9 participants" in page
    assert "18 maps, each less its participant&#39;s mean" in page
    assert "18 maps, taken as independent" in page


def test_nobody_can_be_left_out_of_a_paired_test_and_that_is_said(visits: Path) -> None:
    notes = " ".join(summary(visits)["notes"])
    assert "go: the design has columns that single participants make" in notes


def test_variances_are_equal_for_maps_that_depend_on_each_other(visits: Path) -> None:
    found = {e["node"]: e["variance"]["spm"] for e in summary(visits)["contrasts"]}
    assert {kind["VarianceModel"] for kind in found.values()} == {"equal"}


@pytest.mark.parametrize("desc", ["spm", "nilearn"])
def test_contrasts_with_an_effect_of_each_participant_are_the_mean_of_the_first_levels_difference(
    tmp_path: Path, desc: str
) -> None:
    nodes = [
        node(
            "within",
            [],
            ["go", "stop", "participant_id"],
            Contrasts=[contrast("paired", {"stop": 1, "go": -1})],
        ),
        node("mean", ["contrast"], [1]),
    ]
    bids, out = study(tmp_path, *nodes)
    for i, label in enumerate(LABELS):
        maps = {name: effects(100 * i + k, mean=0.3 * k) for k, name in enumerate(("go", "stop"))}
        maps["stopMinusGo"] = {b: maps["stop"][b] - maps["go"][b] for b in ("spm", "nilearn")}
        write_participant(out, label, maps)
    assert group(bids, out) == 0
    found = (out / "group").glob(f"*groupcontrast-paired_stat-*_desc-{desc}_statmap.nii.gz")
    maps = {
        path.name.split("_stat-")[1].split("_")[0]: np.asarray(nib.load(path).dataobj)[brain()]
        for path in found
    }
    for stat in ("effect", "variance", "t", "p"):
        close(maps[stat], values(out, "stopMinusGo_node-mean", stat, desc))


@pytest.mark.parametrize("desc", ["spm", "nilearn"])
def test_f_over_sessions_is_within_participants(tmp_path: Path, desc: str) -> None:
    any_change = contrast(
        "any change", dict.fromkeys(("session.a", "session.b", "session.c"), 0), [[1, -1, 0], [0, 1, -1]]
    )
    nodes = [node("within", ["contrast"], ["session", "participant_id"], Contrasts=[any_change])]
    bids, out = study(tmp_path, *nodes, sessions=("a", "b", "c"))
    assert group(bids, out) == 0
    y = np.stack([effect_maps(out, "go", s, desc) for s in "abc"])
    # repeated measures: sums of squares of sessions, and of what participants and sessions leave
    mean, sessions, people = y.mean(axis=(0, 1)), y.mean(axis=1), y.mean(axis=0)
    between = 9 * ((sessions - mean) ** 2).sum(axis=0) / 2
    rest = ((y - sessions[:, None] - people[None] + mean) ** 2).sum(axis=(0, 1)) / 16
    close(values(out, "go_groupcontrast-anyChange", "F", desc), between / rest)


def test_sessions_are_those_that_x_names(tmp_path: Path) -> None:
    change = contrast("c - a", {"session.c": 1, "session.a": -1})
    chosen = node(
        "two",
        ["contrast"],
        ["session.a", "session.c", "participant_id"],
        Contrasts=[change],
    )
    bids, out = study(tmp_path, chosen, sessions=("a", "b", "c"))
    assert group(bids, out) == 0
    first, last = (effect_maps(out, "go", s) for s in "ac")
    close(values(out, "go_groupcontrast-cMinusA", "t"), stats.ttest_rel(last, first).statistic)


def test_participant_who_missed_a_visit_is_left_out_by_name(tmp_path: Path) -> None:
    bids, out = study(
        tmp_path, node("paired", ["contrast"], ["session", "participant_id"]), sessions=("pre", "post")
    )
    for path in (out / "sub-03" / "ses-post" / "func").iterdir():
        path.unlink()
    assert group(bids, out) == 0
    entry = next(e for e in summary(out)["contrasts"] if e["label"] == "go_groupcontrast-postMinusPre")
    assert entry["left_out"] == {"03": "has no results of go in ses-post"}
    assert entry["n_maps"] == 16


def test_sessions_numbered_by_digits_are_no_covariate(tmp_path: Path) -> None:
    bids, out = study(
        tmp_path, node("paired", ["contrast"], ["session", "participant_id"]), sessions=("1", "2")
    )
    assert group(bids, out) == 0
    first, last = (effect_maps(out, "go", s) for s in "12")
    close(values(out, "go_groupcontrast-1Minus2", "t"), stats.ttest_rel(first, last).statistic)


def test_covariate_beside_participants_is_told_by_no_map_and_named(tmp_path: Path, capsys: Said) -> None:
    bids, out = study(
        tmp_path, node("paired", ["contrast"], ["session", "participant_id", "age"]), sessions=("pre", "post")
    )
    assert group(bids, out) == 65
    said = capsys.readouterr().err
    assert (
        "participants.tsv: session.post, session.pre, participant_id.* and age depend on each other" in said
    )
    first, last = (effect_maps(out, "go", s) for s in ("pre", "post"))
    close(values(out, "go_groupcontrast-postMinusPre", "t"), stats.ttest_rel(last, first).statistic)


def test_session_that_nobody_has_is_named(tmp_path: Path, capsys: Said) -> None:
    nodes = node("two", ["contrast"], ["session.pre", "session.post", "session.followup"])
    bids, out = study(tmp_path, nodes, sessions=("pre", "post"))
    assert group(bids, out) == 65
    assert (
        "X names 'session.followup', but the maps are of session.post, session.pre" in capsys.readouterr().err
    )


def test_sessions_that_were_fitted_together_are_named_with_the_remedy(tmp_path: Path, capsys: Said) -> None:
    bids, out = study(tmp_path, node("paired", ["contrast"], ["session", "participant_id"]))
    assert group(bids, out) == 65
    assert "the maps are of no single sessions: fit sessions apart" in capsys.readouterr().err


def test_ages_stand_for_each_visit(tmp_path: Path) -> None:
    """A covariate beside sessions without participants' effects has the participant's value in each row."""
    bids, out = study(
        tmp_path,
        node("free", ["contrast"], ["session", "age"], Contrasts=[contrast("age", {"age": 1})]),
        sessions=("pre", "post"),
    )
    assert group(bids, out) == 0
    rows = read_rows(out / "group" / f"{NAME}_contrast-go_design.tsv")
    expected = np.tile(np.array(AGE) - np.mean(AGE), 2)
    np.testing.assert_allclose([float(row["age"]) for row in rows], expected)
