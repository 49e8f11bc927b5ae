"""What a simulated data set is made from, and what an analysis of it is entered as, step by step."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bidsglm.calibration import experiment as experiments
from bidsglm.calibration import trial as trials
from bidsglm.calibration.simulation import simulations
from bidsglm.calibration.trial import TrialRequest, data_set, trial
from bidsglm.data import DesignMatrix
from bidsglm.errors import DataError
from bidsglm.model import CONSTANT, ContrastSpecification
from bidsglm.packages import analyses
from bidsglm.simulation.noise import NOISES, RunNoise
from bidsglm.simulation.outcomes import EFFECT_SIZES, GRID
from bidsglm.spm.highpass import dct_basis
from tests.calibration.experiments import BOTH_F, CONFOUNDS, DIFFERENCE, MAIN, source

PAIR = ("spm", "nilearn")


def run_of(n_scans: int, n_voxels: int, n_contrasts: int, seed: int) -> experiments.SimulatedRun:
    rng = np.random.default_rng(seed)
    steady = rng.uniform(500, 1500, (n_scans, n_voxels)).astype(np.float32)
    noise = RunNoise(n_scans, 2.0, np.full(n_voxels, 3.0), np.zeros(n_voxels), np.ones((1, n_voxels)))
    responses = rng.standard_normal((n_contrasts, n_scans))
    return experiments.SimulatedRun(steady, steady.mean(axis=0), noise, np.arange(n_scans) + 1.0, responses)


def bare(n_voxels: int = 300, contrasts: Sequence[ContrastSpecification] = (MAIN, DIFFERENCE)) -> Any:
    runs = tuple(run_of(n, n_voxels, len(contrasts), n) for n in (5, 4))
    rng = np.random.default_rng(9)
    expected = {name: rng.uniform(0.5, 2, (len(contrasts), n_voxels)) for name in PAIR}
    models = {way.name: way.name for _, way in analyses(PAIR).values()}
    return SimpleNamespace(
        contrasts=tuple(contrasts),
        n_voxels=n_voxels,
        runs=runs,
        seed=4,
        expected=expected,
        designs={name: name for name in PAIR},
        models=models,
        usable=tuple((0, 1) for _ in contrasts),
    )


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise of nothing under every name."""
    nothing = {name: lambda run, rng: np.zeros((run.n_scans, run.deviation.size)) for name in NOISES}
    monkeypatch.setattr(trials, "NOISES", nothing)


@pytest.mark.parametrize(
    ("n_voxels", "contrasts", "each"),
    [
        (300, (MAIN, DIFFERENCE), 5),
        (299, (MAIN, DIFFERENCE), 4),
        (300, (MAIN, BOTH_F), 10),
        (40, (MAIN,), 1),
        (60, (MAIN,), 2),
        (20, (MAIN,), 1),
    ],
)
@pytest.mark.usefixtures("silent")
def test_signal_is_in_a_fifth_of_the_voxels_in_equal_parts(
    n_voxels: int, contrasts: tuple, each: int
) -> None:
    made = bare(n_voxels, contrasts)
    levels = data_set(made, TrialRequest("white", True, 0)).levels
    for contrast, sizes in zip(contrasts, levels, strict=True):
        assert [part.size for part in sizes] == [each if contrast.test == "t" else 0] * len(EFFECT_SIZES)
    voxels = np.concatenate([part for sizes in levels for part in sizes])
    assert np.unique(voxels).size == voxels.size
    assert voxels.max() < n_voxels
    # another number, other voxels
    other = data_set(made, TrialRequest("white", True, 1)).levels
    assert [part.tolist() for part in other[0]] != [part.tolist() for part in levels[0]]


@pytest.mark.usefixtures("silent")
def test_signal_is_the_effect_in_per_cent_of_the_mean_at_the_response() -> None:
    made = bare()
    found = data_set(made, TrialRequest("ar1", True, 2))
    for r, run in enumerate(made.runs):
        expected = run.steady.astype(np.float64)
        for response, sizes in zip(run.responses, found.levels, strict=True):
            for size, voxels in zip(EFFECT_SIZES, sizes, strict=True):
                for v in voxels:
                    expected[:, v] += response * size * run.mean[v] / 100
        np.testing.assert_allclose(found.series[r].stored, expected, rtol=1e-6)
        assert (found.series[r].slope, found.series[r].intercept) == (1, 0)
        np.testing.assert_array_equal(found.series[r].global_means, run.global_means)
    assert np.abs(found.series[0].stored - made.runs[0].steady).max() > 1


@pytest.mark.usefixtures("silent")
def test_data_without_signal_are_steady_and_of_one_level() -> None:
    made = bare(contrasts=(MAIN, BOTH_F))
    found = data_set(made, TrialRequest("white", False, 0))
    np.testing.assert_array_equal(found.series[1].stored, made.runs[1].steady)
    assert [[part.tolist() for part in sizes] for sizes in found.levels] == [[list(range(300))]] * 2


