import numpy as np
import pytest

from bidsglm.fsl.highpass import filtered, filtered_columns, line_filter

N, TR, CUTOFF = 300, 2.0, 100.0


def naive_line(y: np.ndarray, sigma: float) -> np.ndarray:
    """A weighted line fitted at every scan."""
    scans = np.arange(y.size)
    values = []
    for t in scans:
        near = scans[np.abs(scans - t) <= int(3 * sigma)]
        root = np.exp(-((near - t) ** 2) / (4 * sigma**2))
        design = np.column_stack([np.ones(near.size), near - t])
        values.append(np.linalg.lstsq(root[:, np.newaxis] * design, root * y[near], rcond=None)[0][0])
    return np.array(values)


def test_filter_is_a_weighted_line_at_every_scan() -> None:
    y = np.random.default_rng(0).standard_normal(60)
    np.testing.assert_allclose(line_filter(60, 1.3, 40.0) @ y, naive_line(y, 40.0 / 2.6), atol=1e-12)


def test_data_lose_the_line_of_every_scan() -> None:
    y = np.random.default_rng(0).standard_normal(N)
    left = y - naive_line(y, 12.5)
    ours = filtered((100 * y[:, np.newaxis]).astype(np.float32), line_filter(N, TR, 50.0))[:, 0]
    np.testing.assert_allclose(ours, 100 * (left - left.mean() + y.mean()), atol=1e-4)


@pytest.mark.parametrize(("cutoffs", "amplitude"), [(1, 0.985), (1.5, 0.89), (2, 0.71)])
def test_waves_slower_than_the_cutoff_lose_only_some_of_their_amplitude(
    cutoffs: float, amplitude: float
) -> None:
    scans = np.arange(N)
    wave = np.cos(2 * np.pi * (scans - N // 2) * TR / (cutoffs * CUTOFF))
    left = wave - line_filter(N, TR, CUTOFF) @ wave
    assert abs(left[N // 2] - amplitude) < 0.01


def test_data_keep_their_mean() -> None:
    Y = (1e4 + np.random.default_rng(0).standard_normal((N, 5))).astype(np.float32)
    means = (values.mean(axis=0, dtype=np.float64) for values in (filtered(Y, line_filter(N, TR, CUTOFF)), Y))
    np.testing.assert_allclose(*means, rtol=1e-7)


def test_filtered_data_do_not_depend_on_chunks() -> None:
    Y = (1e4 + 50 * np.random.default_rng(0).standard_normal((N, 300))).astype(np.float32)
    L = line_filter(N, TR, CUTOFF)
    parts = [filtered(part, L) for part in np.array_split(Y, 17, axis=1)]
    np.testing.assert_array_equal(np.hstack(parts), filtered(Y, L))


def test_without_filter_data_are_as_they_were() -> None:
    Y = np.random.default_rng(0).standard_normal((9, 2)).astype(np.float32)
    assert filtered(Y, line_filter(9, TR, np.inf)) is Y


def test_filtered_columns_have_no_mean() -> None:
    X = np.random.default_rng(0).standard_normal((N, 3)) + 5
    assert np.abs(filtered_columns(X, line_filter(N, TR, CUTOFF)).mean(axis=0)).max() < 1e-15


@pytest.mark.parametrize("cutoff", [2.0, 0.0, -100.0, np.nan, -np.inf])
def test_cutoff_that_leaves_nothing_is_refused(cutoff: float) -> None:
    with pytest.raises(ValueError, match="high-pass"):
        line_filter(N, TR, cutoff)
