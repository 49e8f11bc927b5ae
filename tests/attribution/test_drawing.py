"""Rules of drawing events and of responses: each package's own come out, and AFNI's on a grid is its own."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest

from bidsglm.afni.regressors import EventTrain, condition_columns
from bidsglm.afni.responses import response
from bidsglm.afni.timeline import Timeline
from bidsglm.attribution.crossing import Clock, EventGrid, Rules, crossed_regressors
from bidsglm.attribution.drawing_rules import (
    AfniEvents,
    FslEvents,
    Interpolated,
    LastBin,
    NearestBin,
    NilearnEvents,
    SpmEvents,
    WeightedEvents,
)
from bidsglm.attribution.response_rules import (
    AfniResponse,
    Drawing,
    FslResponse,
    NilearnResponse,
    SpmResponse,
    drawn,
    impulse,
)
from bidsglm.data import Condition, Modulator
from bidsglm.fsl.regressors import Timing, regressor, stimulus
from bidsglm.fsl.response import RESPONSES
from bidsglm.fsl.response import response as feat_kernel
from bidsglm.model import Hrf
from bidsglm.spm.regressors import Microtime

TR, N_SCANS = 1.5, 60
SINGLE = 2e-6
"""FSL and AFNI reckon in single precision"""
GRID_ERROR = 0.01
"""Steps of 10 ms, over the largest value"""
NAME = "trial_type.go"
NOTATIONS = [
    "GAM",
    "GAM(6,0.7)",
    "GAM(6,0.7,8)",
    "BLOCK(6)",
    "BLOCK(6,2)",
    "BLOCK4(6,1)",
    "BLOCK5(6,1)",
    "BLOCK5(6)",
    "UBLOCK(6)",
    "UBLOCK(6,3)",
    "UBLOCK(6,-3)",
    "dmBLOCK",
    "dmUBLOCK",
    "dmUBLOCK(-9)",
    "SPMG1",
    "SPMG2",
    "SPMG3",
    "SPMG1(6)",
    "SPMG3(6)",
]


def modulated(orthogonalize: bool = True) -> Condition:
    onsets = np.array([2.03, 11.0, 24.33, 41.26, 58.0])
    heights = np.array([1.0, -2.0, 0.5, 3.0, -1.0])
    return Condition(
        "go", onsets, np.array([0.0, 4.0, 6.5, 0.0, 9.0]), (Modulator("rt", heights, 2),), 0, orthogonalize
    )


@pytest.mark.parametrize("flags", list(product((False, True), repeat=3)))
@pytest.mark.parametrize("orthogonalize", [True, False])
def test_rules_of_spm_and_nilearn_are_those_of_the_crossed_regressors(
    flags: tuple[bool, bool, bool], orthogonalize: bool
) -> None:
    other = Clock(Microtime(TR, 20, 16, 8), 0.2)
    clocks = other, Clock(Microtime(TR, N_SCANS, 16, 3), 0.4)
    hrfs = Hrf("glover", True, True), Hrf("spm", True, True)
    by_spm = Rules(*flags)
    moments = Interpolated(tuple(clock.frame_times for clock in clocks))
    rules = Drawing(
        SpmResponse(hrfs[1]) if by_spm.response else NilearnResponse(hrfs[0]),
        SpmEvents(clocks) if by_spm.events else NilearnEvents(clocks),
        NearestBin(clocks) if by_spm.sampling else moments,
    )
    condition = modulated(orthogonalize)
    expected = crossed_regressors([condition], clocks[1], hrfs)[by_spm].matrix
    np.testing.assert_allclose(drawn([condition], rules, 1), expected, atol=1e-9 * np.abs(expected).max())


def weighted(condition: Condition) -> WeightedEvents:
    """Events with a main effect and one modulator."""
    heights = np.column_stack([np.ones(5), [0.5, -1.0, 2.0, 1.0, -2.5]])
    return WeightedEvents(condition.onsets, condition.durations, heights)


NONE = WeightedEvents(np.empty(0), np.empty(0), np.empty((0, 2)))


@pytest.mark.parametrize("name", RESPONSES)
def test_fsls_own_rules_give_feats_columns(name: str) -> None:
    condition, shift = modulated(), 0.4
    events = weighted(condition)
    timings = Timing(TR, 20), Timing(TR, N_SCANS)
    trains = {NAME: [NONE, events]}
    rules = Drawing(
        FslResponse(name), FslEvents(timings, (0.1, shift), trains), LastBin(timings, (0.1, shift))
    )
    found = drawn([condition], rules, 1)
    for column, heights in zip(found.T, events.weights.T, strict=True):
        grid = stimulus(events.onsets + shift, events.durations, heights, timings[1])
        expected = regressor(grid, feat_kernel(name), timings[1])
        np.testing.assert_allclose(column, expected, atol=SINGLE)


def test_times_of_fsls_grid_are_those_of_the_data() -> None:
    timing, events = Timing(TR, N_SCANS), weighted(modulated())
    grid = FslEvents((timing,), (0.4,), {NAME: [events]}).grid(modulated(), 0)
    on = grid.times[grid.stimuli[:, 0] != 0]
    for onset, duration in zip(events.onsets, events.durations, strict=True):
        # a bin of 0.05 s to either side
        inside = (on > onset - 0.051) & (on < onset + duration + 0.051)
        assert inside.sum() == pytest.approx(max(duration / 0.05, 1), abs=1)
    assert grid.dt == 0.05


def afni(notation: str, events: WeightedEvents) -> tuple[AfniResponse, AfniEvents, Interpolated]:
    form = impulse(response(notation))
    assert form is not None
    durations = events.durations if form.duration is None else np.full(len(events.onsets), form.duration)
    here = events._replace(durations=durations)
    moments = tuple(np.arange(n) * TR for n in (20, N_SCANS))
    return (
        AfniResponse({NAME: response(notation)}),
        AfniEvents({NAME: [NONE, here]}, (20 * TR, N_SCANS * TR)),
        Interpolated(moments),
    )


def lasting() -> WeightedEvents:
    """Events that all last."""
    return weighted(modulated())._replace(durations=np.array([3.0, 4.0, 6.5, 2.0, 9.0]))


@dataclass(frozen=True)
class Drawn:
    """AFNI's events on their grid, for any response."""

    events: AfniEvents

    def grid(self, condition: Condition, run: int) -> EventGrid:
        return self.events.grid(condition, run)


