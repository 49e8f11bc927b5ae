"""A further package is a row of the table, a module and its numerics: all else takes it as it comes."""

from dataclasses import replace

import pytest

from bidsglm.backends import BACKENDS, backend
from bidsglm.model import ModelSpecification
from bidsglm.outputs.unit_tables import AGREEMENT, agreement_schema
from bidsglm.packages import PACKAGES, Package, colour, in_order, title, titles
from bidsglm.pairs import Pair, pairs_of
from bidsglm.report.attribution import settings
from bidsglm.report.breakdowns import breakdowns
from bidsglm.report.ladders import attribution_figures
from bidsglm.report.maps import maps_figure, masks_figure
from bidsglm.report.rendering import environment
from bidsglm.report.roi_plots import RegionPair, dots_svg
from bidsglm.unit.methods import paragraphs, setting_rows

from .report.records import volumes

MADE_UP = Package(
    **{
        **PACKAGES["nilearn"]._asdict(),
        "name": "third",
        "title": "Third",
        "module": "bidsglm.backends.spm12",
        "colour": "#123456",
        "on_dark": "#654321",
        "mark": "triangle",
        "analyses": (),
    }
)


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(PACKAGES, "third", MADE_UP)
    return "third"


def test_a_further_package_is_a_row_and_a_module(third: str) -> None:
    assert in_order({third, "spm"}) == ("spm", third)
    assert (title(third), colour(third), titles(["spm", "nilearn", third])) == (
        "Third",
        "#123456",
        "SPM, nilearn and Third",
    )
    assert pairs_of(("spm", "nilearn", third)) == (Pair("spm", "nilearn"), Pair(third, "nilearn"))
    assert Pair(third, "nilearn").label == "thirdVSnilearn"
    assert third in BACKENDS
    assert backend(third) is backend("spm")


def test_style_sheets_have_the_colours_of_a_further_package(third: str) -> None:
    text = environment().get_template("rois.css").render()
    assert text.count("--third: #123456") == text.count("--third: #654321") == 1
    assert ".dots .third { fill: var(--third); }" in text


def test_figures_and_sentences_of_a_further_package_come_through(third: str) -> None:
    pair = Pair(third, "nilearn")
    row = {"map": "t", "metric": "rmsd", "step": "noise", "nilearn": "a", third: "b", "ladder": 0.4}
    row |= {"shapley": 0.4, "total": 0.4, "closure_nilearn": 0.0, f"closure_{third}": 1e-8}
    (parts,) = breakdowns([row], pair)
    assert settings(parts.steps[0], pair) == "Noise model: in nilearn, a; in Third, b."
    assert "#123456" in "".join(f.content.decode() for f in attribution_figures("go", "go", [parts]))
    marks = dots_svg([RegionPair("V1", {third: 1.0, "nilearn": 2.0}, "V1")], "z", 1.96)
    assert 'class="third"' in marks
    assert ">Third<" in marks


def test_pages_columns_and_words_of_a_further_package_come_through(third: str) -> None:
    names = [column.name for column in agreement_schema(Pair(third, "nilearn")).columns]
    suffix = "_thirdVSnilearn"
    wanted = ("pearson_r", "n_third_only", "dark_dice_third_p001", "n_third_fwe05", "dice_lower_fdr05")
    assert {f"{name}{suffix}" for name in wanted} <= set(names)
    both = [c.name for c in agreement_schema(Pair("spm", "nilearn"), Pair(third, "nilearn")).columns]
    assert tuple(both[: len(AGREEMENT.names)]) == AGREEMENT.names
    assert all(name.endswith(suffix) for name in both[len(AGREEMENT.names) :])
    rows = setting_rows(ModelSpecification("m", ()), (), ("spm", "nilearn", third))
    assert all(row.cell(third) == row.cell("spm") for row in rows)
    two, three = (
        len(paragraphs(ModelSpecification("m", ()), (), backends))
        for backends in (("spm", "nilearn"), ("spm", "nilearn", third))
    )
    assert three == two + 1
    template = environment().from_string(
        '{% import "parts.html" as parts %}{{ parts.side_by_side(rows, names, "Settings") }}'
    )
    page = template.render(rows=rows, names=("spm", "nilearn", third))
    assert '<th scope="col">Third</th>' in page


def test_images_of_a_further_package_are_drawn_beside_the_others(third: str) -> None:
    images = volumes()
    maps = {stat: {**found, third: found["spm"]} for stat, found in images.maps.items()}
    three = replace(images, maps=maps, masks={**images.masks, third: images.masks["spm"]})
    assert three.backends == ("spm", "nilearn", third)
    figures = (maps_figure(three), masks_figure(three.masks, three.background, three.affine))
    assert all("Third" in figure.alt for figure in figures)
