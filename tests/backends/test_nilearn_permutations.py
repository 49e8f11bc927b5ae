"""Familywise p by permutations: nilearn's own numbers, whatever the batches, processes and memory."""

import numpy as np
import pytest
from nilearn.mass_univariate import permuted_ols

from bidsglm.backends import nilearn_permutations
from bidsglm.backends.nilearn_permutations import (
    KINDS,
    MASS,
    TFCE,
    VOXEL,
    PermutationPlan,
    _p_of,
    memory_of_clusters,
    permuted,
    reason_against,
)
from bidsglm.data import GroupDesign, Volume
from bidsglm.model import Floats

N = 8
MEAN = GroupDesign(("mean",), np.ones((N, 1)))


def volume_and_maps() -> tuple[Volume, np.ndarray]:
    place = np.zeros((9, 8, 7), bool)
    place[1:-1, 2:-1, 1:-2] = True
    noise = np.random.default_rng(1).standard_normal((N, int(place.sum())))
    return Volume(place.shape, np.eye(4), place), (noise + 0.4).astype(np.float32)


def test_permutations_do_not_depend_on_processes_or_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nilearn_permutations, "BATCH", 10)
    monkeypatch.setattr(nilearn_permutations, "CHUNK_VALUES", N * 50)
    volume, maps = volume_and_maps()
    where, weights = (np.ones(maps.shape[1], bool), volume), np.ones(1)
    calls: list[int] = []
    one = permuted(maps, MEAN, weights, where, PermutationPlan(25, 3), lambda: calls.append(1))
    assert len(calls) == 3
    assert one.left_out == ""
    two = permuted(maps, MEAN, weights, where, PermutationPlan(25, 3, n_procs=2))
    for kind, p in one.p.items():
        np.testing.assert_array_equal(two.p[kind], p)
    few: list[int] = []
    small = permuted(maps, MEAN, weights, where, PermutationPlan(25, 3, memory=1000), lambda: few.append(1))
    assert len(few) == 3
    np.testing.assert_array_equal(small.p[VOXEL], one.p[VOXEL])
    np.testing.assert_allclose(small.t, one.t)
    assert list(small.p) == [VOXEL]
    assert "GB of memory" in small.left_out
    other = permuted(maps, MEAN, weights, where, PermutationPlan(25, 4))
    assert not np.array_equal(other.p[VOXEL], one.p[VOXEL])


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("groups", [False, True])
def test_one_batch_has_the_numbers_of_nilearns_own_function(two_sided: bool, groups: bool) -> None:
    volume, maps = volume_and_maps()
    # a hole in the mask, whose voxels are in no cluster
    mask = np.ones(maps.shape[1], bool)
    mask[3:9] = False
    age = np.linspace(-1, 1, N)
    columns = np.column_stack([np.repeat([1.0, 0.0], 4), np.repeat([0.0, 1.0], 4), age])
    design = GroupDesign(("a", "b", "age"), columns) if groups else MEAN
    weights = np.array([1.0, -1.0, 0.0]) if groups else np.ones(1)
    found = permuted(maps, design, weights, (mask, volume), PermutationPlan(20, 11, two_sided))
    own = permuted_ols(
        (design.matrix @ weights)[:, None],
        maps[:, mask],
        age[:, None] if groups else None,
        n_perm=20,
        two_sided_test=two_sided,
        random_state=11,
        output_type="dict",
    )
    np.testing.assert_allclose(found.t[mask], np.ravel(own["t"]), rtol=1e-6)
    np.testing.assert_allclose(-np.log10(found.p[VOXEL][mask]), np.ravel(own["logp_max_t"]), atol=1e-9)
    assert list(found.p) == list(KINDS)
    for p in found.p.values():
        assert (p[~mask] == 1).all()
        assert (p[mask] < 1).any()
    assert not found.t[~mask].any()


