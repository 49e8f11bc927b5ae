"""The files of a unit as records of what is on disk."""

from collections.abc import Mapping
from copy import copy
from functools import cached_property

import numpy as np

from bidsglm.backends import BACKENDS
from bidsglm.data import DesignMatrix
from bidsglm.dataset.nifti import EVERYWHERE
from bidsglm.model import Floats, Mask
from bidsglm.outputs.fit_tables import DESIGN
from bidsglm.outputs.names import clusters_name, map_name, read_text
from bidsglm.outputs.schema import Row
from bidsglm.outputs.summaries import compared
from bidsglm.outputs.summary_form import ContrastForm, RunForm
from bidsglm.outputs.unit_tables import PAIRS, agreement_schema, attribution_schema, of_pair
from bidsglm.packages import PACKAGES, REFERENCE
from bidsglm.pages.reasons import reach, read_breakdowns
from bidsglm.pairs import Pair, base_of
from bidsglm.process.cores import each
from bidsglm.report.breakdowns import Breakdown, Reach
from bidsglm.report.cluster_tables import ClusterReport
from bidsglm.report.code import CodeReport
from bidsglm.report.contrast_images import EFFECT_UNITS, ContrastImages
from bidsglm.report.rendering import Links
from bidsglm.report.slices import Box, affine_of_part
from bidsglm.spm.highpass import dct_basis
from bidsglm.unit.maps import UnitMaps


class UnitFiles(UnitMaps):
    """Reads all files of a finished unit that a page shows."""

    box: Box = EVERYWHERE
    """Part of the maps that is read"""

    def within(self, box: Box) -> "UnitFiles":
        """The same files of which only a part of the maps is read, for pictures that show no more."""
        found = copy(self)
        found.box = box
        return found

    def map(self, name: str, part: Box | None = None) -> tuple[Floats, Floats]:
        """A map (x, y, z), or the part of it, and the affine of what is read."""
        box = part or self.box
        values, affine = super().map(name, box)
        return values, affine_of_part(affine, box)

    @cached_property
    def background(self) -> tuple[Floats, Floats, str]:
        """What maps are shown on, its affine and its name."""
        values, affine = self.map(f"{self.prefix}_desc-mean_boldref")
        anatomy = f"{self.prefix}_desc-underlay_T1w"
        if (self.folder / f"{anatomy}.nii.gz").exists():
            return self.map(anatomy)[0], affine, "T1w image"
        return values, affine, "mean bold image"

    def design(self, run: RunForm, backend: str) -> DesignMatrix:
        """A run's design matrix, the filter rebuilt from its cut-off."""
        rows = DESIGN.read(self.folder / f"{run['prefix']}_desc-{backend}_design.tsv")
        names = tuple(rows[0])
        matrix = np.array([list(row.values()) for row in rows])
        time, cutoff = run["repetition_time"], float(run["high_pass"] or np.inf)
        basis = dct_basis(len(rows), time, cutoff if PACKAGES[backend].projects_filter else np.inf)
        return DesignMatrix(names, matrix, basis, time)

    def contrast_images(self, contrast: ContrastForm, masks: Mapping[str, Mask]) -> ContrastImages:
        """The maps of a contrast with their background."""
        background, affine, underlay = self.background
        stats = ("effect", "t", "p") if contrast["test"] == "t" else ("F", "p")
        wanted = [map_name(self.prefix, stat, b, contrast["label"]) for stat in stats for b in masks]
        read = iter(each(lambda name: self.map(name)[0], wanted))
        maps = {stat: {b: next(read) for b in masks} for stat in stats}
        name, units = contrast["name"], self.summary.get("effect_units", EFFECT_UNITS)
        reference = base_of(masks, str(self.summary.get("reference") or REFERENCE))
        return ContrastImages(
            name, contrast["label"], maps, masks, background, affine, units, underlay, reference
        )

    def clusters(self, contrast: ContrastForm) -> tuple[ClusterReport, ...]:
        """Clusters of a contrast, of each backend."""
        names = {
            b: clusters_name(self.prefix, b, contrast["label"]) + ".tsv" for b in self.summary["backends"]
        }
        return tuple(
            ClusterReport(
                backend,
                contrast["test"],
                contrast["thresholds"][backend],
                tuple(self.summary["estimates"][backend]["fwhm_mm"] or ()),
                tuple(BACKENDS[backend].CLUSTERS.read(self.folder / name)),
                f"{self.summary['folder']}/{name}",
            )
            for backend, name in names.items()
        )

    def code(self) -> tuple[CodeReport, ...]:
        """Scripts that give the maps, those that are still there."""
        entry = self.summary.get("supplements", {}).get("code", {})
        paths = {backend: self.output_dir / path for backend, path in entry.get("scripts", {}).items()}
        return tuple(
            CodeReport(backend, path.relative_to(self.output_dir).as_posix(), read_text(path))
            for backend, path in paths.items()
            if path.exists()
        )

    def links(self) -> Links:
        """Tables that there are, relative to the page."""
        agreement, steps, pairs = (
            self._link(f"{self.prefix}_desc-{kind}_metrics.tsv")
            for kind in ("agreement", "attribution", "pairs")
        )
        tables = {
            pair: attribution_schema(pair).path(self.folder, self.prefix).name
            for pair in self.pairs
            if not pair.is_default
        }
        return Links(agreement, steps, pairs, {pair: self._link(name) for pair, name in tables.items()})

    def _link(self, name: str) -> str:
        """A file relative to the page; empty where there is none."""
        return f"{self.summary['folder']}/{name}" if (self.folder / name).exists() else ""

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """What is compared with the reference; nothing with a single backend."""
        return compared(self.summary)

    def agreement(self) -> dict[Pair, list[Row]]:
        """Rows of the agreement table by pair; none with a single backend."""
        rows = agreement_schema(*self.pairs).rows_in(self.folder, self.prefix)
        return {pair: [of_pair(row, pair) for row in rows] for pair in self.pairs}

    def breakdowns(self) -> dict[Pair, dict[str, tuple[Breakdown, ...]]]:
        """Pair -> contrast's label -> why its maps differ."""
        return {pair: read_breakdowns(self.folder, self.prefix, pair) for pair in self.pairs}

    def reaches(self) -> dict[Pair, Reach]:
        """How far the attribution of each pair can be trusted; nothing where there is none."""
        return {pair: found for pair in self.pairs if (found := reach(self.summary, pair))}

    def every_pair(self) -> tuple[Row, ...]:
        """Rows of the table of all pairs; none with two backends or fewer."""
        return PAIRS.rows_in(self.folder, self.prefix)