@pytest.mark.parametrize("notation", NOTATIONS)
def test_afnis_own_rules_give_its_columns_in_continuous_time_and_on_the_grid(notation: str) -> None:
    events = lasting()
    rules, condition = Drawing(*afni(notation, events)), modulated()
    trains = [EventTrain(np.empty(0), np.empty(0), None, np.empty((0, 1)))]
    # a modulator's mean goes off its column
    trains.append(EventTrain(events.onsets, events.durations, None, events.weights[:, 1:]))
    own = condition_columns(response(notation), trains, Timeline(TR, (20, N_SCANS)))[20:]
    found = drawn([condition], rules, 1)
    np.testing.assert_allclose(found, own, atol=5e-5 * np.abs(own).max())
    on_grid = drawn([condition], rules._replace(events=Drawn(rules.events)), 1)
    for one, other in zip(on_grid.T, own.T, strict=True):
        np.testing.assert_allclose(one, other, atol=GRID_ERROR * np.abs(other).max())


@pytest.mark.parametrize("notation", ["TENT(0,10,6)", "dmBLOCK(1)"])
def test_a_response_that_no_impulse_has_is_refused_on_a_grid(notation: str) -> None:
    rules = AfniResponse({NAME: response(notation)})
    assert impulse(response(notation)) is None
    with pytest.raises(ValueError, match="no impulse response"):
        rules.kernels(modulated(), 0.1)


