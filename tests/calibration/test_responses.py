"""The signal of simulated data, voxels that carry it, and the order of data sets."""

import numpy as np
import pytest

from bidsglm.calibration.responses import height, response
from bidsglm.calibration.simulation import requests
from bidsglm.calibration.tables import _is_complete, table_path
from bidsglm.data import DesignMatrix
from bidsglm.model import ContrastSpecification, Floats
from bidsglm.simulation.noise import NOISES

NAMES = ("go", "stop", "rot")


def design(matrix: list[list[float]]) -> DesignMatrix:
    return DesignMatrix(NAMES, np.array(matrix), np.empty((len(matrix), 0)))


def contrast(*weights: float) -> ContrastSpecification:
    return ContrastSpecification("c", "c", ("stop", "go"), np.array([weights]))


ONE = design([[0, 1, 9], [2, 0, 9], [-1, 0.5, 9]])
TWO = design([[0, -4, 9], [0, 0, 9], [1, 0, 9]])


def test_height_is_the_mean_of_the_conditions_that_are_weighed_at_their_highest_in_any_run() -> None:
    # stop reaches 1 and 4, go 2 and 1; the sign does not matter
    assert height(contrast(1, 0), [ONE, TWO], [0, 1]) == 4
    assert height(contrast(1, 0), [ONE, TWO], [0]) == 1
    assert height(contrast(1, -1), [ONE, TWO], [0, 1]) == 3
    assert height(contrast(0, 0.5), [ONE, TWO], [1]) == 1


@pytest.mark.parametrize("weights", [(1.0, 0.0), (1.0, -1.0), (0.5, 0.5)])
def test_response_has_an_effect_of_one_in_the_mean_of_the_packages(weights: tuple[float, float]) -> None:
    heights = {"a": 2.0, "b": 4.0}
    found = response(contrast(*weights), {"a": [TWO, ONE], "b": [ONE, TWO]}, 1, heights)
    row = np.array(weights)
    share = row / (row @ row)

    def course(made: DesignMatrix) -> Floats:
        return made.matrix[:, [1, 0]] @ share

    wanted = (course(ONE) / 2 + course(TWO) / 4) / 2
    np.testing.assert_allclose(found, wanted - wanted.mean(), atol=1e-12)
    # conditions changed by their shares of an effect give an effect of 1
    assert row @ share == pytest.approx(1)


def test_data_sets_of_a_noise_come_without_signal_first() -> None:
    found = [(r.noise, r.signal, r.number) for r in requests(2, ["white", "ar1"])]
    assert found == [(n, s, i) for n in ("white", "ar1") for s in (False, True) for i in (0, 1)]


def rows(*left_out: tuple[str, str]) -> list[dict[str, str]]:
    return [
        {"contrast": contrast, "analysis": analysis, "noise": noise}
        for contrast in ("go", "stop")
        for analysis in ("ols", "ar1")
        for noise in NOISES
        if (contrast, noise) not in left_out
    ] * 3


def test_a_table_is_whole_where_every_analysis_has_as_many_rows_under_every_noise() -> None:
    assert _is_complete(rows())
    assert not _is_complete([])
    assert not _is_complete(rows(("go", "white")))
    assert not _is_complete(rows()[1:])
    # contrasts may differ in theirs
    assert _is_complete([*rows(), *(row for row in rows() if row["contrast"] == "go")])


def test_table_is_where_the_summary_says_if_there_is_one(tmp_path) -> None:
    files = {"calibration": {"files": ["a.tsv"]}}
    summary = {"folder": "sub-01/func", "prefix": "sub-01_task-x", "supplements": files}
    wanted = tmp_path / "sub-01/func/sub-01_task-x_desc-calibration_metrics.tsv"
    assert table_path(tmp_path, summary) == wanted
    for none in ({}, {"calibration": {}}, {"calibration": {"files": []}}):
        assert table_path(tmp_path, {**summary, "supplements": none}) is None
