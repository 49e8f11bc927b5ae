"""What survives correction: by each package's rules and by permutations, in maps, a table and the page."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.glm import cluster_level_inference, threshold_stats_img
from nilearn.glm.second_level import non_parametric_inference
from scipy import stats

from bidsglm.cli import main
from tests.finished import AFFINE, NAME, SHAPE, brain, effects, read_rows, write_dataset, write_participant

pytestmark = pytest.mark.usefixtures("plain_figures")

N = 9
KINDS = ("voxelFWE", "voxelFDR", "clusterExtent", "permutationVoxel", "permutationMass", "permutationTFCE")


def signal() -> np.ndarray:
    """Something above 0 in one half of the brain and below in the other."""
    values = np.full(SHAPE, 0.0)
    values[:4], values[4:] = 3.0, -3.0
    return values


def write_study(root: Path) -> tuple[Path, Path]:
    labels = [f"{i:02d}" for i in range(1, N + 1)]
    bids, out = write_dataset(root, labels), root / "out"
    for seed, label in enumerate(labels):
        maps = {b: (v + signal()).astype(np.float32) for b, v in effects(seed, 0.0).items()}
        write_participant(out, label, {"go": maps})
    return bids, out


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    bids, out = write_study(tmp_path_factory.mktemp("inference"))
    assert main([str(bids), str(out), "group", "-q", "--permutations", "40", "--random-seed", "5"]) == 0
    return bids, out


def values(out: Path, desc: str, stat: str = "p") -> np.ndarray:
    name = f"{NAME}_contrast-go_stat-{stat}_desc-{desc}_statmap.nii.gz"
    return np.asarray(nib.load(out / "group" / name).dataobj)


def rows(out: Path) -> list[dict[str, str]]:
    return read_rows(out / "group" / f"{NAME}_desc-groupInference_metrics.tsv")


def images(out: Path, backend: str) -> list[nib.Nifti1Image]:
    paths = sorted(out.glob(f"sub-*/func/*_stat-effect_desc-{backend}_statmap.nii.gz"))
    return [nib.Nifti1Image(np.nan_to_num(nib.load(path).get_fdata()), AFFINE) for path in paths]


def theirs(out: Path, backend: str, two_sided: bool = False) -> dict[str, nib.Nifti1Image]:
    found: dict[str, nib.Nifti1Image] = non_parametric_inference(
        images(out, backend),
        design_matrix=pd.DataFrame({"mean": np.ones(N)}),
        second_level_contrast="mean",
        mask=nib.Nifti1Image(brain().astype(np.uint8), AFFINE),
        n_perm=40,
        random_state=5,
        two_sided_test=two_sided,
        threshold=0.001,
        tfce=True,
    )
    return found


@pytest.mark.parametrize("backend", ["spm", "nilearn"])
def test_permutations_are_those_of_non_parametric_inference(study: tuple[Path, Path], backend: str) -> None:
    out = study[1]
    found = theirs(out, backend)
    for suffix, key in (("", "logp_max_t"), ("Mass", "logp_max_mass"), ("TFCE", "logp_max_tfce")):
        expected = 10.0 ** -np.asarray(found[key].dataobj)[brain()]
        np.testing.assert_allclose(
            values(out, f"{backend}Permutation{suffix}")[brain()], expected, rtol=1e-5, err_msg=suffix
        )
    assert (values(out, f"{backend}PermutationTFCE")[brain()] < 0.05).any()


def test_two_sided_permutations_find_both_tails_which_the_table_counts_apart(tmp_path: Path) -> None:
    bids, out = write_study(tmp_path)
    options = ["--permutations", "40", "--random-seed", "5", "--two-sided"]
    assert main([str(bids), str(out), "group", "-q", *options]) == 0
    expected = 10.0 ** -np.asarray(theirs(out, "spm", True)["logp_max_tfce"].dataobj)
    np.testing.assert_allclose(values(out, "spmPermutationTFCE")[brain()], expected[brain()], rtol=1e-5)
    t = values(out, "spm", "t")
    counts = {row["tail"]: int(row["n_spm"]) for row in rows(out) if row["inference"] == "permutationTFCE"}
    for tail, sign in (("upper", 1), ("lower", -1)):
        assert counts[tail] == int(((expected < 0.05) & (sign * t > 0) & brain()).sum()) > 0
    assert {row["two_sided"] for row in rows(out)} == {"true"}
    assert "each tail has half of the error" in (out / "group.html").read_text()


def test_corrected_p_of_voxels_are_those_of_independent_computations(study: tuple[Path, Path]) -> None:
    out = study[1]
    z = values(out, "nilearn", "z")[brain()].astype(float)
    p = stats.norm.sf(z)
    np.testing.assert_allclose(values(out, "nilearnFWE")[brain()], np.minimum(p * p.size, 1), rtol=1e-4)
    np.testing.assert_allclose(
        values(out, "nilearnFDR")[brain()], stats.false_discovery_control(p), rtol=1e-4
    )
    t = values(out, "spm", "t")[brain()].astype(float)
    np.testing.assert_allclose(
        values(out, "spmFDR")[brain()], stats.false_discovery_control(stats.t.sf(t, N - 1)), rtol=1e-4
    )
    assert (values(out, "spmFWE")[brain()] <= np.minimum(stats.t.sf(t, N - 1) * t.size, 1) * (1 + 1e-5)).all()


def test_table_counts_what_nilearn_itself_thresholds(study: tuple[Path, Path]) -> None:
    out = study[1]
    mask = nib.Nifti1Image(brain().astype(np.uint8), AFFINE)
    z = nib.Nifti1Image(values(out, "nilearn", "z"), AFFINE)
    found = {(row["inference"], row["tail"]): row for row in rows(out)}
    for inference, control in (("voxelFWE", "bonferroni"), ("voxelFDR", "fdr")):
        image, _ = threshold_stats_img(z, mask, alpha=0.05, height_control=control, two_sided=False)
        assert int(found[inference, "upper"]["n_nilearn"]) == np.count_nonzero(image.get_fdata() > 0)
        image, _ = threshold_stats_img(
            nib.Nifti1Image(-z.get_fdata(), AFFINE), mask, alpha=0.05, height_control=control, two_sided=False
        )
        assert int(found[inference, "lower"]["n_nilearn"]) == np.count_nonzero(image.get_fdata() > 0)
    active = cluster_level_inference(z, mask, threshold=stats.norm.isf(0.001), alpha=0.05).get_fdata()
    np.testing.assert_allclose(values(out, "nilearnClusters", "tdp"), active, atol=1e-6)
    assert int(found["clusterExtent", "upper"]["n_nilearn"]) == np.count_nonzero(active > 0)


def test_table_compares_the_packages_in_every_correction(study: tuple[Path, Path]) -> None:
    out = study[1]
    for row in rows(out):
        assert int(row["n_both"]) <= min(int(row["n_spm"]), int(row["n_nilearn"]))
        if row["dice"] != "n/a":
            total = int(row["n_spm"]) + int(row["n_nilearn"])
            assert float(row["dice"]) == pytest.approx(2 * int(row["n_both"]) / total)
    assert [row["inference"] for row in rows(out) if row["tail"] == "upper"] == list(KINDS)
    spm = values(out, "spmClusters") <= 0.05
    upper = next(r for r in rows(out) if (r["inference"], r["tail"]) == ("clusterExtent", "upper"))
    assert int(upper["n_spm"]) == spm.sum() > 0
    clusters = read_rows(out / "group" / f"{NAME}_contrast-go_desc-spm_clusters.tsv")
    sizes = {
        r["cluster_id"].rstrip("abc"): int(r["cluster_voxels"])
        for r in clusters
        if float(r["cluster_p_fwe"]) <= 0.05 and float(r["stat"]) > 0
    }
    assert sum(sizes.values()) == spm.sum()


def test_page_and_sidecars_say_what_was_corrected(study: tuple[Path, Path]) -> None:
    out = study[1]
    page = (out / "group.html").read_text()
    assert "threshold-free cluster enhancement by permutations, familywise error" in page
    assert "familywise p by 40 permutations of nilearn&#39;s non_parametric_inference, one-sided" in page
    name = f"{NAME}_contrast-go_stat-p_desc-spmPermutationMass_statmap.json"
    facts = json.loads((out / "group" / name).read_text())
    told = {key: facts[key] for key in ("Inference", "Tails", "Permutations", "RandomSeed", "FormingP")}
    assert told == {
        "Inference": "permutationMass",
        "Tails": "upper",
        "Permutations": 40,
        "RandomSeed": 5,
        "FormingP": 0.001,
    }
    assert facts["Package"] == "nilearn"


def test_one_package_has_its_own_counts(tmp_path: Path) -> None:
    from tests.group.test_one_package import study as of_one

    bids, out = of_one(tmp_path, "nilearn")
    assert main([str(bids), str(out), "group", "-q"]) == 0
    found = rows(out)
    assert {row["n_spm"] for row in found} == {"n/a"}
    assert {row["dice"] for row in found} == {"n/a"}
    assert "What survives correction" in (out / "group.html").read_text()


def test_page_says_in_the_cell_by_which_method_clusters_are_corrected_and_where_not_to_rely_on_it(
    study: tuple[Path, Path],
) -> None:
    page = (study[1] / "group.html").read_text()
    assert "<small>all-resolution inference, no test of extents</small>" in page
    assert "<small>random field theory</small>" in page
    assert "p of cluster extents cannot be relied on here: with 8 degrees of freedom" in page
    assert "Corrected clusters are not judged" in page
