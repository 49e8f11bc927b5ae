"""Contrasts of FSL's and parts of AFNI's and SPM's fits are those of a textbook, voxel by voxel."""

import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bidsglm.backends import afni_glm, spm12_scans
from bidsglm.backends.afni_joint import JointRuns
from bidsglm.backends.fsl_contrasts import (
    FilmRun,
    FslEstimate,
    combinations,
    combined_dof,
    contrast,
    usable_runs,
)
from bidsglm.data import DesignMatrix, TimeSeries
from bidsglm.errors import DataError
from bidsglm.model import AfniSettings, ContrastSpecification, Floats, ModelSpecification, SpmSettings

NAMES = ("trial_type.a", "trial_type.b", "x")
N_VOXELS, N_MASKED = 7, 5
MASK = np.array([True, False, True, True, True, False, True])
MODEL = ModelSpecification("m", ())


def specified(weights: list[list[float]], names: tuple[str, ...] = NAMES) -> ContrastSpecification:
    rows = np.array(weights, dtype=float)
    return ContrastSpecification("c", "c", names[: rows.shape[1]], rows, "t" if len(rows) == 1 else "F")


def run_of(seed: int, dof: int, rows: Floats, pairs: Any) -> tuple[FilmRun, Floats, Floats]:
    """A run's fit with its parameters (3, n) and their covariances (3, 3, n) for unit variance."""
    rng = np.random.default_rng(seed)
    betas = rng.standard_normal((3, N_MASKED))
    root = rng.standard_normal((N_MASKED, 3, 3)) + 2 * np.eye(3)
    V = np.moveaxis(root @ np.swapaxes(root, 1, 2), 0, -1)
    over = np.einsum("ai,ijv,bj->abv", rows, V, rows)
    run = FilmRun(rows, rows @ betas, pairs, over[pairs], rng.uniform(1, 4, N_MASKED), dof)
    return run, betas, V


def estimate(
    contrasts: list[ContrastSpecification], n_runs: int, announced: bool
) -> tuple[FslEstimate, list[Any]]:
    rng = np.random.default_rng(9)
    designs = tuple(
        DesignMatrix(NAMES, rng.standard_normal((40, 3)), np.zeros((40, 0))) for _ in range(n_runs)
    )
    rows, pairs = combinations(designs[0], contrasts if announced else [])
    made = [run_of(seed, 60 + 10 * seed, rows, pairs) for seed in range(n_runs)]
    runs = tuple(each[0] for each in made)
    return FslEstimate(MASK, (), np.ones(N_VOXELS), 1.0, {}, designs, runs), made


T, F = specified([[1.0, -2.0, 0.5]]), specified([[1.0, 0.0, -1.0], [0.0, 2.0, 1.0], [1.0, 2.0, 0.0]])


@pytest.mark.parametrize("announced", [False, True])
@pytest.mark.parametrize("n_runs", [1, 2, 3])
def test_a_t_contrast_weighs_runs_by_their_inverse_variances(n_runs: int, announced: bool) -> None:
    fit, made = estimate([T, F], n_runs, announced)
    maps = contrast(fit, T, tuple(range(n_runs)))
    c = T.weights[0]
    effects = np.array([c @ betas for _, betas, _ in made])
    variances = np.array([np.einsum("i,ijv,j->v", c, V, c) * run.variance for run, _, V in made])
    total = (1 / variances).sum(axis=0)
    effect, variance = (effects / variances).sum(axis=0) / total, 1 / total
    dof = combined_dof([run for run, _, _ in made])
    np.testing.assert_allclose(maps.effect[MASK], effect)
    np.testing.assert_allclose(maps.variance[MASK], variance)
    np.testing.assert_allclose(maps.stat[MASK], effect / np.sqrt(variance))
    np.testing.assert_allclose(maps.p[MASK], stats.t.sf(effect / np.sqrt(variance), dof))
    np.testing.assert_allclose(maps.z[MASK], stats.norm.isf(maps.p[MASK]), rtol=1e-6, atol=1e-8)
    assert maps.dof == (dof,)
    assert np.isnan(maps.effect[~MASK]).all()
    assert np.isnan(maps.variance[~MASK]).all()
    assert (maps.stat[~MASK].tolist(), maps.z[~MASK].tolist(), maps.p[~MASK].tolist()) == (
        [0, 0],
        [0, 0],
        [1, 1],
    )


