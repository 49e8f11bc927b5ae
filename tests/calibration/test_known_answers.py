"""Calibrations whose answer is known, on the backends' own code."""

from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from bidsglm.calibration.experiment import Experiment
from bidsglm.calibration.trial import TrialRequest, trial
from bidsglm.model import NO_FILTER
from bidsglm.packages import analyses
from bidsglm.simulation.outcomes import Simulations, metric_rows
from tests.calibration.experiments import DIFFERENCE, MAIN, small

N = 16
"""Data sets: 16 of 400 voxels know a rate of 0.05 to about 0.006."""
N_SIGNAL = 24
CERTAIN = 1.7
"""Half widths of a 95 % interval of 24 data sets in which all but one in 500 lie."""
VOXELWISE_EXCESS = 1.5
"""nilearn's AR(1) finds coefficients below 0 in white noise that a filter has passed; see the tests."""


@lru_cache
def experiment(**options: Any) -> Experiment:
    return small(**options)


@lru_cache
def rates(noise: str, n_datasets: int = N, **options: Any) -> dict[tuple[str, float], dict[str, float]]:
    """Rows of the false-positive rates by analysis and threshold."""
    made = experiment(**options)
    null = [trial(made, TrialRequest(noise, False, i)) for i in range(n_datasets)]
    ways = list(analyses(made.designs))
    rows = metric_rows([Simulations(noise, null, [])], ways, ["a - b"])
    return {(str(row["analysis"]), float(row["p_threshold"])): row for row in rows}  # type: ignore[misc]


def holds(row: dict[str, float], value: float) -> bool:
    return row["ci_lower"] <= value <= row["ci_upper"]


@pytest.mark.parametrize("threshold", [0.05, 0.01, 0.001])
@pytest.mark.parametrize("analysis", ["ols", "spm-ar1", "spm-fast"])
def test_white_noise_gives_nominal_rates(analysis: str, threshold: float) -> None:
    row = rates("white")[analysis, threshold]
    assert holds(row, threshold), row
    assert row["n_datasets"] == N


@pytest.mark.parametrize("threshold", [0.05, 0.01, 0.001])
def test_white_noise_gives_nilearn_nominal_rates_without_a_filter(threshold: float) -> None:
    long = {"n_scans": (400,), "backends": ("nilearn",), "high_pass": NO_FILTER}
    row = rates("white", **long)["nilearn-ar1", threshold]
    assert holds(row, threshold), row


def test_filter_of_white_noise_costs_voxelwise_coefficients_little() -> None:
    row = rates("white")["nilearn-ar1", 0.05]
    assert row["ci_lower"] < VOXELWISE_EXCESS * 0.05
    assert row["rate"] > 0.04


def test_white_noise_rarely_passes_the_familywise_threshold() -> None:
    for analysis in ("ols", "nilearn-ar1", "spm-ar1", "spm-fast"):
        row = rates("white")[analysis, 0.05]
        assert row["fwe_ci_lower"] <= 0.05
        assert row["fwe_rate"] < 0.3


def test_autoregressive_noise_inflates_least_squares_and_neither_ar1_much() -> None:
    found = {
        analysis: rates("ar1", rho=0.4)[analysis, 0.05] for analysis in ("ols", "nilearn-ar1", "spm-ar1")
    }
    assert found["ols"]["ci_lower"] > 0.09
    assert found["nilearn-ar1"]["ci_upper"] < 0.09
    assert found["spm-ar1"]["ci_upper"] < 0.075


def test_slow_noise_at_short_tr_inflates_ar1_more_than_fast_and_more_than_at_3_s() -> None:
    short = {"repetition_time": 0.645, "n_scans": (400,)}
    long = {"repetition_time": 3.0, "n_scans": (100,)}
    fast_scans = {a: rates("physiological", 10, **short)[a, 0.05] for a in ("spm-ar1", "spm-fast")}
    slow_scans = rates("physiological", 10, **long)["spm-ar1", 0.05]
    assert fast_scans["spm-ar1"]["ci_lower"] > fast_scans["spm-fast"]["ci_upper"]
    assert fast_scans["spm-ar1"]["ci_lower"] > slow_scans["ci_upper"]
    assert fast_scans["spm-ar1"]["rate"] > 0.09


def test_surrogates_of_white_noise_give_nominal_rates_though_the_task_took_its_power() -> None:
    row = rates("surrogate", 60, n_voxels=60, rho=0.0)["ols", 0.05]
    assert holds(row, 0.05), row
    assert 0.035 < row["rate"] < 0.07, row


def test_true_effect_lies_in_the_interval_of_the_estimates() -> None:
    made = small(backends=("spm",), contrasts=(DIFFERENCE, MAIN))
    signal = [trial(made, TrialRequest("white", True, i)) for i in range(N_SIGNAL)]
    null = [trial(made, TrialRequest("white", False, i)) for i in range(2)]
    ways = list(analyses(("spm",)))
    rows = metric_rows([Simulations("white", null, signal)], ways, ["a - b", "a"])
    with_signal = [row for row in rows if row["effect_size"] and row["p_threshold"] == 0.05]
    assert len(with_signal) == 36
    assert np.mean([row["bias_ci_lower"] <= 0 <= row["bias_ci_upper"] for row in with_signal]) > 0.8
    for row in with_signal[5::6]:
        half = (row["bias_ci_upper"] - row["bias_ci_lower"]) / 2
        assert abs(row["bias"]) < CERTAIN * half, row
        assert half < 0.06


def test_larger_effects_are_found_more_often() -> None:
    made = experiment()
    signal = [trial(made, TrialRequest("white", True, i)) for i in range(6)]
    null = [trial(made, TrialRequest("white", False, i)) for i in range(6)]
    ways = list(analyses(made.designs))
    rows = metric_rows([Simulations("white", null, signal)], ways, ["a - b"])
    for way in ways:
        powers = [row["rate"] for row in rows if row["analysis"] == way and row["p_threshold"] == 0.05][1:]
        areas = [row["auc"] for row in rows if row["analysis"] == way and row["p_threshold"] == 0.05][1:]
        assert len(powers) == 6
        assert powers[0] < 0.5 < powers[-1]
        assert areas[0] < areas[-1]
        assert areas[-1] > 0.95
        assert np.all(np.diff(areas) > -0.1)
