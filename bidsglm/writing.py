"""A fitted unit -> its files: maps, designs, agreement table, and the summary that makes it finished."""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import bidsglm
from bidsglm.compare.agreement import COLUMNS, FweThresholds, agreement
from bidsglm.dataset.images import map_bytes
from bidsglm.dataset.outputs import (
    clusters_name,
    map_name,
    read_json,
    write_bytes,
    write_json,
    write_table,
)
from bidsglm.model import ContrastMaps, DesignMatrix, Floats, Unit, Volume
from bidsglm.report.methods import effect_units, paragraphs, setting_rows
from bidsglm.unit import Fit, Fitted, run_label

OUTSIDE = {"effect": math.nan, "variance": math.nan, "t": 0.0, "F": 0.0, "z": 0.0, "p": 1.0}
"""Value of a map outside its mask."""

DIFFERENCE = "difference"


class UnitWriter:
    """Writes files of one unit and remembers their names."""

    def __init__(self, fitted: Fitted, output_dir: Path) -> None:
        self.fitted = fitted
        self.unit: Unit = fitted.prepared.unit
        self.volume: Volume = fitted.data.volume
        self.output_dir = output_dir
        self.files: list[str] = []

    def path(self, name: str) -> Path:
        """Full path of a file in the unit's folder, noted as written."""
        relative = f"{self.unit.folder}/{name}"
        self.files.append(relative)
        return self.output_dir / relative

    def sidecar(self, **facts: object) -> dict[str, object]:
        """What every sidecar of this unit says, and more."""
        sources = [
            uri for run in self.unit.runs for key, uri in run.sources.items() if key in ("bold", "mask")
        ]
        space = self.unit.entities.get("space", "")
        reference = {"SpatialReference": space} if space else {}
        made = {"GeneratedBy": [{"Name": "bidsglm", "Version": bidsglm.__version__}]}
        return {"Sources": sources, **reference, **facts, **made}

    def image(self, name: str, values: Floats, outside: float, facts: Mapping[str, object]) -> None:
        """Write a map (or one volume for each row of values) with its sidecar."""
        space = self.unit.entities.get("space", "")
        content = map_bytes(values, self.volume, outside, space=space)
        write_bytes(self.path(f"{name}.nii.gz"), content)
        write_json(self.path(f"{name}.json"), self.sidecar(**facts))


def backend_facts(backend: str) -> dict[str, object]:
    """Backend and version, as sidecars give them."""
    package = {"Package": "nilearn", "PackageVersion": version("nilearn")}
    own = {"Package": "bidsglm (equivalent to SPM12 r7771)", "PackageVersion": bidsglm.__version__}
    return {"Backend": backend, **(own if backend == "spm" else package)}


def _contrast_facts(maps: ContrastMaps, unit: Unit) -> dict[str, object]:
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


def _degrees_of_freedom(maps: ContrastMaps) -> dict[str, object]:
    named: dict[str, object] = {"DegreesOfFreedom": maps.dof[-1]}
    return {**named, "NumeratorDegreesOfFreedom": maps.dof[0]} if len(maps.dof) == 2 else named


def _stats(maps: ContrastMaps) -> Iterator[tuple[str, Floats]]:
    """A contrast's maps by the name of their statistic."""
    if maps.effect is not None and maps.variance is not None:
        yield "effect", maps.effect
        yield "variance", maps.variance
    yield maps.specification.test, maps.stat
    yield "z", maps.z
    yield "p", maps.p


def _write_contrasts(writer: UnitWriter, backend: str, fit: Fit) -> None:
    for maps in fit.maps:
        facts = {**_contrast_facts(maps, writer.unit), **_degrees_of_freedom(maps), **backend_facts(backend)}
        for stat, values in _stats(maps):
            name = map_name(writer.unit.prefix, stat, backend, maps.specification.label)
            writer.image(name, values, OUTSIDE[stat], {"StatisticType": stat, **facts})


def _write_differences(writer: UnitWriter) -> None:
    """Maps of spm minus nilearn, in the voxels of both masks."""
    spm, nilearn = writer.fitted.fits["spm"], writer.fitted.fits["nilearn"]
    both = spm.mask & nilearn.mask
    for first, second in zip(spm.maps, nilearn.maps, strict=True):
        facts = {
            **_contrast_facts(first, writer.unit),
            "Description": "spm minus nilearn, in the voxels of both",
        }
        maps = dict(_stats(second))
        for stat, values in _stats(first):
            if stat in ("effect", "t", "F"):
                difference = np.where(both, values - maps[stat], OUTSIDE[stat])
                name = map_name(writer.unit.prefix, stat, DIFFERENCE, first.specification.label)
                writer.image(name, difference, OUTSIDE[stat], {"StatisticType": stat, **facts})


