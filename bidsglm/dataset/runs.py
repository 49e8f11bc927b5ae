"""The header and the metadata of one preprocessed run."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bidsglm.data import Run
from bidsglm.dataset.index import Index, inherited_metadata, uri
from bidsglm.dataset.masks import Grid, is_same_grid
from bidsglm.dataset.nifti import nifti_header
from bidsglm.dataset.nifti import read_header as read_image_header
from bidsglm.errors import DataError
from bidsglm.inputs import file_size
from bidsglm.model import Floats

LONGEST_REPETITION_TIME = 100.0
"""Seconds; anything above is milliseconds or a mistake."""
SHORTEST_REPETITION_TIME = 0.01
"""Seconds; no sequence takes a whole volume faster."""
HEADER_TOLERANCE = 0.01
"""Share by which header and JSON may differ before the reader should know."""
SAME_REPETITION_TIME = 1e-3
"""Share; what rounding in JSON files can do."""
SECONDS_PER_UNIT = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}


class Files(NamedTuple):
    """A run's files, found but not yet read."""

    dataset: Index
    """Root of the data set that holds the bold."""
    bold: Path
    entities: Mapping[str, str]
    events: Path | None
    confounds: Path | None
    mask: Path | None
    sources: Mapping[str, str]
    notes: tuple[str, ...] = ()


class RunHeader(NamedTuple):
    """What the NIfTI header of a bold file says of its time and place; how values are read is nifti's."""

    shape: tuple[int, ...]
    affine: Floats
    """(4, 4) voxel to mm"""
    repetition_time: float | None
    """s; None where the header has no plausible one"""
    offset: float = 0.0
    """s; when the series begins (NIfTI's toffset)"""

    @property
    def grid(self) -> Grid:
        """Places of its voxels."""
        x, y, z = self.shape[:3]
        return Grid((x, y, z), self.affine)


def read_header(path: Path) -> RunHeader:
    """Read the header of a preprocessed run.

    Raises
    ------
    ReadWriteError
        The file is absent, empty, truncated or no NIfTI image.
    DataError
        It is not 4-D or has fewer than two scans.
    """
    file_size(path)
    image = read_image_header(path)
    if image.n_volumes < 2:
        raise DataError(
            f"{path}: has shape {image.shape}, not that of a series of volumes; exclude the run "
            "(--run-label, --bids-filter-file) or replace the file"
        )
    header = nifti_header(path)
    try:
        unit = header.get_xyzt_units()[1]
    except KeyError:
        unit = "unknown"
    seconds = header_repetition_time(float(header.get_zooms()[3]), unit)
    return RunHeader(image.shape, image.affine, seconds, _offset(header, unit))


def _offset(header: Any, unit: str) -> float:
    seconds = float(header["toffset"]) * SECONDS_PER_UNIT.get(unit, 1.0)
    return seconds if math.isfinite(seconds) else 0.0


def header_repetition_time(step: float, unit: str) -> float | None:
    """Convert pixdim[4] by the header's time unit to seconds; None where implausible.

    >>> header_repetition_time(2000.0, "msec"), header_repetition_time(2000.0, "unknown")
    (2.0, 2.0)
    >>> header_repetition_time(0.0, "sec") is None
    True
    """
    seconds = step * SECONDS_PER_UNIT.get(unit, 1.0)
    if unit not in SECONDS_PER_UNIT and seconds > LONGEST_REPETITION_TIME:
        seconds = step * SECONDS_PER_UNIT["msec"]
    plausible = SHORTEST_REPETITION_TIME <= seconds <= LONGEST_REPETITION_TIME
    return round(seconds, 6) if plausible else None


def read_run(files: Files, raw: Index) -> tuple[Run, RunHeader]:
    """Complete a run by its header and metadata.

    Raises
    ------
    ReadWriteError
        The bold file cannot be read, or the content of another one is not here.
    DataError
        No repetition time is known, or the metadata make no sense.
    """
    header = read_header(files.bold)
    for path in filter(None, (files.mask, files.confounds, files.events)):
        file_size(path)
    if files.mask is not None:
        read_image_header(files.mask)  # what is wrong with it is known before anything is fitted
    metadata = inherited_metadata(files.dataset, files.bold.name, files.entities)
    repetition_time, notes = _repetition_time(files, raw, metadata, header)
    run = Run(
        entities={key: label for key, label in files.entities.items() if key != "desc"},
        bold=files.bold,
        events=files.events,
        confounds=files.confounds,
        mask=files.mask,
        n_scans=header.shape[3],
        repetition_time=repetition_time,
        start_time=_start_time(files.bold, metadata, repetition_time),
        sources={"bold": uri(files.dataset, files.bold), **files.sources},
        notes=(*files.notes, *notes),
    )
    return run, header


def check_alike(runs: list[tuple[Run, RunHeader]]) -> None:
    """Refuse runs that cannot be fitted together.

    Raises
    ------
    DataError
        Naming two files whose grids or repetition times differ.
    """
    first, header = runs[0]
    remedy = "fit them apart (--run-label, --task-label, --bids-filter-file) or resample one"
    for run, other in runs[1:]:
        pair = f"{first.bold} and {run.bold}"
        if header.shape[:3] != other.shape[:3]:
            raise DataError(
                f"{pair}: different grids, {header.shape[:3]} and {other.shape[:3]} voxels; {remedy}"
            )
        if not is_same_grid(header.grid, other.grid):
            raise DataError(f"{pair}: different grids, their affines differ; {remedy}")
        if not math.isclose(first.repetition_time, run.repetition_time, rel_tol=SAME_REPETITION_TIME):
            raise DataError(
                f"{pair}: repetition times of {first.repetition_time:g} s and {run.repetition_time:g} s; "
                "fit them apart (--run-label, --task-label, --bids-filter-file) or correct the JSON files"
            )


def _repetition_time(
    files: Files, raw: Index, metadata: Mapping[str, Any], header: RunHeader
) -> tuple[float, tuple[str, ...]]:
    path = files.bold
    stated = metadata.get("RepetitionTime")
    if stated is None:
        metadata = inherited_metadata(raw, path.name, files.entities)
        stated = metadata.get("RepetitionTime")
    if stated is None and "VolumeTiming" in metadata:
        raise DataError(f"{path}: VolumeTiming without RepetitionTime is not supported; exclude the run")
    if stated is None:
        if header.repetition_time is None:
            raise DataError(
                f"{path}: no RepetitionTime in its JSON file or header; add it (in s) to the JSON file"
            )
        return header.repetition_time, (f"{path.name}: no RepetitionTime in JSON; the header's was used",)
    if not _is_number(stated) or not SHORTEST_REPETITION_TIME <= stated <= LONGEST_REPETITION_TIME:
        raise DataError(f"{path}: RepetitionTime {stated!r} in its JSON file is no time in s; correct it")
    seconds = float(stated)
    if header.repetition_time and not math.isclose(seconds, header.repetition_time, rel_tol=HEADER_TOLERANCE):
        return seconds, (
            f"{path.name}: RepetitionTime is {seconds:g} s in JSON but {header.repetition_time:g} s in the "
            "header; the JSON file's was used",
        )
    return seconds, ()


def _start_time(path: Path, metadata: Mapping[str, Any], repetition_time: float) -> float | None:
    stated = metadata.get("StartTime")
    if stated is None:
        return None
    if not _is_number(stated) or not 0 <= stated <= repetition_time:
        raise DataError(
            f"{path}: StartTime {stated!r} in its JSON file lies outside the repetition time; "
            "correct or remove it (give the number of volumes cut at the start with --drop-first)"
        )
    return float(stated)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
