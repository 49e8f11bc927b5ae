"""SPM12's own results, case by case: what went in, as our records, and what came out.

A case is taken from the committed subset in ``tests/data/spm12`` if it is there as a whole, else from
the full reference beside the checkout, else from the subset without the voxels outside SPM's mask.
"""

import json
import os
import re
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from bidsglm.data import Condition, Modulator, Paradigm, TimeSeries
from bidsglm.model import Floats, Hrf, Mask, ModelSpecification, SpmSettings
from bidsglm.spm.scaling import global_mean

COMMITTED = Path(__file__).parent / "data" / "spm12"
SHARED = Path(os.environ.get("BIDSGLM_SHARED", Path(__file__).parents[2] / "shared")) / "spm12-reference"

CASES = (
    "01_block_tapping",
    "02_block_movement_rest",
    "03_event_derivs_motion_2sess",
    "04_pmod_orth",
    "04b_pmod_noorth",
    "04c_tmod_derivs",
    "05_fir",
    "06_fourier_hanning",
    "06b_gamma",
    "06c_fourier",
    "07_iid",
    "08_fast",
    "09_scaling",
    "10_explicit_mask_mthresh_-Inf",
    "10b_no_mask_mthresh_-Inf",
    "10c_mask_mthresh_0.8",
    "11_T32_T01_TR0.8_scans",
    "11b_fast_TR0.8",
    "12_edge_events",
    "13_hpf_inf",
    "14_hpf40_3sess",
    "15_rank_deficient_confounds",
    "16_zero_columns_shift",
    "17_int16_slope_inter",
    "17b_int16_offset_air_in_global",
    "18_strong_autocorr_TR0.7",
    "19_no_autocorr_negative",
)

BASES = {"hrf": "spm", "fir": "fir", "fourier": "fourier", "fourier_han": "fourier hanning", "gamma": "gamma"}


class MissingCaseError(FileNotFoundError):
    """Neither committed nor beside the checkout."""


