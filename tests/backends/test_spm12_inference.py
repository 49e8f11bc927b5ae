"""SPM12's smoothness, thresholds and results tables from data, and its second level."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.backends import spm12
from bidsglm.backends.records import Inference, tails
from bidsglm.backends.spm12_inference import _clusters
from bidsglm.data import Volume
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification
from bidsglm.spm.clusters import PeakRow
from tests.backends.second_levels import design_of, second_level
from tests.spm.extras import find_extra, find_extras, read_volume
from tests.spm12_reference import Case, MissingCaseError, case

FLOAT64_RTOL = 1e-9
"""Of sums in float64 in another order, over the whole chain from the data."""
STAT_RTOL = 1e-6
"""Of float32 statistics, and of thresholds that SPM finds by bisection."""
P_RTOL, P_ATOL = 1e-4, 1e-12
"""A float32 step of t changes the p of high peaks by some 1e-5; SPM's upper tails are 1 - cdf."""
LARGEST_PRECISE_Z = 6.0
"""SPM's z comes from 1 - p, which has lost its digits above."""
IMAGE_RTOL = 5e-7
"""Of the map's range: rounding to float32, through two images for t."""

CONTRASTS = {
    "01_block_tapping": (1, 2, 3),
    "03_event_derivs_motion_2sess": (1, 2, 3, 6, 7),
    "06b_gamma": (1, 2, 3),
    "11_T32_T01_TR0.8_scans": (1, 2, 3),
}
"""All but those of 03 whose weights differ between its runs, or whose rows do."""
CELLS = (
    "cluster_p_fwe",
    "cluster_q_fdr",
    "cluster_voxels",
    "cluster_p",
    "peak_p_fwe",
    "peak_q_fdr",
    "stat",
    "z",
    "peak_p",
    "x_mm",
    "y_mm",
    "z_mm",
)
"""Ours in the order of SPM's columns, after those of the whole set."""


def specification(reference: Case, number: int, names: list[tuple[str, ...]]) -> tuple:
    """A contrast of SPM as ours, with the runs that it is the mean over."""
    rows = [reference.spm[f"con_{number}_c"][columns] for columns in reference.columns]
    runs = tuple(run for run, weights in enumerate(rows) if weights.any())
    weights = rows[runs[0]]
    for run in runs:
        np.testing.assert_array_equal(rows[run], weights)
    test = "t" if f"con_{number}_Vc" in reference.spm else "F"
    return ContrastSpecification(str(number), str(number), names[runs[0]], weights.T, test), runs


def inference(name: str) -> tuple[Case, Inference]:
    """Fit a case from its data."""
    reference = case(name)
    try:
        bold = nib.load(reference.folder / "reference" / "mask.nii.gz")
    except MissingCaseError:
        pytest.skip("reference case neither committed nor beside this checkout (BIDSGLM_SHARED)")
    designs = [spm12.design(paradigm, reference.model) for paradigm in reference.paradigms]
    mask = spm12.mask_from(reference.series, reference.candidates, reference.model)
    fit = spm12.estimate(designs, reference.series, mask, reference.model)
    names = [design.names for design in designs]
    chosen = [specification(reference, number, names) for number in CONTRASTS[name]]
    maps = [spm12.contrast(fit, contrast, runs) for contrast, runs in chosen]
    volume = Volume(bold.shape, bold.affine, np.ones(bold.shape, dtype=bool))
    return reference, spm12.inference(fit, reference.series, maps, volume, reference.model)


def test_every_first_level_inference_case_is_tested():
    first_level = {Path(name).stem for name in find_extras("inference/[01]*.json")}
    assert first_level <= set(CONTRASTS)
    assert len(CONTRASTS) == 4


@pytest.mark.parametrize("name", CONTRASTS)
def test_inference_from_data_equals_spm(name):
    reference, found = inference(name)
    expected = json.loads(find_extra(f"inference/{name}.json").read_text())
    voxel_sizes = np.linalg.norm(np.reshape(expected["M"], (4, 4))[:3, :3], axis=0)
    np.testing.assert_allclose(found.fwhm_mm, reference.spm["FWHM"] * voxel_sizes, rtol=FLOAT64_RTOL)
    contrasts = {contrast["number"]: contrast for contrast in expected["contrasts"]}
    for number, ours in zip(CONTRASTS[name], found.contrasts, strict=True):
        theirs = contrasts[number]
        assert ours.facts["SearchVolumeVoxels"] == int(reference.spm["S"])
        np.testing.assert_allclose(ours.facts["Resels"], reference.spm["R"], rtol=FLOAT64_RTOL)
        assert_same_thresholds(ours.thresholds, theirs)
        assert_same_table(ours, theirs["unc001"])