def test_afnis_events_fill_steps_in_part_add_up_and_end_with_the_grid() -> None:
    onsets, durations = np.array([0.004, 0.008, 1.0, 9.995]), np.array([0.012, 0.0, 0.02, 60.0])
    weights = np.array([[1.0, 2.0], [1.0, 0.0], [3.0, 1.0], [1.0, 1.0]])
    rule = AfniEvents({NAME: [WeightedEvents(onsets, durations, weights)]}, (12.0,))
    grid = rule.grid(modulated(), 0)
    assert (grid.times[0], grid.dt) == (-30.0, 0.01)
    # 2 s behind the last scan's end
    assert grid.times[-1] == pytest.approx(13.99)
    at = {round(float(t), 2): row for t, row in zip(grid.times, grid.stimuli, strict=True) if row.any()}
    # the impulse of area 1 s is 100 high: 0.2 of it in the first step, the rest in the second
    np.testing.assert_allclose(at[0.0], [0.6 + 20, 1.2], atol=1e-9)
    np.testing.assert_allclose(at[0.01], [0.6 + 80, 1.2], atol=1e-9)
    np.testing.assert_allclose(at[1.0], [3, 1], atol=1e-9)
    np.testing.assert_allclose(at[9.99], [0.5, 0.5], atol=1e-9)
    np.testing.assert_allclose(at[13.99], [1, 1], atol=1e-9)
    assert sorted(at)[:5] == [0.0, 0.01, 1.0, 1.01, 9.99]
    assert len(at) == 4 + 401


def test_samples_are_the_nearest_the_last_or_between() -> None:
    timing = Microtime(2.0, 3, 4, 2)
    clock = Clock(timing, 0.3)
    # the second of four bins of half a second
    np.testing.assert_allclose(NearestBin((clock,)).times(0), [0.5, 2.5, 4.5])
    grid = EventGrid(np.arange(-1.0, 6.0, 0.4), 0.4, np.zeros((18, 1)))
    columns = grid.times[:, np.newaxis]
    np.testing.assert_allclose(NearestBin((clock,)).sampled(grid, columns, 0).ravel(), [0.6, 2.6, 4.6])
    moments = Interpolated((np.zeros(1), np.array([0.5, 2.9])))
    np.testing.assert_allclose(moments.times(1), [0.5, 2.9])
    np.testing.assert_allclose(moments.sampled(grid, columns**2, 1).ravel(), [0.28, 8.44])
    last = LastBin((Timing(2.0, 3),), (0.25,))
    np.testing.assert_allclose(last.times(0), [0.75, 2.75, 4.75])
    np.testing.assert_allclose(last.sampled(grid, columns, 0).ravel(), [0.6, 2.6, 4.6])
    # a time on the edge belongs to the step that begins there, and none is before the grid
    edges = EventGrid(np.array([0.75, 2.75, 4.75]) + 1e-9, 2.0, np.zeros((3, 1)))
    assert last.sampled(edges, np.array([[1.0], [2.0], [3.0]]), 0).ravel().tolist() == [1.0, 2.0, 3.0]
    late = EventGrid(np.array([1.0, 2.0]), 1.0, np.zeros((2, 1)))
    assert last.sampled(late, np.array([[1.0], [2.0]]), 0).ravel().tolist() == [1.0, 2.0, 2.0]


def test_feats_response_to_other_events_has_unit_area_and_its_own_length() -> None:
    condition = modulated()
    for name, (_, length) in RESPONSES.items():
        kernel = FslResponse(name).kernels(condition, 0.25)
        assert kernel.sum() == pytest.approx(1)
        assert len(kernel) == int(round(length / 0.25, 6))
        own = feat_kernel(name)[::5]
        np.testing.assert_allclose(kernel[:, 0], own[: len(kernel)] / own[: len(kernel)].sum(), atol=1e-12)
