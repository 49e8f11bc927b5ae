"""Why group maps differ: shares add up, nothing is fitted again in vain, and the page says it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bidsglm.outputs.group_map_tables import group_attribution_schema
from bidsglm.pairs import DEFAULT_PAIR
from tests.finished import NAME, effects, read_rows, write_participant
from tests.group.test_variance import dataset_node, group, study, summary, values

pytestmark = pytest.mark.usefixtures("plain_figures")

STEPS = ("effects", "design", "variance", "mask")
DIFFERENCE = "go_groupcontrast-controlMinusPatient"
ROUNDING = 1e-6


def table(out: Path) -> list[dict[str, Any]]:
    rows = group_attribution_schema(DEFAULT_PAIR).read(
        out / "group" / f"{NAME}_desc-groupAttribution_metrics.tsv"
    )
    return [dict(row) for row in rows]


def of(rows: list[dict[str, Any]], label: str, map_name: str, metric: str) -> dict[str, dict[str, Any]]:
    key = (label, map_name, metric)
    return {row["step"]: row for row in rows if (row["label"], row["map"], row["metric"]) == key}


@pytest.fixture(scope="module")
def unequal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bids, out = study(tmp_path_factory.mktemp("reasons"), dataset_node(["group", "age"], None))
    # a package's mask may leave out what the other has
    hole = effects(1, mean=3.0)
    hole["spm"][3, 3, 3] = np.nan
    write_participant(out, "02", {"go": hole})
    assert group(bids, out) == 0
    return out


def test_shares_add_up_to_the_difference_of_the_maps(unequal: Path) -> None:
    rows = table(unequal)
    kinds = {(row["label"], row["map"], row["metric"]) for row in rows}
    assert {kind[1:] for kind in kinds} >= {("effect", "rmsd"), ("t", "rmsd"), ("t", "1-dice"), ("t", "1-r")}
    for kind in kinds:
        each = of(rows, *kind)
        assert tuple(each) == STEPS
        total = each["mask"]["total"]
        np.testing.assert_allclose(sum(row["shapley"] for row in each.values()), total, atol=1e-12)
        np.testing.assert_allclose(each["mask"]["ladder"], total, atol=1e-12)
        assert each["design"]["shapley"] == 0.0


def test_total_is_the_difference_of_the_maps_on_disk(unequal: Path) -> None:
    for stat in ("effect", "t"):
        spm, nilearn = (values(unequal, DIFFERENCE, stat, desc) for desc in ("spm", "nilearn"))
        effect = [values(unequal, DIFFERENCE, "effect", desc) for desc in ("spm", "nilearn")]
        both = np.isfinite(effect).all(axis=0)
        rmsd = np.sqrt(np.mean((spm[both] - nilearn[both]) ** 2))
        total = of(table(unequal), DIFFERENCE, stat, "rmsd")["effects"]["total"]
        np.testing.assert_allclose(total, rmsd, rtol=1e-5)


def test_variances_move_t_and_without_a_covariate_no_effect(tmp_path: Path, unequal: Path) -> None:
    moved = of(table(unequal), DIFFERENCE, "t", "rmsd")
    assert abs(moved["variance"]["shapley"]) > 0.05 * moved["variance"]["total"]
    assert moved["variance"]["nilearn"] == "one"
    assert moved["variance"]["spm"] == "one for each group"
    assert moved["mask"]["shapley"] != 0
    bids, out = study(tmp_path, dataset_node(["group"], None))
    assert group(bids, out) == 0
    effect = of(table(out), DIFFERENCE, "effect", "rmsd")
    assert abs(effect["variance"]["shapley"]) < ROUNDING * effect["effects"]["total"]
    # the masks are the same here
    assert effect["mask"]["shapley"] == 0


def test_both_ends_meet_the_packages_own_maps(unequal: Path) -> None:
    rows = table(unequal)
    assert {row["closure_spm"] for row in rows} == {0.0}
    assert max(row["closure_nilearn"] for row in rows) < ROUNDING


def test_with_one_variance_all_comes_from_the_participants_maps(tmp_path: Path) -> None:
    bids, out = study(tmp_path, dataset_node(["group"], "equal"))
    assert group(bids, out) == 0
    each = of(table(out), DIFFERENCE, "t", "rmsd")
    assert each["effects"]["shapley"] == each["effects"]["total"] > 0
    assert [each[name]["shapley"] for name in STEPS[1:]] == [0, 0, 0]
    assert each["variance"]["spm"] == "one"
    assert np.isnan(each["variance"]["closure_nilearn"])
    assert summary(out)["contrasts"][0]["findings"] == []
    assert "group-variance" not in (out / "group.html").read_text()
    assert "100 % comes from the participants&#39; maps" in (out / "group.html").read_text()


def test_one_variance_is_a_finding_with_its_size(unequal: Path) -> None:
    entry = next(e for e in summary(unequal)["contrasts"] if e["label"] == DIFFERENCE)
    (finding,) = entry["findings"]
    assert finding["code"] == "group-variance"
    paths = sorted(unequal.glob("sub-*/func/*_contrast-go_stat-effect_desc-spm_statmap.nii.gz"))
    assert len(paths) == 10
    rows = read_rows(unequal / "group" / f"{NAME}_contrast-go_design.tsv")
    X = np.array([[float(v) for k, v in row.items() if k != "participant_id"] for row in rows])
    import nibabel as nib

    images = np.stack([np.asarray(nib.load(path).dataobj).ravel() for path in paths])
    effect = values(unequal, DIFFERENCE, "effect"), values(unequal, DIFFERENCE, "effect", "nilearn")
    both = np.isfinite(effect).all(axis=0)
    beta = np.linalg.pinv(X) @ images[:, both]
    rest = ((images[:, both] - X @ beta) ** 2).sum(axis=0) / 7
    c = np.array([1.0, -1, 0])
    t = c @ beta / np.sqrt(rest * (c @ np.linalg.inv(X.T @ X) @ c))
    moved = np.abs(values(unequal, DIFFERENCE, "t")[both] - t).max()
    np.testing.assert_allclose(finding["size"], moved, rtol=1e-4)
    page = (unequal / "group.html").read_text()
    assert "nilearn has one variance for all groups" in page
    assert f"by up to {moved:.3g}" in page


def test_page_says_what_makes_the_difference(unequal: Path) -> None:
    page = (unequal / "group.html").read_text()
    assert "What makes the difference of the group maps of go: control - patient" in page
    assert "variance model" in page
    assert "_desc-groupAttribution_metrics.tsv" in page


def test_attribution_can_be_left_out(tmp_path: Path) -> None:
    from bidsglm.cli import main

    bids, out = study(tmp_path, dataset_node(["group"], None))
    assert main([str(bids), str(out), "group", "-q", "--no-attribution"]) == 0
    assert not list((out / "group").glob("*groupAttribution*"))


def test_rows_of_the_table_know_their_contrast_and_document_every_column(unequal: Path) -> None:
    rows = table(unequal)
    assert {(row["contrast"], row["group_contrast"]) for row in rows} >= {("go", "control - patient")}
    path = unequal / "group" / f"{NAME}_desc-groupAttribution_metrics.json"
    assert set(json.loads(path.read_text())) >= set(rows[0])