@dataclass(frozen=True)
class Case:
    """One reference case."""

    name: str

    @cached_property
    def folder(self) -> Path:
        for root, suffix in ((COMMITTED, ".nii.gz"), (SHARED, ".nii.gz"), (COMMITTED, ".npz")):
            if self._is_in(root, suffix):
                return root / self.name
        raise MissingCaseError(f"reference case {self.name} is neither committed nor beside this checkout")

    def _is_in(self, root: Path, suffix: str) -> bool:
        spec = root / self.name / "spec.json"
        if not spec.is_file():
            return False
        files = [root / self.name / bold for bold in json.loads(spec.read_text())["bold"]]
        return all(_packed(file, suffix).is_file() for file in files)

    @property
    def is_committed(self) -> bool:
        return self._is_in(COMMITTED, ".nii.gz") or self._is_in(COMMITTED, ".npz")

    @cached_property
    def is_whole(self) -> bool:
        """Whether the voxels outside SPM's mask are there."""
        return (self.folder / self.spec["bold"][0]).is_file()

    @cached_property
    def spec(self) -> dict:
        return json.loads((self.folder / "spec.json").read_text())

    @cached_property
    def spm(self) -> dict[str, Floats]:
        """SPM's arrays, by their names in spm.npz."""
        with np.load(self.folder / "reference" / "spm.npz") as arrays:
            return {name: arrays[name] for name in arrays.files}

    def image(self, name: str) -> Floats:
        """One of SPM's images as a vector over all voxels."""
        img = nib.load(self.folder / "reference" / f"{name}.nii.gz")
        return img.get_fdata(dtype=np.float64).ravel()

    @cached_property
    def mask(self) -> Mask:
        return self.image("mask") > 0

    # what SPM was given

    @property
    def n_runs(self) -> int:
        return len(self.spec["sessions"])

    @cached_property
    def model(self) -> ModelSpecification:
        spec = self.spec
        settings = SpmSettings(
            serial_correlation=spec["cvi"],
            mask_threshold=float(spec["mthresh"]),
            microtime_resolution=int(spec["fmri_t"]),
            microtime_onset=int(spec["fmri_t0"]),
            global_normalization=spec["global"],
        )
        return ModelSpecification(
            self.name,
            x=(),
            hrf=_hrf(spec["bases"]),
            high_pass=float(spec["sessions"][0]["hpf"]),
            spm=settings,
        )

    @cached_property
    def paradigms(self) -> tuple[Paradigm, ...]:
        return tuple(self._paradigm(session) for session in self.spec["sessions"])

    def _paradigm(self, session: dict) -> Paradigm:
        TR = self.spec["TR"]
        unit = TR if self.spec["units"] == "scans" else 1.0
        names = session["confound_names"]
        confounds = np.zeros((session["nscan"], 0))
        if names:
            confounds = pd.read_csv(self.folder / session["confounds"], sep="\t")[names].to_numpy()
        conditions = tuple(_condition(c, unit) for c in session["conditions"])
        return Paradigm(TR, session["nscan"], None, conditions, tuple(names), confounds)

    @cached_property
    def series(self) -> tuple[TimeSeries, ...]:
        read = _series if self.is_whole else _masked_series
        return tuple(read(self.folder / session["bold"]) for session in self.spec["sessions"])

    @cached_property
    def series_on_spm_globals(self) -> tuple[TimeSeries, ...]:
        g = self.spm["g"]
        return tuple(replace(s, global_means=g[rows]) for s, rows in zip(self.series, self.rows, strict=True))

    def scaled_data(self) -> list[Floats]:
        """Voxels of SPM's mask times SPM's factors, (n_scans, n_voxels) of every run."""
        factors = [self.spm["gSF"][rows] for rows in self.rows]
        return [s.values(self.mask) * f[:, None] for s, f in zip(self.series, factors, strict=True)]

    @cached_property
    def candidates(self) -> Mask:
        """Voxels inside the explicit mask."""
        if not (self.spec["explicit_mask"] and self.is_whole):
            return np.ones(np.prod(self.spec["shape"]), dtype=bool)
        grid = nib.load(self.folder / self.spec["bold"][0])
        return _on_grid(nib.load(self.folder / self.spec["explicit_mask"]), grid)

    # how SPM's joint arrays fall into runs

    @cached_property
    def rows(self) -> tuple[np.ndarray, ...]:
        """Scans of every run."""
        return tuple(self.spm[f"rows_{run + 1}"] for run in range(self.n_runs))

    @cached_property
    def columns(self) -> tuple[np.ndarray, ...]:
        """Columns of every run, in our order: its own, then its constant."""
        constants = self.spm["iB"]
        return tuple(np.append(self.spm[f"cols_{run + 1}"], constants[run]) for run in range(self.n_runs))

    def blocks(self, name: str) -> list[Floats]:
        """The runs' diagonal blocks of a matrix over scans."""
        return [self.spm[name][np.ix_(rows, rows)] for rows in self.rows]

    @cached_property
    def designs(self) -> list[Floats]:
        return [self.spm["X"][np.ix_(r, c)] for r, c in zip(self.rows, self.columns, strict=True)]

    @cached_property
    def cosines(self) -> list[Floats]:
        return [self.spm[f"X0_{run + 1}"].reshape(len(rows), -1) for run, rows in enumerate(self.rows)]

    @cached_property
    def betas(self) -> list[Floats]:
        """SPM's float32 parameters of every run, (n_regressors, n_voxels)."""
        return [
            np.stack([self.image(f"beta_{c + 1:04d}") for c in columns]).astype(np.float32)
            for columns in self.columns
        ]

    def names(self, run: int) -> list[str]:
        """SPM's names of a run's columns, in our vocabulary."""
        suffixes = self.model.hrf.suffixes
        return [_translated(str(name), suffixes) for name in self.spm["names"][self.columns[run]]]

    @cached_property
    def component_rows(self) -> list[Floats]:
        """First rows of the covariance components, run after run."""
        return [self.spm[f"Vi_firstrow_{k + 1}"] for k in range(len(self.spm["Vi_start"]))]

    @cached_property
    def contrast_numbers(self) -> list[int]:
        """Of the contrasts that SPM accepted, as in the names of its images."""
        return sorted(int(name.split("_")[1]) for name in self.spm if re.fullmatch(r"con_\d+_c", name))

    @cached_property
    def refused_weights(self) -> list[list[Floats]]:
        """Weights of the contrasts that SPM refused, run by run."""
        summary = json.loads((self.folder / "reference" / "summary.json").read_text())
        refused = [c["weights_given"] for c in summary["contrasts"] if not c["accepted"]]
        return [self._per_run(np.atleast_2d(np.array(rows, float))) for rows in refused]

    def _per_run(self, rows: Floats) -> list[Floats]:
        weights = np.zeros((self.spm["X"].shape[1], len(rows)))
        weights[: rows.shape[1]] = rows.T
        return [weights[columns] for columns in self.columns]


