"""FSL's cases laid out as a BIDS data set with a model, so that the whole program can be run on them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from .reference import Case, settings

CONVOLUTIONS = {1: "gaussian", 2: "gamma", 3: "double-gamma"}
SPACE = "MNI152NLin2009cAsym"
TASK = "ref"


def write_json(path: Path, content: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))


def event_names(fsf: Mapping[str, str]) -> list[str]:
    return [fsf[f"evtitle{ev}"] for ev in range(1, int(fsf["evs_orig"]) + 1)]


def confound_names(case: Case) -> list[str]:
    path = case.folder / "confoundevs.txt"
    return [f"c{i}" for i in range(np.loadtxt(path, ndmin=2).shape[1])] if path.exists() else []


def lay_out(runs: Sequence[Case], folder: Path) -> Path:
    """Write runs of one participant; the model stands beside the data set."""
    raw, made = folder / "bids", folder / "bids" / "derivatives" / "fmriprep"
    write_json(raw / "dataset_description.json", {"Name": "reference", "BIDSVersion": "1.9.0"})
    about = {"Name": "reference", "BIDSVersion": "1.9.0", "DatasetType": "derivative"}
    write_json(made / "dataset_description.json", {**about, "GeneratedBy": [{"Name": "fMRIPrep"}]})
    for number, case in enumerate(runs, start=1):
        stem = f"sub-01_task-{TASK}" + f"_run-{number}" * (len(runs) > 1)
        func = made / "sub-01" / "func"
        _write_image(case, func / f"{stem}_space-{SPACE}_desc-preproc_bold.nii.gz")
        metadata = {"RepetitionTime": float(settings(case.folder / "design.fsf")["tr"]), "TaskName": TASK}
        write_json(func / f"{stem}_space-{SPACE}_desc-preproc_bold.json", metadata)
        write_json(raw / "sub-01" / "func" / f"{stem}_bold.json", metadata)
        _write_image(case, raw / "sub-01" / "func" / f"{stem}_bold.nii.gz")
        if case.brain is not None:
            mask = nib.load(case.brain)
            nib.save(mask, func / f"{stem}_space-{SPACE}_desc-brain_mask.nii.gz")
        _write_events(case, raw / "sub-01" / "func" / f"{stem}_events.tsv")
        if names := confound_names(case):
            values = np.loadtxt(case.folder / "confoundevs.txt", ndmin=2)
            rows = ["\t".join(names), *("\t".join(map(repr, row)) for row in values.tolist())]
            (func / f"{stem}_desc-confounds_timeseries.tsv").write_text("\n".join(rows) + "\n")
    path = folder / "model_smdl.json"
    write_json(path, model(runs))
    return path


def _write_image(case: Case, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.load(case.bold)
    n = int(settings(case.folder / "design.fsf")["npts"])
    if image.shape[3] == n:
        path.write_bytes(case.bold.read_bytes())
    else:
        nib.save(image.slicer[..., :n], path)


def _write_events(case: Case, path: Path) -> None:
    fsf = settings(case.folder / "design.fsf")
    rows = []
    for ev, name in enumerate(event_names(fsf), start=1):
        for onset, duration, height in np.loadtxt(case.folder / fsf[f"custom{ev}"], ndmin=2).tolist():
            assert height == 1
            rows.append((onset, duration, name))
    lines = ["onset\tduration\ttrial_type", *(f"{o!r}\t{d!r}\t{name}" for o, d, name in sorted(rows))]
    path.write_text("\n".join(lines) + "\n")


def model(runs: Sequence[Case]) -> dict[str, object]:
    """BIDS Stats Model of a design.fsf, with its contrasts, and their F test where there is one."""
    fsf = settings(runs[0].folder / "design.fsf")
    conditions = [f"trial_type.{name}" for name in event_names(fsf)]
    derivative = fsf["deriv_yn1"] == "1"
    columns = [name + suffix for name in conditions for suffix in ("", "_derivative")[: 1 + derivative]]
    contrasts = []
    for name, weights in runs[0].settings["contrasts"]:
        used = {column: weight for column, weight in zip(columns, weights, strict=True) if weight}
        entry = {"Name": name, "ConditionList": [*used], "Weights": [*used.values()], "Test": "t"}
        contrasts.append(entry)
    if int(fsf["nftests_real"]):
        first = [contrasts[i] for i in range(2) if fsf[f"ftest_real1.{i + 1}"] == "1"]
        names = [name for entry in first for name in entry["ConditionList"]]
        rows = np.eye(len(names)).tolist()
        contrasts.append({"Name": "all F", "ConditionList": names, "Weights": rows, "Test": "F"})
    convolution = CONVOLUTIONS[int(fsf["convolve1"])]
    own = {} if convolution == "double-gamma" else {"HRF": convolution}
    cutoff = float(fsf["paradigm_hp"])
    return {
        "Name": "reference",
        "BIDSModelVersion": "1.0.0",
        "Input": {"task": [TASK]},
        "Nodes": [
            {
                "Level": "Run",
                "Name": "run",
                "GroupBy": ["run", "subject"],
                "Model": {
                    "X": [*conditions, *confound_names(runs[0]), 1],
                    "Type": "glm",
                    "HRF": {
                        "Variables": conditions,
                        "Model": "spm + derivative" if derivative else "spm",
                    },
                    "Options": {"HighPassFilterCutoffHz": 1 / cutoff},
                    "Software": {"FSL": own},
                },
                "Contrasts": contrasts,
            }
        ],
    }
