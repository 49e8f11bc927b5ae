"""What SPM12 computed beyond the first level: smoothing, inference, second level."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.conftest import PROJECT, find_shared

COMMITTED = PROJECT / "tests" / "data" / "spm12-extras"


def find_extra(name: str) -> Path:
    """A file of the extras, committed or from the whole set; skips where only the latter has it."""
    if (COMMITTED / name).exists():
        return COMMITTED / name
    shared = find_shared()
    if shared is None:
        pytest.skip("not in the committed part of the reference, which is alone here")
    return shared / "spm12-extras" / name


def find_extras(pattern: str) -> list[str]:
    """Names of all extras at hand that match a pattern."""
    shared = find_shared()
    folders = [COMMITTED] if shared is None else [COMMITTED, shared / "spm12-extras"]
    return sorted(
        {path.relative_to(folder).as_posix() for folder in folders for path in folder.glob(pattern)}
    )


def read_volume(path: Path) -> np.ndarray:
    """Header-scaled values (x, y, z) or (x, y, z, volumes)."""
    values = nib.load(path).get_fdata(dtype=np.float64, caching="unchanged")
    return values if values.ndim > 2 else values[..., None]
