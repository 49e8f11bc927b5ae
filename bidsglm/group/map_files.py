"""Writes the group's maps and tables of one task and space, each with what its sidecar must say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from bidsglm.agreement.maps import BothMaps, FweThresholds, agreement
from bidsglm.agreement.pairs import pair_rows
from bidsglm.backends import BACKENDS
from bidsglm.data import Volume
from bidsglm.dataset.nifti_writing import map_bytes
from bidsglm.group.analyses import Analysis
from bidsglm.group.fitted import FittedGroup, group_facts, group_label, mask_name, stem
from bidsglm.group.members import identity
from bidsglm.group.numbers import GroupNumbers
from bidsglm.group.tables import GroupAgreement, write_part
from bidsglm.outputs.folder import FolderWriter
from bidsglm.outputs.group_map_tables import (
    DESIGN,
    GROUP_PAIRS,
    GROUP_STABILITY,
    group_agreement_schema,
    group_attribution_schema,
    group_inference_schema,
)
from bidsglm.outputs.names import (
    GENERATED_BY,
    clusters_name,
    map_name,
    spatial_reference,
    write_bytes,
    write_json,
)
from bidsglm.outputs.schema import Row, Schema
from bidsglm.outputs.unit_tables import with_suffix
from bidsglm.pairs import DEFAULT_PAIR, Pair, every_pair
from bidsglm.unit.files import OUTSIDE, backend_facts, stats_of


class GroupWriter(FolderWriter):
    """Writes the group's files of one task and space and remembers their names."""

    def __init__(
        self, numbers: GroupNumbers, name: str, space: str, agreed: GroupAgreement | None = None
    ) -> None:
        super().__init__(numbers.output_dir, "group", space)
        self.numbers, self.name = numbers, name
        self.participants = agreed
        """Agreement of all participants' maps"""
        self.rows: list[Row] = []
        """Rows of the table of agreement of the group's maps"""
        self.matrix: list[Row] = []
        """Rows of the table of every package with every other, where there are more than two"""
        self.pairs: tuple[Pair, ...] = ()
        """What is compared"""
        self.inference: list[Row] = []
        """Rows of the table of what survives correction"""
        self.stability: list[Row] = []
        """Rows of the table of what single participants change"""
        self.attribution: list[Row] = []
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

    def image(
        self,
        name: str,
        values: Any,
        volume: Volume,
        outside: float,
        facts: Mapping[str, object],
        dtype: DTypeLike = np.float32,
    ) -> None:
        """Write a map with its sidecar."""
        content = map_bytes(values, volume, outside, dtype=dtype, space=self.space)
        write_bytes(self.path(f"{name}.nii.gz"), content)
        write_json(self.path(f"{name}.json"), self.described(facts))

    def write_table(
        self,
        schema: Schema,
        name: str,
        rows: Iterable[Mapping[str, object]],
        facts: Mapping[str, object],
        header: Sequence[str] = (),
    ) -> None:
        """Write a table, and its sidecar with some facts behind the columns."""
        self.numbers.write(schema, self.table_path(name), rows, facts, header)

    def described(self, facts: Mapping[str, object]) -> dict[str, object]:
        """What a sidecar says: some facts, the space, and who made it."""
        return {**facts, **spatial_reference(self.space), **GENERATED_BY}

    def contrast(self, fitted: FittedGroup) -> None:
        """Write everything of one contrast of the participants' models."""
        self._write_design(fitted)
        for backend, level in fitted.levels.items():
            about = {"Sources": fitted.sources[backend], **backend_facts(backend)}
            name = mask_name(self.name, fitted.label, backend)
            self.image(name, level.mask, fitted.volume, 0, {"Type": "Brain", **about}, np.uint8)
            for maps, found in zip(level.maps, level.inference.contrasts, strict=True):
                facts = {**about, **group_facts(fitted, maps), **level.variance}
                label = group_label(fitted.label, maps)
                for stat, values in stats_of(maps):
                    image = map_name(self.name, stat, backend, label)
                    unit = fitted.units.get(backend) if stat == "effect" else None
                    told = {"StatisticType": stat, **facts, **({"Units": unit} if unit else {})}
                    self.image(image, values, fitted.volume, OUTSIDE[stat], told)
                table = clusters_name(self.name, backend, label)
                self.write_table(
                    BACKENDS[backend].CLUSTERS,
                    table,
                    found.clusters,
                    self.described({**facts, **found.facts}),
                )
        for pair in fitted.pairs:
            self._write_differences(fitted, pair)
        self._note_agreement(fitted)

    def _write_design(self, fitted: FittedGroup) -> None:
        name = f"{stem(self.name, fitted.label)}_design"
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

    def _write_differences(self, fitted: FittedGroup, pair: Pair) -> None:
        """Maps of one package less those of another."""
        one, base = (fitted.levels[name] for name in pair)
        both = one.mask & base.mask
        for first, second in zip(one.maps, base.maps, strict=True):
            text = f"{pair.first} minus {pair.reference}, in the voxels of both"
            facts = {**group_facts(fitted, first), "Description": text}
            others = dict(stats_of(second))
            for stat, values in stats_of(first):
                if stat in ("effect", "t", "F"):
                    difference = np.where(both, values - others[stat], OUTSIDE[stat])
                    name = map_name(self.name, stat, pair.label, group_label(fitted.label, first))
                    told = {"StatisticType": stat, **facts}
                    self.image(name, difference, fitted.volume, OUTSIDE[stat], told)

    def _note_agreement(self, fitted: FittedGroup) -> None:
        """Rows on how well the packages' maps agree: with the columns of all pairs, and of every two."""
        coordinates = fitted.volume.coordinates
        self.pairs = fitted.pairs
        for index, maps in enumerate(fitted.maps):
            shared = {**fitted.keys(maps), "contrast_name": fitted.name}
            variance = {
                f"variance_{name}": str(level.variance["VarianceModel"])
                for name, level in fitted.levels.items()
                if name == DEFAULT_PAIR.first
            }
            rows: dict[str, Row] = {}
            for pair in fitted.pairs:
                both, fwe = _compared(fitted, index, pair), _heights(fitted, index, pair)
                for row in agreement(both, coordinates, fwe):
                    rows.setdefault(str(row["map"]), {}).update(with_suffix(row, pair))
            self.rows += [{**row, **shared, **variance} for row in rows.values()]
            self.matrix += [{**row, **shared} for row in _every_pair(fitted, index)]

    def tables(self) -> None:
        """Write the tables: agreement of the group's maps, what survives correction, why they differ."""
        wanted = (
            (group_agreement_schema(*self.pairs), self.rows, "groupAgreement"),
            (GROUP_PAIRS, self.matrix, "groupPairs"),
            (group_inference_schema(*self.pairs), self.inference, "groupInference"),
            (GROUP_STABILITY, self.stability, "groupStability"),
            (group_attribution_schema(*self.pairs), self.attribution, "groupAttribution"),
        )
        for schema, rows, kind in wanted:
            if rows:
                self.write_table(schema, f"{self.name}_desc-{kind}_metrics", rows, {})


def _compared(fitted: FittedGroup, index: int, pair: Pair) -> BothMaps:
    """Two packages' maps of a contrast."""
    one, base = (fitted.levels[name] for name in pair)
    return BothMaps(one.maps[index], base.maps[index], (one.mask, base.mask), pair)


def _every_pair(fitted: FittedGroup, index: int) -> Iterator[Row]:
    """Every package's map of a contrast beside every other's, where there are more than two."""
    if len(fitted.pairs) < 2:
        return
    for pair in every_pair(fitted.levels, fitted.reference):
        for row in pair_rows(_compared(fitted, index, pair), None, fitted.design.two_sided):
            yield {name: cell for name, cell in row.items() if name in GROUP_PAIRS.names}


def _heights(fitted: FittedGroup, index: int, pair: Pair) -> FweThresholds:
    """Each package's own familywise threshold."""
    first, second = (fitted.levels[b].inference.contrasts[index].thresholds.fwe05 for b in pair)
    return FweThresholds(first, second, fitted.design.two_sided)
