"""What the code of every package is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bidsglm
from bidsglm.export.locations import DataRoot
from bidsglm.model import ContrastSpecification
from bidsglm.outputs.summary_form import ContrastForm
from bidsglm.packages import DEFAULT_PACKAGES
from bidsglm.unit.preparation import Prepared, run_label


@dataclass(frozen=True)
class Averaged:
    """A contrast and the runs that it averages."""

    specification: ContrastSpecification
    runs: tuple[int, ...]


@dataclass(frozen=True)
class Exported:
    """A finished unit, to be written as code."""

    prepared: Prepared
    contrasts: tuple[Averaged, ...]
    root: DataRoot
    one_mask_grid: bool
    """Whether the mask files lie on the grid of the images"""
    maps: str
    """Folder of the unit's maps, from the code"""

    @property
    def run_labels(self) -> tuple[str, ...]:
        """What tells each run from the others, for people to read."""
        return tuple(run_label(prefix) for prefix in self.prepared.unit.run_prefixes)

    @property
    def masks(self) -> tuple[Path, ...]:
        """Mask files of the runs, each once."""
        return tuple(mask for mask in dict.fromkeys(run.mask for run in self.prepared.unit.runs) if mask)

    @property
    def header(self) -> dict[str, object]:
        """What every script says of the unit, and where the data are."""
        return {
            "title": self.prepared.unit.prefix,
            "version": bidsglm.__version__,
            "both": self.prepared.designs.keys() >= set(DEFAULT_PACKAGES),
            "relative": self.root.is_relative,
            "root": self.root.from_code,
        }

    def beside(self, run: int, name: str) -> str:
        """Name of a file that belongs to a run.

        It starts with what the run's name has and the unit's has not.
        """
        shared = self.prepared.unit.prefix.split("_")
        own = [part for part in self.prepared.unit.run_prefixes[run].split("_") if part not in shared]
        return "_".join([*own, name])


def averaged(prepared: Prepared, summary: Sequence[ContrastForm]) -> tuple[Averaged, ...]:
    """Contrasts of a finished unit with the runs that its summary says they average."""
    labels = [run_label(prefix) for prefix in prepared.unit.run_prefixes]
    by_label = {contrast.label: contrast for contrast in prepared.contrasts}
    return tuple(
        Averaged(by_label[found["label"]], tuple(labels.index(run) for run in found["runs"]))
        for found in summary
    )
