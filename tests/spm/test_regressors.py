import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bidsglm.data import Condition, Modulator
from bidsglm.model import Hrf
from bidsglm.spm.hrf import basis_functions, canonical_hrf
from bidsglm.spm.regressors import (
    PAD_BINS,
    Microtime,
    condition_regressors,
    event_weights,
    orthogonalise,
    rounded,
    stimulus_functions,
)

TIMING = Microtime(2.0, 60)
ROUNDING = 1e-12
"""Of sums over some hundred float64 numbers of size 1 to 10."""


def condition(onsets, durations=0.0, **options):
    onsets = np.atleast_1d(np.asarray(onsets, float))
    return Condition("go", onsets, np.broadcast_to(np.asarray(durations, float), onsets.shape), **options)


def boxes(events, timing):
    """Sum of boxes, one event and one bin after the other."""
    grid = np.zeros(timing.n_bins)
    for onset, duration in zip(events.onsets, events.durations, strict=True):
        first = int(np.floor(onset / timing.dt + 0.5)) + PAD_BINS
        last = first + int(np.floor(duration / timing.dt + 0.5))
        for i in range(max(first, 0), min(last + 1, timing.n_bins)):
            grid[i] += 1
    return grid


def test_halves_are_rounded_away_from_zero():
    assert_array_equal(rounded(np.array([-2.5, -0.5, 0.49999999999999994, 1.5])), [-3, -1, 0, 2])


def test_stimulus_functions_are_sums_of_boxes():
    rng = np.random.default_rng(1)
    events = condition(rng.uniform(-4, 120, 40), rng.uniform(0.1, 9, 40))
    assert_allclose(stimulus_functions(events, TIMING)[:, 0], boxes(events, TIMING), atol=ROUNDING)


def test_block_covers_one_bin_more_than_its_duration():
    assert np.count_nonzero(stimulus_functions(condition(10, 2.0), TIMING)) == 17


