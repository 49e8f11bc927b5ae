"""The noise that both packages assume, lag by lag."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bidsglm.data import Paradigm
from bidsglm.model import ModelSpecification, NilearnSettings, SpmSettings
from bidsglm.unit.scales import noise_rows


def fit(model: ModelSpecification, runs: list[tuple[float, int]]) -> Any:
    """A fit of runs with these repetition times and numbers of scans; only their noise is known."""
    paradigms = [Paradigm(time, n, 0.5, (), (), np.empty((n, 0))) for time, n in runs]
    prefixes = [f"sub-01_task-a_run-{i}" for i in range(1, len(runs) + 1)]
    unit = SimpleNamespace(run_prefixes=prefixes)
    spm = SimpleNamespace(noise={"hyperparameters": [[1.0, 0.0]] * len(runs)})
    ar = [{"coefficients": [[0.5]], "voxels": [10]}] * len(runs)
    nilearn = SimpleNamespace(noise={"autoregression": ar})
    prepared = SimpleNamespace(model=model, paradigms=paradigms, unit=unit)
    return SimpleNamespace(prepared=prepared, fits={"spm": spm, "nilearn": nilearn})


@pytest.mark.parametrize(
    ("repetition_time", "n_scans", "last"),
    [
        (2.0, 100, 5),  # 10 s
        (1.0, 200, 10),
        (4.0, 100, 5),  # five at least
        (0.1, 500, 40),  # 40 at most
        (0.25, 30, 29),  # a run of 30 scans has no two that are 30 apart
        (2.0, 4, 3),
    ],
)
def test_lags_reach_ten_seconds_five_to_forty_and_never_beyond_the_run(
    repetition_time: float, n_scans: int, last: int
) -> None:
    rows = noise_rows(fit(ModelSpecification("m", ()), [(repetition_time, n_scans)]))
    assert [row["lag"] for row in rows] == list(range(1, last + 1))
    np.testing.assert_allclose([row["seconds"] for row in rows], repetition_time * np.arange(1, last + 1))
    # AR(1) of 0.5 in all voxels
    np.testing.assert_allclose([row["nilearn_median"] for row in rows], 0.5 ** np.arange(1, last + 1))
    assert np.isfinite([row["spm"] for row in rows]).all()


def test_runs_of_unlike_length_have_their_own_lags() -> None:
    rows = noise_rows(fit(ModelSpecification("m", ()), [(1.0, 60), (2.0, 5)]))
    assert [(row["run"], row["lag"]) for row in rows if row["lag"] in (1, 4)] == [
        ("run-1", 1),
        ("run-1", 4),
        ("run-2", 1),
        ("run-2", 4),
    ]
    assert len(rows) == 10 + 4


def test_where_both_take_noise_as_white_there_is_nothing_to_tell() -> None:
    white = ModelSpecification(
        "m", (), spm=SpmSettings(serial_correlation="none"), nilearn=NilearnSettings(noise_model="ols")
    )
    assert noise_rows(fit(white, [(2.0, 50)])) == []
