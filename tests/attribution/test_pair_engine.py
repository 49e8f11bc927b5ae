"""Any two packages' difference by steps, on models whose mixtures are reckoned out."""

from dataclasses import replace
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest

from bidsglm.attribution.engine import Explanation
from bidsglm.attribution.mixture_fits import MixtureFits
from bidsglm.attribution.models import ContrastPair, Masks
from bidsglm.attribution.pair_engine import (
    CLOSES,
    PairEvidence,
    estimable_everywhere,
    mixture_of,
    mixtures_to_fit,
    pair_explanation,
)
from bidsglm.attribution.runs import StatMaps
from bidsglm.attribution.sides import Mixture, PairModels
from bidsglm.attribution.sizes import MOST_VALUES, Work, work
from bidsglm.attribution.steps import Step
from bidsglm.attribution.voxelnoise import TruncatedAR1
from bidsglm.data import ContrastMaps
from bidsglm.model import Floats
from bidsglm.pairs import Pair
from tests.attribution import mixed

NAMES = ("scaling", "regressors", "filter", "runs")
PAIR = Pair("fsl", "nilearn")
STEPS = tuple(Step(name, "a", "b", False) for name in NAMES)
FAR = 7
"""Places of the maps before the voxels that are explained"""


def models() -> PairModels:
    """FSL and nilearn, whose noise models are one and whose columns are in double precision."""
    pair = mixed.models(mixed.fsl())
    one, other = pair.sides
    return replace(pair, sides=(one, replace(other, noise=one.noise, derivative=False)))


def as_image(maps: StatMaps, index: int, factor: float = 1.0) -> ContrastMaps:
    """Maps of a whole brain, the explained voxels last."""
    wide = [np.concatenate([np.linspace(-90, 90, FAR), factor * maps.stat])]
    effect = None if maps.effect is None else np.concatenate([np.linspace(-9, 9, FAR), factor * maps.effect])
    nothing: Floats = np.zeros(FAR + mixed.N_VOXELS)
    specification = mixed.PLANS[index].specification
    return ContrastMaps(specification, (0, 1), effect, nothing, wide[0], nothing, nothing, maps.dof)


def explained(pair: PairModels, factor: float = 1.0, **more: Any) -> Explanation:
    fits = MixtureFits(pair)
    ends = [fits.own_maps(side) for side in (0, 1)]
    contrasts = tuple(
        ContrastPair(as_image(ends[0][i], i), as_image(ends[1][i], i, factor)) for i in range(2)
    )
    inside = np.ones(FAR + mixed.N_VOXELS, dtype=bool)
    one = inside.copy()
    one[:3] = False
    columns = np.arange(FAR, FAR + mixed.N_VOXELS)
    evidence = PairEvidence(PAIR, contrasts, Masks(one, inside), columns, **more)
    return pair_explanation(pair, STEPS, evidence, ["a note"])


def rows_of(found: Explanation, kind: str, metric: str) -> dict[str, dict[str, Any]]:
    return {str(row["step"]): row for row in found.rows if (row["map"], row["metric"]) == (kind, metric)}


@pytest.mark.parametrize("kind", ["effect", "t"])
def test_shares_are_means_over_all_orders_and_rungs_follow_one(kind: str) -> None:
    pair = models()
    found = rows_of(explained(pair), kind, "rmsd")
    values = {}
    for taken in product((0, 1), repeat=len(NAMES)):
        maps = mixed.by_hand(pair, mixture_of((*NAMES, *OTHERS), (*taken, *[1] * len(OTHERS))))
        values[taken] = maps.effect if kind == "effect" else maps.t
    start = values[(0,) * len(NAMES)]
    distance = {taken: float(np.sqrt(((each - start) ** 2).mean())) for taken, each in values.items()}
    shares = dict.fromkeys(NAMES, 0.0)
    for order in permutations(range(len(NAMES))):
        taken = [0] * len(NAMES)
        for i in order:
            before = distance[tuple(taken)]
            taken[i] = 1
            shares[NAMES[i]] += (distance[tuple(taken)] - before) / 24
    for i, name in enumerate(NAMES):
        rung = distance[tuple([1] * (i + 1) + [0] * (len(NAMES) - i - 1))]
        assert float(found[name]["shapley"]) == pytest.approx(shares[name], abs=1e-4 * max(distance.values()))
        assert float(found[name]["ladder"]) == pytest.approx(rung, rel=1e-4)
        assert float(found[name]["total"]) == pytest.approx(distance[(1,) * len(NAMES)], rel=1e-4)


OTHERS = ("smoother", "censoring", "noise", "confounds", "contrast", "onsets", "durations")
"""Steps that are not among those of the analysis: at the other package's"""


def test_what_is_said_beside_the_rows() -> None:
    found = explained(with_same_series())
    assert found.closes
    assert (found.n_sample, found.n_voxels, found.n_uncertain) == (
        mixed.N_VOXELS,
        FAR + mixed.N_VOXELS - 3,
        0,
    )
    assert (found.notes, found.pair, found.in_blocks) == (("a note",), PAIR, False)
    assert {row["map"] for row in found.rows} == {"effect", "t", "F", "z", "mask"}
    assert float(rows_of(found, "mask", "voxels in one mask only")["mask"]["total"]) == 3
    few = explained(with_same_series(), kinds=("effect", "F"), in_blocks=True)
    # the z and the mask of a t stay away with it
    assert {(row["contrast"], row["map"]) for row in few.rows} == {
        ("difference", "effect"),
        ("any", "F"),
        ("any", "z"),
        ("any", "mask"),
    }
    assert few.in_blocks


