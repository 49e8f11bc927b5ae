"""A data set is what was asked for, and is analysed by the backends themselves."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bidsglm.backends import BACKENDS
from bidsglm.calibration.experiment import LEAST_DOF, Experiment, experiment, sampled_voxels
from bidsglm.calibration.simulation import simulations
from bidsglm.calibration.trial import TrialRequest, data_set, trial
from bidsglm.data import TimeSeries
from bidsglm.errors import DataError
from bidsglm.model import AfniSettings, FslSettings, NilearnSettings, SpmSettings
from bidsglm.packages import PACKAGES, analyses
from bidsglm.simulation.noise import NOISES
from bidsglm.simulation.outcomes import EFFECT_SIZES, GRID
from tests.calibration.experiments import BOTH_F, CONFOUNDS, DIFFERENCE, MAIN, small, source

FLOAT32 = 2e-3
"""Relative: signals of 1 % in data stored as float32 are known to about this."""

WEIGHED = 2e-2
"""Relative: FSL weighs runs by their noise, and runs differ in median and filter; one run meets FLOAT32."""

SETTINGS = {
    "spm-ar1": ("spm", {"spm": SpmSettings(serial_correlation="AR(1)")}),
    "spm-fast": ("spm", {"spm": SpmSettings(serial_correlation="FAST")}),
    "nilearn-ar1": ("nilearn", {"nilearn": NilearnSettings(noise_model="ar1")}),
    "ols": ("nilearn", {"nilearn": NilearnSettings(noise_model="ols")}),
    "afni-ols": ("afni", {"afni": AfniSettings(noise_model="none")}),
    "afni-arma11": ("afni", {"afni": AfniSettings(noise_model="ARMA(1,1)")}),
    "fsl-film": ("fsl", {"fsl": FslSettings(prewhitening=True)}),
}


@pytest.fixture(scope="module")
def made() -> Experiment:
    return small(
        n_scans=(120, 90), n_voxels=300, rho=0.3, contrasts=(DIFFERENCE, BOTH_F), backends=tuple(PACKAGES)
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_numbers_are_those_of_the_backend_on_the_same_data(made: Experiment, name: str) -> None:
    request = TrialRequest("ar1", False, 0)
    backend_name, settings = SETTINGS[name]
    backend, model = BACKENDS[backend_name], replace(made.model, **settings)
    series = data_set(made, request).series
    designs, mask = made.designs[backend_name], np.ones(300, bool)
    estimate: Any = backend.estimate(designs, series, mask, model, None, made.contrasts)
    place = list(analyses(PACKAGES)).index(name)
    outcome = trial(made, request)
    for j, contrast in enumerate((DIFFERENCE, BOTH_F)):
        p = backend.contrast(estimate, contrast, (0, 1)).p
        expected = [np.count_nonzero(p < x) for x in GRID[:-1]]
        assert outcome.below[place, j, 0, :-1].tolist() == expected


def test_analyses_differ_from_one_another(made: Experiment) -> None:
    outcome = trial(made, TrialRequest("ar1", False, 1))
    curves = {outcome.below[i, 0, 0].tobytes() for i in range(len(SETTINGS))}
    assert len(curves) == len(SETTINGS)


def test_same_request_gives_the_same_data_and_another_one_other_data(made: Experiment) -> None:
    first, again, other = (data_set(made, TrialRequest("white", True, i)) for i in (0, 0, 1))
    np.testing.assert_array_equal(first.series[0].stored, again.series[0].stored)
    assert np.abs(first.series[0].stored - other.series[0].stored).max() > 1
    noises = [data_set(made, TrialRequest(noise, False, 0)).series[0].stored for noise in NOISES]
    assert all(np.abs(noises[0] - values).max() > 1 for values in noises[1:])


def test_numbers_do_not_depend_on_the_number_of_processes() -> None:
    tiny = small(n_scans=(80,), n_voxels=60)
    one, two = (simulations(tiny, 3, ("white", "ar1"), n_procs=n) for n in (1, 2))
    for a, b in zip(one, two, strict=True):
        assert a.noise == b.noise
        for x, y in zip((*a.null, *a.signal), (*b.null, *b.signal), strict=True):
            for left, right in zip(x, y, strict=True):
                np.testing.assert_array_equal(left, right)


def test_signal_is_in_a_fifth_of_the_voxels_each_once(made: Experiment) -> None:
    levels = data_set(made, TrialRequest("white", True, 0)).levels
    voxels = np.concatenate(levels[0])
    assert len(levels[0]) == len(EFFECT_SIZES)
    assert voxels.size == np.unique(voxels).size == 60
    assert not any(level.size for level in levels[1]), "an F contrast has no direction"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"nilearn": NilearnSettings(signal_scaling=False)},
        {"nilearn": NilearnSettings(signal_scaling=(0, 1))},
        {"spm": SpmSettings(global_normalization="Scaling")},
    ],
    ids=["default", "unscaled", "grand mean", "proportional"],
)
@pytest.mark.parametrize(
    "backends", [("spm",), ("nilearn",), ("spm", "nilearn"), ("afni",), ("fsl",), ("spm", "afni", "fsl")]
)
def test_expected_effect_is_what_least_squares_finds_without_noise(
    settings: dict[str, Any], backends: tuple[str, ...]
) -> None:
    contrasts = (DIFFERENCE, MAIN)
    made = small(n_scans=(120, 90), n_voxels=40, backends=backends, contrasts=contrasts, **settings)
    for j, contrast in enumerate(contrasts):
        for name in backends:
            plain = BACKENDS[name].with_noise_model(made.model, PACKAGES[name].analyses[0].noise_model)
            effects = []
            for size in (0.0, 1.0):
                estimate: Any = BACKENDS[name].estimate(
                    made.designs[name], _quiet(made, j, size), np.ones(40, bool), plain, None, contrasts
                )
                effects.append(BACKENDS[name].contrast(estimate, contrast, (0, 1)).effect)
            tolerance = WEIGHED if name == "fsl" else FLOAT32
            np.testing.assert_allclose(effects[1] - effects[0], made.expected[name][j], rtol=tolerance)


def _quiet(made: Experiment, contrast: int, size: float) -> list[TimeSeries]:
    """Runs of a signal and enough noise for a variance, too little to matter."""
    ripple = np.random.default_rng(0).standard_normal
    return [
        TimeSeries(
            run.mean
            + np.outer(run.responses[contrast], size * run.mean / 100)
            + 1e-2 * ripple(run.steady.shape),
            1.0,
            0.0,
            run.global_means,
        )
        for run in made.runs
    ]


def test_steady_part_keeps_mean_and_confounds_and_no_task() -> None:
    given = source(n_voxels=50)
    task = given.designs["nilearn"][0].matrix[:, :1] * 40
    run = given.series[0]
    with_task = given._replace(series=(replace(run, stored=(run.stored + task).astype(np.float32)),))
    plain, tasked = (experiment(s, np.arange(50), 0) for s in (given, with_task))
    # the constant takes nothing of the task's mean, which its own regressor explains
    np.testing.assert_allclose(tasked.runs[0].steady, plain.runs[0].steady, atol=0.05)
    moved = plain.runs[0].steady - plain.runs[0].steady.mean(axis=0)
    motion = given.designs["spm"][0].matrix[:, [given.designs["spm"][0].names.index(n) for n in CONFOUNDS]]
    left = moved - motion @ np.linalg.lstsq(motion, moved, rcond=None)[0]
    assert np.abs(moved).max() > 5
    assert np.abs(left).max() < 0.01


def test_too_few_degrees_of_freedom_are_refused() -> None:
    given = source(n_scans=(15,), block=4, backends=("spm",))
    with pytest.raises(DataError, match=f"at least {LEAST_DOF}; use fewer confounds"):
        experiment(given, np.arange(400), 0)


def test_voxels_that_cannot_be_scaled_are_not_sampled() -> None:
    given = source(n_voxels=30)
    stored = given.series[0].stored.copy()
    stored[:, 0], stored[:, 1], stored[3, 2] = 500, -stored[:, 1], np.nan
    bad = given._replace(series=(replace(given.series[0], stored=stored),))
    assert sampled_voxels(bad, np.arange(30), 0).tolist() == list(range(3, 30))
    with pytest.raises(DataError, match="no voxel"):
        sampled_voxels(bad, np.arange(3), 0)


def test_stopped_analysis_is_counted_and_the_others_go_on() -> None:
    quiet = small(n_voxels=20, backends=("spm",))
    still = replace(quiet, runs=tuple(r._replace(steady=0 * r.steady + 1000) for r in quiet.runs))
    outcomes = [trial(still, TrialRequest("white", False, i)) for i in range(4)]
    assert any(outcome.stopped[1] for outcome in outcomes), "20 voxels of white noise: none passes p < 0.001"
    assert not any(outcome.stopped[0] for outcome in outcomes)


def test_six_contrasts_are_calibrated_and_no_confounds_among_them() -> None:
    motion = replace(MAIN, name="m", label="m", conditions=(CONFOUNDS[0],))
    many = tuple(replace(MAIN, name=f"c{i}", label=f"c{i}") for i in range(8))
    made = small(n_scans=(80,), n_voxels=60, contrasts=(motion, *many))
    assert [contrast.name for contrast in made.contrasts] == [f"c{i}" for i in range(6)]


def test_data_without_signal_have_no_effects_but_familywise_errors(made: Experiment) -> None:
    outcomes = [trial(made, TrialRequest("ar1", False, i)) for i in range(2)]
    assert all(np.isnan(outcome.effects).all() for outcome in outcomes)
    with_signal = trial(made, TrialRequest("ar1", True, 0))
    assert np.isfinite(with_signal.effects[:, 0]).all()
