"""Plots of regions are sound SVG and put every mark where its value is."""

import math
import re
from xml.etree import ElementTree

import pytest

from bidsglm.report.roi_plots import (
    LABEL,
    RIGHT,
    WIDTH,
    RegionDifference,
    RegionPair,
    differences_svg,
    dots_svg,
    shortened,
)

SVG = "{http://www.w3.org/2000/svg}"


def pairs() -> list[RegionPair]:
    return [
        RegionPair("hand", {"spm": 2.0, "nilearn": -1.0}, "hand: here", changed=True),
        RegionPair("a <b>", {"spm": 0.0, "nilearn": math.nan}, "a <b>: there"),
        RegionPair("air", {"spm": math.nan, "nilearn": math.nan}, "air: n/a"),
    ]


def places(text: str, kind: str) -> list[float]:
    """Places along x of the marks of a backend, without the legend's."""
    pattern = r'class="spm" cx="([-\d.]+)"' if kind == "spm" else r'class="nilearn" d="M([-\d.]+) '
    return [float(found) for found in re.findall(pattern, text)][1:]


def test_a_line_for_each_region_with_the_marks_of_both() -> None:
    text = dots_svg(pairs(), "z", 1.96)
    root = ElementTree.fromstring(text)
    titles = [title.text for title in root.iter(f"{SVG}title")]
    assert titles == ["hand: here", "a <b>: there", "air: n/a"]
    assert len(places(text, "spm")) == 2
    assert len(places(text, "nilearn")) == 1
    assert [link.get("class") for link in root.iter(f"{SVG}a")] == ["changed", None, None]


def test_marks_stand_in_proportion_to_their_values() -> None:
    text = dots_svg(pairs(), "z", 1.96)
    spm, (nilearn,) = places(text, "spm"), places(text, "nilearn")
    two, zero = spm
    assert LABEL < nilearn < zero < two < WIDTH - RIGHT
    assert (two - zero) / (zero - nilearn) == pytest.approx(2, rel=0.01)
    limits = [float(x) for x in re.findall(r'class="limit" d="M([\d.]+) ', text)]
    assert (limits[0] - zero) / (two - zero) == pytest.approx(0.98, rel=0.01)
    assert limits[1] == pytest.approx(2 * zero - limits[0], abs=0.2)


def test_differences_stand_at_mean_and_bias_with_their_limits() -> None:
    known = [
        RegionDifference(1.0, 0.5, 0.1, 0.9, "a: x"),
        RegionDifference(2.0, -0.5, math.nan, math.nan, "b: y", True),
    ]
    text = differences_svg([*known, RegionDifference(math.nan, math.nan, 0, 0, "c: z")], "%", "A − B")
    marks = [(float(x), float(y)) for x, y in re.findall(r'class="bias" cx="([\d.]+)" cy="([\d.]+)"', text)]
    (first, up), (second, down) = marks
    assert first < second
    assert up < down, "up is positive"
    assert text.count('class="join"') == 1


@pytest.mark.parametrize("value", [0.0, 5.0, -1e-9, 1e9])
def test_one_value_alone_has_an_axis(value: float) -> None:
    ElementTree.fromstring(dots_svg([RegionPair("a", {"spm": value}, "a")], "t"))
    ElementTree.fromstring(
        differences_svg([RegionDifference(value, value, math.nan, math.nan, "a")], "%", "A − B")
    )


def test_long_names_keep_both_ends() -> None:
    assert shortened("short") == "short"
    long = shortened("7Networks_LH_Default_PFCdPFCm_13")
    assert len(long) == 25
    assert long.startswith("7Networks")
    assert long.endswith("FCm_13")
