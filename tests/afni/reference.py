"""AFNI's own results, case by case: what went in, as our records, and what came out."""

import os
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np

from bidsglm.afni.design import Baseline, JointDesign, Stimulus, joint_design
from bidsglm.afni.estimation import VoxelFits, fits
from bidsglm.afni.noise import noise_grid, white_noise
from bidsglm.afni.regressors import EventTrain
from bidsglm.afni.responses import response
from bidsglm.afni.scaling import percent_of_mean
from bidsglm.afni.timeline import Timeline
from bidsglm.data import RunConfounds
from tests import spm12_reference

COMMITTED = Path(__file__).parents[1] / "data" / "afni"
SHARED = Path(os.environ.get("BIDSGLM_SHARED", Path(__file__).parents[3] / "shared"))
STUDYFORREST = SHARED / "real-data" / "studyforrest-small" / "derivatives" / "fmriprep" / "sub-02" / "func"

SPM_CASES = {
    "01_block": "01_block_tapping",
    "03_gam_motion_2runs": "03_event_derivs_motion_2sess",
    "03_spmg2_censor": "03_event_derivs_motion_2sess",
    "14_block9_3runs": "14_hpf40_3sess",
}
"""Cases on the data of SPM's reference."""
CASES = (*SPM_CASES, "studyforrest_dmublock")
DESIGNS = tuple(
    sorted(path.name.removesuffix(".xmat.1D") for path in (COMMITTED / "designs").glob("*.xmat.1D"))
)

EVENT = re.compile(r"([^*:\s]+)(?:\*([^:\s]+))?(?::(\S+))?")


@dataclass(frozen=True)
class Xmat:
    """A design that 3dDeconvolve wrote, with its header."""

    path: Path

    @cached_property
    def header(self) -> dict[str, str]:
        text = self.path.read_text().replace("&apos;", "'")
        return dict(re.findall(r'^# +(\w+) = "(.*)"$', text, re.MULTILINE))

    @cached_property
    def matrix(self):
        return np.loadtxt(self.path)

    def names(self, key: str) -> list[str]:
        return [name.strip() for name in self.header.get(key, "").split(";") if name.strip()]

    def numbers(self, key: str) -> list[int]:
        """`0..4,10` -> 0, 1, 2, 3, 4, 10."""
        ends = [part.split("..") for part in self.header.get(key, "").split(",") if part]
        return [i for first, *last in ends for i in range(int(first), int((last or [first])[0]) + 1)]

    @cached_property
    def timeline(self) -> Timeline:
        n_rows = int(self.header["NRowFull"])
        starts = self.numbers("RunStart")
        sizes = tuple(np.diff([*starts, n_rows]).tolist())
        kept = np.isin(np.arange(n_rows), self.numbers("GoodList"))
        # without stimuli the header's RowTR is 1 whatever the command says
        without_data = re.search(r"-nodata \d+ (\S+)", self.header["CommandLine"])
        TR = float(without_data[1] if without_data else self.header["RowTR"])
        return Timeline(TR, sizes, None if kept.all() else tuple(np.split(kept, starts[1:])))

    @cached_property
    def degree(self) -> int | None:
        """None for -polort A."""
        found = re.search(r"-polort (\S+)", self.header["CommandLine"])[1]
        return None if found == "A" else int(found)

    def stimuli(self) -> tuple[Stimulus, ...]:
        """From the timing files that the command line names."""
        found = []
        options = re.findall(
            r"-stim_times(_AM[12])? \d+ (\S+) '?([^' ]+)'? -stim_label \d+ (\S+)", self.header["CommandLine"]
        )
        for modulation, file, notation, name in options:
            rows = (self.path.parent / file).read_text().splitlines()
            trains = tuple(train(row, modulation) for row in rows if row.strip())
            found.append(Stimulus(name, response(notation), trains))
        return tuple(found)

    def confounds(self) -> tuple[RunConfounds, ...]:
        """Columns of -stim_base, from the files of each run."""
        options = re.findall(
            r"-stim_file \d+ '?([^'\[]+)\[(\d+)\]'? -stim_base \d+ -stim_label \d+ (\w+)_\d+",
            self.header["CommandLine"],
        )
        runs = []
        for path, rows in zip(
            dict.fromkeys(file for file, _, _ in options), self.timeline.slices, strict=False
        ):
            used = [(int(column), name) for file, column, name in options if file == path]
            values = np.loadtxt(self.path.parent / path)[rows]
            runs.append(
                RunConfounds(tuple(name for _, name in used), values[:, [column for column, _ in used]])
            )
        return tuple(runs)

    def design(self) -> JointDesign:
        """Our design from what went into AFNI's."""
        return joint_design(self.stimuli(), Baseline(self.degree, self.confounds()), self.timeline)


