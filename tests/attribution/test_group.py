"""Which step of a group analysis makes which part: combinations, refits, shares and rungs."""

import numpy as np
import pytest

from bidsglm.attribution.group import (
    Ends,
    GroupRefit,
    StatMaps,
    active_steps,
    closure_of,
    every_combination,
    group_rows,
)
from bidsglm.attribution.steps import Step
from bidsglm.pairs import DEFAULT_PAIR
from bidsglm.spm.second_level import group_contrast, group_estimate

STEPS = ("effects", "design", "variance", "mask")
SETTINGS = [Step(name, f"{name} of one", f"{name} of other") for name in STEPS]


def far(stat: float) -> StatMaps:
    return StatMaps(np.array([0.0, stat]), np.array([0.0, stat]), (9.0,))


def test_steps_that_interact_share_evenly() -> None:
    maps = {(0, 0): far(0), (0, 1): far(0), (1, 0): far(0), (1, 1): far(2)}
    settings = [Step(name, "a", "b") for name in STEPS]
    rows = group_rows(settings, ("effects", "variance"), DEFAULT_PAIR, maps, (0.0, 0.0))
    shares = {row["step"]: row["shapley"] for row in rows if (row["map"], row["metric"]) == ("t", "rmsd")}
    assert shares["effects"] == shares["variance"] == pytest.approx(np.sqrt(2) / 2)


def test_mask_is_a_step_only_where_variances_are_estimated_in_it() -> None:
    assert active_steps(False, True) == ("effects",)
    assert active_steps(True, True) == ("effects", "variance", "mask")


def test_without_the_variances_the_mask_fits_nothing_again() -> None:
    asked: list[tuple[bool, bool, bool]] = []

    def refit(effects: bool, variance: bool, mask: bool) -> list[StatMaps]:
        asked.append((effects, variance, mask))
        return [far(1)]

    found = every_combination(("effects", "variance", "mask"), [Ends(far(0), far(3))], (False, True), refit)
    assert len(found) == 8
    assert asked == [(False, True, False), (False, True, True), (True, False, False), (True, True, False)]
    assert found[1, 0, 1] is found[1, 0, 0]


def test_variances_of_the_reference_are_what_the_other_package_lacks() -> None:
    asked: list[tuple[bool, bool, bool]] = []

    def refit(effects: bool, variance: bool, mask: bool) -> list[StatMaps]:
        asked.append((effects, variance, mask))
        return [far(1)]

    own, others = far(0), far(3)
    found = every_combination(("effects", "variance", "mask"), [Ends(own, others)], (True, False), refit)
    assert found[0, 0, 0] == [own]
    assert found[1, 1, 0] == found[1, 1, 1] == [others]
    assert asked == [(False, True, True), (False, False, False), (True, True, False), (True, True, True)]


def test_refit_with_equal_variances_is_least_squares() -> None:
    images = np.random.default_rng(0).normal(3, 1, (8, 5))
    groups = np.repeat([0, 1], 4)
    refit = GroupRefit(images, np.eye(2)[groups], groups, np.array([1, 3]))
    (maps,) = refit.maps([np.array([1.0, -1.0])], None, False)
    expected = images[:4].mean(axis=0) - images[4:].mean(axis=0)
    np.testing.assert_allclose(maps.effect, expected[[1, 3]], rtol=1e-6)
    assert closure_of([maps], [maps]) == 0


def test_a_refit_takes_the_groups_variances_from_the_mask_that_is_asked_for() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat([0, 1], 8)
    images = rng.normal(3, 1, (16, 40)) * np.where(groups == 0, 1.0, 3.0)[:, np.newaxis]
    images[:8, 20:] *= 5
    design, weights = np.eye(2)[groups], [np.array([1.0, -1.0]), np.eye(2)]
    refit = GroupRefit(images.astype(np.float32), design, groups, np.array([0, 25, 7]))
    first = np.arange(40) < 20
    for mask, unequal in [(None, True), (first, True), (None, False)]:
        fit = group_estimate(refit.images, design, mask, groups if unequal else None)
        for found, row in zip(refit.maps(weights, mask, unequal), weights, strict=True):
            wanted = group_contrast(fit, row)
            np.testing.assert_array_equal(found.stat, wanted.stat[[0, 25, 7]])
            assert found.dof == wanted.dof
            assert (found.effect is None) == (row.ndim == 2)
    one, other = (refit.maps(weights[:1], None, unequal)[0].stat for unequal in (True, False))
    assert (one != other).all()


