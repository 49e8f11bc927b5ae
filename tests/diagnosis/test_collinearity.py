"""The numbers of a design's diagnosis, against regressions and designs whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bidsglm.data import DesignMatrix, Paradigm
from bidsglm.diagnosis.collinearity import (
    contrast_rows,
    correlation_rows,
    diagnosis,
    effect_variances,
    regressor_rows,
    removed_share,
    variance_inflation,
)
from bidsglm.diagnosis.design_parts import parts
from bidsglm.model import ContrastSpecification
from bidsglm.outputs.fit_tables import CONTRASTS, REGRESSORS
from bidsglm.spm.highpass import dct_basis

from .designs import MODEL, N_SCANS, TIME, blocks, contrast, jittered, paradigm, review

ROUNDING = 1e-9
"""Two ways to the same number through decompositions of well-conditioned designs."""
PACKAGES = 0.02
"""SPM's and nilearn's regressors of blocks differ by about 1 % of their height."""


def noise(n_columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(N_SCANS, n_columns))


def r_squared(y: np.ndarray, X: np.ndarray, about_mean: bool) -> float:
    residual = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    total = y - y.mean() if about_mean else y
    return 1 - (residual @ residual) / (total @ total)


def test_inflation_is_that_of_the_regression_on_the_others():
    X = np.column_stack([noise(4) + 1, np.ones(N_SCANS), dct_basis(N_SCANS, TIME, 128)])
    X[:, 1] += X[:, 0]
    found = variance_inflation(X, 4, about_mean=True)
    expected = [1 / (1 - r_squared(X[:, i], np.delete(X, i, axis=1), True)) for i in range(4)]
    assert_allclose(found, expected, rtol=ROUNDING)
    alone = variance_inflation(X[:, :4], 4, about_mean=False)
    expected = [1 / (1 - r_squared(X[:, i], np.delete(X[:, :4], i, axis=1), False)) for i in range(4)]
    assert_allclose(alone, expected, rtol=ROUNDING)


def test_inflation_is_one_where_nothing_is_shared():
    assert_allclose(variance_inflation(np.eye(5)[:, :3], 3, about_mean=False), 1, rtol=ROUNDING)


def test_inflation_does_not_depend_on_scale():
    X = np.column_stack([noise(3), np.ones(N_SCANS)])
    scales = np.array([1e-6, 1, 1e5, 1])
    assert_allclose(variance_inflation(X * scales, 3, True), variance_inflation(X, 3, True), rtol=1e-6)


def test_inflation_of_a_sum_is_infinite_and_of_zeros_undefined():
    X = noise(5)
    X[:, 2] = X[:, 0] - 3 * X[:, 1]
    X[:, 4] = 0
    found = variance_inflation(X, 5, about_mean=False)
    assert np.isinf(found[:3]).all()
    assert np.isfinite(found[3])
    assert np.isnan(found[4])


def test_filter_removes_all_of_a_cosine_and_nothing_of_a_fast_one():
    cosines = dct_basis(N_SCANS, TIME, 2 * TIME + 1)
    share = removed_share(cosines + 5, cosines[:, :3])
    assert_allclose(share, [1, 1, 1] + [0] * (cosines.shape[1] - 3), atol=ROUNDING)


def test_removed_share_of_a_constant_is_undefined_and_without_drifts_zero():
    X = np.column_stack([np.full(N_SCANS, 0.1), noise(1)[:, 0]])
    share = removed_share(X, np.zeros((N_SCANS, 0)))
    assert np.isnan(share[0])
    assert share[1] == 0


def test_effect_variance_is_that_of_least_squares_beside_the_filter():
    X = np.column_stack([noise(2), np.ones(N_SCANS)])
    X0 = dct_basis(N_SCANS, TIME, 128)
    design = DesignMatrix(("trial_type.a", "trial_type.b", "constant"), X, X0)
    filtered = X - X0 @ (X0.T @ X)
    c = np.array([1.0, -1.0, 0.0])
    expected = c @ np.linalg.inv(filtered.T @ filtered) @ c
    assert_allclose(effect_variances(design, c[None]), [expected], rtol=ROUNDING)


def test_both_backends_get_the_same_diagnosis_of_blocks():
    run = review(paradigm(blocks("movement", 20)), contrast("movement", 1))
    spm, nilearn = run.diagnoses["spm"], run.diagnoses["nilearn"]
    assert (spm.rank, spm.n_columns) == (nilearn.rank, nilearn.n_columns) == (5, 5)
    assert_allclose(spm.condition_number, nilearn.condition_number, rtol=PACKAGES)
    assert_allclose(spm.contrasts[0].efficiency, nilearn.contrasts[0].efficiency, rtol=PACKAGES)
    assert spm.regressors[0].vif_with_constant_and_drifts < 1.1


def test_condition_number_of_orthonormal_columns_is_one():
    X = np.column_stack([np.tile([1.0, -1.0], 20), np.ones(40)])
    found = diagnosis(DesignMatrix(("trial_type.a", "constant"), X, np.zeros((40, 0))), paradigm(n_scans=40))
    assert_allclose(found.condition_number, 1, rtol=ROUNDING)


def test_condition_number_is_that_of_the_columns_at_unit_length():
    X = np.column_stack([noise(2) * [1.0, 50.0], np.ones(N_SCANS)])
    X[:, 1] += 40 * X[:, 0]
    design = DesignMatrix(("trial_type.a", "trial_type.b", "constant"), X, np.zeros((N_SCANS, 0)))
    found = diagnosis(design, Paradigm(TIME, N_SCANS, None, (), (), np.zeros((N_SCANS, 0))))
    expected = np.linalg.cond(X / np.linalg.norm(X, axis=0))
    assert_allclose(found.condition_number, expected, rtol=1e-10)
    assert expected > 1.5


def test_filled_run_shows_only_beside_the_constant():
    run = review(paradigm(blocks("rest", 0), blocks("movement", 20)))
    for found in run.diagnoses.values():
        for regressor in found.regressors:
            assert_allclose(regressor.vif, 1, rtol=PACKAGES)
            assert regressor.vif_with_constant_and_drifts > 10


def test_confounds_far_from_zero_do_not_look_collinear():
    table = {"csf": 1000 + noise(1, 1)[:, 0], "white_matter": 2000 + noise(1, 2)[:, 0]}
    run = review(paradigm(jittered("go", 0), confounds=table))
    for found in run.diagnoses.values():
        assert [r.kind for r in found.regressors] == ["condition", "confound", "confound"]
        assert max(r.vif for r in found.regressors) < 1.2
        assert found.condition_number < 10


def test_fmripreps_cosines_count_as_the_filter():
    cosines = dct_basis(N_SCANS, TIME, 128)
    table = {f"cosine{i:02d}": column for i, column in enumerate(cosines.T)}
    run = review(
        paradigm(blocks("slow", 0, 240, 120), confounds=table), model=replace(MODEL, high_pass=np.inf)
    )
    for found in run.diagnoses.values():
        assert [r.name for r in found.regressors] == ["trial_type.slow"]
        assert found.regressors[0].removed_by_filter > 0.8


def test_rank_counts_duplicates_and_constant_confounds_out():
    walk = noise(1).cumsum(axis=0)[:, 0]
    table = {"trans_x": walk, "copy": walk, "still": np.full(N_SCANS, 0.1)}
    run = review(paradigm(blocks("movement", 20), confounds=table))
    for found in run.diagnoses.values():
        assert found.n_columns - found.rank == 2
        assert np.isinf(found.condition_number)
        assert [np.isinf(r.vif) for r in found.regressors] == [False, True, True, False]
        assert np.isnan(found.regressors[-1].vif)


def test_correlations_are_those_of_the_filtered_columns():
    run = review(paradigm(jittered("a", 1), jittered("b", 2), confounds={"trans_x": noise(1)[:, 0]}))
    for name, found in run.diagnoses.items():
        filtered = parts(run.designs[name], run.paradigm).filtered
        assert_allclose(found.correlation, np.corrcoef(filtered.T), rtol=0, atol=ROUNDING)


def test_contrast_that_the_run_cannot_give_has_no_efficiency():
    absent = contrast("a - b", 1, -1, on=("a", "b"))
    sums = np.column_stack([noise(2), np.ones(N_SCANS)])
    names = ("trial_type.a", "trial_type.c", "constant")
    design = DesignMatrix(names, sums, np.zeros((N_SCANS, 0)))
    assert not diagnosis(design, paradigm(), [absent]).contrasts[0].estimable
    sums[:, 1] = 1 - sums[:, 0]
    difference = ContrastSpecification("a-c", "aMinusC", names[:2], np.array([[1.0, -1.0]]))
    alone = contrast("a", 1, on=("a",))
    found = diagnosis(replace(design, matrix=sums), paradigm(), [alone, difference]).contrasts
    assert [c.estimable for c in found] == [False, True]
    assert found[0].efficiency == 0
    assert found[1].efficiency > 0


@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_efficiency_grows_with_the_square_of_a_regressor(scale):
    run = review(paradigm(blocks("movement", 20)))
    design = run.designs["spm"]
    larger = replace(design, matrix=design.matrix * np.array([scale, 1]))
    both = [diagnosis(d, run.paradigm, [contrast("movement", 1)]) for d in (design, larger)]
    assert_allclose(
        both[1].contrasts[0].efficiency, scale**2 * both[0].contrasts[0].efficiency, rtol=ROUNDING
    )


def test_efficiency_of_an_f_contrast_is_over_all_its_rows():
    run = review(paradigm(jittered("a", 1), jittered("b", 2)))
    rows = ContrastSpecification("any", "any", ("trial_type.a", "trial_type.b"), np.eye(2), "F")
    each = [contrast("a", 1, on=("a",)), contrast("b", 1, on=("b",))]
    found = diagnosis(run.designs["spm"], run.paradigm, [rows, *each]).contrasts
    assert_allclose(1 / found[0].efficiency, sum(1 / c.efficiency for c in found[1:]), rtol=ROUNDING)


def test_tables_have_the_columns_that_are_described():
    run = review(paradigm(jittered("a", 1), jittered("b", 2)), contrast("a - b", 1, -1, on=("a", "b")))
    found = run.diagnoses["nilearn"]
    assert all(tuple(row) == REGRESSORS.names for row in regressor_rows(found))
    assert [tuple(row) for row in contrast_rows(found)] == [CONTRASTS.names]
    rows = correlation_rows(found)
    assert [row["regressor"] for row in rows] == ["trial_type.a", "trial_type.b"]
    assert_array_equal(
        [[row[n] for n in ("trial_type.a", "trial_type.b")] for row in rows], found.correlation
    )


def test_run_without_conditions_is_diagnosed_too():
    empty = Paradigm(TIME, N_SCANS, None, (), (), np.zeros((N_SCANS, 0)))
    design = DesignMatrix(("constant",), np.ones((N_SCANS, 1)), dct_basis(N_SCANS, TIME, 128))
    found = diagnosis(design, empty)
    assert (found.rank, found.regressors, found.correlation.shape) == (4, (), (0, 0))
