"""Maps on axial slices over the mean bold image: both packages, their difference, their masks."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm import packages
from bidsglm.model import Floats, Mask
from bidsglm.report.drawing import (
    BOTH_COLOUR,
    FAINT,
    PAGE_WIDTH,
    Figure,
    activation_colours,
    canvas,
    encoded,
    style,
)
from bidsglm.report.slices import View, heights, montage, pixel_aspect, tile_width, view

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.image import AxesImage

EFFECT_UNITS: Mapping[str, str] = MappingProxyType({"spm": "% of grand mean", "nilearn": "% of voxel mean"})
DISPLAY_QUANTILE = 0.998
"""Colours saturate for the most extreme 0.2 % of voxels, so that a few do not bleach all others."""
P_CONTOUR = 0.001


@dataclass(frozen=True)
class ContrastImages:
    """The volumes of one contrast, on one grid."""

    name: str
    """As the model has it."""
    label: str
    """As in file names."""
    maps: Mapping[str, Mapping[str, Floats]]
    """Map (effect, t or F, and p for the contours) -> backend -> (x, y, z)"""
    masks: Mapping[str, Mask]
    """Backend -> (x, y, z)"""
    background: Floats
    """(x, y, z) mean of the bold images"""
    affine: Floats
    """(4, 4) voxel -> mm"""
    effect_units: Mapping[str, str] = field(default_factory=lambda: EFFECT_UNITS)
    """Backend -> unit of its effect map."""

    @property
    def test(self) -> str:
        """The letter of the statistic, t or F."""
        return "F" if "F" in self.maps else "t"

    @property
    def backends(self) -> tuple[str, ...]:
        """Those with a map, in the order of the table of packages."""
        return packages.in_order(self.maps[self.test])

    @property
    def both(self) -> Mask:
        """Voxels (x, y, z) of all masks."""
        return np.asarray(np.logical_and.reduce([self.masks[name] for name in self.backends]))

    @property
    def either(self) -> Mask:
        """Voxels (x, y, z) of any mask."""
        return np.asarray(np.logical_or.reduce([self.masks[name] for name in self.backends]))


class Layer(NamedTuple):
    """One row of slices."""

    title: str
    values: Floats
    """(x, y, z), NaN where nothing is shown"""
    limit: float
    """Value at the end of the colour scale."""
    signed: bool = True
    contour: Mask | None = None


def colour_limit(volumes: Iterable[Floats]) -> float:
    """Value at which colours saturate: a high quantile of the absolute values; 1 where there are none.

    >>> colour_limit([np.array([-2.0, np.nan]), np.array([2.0])])
    2.0
    """
    values = np.abs(np.concatenate([volume[np.isfinite(volume)] for volume in volumes]))
    return float(np.quantile(values, DISPLAY_QUANTILE)) or 1.0 if len(values) else 1.0


def _layers(images: ContrastImages, name: str) -> list[Layer]:
    stat, p = images.maps[name], images.maps.get("p", {}) if name == images.test else {}
    inside = {b: np.where(images.masks[b], stat[b], np.nan) for b in images.backends}
    limit = colour_limit(inside.values())
    layers = [
        Layer(
            f"{packages.title(backend)}  {name}",
            inside[backend],
            limit,
            name != "F",
            images.masks[backend] & (p[backend] < P_CONTOUR) if backend in p else None,
        )
        for backend in images.backends
    ]
    if len(layers) == 2:
        difference = np.where(images.both, stat["spm"] - stat["nilearn"], np.nan)
        layers.append(Layer("SPM − nilearn", difference, colour_limit([difference])))
    return layers


def maps_figure(images: ContrastImages, name: str = "") -> Figure:
    """Both maps and their difference on the same slices, on the mean bold image.

    The slices hold the highest voxel of each row. Colours fade out around zero; nothing is cut.

    Parameters
    ----------
    images
        Of a contrast.
    name
        Which maps: effect, or the statistic, which it is if empty.
    """
    name = name or images.test
    layers = _layers(images, name)
    of = view(images.either, images.affine, [layer.values for layer in layers[:2]] + [abs(layers[-1].values)])
    with style():
        drawing = slice_rows(layers, images.background, of)
        content = encoded(drawing, "png")
    shown = " and ".join(packages.title(name) for name in images.backends)
    difference = ", below their difference SPM minus nilearn on a scale of its own" * (len(layers) == 3)
    contour = " White lines enclose p < 0.001 uncorrected, one-sided." * (layers[0].contour is not None)
    return Figure(
        name=f"contrast-{images.label}_stat-{name}_desc-maps.png",
        content=content,
        alt=f"{name} maps of {images.name} from {shown} on {len(of.slices)} axial slices{difference}.",
        caption=(
            f"The {name} maps of {shown} on the same axial slices and one colour"
            f" scale{difference}, over the mean bold image. {_units(images, name)}No threshold: colours fade"
            f" out towards zero.{contour} The left of the picture (L) is the left of the brain; numbers are"
            " heights z in mm."
        ),
    )


def _units(images: ContrastImages, name: str) -> str:
    """Sentence on the units of effects; none for other maps and where both are the same."""
    units = images.effect_units
    if name != "effect" or len({units[b] for b in images.backends}) < 2:
        return ""
    of = ", ".join(f"{packages.title(b)}'s in {units[b]}" for b in images.backends)
    return f"The units are not the same ({of}), which alone makes a difference. "


def slice_rows(layers: Sequence[Layer], background: Floats, of: View, left: float = 0.35) -> "Canvas":
    """Draw maps in rows of the same slices, each with its colour scale, over the background (x, y, z).

    Titles have this many inches on the left.
    """
    below = montage(np.nan_to_num(background), of)
    right, top, gap = 0.85, 0.28, 0.08
    width = PAGE_WIDTH - left - right
    height = width * below.shape[0] * pixel_aspect(of) / below.shape[1]
    total = top + len(layers) * (height + gap)
    drawing = canvas(PAGE_WIDTH, total, layout=None)
    for i, layer in enumerate(layers):
        bottom = total - top - (i + 1) * height - i * gap
        box = (left / PAGE_WIDTH, bottom / total, width / PAGE_WIDTH, height / total)
        axes = drawing.add_axes(box)
        image = _draw_layer(axes, layer, below, of)
        axes.set_ylabel(layer.title, fontsize=10, fontweight="bold", labelpad=6)
        extend = "both" if layer.signed else "max"
        _colour_bar(
            drawing, image, extend, (box[0] + box[2] + 0.012, box[1] + 0.08 * box[3], 0.013, 0.84 * box[3])
        )
        if i == 0:
            _mark_heights(axes, of, below.shape[0])
    return drawing


def _draw_layer(axes: "Axes", layer: Layer, below: Floats, of: View) -> "AxesImage":
    anatomy: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": np.quantile(below, 0.995) * 1.15 or 1}
    aspect = pixel_aspect(of)
    axes.imshow(below, origin="lower", interpolation="bilinear", aspect=aspect, **anatomy)
    values = montage(layer.values, of)
    image = axes.imshow(
        np.ma.masked_invalid(values),
        origin="lower",
        interpolation="nearest",
        aspect=aspect,
        cmap=activation_colours(layer.signed),
        vmin=-layer.limit if layer.signed else 0,
        vmax=layer.limit,
    )
    if layer.contour is not None and (lines := montage(layer.contour, of)).any():
        axes.contour(lines.astype(float), levels=[0.5], colors="white", linewidths=0.6)
    _mark_sides(axes, of, below.shape)
    return image


def _mark_sides(axes: "Axes", of: View, shape: tuple[int, ...]) -> None:
    text: dict[str, Any] = {"color": "white", "fontsize": 7, "va": "bottom"}
    axes.text(0.2, 0.0, "L", ha="left", **text)
    axes.text(tile_width(of) - 1.2, 0.0, "R", ha="right", **text)
    for i in range(1, len(of.slices)):
        axes.axvline(i * tile_width(of) - 0.5, color="white", linewidth=0.8)
    axes.set(xticks=[], yticks=[], xlim=(-0.5, shape[1] - 0.5), ylim=(-0.5, shape[0] - 0.5))
    axes.spines[:].set_visible(False)


def _mark_heights(axes: "Axes", of: View, height: int) -> None:
    for i, z in enumerate(heights(of)):
        label = f"z = {z:.0f} mm" if i == 0 else f"{z:.0f}"
        axes.text((i + 0.5) * tile_width(of) - 0.5, height, label, ha="center", va="bottom", color=FAINT)


def _colour_bar(
    drawing: "Canvas", image: "AxesImage", extend: str, box: tuple[float, float, float, float]
) -> None:
    axes = drawing.add_axes(box, facecolor="#3a3a3a")
    bar = drawing.colorbar(image, cax=axes, extend=extend)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, length=2)


def masks_figure(masks: Mapping[str, Mask], background: Floats, affine: Floats) -> Figure:
    """Where the two analysis masks overlap and where one package analyses alone.

    Parameters
    ----------
    masks
        Backend -> (x, y, z)
    background
        (x, y, z) mean of the bold images
    affine
        (4, 4) voxel -> mm
    """
    parts = _mask_parts(masks)
    sizes = {name: int(part.sum()) for name, (part, _) in parts.items()}
    with style():
        content = encoded(_draw_masks(parts, background, affine), "png")
    return Figure(
        name="desc-masks.png",
        content=content,
        alt="Analysis masks on axial slices; " + ", ".join(f"{n}: {k:,} voxels" for n, k in sizes.items()),
        caption=(
            "The voxels that each package analyses, on the mean bold image. Agreement is measured where both"
            " have a result; a coloured rim is where only one package looks."
        ),
    )


def _mask_parts(masks: Mapping[str, Mask]) -> dict[str, tuple[Mask, str]]:
    if len(masks) < 2:
        return {packages.title(name): (mask, packages.colour(name)) for name, mask in masks.items()}
    spm, nilearn = masks["spm"], masks["nilearn"]
    return {
        "both": (spm & nilearn, BOTH_COLOUR),
        "SPM only": (spm & ~nilearn, packages.colour("spm")),
        "nilearn only": (nilearn & ~spm, packages.colour("nilearn")),
    }


def _draw_masks(
    parts: Mapping[str, tuple[Mask, str]],
    background: Floats,
    affine: Floats,
    words: Callable[[Mask], str] = lambda part: f"{int(part.sum()):,}",
) -> "Canvas":
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    regions, colours = zip(*parts.values(), strict=True)
    of = view(np.logical_or.reduce(regions), affine)
    below, aspect = montage(np.nan_to_num(background), of), pixel_aspect(of)
    height = PAGE_WIDTH * below.shape[0] * aspect / below.shape[1]
    total = height + 0.6
    drawing = canvas(PAGE_WIDTH, total, layout=None)
    axes = drawing.add_axes((0, 0.3 / total, 1, height / total))
    axes.imshow(below, origin="lower", cmap="gray", aspect=aspect, interpolation="bilinear")
    kinds = np.select(regions, [i + 1.0 for i in range(len(regions))], np.nan)
    look: dict[str, Any] = {
        "cmap": ListedColormap(colours),
        "vmin": 0.5,
        "vmax": len(regions) + 0.5,
        "alpha": 0.55,
    }
    flat = np.ma.masked_invalid(montage(kinds, of))
    axes.imshow(flat, origin="lower", aspect=aspect, interpolation="nearest", **look)
    _mark_sides(axes, of, below.shape)
    _mark_heights(axes, of, below.shape[0])
    handles = [Patch(color=c, label=f"{name}: {words(part)}") for name, (part, c) in parts.items()]
    drawing.legend(handles=handles, loc="lower center", ncols=max(len(handles), 1), frameon=False)
    return drawing


def dominant_figure(
    images: ContrastImages, steps: NDArray[np.integer], names: Sequence[tuple[str, str]]
) -> Figure:
    """Which modelling step makes most of the t difference of each voxel.

    Parameters
    ----------
    images
        Of the contrast.
    steps
        (x, y, z) index into the names
    names
        Name and colour of each step, the first for voxels without a difference
    """
    inside = np.where(images.both, steps, -1)
    counts = [int((inside == i).sum()) for i in range(len(names))]
    parts = {
        name: (inside == i, colour)
        for i, ((name, colour), n) in enumerate(zip(names, counts, strict=True))
        if n
    }

    def share(part: Mask) -> str:
        found = 100 * float(part.sum()) / sum(counts)
        return f"{found:.0f} %" if found >= 1 else "< 1 %"

    shares = ", ".join(f"{name} {share(part)}" for name, (part, _) in parts.items())
    with style():
        drawing = _draw_masks(parts, images.background, images.affine, share)
        content = encoded(drawing, "png")
    return Figure(
        name=f"contrast-{images.label}_desc-dominantstep.png",
        content=content,
        alt=f"Dominant modelling step of each voxel on axial slices; share of the voxels: {shares}.",
        caption=(
            "In each voxel, the modelling step that makes most of the difference between the two"
            f" {images.test} values (largest Shapley value of its absolute difference), and the share of the"
            " voxels it leads."
        ),
    )