def test_every_request_has_a_stream_of_its_own() -> None:
    made = bare()
    streams = {}
    for noise in ("white", "ar1"):
        for signal in (False, True):
            for number in (0, 1):
                values = data_set(made, TrialRequest(noise, signal, number)).series[0].stored
                streams[noise, signal, number] = values.tobytes()
    assert len(set(streams.values())) == len(streams)
    made.seed = 5
    assert data_set(made, TrialRequest("white", False, 0)).series[0].stored.tobytes() not in streams.values()


class Package:
    """Gives maps that are known; the second analysis of nilearn stops."""

    def __init__(self, name: str) -> None:
        self.name = name

    def estimate(self, designs: Any, series: Any, mask: Any, model: Any, volume: Any, contrasts: Any) -> Any:
        assert designs == self.name
        assert mask.all()
        assert mask.size == 300
        assert volume is None
        if model == "nilearn-ar1":
            raise DataError("it cannot be")
        return model

    def contrast(self, found: Any, contrast: ContrastSpecification, runs: tuple[int, ...]) -> Any:
        assert runs == (0, 1)
        rng = np.random.default_rng([*map(ord, found + contrast.name)])
        effect = rng.normal(1, 0.2, 300)
        effect[::7] = np.nan
        return SimpleNamespace(effect=None if contrast.test == "F" else effect, p=rng.random(300))


@pytest.mark.parametrize("signal", [False, True])
@pytest.mark.usefixtures("silent")
def test_every_analysis_is_entered_at_its_place(monkeypatch: pytest.MonkeyPatch, signal: bool) -> None:
    monkeypatch.setattr(trials, "backend", Package)
    made = bare(contrasts=(MAIN, BOTH_F, DIFFERENCE))
    request = TrialRequest("white", signal, 1)
    levels, outcome = data_set(made, request).levels, trial(made, request)
    ways = list(analyses(PAIR).values())
    assert outcome.stopped.tolist() == [way.name == "nilearn-ar1" for _, way in ways]
    assert outcome.sizes.tolist() == [[part.size for part in sizes] for sizes in levels]
    for i, (package, way) in enumerate(ways):
        for j, contrast in enumerate(made.contrasts):
            for level, voxels in enumerate(levels[j]):
                if way.name == "nilearn-ar1" or not voxels.size:
                    assert not outcome.below[i, j, level].any()
                    continue
                maps = Package(package).contrast(way.name, contrast, (0, 1))
                wanted = [int((maps.p[voxels] < p).sum()) for p in GRID[:-1]] + [voxels.size]
                assert outcome.below[i, j, level].tolist() == wanted
                if signal:
                    truth = made.expected[package][j, voxels] * EFFECT_SIZES[level]
                    ratios = maps.effect[voxels] / truth
                    assert outcome.effects[i, j, level] == pytest.approx(np.nanmean(ratios))
                    assert outcome.squares[i, j, level] == pytest.approx(np.nanmean(ratios**2))
                else:
                    assert outcome.familywise[i, j] == (maps.p < 0.05 / 300).any()
                    assert np.isnan(outcome.effects[i, j, level])


def test_noise_of_a_run_is_what_all_of_its_design_leaves_and_its_mean_and_confounds_stay() -> None:
    given = source(n_scans=(60, 50), n_voxels=6, block=6.0)
    made = experiments.experiment(given, np.arange(6), 0)
    for r, run in enumerate(made.runs):
        design = given.designs["nilearn"][r]
        Y = given.series[r].stored.astype(np.float64)
        X = np.column_stack([design.matrix, design.high_pass_basis, np.ones(len(Y))])
        betas = np.linalg.pinv(X) @ Y
        rank = np.linalg.matrix_rank(X)
        left = Y - X @ betas
        np.testing.assert_allclose(run.noise.deviation, np.sqrt((left**2).sum(axis=0) / (len(Y) - rank)))
        assert run.noise.repetition_time == 2.0
        assert run.noise.n_scans == len(Y)
        kept = [i for i, name in enumerate(design.names) if name in CONFOUNDS or np.ptp(X[:, i]) == 0]
        steady = X[:, [*kept, -1]] @ betas[[*kept, -1]]
        np.testing.assert_allclose(run.steady, steady, rtol=1e-5)
        np.testing.assert_allclose(run.mean, run.steady.mean(axis=0), rtol=1e-6)
        np.testing.assert_array_equal(run.global_means, given.series[r].global_means)
    # the same of a column of zeros, which a condition without events has
    designs = {name: [_emptied(one) for one in made_of] for name, made_of in given.designs.items()}
    emptied = experiments.experiment(given._replace(designs=designs, contrasts=(MAIN,)), np.arange(6), 0)
    assert all(np.isfinite(run.steady).all() for run in emptied.runs)


