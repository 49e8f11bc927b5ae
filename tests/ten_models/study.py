"""A small data set that ten models of the kinds that people write are fitted to."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests import tiny

TASK = "faces"
N_SCANS = 64
REPETITION_TIME = 2.0
SHAPE = (6, 6, 5)
PARTICIPANTS = {
    "01": ("young", "north", 21),
    "02": ("old", "south", 63),
    "03": ("middle", "north", 40),
    "04": ("young", "south", 25),
    "05": ("old", "north", 70),
    "06": ("middle", "south", 44),
}
"""Label -> columns cohort, site and age."""
N_OUTLIERS = (2, 0, 1)
"""Motion outliers that fMRIPrep found, run after run: some have none."""


class Event(NamedTuple):
    """A row of events.tsv."""

    onset: float
    duration: float
    trial_type: str
    correct: int
    rt: float


def events(seed: int) -> list[Event]:
    """Pictures of faces and houses, each answered rightly or not, after a while."""
    rng = np.random.default_rng(seed)
    kinds = ["face", "house"] * 11
    right = rng.permutation([1, 1, 0] * 7 + [0])
    gaps = np.round(rng.uniform(4.5, 6.5, len(kinds)), 3)
    times = np.round(rng.uniform(0.4, 1.6, len(kinds)), 3)
    return [
        Event(float(onset), 1.0, kind, int(correct), float(time))
        for onset, kind, correct, time in zip(gaps.cumsum(), kinds, right, times, strict=True)
        if onset < (N_SCANS - 6) * REPETITION_TIME
    ]


def confounds(seed: int, n_outliers: int) -> dict[str, np.ndarray]:
    """Motion, a physiological series, fMRIPrep's cosines and an indicator for each outlying scan."""
    rng = np.random.default_rng(seed + 500)
    motion = {name: rng.standard_normal(N_SCANS).cumsum() * 0.05 for name in tiny.MOTION}
    slow = rng.standard_normal(N_SCANS + 4)
    csf = np.convolve(slow, np.ones(5) / 5, "valid") * 3 + 50
    times = np.arange(N_SCANS) + 0.5
    cosines = {f"cosine0{k}": np.cos(np.pi * times * (k + 1) / N_SCANS) for k in range(2)}
    scans = rng.choice(np.arange(3, N_SCANS), n_outliers, replace=False)
    outliers = {f"motion_outlier0{i}": np.eye(N_SCANS)[scan] for i, scan in enumerate(scans)}
    return {**motion, "csf": csf, **cosines, **outliers}


def table(columns: dict[str, Sequence[object]]) -> str:
    """Text of a TSV."""
    rows = ["\t".join(str(cell) for cell in row) for row in zip(*columns.values(), strict=True)]
    return "\n".join(["\t".join(columns), *rows]) + "\n"


def bold(found: Sequence[Event], seed: int) -> np.ndarray:
    """Noise with some memory on a bright brain that answers to faces more than to houses."""
    rng = np.random.default_rng(seed + 900)
    noise = rng.standard_normal((*SHAPE, N_SCANS))
    noise[..., 1:] += 0.3 * noise[..., :-1]
    signal = np.zeros(N_SCANS)
    for event in found:
        after = np.arange(N_SCANS) * REPETITION_TIME - event.onset
        rise = np.clip(after, 0, None) ** 5 * np.exp(-np.clip(after, 0, None)) / 20
        signal += rise * (4 if event.trial_type == "face" else 2)
    level = 1000 + 80 * rng.standard_normal(SHAPE)
    active = np.zeros(SHAPE)
    active[:3] = rng.uniform(0.5, 1.5)
    return (level[..., None] + 8 * noise + active[..., None] * signal).astype(np.float32)


def write_study(root: Path, participants: Sequence[str], places: Sequence[tuple[str, str]]) -> Path:
    """Write the data set; a place is a session and a run, each "" or for example "ses-1"."""
    study = root / "bids"
    tiny.write_json(study / "dataset_description.json", {"Name": "ten models", "BIDSVersion": "1.9.0"})
    made = {"GeneratedBy": [{"Name": "fMRIPrep"}], "DatasetType": "derivative"}
    about = {"Name": "preprocessed", "BIDSVersion": "1.9.0", **made}
    tiny.write_json(study / "derivatives/fmriprep/dataset_description.json", about)
    cohort, site, age = zip(*(PARTICIPANTS[label] for label in participants), strict=True)
    people = {"participant_id": [f"sub-{label}" for label in participants], "cohort": cohort}
    (study / "participants.tsv").write_text(table({**people, "site": site, "age": age}))
    for label in participants:
        for place in places:
            _write_run(study, label, *place, seed=10 * int(label) + places.index(place))
    return study


def _write_run(study: Path, label: str, session: str, run: str, seed: int) -> None:
    folder = "/".join(part for part in (f"sub-{label}", session, "func") if part)
    name = "_".join(part for part in (f"sub-{label}", session, f"task-{TASK}", run) if part)
    raw, derived = study / folder, study / "derivatives/fmriprep" / folder
    timing = {"RepetitionTime": REPETITION_TIME, "TaskName": TASK}
    found = events(seed)
    tiny.write_json(raw / f"{name}_bold.json", timing)
    columns = {key: [getattr(event, key) for event in found] for key in Event._fields}
    (raw / f"{name}_events.tsv").write_text(table(columns))
    preprocessed = f"{name}_space-{tiny.SPACE}_desc"
    tiny.write_image(derived / f"{preprocessed}-preproc_bold.nii.gz", bold(found, seed))
    tiny.write_json(derived / f"{preprocessed}-preproc_bold.json", timing)
    tiny.write_image(derived / f"{preprocessed}-brain_mask.nii.gz", np.ones(SHAPE, np.uint8))
    series = confounds(seed, N_OUTLIERS[seed % len(N_OUTLIERS)])
    (derived / f"{name}_desc-confounds_timeseries.tsv").write_text(
        table({key: [repr(float(value)) for value in column] for key, column in series.items()})
    )
