"""A design of FEAT read back without FSL: its settings, its files, and what they come to in `bidsglm.fsl`."""

import re
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from bidsglm.data import Volume
from bidsglm.fsl import contrasts, fixed_effects, highpass, regressors, scaling
from bidsglm.fsl.film import Film, film
from bidsglm.fsl.response import response
from bidsglm.model import Floats, Mask

SETTING = re.compile(r"set (?:fmri)?([\w]*\([^)$]+\)) (.*?) *")
CONVOLUTIONS = {"0": None, "1": "gaussian", "2": "gamma", "3": "double-gamma"}


def settings(path: Path) -> dict[str, str]:
    """What a design.fsf sets, by name: `tr`, `custom1`, `feat_files(1)`."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := SETTING.fullmatch(line):
            name = match[1][1:-1] if match[1].startswith("(") else match[1]
            assert name not in found, line
            found[name] = re.sub(r"\\(.)", r"\1", match[2].strip('"'))
    return found


@dataclass(frozen=True)
class FeatDesign:
    """A design.fsf with what its files hold."""

    given: dict[str, str]
    folder: Path

    @property
    def line_filter(self) -> Floats | None:
        """Of FEAT's high-pass filter."""
        if self.given["temphp_yn"] == "0":
            return None
        n_scans, repetition_time = int(self.given["npts"]), float(self.given["tr"])
        return highpass.line_filter(n_scans, repetition_time, float(self.given["paradigm_hp"]))

    @property
    def matrix(self) -> Floats:
        """(n_scans, n_columns) that feat_model makes."""
        given, L = self.given, self.line_filter
        timing = regressors.Timing(float(given["tr"]), int(given["npts"]))
        columns = []
        for ev in range(1, int(given["evs_orig"]) + 1):
            assert (given[f"shape{ev}"], given[f"tempfilt_yn{ev}"]) == ("3", "1")
            onsets, durations, heights = np.loadtxt(self.folder / given[f"custom{ev}"], ndmin=2).T
            name = CONVOLUTIONS[given[f"convolve{ev}"]]
            grid = regressors.stimulus(onsets, durations, heights, timing)
            x = regressors.regressor(grid, None if name is None else response(name), timing)
            columns.append(regressors.columns(x, L, given[f"deriv_yn{ev}"] == "1"))
        assert sum(block.shape[1] for block in columns) == int(given["evs_real"])
        if given["confoundevs"] == "1":
            values = np.loadtxt(self.folder / given["confoundev_files(1)"], ndmin=2)
            columns.append(regressors.confounds(values, L))
        return np.hstack(columns)

    def rows(self, kind: str = "real") -> Floats:
        """Contrasts over the EVs and their derivatives, or over the EVs."""
        n_columns = int(self.given[f"evs_{kind}"])
        return np.array(
            [
                [float(self.given[f"con_{kind}{c}.{j}"]) for j in range(1, n_columns + 1)]
                for c in range(1, int(self.given[f"ncon_{kind}"]) + 1)
            ]
        )

    def f_test(self, number: int, kind: str = "real") -> list[int]:
        """Contrasts of an F-test, from 0."""
        n = int(self.given[f"ncon_{kind}"])
        return [c for c in range(n) if self.given[f"ftest_{kind}{number}.{c + 1}"] == "1"]

    @property
    def data(self) -> tuple[np.ndarray, Volume]:
        """(n_scans, n_voxels) of all voxels of the grid."""
        img = nib.load(self.folder / self.given["feat_files(1)"])
        values = img.get_fdata().astype(np.float32)
        grid = Volume(img.shape[:3], img.affine, np.ones(img.shape[:3], dtype=bool))
        return values.reshape(-1, values.shape[-1]).T, grid


@dataclass(frozen=True)
class FeatRefit:
    """A run fitted again as FEAT does."""

    told: FeatDesign
    fit: Film
    mask: Mask
    """(n_voxels,) FILM's"""

    @property
    def weights(self) -> Floats:
        rows = self.told.rows()
        return np.pad(rows, [(0, 0), (0, self.told.matrix.shape[1] - rows.shape[1])])

    def t(self, contrast: int) -> contrasts.TMaps:
        """Maps of a contrast, from 1."""
        fit = self.fit.fit
        return contrasts.t_maps(self.weights[contrast - 1], fit.effects, fit.covariance, fit.variance)

    def f(self, number: int) -> Floats:
        """F of an F-test, from 1."""
        fit = self.fit.fit
        rows = self.weights[self.told.f_test(number)]
        return contrasts.f_map(rows, fit.effects, fit.covariance, fit.variance)


def refitted(path: Path) -> FeatRefit:
    """Do what a design asks of FEAT with nothing but what stands in its files."""
    told = FeatDesign(settings(path), path.parent)
    (data, grid), mask = told.data, told.given["alternative_mask"]
    inside = (
        nib.load(path.parent / mask).get_fdata().ravel() > 0 if mask else np.ones(data.shape[1], dtype=bool)
    )
    in_brain = np.where(inside, data, np.float32(0))
    low, high = scaling.percentiles(lambda: [in_brain], [scaling.LOW, scaling.HIGH])
    core = scaling.brain(in_brain, scaling.brain_threshold(low, high))
    median = scaling.percentiles(lambda: [data[:, core]], [scaling.MEDIAN])[0]
    brain = scaling.dilated(core.reshape(grid.shape)).ravel()
    filtered = highpass.filtered(scaling.scaled(data, median) * brain, told.line_filter)
    X = told.matrix
    fit = film(
        lambda: [filtered],
        X,
        np.eye(X.shape[1]),
        grid,
        prewhitening=told.given["prewhiten_yn"] == "1",
    )
    return FeatRefit(told, fit, fit.mask)


def combined(maps: list[tuple[contrasts.TMaps, Mask]]) -> tuple[contrasts.TMaps, Mask]:
    """Fixed effects over runs, in the voxels of all."""
    common = np.logical_and.reduce([mask for _, mask in maps])
    if len(maps) == 1:
        return maps[0]
    effects = np.stack([found.effect[common[mask]] for found, mask in maps])
    variances = np.stack([found.variance[common[mask]] for found, mask in maps])
    return fixed_effects.fixed_effects(effects, variances), common
