"""What survives correction in a z map, by definitions reckoned out and nilearn's own functions."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from nilearn.glm import cluster_level_inference
from scipy import stats

from bidsglm.backends import afni_inference, nilearn_corrected, nilearn_inference
from bidsglm.backends.records import Corrected
from bidsglm.data import ContrastMaps, Volume
from bidsglm.model import ContrastSpecification, Mask

SHAPE = (8, 7, 6)
AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])


def scene(test: str = "t") -> tuple[ContrastMaps, Mask, Volume]:
    """A response in one corner and its negative in another, a hole in the mask."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal(SHAPE)
    z[:3, :3, :3] += 4.5
    z[5:, 4:, 3:] -= 4.5
    voxels = np.ones(SHAPE, bool)
    voxels[0, 0] = False
    volume = Volume(SHAPE, AFFINE, voxels)
    values = z[voxels].astype(np.float32).astype(np.float64)
    mask = np.ones(values.size, bool)
    mask[[4, 50]] = False
    values[4] = 30.0
    row = np.eye(1) if test == "t" else np.eye(2)
    names = ("go",) if test == "t" else ("go", "stop")
    dof = (1000.0,) if test == "t" else (2.0, 1000.0)
    specification = ContrastSpecification("c", "c", names, row, test)  # type: ignore[arg-type]
    effect = values if test == "t" else None
    maps = ContrastMaps(specification, (0,), effect, effect, values, values, stats.norm.sf(values), dof)
    return maps, mask, volume


def by_tail(
    maps: ContrastMaps, mask: Mask, volume: Volume, two_sided: bool
) -> dict[str, dict[int, tuple[np.ndarray, np.ndarray]]]:
    """Correction -> sign -> p and what survives, by definition."""
    share = 0.5 if two_sided else 1.0
    found: dict[str, dict[int, tuple[np.ndarray, np.ndarray]]] = {}
    for sign in (1, -1):
        z = sign * maps.z[mask]
        p, n = stats.norm.sf(z), z.size
        order = np.argsort(p)
        q = np.empty(n)
        least = 1.0
        for rank in range(n, 0, -1):
            least = min(least, p[order[rank - 1]] * n / rank)
            q[order[rank - 1]] = least
        image = np.zeros(SHAPE, np.float32)
        place = volume.voxels.copy()
        place[volume.voxels] = mask
        image[place] = z
        shares = cluster_level_inference(
            nib.Nifti1Image(image, AFFINE),
            nib.Nifti1Image(place.astype(np.uint8), AFFINE),
            threshold=stats.norm.isf(0.001 * share),
            alpha=0.05 * share,
        ).get_fdata()[place]
        corrected_p = np.minimum(p * n / share, 1), np.minimum(q / share, 1)
        found.setdefault("voxelFWE", {})[sign] = corrected_p[0], corrected_p[0] < 0.05
        found.setdefault("voxelFDR", {})[sign] = corrected_p[1], corrected_p[1] <= 0.05
        found.setdefault("clusterExtent", {})[sign] = shares, shares > 0
    return found


def found_by(backend: str, two_sided: bool, test: str = "t") -> tuple[dict[str, Corrected], Mask]:
    maps, mask, volume = scene(test)
    module = {"nilearn": nilearn_corrected, "afni": afni_inference}[backend]
    contrast = nilearn_inference.infer([maps], mask, volume, two_sided).contrasts[0]
    return {each.inference: each for each in module.corrected(maps, contrast, mask, volume, two_sided)}, mask


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("backend", ["nilearn", "afni"])
def test_corrections_are_their_definitions_in_each_tail(backend: str, two_sided: bool) -> None:
    found, mask = found_by(backend, two_sided)
    wanted = by_tail(*scene(), two_sided)
    kinds = ["voxelFWE", "voxelFDR", *["clusterExtent"] * (backend == "nilearn")]
    assert list(found) == kinds
    for kind in kinds:
        for sign, (values, passes) in wanted[kind].items():
            tail = "upper" if sign > 0 else "lower"
            np.testing.assert_allclose(found[kind].values[tail][mask], values, rtol=1e-6)
            survives = found[kind].significant[tail]
            np.testing.assert_array_equal(survives[mask], passes)
            assert passes.any()
            assert not survives[~mask].any()
        assert set(found[kind].values) == {"upper", "lower"}


def test_rules_say_what_each_correction_is() -> None:
    rules = [each.rule for each in found_by("nilearn", False)[0].values()]
    assert [rule.split()[0] for rule in rules] == ["Bonferroni", "Benjamini-Hochberg", "clusters"]


def test_f_has_one_tail_whatever_is_asked_for() -> None:
    one, two = (found_by("nilearn", two_sided, "F")[0] for two_sided in (False, True))
    for kind, each in one.items():
        assert list(each.significant) == list(two[kind].significant) == ["upper"]
        np.testing.assert_array_equal(each.significant["upper"], two[kind].significant["upper"])


def test_a_map_without_clusters_has_none() -> None:
    maps, mask, volume = scene()
    flat = replace(maps, z=np.full(mask.size, 0.5))
    contrast = nilearn_inference.infer([flat], mask, volume, False).contrasts[0]
    for each in nilearn_corrected.corrected(flat, contrast, mask, volume, False):
        assert not each.significant["upper"].any()


def test_afni_lists_one_peak_for_each_cluster() -> None:
    maps, mask, volume = scene()
    many, one = (module.infer([maps], mask, volume, True) for module in (nilearn_inference, afni_inference))
    rows, first = many.contrasts[0].clusters, one.contrasts[0].clusters
    assert [row for row in rows if str(row["cluster_id"]).isdigit()] == list(first)
    assert {row["tail"] for row in first} == {"upper", "lower"}
    facts = one.contrasts[0].facts
    assert facts["PeaksPerCluster"] == 1
    assert "PeakDistance" not in facts
    assert many.contrasts[0].facts["PeakDistance"] == 8.0