def test_a_continuous_variable_has_its_height_at_each_bins_time_and_none_before_its_first():
    knots, heights = np.array([3.0, 10.0, 40.0]), np.array([2.0, -1.0, 5.0])
    slow = condition(knots, 1.0, amplitudes=heights, continuous=True)
    (column,) = stimulus_functions(slow, TIMING).T
    # the run begins at bin 32, and a bin lasts TR / 16
    assert column[32 + 16 * 10 // 2] == -1
    assert column[32 + 16 * 40 // 2] == 5
    assert_allclose(column[32 + 16 * 25 // 2], 2, atol=ROUNDING)
    first = 32 + 16 * 3 // 2
    assert not column[:first].any()
    assert column[first] == 2
    # it stays at its last height
    assert (column[32 + 16 * 40 // 2 :] == 5).all()


def test_impulses_have_an_area_of_one_second():
    assert_allclose(stimulus_functions(condition([10, 20]), TIMING).sum() * TIMING.dt, 2, rtol=ROUNDING)


def test_impulse_among_blocks_keeps_the_height_of_a_block():
    mixed = stimulus_functions(condition([10, 20], [0, 4]), TIMING)
    assert mixed.max() == 1
    assert np.count_nonzero(mixed) == 1 + 33


def test_simultaneous_events_add_up():
    assert_allclose(
        stimulus_functions(condition([10, 10]), TIMING), 2 * stimulus_functions(condition(10), TIMING), rtol=0
    )


@pytest.mark.parametrize("onset", [-4.1, -100.0, 120.1, 1e6])
def test_impulses_outside_the_grid_leave_zeros(onset):
    assert not stimulus_functions(condition(onset), TIMING).any()


def test_event_within_the_pad_keeps_its_effect():
    assert stimulus_functions(condition(-3.9), TIMING).any()


def test_block_from_before_the_pad_is_clipped_to_it():
    kept = stimulus_functions(condition(-100.0, 110.0), TIMING)[:, 0]
    assert_array_equal(np.flatnonzero(kept), np.arange(PAD_BINS + 80 + 1))


def test_events_outside_the_run_leave_an_exactly_zero_column():
    late = condition([130.0, 140.0], 2.0)
    assert not condition_regressors(late, canonical_hrf(TIMING.dt)[:, None], TIMING).any()


def test_modulator_is_centred_and_orthogonal_to_lower_powers():
    values = np.random.default_rng(2).uniform(1, 5, 12)
    weights = event_weights(
        condition(np.arange(12) * 9, 1.0, modulators=(Modulator("rt", values, 2),)), 0.125
    )
    product = weights.T @ weights
    assert_allclose(product - np.diag(np.diag(product)), 0, atol=ROUNDING)


def test_without_orthogonalisation_modulators_are_raw_powers():
    values = np.array([1.0, 2.0, 5.0])
    raw = condition([5, 15, 25], 1.0, modulators=(Modulator("rt", values, 2),), orthogonalize=False)
    assert_allclose(event_weights(raw, 0.125), np.column_stack([np.ones(3), values, values**2]), rtol=0)


def test_time_modulation_is_in_minutes_and_before_the_modulators():
    both = condition(
        [0, 60],
        1.0,
        time_modulation=1,
        modulators=(Modulator("rt", np.array([3.0, 4.0])),),
        orthogonalize=False,
    )
    assert_allclose(event_weights(both, 0.125), [[1, 0, 3], [1, 1, 4]], rtol=0)


def test_content_behind_a_dead_modulator_moves_into_its_place():
    real = np.array([1.0, 4.0, 2.0, 8.0])
    onsets = [5.0, 25.0, 45.0, 65.0]
    basis = canonical_hrf(TIMING.dt)[:, None]
    dead = condition(onsets, 1.0, modulators=(Modulator("flat", np.ones(4)), Modulator("rt", real)))
    alone = condition(onsets, 1.0, modulators=(Modulator("rt", real),))
    X = condition_regressors(dead, basis, TIMING)
    assert_allclose(X[:, :2], condition_regressors(alone, basis, TIMING), atol=ROUNDING)
    assert not X[:, 2].any()


def test_sample_is_taken_at_the_microtime_onset():
    block = condition(4.0, 1.9)
    early = condition_regressors(block, np.ones((1, 1)), Microtime(2.0, 5, 16, 1))[:, 0]
    late = condition_regressors(condition(5.0, 0.9), np.ones((1, 1)), Microtime(2.0, 5, 16, 16))[:, 0]
    assert_array_equal(early, [0, 0, 1, 0, 0])
    assert_array_equal(late, [0, 0, 1, 0, 0])


def test_orthogonalised_columns_span_the_same_space():
    X = np.random.default_rng(3).standard_normal((20, 5))
    Q = orthogonalise(X)
    product = Q.T @ Q
    assert_allclose(product - np.diag(np.diag(product)), 0, atol=ROUNDING)
    assert_allclose(Q @ np.linalg.lstsq(Q, X)[0], X, atol=ROUNDING)


def test_first_column_is_left_as_it_is():
    X = np.random.default_rng(4).standard_normal((9, 3))
    assert_array_equal(orthogonalise(X)[:, 0], X[:, 0])


def test_dependent_column_becomes_zero():
    x = np.random.default_rng(5).standard_normal((9, 1))
    assert_array_equal(orthogonalise(np.hstack([x, 2 * x]))[:, 1], 0)


def test_zero_matrix_stays_zero():
    assert not orthogonalise(np.zeros((4, 2))).any()


def test_heights_of_events_scale_their_responses():
    timing = Microtime(2.0, 60)
    onsets, durations = np.array([4.0, 50.0]), np.array([2.0, 2.0])
    basis = basis_functions(Hrf("spm"), timing.dt)
    apart = [
        condition_regressors(Condition("go", onsets[[i]], durations[[i]]), basis, timing) for i in range(2)
    ]
    weighted = Condition("go", onsets, durations, amplitudes=np.array([3.0, -0.5]))
    expected = 3.0 * apart[0] - 0.5 * apart[1]
    assert_allclose(condition_regressors(weighted, basis, timing), expected, atol=1e-12)


@pytest.mark.parametrize("n_events", [5, 50, 500])
@pytest.mark.parametrize("constant", [1.0, 3.0, 0.1])
def test_constant_modulator_never_takes_the_place_of_a_real_one(n_events: int, constant: float) -> None:
    real = np.random.default_rng(n_events).standard_normal(n_events)
    X = np.column_stack([np.ones(n_events), np.full(n_events, constant), real])
    weights = orthogonalise(X)
    assert_array_equal(weights[:, 1], 0)
    assert_allclose(weights[:, 2], real - real.mean(), atol=ROUNDING)
