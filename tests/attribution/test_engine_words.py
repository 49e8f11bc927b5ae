"""What the engine of SPM and nilearn says of closures and of the drawing of events."""

import numpy as np
import pytest

from bidsglm.attribution.engine import Closure, _closure, _factor_of_events, _words_on_events
from bidsglm.attribution.models import ContrastPair
from bidsglm.attribution.runs import StatMaps
from bidsglm.attribution.step_rows import StepMaps
from bidsglm.model import ContrastMaps, ContrastSpecification


@pytest.mark.parametrize(
    ("nilearn", "spm", "closes"), [(1e-6, 5e-7, True), (1.01e-6, 0.0, False), (0.0, 5.01e-7, False)]
)
def test_both_ends_must_meet_within_their_tolerances(nilearn: float, spm: float, closes: bool) -> None:
    assert Closure(nilearn, spm).closes == closes


def test_effects_that_the_drawing_more_than_doubles_are_named_with_their_factor() -> None:
    assert _words_on_events({"a": 2.0, "b": 1.0, "c": 0.4}, 2.0) == []
    (words,) = _words_on_events({"a": 2.0, "b": 25.04, "c": 2.01}, 2.5)
    assert "the factor in brackets: b (25), c (2.01). SPM draws" in words
    assert "one step of TR/50 long. The ratio is 50/TR = 20 but" in words


def test_factor_of_events_is_the_slope_of_that_step_alone() -> None:
    start = np.array([1.0, 2.0, 4.0, 9.0])
    by_events, by_noise = 0.25 * start, start + 1
    maps = np.stack([start, by_noise, by_events, 3 * start])
    changes = StepMaps("effect", ("events", "noise"), maps, ((9.0,),) * 4)
    assert _factor_of_events(changes) == pytest.approx(4)
    turned = StepMaps("effect", ("noise", "events"), maps[[0, 2, 1, 3]], ((9.0,),) * 4)
    assert _factor_of_events(turned) == pytest.approx(4)
    assert _factor_of_events(StepMaps("effect", ("noise",), maps[:2], ((9.0,),) * 2)) == 1


def maps_of(values: np.ndarray) -> ContrastMaps:
    go = ContrastSpecification("go", "go", ("go",), np.eye(1))
    nothing = np.zeros(values.size)
    return ContrastMaps(go, (0,), 10 * values, nothing, values, nothing, nothing, (9.0,))


@pytest.mark.parametrize("kind", ["effect", "t"])
def test_closure_is_over_the_range_of_the_whole_map_and_of_certain_voxels(kind: str) -> None:
    own = np.array([np.nan, -4.0, 6.0, 1.0, 2.0])
    columns = np.array([3, 4])

    def at(values: np.ndarray) -> StatMaps:
        return StatMaps(10 * values, values, (9.0,))

    pure = at(np.array([1.5, 2.25])), at(np.array([1.0, 2.25]))
    pair = ContrastPair(maps_of(own), maps_of(own))
    every, first = np.array([True, True]), np.array([False, True])
    # 0.5 and 0.25 over a range of 10
    assert _closure(pure, kind, pair, columns, every) == pytest.approx((0.05, 0.025))
    # the second package has no voxel that rounding decides
    assert _closure(pure, kind, pair, columns, first) == pytest.approx((0.025, 0.025))
    flat = ContrastPair(maps_of(np.full(5, 1.0)), maps_of(np.full(5, 1.0)))
    assert _closure(pure, "t", flat, columns, every) == pytest.approx((1.25, 1.25))
