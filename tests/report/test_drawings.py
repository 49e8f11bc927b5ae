"""Every drawing of the pages: what is drawn lies inside it, and no two texts stand in one place."""

import math
import re
import xml.etree.ElementTree as ET
from collections import Counter

import pytest

from bidsglm.report.designs import design_figure
from bidsglm.report.figures import contrast_figures
from bidsglm.report.group_html import group_page
from bidsglm.report.ladders import attribution_figures

from .group_records import group_report, group_unit
from .reasons import broken_down
from .records import designs, diagnosis_report, volumes
from .region_records import group_regions

EDGE = 1.0
"""Pixels that a line's width or rounding may reach beyond"""
NUMBER = r"-?\d*\.?\d+(?:e-?\d+)?"
TURNED = re.compile(rf"rotate\(({NUMBER})[ ,]+({NUMBER})[ ,]+({NUMBER})\)")
Point = tuple[float, float]


def drawings_of(page: str) -> list[ET.Element]:
    """Drawings with a size, without what their names stand for."""
    found = re.findall(r"<svg\b.*?</svg>", page, re.DOTALL)
    roots = [ET.fromstring(re.sub(r"&(?!\w+;|#)", "&amp;", each)) for each in found]
    return [root for root in roots if "viewBox" in root.attrib]


@pytest.fixture(scope="module")
def drawings() -> list[ET.Element]:
    regions = group_regions(("go", "stop"))
    found = drawings_of(group_page(group_report(group_unit(12, ("go", "stop"), regions=regions))))
    figures = [*contrast_figures(volumes()), design_figure(designs(), "run-1"), *diagnosis_report().figures]
    figures += attribution_figures("go", "go", broken_down())
    found += [ET.fromstring(figure.content) for figure in figures]
    assert len(found) > 15
    return found


def local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def points(element: ET.Element) -> list[Point]:
    """Corners and ends of an element."""
    at = element.attrib
    kind = local(element)
    if kind == "text":
        return [turned((float(at["x"]), float(at["y"])), at.get("transform", ""))]
    if kind == "line":
        return [(float(at[f"x{i}"]), float(at[f"y{i}"])) for i in (1, 2)]
    if kind in ("rect", "image"):
        x, y, width, height = (float(at.get(name, 0)) for name in ("x", "y", "width", "height"))
        assert min(width, height) >= 0
        return [(x, y), (x + width, y + height)]
    if kind == "circle":
        x, y, r = float(at["cx"]), float(at["cy"]), float(at["r"])
        return [(x - r, y - r), (x + r, y + r)]
    if kind in ("polyline", "polygon"):
        values = [float(value) for value in re.findall(NUMBER, at["points"])]
        return list(zip(values[::2], values[1::2], strict=True))
    if kind == "path" and "transform" not in at and re.fullmatch(r"[MLZ\d\s.,-]*", at["d"]):
        values = [float(value) for value in re.findall(NUMBER, at["d"])]
        return list(zip(values[::2], values[1::2], strict=True))
    return []


def turned(point: Point, transform: str) -> Point:
    found = TURNED.fullmatch(transform)
    if found is None:
        return point
    angle, x, y = (float(value) for value in found.groups())
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    dx, dy = point[0] - x, point[1] - y
    return x + cos * dx - sin * dy, y + sin * dx + cos * dy


def test_what_is_drawn_lies_inside_its_drawing(drawings: list[ET.Element]) -> None:
    n_points = 0
    for drawing in drawings:
        left, top, width, height = (float(value) for value in drawing.attrib["viewBox"].split())
        assert min(width, height) > 0
        for element in drawing.iter():
            if local(element) == "svg":
                continue
            for x, y in points(element):
                n_points += 1
                inside = left - EDGE <= x <= left + width + EDGE and top - EDGE <= y <= top + height + EDGE
                assert inside, (
                    drawing.attrib.get("aria-label"),
                    local(element),
                    element.attrib,
                    element.text,
                )
    assert n_points > 500


def test_no_two_texts_stand_in_one_place(drawings: list[ET.Element]) -> None:
    for drawing in drawings:
        texts = [
            (element.attrib["x"], element.attrib["y"], element.attrib.get("transform", ""))
            for element in drawing.iter()
            if local(element) == "text"
        ]
        (twice, times), *_ = Counter(texts).most_common(1) or [(None, 1)]
        assert times == 1, (drawing.attrib.get("aria-label"), twice)


def test_every_drawing_has_its_words_for_those_who_cannot_see_it(drawings: list[ET.Element]) -> None:
    for drawing in drawings:
        assert drawing.attrib.get("aria-label") or drawing.attrib.get("aria-hidden") == "true"
