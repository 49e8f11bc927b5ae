"""What both backends do where there is little to find."""

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from bidsglm.backends import nilearn_glm, spm12
from bidsglm.backends.records import Inference
from bidsglm.data import Condition, ContrastMaps, Paradigm, TimeSeries, Volume
from bidsglm.model import ContrastSpecification, ModelSpecification, SpmSettings
from bidsglm.packages import PACKAGES
from tests.backends.second_levels import design_of, second_level

N_SCANS, TR = 60, 2.0
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
MODEL = ModelSpecification("m", ("trial_type.go",), spm=SpmSettings(serial_correlation="none"))
GO = ContrastSpecification("go", "go", ("trial_type.go",), np.ones((1, 1)))
BOTH = pytest.mark.parametrize("backend", [spm12, nilearn_glm])


def paradigm() -> Paradigm:
    onsets = np.arange(10.0, 100.0, 30.0)
    return Paradigm(
        TR, N_SCANS, None, (Condition("go", onsets, np.full(3, 10.0)),), (), np.empty((N_SCANS, 0))
    )


def inference(
    backend: ModuleType,
    voxels: np.ndarray,
    mask: np.ndarray | None = None,
    response: float = 0.0,
    silent: int = 0,
    contrast: ContrastSpecification = GO,
    change: Callable[[ContrastMaps], ContrastMaps] = lambda maps: maps,
) -> tuple[Inference, ContrastMaps]:
    """Fit noise, with a response in the first tenth of the voxels; the last ones are constant."""
    n_voxels = np.count_nonzero(voxels)
    design = backend.design(paradigm(), MODEL)
    rng = np.random.default_rng(0)
    values = 1000 + rng.standard_normal((N_SCANS, n_voxels))
    values[:, : n_voxels // 10] += response * design.matrix[:, :1]
    values[:, n_voxels - silent :] = 1000
    series = [TimeSeries(values.astype(np.float32), 1.0, 0.0, np.full(N_SCANS, 1000.0))]
    candidates = np.ones(n_voxels, dtype=bool) if mask is None else mask[voxels]
    fit = backend.estimate([design], series, backend.mask_from(series, candidates, MODEL), MODEL)
    maps = change(backend.contrast(fit, contrast, (0,)))
    return backend.inference(fit, series, [maps], Volume(voxels.shape, AFFINE, voxels), MODEL), maps


def table(found: Inference) -> list[dict[str, object]]:
    (contrast,) = found.contrasts
    return list(contrast.clusters)


@BOTH
def test_response_is_in_the_table_with_its_place(backend):
    found, maps = inference(backend, np.ones((10, 9, 8), dtype=bool), response=5.0)
    rows = table(found)
    assert rows[0]["cluster_id"] == "1"
    assert rows[0]["x_mm"] == 0
    assert rows[0]["survives_fwe05"]
    np.testing.assert_allclose(rows[0]["stat"], maps.stat.max(), rtol=1e-6)
    assert sum(float(row["cluster_voxels"]) for row in rows if row["cluster_id"] == "1") >= 72


@BOTH
def test_nothing_above_the_threshold_is_a_table_without_rows(backend):
    found, maps = inference(backend, np.ones((4, 4, 4), dtype=bool))
    assert maps.stat.max() < found.contrasts[0].thresholds.p001
    assert table(found) == []
    assert found.contrasts[0].thresholds.fdr05 == np.inf


@BOTH
def test_table_says_which_voxels_are_neighbours(backend):
    found, _ = inference(backend, np.ones((6, 6, 6), dtype=bool), response=5.0)
    neighbours = 18 if PACKAGES[backend.NAME].edges_touch else 6
    assert found.contrasts[0].facts["Connectivity"] == neighbours


@BOTH
def test_one_slice_is_searched_in_two_dimensions(backend):
    found, _ = inference(backend, np.ones((20, 20, 1), dtype=bool), response=5.0)
    assert table(found)[0]["cluster_voxels"] >= 40
    if backend is spm12:
        assert found.contrasts[0].facts["Resels"][3] == 0


@BOTH
def test_holes_in_the_mask_are_not_searched(backend):
    voxels = np.ones((10, 10, 10), dtype=bool)
    voxels[4:6, 4:6, 4:6] = False
    mask = voxels.copy()
    mask[0, 0] = False
    found, maps = inference(backend, voxels, mask, response=5.0)
    assert found.contrasts[0].facts["SearchVolumeVoxels"] == mask.sum() == 1000 - 8 - 10
    np.testing.assert_array_equal(maps.stat[~mask[voxels]], 0)
    assert all((row["x_mm"], row["y_mm"]) != (0.0, 0.0) for row in table(found))


@BOTH
def test_voxels_without_noise_leave_the_rest_alone(backend):
    found, _ = inference(backend, np.ones((10, 10, 10), dtype=bool), response=5.0, silent=5)
    assert np.isfinite(found.contrasts[0].thresholds.fwe05)
    assert all(row["x_mm"] == 0 for row in table(found) if row["survives_fwe05"])


@BOTH
def test_scattered_voxels_have_bonferronis_threshold(backend):
    voxels = np.zeros((9, 9, 9), dtype=bool)
    voxels[::2, ::2, ::2] = True
    found, maps = inference(backend, voxels, response=5.0)
    (contrast,) = found.contrasts
    np.testing.assert_allclose(np.mean(maps.p * 125 < 0.05), np.mean(maps.stat > contrast.thresholds.fwe05))
    rows = table(found)
    assert len(rows) >= 10
    assert found.fwhm_mm is None
    if backend is spm12:
        assert np.isnan([row["cluster_p_fwe"] for row in rows]).all()
        bonferroni = [min(1, 125 * stats.t.sf(row["stat"], *maps.dof)) for row in rows]
        np.testing.assert_allclose([row["peak_p_fwe"] for row in rows], bonferroni, rtol=1e-6)


@BOTH
def test_maps_of_zeros_have_tables_without_rows(backend):
    def silenced(maps: ContrastMaps) -> ContrastMaps:
        return replace(maps, stat=0 * maps.stat, z=0 * maps.z, p=0 * maps.p + 0.5)

    found, _ = inference(backend, np.ones((6, 6, 6), dtype=bool), change=silenced)
    assert table(found) == []
    assert found.contrasts[0].thresholds.fdr05 == np.inf


@BOTH
def test_f_contrasts_have_thresholds_of_f(backend):
    found, maps = inference(
        backend, np.ones((10, 9, 8), dtype=bool), response=5.0, contrast=replace(GO, test="F")
    )
    expected = stats.f.isf([0.001, 0.05 / maps.stat.size], *maps.dof)
    np.testing.assert_allclose(found.contrasts[0].thresholds[:2], expected, rtol=1e-9)
    np.testing.assert_allclose(table(found)[0]["stat"], maps.stat.max(), rtol=1e-6)


@BOTH
def test_group_maps_follow_the_conventions_outside_the_mask(backend):
    images = np.random.default_rng(1).standard_normal((8, 20)) + 1
    images[3, :5] = np.nan
    inside = np.arange(20) < 15
    found = second_level(backend, images, mask=inside)
    (maps,) = found.maps
    np.testing.assert_array_equal(found.mask, inside & (np.arange(20) >= 5))
    for values, outside in (
        (maps.effect, np.nan),
        (maps.variance, np.nan),
        (maps.stat, 0),
        (maps.z, 0),
        (maps.p, 1),
    ):
        np.testing.assert_array_equal(values[~found.mask], outside)
        assert np.isfinite(values[found.mask]).all()
    assert maps.dof == (7.0,)


def test_both_second_levels_are_the_same_least_squares():
    rng = np.random.default_rng(2)
    images, age = rng.standard_normal((10, 50)), {"age": rng.normal(40, 9, 10)}
    for weights in (None, np.array([0.0, 1.0]), np.array([[1.0, 0.0], [0.0, 1.0]])):
        design = design_of(10, age)
        (ours,), (theirs,) = (
            second_level(backend, images, design, weights).maps for backend in (spm12, nilearn_glm)
        )
        # SPM rounds effects to float32
        np.testing.assert_allclose(ours.stat, theirs.stat, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(ours.p, theirs.p, rtol=1e-4)
        np.testing.assert_allclose(ours.dof, theirs.dof)
