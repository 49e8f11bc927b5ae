"""Maps on axial slices over the mean bold image: both packages, their difference, their masks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bidsglm import packages
from bidsglm.model import Floats, Mask
from bidsglm.packages import DEFAULT_PACKAGES, PACKAGES
from bidsglm.report.colours import high_quantile
from bidsglm.report.drawing import BOTH_COLOUR, Figure
from bidsglm.report.judgements import listed
from bidsglm.report.plates import Layer, region_row, slice_rows
from bidsglm.report.slices import view

EFFECT_UNITS: Mapping[str, str] = MappingProxyType({name: PACKAGES[name].unit for name in DEFAULT_PACKAGES})
DISPLAY_QUANTILE = 0.998
"""Colours saturate for the most extreme 0.2 % of voxels, so that a few do not bleach all others."""
P_CONTOUR = 0.001
OTHER_SCALE = 5.0
"""Ratio of two packages' maps from which they cannot share a scale: their effects have other units."""


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
    underlay: str = "mean bold image"
    """What the background is."""
    reference: str = packages.REFERENCE
    """What the others are compared with, where it is among them"""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Backend -> what it is called on the page, where that is not its title in the table of packages"""

    @property
    def test(self) -> str:
        """The map that is looked at first: F or t, else the only kind that there is."""
        return next((name for name in ("F", "t") if name in self.maps), next(iter(self.maps)))

    @property
    def stats(self) -> tuple[str, ...]:
        """What there are maps of, the statistic first; p is for contours."""
        return tuple(dict.fromkeys(name for name in (self.test, "effect") if name in self.maps))

    def title(self, name: str) -> str:
        """Name a backend for people."""
        return self.titles.get(name) or packages.title(name)

    def minus(self, pair: packages.Pair) -> str:
        """Name a pair's difference in a sentence."""
        return " minus ".join(self.title(name) for name in pair)

    def difference(self, pair: packages.Pair) -> str:
        """Name a pair's difference on an axis."""
        return " − ".join(self.title(name) for name in pair)

    @property
    def backends(self) -> tuple[str, ...]:
        """Those with a map, in the order of the table of packages."""
        return packages.in_order(self.maps[self.test])

    @property
    def pair(self) -> packages.Pair:
        """What is compared: of several pairs the first."""
        return packages.pair_of(self.backends, self.reference)

    @property
    def pairs(self) -> tuple[packages.Pair, ...]:
        """Each package with the reference; none with a single package."""
        return packages.pairs_of(self.backends, self.reference)

    def of_pair(self, pair: packages.Pair) -> "ContrastImages":
        """The same of two packages alone."""
        if set(pair) == set(self.backends):
            return self
        maps = {stat: {b: found[b] for b in pair if b in found} for stat, found in self.maps.items()}
        return replace(self, maps=maps, masks={b: self.masks[b] for b in pair})

    @cached_property
    def both(self) -> Mask:
        """Voxels (x, y, z) of all masks."""
        return np.asarray(np.logical_and.reduce([self.masks[name] for name in self.backends]))

    @cached_property
    def either(self) -> Mask:
        """Voxels (x, y, z) of any mask."""
        return np.asarray(np.logical_or.reduce([self.masks[name] for name in self.backends]))

    @cached_property
    def _places(self) -> NDArray[np.intp]:
        """Voxels of any mask, in the order of the files."""
        return np.flatnonzero(self.either.ravel(order="F"))

    @cached_property
    def _columns(self) -> dict[tuple[str, str], Floats]:
        return {}

    def values(self, name: str, backend: str) -> Floats:
        """A map's values (n,) in the voxels of any mask, always in the same order; NaN outside its own."""
        if (name, backend) not in self._columns:
            own = self.masks[backend].ravel(order="F")[self._places]
            found = self.maps[name][backend].ravel(order="F")[self._places]
            self._columns[name, backend] = np.where(own, found.astype(np.float64, copy=False), np.nan)
        return self._columns[name, backend]

    @cached_property
    def layers(self) -> Sequence[Layer]:
        """Rows of the statistic's pictures; several pictures are made of them."""
        return layers_of(self, self.test)


def colour_limit(volumes: Iterable[Floats]) -> float:
    """Value at which colours saturate: a high quantile of the absolute values; 1 where there are none.

    >>> colour_limit([np.array([-2.0, np.nan]), np.array([2.0])])
    2.0
    """
    values = np.abs(np.concatenate([volume[np.isfinite(volume)] for volume in volumes]))
    return high_quantile(values, DISPLAY_QUANTILE) or 1.0 if len(values) else 1.0


def _passing(p: Floats, test: str) -> Mask:
    """Voxels of p < 0.001, of t in each tail."""
    upper = p < P_CONTOUR
    return np.asarray(upper if test == "F" else upper | (p > 1 - P_CONTOUR))


def limits_of(inside: Mapping[str, Floats]) -> dict[str, float]:
    """Package -> value at which its colours saturate: one for all whose maps are of about one size.

    >>> limits_of({"spm": np.array([2.0, 2.0]), "nilearn": np.array([2.0])})
    {'spm': 2.0, 'nilearn': 2.0}
    >>> limits_of({"spm": np.array([100.0]), "nilearn": np.array([1.0])})
    {'spm': 100.0, 'nilearn': 1.0}
    """
    own = {name: colour_limit([values]) for name, values in inside.items()}
    least = min(own.values(), default=1.0)
    alike = [name for name in own if own[name] < OTHER_SCALE * least]
    shared = colour_limit([inside[name] for name in alike]) if len(alike) > 1 else 0.0
    return {name: shared if shared and name in alike else limit for name, limit in own.items()}


def layers_of(images: ContrastImages, name: str) -> list[Layer]:
    """Maps of all packages, of the statistic or another, and behind them each pair's difference.

    Effects whose units are too far apart have no difference to look at.
    """
    stat, p = images.maps[name], images.maps.get("p", {}) if name == images.test else {}
    columns = {b: images.values(name, b) for b in images.backends}
    limits = limits_of(columns)
    layers = [
        Layer(
            f"{images.title(backend)} {name}",
            np.where(images.masks[backend], stat[backend], np.nan),
            limits[backend],
            name != "F",
            images.masks[backend] & _passing(p[backend], name) if backend in p else None,
        )
        for backend in images.backends
    ]
    for pair in images.pairs:
        if limits[pair.first] == limits[pair.reference] or len(images.pairs) == 1:
            both = images.masks[pair.first] & images.masks[pair.reference]
            difference = np.where(both, stat[pair.first] - stat[pair.reference], np.nan)
            limit = colour_limit([columns[pair.first] - columns[pair.reference]])
            layers.append(Layer(images.difference(pair), difference, limit))
    return layers


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
    return Figure(
        name=f"contrast-{images.label}_stat-{name}_desc-maps.svg",
        content=slice_rows(layers, images.background, of, alt),
        alt=alt,
        title=f"{name} maps",
        caption=(
            f"The {name} maps of {shown} on the same axial slices and {scale}{_below(images, layers)}, over"
            f" the {images.underlay}. {_units(images, name)}No threshold: colours"
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
    of_a_pair = " of a pair" * (len(masks) > 2)
    return Figure(
        name="desc-masks.svg",
        content=region_row(parts, background, of, alt, sizes),
        alt=alt,
        title="masks",
        caption=(
            f"The voxels that each package analyses, on anatomy. Agreement is measured where both{of_a_pair}"
            " have a result; a coloured rim is where only one package looks."
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
            " voxels it leads."
        ),
    )


def _share(part: float) -> str:
    return f"{100 * part:.0f} %" if part >= 0.01 else "< 1 %"