@lru_cache
def case(name: str) -> Case:
    """Return the one object of a case, so that its arrays are read once."""
    return Case(name)


def _translated(name: str, suffixes: tuple[str, ...]) -> str:
    """Turn Sn(1) gox rt^1*bf(2) into trial_type.go_x_rt^1_derivative and so on."""
    name = name.split(" ", 1)[1]
    found = re.fullmatch(r"(.*)\*bf\((\d+)\)", name)
    if not found:
        return name
    weight = re.sub(r"x([^x]*\^\d+)$", r"_x_\1", found[1])
    return f"trial_type.{weight}{suffixes[int(found[2]) - 1]}"


def _hrf(bases: dict) -> Hrf:
    if bases["name"] == "hrf":
        derivative, dispersion = (bool(flag) for flag in bases["derivs"])
        return Hrf("spm", derivative, dispersion)
    return Hrf(BASES[bases["name"]], length=float(bases["length"]), order=int(bases["order"]))


def _condition(entry: dict, unit: float) -> Condition:
    modulators = tuple(
        Modulator(m["name"], np.array(m["param"], float), int(m["poly"])) for m in entry["pmod"]
    )
    onsets = np.array(entry["onset"], float) * unit
    durations = np.array(entry["duration"], float) * unit
    return Condition(entry["name"], onsets, durations, modulators, int(entry["tmod"]), bool(entry["orth"]))


def _series(path: Path) -> TimeSeries:
    img = nib.load(path)
    stored = np.asarray(img.dataobj.get_unscaled())
    slope, intercept = img.dataobj.slope, img.dataobj.inter
    means = np.array([global_mean(stored[..., t], slope, intercept) for t in range(stored.shape[3])])
    return TimeSeries(stored.reshape(-1, stored.shape[3]).T, slope, intercept, means)


def _masked_series(path: Path) -> TimeSeries:
    """Committed voxels of SPM's mask, zeros elsewhere, and SPM's globals."""
    with np.load(_packed(path, ".npz")) as arrays:
        stored = np.zeros((len(arrays["stored"]), arrays["mask"].size), arrays["stored"].dtype)
        stored[:, arrays["mask"]] = arrays["stored"]
        return TimeSeries(stored, 1.0, 0.0, arrays["global_means"])


def _packed(path: Path, suffix: str) -> Path:
    return path.with_name(path.name.removesuffix(".nii.gz") + suffix)


def _on_grid(mask_img, grid_img) -> Mask:
    """Nearest voxel of the mask at every voxel of the grid."""
    shape = grid_img.shape[:3]
    centres = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")).reshape(3, -1)
    transform = np.linalg.inv(mask_img.affine) @ grid_img.affine
    x = transform[:3, :3] @ centres + transform[:3, 3:]
    last = np.array(mask_img.shape)[:, None] - 1
    inside = ((x >= -0.05) & (x <= last + 0.05)).all(axis=0)
    nearest = np.clip(np.floor(x + 0.5).astype(int), 0, last)
    return inside & (mask_img.get_fdata()[tuple(nearest)] > 0)