def _write_backend(writer: UnitWriter, backend: str, fit: Fit) -> None:
    """Mask, residual mean square, designs and betas."""
    facts = backend_facts(backend)
    mask = map_bytes(fit.mask, writer.volume, 0, dtype=np.uint8, space=writer.unit.entities.get("space", ""))
    name = f"{writer.unit.prefix}_desc-{backend}_mask"
    write_bytes(writer.path(f"{name}.nii.gz"), mask)
    write_json(writer.path(f"{name}.json"), writer.sidecar(Type="Brain", **facts))
    resms = map_name(writer.unit.prefix, "resms", backend)
    writer.image(resms, fit.residual_mean_square, math.nan, {"DegreesOfFreedom": fit.dof, **facts})
    designs = writer.fitted.prepared.designs[backend]
    for prefix, design, betas in zip(writer.unit.run_prefixes, designs, fit.betas, strict=True):
        _write_design(writer, f"{prefix}_desc-{backend}_design", design, facts)
        columns = {
            "Columns": design.names,
            "Description": "volume i is the estimate of column i of the design",
        }
        writer.image(map_name(prefix, "beta", backend), betas, math.nan, {**columns, **facts})


def _write_design(writer: UnitWriter, name: str, design: DesignMatrix, facts: Mapping[str, object]) -> None:
    write_table(writer.path(f"{name}.tsv"), design.names, design.matrix)
    filtered = design.high_pass_basis.shape[1]
    about = {
        "Description": "design matrix of a run, one column for each regressor, one row for each scan",
        "HighPassFilter": f"{filtered} cosines removed by projection, not among the columns"
        if filtered
        else "drift terms, if any, are among the columns",
    }
    write_json(writer.path(f"{name}.json"), {**about, **facts})


def voxel_coordinates(volume: Volume) -> Floats:
    """Millimetre coordinates (n_voxels, 3) of the columns of a volume.

    >>> voxel_coordinates(Volume((1, 1, 2), np.diag([2.0, 2, 3, 1]), np.ones((1, 1, 2), bool)))
    array([[0., 0., 0.],
           [0., 0., 3.]])
    """
    indices = np.argwhere(volume.voxels)
    return np.asarray(indices @ volume.affine[:3, :3].T + volume.affine[:3, 3])


def _write_agreement(writer: UnitWriter) -> None:
    """One row for each contrast and map."""
    spm, nilearn = writer.fitted.fits["spm"], writer.fitted.fits["nilearn"]
    coordinates = voxel_coordinates(writer.volume)
    rows = []
    for index, (first, second) in enumerate(zip(spm.maps, nilearn.maps, strict=True)):
        fwe = FweThresholds(*(fit.inference.contrasts[index].thresholds.fwe05 for fit in (spm, nilearn)))
        for row in agreement(first, second, spm.mask, nilearn.mask, coordinates, fwe):
            label = {"contrast": first.specification.label}
            rows.append({**row, **label, "contrast_name": first.specification.name})
    columns = list(dict.fromkeys(key for row in rows for key in row))
    name = f"{writer.unit.prefix}_desc-agreement_metrics"
    write_table(writer.path(f"{name}.tsv"), columns, [[row.get(key) for key in columns] for row in rows])
    described = {key: {"Description": text} for key, text in COLUMNS.items() if key in columns}
    described["contrast_name"] = {"Description": "the contrast's name in the model"}
    write_json(writer.path(f"{name}.json"), described)


def _write_clusters(writer: UnitWriter, backend: str, fit: Fit) -> None:
    """Table of clusters and peaks of each contrast; its header alone where nothing is significant."""
    for maps, found in zip(fit.maps, fit.inference.contrasts, strict=True):
        name = clusters_name(writer.unit.prefix, backend, maps.specification.label)
        write_table(writer.path(f"{name}.tsv"), list(found.table.columns), found.table.rows)
        columns = {column: {"Description": text} for column, text in found.table.columns.items()}
        facts = {**_contrast_facts(maps, writer.unit), **_degrees_of_freedom(maps), **backend_facts(backend)}
        write_json(writer.path(f"{name}.json"), {**columns, **writer.sidecar(**facts, **found.facts)})


