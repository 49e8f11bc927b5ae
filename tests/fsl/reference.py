"""FSL's own results, case by case: the designs, the data that went in, and the images that came out.

Designs and a handful of voxels are committed in ``tests/data/fsl``; whole images lie beside the checkout.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np

from bidsglm.data import Volume
from bidsglm.fsl import highpass, regressors, scaling
from bidsglm.fsl.film import Film
from bidsglm.fsl.film import film as fit_run
from bidsglm.fsl.response import response
from bidsglm.model import Floats, Mask
from tests.conftest import PROJECT, find_shared

COMMITTED = PROJECT / "tests" / "data" / "fsl"
CHUNK = 500
"""Voxels at once: fewer than any case has, so that chunks are joined."""
RESPONSES = {0: None, 1: "gaussian", 2: "gamma", 3: "double-gamma", 8: "alternative double-gamma"}
"""FEAT's numbers of its convolutions."""
BOLD = {
    "01_block": "01_block_tapping/bold_sess-1",
    "03_run1_deriv_motion": "03_event_derivs_motion_2sess/bold_sess-1",
    "14_run1_n64": "14_hpf40_3sess/bold_sess-1",
    "14_run2_n95_deriv": "14_hpf40_3sess/bold_sess-2",
}
STUDYFORREST = "studyforrest-small/derivatives/fmriprep/sub-02/func/sub-02_task-oneback_run-1_desc"


# designs


def vest(path: Path) -> Floats:
    """Matrix of one of FSL's text files."""
    return np.loadtxt(path.read_text().split("/Matrix")[1].strip().splitlines(), ndmin=2)


def settings(fsf: Path) -> dict[str, str]:
    """What a design.fsf sets."""
    rows = (line.split(None, 2) for line in fsf.read_text().splitlines())
    return {name[5:-1]: value.strip('"') for _, name, value in rows}


def design(fsf: Path, *, high_pass: bool = True) -> Floats:
    """Our design by FEAT's settings."""
    given = settings(fsf)
    timing = regressors.Timing(float(given["tr"]), int(given["npts"]))
    cutoff = float(given["paradigm_hp"]) if high_pass else np.inf
    L = highpass.line_filter(timing.n_scans, timing.repetition_time, cutoff)
    columns = []
    for ev in range(1, int(given["evs_orig"]) + 1):
        onsets, durations, heights = np.loadtxt(fsf.parent / given[f"custom{ev}"], ndmin=2).T
        name = RESPONSES[int(given[f"convolve{ev}"])]
        kernel = None if name is None else response(name)
        grid = regressors.stimulus(onsets, durations, heights, timing)
        x = regressors.regressor(grid, kernel, timing)
        columns.append(regressors.columns(x, L, given[f"deriv_yn{ev}"] == "1"))
    confounds = fsf.parent / "confoundevs.txt"
    if confounds.exists():
        columns.append(regressors.confounds(np.loadtxt(confounds), L))
    return np.hstack(columns)


def design_names() -> list[str]:
    """All designs at hand, by their paths without suffix."""
    shared = find_shared()
    folders = [COMMITTED] + ([] if shared is None else [shared / "fsl-reference"])
    found = (path for folder in folders for path in folder.glob("*/*.fsf"))
    return sorted({str(Path(path.parent.name) / path.stem) for path in found})


def design_path(name: str) -> Path:
    """Settings of a design, without suffix."""
    shared = find_shared()
    if (COMMITTED / f"{name}.fsf").exists() or shared is None:
        return COMMITTED / name
    return shared / "fsl-reference" / name


# cases


@dataclass(frozen=True)
class Case:
    """A run that FSL fitted; columns are all voxels of the grid."""

    name: str
    folder: Path
    """Of FSL's designs"""
    bold: Path
    brain: Path | None = None
    """Mask that was given to it"""

    @cached_property
    def settings(self) -> dict[str, float]:
        """Numbers of FEAT's scaling, as printed."""
        stored = self.folder / "settings.json"
        if stored.exists():
            return json.loads(stored.read_text())
        return json.loads((self.folder / "values.json").read_text())["settings"]

    @cached_property
    def grid(self) -> Volume:
        img = nib.load(self.bold)
        return Volume(img.shape[:3], img.affine, np.ones(img.shape[:3], dtype=bool))

    @cached_property
    def data(self) -> np.ndarray:
        """(n_scans, n_voxels)"""
        values = nib.load(self.bold).get_fdata(dtype=np.float64)[..., : self.settings["n"]]
        return values.reshape(-1, values.shape[-1]).T.astype(np.float32)

    @cached_property
    def in_brain(self) -> np.ndarray:
        """The data, 0 outside the given mask."""
        if self.brain is None:
            return self.data
        inside = np.asarray(nib.load(self.brain).dataobj).ravel() > 0
        return np.where(inside, self.data, np.float32(0))

    @cached_property
    def design(self) -> Floats:
        return vest(self.folder / "design.mat")

    @cached_property
    def contrasts(self) -> Floats:
        return vest(self.folder / "design.con")

    # our numbers

    @cached_property
    def percentiles(self) -> list[float]:
        parts = np.array_split(self.in_brain, 3)
        return scaling.percentiles(lambda: parts, [scaling.LOW, scaling.HIGH])

    @cached_property
    def core(self) -> Mask:
        return scaling.brain(self.in_brain, scaling.brain_threshold(*self.percentiles))

    @cached_property
    def median(self) -> float:
        return scaling.percentiles(lambda: [self.data[:, self.core]], [scaling.MEDIAN])[0]

    @cached_property
    def mask(self) -> Mask:
        return scaling.dilated(self.core.reshape(self.grid.shape)).ravel()

    @cached_property
    def filtered(self) -> np.ndarray:
        scaled = np.where(self.mask, scaling.scaled(self.data, self.median), np.float32(0))
        tr, cutoff = self.settings["TR"], self.settings["hp"]
        return highpass.filtered(scaled, highpass.line_filter(len(scaled), tr, cutoff))

    def chunks(self) -> Iterator[np.ndarray]:
        for start in range(0, self.filtered.shape[1], CHUNK):
            yield self.filtered[:, start : start + CHUNK]

    @cached_property
    def film(self) -> Film:
        """Our fit with FSL's design."""
        return fit_run(self.chunks, self.design, self.contrasts, self.grid)

    @cached_property
    def end_to_end(self) -> Film:
        """Our fit with our design."""
        return fit_run(self.chunks, design(self.folder / "design.fsf"), self.contrasts, self.grid)

    # FSL's

    def image(self, name: str) -> Floats:
        """(n_voxels,) or (n_voxels, n_volumes) over all voxels."""
        values = nib.load(self.folder / f"{name}.nii.gz").get_fdata(dtype=np.float64)
        return values.reshape(np.prod(self.grid.shape), -1).squeeze()


@lru_cache
def committed_case(name: str) -> Case:
    """Case of which the data and a handful of voxels are committed."""
    return Case(name, COMMITTED / name, COMMITTED / name / "bold.nii.gz")


def committed_values(name: str) -> dict:
    """FSL's numbers at a handful of voxels."""
    return json.loads((COMMITTED / name / "values.json").read_text())


@lru_cache
def shared_case(name: str, shared: Path) -> Case:
    """Case of the whole reference."""
    folder = shared / "fsl-reference" / name
    if name == "studyforrest":
        stem = str(shared / "real-data" / STUDYFORREST)
        return Case(name, folder, Path(f"{stem}-preproc_bold.nii.gz"), Path(f"{stem}-brain_mask.nii.gz"))
    return Case(name, folder, shared / "spm12-reference" / f"{BOLD[name]}.nii.gz")
