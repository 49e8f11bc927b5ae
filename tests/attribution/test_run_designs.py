"""Several runs as one regression, and what contrasts weigh there."""

import numpy as np
import pytest

from bidsglm.attribution import regression as module
from bidsglm.attribution.regression import (
    Counting,
    NormalEquations,
    RunPart,
    normal_by_group,
    regression,
    solved,
)
from bidsglm.attribution.run_designs import OwnedColumn, RunDesign, spread, stacked
from bidsglm.attribution.runs import Plan
from bidsglm.model import ContrastSpecification


def design(names: tuple[str, ...], n_confounds: int, start: float, n: int = 3) -> RunDesign:
    """Columns that are told apart by their values."""
    values = start + np.arange(len(names), dtype=float)
    whole = np.tile(values, (n, 1))
    cut = len(names) - n_confounds
    own = np.tile([start + 50, start + 51, 1.0], (n, 1))
    return RunDesign(names, whole[:, :cut], whole[:, cut:], own, np.full((n, 1), start), 2)


@pytest.fixture
def two() -> list[RunDesign]:
    return [design(("go", "rot"), 1, 100), design(("go", "stop", "rot", "spin"), 2, 200, 2)]


def test_columns_stand_in_their_order(two: list[RunDesign]) -> None:
    _, run = two
    assert run.matrix[0].tolist() == [200, 201, 202, 203, 250, 251, 1]
    assert run.without_drifts[0].tolist() == [200, 201, 202, 203, 1]
    assert run.all_drifts[0].tolist() == [250, 251, 200]
    assert run.all_names == ("go", "stop", "rot", "spin", "", "", "")


@pytest.mark.parametrize("one_set", [True, False])
def test_runs_share_conditions_and_keep_what_is_theirs(two: list[RunDesign], one_set: bool) -> None:
    data = [np.zeros((3, 4)), np.zeros((2, 4))]
    parts, columns = stacked(two, data, one_set)
    assert [part.run for part in parts] == [0, 1]
    assert [len(part.Y) for part in parts] == [3, 2]
    assert [part.projected[0, 0] for part in parts] == [100, 200]
    values = [dict(enumerate(part.X[0].tolist())) for part in parts]
    if one_set:
        shared = ["go", "rot", "stop", "spin"]
        assert columns == tuple(
            [OwnedColumn(name, None) for name in shared] + [OwnedColumn("", 0)] * 3 + [OwnedColumn("", 1)] * 3
        )
        assert list(values[0].values()) == [100, 101, 0, 0, 150, 151, 1, 0, 0, 0]
        assert list(values[1].values()) == [200, 202, 201, 203, 0, 0, 0, 250, 251, 1]
    else:
        assert columns == (
            OwnedColumn("go", None),
            OwnedColumn("stop", None),
            OwnedColumn("rot", 0),
            *[OwnedColumn("", 0)] * 3,
            OwnedColumn("rot", 1),
            OwnedColumn("spin", 1),
            *[OwnedColumn("", 1)] * 3,
        )
        assert list(values[0].values()) == [100, 0, 101, 150, 151, 1, 0, 0, 0, 0, 0]
        assert list(values[1].values()) == [200, 201, 0, 0, 0, 0, 202, 203, 250, 251, 1]


def plan(weights: dict[str, float], runs: tuple[int, ...]) -> Plan:
    row = np.array([list(weights.values())])
    return Plan(ContrastSpecification("c", "c", tuple(weights), row), runs, row)


def test_a_weight_is_shared_by_the_columns_of_the_contrasts_runs() -> None:
    columns = [OwnedColumn("go", None), OwnedColumn("rot", 0), OwnedColumn("rot", 1), OwnedColumn("rot", 2)]
    found = spread(plan({"go": 2.0, "rot": -1.0}, (0, 2)), columns)
    assert found.tolist() == [[2.0, -0.5, 0.0, -0.5]]
    assert spread(plan({"gone": 1.0}, (0,)), columns).tolist() == [[0.0] * 4]


