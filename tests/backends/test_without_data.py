"""Voxels without data, or without residual, have no result; the other voxels' numbers do not move."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from bidsglm.backends import BACKENDS, nilearn_glm, spm12
from bidsglm.backends.fittable import Freedom, check_freedom
from bidsglm.data import Condition, DesignMatrix, Paradigm, TimeSeries
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, ModelSpecification, NilearnSettings, SpmSettings

N_SCANS, N_VOXELS, N_EMPTY = 80, 90, 25
GO = ContrastSpecification("go", "go", ("trial_type.go",), np.ones((1, 1)))
MODEL = ModelSpecification("m", ("trial_type.go",))


def paradigm(n_scans: int = N_SCANS) -> Paradigm:
    onsets = np.arange(4.0, n_scans * 1.6 - 10, 25.0)
    go = Condition("go", onsets, np.full(onsets.shape, 9.0))
    spikes = np.eye(n_scans)[:, :2]
    return Paradigm(1.6, n_scans, None, (go,), ("spike0", "spike1"), spikes)


def data(design: DesignMatrix, seed: int, empty: float = 0.0, told: bool = True) -> TimeSeries:
    """The first voxels hold one value in every scan."""
    n_scans = len(design.matrix)
    rng = np.random.default_rng(seed)
    Y = 700 + 8 * rng.standard_normal((n_scans, N_VOXELS)) + 15 * design.matrix[:, :1]
    Y[:, :N_EMPTY] = empty
    still = np.arange(N_VOXELS) < N_EMPTY
    return TimeSeries(Y.astype(np.float32), 1.0, 0.0, np.full(n_scans, 700.0), still if told else None)


@pytest.mark.parametrize("scaling", [0, (0, 1), False])
@pytest.mark.parametrize("noise", ["ols", "ar1", "ar2"])
@pytest.mark.parametrize("empty", [0.0, 512.3])
def test_nilearn_has_no_result_there_and_the_same_one_elsewhere(
    noise: str, scaling: object, empty: float
) -> None:
    model = replace(MODEL, nilearn=NilearnSettings(noise_model=noise, signal_scaling=scaling))  # type: ignore[arg-type]
    design = nilearn_glm.design(paradigm(), model)
    mask = np.ones(N_VOXELS, bool)
    maps = {}
    for told in (True, False):
        if not told and noise == "ar2" and scaling is False and not empty:
            return  # nilearn itself cannot cluster voxels of zeros
        estimate = nilearn_glm.estimate([design], [data(design, 3, empty, told)], mask, model)
        maps[told] = nilearn_glm.contrast(estimate, GO, (0,))
        if told:
            assert not estimate.mask[:N_EMPTY].any()
            assert estimate.mask[N_EMPTY:].all()
    ours, own = maps[True], maps[False]
    assert np.isnan(ours.effect[:N_EMPTY]).all()
    assert not ours.stat[:N_EMPTY].any()
    assert (ours.p[:N_EMPTY] == 1).all()
    np.testing.assert_allclose(ours.stat[N_EMPTY:], own.stat[N_EMPTY:], rtol=1e-12)


@pytest.mark.parametrize("name", ["spm", "nilearn"])
def test_voxel_that_is_constant_in_one_run_only_has_no_result(name: str) -> None:
    backend = BACKENDS[name]
    designs = [backend.design(paradigm(), MODEL)] * 2
    series = [data(designs[0], 1, 700.0), replace(data(designs[0], 2), without_data=np.zeros(N_VOXELS, bool))]
    series[1].stored[:, :N_EMPTY] += 700 + np.random.default_rng(0).standard_normal((N_SCANS, N_EMPTY))
    mask = backend.mask_from(series, np.ones(N_VOXELS, bool), MODEL)
    estimate = backend.estimate(designs, series, mask, MODEL)
    assert np.flatnonzero(estimate.mask).tolist() == list(range(N_EMPTY, N_VOXELS))


@pytest.mark.parametrize("name", ["spm", "nilearn"])
def test_voxel_that_only_columns_of_its_own_explain_has_no_result(name: str) -> None:
    backend = BACKENDS[name]
    design = backend.design(paradigm(), MODEL)
    series = data(design, 5, 690.0, told=False)
    series.stored[0, :N_EMPTY], series.stored[1, :N_EMPTY] = 750, 720
    estimate = backend.estimate([design], [series], np.ones(N_VOXELS, bool), MODEL)
    assert not estimate.mask[:N_EMPTY].any()
    assert estimate.noise["n_voxels_without_residual"] == N_EMPTY
    maps = backend.contrast(estimate, GO, (0,))
    assert not maps.stat[:N_EMPTY].any()
    assert np.isfinite(maps.stat).all()


def test_voxels_without_residual_are_not_pooled() -> None:
    design = spm12.design(paradigm(), MODEL)
    clean = data(design, 5)
    spoilt = data(design, 5, told=False)
    spoilt.stored[:, :N_EMPTY] = 700
    spoilt.stored[0, :N_EMPTY] = 900
    inside = np.arange(N_VOXELS) >= N_EMPTY
    wanted = spm12.estimate([design], [clean], inside, MODEL)
    found = spm12.estimate([design], [spoilt], np.ones(N_VOXELS, bool), MODEL)
    assert found.noise["n_voxels_not_pooled"] == N_EMPTY
    np.testing.assert_allclose(found.noise["hyperparameters"], wanted.noise["hyperparameters"], rtol=1e-9)


@pytest.mark.parametrize("name", ["spm", "nilearn"])
def test_data_of_which_no_voxel_varies_are_refused(name: str) -> None:
    backend = BACKENDS[name]
    design = backend.design(paradigm(), MODEL)
    series = replace(data(design, 1), without_data=np.ones(N_VOXELS, bool))
    step = backend.mask_from if name == "spm" else partial(backend.estimate, [design])
    with pytest.raises(DataError, match="no voxel of the mask varies"):
        step([series], np.ones(N_VOXELS, bool), MODEL)


def test_infinite_value_leaves_spms_mask_and_no_trace_in_its_smoothness() -> None:
    design = spm12.design(paradigm(), MODEL)
    series = data(design, 4)
    series.stored[7, N_EMPTY] = np.inf
    model = replace(MODEL, spm=SpmSettings(mask_threshold=-np.inf))
    mask = spm12.mask_from([series], np.ones(N_VOXELS, bool), model)
    assert np.flatnonzero(mask).tolist() == list(range(N_EMPTY + 1, N_VOXELS))
    estimate = spm12.estimate([design], [series], mask, model)
    residuals = spm12.standardised_residuals(estimate, [series], model, np.arange(N_SCANS))
    assert np.isfinite(residuals).all()


@pytest.mark.parametrize("kind", ["AR(1)", "FAST", "none"])
@pytest.mark.parametrize("name", ["spm", "nilearn"])
def test_more_columns_than_scans_are_refused_before_any_data_in_every_setting(name: str, kind: str) -> None:
    backend = BACKENDS[name]
    model = replace(MODEL, spm=SpmSettings(serial_correlation=kind))  # type: ignore[arg-type]
    noise = np.random.default_rng(0).standard_normal((30, 40))
    many = replace(paradigm(30), confound_names=tuple(map(str, range(40))), confounds=noise)
    design = backend.design(many, model)
    with pytest.raises(DataError, match=r"columns .* for the 30 scans leave no residual degrees of freedom"):
        backend.check_designs([design], model)


def test_run_without_freedom_is_named() -> None:
    with pytest.raises(DataError, match="12 scans of run 2 leave no"):
        check_freedom([Freedom(50, 9, 9), Freedom(12, 12, 12)])


def test_copies_that_use_up_nilearns_divisor_are_refused() -> None:
    check_freedom([Freedom(50, 52, 40)])
    with pytest.raises(DataError, match="nilearn divides by scans less columns, although their rank is 40"):
        check_freedom([Freedom(50, 52, 40)], "nilearn")


def test_fast_that_does_not_settle_advises_ar1_and_says_what_spm_does() -> None:
    model = replace(MODEL, spm=SpmSettings(serial_correlation="FAST"))
    said = []
    for n_scans in (7, 9, 11, 13):
        short = replace(paradigm(n_scans), confound_names=(), confounds=np.empty((n_scans, 0)))
        design = spm12.design(short, model)
        try:
            spm12.estimate([design], [data(design, n_scans)], np.arange(N_VOXELS) >= N_EMPTY, model)
        except DataError as error:
            said.append(str(error))
    unsettled = [text for text in said if "converge" in text]
    assert unsettled
    for part in ("FAST", "SPM itself goes on", "AR(1)", "run of"):
        assert all(part in text for text in unsettled)
