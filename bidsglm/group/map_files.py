"""Writes the group's maps and tables of one task and space, each with what its sidecar must say."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bidsglm.agreement.maps import BothMaps, FweThresholds, agreement
from bidsglm.backends import BACKENDS
from bidsglm.backends.records import SecondLevel
from bidsglm.dataset.group_rows import Row as DesignRow
from bidsglm.dataset.images import map_bytes
from bidsglm.group.analyses import Analysis
from bidsglm.group.members import FEWEST_COMPARED, identity
from bidsglm.group.numbers import GroupNumbers
from bidsglm.group.tables import write_part
from bidsglm.model import ContrastMaps, Floats, GroupDesign, Mask, Volume
from bidsglm.outputs.group_tables import (
    DESIGN,
    GROUP_AGREEMENT,
    GROUP_ATTRIBUTION,
    GROUP_INFERENCE,
    GROUP_STABILITY,
)
from bidsglm.outputs.names import (
    GENERATED_BY,
    clusters_name,
    contrast_entities,
    map_name,
    write_bytes,
    write_json,
)
from bidsglm.outputs.schema import Row, Schema
from bidsglm.packages import pair_of
from bidsglm.unit.comparison import voxel_coordinates
from bidsglm.unit.files import OUTSIDE, backend_facts, degrees_of_freedom, stats_of


class FittedGroup(NamedTuple):
    """A contrast of the participants' models, or several in one model, fitted over the group."""

    label: str
    """Label of the first level, in file names (and of the Dataset node, where there are several); empty where
    several contrasts are in one model"""
    name: str
    """Name of the first level, as in the model"""
    first_level: str
    """Its label"""
    rows: tuple[DesignRow, ...]
    """Whose maps, in the order of the design's rows"""
    design: GroupDesign
    volume: Volume
    """Voxels of either package's maps; all arrays are over its columns"""
    levels: Mapping[str, SecondLevel]
    """Backend -> maps over the volume"""
    sources: Mapping[str, Sequence[str]]
    """Backend -> BIDS URIs of the effect maps"""

    @property
    def maps(self) -> tuple[ContrastMaps, ...]:
        """Any package's: all have the same contrasts."""
        return next(iter(self.levels.values())).maps

    @property
    def participants(self) -> tuple[str, ...]:
        """In the order of the rows, each once."""
        return tuple(dict.fromkeys(row.participant for row in self.rows))


def group_label(first_level: str, contrast: ContrastMaps) -> str:
    """Label of a contrast over participants in file names: the mean goes without saying.

    >>> from bidsglm.model import ContrastSpecification
    >>> spec = ContrastSpecification("age", "age", ("age",), np.ones((1, 1)))
    >>> maps = ContrastMaps(spec, (), None, None, np.empty(0), np.empty(0), np.empty(0), (9.0,))
    >>> group_label("go", maps), group_label("go", replace(maps, specification=replace(spec, label="mean")))
    ('go_groupcontrast-age', 'go')
    """
    label = contrast.specification.label
    if first_level and label == "mean":
        return first_level
    return "_".join(filter(None, (first_level, f"groupcontrast-{label}")))


