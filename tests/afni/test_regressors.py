from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bidsglm.afni import regressors
from bidsglm.afni.regressors import EventTrain, condition_columns, within_run
from bidsglm.afni.responses import response
from bidsglm.afni.timeline import Timeline

RUNS = Timeline(2.0, (40, 30))
NONE = EventTrain(np.empty(0))
SINGLE = 3e-5
"""Of a second run's columns: onsets are single-precision scans from the first run's start."""


def events(*onsets, **others):
    return EventTrain(np.array(onsets, dtype=np.float64), **{k: np.array(v) for k, v in others.items()})


def test_column_is_the_sum_of_responses_at_the_scans_starts():
    gam = response("GAM")
    onsets = [3.0, 4.7, 30.0]
    t = 2.0 * np.arange(40)
    expected = sum(gam.functions[0](t - onset, np.array(0.0)) for onset in onsets)
    found = condition_columns(gam, [events(*onsets)], Timeline(2.0, (40,)))[:, 0]
    assert_allclose(found, expected, atol=2e-6)


def test_no_response_runs_into_the_next_run():
    found = condition_columns(response("BLOCK(20,1)"), [events(76.0), NONE], RUNS)[:, 0]
    assert found[39] > 0
    assert not found[40:].any()


def test_runs_with_the_same_events_have_the_same_columns():
    both = condition_columns(response("GAM"), [events(3.3, 20.1)] * 2, RUNS)
    assert_allclose(both[40:], both[:30], atol=SINGLE)


@pytest.mark.parametrize(
    ("onset", "counts"), [(-0.001, False), (0.0, True), (58.0, True), (58.001, False), (59.9, False)]
)
def test_event_counts_from_the_first_scan_s_start_to_the_last_one_s(onset, counts):
    assert within_run(np.array([onset]), 30, 2.0).tolist() == [counts]
    column = condition_columns(response("TENT(-4,4,5)"), [NONE, events(onset)], RUNS)
    assert column.any() == counts


def test_last_scan_counts_at_a_repetition_time_without_exact_binary():
    assert all(within_run(np.array([n * 0.8]), n + 1, 0.8)[0] for n in range(1, 500))


def test_heights_scale_the_events():
    plain = [condition_columns(response("GAM"), [events(o), NONE], RUNS) for o in (4.0, 31.5)]
    scaled = condition_columns(response("GAM"), [events(4.0, 31.5, heights=[2.0, -0.5]), NONE], RUNS)
    assert_allclose(scaled, 2 * plain[0] - 0.5 * plain[1], atol=1e-12)


def test_modulator_is_centred_over_the_events_of_all_runs_that_count():
    first = events(-5.0, 4.0, 31.5, modulators=[[99.0], [1.0], [3.0]])
    second = events(10.0, modulators=[[8.0]])
    found = condition_columns(response("SPMG2"), [first, second], RUNS)
    singles = [
        condition_columns(response("SPMG2"), trains, RUNS)
        for trains in ([events(4.0), NONE], [events(31.5), NONE], [NONE, events(10.0)])
    ]
    assert_allclose(found[:, :2], sum(singles), atol=1e-12)
    assert_allclose(found[:, 2:], -3 * singles[0] - 1 * singles[1] + 4 * singles[2], atol=1e-12)


def test_each_modulator_has_columns_of_its_own():
    both = events(4.0, 31.5, modulators=[[1.0, 5.0], [3.0, 2.0]])
    found = condition_columns(response("GAM"), [both, events(2.0, modulators=[[2.0, 2.0]])], RUNS)
    one = events(4.0, 31.5, modulators=[[5.0], [2.0]])
    alone = condition_columns(response("GAM"), [one, events(2.0, modulators=[[2.0]])], RUNS)
    assert found.shape == (70, 3)
    assert_array_equal(found[:, [0, 2]], alone)


def test_each_event_has_its_own_duration():
    found = condition_columns(response("dmBLOCK(1)"), [events(4.0, 40.0, durations=[2.0, 12.0]), NONE], RUNS)
    expected = condition_columns(response("BLOCK(2,1)"), [events(4.0), NONE], RUNS)
    expected += condition_columns(response("BLOCK(12,1)"), [events(40.0), NONE], RUNS)
    assert_allclose(found, expected, atol=1e-12)


def test_durations_matter_to_responses_by_duration_only():
    train = events(4.0, durations=[7.0])
    assert_array_equal(
        condition_columns(response("GAM"), [train, NONE], RUNS),
        condition_columns(response("GAM"), [events(4.0), NONE], RUNS),
    )


def test_many_events_are_the_sum_of_few(monkeypatch):
    train = events(*np.linspace(0, 70, 40), modulators=np.arange(40.0)[:, None])
    whole = condition_columns(response("GAM"), [train, NONE], RUNS)
    monkeypatch.setattr(regressors, "BATCH", 7)
    assert_allclose(condition_columns(response("GAM"), [train, NONE], RUNS), whole, atol=1e-12)


def test_condition_without_events_is_a_column_of_zeros():
    found = condition_columns(response("SPMG3"), [NONE, NONE], RUNS)
    assert found.shape == (70, 3)
    assert not found.any()


def test_censoring_leaves_the_columns_as_they_are():
    censored = replace(RUNS, kept=(np.arange(40) != 3, np.ones(30, dtype=bool)))
    trains = [events(4.0), NONE]
    assert_array_equal(
        condition_columns(response("GAM"), trains, censored), condition_columns(response("GAM"), trains, RUNS)
    )


@pytest.mark.parametrize("durations", [None, [0.0], [-1.0]])
def test_response_by_duration_needs_durations(durations):
    train = events(4.0) if durations is None else events(4.0, durations=durations)
    with pytest.raises(ValueError, match="dmBLOCK needs events that last longer than 0 s"):
        condition_columns(response("dmBLOCK"), [train, NONE], RUNS)


@pytest.mark.parametrize(
    "train",
    [
        events(np.nan),
        events(4.0, heights=[1.0, 2.0]),
        events(4.0, modulators=[[np.inf]]),
        events(4.0, 5.0, durations=[1.0]),
    ],
)
def test_events_that_do_not_fit_are_refused(train):
    with pytest.raises(ValueError, match=r"of a run differ in number|must be finite"):
        condition_columns(response("GAM"), [train, NONE], RUNS)


def test_modulators_are_the_same_in_all_runs():
    with pytest.raises(ValueError, match="same modulators in every run"):
        condition_columns(response("GAM"), [events(4.0, modulators=[[1.0]]), events(2.0)], RUNS)


def test_run_without_events_needs_no_modulators():
    found = condition_columns(response("GAM"), [events(4.0, 9.0, modulators=[[1.0], [2.0]]), NONE], RUNS)
    assert found.shape == (70, 2)


def test_events_of_every_run_are_needed():
    with pytest.raises(ValueError, match="events of 1 runs for 2 runs"):
        condition_columns(response("GAM"), [NONE], RUNS)
