"""Kinds of maps of a sample, and how far a map is from a package's own."""

from types import SimpleNamespace

import numpy as np
import pytest

from bidsglm.attribution.differences import distances, stacked, summed
from bidsglm.attribution.runs import StatMaps
from bidsglm.attribution.sample import ExplainedKind, Sampled, farthest, kinds_of, step_sums_of
from bidsglm.attribution.shapley import combination_of
from bidsglm.attribution.steps import STEPS, Step
from bidsglm.data import ContrastMaps
from bidsglm.model import ContrastSpecification

STEPS_OF_ALL = [Step(name, "a", "b", name != "noise" and name != "runs") for name in STEPS]


def own(stat: list[float], effect: list[float] | None) -> ContrastMaps:
    what = ContrastSpecification("go", "go", ("go",), np.ones((1, 1)), "t" if effect else "F")
    values = np.array(stat)
    return ContrastMaps(
        what, (0,), None if effect is None else np.array(effect), None, values, values, values, (9.0,)
    )


def test_distance_is_the_largest_among_the_voxels_that_count_at_their_places() -> None:
    target = own([0.0, 5.0, 1.0, 3.0], [10.0, 20.0, 30.0, 40.0])
    found = StatMaps(np.array([31.0, 5.0, 10.5]), np.array([1.5, 9.0, -0.25]), (9.0,))
    columns = np.array([2, 1, 0])
    assert farthest(found, target, columns, np.array([True, False, True])) == (0.5, 1.0)
    assert farthest(found, target, columns, np.ones(3, bool)) == (4.0, 15.0)
    assert farthest(found, target, columns, np.zeros(3, bool)) == (0.0, 0.0)
    assert farthest(found._replace(effect=None), target, columns, np.ones(3, bool)) == (4.0, 0.0)
    assert farthest(found, own([0.0, 5.0, 1.0, 3.0], None), columns, np.ones(3, bool)) == (4.0, 0.0)


@pytest.mark.parametrize("n_runs", [1, 2])
@pytest.mark.parametrize("scans", [(), (np.ones(3),)])
def test_kinds_are_effects_of_t_and_statistics_of_all(n_runs: int, scans: tuple[np.ndarray, ...]) -> None:
    pairs = [SimpleNamespace(other=own([1.0], [1.0] if test == "t" else None)) for test in ("F", "t", "t")]
    evidence = SimpleNamespace(pairs=pairs, pool=SimpleNamespace(scans=scans))
    designs = SimpleNamespace(models=SimpleNamespace(runs=(None,) * n_runs))
    effects, stats = kinds_of(designs, STEPS_OF_ALL, evidence)  # type: ignore[arg-type]
    assert (effects.is_effect, effects.contrasts, effects.steps) == (True, (1, 2), ("noise",))
    assert effects.combinations == tuple(combination_of(("noise",), (i,)) for i in (0, 1))
    assert (stats.is_effect, stats.contrasts, stats.steps) == (False, (0, 1, 2), ("noise", "runs"))
    assert stats.combinations == tuple(
        combination_of(("noise", "runs"), taken) for taken in ((0, 0), (0, 1), (1, 0), (1, 1))
    )
    scaled = [Step("scaling", "a", "b", False)]
    by_kind = {kind.is_effect: kind.steps for kind in kinds_of(designs, scaled, evidence)}  # type: ignore[arg-type]
    # the factor of a single run moves no statistic
    assert by_kind == {True: ("scaling",), False: ("scaling",) if n_runs == 2 or scans else ()}
    only = SimpleNamespace(pairs=pairs[:1], pool=evidence.pool)
    assert [kind.is_effect for kind in kinds_of(designs, scaled, only)] == [False]  # type: ignore[arg-type]


def test_sums_of_a_contrast_are_at_its_place_among_those_of_its_kind() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 9)), rng.standard_normal((4, 2, 9))
    sums = stacked([summed(x, each) for each in y])
    kinds = [
        ExplainedKind(True, (0, 2), ("noise", "runs"), ()),
        ExplainedKind(False, (0, 1, 2), ("noise",), ()),
    ]
    whole = Sampled({True: sums, False: stacked([summed(x[:1], y[0, :1])] * 2)}, np.zeros((2, 2, 3)), 0)
    found = step_sums_of(whole, kinds, 2, "effect")
    assert (found[0], found[1]) == ("effect", ("noise", "runs"))
    wanted = distances(summed(x[1], y[:, 1]))
    for metric, values in distances(found[2]).items():
        np.testing.assert_allclose(values, wanted[metric])
    assert step_sums_of(whole, kinds, 0, "t")[:2] == ("t", ("noise",))


def test_overlap_is_of_what_lies_above_each_maps_own_threshold() -> None:
    x, y = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([[5.0, 2.5, 3.0, 3.5, 0.0]])
    found = summed(x, y, (np.array(2.0), np.array([2.5])))
    # what equals its threshold is not above: 3, 4 and 5; the first, third and fourth
    assert found.above is not None
    assert found.above[:, 0].tolist() == [3, 3, 2]
    assert distances(found)["1-dice"].tolist() == [pytest.approx(1 - 4 / 6)]
    assert distances(found)["rmsd"].tolist() == [pytest.approx(np.sqrt((16 + 0.25 + 0.25 + 25) / 5))]