def _write_background(writer: UnitWriter) -> None:
    """Mean image over the scans of the first run, what the report lays the maps on."""
    series = next(iter(writer.fitted.data.series.values()))[0]
    step = 20_000  # columns at a time, so that no float64 copy of the run is made
    parts = [
        series.values(slice(start, start + step)).mean(axis=0) for start in range(0, series.n_voxels, step)
    ]
    name = f"{writer.unit.prefix}_desc-mean_boldref"
    writer.image(name, np.concatenate(parts), 0.0, {"Description": "mean over the scans of the first run"})


def _run_facts(fitted: Fitted, index: int) -> dict[str, object]:
    """What the report says of a run's input."""
    unit, paradigm = fitted.prepared.unit, fitted.prepared.paradigms[index]
    run = unit.runs[index]
    return {
        "prefix": unit.run_prefixes[index],
        "label": run_label(unit.run_prefixes[index]),
        "files": {
            key: str(getattr(run, key))
            for key in ("bold", "events", "confounds", "mask")
            if getattr(run, key)
        },
        "sources": dict(run.sources),
        "n_scans": run.n_scans,
        "repetition_time": run.repetition_time,
        "start_time": run.start_time,
        "high_pass": fitted.prepared.model.high_pass,
        "events": {condition.name: condition.onsets.size for condition in paradigm.conditions},
        "confounds": paradigm.confound_names,
    }


def _contrast_summary(fitted: Fitted, index: int) -> dict[str, object]:
    """What the report says of a contrast."""
    maps = {name: fit.maps[index] for name, fit in fitted.fits.items()}
    first = next(iter(maps.values()))
    facts = _contrast_facts(first, fitted.prepared.unit)
    return {
        "name": first.specification.name,
        "label": first.specification.label,
        "test": first.specification.test,
        "conditions": facts["ContrastConditions"],
        "weights": facts["ContrastWeights"],
        "runs": facts["ContrastRuns"],
        "dof": {name: m.dof for name, m in maps.items()},
        "thresholds": {
            name: fit.inference.contrasts[index].thresholds._asdict() for name, fit in fitted.fits.items()
        },
    }


def unit_summary(fitted: Fitted, digest: str, started: datetime) -> dict[str, Any]:
    """Everything about a finished unit that the page, the group level and a later run want to know."""
    prepared = fitted.prepared
    first = next(iter(fitted.fits.values()))
    backends = tuple(fitted.fits)
    return {
        "status": "finished",
        "bidsglm_version": bidsglm.__version__,
        "digest": digest,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
        "participant": prepared.unit.participant,
        "entities": dict(prepared.unit.entities),
        "prefix": prepared.unit.prefix,
        "folder": prepared.unit.folder,
        "backends": backends,
        "model": prepared.model.name,
        "automatic": prepared.model.automatic,
        "runs": [_run_facts(fitted, i) for i in range(len(prepared.unit.runs))],
        "settings": [list(row) for row in setting_rows(prepared.model, prepared.paradigms)],
        "methods": paragraphs(prepared.model, prepared.paradigms, backends),
        "effect_units": effect_units(prepared.model),
        "contrasts": [_contrast_summary(fitted, i) for i in range(len(first.maps))],
        "estimates": {
            name: {
                "n_voxels": int(fit.mask.sum()),
                "dof": fit.dof,
                "fwhm_mm": fit.inference.fwhm_mm,
                "noise": dict(fit.noise),
            }
            for name, fit in fitted.fits.items()
        },
        "warnings": list(dict.fromkeys((*prepared.model.notes, *fitted.notes))),
        "errors": [],
    }


def summary_path(output_dir: Path, unit: Unit) -> Path:
    """Where a unit's summary stands; a unit is finished when it says so."""
    return output_dir / unit.folder / f"{unit.prefix}_desc-bidsglm_summary.json"


def write_unit(fitted: Fitted, output_dir: Path, digest: str, started: datetime) -> None:
    """Write all files of a fitted unit, the summary last; then remove what only an earlier run had.

    Raises
    ------
    CannotCreateError, ReadWriteError
        When a file cannot be written; nothing half-written stands under a final name.
    """
    writer = UnitWriter(fitted, output_dir)
    for backend, fit in fitted.fits.items():
        _write_backend(writer, backend, fit)
        _write_contrasts(writer, backend, fit)
        _write_clusters(writer, backend, fit)
    if len(fitted.fits) == 2:
        _write_differences(writer)
        _write_agreement(writer)
    _write_background(writer)
    path = summary_path(output_dir, writer.unit)
    earlier = read_json(path).get("files", []) if path.exists() else []
    write_json(path, {**unit_summary(fitted, digest, started), "files": writer.files})
    for relative in set(earlier) - set(writer.files):
        (output_dir / relative).unlink(missing_ok=True)