def assert_same_thresholds(ours, theirs: dict) -> None:
    given = [theirs["u_unc_001"], theirs["u_FWE05"], theirs["u_voxelFDR05"]]
    expected = [np.inf if height is None else height for height in given]
    np.testing.assert_allclose(ours, expected, rtol=STAT_RTOL)


def assert_same_table(ours, theirs: dict) -> None:
    expected = theirs.get("rows_3peaks_8mm", [])
    expected = [expected] if expected and not isinstance(expected[0], list) else expected
    upper = [cells for cells in ours.clusters if cells["tail"] == "upper"]
    assert len(upper) == len(expected)
    assert ours.facts["SetLevel"]["Clusters"] == theirs.get("n_clusters", 0)
    for cells, reference in zip(upper, expected, strict=True):
        given = np.array([cells[name] for name in CELLS], dtype=float)
        wanted = np.array(reference[2:], dtype=float)
        empty = np.isnan(wanted)
        empty[CELLS.index("z")] |= cells["z"] > LARGEST_PRECISE_Z
        np.testing.assert_allclose(given[~empty], wanted[~empty], rtol=P_RTOL, atol=P_ATOL)
        np.testing.assert_allclose(cells["stat"], reference[2 + CELLS.index("stat")], rtol=STAT_RTOL)
        assert cells["survives_fwe05"] == (cells["stat"] > ours.thresholds.fwe05)
    smallest = [np.inf if value is None else value for value in theirs["uc_FWEp_FDRp_FWEc_FDRc"]]
    np.testing.assert_allclose(list(ours.facts["SmallestSurviving"].values()), smallest, rtol=STAT_RTOL)


MODELS = {
    "ttest_float": "con",
    "ttest_covariate": "con",
    "ttest_explicit_mask": "con",
    "ttest_int16_implicit": "int16",
    "ttest_smooth": "smooth",
}


@pytest.mark.parametrize("model", MODELS)
def test_second_level_equals_spm(model):
    summary = json.loads(find_extra(f"second_level/{model}/summary.json").read_text())
    paths = [find_extra(f"second_level/inputs/{MODELS[model]}_sub-{i:02d}.nii.gz") for i in range(1, 13)]
    images = np.stack([nib.load(path).get_fdata().ravel() for path in paths])
    subjects = json.loads(find_extra("second_level/inputs/subjects.json").read_text())
    design = design_of(12, {"age": np.array(subjects["age"])} if "age" in summary["names"] else None)
    mask = None
    if model == "ttest_explicit_mask":
        mask = read_volume(find_extra("second_level/inputs/explicit_mask.nii.gz")).ravel() > 0
    elif model == "ttest_int16_implicit":
        mask = (images != 0).all(axis=0)
    for number, contrast in enumerate(summary["contrasts"], start=1):
        weights = np.array(contrast["c"], dtype=float, ndmin=1).T
        if np.ndim(weights) == 2 and len(weights) == 1 and contrast["STAT"] == "T":
            weights = weights[0]
        found = second_level(spm12, images, design, weights, mask)
        (maps,) = found.maps
        theirs = read_volume(find_extra(f"second_level/{model}/spm{contrast['STAT']}_{number:04d}.nii.gz"))
        np.testing.assert_allclose(maps.stat, theirs.ravel(), atol=IMAGE_RTOL * np.ptp(theirs))
        np.testing.assert_array_equal(
            found.mask, read_volume(find_extra(f"second_level/{model}/mask.nii.gz")).ravel() > 0
        )
        expected = contrast["df"] if contrast["STAT"] == "F" else contrast["df"][1:]
        np.testing.assert_allclose(maps.dof, expected, rtol=FLOAT64_RTOL)
        if contrast["STAT"] == "T":
            effect = read_volume(find_extra(f"second_level/{model}/con_{number:04d}.nii.gz")).ravel()
            step = IMAGE_RTOL * (np.nanmax(effect) - np.nanmin(effect))
            np.testing.assert_allclose(maps.effect, effect, atol=step)


def test_group_contrast_that_the_covariates_cannot_give_is_an_error():
    images = np.random.default_rng(0).standard_normal((5, 3))
    with pytest.raises(DataError, match="group model cannot be fitted: the contrast cannot be estimated"):
        second_level(spm12, images, design_of(5, {"site": np.ones(5)}), np.array([0.0, 1.0]))


def test_peaks_of_a_cluster_have_letters_from_the_second_on():
    peak = PeakRow(1, 0.5, 2, 0.1, 0.1, 9, 0.1, 0.2, 0.2, 4.0, 3.5, 0.001, 0.0, 0.0, 0.0)
    rows = [peak, peak, peak, peak._replace(cluster=2), peak._replace(cluster=2)]
    found = _clusters(rows, np.eye(4), 5.0, (tails("t", False)[0], 0))
    assert [cells["cluster_id"] for cells in found] == ["1", "1a", "1b", "2", "2a"]