def rows_by_step(metric: str, kind: str, maps: dict, steps: tuple[str, ...]) -> dict[str, dict]:
    rows = group_rows(SETTINGS, steps, DEFAULT_PAIR, maps, (0.25, 0.5))
    return {row["step"]: row for row in rows if (row["map"], row["metric"]) == (kind, metric)}


def test_a_step_that_changes_nothing_leaves_the_ladder_where_it_was() -> None:
    start = np.array([0.0, 1.0, 2.0, 5.0])
    maps = {
        (0, 0): StatMaps(start, start, (9.0,)),
        (0, 1): StatMaps(start + 3, start + 3, (9.0,)),
        (1, 0): StatMaps(start + 1, start + 1, (9.0,)),
        (1, 1): StatMaps(start + 6, start + 6, (9.0,)),
    }
    for kind in ("effect", "t"):
        found = rows_by_step("rmsd", kind, maps, ("effects", "variance"))
        assert [found[name]["ladder"] for name in STEPS] == [1, 1, 6, 6]
        # means of 1 - 0 and 6 - 3, and of 3 - 0 and 6 - 1
        assert [found[name]["shapley"] for name in STEPS] == [2, 0, 4, 0]
        assert {row["total"] for row in found.values()} == {6}
    assert found["design"]["spm"] == "design of other"
    assert found["design"]["nilearn"] == "design of one"
    assert {row["closure_nilearn"] for row in found.values()} == {0.25}
    assert {row["closure_spm"] for row in found.values()} == {0.5}


def test_overlap_is_of_what_passes_the_threshold_and_is_no_metric_of_effects() -> None:
    # t of 9 degrees of freedom passes p < 0.001 from 4.297 on, F of 2 and 9 from 16.39 on
    t = {(0,): StatMaps(np.zeros(4), np.array([4.3, 4.3, 4.29, 0]), (9.0,))}
    t[(1,)] = StatMaps(np.zeros(4), np.array([4.29, 4.3, 4.3, 4.3]), (9.0,))
    assert rows_by_step("1-dice", "t", t, ("effects",))["effects"]["total"] == pytest.approx(1 - 2 / 5)
    assert rows_by_step("1-dice", "effect", t, ("effects",)) == {}
    F = {key: StatMaps(None, 16.4 / 4.3 * maps.stat, (2.0, 9.0)) for key, maps in t.items()}
    assert rows_by_step("1-dice", "F", F, ("effects",))["effects"]["total"] == pytest.approx(1 - 2 / 5)
    assert rows_by_step("rmsd", "effect", F, ("effects",)) == {}


def test_closure_is_the_worst_of_all_contrasts_over_its_range() -> None:
    def of(*stat: float) -> StatMaps:
        return StatMaps(None, np.array(stat), (1.0, 9.0))

    assert closure_of([of(0, 4), of(1, 10.5)], [of(0, 4), of(0, 10)]) == pytest.approx(0.1)
    assert closure_of([of(0, 3), of(0, 10.5)], [of(0, 4), of(0, 10)]) == pytest.approx(0.25)
    # a map that is flat has no range
    assert closure_of([of(2.5, 2)], [of(2, 2)]) == pytest.approx(0.5)


def test_the_ladder_stands_on_the_ground_before_its_first_step() -> None:
    maps = {(0,): StatMaps(None, np.zeros(2), (9.0,)), (1,): StatMaps(None, np.ones(2), (9.0,))}
    settings = [Step(name, "a", "b") for name in ("design", "effects")]
    rows = [
        row
        for row in group_rows(settings, ("effects",), DEFAULT_PAIR, maps, (0, 0))
        if row["metric"] == "rmsd"
    ]
    assert [(row["ladder"], row["shapley"]) for row in rows] == [(0, 0), (1, 1)]