@pytest.mark.parametrize("announced", [False, True])
@pytest.mark.parametrize("n_runs", [1, 2])
def test_an_f_contrast_weighs_runs_by_their_inverse_covariances(n_runs: int, announced: bool) -> None:
    fit, made = estimate([T, F], n_runs, announced)
    maps = contrast(fit, F, tuple(range(n_runs)))
    C = F.weights[:2]  # the third row is the sum of these
    expected = []
    for v in range(N_MASKED):
        precision, weighted = np.zeros((2, 2)), np.zeros(2)
        for run, betas, V in made:
            P = np.linalg.inv(C @ V[:, :, v] @ C.T * run.variance[v])
            precision += P
            weighted += P @ C @ betas[:, v]
        expected.append(weighted @ np.linalg.solve(precision, weighted) / 2)
    dof = combined_dof([run for run, _, _ in made])
    np.testing.assert_allclose(maps.stat[MASK], expected)
    np.testing.assert_allclose(maps.p[MASK], stats.f.sf(expected, 2, dof))
    np.testing.assert_allclose(maps.z[MASK], stats.norm.isf(maps.p[MASK]), rtol=1e-6, atol=1e-8)
    assert (maps.dof, maps.effect, maps.variance) == ((2.0, dof), None, None)


def test_runs_without_variance_have_no_effect() -> None:
    fit, _ = estimate([], 2, False)
    first = fit.runs[0]._replace(variance=np.where(np.arange(N_MASKED) == 2, 0.0, fit.runs[0].variance))
    odd = FslEstimate(MASK, (), np.ones(N_VOXELS), 1.0, {}, fit.designs, (first, fit.runs[1]))
    maps = contrast(odd, T, (0, 1))
    place = np.flatnonzero(MASK)[2]
    assert np.isnan(maps.effect[place])
    assert maps.stat[place] == 0
    assert np.isfinite(maps.effect[np.delete(np.flatnonzero(MASK), 2)]).all()


def test_combinations_are_made_once_with_pairs_of_one_contrast() -> None:
    design = DesignMatrix(NAMES, np.zeros((9, 3)), np.zeros((9, 0)))
    a, ab = specified([[1.0]]), specified([[1.0, 0.0], [0.0, 1.0]])
    absent = specified([[1.0]], ("trial_type.z",))
    rows, pairs = combinations(design, [a, absent, ab, specified([[0.0, 0.0, 3.0]])])
    np.testing.assert_array_equal(rows, np.diag([1.0, 1, 3]))
    assert list(zip(*(part.tolist() for part in pairs), strict=True)) == [(0, 0), (0, 1), (1, 1), (2, 2)]
    none, no_pairs = combinations(design, [absent])
    assert (none.shape, [part.size for part in no_pairs]) == ((0, 3), [0, 0])
    whole, every = combinations(design, [])
    np.testing.assert_array_equal(whole, np.eye(3))
    assert len(every[0]) == 6


@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_runs_are_usable_that_have_the_columns_and_can_tell_them_apart(size: float) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3)) * [size, 1, 1]
    twins = np.column_stack([X[:, 0], X[:, 0], X[:, 2]])
    designs = (
        DesignMatrix(NAMES, X, np.zeros((40, 0))),
        DesignMatrix(NAMES, twins, np.zeros((40, 0))),
        DesignMatrix(NAMES[:1], X[:, :1], np.zeros((40, 0))),
    )
    fit: Any = FslEstimate(MASK, (), np.ones(N_VOXELS), 1.0, {}, designs, ())
    assert usable_runs(fit, specified([[1.0]])) == (0, 2)
    assert usable_runs(fit, specified([[1.0, 1.0]])) == (0, 1)
    assert usable_runs(fit, specified([[1.0, -1.0]])) == (0,)
    assert usable_runs(fit, specified([[0.0, 0.0]])) == ()


@pytest.mark.parametrize(
    ("weights", "dof"), [([[1.0, -1.0]], (60.0,)), ([[1.0, -1.0], [2.0, -2.0]], (1.0, 60.0))]
)
def test_a_contrast_that_fsl_cannot_give_is_empty_and_said_to_be(
    weights: list[list[float]], dof: tuple[float, ...]
) -> None:
    fit, _ = estimate([], 1, False)
    twins = np.column_stack([fit.designs[0].matrix[:, 0]] * 2 + [fit.designs[0].matrix[:, 2]])
    odd = FslEstimate(
        MASK, (), np.ones(N_VOXELS), 1.0, {}, (DesignMatrix(NAMES, twins, np.zeros((40, 0))),), fit.runs
    )
    said = "contrast 'c' cannot be estimated with FSL's design: its maps of FSL are empty"
    with pytest.warns(UserWarning, match=f"^{said}$"):
        maps = contrast(odd, specified(weights), (0,))
    assert maps.dof == dof
    assert not maps.stat.any()
    assert not maps.z.any()
    assert (maps.p == 1).all()
    assert maps.effect is None or np.isnan(maps.effect).all()


