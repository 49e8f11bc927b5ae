"""Maps on axial slices over the mean bold image: both packages, their difference, their masks."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bidsglm import packages
from bidsglm.model import Floats, Mask
from bidsglm.report.contrast_images import ContrastImages, layers_of
from bidsglm.report.drawing import BOTH_COLOUR, Figure
from bidsglm.report.plates import Layer, region_row, slice_rows
from bidsglm.report.slices import view
from bidsglm.report.wording import listed


def maps_figure(images: ContrastImages, name: str = "") -> Figure:
    """Maps of all packages and their differences on the same slices, on the mean bold image.

    The slices hold the highest voxel of each row. Colours fade out around zero; nothing is cut.

    Parameters
    ----------
    images
        Of a contrast.
    name
        Which maps: effect, or the statistic, which it is if empty.
    """
    name = name or images.test
    layers = images.layers if name == images.test else layers_of(images, name)
    n = len(images.backends)
    shown = listed([images.title(backend) for backend in images.backends])
    of = view(
        images.either,
        images.affine,
        [layer.values for layer in layers[:n]] + [abs(layer.values) for layer in layers[n:]],
    )
    tails = "" if name == "F" else ", in each tail"
    contour = f" White lines enclose p < 0.001 uncorrected{tails}." * (layers[0].contour is not None)
    alt = (
        f"{name} maps of {images.name} from {shown} on {len(of.slices)} axial slices{_below(images, layers)}."
    )
    one_scale = len({layer.limit for layer in layers[:n]}) == 1
    scale = "one colour scale" if one_scale else "colour scales of their own where their units are far apart"
    of_whom = f"The {name} maps of {shown} on the same axial slices and {scale}"
    if n == 1:
        of_whom = f"The {name} map of {shown} on axial slices"
    return Figure(
        name=f"contrast-{images.label}_stat-{name}_desc-maps.svg",
        content=slice_rows(layers, images.background, of, alt),
        alt=alt,
        title=f"{name} maps",
        caption=(
            f"{of_whom}{_below(images, layers)}, over the {images.underlay}."
            f" {_units(images, name)}No threshold: colours"
            f" fade out towards zero.{contour} The left of the picture (L) is the left of the brain; numbers"
            " are heights z in mm."
        ),
    )


def _below(images: ContrastImages, layers: Sequence[Layer]) -> str:
    """Which differences stand below the maps."""
    if len(images.pairs) == 1:
        return f", below their difference {images.minus(images.pair)} on a scale of its own"
    drawn = {layer.title for layer in layers}
    told = [images.minus(pair) for pair in images.pairs if images.difference(pair) in drawn]
    if not told:
        return ""
    whose = "differences" if len(told) > 1 else "difference"
    rest = " (not of maps whose units are far apart)" * (len(told) < len(images.pairs))
    return f", below the {whose} {listed(told)}{rest}, each on a scale of its own"


def _units(images: ContrastImages, name: str) -> str:
    """Sentence on the units of effects; none for other maps and where both are the same."""
    units = images.effect_units
    if name != "effect" or len({units[b] for b in images.backends}) < 2:
        return ""
    of = ", ".join(f"{images.title(b)}'s in {units[b]}" for b in images.backends)
    return f"The units are not the same ({of}), which alone makes a difference. "


def masks_figure(
    masks: Mapping[str, Mask], background: Floats, affine: Floats, titles: Mapping[str, str] | None = None
) -> Figure:
    """Where the two analysis masks overlap and where one package analyses alone.

    Parameters
    ----------
    masks
        Backend -> (x, y, z)
    background
        (x, y, z) mean of the bold images
    affine
        (4, 4) voxel -> mm
    titles
        Backend -> what it is called, where that is not its title in the table of packages.
    """
    parts = _mask_parts(masks, titles or {})
    sizes = {name: f"{int(part.sum()):,}" for name, (part, _) in parts.items()}
    alt = "Analysis masks on axial slices; " + ", ".join(f"{n}: {k} voxels" for n, k in sizes.items())
    of = view(np.logical_or.reduce([part for part, _ in parts.values()]), affine)
    of_a_pair, first = " of a pair" * (len(masks) > 2), packages.title(next(iter(masks)))
    return Figure(
        name="desc-masks.svg",
        content=region_row(parts, background, of, alt, sizes),
        alt=alt,
        title="masks",
        caption=(
            f"The voxels that {'each package' if len(masks) > 1 else first} analyses, on anatomy."
            + f" Agreement is measured where both{of_a_pair} have a result; a coloured rim is where only one"
            " package looks." * (len(masks) > 1)
        ),
    )


def _mask_parts(masks: Mapping[str, Mask], titles: Mapping[str, str]) -> dict[str, tuple[Mask, str]]:
    called = {name: titles.get(name) or packages.title(name) for name in masks}
    if len(masks) < 2:
        return {called[name]: (mask, packages.colour(name)) for name, mask in masks.items()}
    names = packages.in_order(masks)
    # with more than two, the colours of those that lie alone; what only some share is left uncoloured
    alone = {n: masks[n] & ~np.logical_or.reduce([masks[o] for o in names if o != n]) for n in names}
    return {
        "both" if len(names) == 2 else "all": (np.logical_and.reduce(list(masks.values())), BOTH_COLOUR),
        **{f"{called[n]} only": (part, packages.colour(n)) for n, part in alone.items()},
    }


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
    counts = [np.count_nonzero(inside == i) for i in range(len(names))]
    led = [(i, *names[i]) for i, n in enumerate(counts) if n]
    parts = {name: (inside == i, colour) for i, name, colour in led}
    shares = {name: _share(counts[i] / sum(counts)) for i, name, _ in led}
    told = ", ".join(f"{name} {share}" for name, share in shares.items())
    alt = f"Dominant modelling step of each voxel on axial slices; share of the voxels: {told}."
    return Figure(
        name=f"contrast-{images.label}_desc-dominantstep.svg",
        content=region_row(parts, images.background, view(images.both, images.affine), alt, shares),
        alt=alt,
        title="leading step of each voxel",
        caption=(
            "In each voxel, the modelling step that makes most of the difference between the two"
            f" {images.test} values (largest Shapley value of its absolute difference), and the share of the"
            " voxels in which it leads."
        ),
    )


def _share(part: float) -> str:
    return f"{100 * part:.0f} %" if part >= 0.01 else "< 1 %"