class GroupWriter:
    """Writes the group's files of one task and space and remembers their names."""

    def __init__(self, numbers: GroupNumbers, name: str, space: str, rows: Sequence[Row] = ()) -> None:
        self.numbers, self.name, self.space = numbers, name, space
        self.output_dir = numbers.output_dir
        self.participants = rows
        """On the agreement of all participants' maps"""
        self.files: list[str] = []
        self.rows: list[Mapping[str, Any]] = []
        """Rows of the table of agreement of the group's maps"""
        self.inference: list[Mapping[str, Any]] = []
        """Rows of the table of what survives correction"""
        self.stability: list[Mapping[str, Any]] = []
        """Rows of the table of what single participants change"""
        self.attribution: list[Mapping[str, Any]] = []
        """Rows of the table of why the group's maps differ"""
        self.parts: dict[str, GroupWriter] = {name: self}
        """Start of the file names -> writer, for groups of a session or level too"""

    def part(self, analysis: Analysis) -> "GroupWriter":
        """Writer of a group of participants; what it writes counts among the files of the whole."""
        if analysis.prefix not in self.parts:
            part = GroupWriter(self.numbers, analysis.prefix, self.space)
            part.files = self.files
            self.parts[analysis.prefix] = part
            if self.participants:
                who = [identity(unit) for unit in analysis.units]
                write_part(self.participants, part.path, analysis.prefix, who)
        return self.parts[analysis.prefix]

    def path(self, name: str) -> Path:
        """Full path of a file in the group's folder, noted as written."""
        self.files.append(f"group/{name}")
        return self.output_dir / "group" / name

    def image(
        self, name: str, values: Any, volume: Volume, outside: float, facts: Mapping[str, object]
    ) -> None:
        """Write a map with its sidecar."""
        write_bytes(self.path(f"{name}.nii.gz"), map_bytes(values, volume, outside, space=self.space))
        self.sidecar(name, facts)

    def write_table(
        self,
        schema: Schema,
        name: str,
        rows: Iterable[Mapping[str, object]],
        facts: Mapping[str, object],
        header: Sequence[str] = (),
    ) -> None:
        """Write a table, and its sidecar with some facts behind the columns."""
        path = self.path(f"{name}.tsv")
        self.path(f"{name}.json")
        self.numbers.write(schema, path, rows, facts, header)

    def sidecar(self, name: str, facts: Mapping[str, object]) -> None:
        """Write what is said of a file."""
        write_json(self.path(f"{name}.json"), self.described(facts))

    def described(self, facts: Mapping[str, object]) -> dict[str, object]:
        """What a sidecar says: some facts, the space, and who made it."""
        reference = {"SpatialReference": self.space} if self.space else {}
        return {**facts, **reference, **GENERATED_BY}

    def contrast(self, fitted: FittedGroup) -> None:
        """Write everything of one contrast of the participants' models."""
        self._write_design(fitted)
        for backend, level in fitted.levels.items():
            about = {"Sources": fitted.sources[backend], **backend_facts(backend)}
            mask = map_bytes(level.mask, fitted.volume, 0, dtype=np.uint8, space=self.space)
            name = mask_name(self.name, fitted.label, backend)
            write_bytes(self.path(f"{name}.nii.gz"), mask)
            self.sidecar(name, {"Type": "Brain", **about})
            for maps, found in zip(level.maps, level.inference.contrasts, strict=True):
                facts = {**about, **_facts(fitted, maps), **level.variance}
                label = group_label(fitted.label, maps)
                for stat, values in stats_of(maps):
                    image = map_name(self.name, stat, backend, label)
                    told = {"StatisticType": stat, **facts}
                    self.image(image, values, fitted.volume, OUTSIDE[stat], told)
                table = clusters_name(self.name, backend, label)
                self.write_table(
                    BACKENDS[backend].CLUSTERS,
                    table,
                    found.clusters,
                    self.described({**facts, **found.facts}),
                )
        if len(fitted.levels) >= FEWEST_COMPARED:
            self._write_comparison(fitted)

    def _write_design(self, fitted: FittedGroup) -> None:
        name = f"{_stem(self.name, fitted.label)}_design"
        told = {
            "session_id": any(row.session for row in fitted.rows),
            "contrast": any(row.contrast for row in fitted.rows),
        }
        rows = [
            {
                "participant_id": f"sub-{row.participant}",
                **({"session_id": f"ses-{row.session}"} if told["session_id"] else {}),
                **({"contrast": row.contrast} if told["contrast"] else {}),
                **dict(zip(fitted.design.names, values, strict=True)),
            }
            for row, values in zip(fitted.rows, fitted.design.matrix, strict=True)
        ]
        text = (
            "design matrix of the group, one row for each effect map; covariates of participants.tsv less "
            "their means"
        )
        self.write_table(DESIGN, name, rows, {"Description": text}, tuple(rows[0]))

    def _write_comparison(self, fitted: FittedGroup) -> None:
        """Differences of the packages' maps, and the rows on how well they agree."""
        pair = pair_of(fitted.levels)
        one, base = (fitted.levels[name] for name in pair)
        both = one.mask & base.mask
        coordinates = voxel_coordinates(fitted.volume)
        for index, (first, second) in enumerate(zip(one.maps, base.maps, strict=True)):
            label = group_label(fitted.label, first)
            text = f"{pair.first} minus {pair.reference}, in the voxels of both"
            facts = {**_facts(fitted, first), "Description": text}
            others = dict(stats_of(second))
            for stat, values in stats_of(first):
                if stat in ("effect", "t", "F"):
                    difference = np.where(both, values - others[stat], OUTSIDE[stat])
                    name = map_name(self.name, stat, pair.label, label)
                    told = {"StatisticType": stat, **facts}
                    self.image(name, difference, fitted.volume, OUTSIDE[stat], told)
            heights = [level.inference.contrasts[index].thresholds.fwe05 for level in (one, base)]
            fwe = FweThresholds(heights[0], heights[1], fitted.design.two_sided)
            for row in agreement(BothMaps(first, second, (one.mask, base.mask), pair), coordinates, fwe):
                named = {
                    "contrast": fitted.first_level or None,
                    "group_contrast": first.specification.name,
                }
                behind = {"contrast_name": fitted.name, "label": label}
                variance = {f"variance_{pair.first}": str(one.variance["VarianceModel"])}
                self.rows.append({**named, **row, **named, **behind, **variance})

    def tables(self) -> None:
        """Write the tables: agreement of the group's maps, what survives correction, why they differ."""
        wanted = (
            (GROUP_AGREEMENT, self.rows, "groupAgreement"),
            (GROUP_INFERENCE, self.inference, "groupInference"),
            (GROUP_STABILITY, self.stability, "groupStability"),
            (GROUP_ATTRIBUTION, self.attribution, "groupAttribution"),
        )
        for schema, rows, kind in wanted:
            if rows:
                self.write_table(schema, f"{self.name}_desc-{kind}_metrics", rows, {})

    def corrected(self, fitted: FittedGroup, maps: ContrastMaps, values: Floats, about: "AboutMap") -> None:
        """Write a map of corrected p, or of what stands in its place."""
        backend = about.backend
        name = map_name(self.name, about.stat, f"{backend}{about.suffix}", group_label(fitted.label, maps))
        made_by = backend_facts("nilearn" if about.by_nilearn else backend)
        facts = {"Sources": fitted.sources[backend], **made_by, **_facts(fitted, maps)}
        told = {"StatisticType": about.stat, **facts, "Effects": backend, **about.facts}
        self.image(name, values, fitted.volume, about.outside, told)


