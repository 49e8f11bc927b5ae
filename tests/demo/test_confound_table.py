"""The demo's confounds are what their names say, computed in another way from the scans."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level.design_matrix import create_cosine_drift

from bidsglm.demo import phantom
from bidsglm.demo.confound_table import (
    HEAD_RADIUS,
    confounds,
    cosine_drifts,
    dvars,
    framewise_displacement,
    tissue_signals,
)
from bidsglm.model import MOTION_PARAMETERS, Floats

N_SCANS, TR = 70, 2.5


@pytest.fixture(scope="module")
def series() -> Floats:
    return np.random.default_rng(1).uniform(500, 1500, (N_SCANS, *phantom.SHAPE))


@pytest.fixture(scope="module")
def motion() -> Floats:
    return np.random.default_rng(2).standard_normal((N_SCANS, 6))


@pytest.fixture(scope="module")
def table(series: Floats, motion: Floats) -> pd.DataFrame:
    return confounds(series, motion, TR)[0]


def test_tissues_are_of_voxels_that_are_nearly_all_that_tissue(series: Floats) -> None:
    head, found = phantom.head(), tissue_signals(series)
    masks = {"csf": head.csf > 0.9, "white_matter": head.white > 0.9, "global_signal": head.brain}
    assert list(found) == list(masks)
    for name, mask in masks.items():
        np.testing.assert_allclose(found[name], [scan[mask].mean() for scan in series], rtol=1e-12)


def test_every_signal_has_its_change_and_both_squares(table: pd.DataFrame) -> None:
    stems = ["csf", "white_matter", "global_signal", *MOTION_PARAMETERS]
    for stem in stems:
        change = table[stem].diff()
        np.testing.assert_allclose(table[f"{stem}_derivative1"], change)
        np.testing.assert_allclose(table[f"{stem}_power2"], table[stem] ** 2)
        np.testing.assert_allclose(table[f"{stem}_derivative1_power2"], change**2)
    others = {name for name in table if not any(name.startswith(stem) for stem in stems)}
    assert others == {"dvars", "framewise_displacement", "cosine00", "cosine01"}
    assert list(table)[-24:][::4] == list(MOTION_PARAMETERS)


def test_motion_stands_in_its_columns(table: pd.DataFrame, motion: Floats) -> None:
    np.testing.assert_array_equal(table[list(MOTION_PARAMETERS)], motion)
    np.testing.assert_allclose(table["framewise_displacement"], framewise_displacement(motion))


def test_displacement_takes_millimetres_and_arcs_on_a_sphere_of_50_mm(motion: Floats) -> None:
    assert HEAD_RADIUS == 50
    expected = [
        sum(abs(b - a) for a, b in zip(before[:3], after[:3], strict=True))
        + sum(50 * abs(b - a) for a, b in zip(before[3:], after[3:], strict=True))
        for before, after in pairwise(motion)
    ]
    found = framewise_displacement(motion)
    assert np.isnan(found[0])
    np.testing.assert_allclose(found[1:], expected)


def test_dvars_is_the_root_mean_square_change_in_the_brain(table: pd.DataFrame, series: Floats) -> None:
    inside = series[:, phantom.head().brain]
    expected = [np.linalg.norm(b - a) / np.sqrt(a.size) for a, b in pairwise(inside)]
    np.testing.assert_allclose(table["dvars"][1:], expected)
    assert np.isnan(dvars(inside)[0])


@pytest.mark.parametrize(
    ("n_scans", "repetition_time"), [(110, 2.0), (70, 2.5), (64, 1.0), (63, 1.0), (40, 2)]
)
def test_cosines_are_those_of_nilearn(n_scans: int, repetition_time: float) -> None:
    expected = create_cosine_drift(1 / 128, np.arange(n_scans) * repetition_time)[:, :-1]
    found = cosine_drifts(n_scans, repetition_time)
    assert found.shape[1] == int(2 * n_scans * repetition_time / 128)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_cosines_stand_in_the_table_in_their_order(table: pd.DataFrame) -> None:
    np.testing.assert_array_equal(table[["cosine00", "cosine01"]], cosine_drifts(N_SCANS, TR))


def test_each_column_is_described(series: Floats, motion: Floats) -> None:
    table, descriptions = confounds(series, motion, TR)
    assert list(descriptions) == list(table)
    said = {name: entry["Description"] for name, entry in descriptions.items()}
    change = "change since the scan before"
    assert said["csf"] == "Mean signal of the cerebrospinal fluid"
    assert said["white_matter_power2"] == "Mean signal of the white matter, squared"
    assert said["global_signal_derivative1"] == f"Mean signal of the brain, {change}"
    assert said["trans_y_derivative1_power2"] == f"Translation of the head, mm, {change}, squared"
    assert said["rot_z"] == "Rotation of the head, rad"
    assert said["cosine01"] == "Discrete cosine, a slow drift"
    assert said["dvars"] == f"Root mean square over the brain of the {change}"
    place = "Sum of the absolute changes of head position since the scan before, mm"
    assert said["framewise_displacement"] == place
