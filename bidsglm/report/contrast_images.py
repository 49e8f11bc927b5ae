"""Maps of a contrast by each package on one grid, with the colours and limits they are drawn in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bidsglm import packages
from bidsglm.model import Floats, Mask
from bidsglm.packages import DEFAULT_PACKAGES, PACKAGES
from bidsglm.pairs import Pair, pair_of, pairs_of
from bidsglm.report.colours import high_quantile
from bidsglm.report.plates import Layer

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

    def minus(self, pair: Pair) -> str:
        """Name a pair's difference in a sentence."""
        return " minus ".join(self.title(name) for name in pair)

    def difference(self, pair: Pair) -> str:
        """Name a pair's difference on an axis."""
        return " − ".join(self.title(name) for name in pair)

    @property
    def backends(self) -> tuple[str, ...]:
        """Those with a map, in the order of the table of packages."""
        return packages.in_order(self.maps[self.test])

    @property
    def pair(self) -> Pair:
        """What is compared: of several pairs the first."""
        return pair_of(self.backends, self.reference)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Each package with the reference; none with a single package."""
        return pairs_of(self.backends, self.reference)

    def of_pair(self, pair: Pair) -> "ContrastImages":
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
    def _rows(self) -> dict[str, Sequence[Layer]]:
        return {}

    @property
    def layers(self) -> Sequence[Layer]:
        """Rows of the statistic's pictures; several pictures are made of them."""
        # as a cached property it would have one lock for all contrasts, which are drawn side by side
        if self.test not in self._rows:
            self._rows[self.test] = layers_of(self, self.test)
        return self._rows[self.test]


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
