"""What the engine of SPM and nilearn says of closures and of the drawing of events."""

from dataclasses import replace

import numpy as np
import pytest

from bidsglm.attribution.engine import Closure, _closure, _factor_of_events, _words_on_events
from bidsglm.attribution.models import ContrastPair
from bidsglm.attribution.runs import StatMaps
from bidsglm.attribution.sample import farthest
from bidsglm.attribution.step_rows import step_sums
from bidsglm.data import ContrastMaps
from bidsglm.model import ContrastSpecification


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
    changes = step_sums("effect", ("events", "noise"), maps, ((9.0,),) * 4)
    assert _factor_of_events(changes) == pytest.approx(4)
    turned = step_sums("effect", ("noise", "events"), maps[[0, 2, 1, 3]], ((9.0,),) * 4)
    assert _factor_of_events(turned) == pytest.approx(4)
    assert _factor_of_events(step_sums("effect", ("noise",), maps[:2], ((9.0,),) * 2)) == 1


def maps_of(values: np.ndarray) -> ContrastMaps:
    go = ContrastSpecification("go", "go", ("go",), np.eye(1))
    nothing = np.zeros(values.size)
    return ContrastMaps(go, (0,), 10 * values, nothing, values, nothing, nothing, (9.0,))


@pytest.mark.parametrize(("kind", "size"), [("effect", 10.0), ("t", 1.0)])
def test_closure_is_over_the_range_of_the_whole_map_and_of_certain_voxels(kind: str, size: float) -> None:
    own = np.array([np.nan, -4.0, 6.0, 1.0, 2.0])
    columns = np.array([3, 4])
    at = int(kind == "effect")

    def far(values: list[float], target: np.ndarray, voxels: list[bool]) -> float:
        found = np.array(values)
        return farthest(StatMaps(10 * found, found, (9.0,)), maps_of(target), columns, np.array(voxels))[at]

    pair, flat = (ContrastPair(maps_of(each), maps_of(each)) for each in (own, np.full(5, 1.0)))
    worst = [far([1.5, 2.25], own, [True, True]), far([1.0, 2.25], own, [True, True])]
    assert worst == pytest.approx([0.5 * size, 0.25 * size])
    # 0.5 and 0.25 over a range of 10
    assert _closure(np.array(worst), kind, pair) == pytest.approx((0.05, 0.025))
    assert far([1.5, 2.25], own, [False, True]) == pytest.approx(0.25 * size)
    assert far([1.5, 2.25], own, [False, False]) == 0
    assert _closure(np.array([1.25, 0.0]), kind, flat) == (1.25, 0)


def test_an_f_has_no_effect_to_be_far_from() -> None:
    own = replace(maps_of(np.arange(3.0)), effect=None)
    found = farthest(StatMaps(None, np.arange(3.0), (1.0, 9.0)), own, np.arange(3), np.ones(3, dtype=bool))
    assert found == (0, 0)
