"""Copy the reference cases that are committed: ``python benchmarks/reference_subset.py REFERENCE_DIR``.

Small cases are copied with their images; of the others only the voxels of SPM's mask are kept, with SPM's
global of every volume, as ``bold_sess-K.npz``.
"""

import json
import shutil
import sys
from pathlib import Path

import nibabel as nib
import numpy as np

TARGET = Path(__file__).resolve().parent.parent / "tests" / "data" / "spm12"

WHOLE = (
    "10_explicit_mask_mthresh_-Inf",
    "10b_no_mask_mthresh_-Inf",
    "10c_mask_mthresh_0.8",
    "16_zero_columns_shift",
    "17_int16_slope_inter",
)
MASKED = (
    "01_block_tapping",
    "02_block_movement_rest",
    "03_event_derivs_motion_2sess",
    "05_fir",
    "06b_gamma",
    "07_iid",
    "08_fast",
)
UNUSED = ("pKX",)


def copy_case(source: Path, target: Path) -> None:
    """Copy everything but the data and the simulated truth."""
    skipped = shutil.ignore_patterns("bold_*", "truth_maps.nii.gz", "spm.npz")
    shutil.copytree(source, target, ignore=skipped, dirs_exist_ok=True, copy_function=shutil.copyfile)
    with np.load(source / "reference" / "spm.npz") as arrays:
        kept = {name: arrays[name] for name in arrays.files if name not in UNUSED}
    if "Cy" in kept:
        kept["Cy"] = _diagonal_blocks(kept)
    np.savez_compressed(target / "reference" / "spm.npz", **kept)


def _diagonal_blocks(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Covariance within runs; SPM uses no other."""
    covariance = np.zeros_like(arrays["Cy"])
    for name, rows in arrays.items():
        if name.startswith("rows_"):
            covariance[np.ix_(rows, rows)] = arrays["Cy"][np.ix_(rows, rows)]
    return covariance


def copy_data(source: Path, target: Path, *, whole: bool) -> None:
    """Copy the images, or the voxels of SPM's mask."""
    spec = json.loads((source / "spec.json").read_text())
    with np.load(source / "reference" / "spm.npz") as arrays:
        globals_ = {k: arrays["g"][arrays[f"rows_{k}"]] for k in range(1, len(spec["bold"]) + 1)}
    mask = np.asarray(nib.load(source / "reference" / "mask.nii.gz").dataobj) > 0
    for k, relative in enumerate(spec["bold"], start=1):
        destination = target / relative
        destination.parent.mkdir(parents=True, exist_ok=True)
        if whole:
            shutil.copyfile(source / relative, destination)
            continue
        stored = np.asarray(nib.load(source / relative).dataobj.get_unscaled())[mask].T
        packed = destination.with_name(destination.name.replace(".nii.gz", ".npz"))
        np.savez_compressed(packed, stored=stored, mask=mask.ravel(), global_means=globals_[k])


def main() -> None:
    """Copy all committed cases."""
    shared = Path(sys.argv[1])
    for name in WHOLE + MASKED:
        copy_case(shared / name, TARGET / name)
        copy_data(shared / name, TARGET / name, whole=name in WHOLE)


if __name__ == "__main__":
    main()
