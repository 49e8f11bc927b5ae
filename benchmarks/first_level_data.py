"""Synthetic runs with fMRIPrep-like derivatives, as large as wanted: the data of `first_level`."""

import json
import os
import shutil
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

TR = 2.0
SPACE = "space-MNI152NLin2009cAsym"
DERIVATIVES = Path("bids/derivatives/fmriprep")
CONDITIONS = ("a", "b", "c")
Weights = tuple[int, int, int]
Scaling = tuple[float, float]
CONTRASTS: Mapping[str, Weights] = {"aMinusB": (1, -1, 0), "a": (1, 0, 0), "b": (0, 1, 0)}
"""Label -> weights of the conditions"""
TWELVE: Mapping[str, Weights] = {
    "".join({1: "plus", 0: "zero", -1: "minus"}[w].capitalize() for w in weights): weights
    for weights in list(product((1, 0, -1), repeat=3))[:12]
}


class Size(NamedTuple):
    """How large a data set is."""

    shape: tuple[int, int, int] = (97, 115, 97)
    n_scans: int = 300
    n_participants: int = 1
    effect: float = 0.0
    """Of the first condition on the right, in standard deviations of the noise: of noise alone a small mask
    may have no voxel that passes SPM's F"""

    @property
    def mib(self) -> float:
        """MiB of a run in int16."""
        return int(np.prod(self.shape)) * self.n_scans * 2 / 2**20

    def shrunk(self, by: int) -> "Size":
        """The same with each axis of the grid divided, for a trial."""
        return self._replace(shape=tuple(max(n // by, 6) for n in self.shape))


LARGE = Size()


def motion_names() -> list[str]:
    """List the 24 confounds: six motion parameters, their derivatives, and the squares of both."""
    parameters = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    expansions = ("", "_derivative1", "_power2", "_derivative1_power2")
    return [parameter + expansion for expansion in expansions for parameter in parameters]


def make_data(rng: np.random.Generator, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Bold (x, y, z, n_scans) in int16 and the mask of a head of noise with autocorrelation that varies."""
    from scipy.ndimage import gaussian_filter

    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in size.shape), indexing="ij")
    radius = (x / 0.78) ** 2 + (y / 0.85) ** 2 + (z / 0.8) ** 2
    head = radius < 0.9
    texture = gaussian_filter(rng.standard_normal(size.shape), 3) * 15000
    base = np.where(head, np.clip(8000 * np.exp(-0.3 * radius) + texture, 0, None), 0)
    rho = np.clip(0.3 + 6 * gaussian_filter(rng.standard_normal(size.shape), 5), -0.1, 0.8)
    bold = np.empty((*size.shape, size.n_scans), dtype=np.int16, order="F")
    noise, right = np.zeros(size.shape), head & (x > 0)
    # six seconds behind the events of every third, for as long as they and their response last
    respond = (np.arange(size.n_scans) * TR - 16) % 36 < 6
    for scan in range(size.n_scans):
        noise = rho * noise + rng.standard_normal(size.shape)
        bold[..., scan] = np.rint(base * (1 + 0.01 * np.sin(scan / 20)) + 80 * head * noise)
        if size.effect and respond[scan]:
            bold[right, scan] += np.int16(80 * size.effect)
    return bold, radius < 0.855


def make_dataset(folder: Path, size: Size = LARGE, scaling: Scaling | None = None) -> None:
    """Write the data set, its derivatives and the model, unless they are there.

    Parameters
    ----------
    folder
        Where.
    size
        How large.
    scaling
        Slope and intercept of the headers.
    """
    if (folder / "done").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    for path, kind in ((folder / "bids", "raw"), (folder / DERIVATIVES, "derivative")):
        path.mkdir(parents=True)
        about = {"Name": "benchmark", "BIDSVersion": "1.9.0", "DatasetType": kind}
        made = {"GeneratedBy": [{"Name": "fMRIPrep", "Version": "23.2.0"}]} if kind == "derivative" else {}
        (path / "dataset_description.json").write_text(json.dumps({**about, **made}))
    (folder / "bids/README").write_text("Synthetic data of bidsglm's benchmark.\n")
    for i, place in enumerate(participants(folder, size)):
        make_participant(place, np.random.default_rng(i), size, scaling)
    (folder / "model_smdl.json").write_text(json.dumps(model(), indent=2))
    (folder / "done").touch()


def make_participant(place: "Place", rng: np.random.Generator, size: Size, scaling: Scaling | None) -> None:
    """Write the files of a participant."""
    import nibabel as nib
    import pandas as pd

    place.bold.parent.mkdir(parents=True)
    place.events.parent.mkdir(parents=True)
    onsets = np.arange(10, size.n_scans * TR - 20, 12.0)
    events = pd.DataFrame(
        {"onset": onsets, "duration": 3.0, "trial_type": np.resize(CONDITIONS, onsets.size)}
    )
    events.to_csv(place.events, sep="\t", index=False)
    drift = np.cumsum(rng.standard_normal((size.n_scans, 24)), axis=0) / 10
    pd.DataFrame(drift, columns=motion_names()).to_csv(place.confounds, sep="\t", index=False)
    sidecar = json.dumps({"RepetitionTime": TR, "TaskName": "bench"})
    raw = place.events.with_name(place.events.name.replace("_events.tsv", "_bold.nii.gz"))
    for path in (raw, place.bold):
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text(sidecar)
    bold, mask = make_data(rng, size)
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -96, -132, -78
    image = nib.Nifti1Image(bold, affine)
    image.header.set_zooms((2, 2, 2, TR))
    if scaling:
        image.header.set_slope_inter(*scaling)
    nib.save(image, place.bold)
    raw.symlink_to(os.path.relpath(place.bold, raw.parent))
    nib.save(nib.Nifti1Image(mask.astype(np.uint8), affine), place.mask)


class Place(NamedTuple):
    """Files of a participant."""

    events: Path
    confounds: Path
    bold: Path
    mask: Path


def participants(folder: Path, size: Size) -> list[Place]:
    """Where the participants of a data set are."""
    found = []
    for i in range(size.n_participants):
        name = f"sub-{i + 1:02d}"
        raw, made = folder / "bids" / name / "func", folder / DERIVATIVES / name / "func"
        stem = f"{name}_task-bench"
        found.append(
            Place(
                raw / f"{stem}_events.tsv",
                made / f"{stem}_desc-confounds_timeseries.tsv",
                made / f"{stem}_{SPACE}_desc-preproc_bold.nii.gz",
                made / f"{stem}_{SPACE}_desc-brain_mask.nii.gz",
            )
        )
    return found


def expression(weights: Weights) -> str:
    """A contrast in nilearn's words.

    >>> expression((1, 0, -2))
    '1 * a + -2 * c'
    """
    return " + ".join(f"{w} * {name}" for w, name in zip(weights, CONDITIONS, strict=True) if w)


def model(contrasts: Mapping[str, Weights] = CONTRASTS) -> dict[str, Any]:
    """BIDS Stats Model with the conditions, the confounds and the contrasts."""
    columns = [f"trial_type.{name}" for name in CONDITIONS]
    tested = [
        {
            "Name": label,
            "ConditionList": [column for column, w in zip(columns, weights, strict=True) if w],
            "Weights": [w for w in weights if w],
            "Test": "t",
        }
        for label, weights in contrasts.items()
    ]
    run = {
        "Level": "Run",
        "Name": "run",
        "GroupBy": ["run", "subject"],
        "Transformations": {
            "Transformer": "pybids-transforms-v1",
            "Instructions": [{"Name": "Factor", "Input": ["trial_type"]}],
        },
        "Model": {
            "Type": "glm",
            "X": [*columns, *motion_names(), 1],
            "HRF": {"Variables": columns, "Model": "spm"},
            "Options": {"HighPassFilterCutoffHz": 1 / 128},
        },
        "Contrasts": tested,
    }
    return {"Name": "bench", "BIDSModelVersion": "1.0.0", "Input": {"task": ["bench"]}, "Nodes": [run]}
