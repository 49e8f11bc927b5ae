"""Small BIDS data sets for the tests."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np

from bidsglm.settings import Settings

MNI = "space-MNI152NLin2009cAsym"
EVENTS = "onset\tduration\ttrial_type\n0\t1\tgo\n4\t1\tstop\n"


def describe(folder: Path, **more: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset_description.json").write_text(
        json.dumps({"Name": "x", "BIDSVersion": "1.9.0", **more})
    )


def new_data_set(root: Path) -> Path:
    describe(root)
    describe(root / "derivatives/fmriprep", GeneratedBy=[{"Name": "fMRIPrep"}])
    return root


def write_image(
    path: Path, n_scans: int = 6, size: int = 3, step: float = 2.0, shift: float = 0.0, zoom: float = 3.0
) -> None:
    affine = np.diag([zoom, 3.0, 3.0, 1.0])
    affine[0, 3] = shift
    shape = (size, size, size, n_scans) if n_scans else (size, size, size)
    image = nib.Nifti1Image(np.zeros(shape, np.int16), affine)
    if n_scans:
        image.header.set_zooms((zoom, 3.0, 3.0, step))
        image.header.set_xyzt_units("mm", "sec")
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)


def add_run(
    root: Path,
    name: str,
    space: str = MNI,
    bold_json: dict[str, object] | None = None,
    events: str | None = EVENTS,
    **image: float,
) -> Path:
    """A run: preprocessed bold, mask and confounds, and raw events (none: no file); returns the bold."""
    parts = name.split("_")
    place = "/".join(part for part in parts if part.startswith(("sub-", "ses-"))) + "/func"
    below = root / "derivatives/fmriprep" / place
    stem = f"{name}_{space}" if space else name
    bold = below / f"{stem}_desc-preproc_bold.nii.gz"
    write_image(bold, **image)  # type: ignore[arg-type]
    write_image(below / f"{stem}_desc-brain_mask.nii.gz", n_scans=0)
    metadata = {"RepetitionTime": 2.0} if bold_json is None else bold_json
    (below / f"{stem}_desc-preproc_bold.json").write_text(json.dumps(metadata))
    (below / f"{name}_desc-confounds_timeseries.tsv").write_text("trans_x\n" + "0.1\n" * 6)
    if events is not None:
        (root / place).mkdir(parents=True, exist_ok=True)
        (root / place / f"{name}_events.tsv").write_text(events)
    return bold


def settings(root: Path, **more: object) -> Settings:
    return Settings(root, root / "out", "participant", **more)  # type: ignore[arg-type]
