"""How much memory fitting a unit needs, told from the headers of its images."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.attribution.sizes import TABULATED
from bidsglm.data import Run, Unit
from bidsglm.dataset.images import kernels
from bidsglm.dataset.masks import grid_of, is_same_grid
from bidsglm.dataset.nifti import Header, read_header, volumes
from bidsglm.dataset.tsv import read_tsv
from bidsglm.errors import BidsglmError, TryLaterError
from bidsglm.model import ModelSpecification
from bidsglm.packages import PACKAGES
from bidsglm.pairs import pairs_of
from bidsglm.process.cores import cores_of_each
from bidsglm.settings import Settings
from bidsglm.statsmodel.globs import matching
from bidsglm.unit.models import Model
from bidsglm.unit.preparation import outline

BASE = 303e6
"""Bytes of Python, its libraries and a page with figures.

Fitted, as those below, to the peaks of whole runs on two cores (docs/hpc.md); they err on the high side."""
PER_GRID_VOXEL = 60.0
"""Bytes of a voxel of the image, inside the brain or not: volumes being read, maps being drawn."""
PER_VOXEL = 950.0
"""Bytes of a voxel that is fitted by two packages side by side, without the maps of contrasts."""
PER_FURTHER_VOXEL = 320.0
"""Bytes of a voxel for each package beyond two: its parameters."""
PER_MAP_VOXEL = 40.0
"""Bytes of a voxel for each package and contrast: five maps, which agreement and differences are made of."""
PER_SCAN = 0.17e6
"""Bytes of a scan of the voxels that are fitted together, in float64."""
PER_SAMPLED_VALUE = 12.5
"""Bytes of a scan of a voxel of the attribution's sample."""
PER_SAMPLED_ROW = 2.1e6
"""Bytes of each row of a contrast in each run, of which the sample's sums are made."""
FREED = 21e6
"""Bytes that the fit needed, and the attribution behind it may have."""
PER_SCAN_OF_PAIR = 3.7e6
"""Bytes of a scan of the blocks of voxels on which any other pair of packages is explained."""
PER_ROW_OF_PAIR = 3.3e6
"""Bytes of the maps of all mixtures of such a pair, for each row of a contrast."""
PER_FURTHER_CORE = 80e6
"""Bytes of what a package, or a block of voxels, is worked on with, for each core beyond two."""
BLOCK_VALUES = 2_000_000
"""Values of voxels that are worked on together: how many cores find something to do."""
PAGE = 110e6
"""Bytes of another participant's page, where it is written beside the fit."""
PER_CALIBRATED_VALUE = 80.0
"""Bytes of a scan of a voxel that a calibration simulates, in the process that reads the images."""
WORKER = 280e6
"""Bytes of a worker process of a calibration, without what it simulates."""
PER_SIMULATED_VALUE = 60.0
"""Bytes of a scan of a voxel in such a process; these three were fitted to peaks of 200 and 600 scans."""
CALIBRATED = 5_000
"""Voxels that a calibration simulates."""
WITH_RIM = 1.2
"""Voxels of a brain and a voxel around it, over those of the brain."""
ROOT = 66
"""Numbers of each scan that the root of a noise model's correlation takes."""
BASELINE = 5
"""Columns of a run for its drifts, about."""
FLOAT64 = 8
BRAIN = 0.5
"""Share of an image taken for brain where no mask file says."""


CONTROL_GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where a container's bound stands, in the second and the first version of control groups."""


class Need(NamedTuple):
    """How much memory something takes, and what makes it so much."""

    n_bytes: int
    reason: str = ""
    """Whose header says how much; empty where nothing could be read."""


def unit_need(unit: Unit, model: ModelSpecification, settings: Settings, n_workers: int = 1) -> Need:
    """Estimate the most memory that fitting a unit takes, and say whose header makes it.

    Raises
    ------
    BidsglmError
        When a header cannot be read.
    """
    headers = [read_header(run.bold) for run in unit.runs]
    grid = int(np.prod(headers[0].shape[:3]))
    n_voxels = min(_mask_size(run, header) for run, header in zip(unit.runs, headers, strict=True))
    if any(PACKAGES[name].own_mask == "robust" for name in settings.backends):
        n_voxels = min(int(n_voxels * WITH_RIM), grid)
    smoothed = model.smoothing_fwhm > 0
    copies = len(kernels(settings.backends)) if smoothed else 1
    per_scan = max(4 * copies if smoothed else header.dtype.itemsize for header in headers)
    n_scans = sum(header.n_volumes for header in headers)
    n_rows, n_further = _n_rows(unit, model, settings), max(len(settings.backends) - 2, 0)
    of_voxel = PER_VOXEL + n_further * PER_FURTHER_VOXEL + len(settings.backends) * n_rows * PER_MAP_VOXEL
    most = n_further + n_scans * n_voxels // BLOCK_VALUES
    beside = max(min(cores_of_each(settings, 1) - 2, most), 0) * PER_FURTHER_CORE
    maps = grid * PER_GRID_VOXEL + n_voxels * of_voxel + beside
    fitted = n_scans * (n_voxels * per_scan + PER_SCAN) + _whitened(unit, model, settings, n_scans)
    fitted += _explained(settings, n_voxels, n_scans, (n_rows, len(unit.runs)))
    if settings.calibrate:
        values = n_scans * min(n_voxels, CALIBRATED)
        simulated = n_scans * n_voxels * per_scan + values * PER_CALIBRATED_VALUE
        workers = n_workers * (WORKER + values * PER_SIMULATED_VALUE) if n_workers > 1 else 0.0
        fitted = max(fitted, simulated + workers)
    size_in_header = " x ".join(map(str, headers[0].shape))
    return Need(
        int(BASE + maps + fitted),
        f"{headers[0].path} is {size_in_header} by its header, {n_scans} scans are fitted together",
    )


