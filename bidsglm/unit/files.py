"""Writes a unit's files, each with what its sidecar must say."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bidsglm.backends import BACKENDS
from bidsglm.data import ContrastMaps, Unit, Volume
from bidsglm.dataset.nifti_writing import fortran_positions, map_bytes
from bidsglm.model import Floats
from bidsglm.outputs.folder import FolderWriter
from bidsglm.outputs.names import GENERATED_BY, spatial_reference, write_bytes, write_json
from bidsglm.outputs.schema import Schema
from bidsglm.packages import REFERENCE
from bidsglm.pairs import base_of, pairs_of
from bidsglm.process.cores import Errands
from bidsglm.unit.fit import Fitted, PackageFit
from bidsglm.unit.preparation import run_label

OUTSIDE = {"effect": math.nan, "variance": math.nan, "t": 0.0, "F": 0.0, "z": 0.0, "p": 1.0}
"""Value of a map outside its mask."""


class UnitWriter(FolderWriter):
    """Writes files of one unit and remembers their names."""

    def __init__(
        self, fitted: Fitted, output_dir: Path, reference: str = REFERENCE, sent: Errands | None = None
    ) -> None:
        self.fitted = fitted
        self.reference = base_of(fitted.fits, reference)
        self.pairs = pairs_of(fitted.fits, reference)
        self.unit: Unit = fitted.prepared.unit
        self.volume: Volume = fitted.data.volume
        super().__init__(output_dir, self.unit.folder, self.unit.entities.get("space", ""))
        self.errands = sent or Errands()
        """Maps that are being compressed and written"""

    def sidecar(self, **facts: object) -> dict[str, object]:
        """What every sidecar of this unit says, and more."""
        sources = [
            uri for run in self.unit.runs for key, uri in run.sources.items() if key in ("bold", "mask")
        ]
        return {"Sources": sources, **spatial_reference(self.space), **facts, **GENERATED_BY}

    @cached_property
    def _positions(self) -> NDArray[np.intp]:
        """Where the columns stand in a file."""
        return fortran_positions(self.volume.voxels)

    def image(
        self,
        name: str,
        values: NDArray[np.generic],
        outside: float,
        facts: Mapping[str, object],
        dtype: DTypeLike = np.float32,
    ) -> None:
        """Write a map (a volume for each row of values, which nobody changes any more) with its sidecar."""
        path = self.path(f"{name}.nii.gz")
        how = self.volume, outside, dtype, self.space, self._positions
        self.errands.do(lambda: write_bytes(path, map_bytes(values, *how)))
        write_json(self.path(f"{name}.json"), self.sidecar(**facts))

    def table(
        self,
        schema: Schema,
        name: str,
        rows: Iterable[Mapping[str, object]],
        facts: Mapping[str, object] | None = None,
        header: Sequence[str] = (),
    ) -> None:
        """Write a table, and its sidecar with some facts behind the columns."""
        schema.write(self.table_path(name), rows, facts or {}, header)


def backend_facts(backend: str) -> dict[str, object]:
    """Backend and version, as sidecars give them."""
    return {"Backend": backend, **BACKENDS[backend].software()}


def fit_facts(backend: str, fit: PackageFit) -> dict[str, object]:
    """Backend and version, and how it computed each run where it has a choice."""
    computation = fit.noise.get("computation")
    return {**backend_facts(backend), **({"Computation": computation} if computation else {})}


def contrast_facts(maps: ContrastMaps, unit: Unit) -> dict[str, object]:
    """What the sidecars of a contrast's maps say."""
    spec = maps.specification
    weights = spec.weights[0] if spec.test == "t" else spec.weights
    return {
        "ContrastName": spec.name,
        "ContrastTest": spec.test,
        "ContrastConditions": spec.conditions,
        "ContrastWeights": weights.tolist(),
        "ContrastRuns": [run_label(unit.run_prefixes[i]) for i in maps.runs],
    }


def degrees_of_freedom(maps: ContrastMaps) -> dict[str, object]:
    """Residual degrees of freedom, and those of the numerator of F, as sidecars give them."""
    named: dict[str, object] = {"DegreesOfFreedom": maps.dof[-1]}
    return {**named, "NumeratorDegreesOfFreedom": maps.dof[0]} if len(maps.dof) == 2 else named


def stats_of(maps: ContrastMaps) -> Iterator[tuple[str, Floats]]:
    """A contrast's maps by the name of their statistic."""
    if maps.effect is not None and maps.variance is not None:
        yield "effect", maps.effect
        yield "variance", maps.variance
    yield maps.specification.test, maps.stat
    yield "z", maps.z
    yield "p", maps.p