class AboutMap(NamedTuple):
    """What a map of corrected p is."""

    backend: str
    """Whose effects it is of"""
    stat: str
    suffix: str
    """Behind the package's name in the label behind desc-"""
    outside: float
    by_nilearn: bool
    """Whether nilearn computed it, whosever the effects are"""
    facts: Mapping[str, object]


def _stem(name: str, label: str) -> str:
    return f"{name}_{contrast_entities(label)}" if label else name


def mask_name(name: str, label: str, backend: str) -> str:
    """Name of the mask of a package's second level, without extension.

    >>> mask_name("task-x", "go", "spm"), mask_name("task-x", "", "spm")
    ('task-x_contrast-go_desc-spm_mask', 'task-x_desc-spm_mask')
    """
    return f"{_stem(name, label)}_desc-{backend}_mask"


def _facts(fitted: FittedGroup, maps: ContrastMaps) -> dict[str, object]:
    """What the sidecars of a contrast's maps say."""
    specification = maps.specification
    weights = specification.weights[0] if specification.test == "t" else specification.weights
    return {
        "ContrastName": fitted.name or specification.name,
        "GroupContrast": specification.name,
        "GroupTest": specification.test,
        "GroupConditions": specification.conditions,
        "GroupWeights": weights.tolist(),
        "Columns": fitted.design.names,
        "NumberOfParticipants": len(fitted.participants),
        "Participants": [f"sub-{label}" for label in fitted.participants],
        **degrees_of_freedom(maps),
    }


def over(volume: Volume, level: SecondLevel, own: Volume) -> SecondLevel:
    """The same maps over the columns of a volume that holds its own."""
    place = own.voxels[volume.voxels]

    def moved(values: Floats, outside: float) -> Floats:
        whole = np.full(place.size, outside)
        whole[place] = values
        return whole

    mask: Mask = np.zeros(place.size, dtype=np.bool_)
    mask[place] = level.mask
    maps = tuple(
        replace(
            m,
            effect=None if m.effect is None else moved(m.effect, np.nan),
            variance=None if m.variance is None else moved(m.variance, np.nan),
            stat=moved(m.stat, 0.0),
            z=moved(m.z, 0.0),
            p=moved(m.p, 1.0),
        )
        for m in level.maps
    )
    return level._replace(mask=mask, maps=maps)