def with_same_series() -> PairModels:
    """Both packages fit the same series, so that the steps are all there is."""
    pair = models()
    one, other = pair.sides
    runs = tuple(
        replace(b, series=a.series, stored=a.series * b.factors)
        for a, b in zip(one.runs, other.runs, strict=True)
    )
    return replace(pair, sides=(one, replace(other, runs=runs)))


@pytest.mark.parametrize(("share", "closes"), [(0.9, True), (1.1, False)])
def test_closure_is_the_largest_distance_over_the_range_of_the_whole_map(share: float, closes: bool) -> None:
    pair = with_same_series()
    own = MixtureFits(pair).own_maps(1)
    t = own[0].stat
    # the maps are 180 from end to end, and effects and F are smaller against their ranges
    worst = max(
        float(np.abs(m).max()) / float(np.ptp(np.concatenate([m, [-e, e]])))
        for m, e in ((t, 90.0), (own[1].stat, 90.0), (own[0].effect, 9.0))
        if m is not None
    )
    found = explained(pair, 1 + share * CLOSES["fsl"] / worst)
    assert found.closes == closes
    row = rows_of(found, "t", "rmsd")["filter"]
    off = share * CLOSES["fsl"] / worst * float(np.abs(t).max())
    assert float(row["closure_fsl"]) == pytest.approx(off / max(180, float(np.ptp(t))), rel=1e-3)
    assert float(row["closure_nilearn"]) == 0


def test_a_voxel_whose_bin_rounding_decides_is_counted_and_left_out_of_the_closure() -> None:
    pair = with_same_series()
    one, other = pair.sides
    spoilt = one.runs[0].stored.copy()
    spoilt[:, 2] = 0
    runs = (replace(one.runs[0], stored=spoilt), *one.runs[1:])
    pair = replace(pair, sides=(replace(one, noise=TruncatedAR1(), runs=runs), other))
    assert explained(pair).n_uncertain == 1


def test_mixtures_are_counted_by_what_needs_a_fit() -> None:
    # factors and sums over runs cost none: regressors and filter are left
    assert mixtures_to_fit(models(), STEPS) == 4
    # a joint regression is one fit more for each, on data of either scale
    afni = mixed.models(mixed.afni())
    assert mixtures_to_fit(afni, STEPS) == 4 + 8


def test_a_contrast_needs_its_columns_in_every_run_of_every_mixture() -> None:
    pair = models()
    assert estimable_everywhere(pair, ("regressors", "filter")) == (True, True)
    one, other = pair.sides
    broken = other.runs[1].regressors
    same = broken._replace(matrix=np.repeat(broken.matrix[:, :1], 2, axis=1))
    runs = (other.runs[0], replace(other.runs[1], regressors=same))
    wrong = replace(pair, sides=(one, replace(other, runs=runs)))
    assert estimable_everywhere(wrong, ("regressors",)) == (False, False)
    # a contrast that leaves the run out does not need it
    first = replace(mixed.PLANS[0], runs=(0,))
    assert estimable_everywhere(replace(wrong, plans=(first, mixed.PLANS[1])), ("regressors",)) == (
        True,
        False,
    )
    renamed = (other.runs[0], replace(other.runs[1], regressors=broken._replace(names=("go", "gone"))))
    unknown = replace(pair, sides=(one, replace(other, runs=renamed)))
    assert estimable_everywhere(unknown, ("regressors",)) == (False, False)


def test_steps_that_are_not_named_are_at_the_other_packages() -> None:
    mixture = mixture_of(("noise", "regressors"), (0, 0))
    at_reference = {name for name, value in mixture._asdict().items() if not value}
    assert at_reference == {"noise", "response", "events", "sampling"}
    assert mixture_of((), ()) == Mixture(*(1,) * len(Mixture._fields))


@pytest.mark.parametrize(
    ("mixtures", "scans", "available", "wanted"),
    [
        # 400 million values: 2000 voxels of 1000 mixtures of 200 scans are exactly as many
        (1000, 200, 50_000, 2000),
        (1000, 201, 50_000, MOST_VALUES // 201_000),
        (10, 200, 50_000, 2000),
        # a small mask is explained on all of it
        (1000, 20_000, 20, 300),
        (1000, 20_000, 21, 20),
        (1000, 200, 2000, 2000),
        (10**6, 10**6, 5, 0),
    ],
)
def test_sample_is_what_can_be_afforded(mixtures: int, scans: int, available: int, wanted: int) -> None:
    assert work(mixtures, scans, available) == Work(mixtures, scans, wanted)


def test_fewer_than_300_voxels_are_refused_with_the_numbers() -> None:
    assert Work(1, 1, 300).too_much == ""
    text = Work(64, 12_345, 299).too_much
    assert text.startswith("64 mixtures of settings would be fitted for 12,345 scans")
    assert text.endswith(
        "the limit of 400,000,000 values (mixtures x scans x voxels) that leaves 299"
        " voxels, and shares need 300"
    )
