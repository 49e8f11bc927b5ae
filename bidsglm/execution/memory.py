"""How much memory a participant needs, told from the headers of the images, and who may start beside whom."""

from collections.abc import Sequence

import numpy as np

from bidsglm.dataset.nifti import read_header, read_map
from bidsglm.errors import EXIT_FAILED, BidsglmError
from bidsglm.messages import LOG
from bidsglm.model import ModelSpecification, Run, Settings, Unit
from bidsglm.participant import Outcome, record_death
from bidsglm.unit.explanation import SAMPLE
from bidsglm.unit.models import units_with_models

BASE = 350e6
"""Bytes of Python, its libraries and a page with figures.

This and the next four were fitted to the peaks of whole runs (docs/hpc.md), and err on the high side."""
PER_GRID_VOXEL = 60.0
"""Bytes of a voxel of the image, inside the brain or not: volumes being read, maps being drawn."""
PER_VOXEL = 800.0
"""Bytes of a voxel that is fitted: its maps while they are made, compared and written."""
PER_SCAN = 0.35e6
"""Bytes of a scan of the voxels that are fitted together, in float64."""
PER_SAMPLED_VALUE = 45.0
"""Bytes of a scan of a voxel on which the attribution tries all combinations; the fit is over by then."""
BRAIN = 0.5
"""Share of an image taken for brain where no mask file says."""


def unit_memory(unit: Unit, model: ModelSpecification, settings: Settings) -> int:
    """Estimate the most memory (bytes) that fitting a unit takes.

    Raises
    ------
    BidsglmError
        When a header cannot be read.
    """
    headers = [read_header(run.bold) for run in unit.runs]
    grid = int(np.prod(headers[0].shape[:3]))
    n_voxels = min(_mask_size(run, grid) for run in unit.runs)
    smoothed = model.smoothing_fwhm > 0
    copies = len(settings.backends) if smoothed else 1
    per_scan = max(4 * copies if smoothed else header.dtype.itemsize for header in headers)
    n_scans = sum(header.n_volumes for header in headers)
    explained = settings.attribution and len(settings.backends) == 2
    working = max(PER_SCAN, min(n_voxels, SAMPLE) * PER_SAMPLED_VALUE if explained else 0.0)
    maps = grid * PER_GRID_VOXEL + n_voxels * PER_VOXEL
    return int(BASE + maps + n_scans * (n_voxels * per_scan + working))


def _mask_size(run: Run, grid: int) -> int:
    """Voxels of a run that are fitted."""
    return int(BRAIN * grid) if run.mask is None else int(np.count_nonzero(read_map(run.mask)[0] > 0))


def participant_memory(settings: Settings, label: str) -> int:
    """Estimate the most memory (bytes) that a participant takes: that of the largest unit.

    One whose data cannot be read counts as small: the participant's own run will say what is wrong.
    """
    try:
        units = units_with_models(settings, label)
        return max((unit_memory(unit, model.specification, settings) for unit, model in units), default=0)
    except (BidsglmError, OSError):
        return int(BASE)


def size(n_bytes: float) -> str:
    """Bytes for people.

    >>> size(683e6), size(2.5e9)
    ('683 MB', '2.5 GB')
    """
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"


def refused(settings: Settings, label: str, need: int, limit: str) -> Outcome:
    """Outcome of a participant who does not fit, noted in the page too."""
    message = f"sub-{label}: needs about {size(need)} of memory, more than {limit}; give it more"
    record_death(settings, label, message)
    return Outcome(label, "failed", EXIT_FAILED, message)


class MemoryBound:
    """Keeps participants in work within --mem; without it everybody may start."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._needs: dict[str, int] = {}
        self._told = False

    def need(self, label: str) -> int:
        """Estimated bytes of a participant, 0 where nothing bounds them."""
        if self.settings.mem is None:
            return 0
        if label not in self._needs:
            self._needs[label] = participant_memory(self.settings, label)
        return self._needs[label]

    def refusal(self, label: str) -> Outcome | None:
        """Outcome of a participant who does not fit even alone; None for one who does."""
        need, mem = self.need(label), self.settings.mem
        if mem is None or need <= mem:
            return None
        return refused(self.settings, label, need, f"--mem {size(mem)}")

    def may_start(self, label: str, at_work: Sequence[str]) -> bool:
        """Whether a participant fits beside those in work."""
        mem = self.settings.mem
        if mem is None or not at_work:
            return True
        total = self.need(label) + sum(map(self.need, at_work))
        if total > mem and not self._told:
            self._told = True
            LOG.warning(
                "--mem %s: fewer participants at once than --n-procs %d, about %s each",
                size(mem),
                self.settings.n_procs,
                size(self.need(label)),
            )
        return total <= mem
