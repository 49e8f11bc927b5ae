import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.linalg import toeplitz

from bidsglm.spm import structure
from bidsglm.spm.structure import halves, inverse, inverse_root, is_definite, least_eigenvalue

ROUNDING = 1e-12
"""Of inverses and roots of matrices whose condition number is below 1,000."""
RIDGE = 1e-13


def fading(n, rho=0.6, share=0.7):
    """White noise and an autoregression."""
    row = share * rho ** np.arange(float(n))
    row[0] = 1.0
    return toeplitz(row)


def root_by_eigenvectors(V):
    values, vectors = np.linalg.eigh(V)
    return vectors / np.sqrt(values + RIDGE) @ vectors.T


@pytest.fixture
def dense(monkeypatch):
    """Sizes of the matrices that general routines get."""
    sizes = []
    for name in ("inv", "eigh"):
        general = getattr(np.linalg, name)

        def watched(A, general=general):
            sizes.append(len(A))
            return general(A)

        monkeypatch.setattr(structure.np.linalg, name, watched)
    return sizes


@pytest.mark.parametrize("n", [1, 2, 61, 300])
def test_inverse_of_a_toeplitz_matrix_is_the_inverse_and_takes_no_general_routine(n, dense):
    found = inverse(fading(n))
    assert not dense
    assert_allclose(found, np.linalg.inv(fading(n)), atol=ROUNDING)


def test_inverse_of_a_fading_autocorrelation_is_a_band():
    found = inverse(fading(300, rho=0.2))
    assert not found[0, 100:].any()
    assert not found[150, :50].any()


@pytest.mark.parametrize(
    "matrix", [np.diag([1.0, 2.0, 3.0]), toeplitz([1e-9, 1.0, 0.0]), toeplitz([0.0, 1.0])]
)
def test_inverse_of_what_the_recursion_cannot_do_is_the_general_one(matrix, dense):
    found = inverse(matrix)
    assert dense == [len(matrix)]
    assert_allclose(matrix @ found, np.eye(len(matrix)), atol=1e-6)


def test_inverse_that_rounding_spoils_is_the_general_one(dense):
    # a slow drift beside next to nothing: nearly singular
    smooth = toeplitz(np.exp(-((np.arange(40) / 20) ** 2)))
    inverse(smooth)
    assert dense == [40]


@pytest.mark.parametrize("n", [2, 3, 10, 11])
def test_halves_have_the_eigenvalues_of_the_whole(n):
    A = np.random.default_rng(n).standard_normal((n, n))
    A = A + A.T
    A = A + A[::-1, ::-1]
    parts = halves(A)
    found = np.sort(np.concatenate([np.linalg.eigvalsh(part) for part in parts]))
    assert_allclose(found, np.linalg.eigvalsh(A), atol=ROUNDING)
    assert_allclose(least_eigenvalue(A), found[0], atol=ROUNDING)
    square = [part @ part for part in parts]
    assert_allclose(structure._joined(*square), A @ A, atol=ROUNDING * n)


def test_matrix_that_is_not_the_same_backwards_has_no_halves():
    assert halves(np.diag([1.0, 2.0])) is None
    assert least_eigenvalue(np.diag([1.0, -2.0, 3.0])) == -2


@pytest.mark.parametrize(("n", "largest"), [(150, 75), (151, 76), (600, 64), (601, 64)])
def test_root_of_the_inverse_is_that_of_the_whole(n, largest, dense):
    found = inverse_root(fading(n), RIDGE)
    assert max(dense) == largest
    assert_allclose(found, root_by_eigenvectors(fading(n)), atol=ROUNDING)


def test_root_of_a_slow_autocorrelation_takes_as_many_rows_as_it_fades_in(dense):
    slow = fading(1100, rho=0.9, share=0.5)
    found = inverse_root(slow, RIDGE)
    assert 64 < max(dense) < 550
    assert_allclose(found, root_by_eigenvectors(slow), atol=ROUNDING)


def test_root_of_what_comes_back_after_a_long_time_is_not_put_together_from_short_parts():
    row = np.zeros(700)
    row[0], row[300] = 1.0, 0.3
    found = inverse_root(toeplitz(row), RIDGE)
    assert_allclose(found, root_by_eigenvectors(toeplitz(row)), atol=ROUNDING)


def test_covariance_whose_beginning_alone_is_positive_definite_is_refused():
    row = np.zeros(1200)
    row[0], row[200] = 1.0, 0.6
    assert np.linalg.eigvalsh(toeplitz(row[:512]))[0] > 0
    with pytest.raises(ValueError, match="not positive definite"):
        inverse_root(toeplitz(row), RIDGE)


def test_root_of_a_matrix_that_is_not_toeplitz_is_found_by_its_eigenvectors():
    V = np.diag([4.0, 1.0, 0.25])
    assert_allclose(inverse_root(V, 0.0), np.diag([0.5, 1.0, 2.0]), atol=ROUNDING)


def test_long_fading_covariance_is_known_as_definite_without_its_eigenvalues(dense, monkeypatch):
    monkeypatch.setattr(structure, "least_eigenvalue", None)
    assert is_definite(fading(600))
    assert max(dense) < 300


@pytest.mark.parametrize("lag", [1, 200])
def test_long_covariance_with_a_negative_eigenvalue_is_not_definite(lag):
    row = np.zeros(1200)
    row[0], row[lag] = 1.0, 0.6
    assert not is_definite(toeplitz(row))
    assert not is_definite(toeplitz(row), singular=True)


def test_long_singular_covariance_is_one_where_that_is_allowed():
    # white noise without variance
    assert is_definite(np.zeros((400, 400)), singular=True)
    assert not is_definite(np.zeros((400, 400)))


@pytest.mark.parametrize("n", [301, 400])
def test_product_of_an_extended_matrix_is_that_of_the_whole(n):
    # every row differs, so that one at a wrong place shows
    part = np.random.default_rng(n).standard_normal((128, 128))
    Y = np.random.default_rng(0).standard_normal((n, 3))
    whole = structure._extended(part, n)
    assert_allclose(whole[64], np.r_[part[64], np.zeros(n - 128)])
    assert_allclose(structure._extended_product(part, Y), whole @ Y, atol=1e-12)
