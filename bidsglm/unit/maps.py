"""Maps of a finished unit, read back."""

from pathlib import Path

from bidsglm.dataset.nifti import EVERYWHERE, read_map
from bidsglm.model import Floats, Mask
from bidsglm.outputs.summary_form import SummaryForm


class UnitMaps:
    """Reads the maps of a finished unit."""

    def __init__(self, output_dir: Path, summary: SummaryForm) -> None:
        self.summary = summary
        self.output_dir = output_dir
        self.folder = output_dir / summary["folder"]
        self.prefix = summary["prefix"]

    def map(self, name: str, part: tuple[slice, slice, slice] = EVERYWHERE) -> tuple[Floats, Floats]:
        """A map (x, y, z), or a part of it, and the affine of the whole."""
        return read_map(self.folder / f"{name}.nii.gz", part)

    def masks(self) -> dict[str, Mask]:
        """Backend -> (x, y, z)."""
        return {b: self.map(f"{self.prefix}_desc-{b}_mask")[0] > 0 for b in self.summary["backends"]}
