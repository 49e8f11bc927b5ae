import warnings

import numpy as np
import pytest

from bidsglm.agreement.reliability import icc_agreement, icc_consistency, mean_squares

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)
"""Six targets, four judges: table 2 of Shrout & Fleiss (1979, Psychological Bulletin 86: 420-428)."""
PRINTED = 0.005
"""Two decimals are printed there."""
ROUNDING = 1e-12


def naive_squares(ratings: np.ndarray) -> tuple[float, float, float]:
    n, k = ratings.shape
    mean = ratings.sum() / (n * k)
    rows = sum(k * (ratings[i].mean() - mean) ** 2 for i in range(n))
    columns = sum(n * (ratings[:, j].mean() - mean) ** 2 for j in range(k))
    total = sum((ratings[i, j] - mean) ** 2 for i in range(n) for j in range(k))
    return rows / (n - 1), columns / (k - 1), (total - rows - columns) / ((n - 1) * (k - 1))


def test_mean_squares_are_those_of_shrout_and_fleiss() -> None:
    found = mean_squares(SHROUT_FLEISS)
    np.testing.assert_allclose([found.rows, found.columns, found.error], [11.24, 32.49, 1.02], atol=PRINTED)


def test_coefficients_are_those_of_shrout_and_fleiss() -> None:
    squares = mean_squares(SHROUT_FLEISS)
    np.testing.assert_allclose(icc_agreement(squares).value, 0.29, atol=PRINTED)
    np.testing.assert_allclose(icc_consistency(squares).value, 0.71, atol=PRINTED)


def test_intervals_are_those_that_r_gives_for_the_same_table() -> None:
    """ICC of R's psych 2.x, and icc of R's irr 0.84, print these limits for the table."""
    squares = mean_squares(SHROUT_FLEISS)
    np.testing.assert_allclose(icc_agreement(squares)[1:], [0.019, 0.761], atol=0.0005)
    np.testing.assert_allclose(icc_consistency(squares)[1:], [0.342, 0.946], atol=0.0005)


@pytest.mark.parametrize("shape", [(2, 2), (5, 2), (40, 2), (7, 3)])
def test_mean_squares_equal_a_naive_analysis_of_variance(shape: tuple[int, int]) -> None:
    ratings = np.random.default_rng(1).standard_normal(shape) + np.arange(shape[0])[:, None]
    squares = mean_squares(ratings)
    np.testing.assert_allclose(
        [squares.rows, squares.columns, squares.error], naive_squares(ratings), rtol=1e-9, atol=ROUNDING
    )


def test_offset_costs_agreement_but_not_consistency() -> None:
    ratings = np.random.default_rng(2).standard_normal((20, 1)) + np.random.default_rng(3).normal(
        0, 0.2, (20, 2)
    )
    moved = ratings + np.array([0.0, 3.0])
    before, after = mean_squares(ratings), mean_squares(moved)
    np.testing.assert_allclose(icc_consistency(after), icc_consistency(before), rtol=1e-9)
    assert icc_agreement(before).value > 0.9
    assert icc_agreement(after).value < 0.3


def test_scale_costs_both() -> None:
    one = np.random.default_rng(4).standard_normal(20)
    squares = mean_squares(np.column_stack((one, 3 * one)))
    # covariance 3 v over the mean variance (1 + 9) v / 2
    np.testing.assert_allclose(icc_consistency(squares).value, 0.6, rtol=ROUNDING)


def test_intervals_hold_the_true_value_as_often_as_they_say() -> None:
    rng, truth, hits = np.random.default_rng(5), 0.5, np.zeros(2)
    for _ in range(400):
        ratings = rng.standard_normal((15, 1)) + rng.standard_normal((15, 2))
        squares = mean_squares(ratings)
        for i, estimate in enumerate((icc_consistency(squares), icc_agreement(squares))):
            hits[i] += estimate.lower <= truth <= estimate.upper
    # Raters without an effect of their own: both coefficients are 1/2. The tolerance is three standard errors
    # of 400 draws; the interval of ICC(A,1) is approximate, a little too wide.
    np.testing.assert_allclose(hits[0] / 400, 0.95, atol=0.03)
    np.testing.assert_allclose(hits[1] / 400, 0.96, atol=0.04)


@pytest.mark.parametrize(
    ("ratings", "agreement", "consistency"),
    [
        ([[1, 1], [1, 1]], np.nan, np.nan),
        ([[0.1, 0.3], [0.1, 0.3], [0.1, 0.3]], np.nan, np.nan),
        ([[0, 0], [0, 0]], np.nan, np.nan),
        ([[1, 1], [2, 2]], 1, 1),
        ([[1, 2], [2, 3], [3, 4]], 2 / 3, 1),
        ([[1e-9, 1e-9], [2e-9, 2e-9]], 1, 1),
    ],
)
def test_edges_are_defined_or_nan_without_a_warning(
    ratings: list[list[float]], agreement: float, consistency: float
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        squares = mean_squares(np.array(ratings, dtype=float))
        found = icc_agreement(squares).value, icc_consistency(squares).value
    np.testing.assert_allclose(found, [agreement, consistency], rtol=ROUNDING)
