"""Tables have both tails of t, each by the package's own p; a two-sided test gives each half of the error."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bidsglm.agreement.maps import BothMaps, FweThresholds, agreement
from bidsglm.backends import nilearn_inference, spm12_inference
from bidsglm.data import ContrastMaps, Volume
from bidsglm.model import ContrastSpecification
from bidsglm.spm.random_field import SearchVolume
from bidsglm.spm.thresholds import fwe_threshold

SHAPE = (12, 12, 12)
DOF = 20.0


def maps(seed: int, test: str = "t") -> ContrastMaps:
    """Noise with a peak at one end and a pit at the other."""
    rng = np.random.default_rng(seed)
    t = rng.standard_normal(SHAPE)
    t[2:4, 2:4, 2:5] += 7
    t[8:10, 8:10, 8:12] -= 7
    stat = t.ravel() if test == "t" else t.ravel() ** 2
    dof = (DOF,) if test == "t" else (1.0, DOF)
    p = stats.t.sf(stat, DOF) if test == "t" else stats.f.sf(stat, 1, DOF)
    z = stats.norm.isf(p)
    specification = ContrastSpecification("go", "go", ("go",), np.ones((1, 1)), test)
    return ContrastMaps(specification, (0,), stat, stat**2, stat, z, p, dof)


def rows(one: ContrastMaps, other: ContrastMaps, fwe: FweThresholds) -> dict[str, dict[str, object]]:
    inside = np.ones(one.stat.size, bool)
    coordinates = np.argwhere(np.ones(SHAPE)).astype(float)
    return {
        str(row["map"]): row for row in agreement(BothMaps(one, other, (inside, inside)), coordinates, fwe)
    }


def test_lower_tail_is_the_upper_tail_of_the_map_turned_round() -> None:
    def turned(found: ContrastMaps) -> ContrastMaps:
        p = stats.t.sf(-found.stat, DOF)
        return ContrastMaps(found.specification, (0,), None, None, -found.stat, -found.z, p, found.dof)

    one, other = maps(0), maps(1)
    fwe = FweThresholds(6.0, 5.5)
    row, other_row = rows(one, other, fwe)["t"], rows(turned(one), turned(other), fwe)["t"]
    for threshold in ("p001", "fdr05", "fwe05"):
        for column in ("dice", "jaccard", "n_spm", "n_nilearn"):
            assert row[f"{column}_lower_{threshold}"] == other_row[f"{column}_{threshold}"]
        assert int(str(row[f"n_spm_lower_{threshold}"])) > 0
    assert row["peak_distance_lower_mm"] == other_row["peak_distance_mm"]


@pytest.mark.parametrize("dof", [1.0, DOF, 1e12])
def test_lower_tail_counts_what_all_of_its_p_give(dof: float) -> None:
    one, other = (
        replace(each, stat=np.append(each.stat[:-2], [np.nan, -np.inf]), dof=(dof,))
        for each in (maps(0), maps(1))
    )
    row = rows(one, other, FweThresholds(6.0, 5.5))["t"]
    p = stats.t.cdf(one.stat, dof)
    known = p[~np.isnan(p)]
    assert row["n_spm_lower_p001"] == np.sum(known < 0.001) > 0
    assert row["n_spm_lower_fdr05"] == np.sum(stats.false_discovery_control(known) <= 0.05)


def test_f_has_one_tail() -> None:
    found = rows(maps(0, "F"), maps(1, "F"), FweThresholds(30.0, 30.0, two_sided=True))["F"]
    assert "dice_lower_p001" not in found
    assert found["n_spm_p001"] == int((maps(0, "F").p < 0.001).sum())


@pytest.mark.parametrize("two_sided", [False, True])
def test_thresholds_give_each_tail_its_part_of_the_error(two_sided: bool) -> None:
    one = maps(0)
    share = 0.5 if two_sided else 1.0
    volume = Volume(SHAPE, np.diag([3.0, 3, 3, 1]), np.ones(SHAPE, bool))
    search = SearchVolume(one.stat.size, (1.0, 12.0, 48.0, 64.0), (3.0, 3.0, 3.0))
    (spm,) = spm12_inference.infer([one], search, volume, two_sided).contrasts
    (nilearn,) = nilearn_inference.infer([one], np.ones(one.stat.size, bool), volume, two_sided).contrasts
    for found in (spm, nilearn):
        assert found.thresholds.p001 == pytest.approx(stats.t.isf(0.001 * share, DOF), rel=1e-6)
    bonferroni = stats.t.isf(0.05 * share / one.stat.size, DOF)
    assert nilearn.thresholds.fwe05 == pytest.approx(bonferroni, rel=1e-6)
    field = spm12_inference.Field("t", (DOF,))
    assert spm.thresholds.fwe05 == pytest.approx(fwe_threshold(field, search, 0.05 * share))
    row = rows(one, one, FweThresholds(spm.thresholds.fwe05, nilearn.thresholds.fwe05, two_sided))["t"]
    assert row["n_spm_p001"] == int((one.p < 0.001 * share).sum())
    assert row["n_spm_lower_p001"] == int((stats.t.cdf(one.stat, DOF) < 0.001 * share).sum())


@pytest.mark.parametrize("package", ["spm", "nilearn"])
def test_clusters_of_both_tails_are_listed_and_numbered_on(package: str) -> None:
    one = maps(0)
    volume = Volume(SHAPE, np.diag([3.0, 3, 3, 1]), np.ones(SHAPE, bool))
    search = SearchVolume(one.stat.size, (1.0, 12.0, 48.0, 64.0), (3.0, 3.0, 3.0))
    inside = np.ones(one.stat.size, bool)

    def listed(found: ContrastMaps) -> list[dict[str, object]]:
        if package == "spm":
            return [dict(row) for row in spm12_inference.infer([found], search, volume).contrasts[0].clusters]
        return [dict(row) for row in nilearn_inference.infer([found], inside, volume).contrasts[0].clusters]

    found = listed(one)
    turned = ContrastMaps(
        one.specification, (0,), None, None, -one.stat, -one.z, stats.t.sf(-one.stat, DOF), one.dof
    )
    lower = [row for row in found if row["tail"] == "lower"]
    expected = [row for row in listed(turned) if row["tail"] == "upper"]
    assert len(lower) == len(expected) > 0
    for row, other in zip(lower, expected, strict=True):
        assert row["stat"] == -float(str(other["stat"])) < 0
        assert row["cluster_voxels"] == other["cluster_voxels"]
        assert float(str(row["peak_p"])) == pytest.approx(float(str(other["peak_p"])), rel=1e-6)
    numbers = [str(row["cluster_id"]) for row in found]
    assert len(set(numbers)) == len(numbers)
