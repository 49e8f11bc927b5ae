"""Rows of the table of all pairs, by their definitions."""

import numpy as np
import pytest

from bidsglm.agreement.maps import BothMaps
from bidsglm.agreement.pairs import pair_rows
from bidsglm.data import ContrastMaps
from bidsglm.model import ContrastSpecification
from bidsglm.pairs import Pair

N = 200


def both(test: str = "t") -> BothMaps:
    rng = np.random.default_rng(0)
    rows = np.ones((1, 1)) if test == "t" else np.eye(2)
    names = ("go",) if test == "t" else ("go", "stop")
    contrast = ContrastSpecification("go", "go", names, rows, test)  # type: ignore[arg-type]
    shared = rng.standard_normal(N) * 3
    maps = []
    for scale in (2.0, 1.0):
        values = scale * shared + rng.standard_normal(N)
        p = rng.random(N) ** 8
        effect = values if test == "t" else None
        dof = (20.0,) if test == "t" else (2.0, 20.0)
        maps.append(ContrastMaps(contrast, (0,), effect, effect, np.abs(values) + 1, values - 1, p, dof))
    masks = np.arange(N) < 150, np.arange(N) >= 20
    return BothMaps(maps[0], maps[1], masks, Pair("fsl", "afni"))


def line(x: np.ndarray, y: np.ndarray) -> float:
    """Slope of the first principal axis."""
    values, vectors = np.linalg.eigh(np.cov(x, y))
    return float(vectors[1, values.argmax()] / vectors[0, values.argmax()])


def test_rows_are_of_the_voxels_of_both_masks_the_reference_on_the_x_axis() -> None:
    maps = both()
    first, reference, inside = maps.first, maps.reference, maps.masks[0] & maps.masks[1]
    rows = list(pair_rows(maps))
    assert [row["map"] for row in rows] == ["effect", "t", "z"]
    kinds = {"effect": "effect", "t": "stat", "z": "z"}
    for row in rows:
        y, x = (getattr(m, kinds[str(row["map"])])[inside] for m in (first, reference))
        assert (row["package"], row["reference"], row["n_both"]) == ("fsl", "afni", 130)
        assert row["pearson_r"] == pytest.approx(np.corrcoef(x, y)[0, 1])
        assert row["slope"] == pytest.approx(line(x, y))
        assert np.isnan(row["slope_percent"])
        assert np.isnan(row["dice_p001"]) == (row["map"] == "effect")
    one, other = ((m.p < 0.001) & mask for m, mask in zip((first, reference), maps.masks, strict=True))
    wanted = 2 * (one & other & inside).sum() / ((one & inside).sum() + (other & inside).sum())
    assert rows[1]["dice_p001"] == pytest.approx(wanted)
    assert [row["map"] for row in pair_rows(both("F"))] == ["F", "z"]


def test_slope_in_percent_takes_each_package_by_its_own_unit() -> None:
    maps = both()
    inside = maps.masks[0] & maps.masks[1]
    units = {"fsl": np.linspace(1, 3, N), "afni": np.linspace(5, 4, N)}
    # a voxel whose mean is not positive has no per cent
    units["fsl"][30], units["afni"][31] = 0.0, -1.0
    keep = inside & (units["fsl"] > 0) & (units["afni"] > 0)
    found = next(iter(pair_rows(maps, units)))["slope_percent"]
    assert maps.first.effect is not None
    assert maps.reference.effect is not None
    x, y = (maps.reference.effect[keep] / units["afni"][keep], maps.first.effect[keep] / units["fsl"][keep])
    wanted = line(x, y)
    assert found == pytest.approx(wanted)
    for lacking in ("fsl", "afni"):
        few = {name: unit for name, unit in units.items() if name != lacking}
        assert np.isnan(next(iter(pair_rows(maps, few)))["slope_percent"])


def dice_of(maps: BothMaps, limit: float) -> float:
    """Overlap of the voxels below a p, in both masks."""
    inside = maps.masks[0] & maps.masks[1]
    one, other = ((m.p < limit) & inside for m in (maps.first, maps.reference))
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_each_tail_of_t_has_half_of_the_error_where_both_are_tested() -> None:
    wide = both()
    assert dice_of(wide, 0.001) != dice_of(wide, 0.0005)
    for two_sided, limit in ((False, 0.001), (True, 0.0005)):
        (_, row, _) = pair_rows(wide, None, two_sided)
        assert row["dice_p001"] == pytest.approx(dice_of(wide, limit))
    for two_sided in (False, True):
        row, _ = pair_rows(both("F"), None, two_sided)
        assert row["dice_p001"] == pytest.approx(dice_of(both("F"), 0.001))
    assert [row["dice_p001"] for row in pair_rows(wide)][1] == pytest.approx(dice_of(wide, 0.001))
