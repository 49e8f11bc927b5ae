"""Copy what is committed of FSL's reference: ``python benchmarks/fsl_reference_subset.py SHARED_DIR``.

Designs with what they were made from, a handful of voxels of the images, and the synthetic runs behind them.
"""

import json
import shutil
import sys
from pathlib import Path

import nibabel as nib
import numpy as np

TARGET = Path(__file__).resolve().parent.parent / "tests" / "data" / "fsl"

DESIGNS = ("01_block", "03_run1_deriv_motion", "14_run1_n64", "14_run2_n95_deriv")
"""Cases on synthetic data."""
RUNS = {"14_run1_n64": 1, "14_run2_n95_deriv": 2}
"""Cases whose data are committed, and their number in SPM's case."""
SOURCE = "14_hpf40_3sess"
N_VOXELS = 12


def copy_designs(reference: Path) -> None:
    """Copy matrices, contrasts, events and confounds."""
    for name in ("designs", *DESIGNS):
        folder = TARGET / name
        folder.mkdir(parents=True, exist_ok=True)
        for pattern in ("*.fsf", "*.mat", "*.con", "*.txt"):
            for path in (reference / name).glob(pattern):
                if path.name != "log.txt":
                    shutil.copyfile(path, folder / path.name)


def values(folder: Path, mask: np.ndarray) -> dict[str, object]:
    """Read every image at some voxels of the mask, evenly spread."""
    voxels = np.argwhere(mask)[:: mask.sum() // N_VOXELS][:N_VOXELS]
    where = tuple(voxels.T)
    images = {path.name.removesuffix(".nii.gz"): path for path in sorted(folder.rglob("*.nii.gz"))}
    read = {name: np.asarray(nib.load(path).dataobj)[where] for name, path in images.items()}
    return {"voxels": voxels.tolist(), **{name: array.tolist() for name, array in read.items()}}


def write_values(reference: Path, name: str) -> None:
    """Write the handful of voxels of a case as JSON."""
    folder = reference / name
    sigma = np.asarray(nib.load(folder / "stats" / "varcope1.nii.gz").dataobj)
    kept = values(folder, sigma > 0)
    mask = np.asarray(nib.load(folder / "mask.nii.gz").dataobj)
    kept |= {"n_mask": int((mask > 0).sum()), "n_fitted": int((sigma > 0).sum())}
    for settings in folder.glob("settings.json"):
        kept["settings"] = json.loads(settings.read_text())
    (TARGET / name).mkdir(exist_ok=True)
    (TARGET / name / "values.json").write_text(json.dumps(kept) + "\n")


def main() -> None:
    """Copy everything."""
    shared = Path(sys.argv[1])
    copy_designs(shared / "fsl-reference")
    for name in (*DESIGNS, "03_fixed_effects"):
        write_values(shared / "fsl-reference", name)
    for name, run in RUNS.items():
        bold = nib.load(shared / "spm12-reference" / SOURCE / f"bold_sess-{run}.nii.gz")
        n_scans = json.loads((TARGET / name / "values.json").read_text())["settings"]["n"]
        nib.save(bold.slicer[..., :n_scans], TARGET / name / "bold.nii.gz")


if __name__ == "__main__":
    main()
