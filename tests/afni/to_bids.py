"""A case of AFNI's reference as a BIDS data set with its model, to run the whole program on."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from bidsglm.afni.design import JointColumn

from .reference import AfniCase, Xmat

TASK = "case"
SPACE = "MNI152NLin2009cAsym"
MOTION = {
    "roll": "rot_z",
    "pitch": "rot_x",
    "yaw": "rot_y",
    "dS": "trans_z",
    "dL": "trans_x",
    "dP": "trans_y",
}
CENSOR = "censored_scan"


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_table(path: Path, columns: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ["\t".join(columns), *("\t".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(rows) + "\n")


def stimuli(xmat: Xmat) -> dict[str, tuple[str, str]]:
    """Label -> response model and timing file."""
    options = re.findall(
        r"-stim_times(?:_AM1)? \d+ (\S+) '?([^' ]+)'? -stim_label \d+ (\S+)", xmat.header["CommandLine"]
    )
    return {name: (notation, file) for file, notation, name in options}


def events(case: AfniCase, run: int) -> dict[str, list[Any]]:
    """Onset and duration of every stimulus of a run, from the files that have durations."""
    found: list[tuple[float, float, str]] = []
    for name in stimuli(case.xmat):
        rows = [row for row in (case.folder / f"stimdm_{name}.1D").read_text().splitlines() if row.strip()]
        pairs = [event.split(":") for event in rows[run].split() if ":" in event]
        found += [(float(onset), float(duration), name) for onset, duration in pairs]
    found.sort()
    return {key: [event[i] for event in found] for i, key in enumerate(("onset", "duration", "trial_type"))}


def bids(case: AfniCase, folder: Path, **settings: object) -> Path:
    """Write the data set and `model.json`; returns the folder of the data set.

    Parameters
    ----------
    case
        What AFNI fitted.
    folder
        Where to.
    settings
        Keys of Software.AFNI beside or in place of the case's own.
    """
    root, timeline = folder / "bids", case.xmat.timeline
    derivative = root / "derivatives" / "fmriprep"
    about = {"Name": "a case of the reference", "BIDSVersion": "1.9.0"}
    write_json(root / "dataset_description.json", {**about, "DatasetType": "raw"})
    made_by = {"DatasetType": "derivative", "GeneratedBy": [{"Name": "fMRIPrep"}]}
    write_json(derivative / "dataset_description.json", {**about, **made_by})
    write_table(root / "participants.tsv", {"participant_id": ["sub-01"]})
    image = nib.load(case.folder / "mask.nii.gz")
    confounds = case.xmat.confounds()
    for run, values in enumerate(case.runs):
        entities = f"sub-01_task-{TASK}" + f"_run-{run + 1}" * (len(case.runs) > 1)
        raw, func = (top / "sub-01" / "func" for top in (root, derivative))
        timing = {"RepetitionTime": timeline.repetition_time, "TaskName": TASK}
        write_json(raw / f"{entities}_bold.json", timing)
        write_table(raw / f"{entities}_events.tsv", events(case, run))
        preprocessed = func / f"{entities}_space-{SPACE}_desc-preproc_bold.nii.gz"
        write_json(func / preprocessed.name.replace(".nii.gz", ".json"), timing)
        data = np.zeros((case.mask.size, len(values)), dtype=np.float32)
        data[case.mask] = values.T
        bold = nib.Nifti1Image(data.reshape(*image.shape[:3], -1), image.affine)
        bold.header.set_xyzt_units("mm", "sec")
        bold.header["pixdim"][4] = timeline.repetition_time
        nib.save(bold, preprocessed)
        (raw / f"{entities}_bold.nii.gz").symlink_to(preprocessed)
        mask = case.mask.reshape(image.shape[:3]).astype(np.uint8)
        nib.save(
            nib.Nifti1Image(mask, image.affine), func / f"{entities}_space-{SPACE}_desc-brain_mask.nii.gz"
        )
        kept = np.ones(len(values)) if timeline.kept is None else timeline.kept[run]
        columns = {CENSOR: (1 - kept.astype(int)).tolist()}
        if confounds:
            motion = zip(confounds[run].names, confounds[run].values.T, strict=True)
            columns |= {MOTION[name]: list(map(repr, map(float, column))) for name, column in motion}
        write_table(func / f"{entities}_desc-confounds_timeseries.tsv", columns)
    write_json(folder / "model.json", model(case, settings))
    return root


def regressor(column: JointColumn) -> str:
    """Name of a column in our designs."""
    if column.kind == "stimulus":
        return f"trial_type.{column.name}{('', '_derivative', '_dispersion')[column.number]}"
    if column.kind == "confound":
        return MOTION[column.name]
    return f"drift_{column.number}" if column.number else "constant"


def contrasts(case: AfniCase) -> Iterator[tuple[str, tuple[str, ...], Any, str]]:
    """Tests in the order of a bucket: Full_Fstat, then t of each row and F of all rows of each test."""
    columns = case.design.columns
    for number, rows in enumerate([case.full_test, *case.tests]):
        used = np.flatnonzero(rows.any(axis=0))
        conditions = tuple(regressor(columns[i]) for i in used)
        for i, row in enumerate(rows[:, used] if number else ()):
            yield f"test{number}row{i}", conditions, row.tolist(), "t"
        yield f"test{number}", conditions, rows[:, used].tolist(), "F"


def model(case: AfniCase, settings: dict[str, object]) -> dict[str, object]:
    """The case's model in the model language."""
    found = stimuli(case.xmat)
    motion = [MOTION[name] for run in case.xmat.confounds()[:1] for name in run.names]
    own: dict[str, object] = {
        "ResponseModel": {name: notation for name, (notation, _) in found.items()},
        "Polort": "A" if case.xmat.degree is None else case.xmat.degree,
    }
    if case.xmat.timeline.kept is not None:
        own["Censor"] = [CENSOR]
    every = [f"trial_type.{name}" for name in found]
    derivatives = {"SPMG2": "spm + derivative", "SPMG3": "spm + derivative + dispersion"}
    hrf = derivatives.get(next(iter(found.values()))[0], "spm")
    node = {
        "Level": "Run",
        "Name": "run",
        "GroupBy": ["run", "subject"],
        "Model": {
            "Type": "glm",
            "X": [*every, *motion, 1],
            "HRF": {"Variables": every, "Model": hrf},
            "Options": {"HighPassFilterCutoffHz": 0.0078125},
            "Software": {"AFNI": {**own, **settings}},
        },
        "Contrasts": [
            {"Name": name, "ConditionList": list(conditions), "Weights": rows, "Test": test}
            for name, conditions, rows, test in contrasts(case)
        ],
    }
    return {
        "Name": "case",
        "BIDSModelVersion": "1.0.0",
        "Input": {"subject": ["01"], "task": [TASK]},
        "Nodes": [node],
    }
