"""Figures: valid files, in words, whatever the maps hold."""

import base64
import io
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from bidsglm.data import DesignMatrix
from bidsglm.report.densities import bland_altman_figure, scatter_figure
from bidsglm.report.designs import design_figure
from bidsglm.report.drawing import Figure
from bidsglm.report.figures import contrast_figures
from bidsglm.report.maps import dominant_figure, maps_figure, masks_figure
from bidsglm.report.peaks import _passing, glass_figure, peak_figure

from .records import AFFINE, SHAPE, ball, designs, volumes


def pictures(figure: Figure) -> list[np.ndarray]:
    """Pixels (rows, columns, 3) of each array in a plate, from top to bottom."""
    images = ET.fromstring(figure.content).iter("{http://www.w3.org/2000/svg}image")
    addresses = [image.attrib["href"].removeprefix("data:image/png;base64,") for image in images]
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGBA").convert("RGB")).astype(int)
        for text in addresses
    ]


def check(figure: Figure) -> None:
    assert ET.fromstring(figure.content).tag.endswith("svg")
    for picture in pictures(figure) if figure.is_plate else ():
        assert picture.size
    assert figure.alt
    assert figure.caption.endswith(".")


def test_differences_that_are_not_drawn_are_said_to_be_of_units_far_apart():
    usual = volumes(backends=("spm", "nilearn", "fsl"))
    effects = usual.maps["effect"]
    units = {**usual.effect_units, "fsl": "0.01 % of the run's median"}
    maps = {**usual.maps, "effect": {**effects, "fsl": 100 * effects["fsl"]}}
    images = replace(usual, maps=maps, effect_units=units)
    caption = maps_figure(images, "effect").caption
    assert "below the difference SPM minus nilearn (not of maps whose units are far apart)" in caption


def test_contrast_has_maps_scatter_bland_altman_and_histogram():
    figures = contrast_figures(volumes())
    for figure in figures:
        check(figure)
    assert [figure.name for figure in figures] == [
        "contrast-go_stat-t_desc-maps.svg",
        "contrast-go_stat-effect_desc-maps.svg",
        "contrast-go_desc-scatter.svg",
        "contrast-go_desc-blandaltman.svg",
        "contrast-go_stat-t_desc-histogram.svg",
    ]


def test_slice_of_the_peak_names_the_package_whose_peak_it_is():
    assert "where SPM's is largest" in peak_figure(volumes()).caption
    assert "where it is largest" in peak_figure(volumes(backends=("nilearn",))).caption


def test_f_contrast_is_drawn_without_effects():
    figures = contrast_figures(volumes(test="F"))
    for figure in figures:
        check(figure)
    assert figures[0].name == "contrast-go_stat-F_desc-maps.svg"


def test_single_backend_has_its_maps_only():
    figures = contrast_figures(volumes(backends=("nilearn",)))
    for figure in figures:
        check(figure)
        assert "SPM" not in figure.alt
    assert len(figures) == 2


def test_dominant_steps_are_told_with_their_shares_and_unused_ones_left_out():
    images = volumes()
    steps = np.where(np.arange(SHAPE[0])[:, None, None] < SHAPE[0] / 2, 2, 1) * images.both
    names = [("none", "#999999"), ("filter", "#0000ff"), ("noise", "#ff0000"), ("runs", "#00ff00")]
    figure = dominant_figure(images, steps, names)
    check(figure)
    share = 100 * (steps[images.both] == 2).mean()
    assert f"noise {share:.0f} %" in figure.alt
    assert "none" not in figure.alt
    assert "runs" not in figure.alt


def test_effect_maps_name_their_units_where_they_differ():
    assert "The units are not the same" in maps_figure(volumes(), "effect").caption
    same = replace(volumes(), effect_units=dict.fromkeys(("spm", "nilearn"), "% of grand mean"))
    assert "units" not in maps_figure(same, "effect").caption
    assert "units" not in maps_figure(volumes()).caption


def test_same_maps_give_the_same_bytes():
    assert contrast_figures(volumes()) == contrast_figures(volumes())
    assert design_figure(designs()) == design_figure(designs())


