import numpy as np
import pytest

from bidsglm.fsl import regressors
from bidsglm.fsl.response import RESPONSES, STEP, response

TIMING = regressors.Timing(2.0, 60)


def one(onset: float, duration: float, height: float = 1.0) -> np.ndarray:
    return regressors.stimulus(np.array([onset]), np.array([duration]), np.array([height]), TIMING)


def test_events_of_no_length_get_one_bin() -> None:
    assert [int(one(onset, 0.0).sum()) for onset in (0.0, 3.3, 17.01)] == [1, 1, 1]


def test_short_event_near_the_end_of_a_bin_gets_two() -> None:
    assert int(one(62.495, 0.0).sum()) == 2


def test_overlapping_events_do_not_add_up() -> None:
    grid = regressors.stimulus(np.array([10.0, 15.0]), np.array([12.0, 1.0]), np.array([1.0, 3.0]), TIMING)
    assert (grid.max(), int((grid == 1).sum()), int((grid == 3).sum())) == (3, 220, 20)


@pytest.mark.parametrize("onset", [-40.0, 500.0])
def test_events_off_the_grid_are_lost(onset: float) -> None:
    assert not one(onset, 5.0).any()


def test_event_before_the_first_scan_still_has_its_response() -> None:
    assert regressors.regressor(one(-4.0, 2.0), response("gamma"), TIMING).argmax() == 0


@pytest.mark.parametrize("name", RESPONSES)
def test_long_block_reaches_its_height(name: str) -> None:
    grid = one(-20.0, 140.0, 2.0)
    x = regressors.regressor(grid, response(name), TIMING) + grid.mean()
    np.testing.assert_allclose(x[30:50], 2.0, rtol=1e-6)


@pytest.mark.parametrize(("name", "peak"), [("double-gamma", 5.0), ("gamma", 4.5), ("gaussian", 5.0)])
def test_responses_peak_where_they_should(name: str, peak: float) -> None:
    assert abs(STEP * response(name).argmax() - peak) <= 0.051


def test_scans_stand_for_the_moment_that_is_asked_for() -> None:
    starts = regressors.Timing(2.0, 60, moment=0.0).samples
    np.testing.assert_array_equal(TIMING.samples - starts, 20)


def test_times_of_bins_are_those_of_scans() -> None:
    np.testing.assert_allclose(TIMING.times[TIMING.samples], 2.0 * np.arange(60) + 1.0, atol=1e-9)


def test_derivative_is_orthogonal_to_its_column() -> None:
    x = regressors.regressor(one(30.0, 8.0), response("double-gamma"), TIMING)
    X = regressors.columns(x, None, derivative=True)
    assert abs(np.corrcoef(X.T)[0, 1]) < 1e-7


def test_condition_without_events_gives_columns_of_zeros() -> None:
    none = np.empty(0)
    x = regressors.regressor(regressors.stimulus(none, none, none, TIMING), response("gamma"), TIMING)
    assert not regressors.columns(x, None, derivative=True).any()


def test_unknown_response_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="double-gamma, gamma"):
        response("glover")


def test_an_event_at_the_very_start_of_the_grid_has_all_of_its_bins() -> None:
    grid = one(-30.0, 1.0)
    assert (grid[:20] == 1).all()
    assert grid.sum() == 20
    # of one that began before, what lies on the grid
    assert one(-30.5, 1.0).sum() == 10
    # ten scans of 2 s behind the last one are on the grid
    assert len(grid) == 600 + 20 * 140
    assert one(139.0, 5.0).sum() == 20