def test_memory_that_just_holds_the_maps_keeps_the_clusters() -> None:
    volume, maps = volume_and_maps()
    where = np.ones(maps.shape[1], bool), volume
    # 28 bytes a value, and 300 for each voxel of the box of 7 x 5 x 4
    needed = memory_of_clusters(N, *where)
    assert needed == N * 140 * 28 + 140 * 300
    assert permuted(maps, MEAN, np.ones(1), where, PermutationPlan(2, 1, memory=needed)).left_out == ""
    left_out = permuted(maps, MEAN, np.ones(1), where, PermutationPlan(2, 1, memory=needed - 1)).left_out
    assert left_out == "they would take 0.0 GB of memory, of 0.0 GB"
    corners = np.zeros(maps.shape[1], bool)
    corners[[0, -1]] = True
    # two voxels at the ends have the box of all
    assert memory_of_clusters(N, corners, volume) == N * 2 * 28 + 140 * 300


def test_batches_have_seeds_of_their_own_and_are_as_many_as_asked_for() -> None:
    assert PermutationPlan(100, 7).batches == ((7, 100),)
    assert PermutationPlan(3, 7).batches == ((7, 3),)
    seeds, sizes = zip(*PermutationPlan(350, 7).batches, strict=True)
    assert sizes == (100, 100, 100, 50)
    assert len(set(seeds)) == 4
    assert PermutationPlan(350, 7).batches == PermutationPlan(350, 7).batches
    assert PermutationPlan(350, 8).batches[1:] != PermutationPlan(350, 7).batches[1:]


@pytest.mark.parametrize("two_sided", [False, True])
def test_p_counts_the_permutations_that_reach_a_voxel(two_sided: bool) -> None:
    null = np.array([1.0, 2.0, 2.0, 5.0])
    observed = np.array([-3.0, 0.5, 2.0, 9.0])
    found = _p_of(
        {"t": observed, "mass": observed, "tfce": observed},
        {k: null for k in ("t", "mass", "tfce")},
        two_sided,
    )

    def reached(value: float) -> int:
        return int((null >= value).sum())

    # TFCE is signed where t is; a permutation as large as the voxel counts against it
    sizes = np.abs(observed) if two_sided else observed
    assert found[VOXEL].tolist() == [(reached(v) + 1) / 5 for v in sizes]
    assert found[TFCE].tolist() == [(reached(v) + 1) / 5 for v in np.abs(observed)]
    # a mass has no p of 0 or 1
    assert found[MASS].tolist() == [min(max(reached(v) / 4, 1 / 4), 3 / 4) for v in sizes]
    assert list(found) == list(KINDS)


def design(*columns: Floats) -> GroupDesign:
    return GroupDesign(tuple(f"x{i}" for i in range(len(columns))), np.column_stack(columns))


ONE, AGE = np.ones(6), np.array([-2.0, 1.0, 4.0, -1.0, -1.5, -0.5])
A = np.repeat([1.0, 0.0], 3)


@pytest.mark.parametrize(
    ("matrix", "weights", "said"),
    [
        (design(ONE), [1.0], ""),
        (design(ONE, AGE), [1.0, 0.0], ""),
        (design(ONE, AGE), [0.0, 1.0], ""),
        (design(A, 1 - A), [1.0, -1.0], ""),
        (design(A, 1 - A, AGE), [1.0, -1.0, 0.0], ""),
        (design(A, 1 - A, AGE), [0.0, 0.0, 1.0], ""),
        (design(A, 1 - A), [0.0, 1.0], "not exchangeable"),
        (design(ONE, AGE), [1.0, 1.0], "not exchangeable"),
        # the column of the groups' mean is constant, and leaves their difference out
        (design(A, 1 - A), [0.5, 0.5], "another model"),
        (design(A, 1 - A, AGE, AGE**2), [0.0, 0.0, 1.0, 1.0], "another model"),
    ],
)
def test_permutations_test_what_is_exchangeable_in_the_same_model(
    matrix: GroupDesign, weights: list[float], said: str
) -> None:
    found = reason_against(matrix, np.array(weights))
    assert said in found
    assert bool(found) == bool(said)


def test_clusters_are_sought_in_the_box_of_the_voxels_and_a_border() -> None:
    volume, _ = volume_and_maps()
    moved = volume._replace(affine=np.diag([2.0, 3.0, 4.0, 1.0]))
    grid, affine = nilearn_permutations._grid(moved.voxels, moved)
    # the border holds voxels that are in no cluster
    assert grid.shape == (9, 7, 6)
    assert grid.sum() == moved.voxels.sum()
    assert grid[1:-1, 1:-1, 1:-1].all()
    np.testing.assert_array_equal(affine, moved.affine)
