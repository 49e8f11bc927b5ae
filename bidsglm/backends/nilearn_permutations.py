"""Familywise p of a group's effects by permutations, as nilearn's ``non_parametric_inference`` makes them.

It tests the column X c with the columns of weight 0 as confounds, by sign flips where X c is the mean and
by permutations elsewhere. That is the test of the contrast only where these columns span the design, and
where the effect does not change with a constant added to all data, so that participants are exchangeable.

``permuted_ols``, which does its work, is called for so many permutations at a time, each batch with a seed of
its own: the numbers are the same for any number of processes, and those of ``non_parametric_inference`` with
the same seed where one batch is enough.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.backends.records import FORMING_P
from bidsglm.data import GroupDesign, Images, Volume, column_parts
from bidsglm.design_space import rank
from bidsglm.model import Floats, Mask

BATCH = 100
"""Permutations of one call."""
BYTES_A_VALUE = 28
"""Memory that a call takes for each participant and voxel."""
BYTES_A_VOXEL = 300
"""And for each voxel of the box around the mask, where clusters are formed."""
CHUNK_VALUES = 4_000_000
"""Values at a time where the voxels are taken in parts."""
VOXEL, MASS, TFCE = "permutationVoxel", "permutationMass", "permutationTFCE"
KINDS: Mapping[str, str] = {
    VOXEL: "largest t",
    MASS: f"largest mass of clusters of p < {FORMING_P:g}",
    TFCE: "largest threshold-free cluster enhancement (TFCE)",
}
"""What is compared with its distribution over permutations."""


Counted = tuple[Mapping[str, Floats], Floats]
"""Familywise p of each kind and the t that was observed, in the mask"""


@dataclass(frozen=True)
class PermutationPlan:
    """How to permute."""

    n: int
    """Permutations"""
    seed: int
    two_sided: bool = False
    n_procs: int = 1
    memory: float = np.inf
    """Bytes for all processes"""

    @property
    def batches(self) -> tuple[tuple[int, int], ...]:
        """Seed and size of each batch: the first has the seed itself.

        >>> PermutationPlan(120, 7).batches[0], [size for _, size in PermutationPlan(220, 7).batches]
        ((7, 100), [100, 100, 20])
        """
        sizes = [BATCH] * (self.n // BATCH) + ([self.n % BATCH] if self.n % BATCH else [])
        others = np.random.SeedSequence([self.seed, self.n]).generate_state(max(len(sizes) - 1, 1))
        return tuple(zip([self.seed, *(int(s) for s in others)], sizes, strict=False))


class Permuted(NamedTuple):
    """What permutations give."""

    p: Mapping[str, Floats]
    """Kind -> (n_voxels,) familywise p, 1 outside the mask"""
    left_out: str
    """Why clusters are not among them; empty where they are"""
    t: Floats
    """(n_voxels,) whose sign says which tail; 0 outside"""


class _Test(NamedTuple):
    """What ``permuted_ols`` is called with."""

    tested: Floats
    """(n_participants, 1)"""
    confounds: Floats | None
    two_sided: bool


def reason_against(design: GroupDesign, weights: Floats) -> str:
    """Why permutations cannot test a contrast; empty where they can.

    Parameters
    ----------
    design
        Of the participants.
    weights
        (n_regressors,) of a t contrast.

    Examples
    --------
    >>> groups = GroupDesign(("a", "b"), np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]]))
    >>> reason_against(groups, np.array([1.0, -1.0]))
    ''
    >>> reason_against(groups, np.array([1.0, 0.0]))
    'participants of different groups are not exchangeable for it'
    """
    X = design.matrix
    tested, confounds = X @ weights, X[:, weights == 0]
    constant = np.ones(len(X))
    is_mean = np.ptp(tested) == 0
    shifts = abs(float(weights @ np.linalg.pinv(X) @ constant)) > 1e-9
    if shifts and not is_mean:
        return "participants of different groups are not exchangeable for it"
    columns = np.column_stack([tested, confounds, *([] if is_mean else [constant])])
    if rank(columns) != rank(X):
        return "nilearn's permutations would test it in another model"
    return ""


def memory_of_clusters(n_maps: int, mask: Mask, volume: Volume) -> int:
    """Bytes that one process takes where clusters are formed.

    >>> volume = Volume((2, 1, 1), np.eye(4), np.ones((2, 1, 1), bool))
    >>> memory_of_clusters(10, np.array([True, True]), volume)
    1160
    """
    box = _box(volume.filled(mask))
    n_box = int(np.prod([part.stop - part.start for part in box]))
    return n_maps * int(mask.sum()) * BYTES_A_VALUE + n_box * BYTES_A_VOXEL


def permuted(
    images: Images,
    design: GroupDesign,
    weights: Floats,
    where: tuple[Mask, Volume],
    plan: PermutationPlan,
    advance: Callable[[], None] = lambda: None,
) -> Permuted:
    """Familywise p of each voxel from the largest t, cluster mass and TFCE of every permutation.

    Where the memory does not hold the maps, voxels are taken in parts, which gives the same p of t; clusters
    need them all at once and are left out.

    Parameters
    ----------
    images
        (n_participants, n_voxels)
    design, weights
        Of a t contrast.
    where
        (n_voxels,) the voxels searched, and the grid.
    plan
        How to permute.
    advance
        Called after each batch.
    """
    mask, volume = where
    confounds = design.matrix[:, weights == 0]
    test = _Test((design.matrix @ weights)[:, None], confounds if confounds.size else None, plan.two_sided)
    needed = memory_of_clusters(images.shape[0], mask, volume)
    if needed > plan.memory:
        counted, observed = _merged_parts(images, test, mask, plan, advance)
        why = f"they would take {needed / 1e9:.1f} GB of memory, of {plan.memory / 1e9:.1f} GB"
    else:
        place = volume.filled(mask)
        whole = np.concatenate(
            [images[:, part][:, mask[part]] for part in column_parts(images.shape, CHUNK_VALUES)], axis=1
        )
        n_procs = int(min(plan.n_procs, max(plan.memory // needed, 1)))
        results = _results(whole, test, _grid(place, volume), plan, n_procs)
        counted, observed = _summed(results, plan.two_sided, advance)
        why = ""
    t = np.zeros(mask.size)
    t[mask] = observed
    p = {kind: np.ones(mask.size) for kind in counted}
    for kind, values in counted.items():
        p[kind][mask] = values
    return Permuted(p, why, t)


def _box(place: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Smallest box around some voxels."""
    found = [np.flatnonzero(place.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return tuple(slice(int(places[0]), int(places[-1]) + 1) for places in found)


def _grid(place: NDArray[np.bool_], volume: Volume) -> tuple[NDArray[np.uint8], Floats]:
    """The voxels in the box around them, which is all that clusters need, and its affine."""
    # nilearn's clusters need a voxel that is in none, and a response everywhere may leave none in the box
    return np.pad(place[_box(place)], 1).astype(np.uint8), volume.affine


def _call(values: NDArray[Any], test: _Test, grid: Any, batch: tuple[int, int]) -> dict[str, NDArray[Any]]:
    """One call of nilearn's, with clusters where there is a grid."""
    import nibabel as nib
    from nilearn.maskers import NiftiMasker
    from nilearn.mass_univariate import permuted_ols

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on the orders of arrays, and values that are zero throughout
        masker = None
        if grid is not None:
            masker = NiftiMasker(nib.Nifti1Image(grid[0], grid[1]), standardize=None).fit()
        seed, n = batch
        found: dict[str, NDArray[Any]] = permuted_ols(
            test.tested,
            values,
            test.confounds,
            n_perm=n,
            two_sided_test=test.two_sided,
            random_state=seed % (2**32),
            masker=masker,
            threshold=None if grid is None else FORMING_P,
            tfce=grid is not None,
            output_type="dict",
        )
    return found


def _results(
    values: NDArray[Any], test: _Test, grid: Any, plan: PermutationPlan, n_procs: int
) -> Iterator[dict[str, NDArray[Any]]]:
    """Results of the batches as they come."""
    batches = plan.batches
    n_procs = min(n_procs, len(batches))
    if n_procs == 1:
        yield from (_call(values, test, grid, batch) for batch in batches)
        return
    from joblib import Parallel, delayed  # type: ignore[import-untyped]

    run = Parallel(n_jobs=n_procs, return_as="generator_unordered", pre_dispatch=n_procs)
    yield from run(delayed(_call)(values, test, grid, batch) for batch in batches)


def _summed(
    results: Iterator[dict[str, NDArray[Any]]], two_sided: bool, advance: Callable[[], None]
) -> Counted:
    """Add up batches: how many permutations do not reach each voxel, as nilearn counts them."""
    first: dict[str, NDArray[Any]] = {}
    largest: dict[str, list[Floats]] = {"t": [], "tfce": [], "mass": []}
    for found in results:
        first = first or {key: found[key] for key in largest if key in found}
        for key, values in largest.items():
            if key in first:
                values.append(np.ravel(found[f"h0_max_{key}"]))
        advance()
    observed = {key: np.ravel(values).astype(np.float64) for key, values in first.items()}
    null = {key: np.concatenate(values) for key, values in largest.items() if key in first}
    return _p_of(observed, null, two_sided), observed["t"]


def _p_of(observed: Mapping[str, Floats], null: Mapping[str, Floats], two_sided: bool) -> dict[str, Floats]:
    """Familywise p by nilearn's own counts."""
    kinds = {"t": VOXEL, "mass": MASS, "tfce": TFCE}
    p = {}
    for key, values in observed.items():
        # both tails have one distribution, of sizes; TFCE is signed then too
        sizes = np.abs(values) if two_sided or key == "tfce" else values
        n = len(null[key])
        below = np.searchsorted(np.sort(null[key]), sizes, side="left")
        if key == "mass":  # null_to_p, which never says 0 or 1
            p[kinds[key]] = np.clip(1 - below / n, 1 / n, 1 - 1 / n)
        else:
            p[kinds[key]] = (n + 1 - below) / (n + 1)
    return {kind: p[kind] for kind in KINDS if kind in p}


def _merged_parts(
    images: Images, test: _Test, mask: Mask, plan: PermutationPlan, advance: Callable[[], None]
) -> Counted:
    """The p of t with the voxels in parts: the permutations are the same in each, the largest t is of all."""
    t: list[Floats] = []
    largest = np.full(plan.n, -np.inf)
    for part in column_parts(images.shape, CHUNK_VALUES):
        if not mask[part].any():
            continue
        values = images[:, part][:, mask[part]]
        found = [_call(values, test, None, batch) for batch in plan.batches]
        t.append(np.ravel(found[0]["t"]))
        largest = np.maximum(largest, np.concatenate([np.ravel(each["h0_max_t"]) for each in found]))
    for _ in plan.batches:
        advance()
    observed = np.concatenate(t)
    return _p_of({"t": observed}, {"t": largest}, test.two_sided), observed