def _emptied(design: DesignMatrix) -> DesignMatrix:
    matrix = design.matrix.copy()
    matrix[:, design.names.index("trial_type.b")] = 0
    return replace(design, matrix=matrix)


def test_columns_of_a_package_that_filters_them_rise_from_their_least_and_cosines_are_its_drifts() -> None:
    given = source(n_scans=(60,), n_voxels=4, block=6.0, backends=("fsl",))
    raised = experiments._with_heights(given.designs)
    for made, plain in zip(raised["fsl"], given.designs["fsl"], strict=True):
        np.testing.assert_allclose(made.matrix, plain.matrix - plain.matrix.min(axis=0))
        np.testing.assert_allclose(made.matrix.min(axis=0), 0, atol=1e-12)
    np.testing.assert_array_equal(experiments._drifts(given, 0), dct_basis(60, 2.0, given.model.high_pass))
    both = {"fsl": given.designs["fsl"], "spm": given.designs["fsl"]}
    assert list(experiments._with_heights(both)) == ["spm"]
    made = experiments.experiment(given, np.arange(4), 0)
    X = np.column_stack([given.designs["fsl"][0].matrix, experiments._drifts(given, 0), np.ones(60)])
    Y = given.series[0].stored.astype(np.float64)
    left = Y - X @ (np.linalg.pinv(X) @ Y)
    np.testing.assert_allclose(
        made.runs[0].noise.deviation, np.sqrt((left**2).sum(axis=0) / (60 - np.linalg.matrix_rank(X)))
    )


def test_noise_that_stays_leaves_every_voxel_its_mean() -> None:
    run = run_of(5, 40, 1, 0)
    still = experiments._still(run, np.random.default_rng(0))
    np.testing.assert_allclose(still.stored.mean(axis=0), run.steady.mean(axis=0, dtype=float), rtol=1e-6)
    assert 1 < (still.stored - run.steady).std() < 5
    assert (still.slope, still.intercept) == (1, 0)


def of_runs(monkeypatch: pytest.MonkeyPatch, usable: dict[str, tuple[int, ...]], contrasts: list) -> Any:
    monkeypatch.setattr(experiments, "contrast_runs", lambda estimates, contrast: usable[contrast.name])
    given = source(n_scans=(40,), n_voxels=2, block=4.0)
    return experiments._calibrated(given._replace(contrasts=tuple(contrasts)), {})


def test_contrasts_are_the_first_six_that_a_run_can_tell_and_no_confounds_nor_constants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = [replace(MAIN, name=str(i), label=str(i)) for i in range(10)]
    named[1] = replace(named[1], conditions=(CONFOUNDS[0],))
    named[2] = replace(named[2], conditions=(CONSTANT,))
    named[4] = replace(named[4], conditions=("trial_type.a", CONFOUNDS[1]))
    usable = {str(i): (0, 1) if i % 2 else (1,) for i in range(10)} | {"0": ()}
    contrasts, runs = of_runs(monkeypatch, usable, named)
    assert [contrast.name for contrast in contrasts] == ["3", "5", "6", "7", "8", "9"]
    assert runs == ((0, 1), (0, 1), (1,), (0, 1), (1,), (0, 1))
    with pytest.raises(DataError, match="model 'small' has no estimable contrast of conditions to calibrate"):
        of_runs(monkeypatch, usable, named[:3])


def test_responses_are_zero_for_f_and_in_runs_that_a_contrast_does_not_use() -> None:
    given = source(n_scans=(40, 30), n_voxels=2, block=4.0, contrasts=(MAIN, BOTH_F, DIFFERENCE))
    found = experiments._responses(given, given.contrasts, [(1,), (0, 1), (0, 1)])
    assert [part.shape for part in found] == [(3, 40), (3, 30)]
    assert [[bool(row.any()) for row in part] for part in found] == [
        [False, False, True],
        [True, False, True],
    ]
    for part in found:
        np.testing.assert_allclose(part.mean(axis=1), 0, atol=1e-12)


@pytest.mark.parametrize("n", [1, 3])
def test_each_data_set_is_told_of_and_stands_under_its_noise(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    monkeypatch.setattr("bidsglm.calibration.simulation.trial", lambda made, request: request)
    told: list[int] = []
    found = simulations(bare(), n, ("ar1", "white"), advance=lambda: told.append(0))
    assert len(told) == 4 * n
    for each, noise in zip(found, ("ar1", "white"), strict=True):
        assert each.noise == noise
        assert each.null == [TrialRequest(noise, False, i) for i in range(n)]
        assert each.signal == [TrialRequest(noise, True, i) for i in range(n)]
    assert [each.noise for each in simulations(bare(), 1)] == list(NOISES)
