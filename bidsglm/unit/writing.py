"""A fitted unit -> its files: maps, designs, tables, and the summary that makes it finished."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from bidsglm.attribution.engine import Explanation
from bidsglm.backends import BACKENDS
from bidsglm.data import DesignMatrix, TimeSeries, Unit
from bidsglm.diagnosis.intensity_checks import without_unit
from bidsglm.errors import ReadWriteError
from bidsglm.model import Floats
from bidsglm.outputs.confinement import remove_own
from bidsglm.outputs.fit_tables import DESIGN
from bidsglm.outputs.names import (
    clusters_name,
    map_name,
)
from bidsglm.outputs.summaries import all_files, earlier_summary
from bidsglm.outputs.summary_reading import write_summary
from bidsglm.outputs.writes import together
from bidsglm.pairs import DEFAULT_PAIR
from bidsglm.process.cores import errands
from bidsglm.unit.comparison import (
    write_agreement,
    write_attributions,
    write_diagnosis,
    write_differences,
    write_pairs,
)
from bidsglm.unit.files import (
    OUTSIDE,
    UnitWriter,
    backend_facts,
    contrast_facts,
    degrees_of_freedom,
    fit_facts,
    stats_of,
)
from bidsglm.unit.fit import Fitted, PackageFit
from bidsglm.unit.scales import write_scales
from bidsglm.unit.summary import Stamp, summary_path, unit_summary


def _write_contrasts(writer: UnitWriter, backend: str, fit: PackageFit) -> None:
    model, fitted = writer.fitted.prepared.model, tuple(writer.fitted.fits)
    without = without_unit(writer.fitted.review.runs, model, fitted)
    unit = {"Units": without.get(backend) or BACKENDS[backend].effect_unit(model)}
    for maps in fit.maps:
        facts = {**contrast_facts(maps, writer.unit), **degrees_of_freedom(maps), **fit_facts(backend, fit)}
        for stat, values in stats_of(maps):
            name = map_name(writer.unit.prefix, stat, backend, maps.specification.label)
            own = unit if stat == "effect" else {}
            writer.image(name, values, OUTSIDE[stat], {"StatisticType": stat, **own, **facts})


def _write_backend(writer: UnitWriter, backend: str, fit: PackageFit) -> None:
    """Mask, residual mean square, designs and betas."""
    facts = backend_facts(backend)
    name = f"{writer.unit.prefix}_desc-{backend}_mask"
    writer.image(name, fit.mask, 0.0, {"Type": "Brain", **facts}, dtype=np.uint8)
    resms = map_name(writer.unit.prefix, "resms", backend)
    about_fit = fit_facts(backend, fit)
    writer.image(resms, fit.residual_mean_square, math.nan, {"DegreesOfFreedom": fit.dof, **about_fit})
    for label, values in fit.noise_maps.items():
        about = {"Description": f"{label.upper()} parameter of each voxel's noise", **facts}
        writer.image(map_name(writer.unit.prefix, label, backend), values, math.nan, about)
    designs = writer.fitted.prepared.designs[backend]
    for prefix, design, betas in zip(writer.unit.run_prefixes, designs, fit.betas, strict=True):
        _write_design(writer, f"{prefix}_desc-{backend}_design", design, facts)
        columns = {
            "Columns": design.names,
            "Description": "volume i is the estimate of column i of the design",
        }
        writer.image(map_name(prefix, "beta", backend), betas, math.nan, {**columns, **about_fit})


def _write_design(writer: UnitWriter, name: str, design: DesignMatrix, facts: Mapping[str, object]) -> None:
    projected = design.high_pass_basis.shape[1]
    drifts = sum(column.startswith("drift_") for column in design.names)
    filtered = f"{drifts} drift terms among the columns" if drifts else "none"
    about = {
        "Description": "design matrix of a run, one column for each regressor, one row for each scan",
        "HighPassFilter": design.filtered
        or (f"{projected} cosines removed by projection, not among the columns" if projected else filtered),
    }
    rows = (dict(zip(design.names, row, strict=True)) for row in design.matrix.tolist())
    writer.table(DESIGN, name, rows, {**about, **facts}, design.names)


def _write_clusters(writer: UnitWriter, backend: str, fit: PackageFit) -> None:
    """Table of clusters and peaks of each contrast; its header alone where nothing is significant."""
    for maps, found in zip(fit.maps, fit.inference.contrasts, strict=True):
        name = clusters_name(writer.unit.prefix, backend, maps.specification.label)
        facts = {**contrast_facts(maps, writer.unit), **degrees_of_freedom(maps), **backend_facts(backend)}
        writer.table(BACKENDS[backend].CLUSTERS, name, found.clusters, writer.sidecar(**facts, **found.facts))


def _write_background(writer: UnitWriter) -> None:
    """Mean image over the scans of the first run, what the report lays the maps on."""
    series = next(iter(writer.fitted.data.series.values()))[0]
    mean = _mean_of_finite(series) if series.mean is None else series.mean
    name = f"{writer.unit.prefix}_desc-mean_boldref"
    writer.image(name, mean, 0.0, {"Description": "mean over the scans of the first run"})


def _mean_of_finite(series: TimeSeries) -> Floats:
    """Mean over the scans, in which one value that is no number counts as 0.

    It would take the contrast from the whole picture.
    """
    step = 20_000  # columns at a time, so that no float64 copy of the run is made
    parts = [
        np.nan_to_num(series.values(slice(start, start + step)), nan=0, posinf=0, neginf=0).mean(axis=0)
        for start in range(0, series.n_voxels, step)
    ]
    return np.asarray(np.concatenate(parts))


def _write_results(
    writer: UnitWriter, explanations: Callable[[], Sequence[Explanation]]
) -> dict[str, object]:
    """Write all files but the summary; returns what the summary says of the reasons."""
    for backend, fit in writer.fitted.fits.items():
        _write_backend(writer, backend, fit)
        _write_contrasts(writer, backend, fit)
        _write_clusters(writer, backend, fit)
    if writer.pairs:
        write_differences(writer)
        write_agreement(writer)
    if writer.pairs not in ((), (DEFAULT_PAIR,)):  # whose units have tables of their own
        write_pairs(writer)
    if DEFAULT_PAIR in writer.pairs:
        write_scales(writer)
    reasons = write_diagnosis(writer)
    _write_background(writer)
    reasons |= write_attributions(writer, explanations())
    return reasons


def _unfinished(unit: Unit, digest: str, files: set[str]) -> dict[str, object]:
    """Summary of a unit whose files are just getting their names; it stays when the process is killed."""
    text = (
        f"{unit.prefix}: its results were not yet all written; "
        "if no job is writing them any more, it was interrupted: run the same command again"
    )
    about = {"participant": unit.participant, "entities": dict(unit.entities), "prefix": unit.prefix}
    state = {"status": "unfinished", "digest": digest, "errors": [text], "files": sorted(files)}
    return {**about, "folder": unit.folder, **state}


def check_alone(path: Path, digest: str) -> None:
    """Refuse to call a unit finished whose files another run with other settings wrote at the same time.

    The digest is taken away, so that the other run notices too.
    """
    found = earlier_summary(path)
    if found.get("digest") != digest:
        write_summary(path, {**found, "status": "unfinished", "digest": ""})
        raise ReadWriteError(
            f"{path.parent}: another run with other settings wrote the same results at the same time; "
            "let it end, then run again"
        )


def write_unit(
    fitted: Fitted,
    explanations: Callable[[], Sequence[Explanation]],
    output_dir: Path,
    stamp: Stamp,
    confirm: Callable[[], None] = lambda: None,
) -> None:
    """Write all files of a fitted unit, the summary last; then remove what only an earlier run had.

    Add-ons of an earlier fit are not those of this one: they go too.
    All files get their names together, once all are written, so that a full disk leaves an earlier fit whole.

    Parameters
    ----------
    fitted, output_dir, stamp
        What is written, where to, and by which run.
    explanations
        Gives why its maps differ; called last, as that may still be found out.
    confirm
        Called just before the files get their names; raises when the unit is another job's by then.

    Raises
    ------
    CannotCreateError, ReadWriteError
        When a file cannot be written; nothing half-written stands under a final name.
    """
    path = summary_path(output_dir, fitted.prepared.unit)
    digest = stamp.digest
    with together() as batch:
        with errands() as sent:
            writer = UnitWriter(fitted, output_dir, stamp.reference, sent)
            reasons = _write_results(writer, explanations)
        earlier = all_files(earlier_summary(path)) | set(writer.files)
        write_summary(path, _unfinished(writer.unit, digest, earlier))
        confirm()
        batch.commit(first=path)
    check_alone(path, digest)
    write_summary(path, {**unit_summary(fitted, stamp), **reasons, "files": writer.files})
    remove_own(output_dir, f"sub-{writer.unit.participant}", earlier - set(writer.files))
