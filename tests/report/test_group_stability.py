"""The verdict says whether the package changes more than one participant does."""

import re
from typing import Any

import pytest

from bidsglm.packages import PACKAGES
from bidsglm.pairs import Pair
from bidsglm.report.group_stability import GroupStability
from bidsglm.report.stability_figure import WIDTH, stability_svg

KEYS = ("lowest", "lower_quartile", "median", "upper_quartile", "highest")


def row(
    contrast: str, resampling: str, compared: str, median: float, lowest: float, n: int = 12
) -> dict[str, Any]:
    values = dict(zip(KEYS, (lowest, (lowest + median) / 2, median, median, median), strict=True))
    cells = {
        f"{name}_{key}": value for name in ("r", "dice_p001", "dice_fwe05") for key, value in values.items()
    }
    cells |= {f"peak_distance_mm_{key}": 0.0 for key in KEYS}
    return {
        "contrast_name": contrast,
        "label": contrast,
        "resampling": resampling,
        "compared": compared,
        "n": n,
        "n_same": n,
        "n_dice_p001": n,
        "farthest": "sub-03" if resampling == "leave-one-out" else None,
        **cells,
    }


def found(contrast: str, between: float) -> list[dict[str, Any]]:
    return [
        row(contrast, "everybody", "packages", between, between, n=1),
        row(contrast, "leave-one-out", "spm", 0.9, 0.7),
        row(contrast, "leave-one-out", "nilearn", 0.8, 0.4),
    ]


@pytest.mark.parametrize(
    ("between", "said"),
    [
        (0.95, "less than leaving out a typical participant does"),
        (0.85, "more than a typical participant, but less than the most influential one"),
        (0.6, "more than leaving out any one participant does"),
    ],
)
def test_packages_stand_beside_one_participant_in_the_package_that_changes_less(
    between: float, said: str
) -> None:
    sentence = GroupStability(tuple(found("go", between)), "t.tsv").sentence
    assert sentence.endswith(f"{said}.")
    assert "a Dice (p < 0.001, both tails) of 0.90 (median; lowest 0.70, without sub-03)" in sentence
    assert f"at {between:.2f}" in sentence


def test_several_contrasts_are_counted() -> None:
    rows = [*found("a", 0.95), *found("b", 0.99), *found("c", 0.1)]
    sentence = GroupStability(tuple(rows), "t.tsv").sentence
    assert "in 2 of 3 contrasts the choice of package changes less" in sentence
    assert "in 1 of 3 contrasts the choice of package changes more than leaving out any one" in sentence


def test_correlation_speaks_where_no_voxel_passes() -> None:
    rows = [{**each, "n_dice_p001": 1} for each in found("go", 0.95)]
    stable = GroupStability(tuple(rows), "t.tsv")
    assert "a correlation (z maps) of 0.90" in stable.sentence
    assert stability_svg(stable) == ""


def test_one_package_is_told_without_the_other() -> None:
    stable = GroupStability((row("go", "leave-one-out", "spm", 0.9, 0.7),), "t.tsv")
    assert stable.sentence.endswith("(median; lowest 0.70, without sub-03).")
    assert stability_svg(stable).count("<g stroke") == 1
    assert "two packages" not in stability_svg(stable)


def test_figure_has_a_mark_for_each_package_and_for_their_overlap() -> None:
    svg = stability_svg(GroupStability(tuple(found("a <b>", 0.95)), "t.tsv"))
    assert svg.count("<g stroke") == 2
    assert svg.count('class="between"') == 1
    assert "a &lt;b&gt;" in svg


def test_page_stays_small_with_many_contrasts() -> None:
    rows = [each for i in range(200) for each in found(f"contrast {i}", 0.95)]
    stable = GroupStability(tuple(rows), "t.tsv")
    assert len(stable.lines) == 60
    assert stability_svg(stable).count('class="between"') == 12


def test_correlation_speaks_where_one_of_few_participants_is_a_large_share_of_the_degrees_of_freedom() -> (
    None
):
    rows = found("go", 0.95)
    few = GroupStability(tuple(each | {"n": 4, "n_dice_p001": 4} for each in rows), "t.tsv")
    assert few.few
    assert "a correlation (z maps) of 0.90" in few.sentence
    many = GroupStability(tuple(each | {"n": 10, "n_dice_p001": 10} for each in rows), "t.tsv")
    assert "a Dice (p < 0.001, both tails) of" in many.sentence


def test_the_legend_of_many_packages_ends_inside_the_figure() -> None:
    alone = [row("go", "leave-one-out", name, 0.9, 0.7) for name in PACKAGES]
    pairs = tuple(Pair(name, "nilearn") for name in PACKAGES if name != "nilearn")
    between = [row("go", "everybody", pair.label, 0.9, 0.9, n=1) for pair in pairs]
    drawn = stability_svg(GroupStability((*alone, *between), "t.tsv", pairs=pairs))
    ((start, words),) = re.findall(r'<text x="([\d.]+)" y="16">(with nilearn, everybody)</text>', drawn)
    assert float(start) + 6.5 * len(words) <= WIDTH
