"""The data set that the examples of docs/model.md are written for: a stop-signal task in two sessions."""

from pathlib import Path

import numpy as np

from tests import tiny

TASK = "stopsignal"
SESSIONS = ("1", "2")
CONFOUNDS = (
    *tiny.MOTION,
    "trans_x_derivative1",
    *(f"a_comp_cor_0{i}" for i in range(6)),
    "cosine00",
    "cosine01",
)


def events(seed: int) -> str:
    """Go trials with a response time; stop trials, half of which were stopped."""
    rng = np.random.default_rng(seed)
    lines = ["onset\tduration\ttrial_type\tresponse_time\tstopped"]
    for trial in range(30):
        onset = 4 + 4 * trial + rng.uniform(0, 1)
        stop = trial % 3 == 2
        time = "n/a" if stop else f"{rng.uniform(0.4, 0.9):.3f}"
        stopped = str(trial // 3 % 2) if stop else "n/a"
        lines.append(f"{onset:.3f}\t0.5\t{'stop' if stop else 'go'}\t{time}\t{stopped}")
    return "\n".join(lines) + "\n"


def confounds(seed: int) -> str:
    """Motion, CompCor components and cosines, with n/a where a derivative begins."""
    values = np.random.default_rng(seed).standard_normal((tiny.N_SCANS, len(CONFOUNDS))) * 0.05
    cosines = np.cos(np.pi * np.outer(np.arange(tiny.N_SCANS) + 0.5, [1, 2]) / tiny.N_SCANS)
    values[:, -2:] = cosines * np.sqrt(2 / tiny.N_SCANS)
    lines = ["\t".join(CONFOUNDS)]
    for scan, row in enumerate(values):
        cells = [repr(float(value)) for value in row]
        cells[len(tiny.MOTION)] = "n/a" if scan == 0 else cells[len(tiny.MOTION)]
        lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def write_study(root: Path, participants: tuple[str, ...] = ("01",)) -> Path:
    """Write the data set; returns its folder."""
    study = root / "bids"
    tiny.write_json(study / "dataset_description.json", {"Name": "stop signal", "BIDSVersion": "1.9.0"})
    about = {"Name": "preprocessed", "BIDSVersion": "1.9.0", "DatasetType": "derivative"}
    made = {"GeneratedBy": [{"Name": "fMRIPrep"}]}
    tiny.write_json(study / "derivatives/fmriprep/dataset_description.json", {**about, **made})
    for number, label in enumerate(participants):
        for session in SESSIONS:
            _write_run(study, label, session, seed=10 * number + int(session))
    return study


def _write_run(study: Path, label: str, session: str, seed: int) -> None:
    folder, name = f"sub-{label}/ses-{session}/func", f"sub-{label}_ses-{session}_task-{TASK}"
    raw, derived = study / folder, study / "derivatives/fmriprep" / folder
    timing = {"RepetitionTime": tiny.REPETITION_TIME, "TaskName": TASK}
    tiny.write_json(raw / f"{name}_bold.json", timing)
    (raw / f"{name}_events.tsv").write_text(events(seed))
    tiny.write_image(raw / f"{name}_bold.nii.gz", np.zeros((2, 2, 2, tiny.N_SCANS), dtype=np.int16))
    stem = f"{name}_space-{tiny.SPACE}"
    tiny.write_image(derived / f"{stem}_desc-preproc_bold.nii.gz", tiny.bold(seed))
    tiny.write_json(derived / f"{stem}_desc-preproc_bold.json", {**timing, "StartTime": 1.0})
    tiny.write_image(derived / f"{stem}_desc-brain_mask.nii.gz", tiny.brain())
    (derived / f"{name}_desc-confounds_timeseries.tsv").write_text(confounds(seed))
