"""How many voxels, contrasts and degrees of freedom a calibration takes, and how it says how far it is."""

import itertools
import multiprocessing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bidsglm.calibration.add_on import _facts, _processes, _progress, _span, calibration_add_on
from bidsglm.calibration.experiment import sampled_voxels
from bidsglm.data import TimeSeries
from bidsglm.errors import DataError
from bidsglm.model import NO_FILTER, ModelSpecification
from bidsglm.settings import Settings
from tests.calibration.experiments import MAIN, small
from tests.calibration.experiments import source as make_source


def of_values(*runs: np.ndarray):
    """A source of which only the series count."""
    series = tuple(TimeSeries(values.astype(np.float32), 1.0, 0.0, np.ones(len(values))) for values in runs)
    model = ModelSpecification("m", ())
    return make_source(n_scans=(40,), n_voxels=2, block=4.0)._replace(model=model, series=series)


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    """More voxels than are sampled, the even ones without any change."""
    values = 100 + np.random.default_rng(0).standard_normal((4, 12_000))
    values[:, ::2] = 100
    return values


def test_five_thousand_voxels_are_sampled_of_those_that_vary(many: np.ndarray) -> None:
    source, columns = of_values(many), np.arange(1000, 12_000)
    found = sampled_voxels(source, columns, 7)
    # 5500 of them vary
    assert found.size == 5000
    assert (found % 2 == 1).all()
    assert (np.diff(found) > 0).all()
    assert found.min() >= 1000
    assert np.array_equal(found, sampled_voxels(source, columns, 7))
    assert not np.array_equal(found, sampled_voxels(source, columns, 8))
    # where there are fewer, all of them
    assert sampled_voxels(source, np.arange(9000), 7).size == 4500


def test_a_voxel_needs_a_mean_above_its_deviation_in_every_run() -> None:
    one = np.array([[1.0, 3.0, np.nan, 2.0, 0.0], [9.0, 9.0, 1.0, 4.0, 3.0]])
    other = np.array([[5.0, 5.0, 5.0, 2.0, 8.0], [6.0, 6.0, 6.0, 2.0, 9.0]])
    # a mean of 5 and a deviation of 4; a value that is none; a run without change; mean and deviation alike
    assert sampled_voxels(of_values(one, other), np.arange(5), 0).tolist() == [0, 1]
    with pytest.raises(DataError, match="no voxel of the mask varies"):
        sampled_voxels(of_values(one, other), np.array([2, 3, 4]), 0)


def test_ten_degrees_of_freedom_are_enough_and_nine_are_not() -> None:
    options = {"block": 4.0, "n_voxels": 20, "backends": ("nilearn",), "high_pass": NO_FILTER}
    # two conditions, three confounds and the constant
    assert small(n_scans=(16,), contrasts=(MAIN,), **options).n_voxels == 20
    said = "the nilearn design leaves 9 residual degrees of freedom and a calibration needs at least 10"
    with pytest.raises(DataError, match=said):
        small(n_scans=(15,), contrasts=(MAIN,), **options)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (99.4, "99 s"), (100.0, "2 min"), (100.9, "2 min"), (3600.0, "60 min")],
)
def test_time_that_is_left_is_in_seconds_or_minutes(seconds: float, words: str) -> None:
    assert _span(seconds) == words


@pytest.mark.parametrize(("total", "said"), [(40, [5, 10, 15, 20, 25, 30, 35]), (3, [1, 2]), (1, [])])
def test_the_log_says_eight_times_how_far_it_is_and_not_at_the_end(
    monkeypatch: pytest.MonkeyPatch, total: int, said: list[int]
) -> None:
    clock, lines = itertools.count(0, 10), []
    monkeypatch.setattr("bidsglm.calibration.add_on.time", SimpleNamespace(monotonic=lambda: next(clock)))
    log = SimpleNamespace(info=lambda text, *values: lines.append(text % values))
    monkeypatch.setattr("bidsglm.calibration.add_on.LOG", log)
    with _progress("sub-01", total) as advance:
        for _ in range(total):
            advance()
    assert [line.split(" of ")[0] for line in lines] == [f"sub-01: calibration, {n}" for n in said]
    if total == 3:
        # ten seconds for the first of three leave twenty for the others; twenty for two leave ten
        assert lines == [
            "sub-01: calibration, 1 of 3 data sets, about 20 s left",
            "sub-01: calibration, 2 of 3 data sets, about 10 s left",
        ]


def test_processes_are_the_main_ones_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(bids_dir=tmp_path, output_dir=tmp_path, level="participant", n_procs=3)
    assert _processes(settings) == 3
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object())
    assert _processes(settings) == 1


def test_sidecars_name_the_contrasts_that_were_left_out() -> None:
    settings = SimpleNamespace(calibrate=12, random_seed=5)
    summary = {"contrasts": [{"label": label} for label in ("a", "b", "c")]}
    found = _facts(SimpleNamespace(settings=settings, summary=summary), 40, 90, ["b"])  # type: ignore[arg-type]
    assert (found["SimulatedDatasets"], found["RandomSeed"]) == (12, 5)
    assert (found["SampledVoxels"], found["MaskVoxels"]) == (40, 90)
    assert found["ContrastsLeftOut"] == ["a", "c"]


def test_another_number_or_seed_is_another_calibration() -> None:
    digests = {calibration_add_on(n, seed).digest for n, seed in [(5, 1), (1, 5), (5, 2), (6, 1)]}
    assert len(digests) == 4
    assert calibration_add_on(5, 1).digest == calibration_add_on(5, 1).digest
    assert calibration_add_on(5, 1).is_slow
