"""SPM's schedule of ReML: how steps grow and shrink, when iterations end, begin anew or drop a component."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from bidsglm.spm import reml as schedule
from bidsglm.spm.regressors import orthogonalise
from bidsglm.spm.reml import _Fit, _iterate, _needed, _settled, reml

NOTHING = np.zeros((2, 2))


class One:
    """A single component, whose sum is not looked at."""

    def __len__(self) -> int:
        return 1

    def chosen(self, which: Any) -> "One":
        return self

    def start(self) -> np.ndarray:
        return np.ones(1)

    def combined(self, h: np.ndarray) -> np.ndarray:
        return h[0] * np.eye(2)

    def inverse(self, h: np.ndarray) -> np.ndarray:
        return np.eye(2) / h[0]


def times_of(
    monkeypatch: pytest.MonkeyPatch, gains: Callable[[int], float], first: float, change: float = 1.0
) -> tuple[list[float], _Fit, list[float]]:
    """Logarithms of the integration time of each iteration, where gains are given."""
    times: list[float] = []

    def derivatives(*_: Any) -> tuple[np.ndarray, np.ndarray]:
        return np.array([gains(len(times)) / change]), -np.ones((1, 1))

    def step(gradient: np.ndarray, curvature: np.ndarray, t: float) -> np.ndarray:
        times.append(t)
        return np.array([change])

    monkeypatch.setattr(schedule, "_derivatives", derivatives)
    monkeypatch.setattr(schedule, "_damped_step", step)
    found: list[float] = []
    fit = _iterate(NOTHING, NOTHING, One(), (0.0, first), found)
    return times, fit, found


def test_times_grow_by_a_quarter_up_to_eight_over_32_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    times, fit, gains = times_of(monkeypatch, lambda k: 1.0, 4.0)
    assert times == [min(4 + k / 4, 8) for k in range(32)]
    assert fit.step == 8
    assert gains == [1.0] * 32
    assert not fit.diverged
    assert fit.h.tolist() == [33]


def test_times_shrink_by_one_down_to_minus_eight_while_gains_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    times, fit, _ = times_of(monkeypatch, lambda k: 1.0 + k, 4.0)
    # the first gain is compared with none
    assert times == [4, *(max(4.25 - k, -8) for k in range(31))]
    assert fit.step == -8


@pytest.mark.parametrize(("gain", "more"), [(0.1, True), (np.nextafter(0.1, 0), False), (-5.0, False)])
def test_iterations_end_where_less_than_a_tenth_is_promised(
    monkeypatch: pytest.MonkeyPatch, gain: float, more: bool
) -> None:
    times, fit, _ = times_of(monkeypatch, lambda k: gain if k == 2 else 1.0, 0.0)
    assert len(times) == (32 if more else 3)
    assert not fit.diverged


@pytest.mark.parametrize(
    ("change", "gain", "wild"),
    [(1e6, 1.0, False), (np.nextafter(1e6, 1e7), 1.0, True), (-2e6, 1.0, True), (1.0, np.inf, True)],
)
def test_a_step_of_more_than_a_million_or_a_gain_that_is_none_is_given_up(
    monkeypatch: pytest.MonkeyPatch, change: float, gain: float, wild: bool
) -> None:
    times, fit, _ = times_of(monkeypatch, lambda k: gain, 0.0, change)
    assert fit.diverged == wild
    assert len(times) == (1 if wild else 32)


def test_prior_pulls_towards_zero_and_adds_to_the_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def step(gradient: np.ndarray, curvature: np.ndarray, t: float) -> np.ndarray:
        seen.append((gradient.item(), curvature.item()))
        return np.array([0.5])

    monkeypatch.setattr(schedule, "_derivatives", lambda *_: (np.array([3.0]), np.array([[-2.0]])))
    monkeypatch.setattr(schedule, "_damped_step", step)
    fit = _iterate(NOTHING, NOTHING, One(), (0.25, 0.0), [])
    # h is 1, then 1.5 and so on
    assert seen[:2] == [(2.75, -2.25), (2.625, -2.25)]
    assert fit.precision.tolist() == [[2.25]]


def fit_of(
    precision: Sequence[float] = (1.0, 1.0), step: float = 0.0, least: float = 1.0, wild: bool = False
) -> _Fit:
    return _Fit(np.array([1.0, 2.0]), np.diag([1.0, least]), np.diag(precision), step, wild)


@pytest.mark.parametrize("n_wild", [0, 3, 63])
def test_a_round_that_goes_wild_begins_anew_with_twice_the_prior_and_its_own_time(
    monkeypatch: pytest.MonkeyPatch, n_wild: int
) -> None:
    starts = []

    def iterate(Cy: Any, Z: Any, parts: Any, start: tuple[float, float], gains: list[float]) -> _Fit:
        starts.append(start)
        return fit_of(step=-float(len(starts)), wild=len(starts) <= n_wild)

    monkeypatch.setattr(schedule, "_iterate", iterate)
    found = reml(np.eye(2), np.ones((2, 1)), np.eye(2))
    assert found.hyperparameters.tolist() == [1, 2]
    prior = np.exp(-8)
    assert starts == [(prior * 2**k, 4.0 if not k else -float(k)) for k in range(n_wild + 1)]


def test_sixty_four_rounds_are_enough_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = []
    monkeypatch.setattr(schedule, "_iterate", lambda *_: rounds.append(0) or fit_of(wild=True))
    with pytest.raises(ValueError, match="the variance components do not converge"):
        reml(np.eye(2), np.ones((2, 1)), np.eye(2))
    assert len(rounds) == 64


@pytest.mark.parametrize(
    ("fit", "settled"),
    [
        (fit_of(), True),
        (fit_of((1.0, np.exp(-15.9))), True),
        (fit_of((1.0, np.exp(-16.1))), False),
        (fit_of((1.0, np.exp(-16.1)), step=-4.0), True),
        (fit_of((1.0, np.exp(-16.1)), step=np.nextafter(-4.0, 0)), False),
        (fit_of(least=0.0), True),
        (fit_of(least=-0.1), False),
        (fit_of(least=-0.1, step=-5.0), True),
    ],
)
def test_components_are_kept_where_v_is_a_covariance_and_the_information_is_well_conditioned(
    fit: _Fit, settled: bool
) -> None:
    assert _settled(fit) == settled


@pytest.mark.parametrize(("gain", "kept"), [(2.0, True), (np.nextafter(2.0, 3), False), (-9.0, True)])
def test_a_component_goes_where_its_absence_gains_more_than_two(
    monkeypatch: pytest.MonkeyPatch, gain: float, kept: bool
) -> None:
    seen = []

    def reduction(mean: np.ndarray, covariance: np.ndarray, reduced: np.ndarray, prior: float) -> Any:
        seen.append((mean.tolist(), np.diag(covariance).tolist(), np.diag(reduced).tolist(), prior))
        return (gain if len(seen) == 1 else 0.0), mean + 10, 3 * covariance

    monkeypatch.setattr(schedule, "_reduction", reduction)
    assert _needed(fit_of((4.0, 2.0)), 0.5).tolist() == [kept, True]
    assert seen[0] == ([1, 2], [0.25, 0.5], [0, 2], 0.5)
    # the second is judged under what the first leaves
    assert seen[1] == (([1, 2], [0.25, 0.5], [2, 0], 0.5) if kept else ([12], [1.5], [0], 0.5))


@pytest.mark.parametrize(("size", "kept"), [(1.2e-14, False), (1.4e-14, True)])
def test_a_column_counts_from_e_to_minus_32_on(size: float, kept: bool) -> None:
    found = orthogonalise(np.diag([1e-14, size]))
    assert bool(found[:, 1].any()) == kept
    assert found[0, 0] == 1e-14