def largest_need(units: Iterable[tuple[Unit, Model]], settings: Settings, alone: bool = False) -> Need:
    """Estimate the most memory that a participant takes: that of the largest unit.

    Where nobody else is fitted, all processes are there for the calibration.
    """
    n_workers = settings.n_processes if alone else 1
    needs = (unit_need(unit, model.specification, settings, n_workers) for unit, model in units)
    largest, page = max(needs, default=Need(0)), 0.0 if alone else _page_beside(settings)
    return largest._replace(n_bytes=largest.n_bytes + int(page))


def _page_beside(settings: Settings) -> float:
    """Bytes of the page of the participant before, where one process does several on more than one core."""
    in_turn = settings.n_processes == 1 and not settings.scheduler
    return PAGE if in_turn and cores_of_each(settings, 2) > 1 and not settings.stop_on_first_crash else 0.0


def _explained(settings: Settings, n_voxels: int, n_scans: int, made: tuple[int, int]) -> float:
    """Bytes of the attribution, of one pair after the other; made are rows of contrasts, and runs."""
    n_rows, n_runs = made
    pairs = pairs_of(settings.backends, settings.reference) if settings.attribution else ()
    found = [0.0]
    for pair in pairs:
        sampled = min(n_voxels, TABULATED) * n_scans * PER_SAMPLED_VALUE + n_rows * n_runs * PER_SAMPLED_ROW
        fitted_anew = n_scans * PER_SCAN_OF_PAIR + n_rows * PER_ROW_OF_PAIR
        found.append(sampled - FREED if pair.is_default else fitted_anew)
    return max(found)


def _n_rows(unit: Unit, model: ModelSpecification, settings: Settings) -> int:
    """Rows of all contrasts, by the tables; by the model where something is wrong with them."""
    try:
        contrasts = outline(unit, model, settings.backends).contrasts
    except BidsglmError:
        contrasts = model.contrasts
    return sum(len(np.atleast_2d(contrast.weights)) for contrast in contrasts)


def _whitened(unit: Unit, model: ModelSpecification, settings: Settings, n_scans: int) -> float:
    """Bytes of the noise models that a package lets voxels choose from, each with its whitened design."""
    held = max((PACKAGES[name].noise_models for name in settings.backends), default=1)
    return held * n_scans * (_n_columns(unit, model) + ROOT) * FLOAT64 if held > 1 else 0.0


def _n_columns(unit: Unit, model: ModelSpecification) -> int:
    """Columns of one regression over all runs, by the headers of the confounds."""
    found = len(model.x) * len(model.hrf.suffixes)
    for run in unit.runs:
        names = read_tsv(run.confounds).columns if run.confounds else {}
        confounds = {name for pattern in model.x for name in matching(pattern, names)}
        found += len(confounds) + BASELINE
    return found


def _mask_size(run: Run, header: Header) -> int:
    """Voxels of a run that are fitted; a mask on another grid is not read for that."""
    grid = grid_of(header)
    if run.mask is not None:
        mask = read_header(run.mask)
        if mask.n_volumes == 1 and is_same_grid(grid_of(mask), grid):
            return sum(int(np.count_nonzero(mask.scaled(stored) > 0)) for stored in volumes(mask))
    return int(BRAIN * np.prod(grid.shape))


def machine_memory() -> int:
    """Bytes of memory that this machine has, or its container may use.

    >>> machine_memory() > 0
    True
    """
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in CONTROL_GROUPS:
        try:
            found.append(int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    return min(found)


def size(n_bytes: float) -> str:
    """Bytes for people.

    >>> size(683e6), size(2.5e9)
    ('683 MB', '2.5 GB')
    """
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"


def check_memory(unit: Unit, model: ModelSpecification, settings: Settings) -> None:
    """Refuse a unit that this machine cannot hold, before the system kills the process for it.

    Raises
    ------
    TryLaterError
        Naming the header that makes it so large.
    """
    need, memory = unit_need(unit, model, settings), machine_memory()
    if need.n_bytes > memory:
        raise TryLaterError(refusal(need, f"the {size(memory)} of this machine"))


def refusal(need: Need, limit: str) -> str:
    """End of a sentence about what does not fit.

    >>> refusal(Need(2_000_000_000), "--mem 1.0 GB")
    'needs about 2.0 GB of memory, more than --mem 1.0 GB; fit less at once (...) or give it more'
    """
    because = f": {need.reason}; correct the image if that is not so, else" if need.reason else ";"
    return (
        f"needs about {size(need.n_bytes)} of memory, more than {limit}{because} fit less at once "
        "(--run-label, --no-attribution) or give it more"
    )
