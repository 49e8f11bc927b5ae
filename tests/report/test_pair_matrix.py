"""Every package beside every other in small matrices, on the page and in the numbers."""

import math

import numpy as np
import pytest

from bidsglm.agreement.maps import BothMaps, agreement
from bidsglm.agreement.pairs import pair_rows
from bidsglm.data import ContrastMaps
from bidsglm.model import ContrastSpecification, Floats
from bidsglm.pairs import DEFAULT_PAIR, Pair, every_pair, pairs_of
from bidsglm.report.pair_matrix import pair_matrices
from bidsglm.report.rendering import environment

from ..test_further_package import third  # noqa: F401

GO = ContrastSpecification("go", "go", ("go",), np.ones((1, 1)))


def maps(effect: Floats, stat: Floats) -> ContrastMaps:
    p = np.where(stat > 3.1, 1e-4, 0.5)
    return ContrastMaps(GO, (0,), effect, effect**2, stat, stat, p, (100.0,))


def both(rng: np.random.Generator, pair: Pair = DEFAULT_PAIR) -> BothMaps:
    effect, stat = rng.normal(size=(2, 60))
    other = maps(100 * effect, 5 * stat + rng.normal(size=60))
    inside = np.ones(60, bool)
    return BothMaps(maps(effect, 5 * stat), other, (inside, inside), pair)


def row(package: str, reference: str, name: str = "t", **values: float) -> dict[str, str | int | float]:
    return {"map": name, "package": package, "reference": reference, **values}


def test_numbers_of_a_pair_are_those_of_the_agreement_table() -> None:
    found = both(np.random.default_rng(1))
    rows = {str(r["map"]): r for r in pair_rows(found) if r["map"] != "z"}
    for full in agreement(found, np.zeros((60, 3))):
        if full["map"] in rows:
            short = rows[str(full["map"])]
            assert [short[key] for key in ("n_both", "pearson_r", "slope")] == [
                full[key] for key in ("n_both", "pearson_r", "slope")
            ]
            np.testing.assert_equal(short["dice_p001"], full["dice_p001"])


def test_slopes_in_percent_do_not_hang_on_units() -> None:
    found = both(np.random.default_rng(2))
    units = {"spm": np.full(60, 1.0), "nilearn": np.full(60, 100.0)}
    effect = next(pair_rows(found, units))
    assert effect["slope"] == pytest.approx(0.01)
    assert effect["slope_percent"] == pytest.approx(1.0)
    assert math.isnan(float(next(pair_rows(found, {"spm": units["spm"]}))["slope_percent"]))


def test_every_pair_of_four_is_compared_once_the_reference_first(third: str) -> None:  # noqa: F811
    pairs = every_pair(["spm", "nilearn", third])
    assert pairs == (Pair("spm", "nilearn"), Pair(third, "nilearn"), Pair("spm", third))
    assert pairs_of(["spm", "nilearn", third], "spm") == (DEFAULT_PAIR, Pair(third, "spm"))
    assert {frozenset(p) for p in every_pair(["spm", "nilearn", third], "spm")} == {
        frozenset(p) for p in pairs
    }


def test_a_matrix_has_medians_and_turns_slopes_round(third: str) -> None:  # noqa: F811
    rows = [row("spm", "nilearn", pearson_r=r, dice_p001=0.6, slope=1.0) for r in (0.5, 0.99, 0.97)] + [
        row("spm", third, "effect", pearson_r=0.9, slope=4.0)
    ]
    stat, effect = pair_matrices(rows, {"spm": "mm", third: "cm"})
    lower, upper = stat.cell("nilearn", "spm"), stat.cell("spm", "nilearn")
    assert lower is not None
    assert (lower.text, lower.look) == ("0.970", "near")
    assert upper is not None
    assert (upper.text, upper.look) == ("0.60", "apart")
    slope = effect.cell("spm", third)
    assert slope is not None
    assert slope.text == "4.00"
    turned = pair_matrices([row(third, "spm", "effect", slope=4.0, slope_percent=2.0)])[0]
    assert turned.cell("spm", third).text == "0.500"  # type: ignore[union-attr]
    assert "SPM's in mm, Third's in cm" in effect.note
    assert stat.cell("spm", "spm") is None
    assert pair_matrices([]) == ()


def test_a_matrix_is_a_table_with_headings(third: str) -> None:  # noqa: F811
    found = pair_matrices([row(third, "nilearn", pearson_r=0.2, dice_p001=0.1)])
    template = environment().from_string(
        '{% import "matrix.html" as m with context %}{{ m.matrices(found, "") }}'
    )
    page = template.render(found=found)
    assert page.count('scope="row"') == page.count('scope="col"') == 2
    assert 'class="number far" title="Third and nilearn: r = 0.200">0.200' in page
