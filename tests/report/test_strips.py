"""Strip plots: every participant is there once, named, linked, apart from its neighbours."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from bidsglm.report.strips import WIDTH, Point, Strip, axes, shown_points, strips_svg
from bidsglm.report.swarm import BAND, SMALLEST, swarm

SVG = "{http://www.w3.org/2000/svg}"


def strip(values, title="go", outliers=(), interval=None) -> Strip:
    points = tuple(
        Point(f"sub-{i:02d}", v, f"sub-{i:02d}.html#u", i in outliers) for i, v in enumerate(values)
    )
    return Strip(title, points, interval)


def marks(text: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(text).findall(f".//{SVG}a")


def test_every_participant_has_one_named_and_linked_mark():
    found = marks(strips_svg(axes()["slope"], [strip([0.8, 1.2, 0.9])]))
    assert [mark.find(f"{SVG}title").text for mark in found] == [
        "sub-00: 0.800",
        "sub-02: 0.900",
        "sub-01: 1.200",
    ]
    assert found[0].get("href") == "sub-00.html#u"


def test_outlying_participants_have_another_shape_and_say_so():
    found = marks(strips_svg(axes()["slope"], [strip([0.8, 1.2, 0.9], outliers={1})]))
    shapes = [mark[-1].tag.removeprefix(SVG) for mark in found]
    assert shapes == ["circle", "circle", "path"]
    assert found[2].find(f"{SVG}title").text == "sub-01: 1.200, outlying"


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5], [1.0, 1.0], [-3e5, 2e6], [1e-9, 2e-9]])
def test_marks_stay_inside_the_plot_and_the_ideal_value_too(values):
    text = strips_svg(axes()["slope"], [strip(values)])
    places = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', text)]
    assert len(places) == len(values)
    assert all(0 < x < WIDTH for x in places)
    ideal = float(re.search(r'class="ideal"[^>]* d="M([\d.]+)', text).group(1))
    assert 0 < ideal < WIDTH


def test_larger_values_stand_further_right():
    text = strips_svg(axes()["pearson_r"], [strip([0.9, 0.2, 0.5])])
    places = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', text)]
    assert places == sorted(places)
    assert len(set(places)) == 3


@pytest.mark.parametrize(
    "places", [np.full(19, 100.0), np.linspace(50, 60, 30), np.array([78.9, 79.0, 79.2])]
)
def test_no_mark_hides_another_while_there_is_room(places):
    offsets, radius = swarm(places)
    across, up = places[:, None] - places, offsets[:, None] - offsets
    apart = np.hypot(across, up)[~np.eye(len(places), dtype=bool)]
    assert apart.min() >= 2 * radius - 1e-9
    assert np.abs(offsets).max() + radius <= BAND / 2


def test_a_crowd_stays_in_its_band():
    offsets, radius = swarm(np.sort(np.random.default_rng(1).normal(200, 20, size=3000)))
    assert radius >= SMALLEST
    assert np.abs(offsets).max() + radius <= BAND / 2


def test_undefined_values_are_left_out_of_marks_and_median():
    text = strips_svg(axes()["slope"], [strip([0.8, float("nan"), 0.9, 0.7])])
    assert len(marks(text)) == 3
    assert "median 0.800" in text


def test_interval_of_the_median_is_written():
    text = strips_svg(axes()["slope"], [strip([0.8, 0.9], interval=(0.75, 0.95))])
    assert "median 0.850 [0.750, 0.950]" in text


def test_of_too_many_the_outlying_and_both_ends_are_drawn():
    points = strip(np.linspace(0, 1, 1000), outliers={123}).known
    kept = shown_points(points, 100)
    assert 100 <= len(kept) <= 101
    assert {points[0], points[123], points[-1]} <= set(kept)


def test_names_are_text_and_long_ones_are_cut_but_kept():
    name = '<script>alert("x")</script> & a very long name of a contrast'
    text = strips_svg(axes()["slope"], [strip([0.8], title=name)])
    root = ElementTree.fromstring(text)
    assert not root.findall(f".//{SVG}script")
    assert name in [title.text for title in root.iter(f"{SVG}title")]


def test_ticks_do_not_run_into_each_other():
    for values in ([0.98661, 0.98663], [1234567.0, 2345678.0], [-0.5, 0.5]):
        text = strips_svg(axes()["slope"], [strip(values)])
        found = re.findall(
            r'class="soft"[^>]* x="([\d.]+)" y="[\d.]+" text-anchor="middle"[^>]*>([^<]+)<', text
        )
        for (left, one), (right, two) in pairwise(found):
            # seven units are more than a digit of eleven takes
            assert float(right) - float(left) > 7 * (len(one) + len(two)) / 2
