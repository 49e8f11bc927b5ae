"""A BIDS data set with fMRIPrep-like derivatives that is fitted in a second."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np

SHAPE = (9, 10, 8)
N_SCANS = 70
REPETITION_TIME = 2.0
TASK = "tap"
SPACE = "MNI152NLin2009cAsym"
MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
AFFINE = np.array([[-3.0, 0, 0, 12], [0, 3, 0, -14], [0, 0, 3, -10], [0, 0, 0, 1]])


def write_json(path: Path, content: object) -> None:
    """Write an object as JSON, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_image(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    """Write an array in its own data type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(values, affine)
    image.header.set_xyzt_units("mm", "sec")
    if values.ndim == 4:
        image.header.set_zooms((3, 3, 3, REPETITION_TIME))
    nib.save(image, path)


def brain() -> np.ndarray:
    """A box of voxels inside the volume."""
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[1:-1, 1:-1, 1:-1] = 1
    return mask


def bold(seed: int) -> np.ndarray:
    """Autocorrelated noise on a bright brain; a block response in one corner."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((*SHAPE, N_SCANS))
    for scan in range(1, N_SCANS):
        noise[..., scan] += 0.3 * noise[..., scan - 1]
    inside = brain().astype(float)
    level = inside * (1000 + 100 * rng.standard_normal(SHAPE)) + 20
    time = np.arange(N_SCANS) * REPETITION_TIME
    block = ((time % 40) > 5) & ((time % 40) < 23)
    active = np.zeros(SHAPE)
    active[2:5, 2:5, 2:5] = 30
    return (level[..., None] + 10 * noise + active[..., None] * block).astype(np.float32)


def events(offset: float = 0.0) -> str:
    """Blocks of `move` and of `look`, 10 s each in 40 s, nothing between."""
    rows = [(offset + 40 * i, 10, "move") for i in range(3)] + [
        (offset + 40 * i + 20, 10, "look") for i in range(3)
    ]
    return "onset\tduration\ttrial_type\n" + "".join(f"{o}\t{d}\t{t}\n" for o, d, t in sorted(rows))


def confounds(seed: int) -> str:
    """Six motion parameters and a derivative with n/a in its first row."""
    values = np.random.default_rng(seed).standard_normal((N_SCANS, len(MOTION) + 1)).cumsum(axis=0) * 0.05
    lines = ["\t".join((*MOTION, "trans_x_derivative1"))]
    for scan, row in enumerate(values):
        cells = [repr(float(v)) for v in row]
        lines.append("\t".join([*cells[:-1], "n/a" if scan == 0 else cells[-1]]))
    return "\n".join(lines) + "\n"


def write_study(
    root: Path, participants: tuple[str, ...] = ("01", "02"), runs: tuple[str, ...] = ("",)
) -> Path:
    """Write the data set; returns its folder. A run is "" or for example "run-1"."""
    study = root / "bids"
    write_json(study / "dataset_description.json", {"Name": "tiny", "BIDSVersion": "1.9.0"})
    fmriprep = study / "derivatives" / "fmriprep"
    made = {
        "Name": "tiny",
        "BIDSVersion": "1.9.0",
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "fMRIPrep"}],
    }
    write_json(fmriprep / "dataset_description.json", made)
    for number, label in enumerate(participants):
        for place, run in enumerate(runs):
            _write_run(study, label, run, seed=10 * number + place)
    return study


def _write_run(study: Path, label: str, run: str, seed: int) -> None:
    name = "_".join(part for part in (f"sub-{label}", f"task-{TASK}", run) if part)
    raw = study / f"sub-{label}" / "func"
    derived = study / "derivatives" / "fmriprep" / f"sub-{label}" / "func"
    timing = {"RepetitionTime": REPETITION_TIME, "TaskName": TASK}
    write_json(raw / f"{name}_bold.json", timing)
    (raw / f"{name}_events.tsv").write_text(events())
    write_image(raw / f"{name}_bold.nii.gz", np.zeros((2, 2, 2, N_SCANS), dtype=np.int16))
    write_image(derived / f"{name}_space-{SPACE}_desc-preproc_bold.nii.gz", bold(seed))
    write_json(derived / f"{name}_space-{SPACE}_desc-preproc_bold.json", {**timing, "StartTime": 1.0})
    write_image(derived / f"{name}_space-{SPACE}_desc-brain_mask.nii.gz", brain())
    (derived / f"{name}_desc-confounds_timeseries.tsv").write_text(confounds(seed))


def model(**changes: object) -> dict[str, object]:
    """A model document for the data set; changes replace parts of Model."""
    node = {
        "Level": "Run",
        "Name": "run",
        "GroupBy": ["run", "subject"],
        "Model": {
            "Type": "glm",
            "X": ["trial_type.move", "trial_type.look", "trans_*", 1],
            "HRF": {"Variables": ["trial_type.*"], "Model": "spm"},
            **changes,
        },
        "Contrasts": [
            {
                "Name": "move - look",
                "ConditionList": ["trial_type.move", "trial_type.look"],
                "Weights": [1, -1],
                "Test": "t",
            }
        ],
    }
    return {"Name": "tiny", "BIDSModelVersion": "1.0.0", "Input": {"task": [TASK]}, "Nodes": [node]}
