"""Values of an atlas' regions from the maps of finished units, by contrast, region and backend."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm import packages
from bidsglm.add_ons import AddOn, FinishedUnit, Written
from bidsglm.agreement.maps import MapPair
from bidsglm.agreement.rois import RegionMeans, region_agreement_of_maps, region_means
from bidsglm.dataset.atlas import Atlas, places_on, read_atlas
from bidsglm.dataset.atlas_labels import NAMES_SHOWN
from bidsglm.dataset.masks import Grid, is_same_grid
from bidsglm.errors import UsageError
from bidsglm.messages import LOG
from bidsglm.model import Floats, Mask
from bidsglm.outputs.names import GENERATED_BY, map_name, spatial_reference
from bidsglm.outputs.region_tables import REGIONS, region_maps_schema
from bidsglm.outputs.summaries import compared
from bidsglm.outputs.summary_form import ContrastForm, SummaryForm
from bidsglm.outputs.unit_tables import with_suffix
from bidsglm.pairs import Pair
from bidsglm.sentences import listing
from bidsglm.settings import Settings
from bidsglm.unit.maps import UnitMaps

Row = dict[str, str | int | float | None]

ADD_ON = "rois"
LITTLE = 0.5
"""Share of an atlas' volume below which it hardly can be in the space of the maps."""


class UnitRegions(NamedTuple):
    """What an atlas' regions hold in a unit."""

    rows: tuple[Row, ...]
    """Rows of the table"""
    warnings: tuple[str, ...]
    agreement: tuple[Row, ...] = ()
    """Rows of the table of agreement, with the columns of every pair"""


class RegionReader:
    """Reads the regions of one unit after the other; the atlas is moved only where the grid changes."""

    def __init__(self, atlas: Atlas) -> None:
        self.atlas = atlas
        self._last: tuple[Grid, NDArray[np.intp]] | None = None

    def places(self, grid: Grid) -> NDArray[np.intp]:
        """Regions at the voxels of a grid (x, y, z)."""
        if self._last is None or not is_same_grid(self._last[0], grid):
            self._last = grid, places_on(self.atlas, grid)
        return self._last[1]

    def read(self, output_dir: Path, summary: SummaryForm, pairs: Sequence[Pair] = ()) -> UnitRegions:
        """Values of all regions in a finished unit, and how well some pairs of packages agree on them.

        Raises
        ------
        ReadWriteError, NoInputError
            When a map is missing or damaged.
        """
        files = UnitMaps(output_dir, summary)
        masks = files.masks()
        affine = files.map(f"{files.prefix}_desc-{next(iter(masks))}_mask")[1]
        x, y, z = next(iter(masks.values())).shape
        grid = Grid((x, y, z), affine)
        places = self.places(grid)
        where = places.ravel() > 0
        inside = {backend: mask.ravel()[where] for backend, mask in masks.items()}
        labelled = _Labelled(places.ravel()[where], where, inside, self.atlas)
        rows: list[Row] = []
        agreement: list[Row] = []
        for contrast in summary["contrasts"]:
            maps = _maps(files, contrast, labelled)
            rows += _contrast_rows(maps, contrast, labelled)
            agreement += _agreement_rows(maps, contrast, labelled, pairs)
        return UnitRegions(tuple(rows), _warnings(labelled, grid, summary), tuple(agreement))


class _Labelled(NamedTuple):
    """Voxels of a grid that are in some region."""

    places: NDArray[np.intp]
    """(n_labelled,)"""
    where: Mask
    """(n_voxels,) of the whole grid"""
    inside: Mapping[str, Mask]
    """Backend -> (n_labelled,) those in its mask"""
    atlas: Atlas

    @property
    def sizes(self) -> NDArray[np.intp]:
        """Voxels of each region (n_regions,)."""
        return np.bincount(self.places, minlength=len(self.atlas.indices) + 1)[1:]


_Maps = Mapping[str, Mapping[str, Floats]]
"""Statistic -> backend -> its map (n_labelled,)"""


def _maps(files: UnitMaps, contrast: ContrastForm, labelled: _Labelled) -> dict[str, dict[str, Floats]]:
    """Maps of one contrast inside the regions."""
    return {
        stat: {
            backend: files.map(map_name(files.prefix, stat, backend, contrast["label"]))[0].ravel()[
                labelled.where
            ]
            for backend in labelled.inside
        }
        for stat in (("effect", "t") if contrast["test"] == "t" else ("F",))
    }


def _contrast_rows(maps: _Maps, contrast: ContrastForm, labelled: _Labelled) -> list[Row]:
    """Rows of one contrast, region by region."""
    n_regions = len(labelled.atlas.indices)
    found = {
        backend: {
            stat: region_means(values[backend], labelled.places, mask, n_regions)
            for stat, values in maps.items()
        }
        for backend, mask in labelled.inside.items()
    }
    front = {"contrast": contrast["label"], "contrast_name": contrast["name"]}
    regions = enumerate(zip(labelled.atlas.indices, labelled.atlas.names, labelled.sizes, strict=True))
    return [
        {**front, "region": index, "label": name, "backend": backend, **_values(means, place, int(size))}
        for place, (index, name, size) in regions
        for backend, means in found.items()
    ]