def train(row: str, modulation: str) -> EventTrain:
    """Events in AFNI's notation `onset*amplitude:duration`."""
    events = [found.groups() for found in EVENT.finditer(row) if found[1] != "*"]
    onsets, amplitudes, durations = (np.array([float(e[i] or "nan") for e in events]) for i in range(3))
    married = None if np.isnan(durations).any() else durations
    modulators = amplitudes[:, None] if modulation == "_AM2" else None
    return EventTrain(
        onsets, married, amplitudes if modulation == "_AM1" and married is None else None, modulators
    )


@dataclass(frozen=True)
class AfniCase:
    """One analysis of data."""

    folder: Path

    @property
    def xmat(self) -> Xmat:
        return Xmat(self.folder / "X.xmat.1D")

    @cached_property
    def mask(self):
        return np.asarray(nib.load(self.folder / "mask.nii.gz").dataobj).ravel() > 0

    @property
    def full_test(self):
        """Rows of Full_Fstat: all columns of all stimuli, (n_rows, n_columns)."""
        columns = self.design.columns
        return np.eye(len(columns))[[column.kind == "stimulus" for column in columns]]

    def maps(self, name: str):
        """(n_maps, n_voxels) within the mask."""
        values = nib.load(self.folder / f"{name}.nii.gz").get_fdata()
        return values.reshape(self.mask.size, -1)[self.mask].T

    @cached_property
    def runs(self):
        """Images of every run within the mask, (n_scans, n_voxels)."""
        if self.folder.name in SPM_CASES:
            series = spm12_reference.case(SPM_CASES[self.folder.name]).series
            return [run.values(self.mask) for run in series]
        img = nib.load(next(STUDYFORREST.glob("*desc-preproc_bold.nii.gz")))
        return [img.get_fdata(dtype=np.float32).reshape(self.mask.size, -1)[self.mask].T]

    @cached_property
    def data(self):
        """Scaled, censored data of all runs."""
        return np.vstack([percent_of_mean(run) for run in self.runs])[self.xmat.timeline.kept_rows]

    @cached_property
    def design(self) -> JointDesign:
        return self.xmat.design()

    @cached_property
    def grid(self):
        return noise_grid(self.design.matrix, self.design.times)

    @cached_property
    def white(self):
        return white_noise(self.design.matrix, self.design.times)

    @cached_property
    def reml(self) -> VoxelFits:
        return fits(self.data, self.grid)

    @cached_property
    def ols(self) -> VoxelFits:
        return fits(self.data, self.white)

    @cached_property
    def tests(self):
        """Rows of every test in the order of a bucket: stimuli, then general linear tests."""
        n_columns = self.xmat.matrix.shape[1]
        bots, tops = (self.xmat.numbers(key) for key in ("StimBots", "StimTops"))
        rows = [np.eye(n_columns)[first : last + 1] for first, last in zip(bots, tops, strict=True)]
        for number in range(int(self.xmat.header.get("Nglt", 0))):
            rows.append(glt(self.xmat.header[f"GltMatrix_{number:06d}"]))
        return rows


def glt(text: str):
    """`1,4,2@0,1,-1` -> a matrix of one row and four columns."""
    n_rows, n_columns, *parts = text.split(",")
    values = []
    for part in parts:
        count, _, value = part.rpartition("@")
        values += [float(value)] * int(count or 1)
    return np.array(values).reshape(int(n_rows), int(n_columns))


@lru_cache
def case(name: str) -> AfniCase | None:
    """The one object of a case; None where it is neither committed nor beside this checkout."""
    for root in (COMMITTED, SHARED / "afni-reference"):
        if (root / name / "X.xmat.1D").is_file():
            return AfniCase(root / name)
    return None
