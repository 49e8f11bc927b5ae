import json

import numpy as np
import pytest
from scipy import stats

from bidsglm.spm.random_field import (
    DENSITY_FLOOR,
    Field,
    SearchVolume,
    cluster_probability,
    ec_densities,
    expectation,
    peak_p,
    upper_tail,
)
from tests.spm.extras import find_extra

RTOL = 1e-11
"""Both sides in float64, through gamma functions of large arguments."""
TAIL_ERROR = 4 * DENSITY_FLOOR
"""SPM's upper tails are 1 - cdf."""
N_VOXELS = 5000
FIELDS = (Field("t", (20.0,)), Field("F", (3.0, 139.2)))


def read_grid() -> list[dict]:
    """Entries of t and F, the fields that a model has."""
    entries = json.loads(find_extra("inference/functions_grid.json").read_text())
    return [entry for entry in entries if entry["STAT"] != "Z"]


def field_of(entry: dict) -> Field:
    numerator, residual = (float(dof) for dof in entry["df"])
    return Field("t", (residual,)) if entry["STAT"] == "T" else Field("F", (numerator, residual))


def identify(entry: dict) -> str:
    return f"{entry['STAT']}-{entry['df']}-{entry['u']}-{len(entry['R'])}"


GRID = read_grid()


def test_the_grid_is_whole():
    assert len(GRID) == 96
    assert {entry["STAT"] for entry in GRID} == {"T", "F"}
    assert {len(entry["R"]) for entry in GRID} == {2, 3, 4}


@pytest.mark.parametrize("entry", GRID, ids=identify)
def test_densities_and_peaks_equal_spm(entry):
    field, resels, u = field_of(entry), tuple(entry["R"]), entry["u"]
    n = len(entry["EC"])
    np.testing.assert_allclose(ec_densities(field, u)[:n], entry["EC"], rtol=RTOL, atol=TAIL_ERROR)
    clusters, _ = expectation(field, resels, u)
    np.testing.assert_allclose(clusters, entry["E_maxima"], rtol=RTOL, atol=2 * TAIL_ERROR)
    peak = cluster_probability(field, resels, u).corrected
    np.testing.assert_allclose(peak, entry["P_peak"], rtol=RTOL, atol=2 * TAIL_ERROR)


@pytest.mark.parametrize("entry", GRID, ids=identify)
def test_cluster_probabilities_equal_spm(entry):
    field, resels, u = field_of(entry), tuple(entry["R"]), entry["u"]
    # the size per cluster is a ratio whose numerator is SPM's inaccurate tail
    tail_error = RTOL + TAIL_ERROR / entry["EC"][0] if entry["EC"][0] else 1
    clusters, size = expectation(field, resels, u)
    np.testing.assert_allclose(size, entry["E_resels_per_cluster"], rtol=tail_error)
    p = cluster_probability(field, resels, u, entry["cluster_k_resels"])
    # where SPM's rate underflows it has no number
    corrected = np.array(entry["cluster_p_FWE"], dtype=float)
    corrected[np.isnan(corrected)] = 0
    np.testing.assert_allclose(p.uncorrected, entry["cluster_p_unc"], rtol=RTOL, atol=tail_error)
    atol = tail_error * float(np.minimum(clusters, 1)) + 2 * TAIL_ERROR
    np.testing.assert_allclose(p.corrected, corrected, rtol=RTOL, atol=atol)
    three = cluster_probability(field, resels, u, 0.3, 3).corrected
    np.testing.assert_allclose(three, entry["set_p_c3_k0p3"], rtol=RTOL, atol=atol)


@pytest.mark.parametrize("entry", [e for e in GRID if "P_peak_with_Bonf_S5000" in e], ids=identify)
def test_peak_p_takes_bonferroni_where_it_is_smaller(entry):
    search = SearchVolume(N_VOXELS, tuple(entry["R"]), (2.0, 2.0, 2.0))
    np.testing.assert_allclose(
        peak_p(field_of(entry), search, entry["u"]),
        entry["P_peak_with_Bonf_S5000"],
        rtol=RTOL,
        atol=N_VOXELS * TAIL_ERROR,
    )


def test_t_and_f_become_normal_with_many_degrees_of_freedom():
    u = np.array([1.5, 3.0, 4.5])
    bell, a = np.exp(-(u**2) / 2), 4 * np.log(2)
    normal = [
        stats.norm.sf(u),
        a**0.5 / (2 * np.pi) * bell,
        a / (2 * np.pi) ** 1.5 * bell * u,
        a**1.5 / (2 * np.pi) ** 2 * bell * (u**2 - 1),
    ]
    # the difference falls with 1 / dof
    np.testing.assert_allclose(ec_densities(Field("t", (1e7,)), u), normal, rtol=1e-4)
    np.testing.assert_allclose(ec_densities(Field("F", (1.0, 1e7)), u**2), 2 * np.array(normal), rtol=1e-4)


def test_f_of_one_numerator_is_t_squared():
    u = np.array([2.0, 3.0, 5.0])
    t = ec_densities(Field("t", (30.0,)), u)
    np.testing.assert_allclose(ec_densities(Field("F", (1.0, 30.0)), u**2), 2 * t, rtol=1e-9)


def test_tail_is_accurate_where_one_minus_cdf_is_not():
    np.testing.assert_allclose(upper_tail(Field("F", (2.0, 50.0)), 90.0), stats.f.sf(90, 2, 50), rtol=1e-10)
    np.testing.assert_allclose(upper_tail(Field("t", (50.0,)), 20.0), stats.t.sf(20, 50), rtol=1e-10)


@pytest.mark.parametrize("field", FIELDS)
def test_larger_clusters_and_higher_peaks_are_less_probable(field):
    resels = (1.0, 20.0, 150.0, 400.0)
    sizes = cluster_probability(field, resels, 4.0, [0.0, 0.1, 0.5, 2.0])
    assert np.all(np.diff(sizes.corrected) < 0)
    assert np.all(np.diff(sizes.uncorrected) < 0)
    assert sizes.uncorrected[0] == 1
    assert np.all(np.diff(cluster_probability(field, resels, [4.0, 5.0, 6.0]).corrected) < 0)


@pytest.mark.parametrize("field", FIELDS)
def test_trailing_zeros_lower_the_dimension(field):
    flat = cluster_probability(field, (1.0, 12.0, 40.0, 0.0), 4.0, 0.5)
    cut = cluster_probability(field, (1.0, 12.0, 40.0), 4.0, 0.5)
    np.testing.assert_array_equal(flat, cut)


def test_points_have_no_extent():
    assert cluster_probability(FIELDS[0], (3.0,), 2.0, 5.0).uncorrected == 1