def test_a_column_that_is_projected_off_itself_gets_the_least_solution() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 2))
    X0 = np.linalg.qr(X[:, :1])[0]
    y = rng.standard_normal((12, 1))
    model = regression([RunPart(X, X0, y, 0)], np.array([[0.0, 1.0]]))
    assert (model.rank, model.n_columns, model.n_scans) == (2, 3, 12)
    whole = np.zeros(1, dtype=np.intp)
    for scale in (1.0, 1e4, 1e-4):
        B = scale * np.hstack([model.bases[0], model.projected[0]])
        fit = solved([normal_by_group([B], whole, [scale * y])], model.rows, Counting(10.0, 10.0))
        wanted = np.linalg.lstsq(X, y, rcond=None)[0][1]
        np.testing.assert_allclose(fit.effects[0], wanted, rtol=1e-7)


def test_voxels_of_many_groups_and_of_a_group_each_are_solved_alike() -> None:
    rng = np.random.default_rng(1)
    B = [rng.standard_normal((9, 2)) for _ in range(3)]
    group = np.array([2, 0, 1, 0, 2, 2])
    Y = [rng.standard_normal((9, int((group == k).sum()))) for k in range(3)]
    grouped = normal_by_group(B, group, Y)
    each = NormalEquations(grouped.matrices[group], np.arange(6), grouped.sides, grouped.power)
    one, other = (solved([n], np.eye(2), Counting(7.0, 7.0)) for n in (grouped, each))
    np.testing.assert_allclose(one.effects, other.effects, rtol=1e-9)
    np.testing.assert_allclose(one.residual, other.residual, rtol=1e-9)
    np.testing.assert_allclose(one.covariances[one.group], other.covariances[other.group], rtol=1e-9)
    for k in range(3):
        wanted = np.linalg.lstsq(B[k], Y[k], rcond=None)[0]
        np.testing.assert_allclose(one.effects[:, group == k], wanted, rtol=1e-7)


def test_a_fit_of_everything_leaves_no_negative_residual() -> None:
    normal = NormalEquations(np.eye(1)[None], np.zeros(1, np.intp), np.array([[1.0]]), np.array([1 - 1e-12]))
    assert solved([normal], np.eye(1), Counting(1.0, 1.0)).residual.tolist() == [0.0]


def test_residuals_are_of_the_voxels_that_are_wanted() -> None:
    part = RunPart(np.ones((4, 1)), np.zeros((4, 0)), np.arange(12.0).reshape(4, 3), 0)
    model = regression([part], np.ones((1, 1)))
    assert [E.shape for E in (model.residuals()[0], model.residuals(2)[0])] == [(4, 3), (4, 2)]
    np.testing.assert_allclose(model.residuals(2)[0], part.Y[:, :2] - part.Y[:, :2].mean(axis=0))


def test_a_singular_matrix_spoils_no_other() -> None:
    A = np.array([np.diag([2.0, 4.0]), np.ones((2, 2)), np.diag([1e-9, 1e-9])])
    found = module.inverses(A)
    np.testing.assert_allclose(found[0], np.diag([0.5, 0.25]))
    np.testing.assert_allclose(found[1], np.full((2, 2), 0.25))
    np.testing.assert_allclose(found[2], np.diag([1e9, 1e9]))
    # rounding hides that two columns are one: the inverse exists, and is no inverse
    third = np.array([[1.0, 3.0], [3.0, np.nextafter(9.0, 10.0)]])
    hidden = np.array([np.diag([2.0, 4.0]), third])
    assert np.abs(np.linalg.inv(third)).max() > 1e8
    np.testing.assert_allclose(module.inverses(hidden)[1], np.linalg.pinv(third, hermitian=True))
    np.testing.assert_allclose(module.inverses(hidden)[0], np.diag([0.5, 0.25]))
