"""The calibration as an add-on of a finished unit (`--calibrate N`)."""

import hashlib
import json
import multiprocessing
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bidsglm.add_ons import AddOn, FinishedUnit, Written
from bidsglm.calibration.experiment import Source, experiment, sampled_voxels
from bidsglm.calibration.simulation import requests, simulations
from bidsglm.data import Unit
from bidsglm.dataset.images import read_data
from bidsglm.dataset.nifti import read_map
from bidsglm.messages import LOG, progress_bar
from bidsglm.model import Mask, ModelSpecification
from bidsglm.outputs.calibration_tables import CALIBRATION, CURVES
from bidsglm.outputs.sidecars import CalibrationFacts
from bidsglm.packages import analyses
from bidsglm.pairs import base_of
from bidsglm.settings import Settings
from bidsglm.simulation.noise import NOISES
from bidsglm.simulation.outcomes import curve_rows, metric_rows
from bidsglm.unit.preparation import prepare

NAME = "calibration"
REPORTED = 8
"""Lines in the log that tell how far a calibration is."""


def calibration_add_on(n_data_sets: int, seed: int) -> AddOn:
    """The add-on of `--calibrate`, which may take hours."""
    digest = hashlib.sha256(json.dumps([n_data_sets, seed]).encode()).hexdigest()
    return AddOn(NAME, digest, write_calibration, is_slow=True)


def write_calibration(finished: FinishedUnit) -> Written:
    """Simulate, analyse, and write the tables of a unit.

    Raises
    ------
    BidsglmError
        When the unit cannot be calibrated, or its files cannot be read or written.
    """
    settings, unit = finished.settings, finished.unit
    n_datasets, seed = settings.calibrate or 1, settings.random_seed
    backends = tuple(finished.summary["backends"])
    folder = settings.output_dir / unit.folder
    masks = {name: folder / f"{unit.prefix}_desc-{name}_mask.nii.gz" for name in backends}
    source, columns = measured(unit, finished.model, masks)
    made = experiment(source, sampled_voxels(source, columns, seed), seed)
    with _progress(unit.prefix, len(requests(n_datasets, tuple(NOISES)))) as advance:
        found = simulations(made, n_datasets, n_procs=_processes(settings), advance=advance)
    ways = list(analyses(backends))
    labels = [contrast.label for contrast in made.contrasts]
    stem = f"{unit.prefix}_desc-calibration"
    files = [f"{unit.folder}/{stem}{end}" for end in ("_metrics.tsv", "_metrics.json")]
    files += [f"{unit.folder}/{stem}Curves_metrics{end}" for end in (".tsv", ".json")]
    facts = _facts(finished, made.n_voxels, int(columns.size), labels)
    CALIBRATION.write(settings.output_dir / files[0], metric_rows(found, ways, labels), facts)
    CURVES.write(settings.output_dir / files[2], curve_rows(found, ways, labels), facts)
    return Written(files, {"n_datasets": n_datasets, "contrasts": labels, "n_voxels": made.n_voxels})


def _facts(finished: FinishedUnit, n_sample: int, n_mask: int, labels: list[str]) -> CalibrationFacts:
    """What the sidecars say beside their columns."""
    left_out = [c["label"] for c in finished.summary["contrasts"] if c["label"] not in labels]
    return {
        "SimulatedDatasets": finished.settings.calibrate or 0,
        "RandomSeed": finished.settings.random_seed,
        "SampledVoxels": n_sample,
        "MaskVoxels": n_mask,
        "FamilywiseThreshold": "Bonferroni over the sampled voxels, one-sided",
        "ContrastsLeftOut": left_out,
    }


def _processes(settings: Settings) -> int:
    """Participants share the processes; one that is analysed by the main process has them all."""
    return settings.n_processes if multiprocessing.parent_process() is None else 1


@contextmanager
def _progress(prefix: str, total: int) -> Iterator[Any]:
    """Give a function to call after each data set; it moves a bar, and says now and then how far it is."""
    started, done = time.monotonic(), 0

    with progress_bar(total, "data sets") as move:

        def advance() -> None:
            nonlocal done
            done += 1
            move()
            if done % max(1, total // REPORTED) == 0 and done < total:
                left = (time.monotonic() - started) / done * (total - done)
                LOG.info(
                    "%s: calibration, %d of %d data sets, about %s left", prefix, done, total, _span(left)
                )

        yield advance


def _span(seconds: float) -> str:
    """A stretch of time, for people to read.

    >>> _span(12.3), _span(200)
    ('12 s', '3 min')
    """
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def measured(
    unit: Unit, model: ModelSpecification, masks: Mapping[str, Path]
) -> tuple[Source, NDArray[np.intp]]:
    """Read what simulations are made from, and the voxels that every backend analysed, by its mask's file.

    Raises
    ------
    DataError, ReadWriteError
        When a file cannot be read.
    """
    backends = tuple(masks)
    prepared = prepare(unit, model, backends)
    data = read_data(unit.runs, backends, model.spm.mask_threshold, model.smoothing_fwhm)
    inside: Mask = np.logical_and.reduce([read_map(path)[0] > 0 for path in masks.values()])
    # Smoothed data differ a little between the packages; all analyses get the same noise.
    series = data.series[base_of(masks)]
    source = Source(
        model,
        prepared.designs,
        prepared.contrasts,
        frozenset(name for paradigm in prepared.paradigms for name in paradigm.confound_names),
        series,
        tuple(run.repetition_time for run in unit.runs),
    )
    return source, np.flatnonzero(inside[data.volume.voxels])