def _agreement_rows(
    maps: _Maps, contrast: ContrastForm, labelled: _Labelled, pairs: Sequence[Pair]
) -> Iterator[Row]:
    """Rows of one contrast on how well pairs agree, map by map and region by region."""
    atlas, inside = labelled.atlas, labelled.inside
    for stat, values in maps.items() if pairs else ():
        rows: list[Row] = [
            {"contrast": contrast["label"], "map": stat, "region": index, "label": name}
            for index, name in zip(atlas.indices, atlas.names, strict=True)
        ]
        for pair in pairs:
            one, base = pair
            both = MapPair(values[one], values[base], inside[one], inside[base])
            found = region_agreement_of_maps(both, labelled.places, len(rows))
            for row, own in zip(rows, found, strict=True):
                row |= with_suffix(own, pair)
        yield from ({**row, "contrast_name": contrast["name"]} for row in rows)


def _values(means: Mapping[str, RegionMeans], place: int, size: int) -> Row:
    """Numbers of one region and backend."""
    n_voxels = int(next(iter(means.values())).n_voxels[place])
    mean = {stat: float(found.mean[place]) for stat, found in means.items()}
    return {
        "n_voxels": n_voxels,
        "effect": mean.get("effect"),
        "t": mean.get("t"),
        "effect_sd": float(means["effect"].sd[place]) if "effect" in means else None,
        "F": mean.get("F"),
        "n_atlas_voxels": size,
        "fraction": n_voxels / size if size else None,
    }


def _warnings(labelled: _Labelled, grid: Grid, summary: SummaryForm) -> tuple[str, ...]:
    """What makes the regions of this unit doubtful."""
    atlas, space = labelled.atlas, summary["entities"].get("space", "")
    found = list(atlas.notes)
    if atlas.space and space and atlas.space != space:
        found.append(
            f"{atlas.path.name} is in space {atlas.space} by its name, the maps are in {space}; "
            "values of regions hold only where the two agree"
        )
    share = _covered(labelled, np.logical_or.reduce(list(labelled.inside.values())), grid)
    if share < LITTLE:
        found.append(
            f"only {share:.0%} of {atlas.path.name} lies inside the masks; "
            f"is it in the space of the maps{f' ({space})' if space else ''}?"
        )
    return (*found, *_empty(labelled))


def _covered(labelled: _Labelled, mask: Mask, grid: Grid) -> float:
    """Share of the atlas' volume inside a mask, also where its voxels are of another size."""
    own = np.count_nonzero(labelled.atlas.places) * abs(np.linalg.det(labelled.atlas.grid.affine[:3, :3]))
    return float(np.count_nonzero(mask) * abs(np.linalg.det(grid.affine[:3, :3])) / own)


def _empty(labelled: _Labelled) -> list[str]:
    """Regions without a voxel in the masks, by name."""
    names = labelled.atlas.names
    none = {}
    for backend, mask in labelled.inside.items():
        counts = np.bincount(labelled.places[mask], minlength=len(names) + 1)[1:]
        none[backend] = [name for name, count in zip(names, counts, strict=True) if not count]
    if len({tuple(regions) for regions in none.values()}) == 1:
        where = {"the masks": next(iter(none.values()))}
    else:
        where = {f"{packages.title(backend)}'s mask": regions for backend, regions in none.items()}
    return [
        f"no voxel inside {mask}: {listing(regions, NAMES_SHOWN)}; n/a stands for them"
        for mask, regions in where.items()
        if regions
    ]


def atlas_facts(atlas: Atlas) -> dict[str, object]:
    """What a sidecar says of an atlas."""
    labels = {"AtlasLabels": str(atlas.labels)} if atlas.labels else {}
    return {"Atlas": str(atlas.path), **labels, "AtlasDigest": atlas.digest}


def _write(finished: FinishedUnit, atlas: Atlas) -> Written:
    """Write a participant's table of regions."""
    summary, output_dir = finished.summary, finished.settings.output_dir
    pairs = compared(summary)
    found = RegionReader(atlas).read(output_dir, summary, pairs)
    for warning in found.warnings:
        LOG.warning("%s: %s", finished.unit.prefix, warning)
    stem = f"{finished.unit.folder}/{finished.unit.prefix}_desc-rois_metrics"
    space = spatial_reference(summary["entities"].get("space", ""))
    facts = {**atlas_facts(atlas), **space, "EffectUnits": summary["effect_units"]}
    REGIONS.write(output_dir / f"{stem}.tsv", found.rows, {**facts, **GENERATED_BY})
    stems = [stem]
    if pairs:
        stems.append(f"{finished.unit.folder}/{finished.unit.prefix}_desc-roiAgreement_metrics")
        path = output_dir / f"{stems[-1]}.tsv"
        region_maps_schema(pairs).write(path, found.agreement, {**facts, **GENERATED_BY})
    return Written(
        tuple(f"{name}.{kind}" for name in stems for kind in ("tsv", "json")),
        {"atlas": atlas.path.name, "n_regions": len(atlas.indices), "warnings": list(found.warnings)},
    )


def requested_atlas(settings: Settings) -> Atlas | None:
    """Atlas of the command line, read; None without --atlas.

    Raises
    ------
    UsageError
        For labels without an atlas.
    NoInputError, ReadWriteError, DataError
        As `read_atlas`.
    """
    if settings.atlas is None:
        if settings.atlas_labels is not None:
            raise UsageError("--atlas-labels needs --atlas: the image whose regions it names")
        return None
    return read_atlas(settings.atlas, settings.atlas_labels)


def region_add_on(settings: Settings) -> AddOn | None:
    """Values of the regions of --atlas, as an add-on of finished units."""
    atlas = requested_atlas(settings)
    if atlas is None:
        return None
    return AddOn(ADD_ON, atlas.digest, lambda finished: _write(finished, atlas))
