"""Ladder and Shapley values: valid drawings that say what the table says."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from bidsglm.report.ladders import attribution_figures

from .reasons import broken_down

NAME = 'a > <b> & "c"'
SVG = "{http://www.w3.org/2000/svg}"
PIXEL = 0.11
"""Places are rounded to tenths."""


@pytest.mark.parametrize("test", ["t", "F"])
def test_figures_are_drawn_with_words(test):
    for figure in attribution_figures("go", NAME, broken_down(test)):
        root = ET.fromstring(figure.content)
        assert root.attrib["aria-label"].endswith(NAME)
        assert NAME in figure.alt
        assert figure.caption.endswith(".")
        texts = {element.text for element in root.iter(f"{SVG}text")}
        assert {f"{test}: RMSD", f"{test}: 1 − Dice"} <= texts


def bars(content: bytes) -> list[tuple[float, float]]:
    """Left and right ends, without the background."""
    found = re.findall(r"<rect x='([\d.]+)' y='[\d.]+' width='([\d.]+)'", content.decode())
    return [(float(x), float(x) + float(width)) for x, width in found]


def test_bars_follow_each_other_and_reach_the_total():
    only = [b for b in broken_down() if (b.map, b.metric) == ("t", "rmsd")]
    shapley, _ = attribution_figures("go", "go", only)
    *steps, total = bars(shapley.content)
    for (_, end), (start, _) in pairwise(steps):
        np.testing.assert_allclose(start, end, rtol=0, atol=PIXEL)
    np.testing.assert_allclose([steps[0][0], steps[-1][1]], total, rtol=0, atol=PIXEL)


def test_nothing_is_drawn_where_nothing_differs():
    assert attribution_figures("go", "go", ()) == ()
    assert attribution_figures("go", "go", [replace(b, total=0.0) for b in broken_down()]) == ()


def test_numbers_stand_behind_bars_and_marks_and_names_in_front() -> None:
    for figure in attribution_figures("go", "go", broken_down()):
        root = ET.fromstring(figure.content)
        marks = [
            (float(bar.attrib["y"]) + 8, float(bar.attrib["x"]), float(bar.attrib["width"]))
            for bar in root.iter(f"{SVG}rect")
        ]
        marks += [
            (float(dot.attrib["cy"]), float(dot.attrib["cx"]), float(dot.attrib["r"]))
            for dot in root.iter(f"{SVG}circle")
        ]
        assert marks
        for text in root.iter(f"{SVG}text"):
            x, middle = float(text.attrib["x"]), float(text.attrib["y"]) - 4
            # of the drawings beside each other, those of the text's own row that reach to where it stands
            near = [
                (start, size) for y, start, size in marks if abs(y - middle) < 1 and start <= x < start + size
            ]
            assert not near, text.text


def test_what_is_said_of_a_step_that_costs_nothing_stands_behind_the_zero_line() -> None:
    found = 0
    for figure in attribution_figures("go", "go", broken_down()):
        root = ET.fromstring(figure.content)
        upright = [float(a["x1"]) for a in (e.attrib for e in root.iter(f"{SVG}line")) if a["x1"] == a["x2"]]
        for text in root.iter(f"{SVG}text"):
            if text.attrib.get("font-style") == "italic" and text.text in ("same", "0"):
                nearest = min(upright, key=lambda x, at=float(text.attrib["x"]): abs(x - at))
                assert 0 < float(text.attrib["x"]) - nearest < 10
                found += 1
    assert found
