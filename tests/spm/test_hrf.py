import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import gamma

from bidsglm.model import Hrf
from bidsglm.spm.hrf import basis_functions, canonical_hrf

ROUNDING = 1e-12
"""Of sums over some hundred float64 samples."""


@pytest.mark.parametrize("dt", [0.025, 0.04375, 0.125, 0.1875])
def test_canonical_response_has_unit_sum_over_32_seconds(dt):
    h = canonical_hrf(dt)
    assert_allclose(h.sum(), 1, rtol=ROUNDING)
    assert len(h) == int(32 / dt) + 1


def test_canonical_response_is_a_difference_of_gamma_densities():
    t = np.arange(257) * 0.125
    expected = gamma.pdf(t, 6) - gamma.pdf(t, 16) / 6
    assert_allclose(canonical_hrf(0.125), expected / expected.sum(), atol=ROUNDING)


def test_derivatives_are_orthogonal_to_the_response_and_to_each_other():
    basis = basis_functions(Hrf("spm", derivative=True, dispersion=True), 0.125)
    product = basis.T @ basis
    assert_allclose(product - np.diag(np.diag(product)), 0, atol=ROUNDING)


def test_first_function_is_the_canonical_response():
    basis = basis_functions(Hrf("spm", derivative=True), 0.125)
    assert_allclose(basis[:, 0], canonical_hrf(0.125), rtol=0)


def test_fir_bins_cover_the_length_once():
    basis = basis_functions(Hrf("fir", length=20, order=10), 0.125)
    assert basis.shape == (160, 10)
    assert_allclose(basis.sum(axis=1), 1, rtol=0)


@pytest.mark.parametrize(("model", "n_functions"), [("fourier", 7), ("fourier hanning", 7), ("gamma", 3)])
def test_sets_have_as_many_functions_as_regressor_names(model, n_functions):
    request = Hrf(model, length=32, order=3)
    assert basis_functions(request, 0.125).shape == (257, n_functions)
    assert len(request.suffixes) == n_functions


def test_hanning_window_starts_and_ends_at_zero():
    window = basis_functions(Hrf("fourier hanning", length=32, order=1), 0.125)[:, 0]
    assert_allclose(window[[0, -1]], 0, atol=ROUNDING)
    assert_allclose(window.max(), 1, rtol=ROUNDING)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Hrf("glover"), "no glover"),
        (Hrf("spm", dispersion=True), "only together"),
        (Hrf("fir"), "positive length"),
        (Hrf("gamma", length=32, order=0), "positive length"),
        (Hrf("fourier", length=-1, order=2), "positive length"),
        (Hrf("fir", length=1, order=100), "less than half a microtime bin"),
    ],
)
def test_sets_that_spm_does_not_have_are_refused(request_, message):
    with pytest.raises(ValueError, match=message):
        basis_functions(request_, 0.125)


def successive_residuals(columns):
    """Every column less its projection on those before it."""
    found = []
    for column in np.transpose(columns):
        rest = column.copy()
        if found:
            before = np.column_stack(found)
            rest = rest - before @ np.linalg.lstsq(before, rest, rcond=None)[0]
        found.append(rest)
    return np.column_stack(found)


def difference(t, onset=0.0, dispersion=1.0):
    """SPM's response by scipy's gamma densities, of unit sum."""
    h = gamma.pdf(t - onset, 6 / dispersion, scale=dispersion) - gamma.pdf(t - onset, 16) / 6
    return h / h.sum()


DT = 0.25
WAVES = np.linspace(0, 2 * np.pi, 20 * 4 + 1)


@pytest.mark.parametrize(
    ("hrf", "columns"),
    [
        (
            Hrf("spm", True, True),
            [
                difference(np.arange(129) * DT),
                # a second later, and 1 % wider
                difference(np.arange(129) * DT) - difference(np.arange(129) * DT, 1.0),
                (difference(np.arange(129) * DT) - difference(np.arange(129) * DT, 0.0, 1.01)) / 0.01,
            ],
        ),
        (
            Hrf("fourier", length=20, order=2),
            [np.ones(81), np.sin(WAVES), np.cos(WAVES), np.sin(2 * WAVES), np.cos(2 * WAVES)],
        ),
        (
            Hrf("fourier hanning", length=20, order=1),
            [w * (1 - np.cos(WAVES)) / 2 for w in (np.ones(81), np.sin(WAVES), np.cos(WAVES))],
        ),
        # shapes of 4, 8 and 16
        (
            Hrf("gamma", length=32, order=3),
            [gamma.pdf(np.arange(129) * DT, shape) for shape in (4, 8, 16)],
        ),
    ],
    ids=lambda value: value.model if isinstance(value, Hrf) else "",
)
def test_sets_are_their_formulas_made_orthogonal(hrf, columns):
    expected = successive_residuals(np.column_stack(columns))
    np.testing.assert_allclose(basis_functions(hrf, DT), expected, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize(("length", "order", "width"), [(10, 3, 13), (10, 4, 10), (1, 2, 2), (7.5, 2, 15)])
def test_fir_bins_are_whole_steps_near_their_share_of_the_length(length, order, width):
    X = basis_functions(Hrf("fir", length=length, order=order), DT)
    np.testing.assert_array_equal(X, np.repeat(np.eye(order), width, axis=0))


def test_a_fir_bin_of_half_a_step_is_a_step_and_a_shorter_one_is_refused():
    assert len(basis_functions(Hrf("fir", length=0.5, order=4), DT)) == 4
    with pytest.raises(ValueError, match=r"FIR bin of 0\.12 s is less than half a microtime bin of 0\.25 s"):
        basis_functions(Hrf("fir", length=0.48, order=4), DT)