# AFNI


@pytest.mark.parametrize(
    ("n_columns", "censored", "fits"), [(9, 0, True), (10, 0, False), (7, 2, True), (8, 2, False)]
)
def test_afni_needs_more_scans_that_are_kept_than_columns(n_columns: int, censored: int, fits: bool) -> None:
    X = np.random.default_rng(0).standard_normal((10, n_columns))
    names = (*(f"x{i}" for i in range(n_columns - 1)), "constant")
    design = DesignMatrix(names, X, np.zeros((10, 0)), 2.0, censored=tuple(range(censored)))
    assert len(JointRuns([design]).matrix) == 10 - censored
    if fits:
        afni_glm.check_designs([design], MODEL)
        return
    kept = " that 2 censored ones leave" if censored else ""
    said = (
        f"AFNI's {n_columns} independent columns for the {10 - censored} scans{kept} leave no residual"
        " degrees of freedom; use fewer confounds"
    )
    with pytest.raises(DataError, match=f"^{re.escape(said)}"):
        afni_glm.check_designs([design], MODEL)


def test_one_percent_of_a_mean_is_1_where_afni_scales() -> None:
    means = [np.array([200.0, 0.0, 50.0])]
    assert afni_glm.one_percent([], means, MODEL)[0].tolist() == [1.0, 0.0, 1.0]
    unscaled = ModelSpecification("m", (), afni=AfniSettings(scale=False))
    assert afni_glm.one_percent([], means, unscaled)[0].tolist() == [2.0, 0.0, 0.5]


@pytest.mark.parametrize("scaled", [False, True])
def test_afnis_portions_hold_all_voxels_of_all_runs(monkeypatch: pytest.MonkeyPatch, scaled: bool) -> None:
    rng = np.random.default_rng(0)
    runs = [rng.uniform(50, 150, (n, 7)).astype(np.float32) for n in (4, 6)]
    series = [TimeSeries(values, 1.0, 0.0, np.full(len(values), 100.0)) for values in runs]
    inside = np.array([0, 2, 3, 5, 6])
    monkeypatch.setattr(afni_glm, "CHUNK_VALUES", 25)
    portions = afni_glm._parts(series, inside)
    parts = [afni_glm._scans(series, columns, scaled) for columns in portions]
    assert [part.shape for part in parts] == [(10, 2), (10, 2), (10, 1)]
    expected = [np.minimum(100 * values / values.mean(axis=0), 200) if scaled else values for values in runs]
    np.testing.assert_allclose(np.hstack(parts), np.vstack(expected)[:, inside], rtol=1e-5)


# SPM


@pytest.mark.parametrize("normalisation", ["None", "Scaling"])
@pytest.mark.parametrize("slope", [1.0, -2.0])
@pytest.mark.parametrize("threshold", [0.8, 0.2, float("-inf")])
@pytest.mark.parametrize("lengths", [(9,), (8, 5)])
def test_spms_mask_is_what_exceeds_its_share_of_the_global_in_every_scan_and_varies(
    normalisation: Any, slope: float, threshold: float, lengths: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    series, inside, every = [], np.ones(60, dtype=bool), []
    for n in lengths:
        values = rng.uniform(60, 140, (n, 60)) * rng.uniform(0.3, 2, 60)
        values[2, 7], values[1, 9] = np.nan, np.inf
        values[:, 11], values[:, 12] = 90.0, 500.0
        means = rng.uniform(90, 110, n)
        stored = ((values - 3) / slope).astype(np.float32)
        real = stored.astype(np.float64) * slope + 3
        series.append(TimeSeries(stored, slope, 3.0, means))
        inside &= (real > threshold * means[:, None]).all(axis=0) & np.isfinite(real).all(axis=0)
        every.append(100 * real / (means[:, None] if normalisation == "Scaling" else means.mean()))
    expected = inside & (np.ptp(np.nan_to_num(np.vstack(every)), axis=0) > 1e-9)
    model = ModelSpecification(
        "m", (), spm=SpmSettings(mask_threshold=threshold, global_normalization=normalisation)
    )
    candidates = rng.random(60) > 0.1
    candidates[11:13] = True
    found = spm12_scans.mask_from(series, candidates, model)
    np.testing.assert_array_equal(found, expected & candidates)
    assert 0 < found.sum() < candidates.sum()