def test_identical_maps_leave_the_difference_row_grey():
    images = volumes()
    same = {name: dict.fromkeys(maps, maps["spm"]) for name, maps in images.maps.items()}
    spm, _, _, _, difference, _ = pictures(maps_figure(replace(images, maps=same)))
    assert (np.ptp(spm, axis=2) > 30).any()
    assert not (np.ptp(difference, axis=2) > 30).any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, np.nan])
def test_maps_without_content_are_drawn_all_the_same(value):
    images = volumes()
    flat = {
        name: {b: np.full(SHAPE, value) for b in maps} for name, maps in images.maps.items() if name != "p"
    }
    for figure in contrast_figures(replace(images, maps=flat, background=np.full(SHAPE, value))):
        check(figure)


@pytest.mark.filterwarnings("error")
def test_disjoint_masks_are_drawn_all_the_same():
    images = volumes()
    left = ball() & (np.arange(SHAPE[0]) < 6)[:, None, None]
    for figure in contrast_figures(replace(images, masks={"spm": left, "nilearn": ball() & ~left})):
        check(figure)


def test_masks_are_counted_in_words():
    figure = masks_figure({"spm": ball(4), "nilearn": ball(5)}, 100.0 * ball(6), AFFINE)
    check(figure)
    only = int((ball(5) & ~ball(4)).sum())
    assert f"nilearn only: {only:,} voxels" in figure.alt


def test_mask_of_a_single_backend_is_drawn():
    check(masks_figure({"spm": ball(4)}, 100.0 * ball(6), AFFINE))


def test_design_names_the_run_and_its_columns():
    figure = design_figure(designs(), "run-1")
    check(figure)
    assert "run-1" in figure.alt
    assert "SPM 4 columns, nilearn 5 columns" in figure.alt


def test_wide_and_dead_designs_are_drawn():
    names = tuple(f"c{i}" for i in range(150))
    check(design_figure({"spm": DesignMatrix(names, np.zeros((20, 150)), np.zeros((20, 0)))}))


def settings() -> dict[str, object]:
    # looking at the backend alone makes matplotlib choose one
    return {key: mpl.rcParams[key] for key in mpl.rcParams if key != "backend"}


def test_drawing_leaves_no_trace_in_matplotlib():
    before = settings()
    for figure in (maps_figure(volumes()), scatter_figure(volumes()), bland_altman_figure(volumes())):
        check(figure)
    assert settings() == before
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_lines_enclose_both_tails_of_t():
    images = volumes()
    p = {b: np.full(SHAPE, 0.5) for b in images.backends}
    inside = np.argwhere(images.both)
    low, high = tuple(inside[0]), tuple(inside[-1])
    for values in p.values():
        values[low], values[high] = 0.9995, 0.0005
    layers = replace(images, maps={**images.maps, "p": p}).layers
    contour = layers[0].contour
    assert contour is not None
    assert contour[low]
    assert contour[high]
    assert contour.sum() == 2
    assert "in each tail" in maps_figure(replace(images, maps={**images.maps, "p": p})).caption


def test_glass_brains_show_the_value_farthest_from_zero_on_each_line_of_sight():
    values = np.zeros((2, 3, 4))
    values[0, 1, :] = [2.0, -5.0, 4.0, np.nan]
    values[1, 2, 0], values[1, 2, 3] = -6.0, 6.0
    places, passing = _passing(values, True, 3.0)
    flat = np.zeros((3, 2))
    flat[places[1], places[0]] = passing
    assert flat[1, 0] == -5.0
    assert flat[2, 1] == 6.0  # of two as far from zero the positive one
    assert not len(_passing(values, True, None)[1])
    assert _passing(values, False, 3.0)[1].tolist() == [4.0, 6.0]


def test_the_picture_of_one_package_leaves_room_for_a_second_so_that_letters_are_not_blown_up():
    root = ET.fromstring(peak_figure(volumes(backends=("spm",))).content)
    panels = [float(image.attrib["width"]) for image in root.iter("{http://www.w3.org/2000/svg}image")]
    assert float(root.attrib["width"]) > 2 * max(panels)


def test_the_map_of_one_package_is_spoken_of_as_one():
    for figure in (
        maps_figure(volumes(backends=("spm",)), "t"),
        glass_figure(volumes(backends=("spm",)), {}),
    ):
        assert not any(
            words in figure.caption for words in ("maps", "the same axial", "side by side", "each package")
        )
