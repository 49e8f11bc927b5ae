"""SPM.mat files and folders as SPM12 writes them, made here: small, and of known settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy.io import savemat

from bidsglm.backends import backend
from bidsglm.data import Condition, Modulator, Paradigm, TimeSeries, Volume
from bidsglm.dataset.images import global_level
from bidsglm.model import ContrastSpecification, Hrf, ModelSpecification, SpmSettings

SHAPE = (6, 7, 4)
CANONICAL = Hrf("spm")
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
TIME = 2.0
BASES = {
    Hrf("spm"): ("hrf", 1),
    Hrf("spm", derivative=True): ("hrf (with time derivative)", 2),
    Hrf("spm", derivative=True, dispersion=True): ("hrf (with time and dispersion derivatives)", 3),
}


@dataclass
class Study:
    """What SPM was asked."""

    events: Sequence[Sequence[Condition]]
    """Of every session"""
    n_scans: Sequence[int]
    confounds: Sequence[np.ndarray] = ()
    hrf: Hrf = CANONICAL
    high_pass: float = 128.0
    units: str = "secs"
    contrasts: dict[str, dict[str, float]] = field(default_factory=dict)
    """Name -> weights of one session, by regressor"""
    noise: str = "AR(1)"
    seed: int = 0

    @property
    def model(self) -> ModelSpecification:
        spm = SpmSettings(self.noise, microtime_onset=8)  # type: ignore[arg-type]
        return ModelSpecification("study", (), hrf=self.hrf, high_pass=self.high_pass, spm=spm)

    def paradigm(self, session: int) -> Paradigm:
        n = self.n_scans[session]
        values = self.confounds[session] if self.confounds else np.empty((n, 0))
        names = tuple(f"R{i + 1}" for i in range(values.shape[1]))
        return Paradigm(TIME, n, None, tuple(self.events[session]), names, values)


def scans_of(study: Study, folder: Path) -> list[Path]:
    """Write scans with some response in them, one file for each session."""
    rng = np.random.default_rng(study.seed)
    paths = []
    for number, n in enumerate(study.n_scans):
        (design,) = backend("spm").designs([study.paradigm(number)], study.model)
        noise = rng.normal(size=(n + 20, *SHAPE))
        for t in range(1, len(noise)):
            noise[t] += 0.3 * noise[t - 1]
        heights = rng.uniform(0.5, 2, size=(design.matrix.shape[1] - 1, *SHAPE))
        signal = np.tensordot(design.matrix[:, :-1], heights, axes=1)
        values = 800 + 100 * rng.uniform(size=SHAPE) + 6 * noise[20:] + 4 * signal
        path = folder / f"swrun{number + 1}.nii"
        image = nib.Nifti1Image(np.moveaxis(values, 0, -1).astype(np.float32), AFFINE)
        image.header.set_zooms((3, 3, 3, TIME))
        image.to_filename(path)
        paths.append(path)
    return paths


def write_spm(
    study: Study, folder: Path, scans: Sequence[Path], written_at: str = "/home/user/study"
) -> Path:
    """Fit a study as SPM does, and leave SPM.mat and maps as SPM does."""
    folder.mkdir(parents=True, exist_ok=True)
    package, model = backend("spm"), study.model
    paradigms = [study.paradigm(i) for i in range(len(study.n_scans))]
    designs = package.designs(paradigms, model)
    volume = Volume(SHAPE, AFFINE, np.ones(SHAPE, dtype=bool))
    series = [_series(path) for path in scans]
    mask = package.mask_from(series, np.ones(int(np.prod(SHAPE)), bool), model, volume)
    fitted = package.estimate(designs, series, mask, model, volume)
    contrasts = []
    for number, (name, weights) in enumerate(study.contrasts.items(), start=1):
        row = np.array([list(weights.values())]) * len(designs)
        maps = package.contrast(
            fitted, ContrastSpecification(name, "c", tuple(weights), row), tuple(range(len(designs)))
        )
        files = f"con_{number:04d}.nii", f"spmT_{number:04d}.nii"
        for file, values in zip(files, (maps.effect, maps.stat), strict=True):
            _write_map(folder / file, np.where(mask, values, np.nan))
        contrasts.append((name, weights, *files))
    _write_map(folder / "mask.nii", mask.astype(float))
    content = _structure(study, paradigms, designs, contrasts, [f"{written_at}/func/{p.name}" for p in scans])
    savemat(folder / "SPM.mat", {"SPM": content}, format="5", oned_as="row")
    return folder


def _series(path: Path) -> TimeSeries:
    values = nib.load(path).get_fdata(dtype=np.float64)
    levels = [global_level(values[..., t]) for t in range(values.shape[3])]
    stored = np.moveaxis(values, -1, 0).reshape(values.shape[3], -1).astype(np.float32)
    return TimeSeries(stored, 1.0, 0.0, np.array([level for level, _ in levels]))


def _write_map(path: Path, values: np.ndarray) -> None:
    nib.Nifti1Image(values.reshape(SHAPE).astype(np.float32), AFFINE).to_filename(path)


def _structure(
    study: Study,
    paradigms: Sequence[Paradigm],
    designs: Sequence[Any],
    contrasts: Sequence[Any],
    paths: Sequence[str],
) -> dict[str, Any]:
    n_columns = sum(len(d.names) - 1 for d in designs)
    X = np.zeros((sum(study.n_scans), n_columns + len(designs)))
    names, sessions, filters, row, column = [], [], [], 0, 0
    for number, (paradigm, design) in enumerate(zip(paradigms, designs, strict=True), start=1):
        width, n = len(design.names) - 1, paradigm.n_scans
        X[row : row + n, column : column + width] = design.matrix[:, :-1]
        X[row : row + n, n_columns + number - 1] = 1
        names += [f"Sn({number}) {spm_name(name, study.hrf)}" for name in design.names[:-1]]
        sessions.append(_session(study, paradigm, row, column, width))
        filters.append(
            {
                "RT": TIME,
                "row": np.arange(n) + row + 1.0,
                "HParam": study.high_pass,
                "X0": design.high_pass_basis,
            }
        )
        row, column = row + n, column + width
    names += [f"Sn({i + 1}) constant" for i in range(len(designs))]
    basis, order = BASES[study.hrf]
    files = [f"{path},{i + 1}" for path, n in zip(paths, study.n_scans, strict=True) for i in range(n)]
    return {
        "SPMid": "SPM12: spm_spm (v7738)",
        "xY": {
            "RT": TIME,
            "P": np.array(files),
            "VY": records(
                [
                    {"fname": f, "dim": np.array(SHAPE, float), "n": np.ones(2), "descrip": "conv(6,6,6)"}
                    for f in files
                ]
            ),
        },
        "nscan": np.array(study.n_scans, dtype=np.uint8),
        "xBF": {
            "UNITS": study.units,
            "T": 16,
            "T0": 8,
            "dt": TIME / 16,
            "name": basis,
            "length": 32.125,
            "order": order,
        },
        "Sess": records(sessions),
        "xX": {"X": X, "name": np.array(names, dtype=object), "K": records(filters), "erdf": 100.0},
        "xVi": {"form": {"AR(1)": "AR(0.2)", "none": "i.i.d", "FAST": "FAST"}[study.noise]},
        "xGX": {"iGXcalc": "None", "gSF": np.ones(len(X))},
        "xM": {"gMT": 0.8, "VM": np.empty(0)},
        "Vbeta": records([{"fname": "beta_0001.nii"}]),
        "xCon": records([_contrast(c, names, len(designs), study.hrf) for c in contrasts])
        if contrasts
        else np.empty(0),
    }


def _session(study: Study, paradigm: Paradigm, row: int, column: int, width: int) -> dict[str, Any]:
    unit = TIME if study.units == "scans" else 1.0
    conditions = []
    for c in paradigm.conditions:
        modulators = [{"name": m.name, "P": m.values, "h": m.order} for m in c.modulators] or [
            {"name": "none", "P": np.empty(0), "h": 0}
        ]
        # MATLAB stores whole numbers in as few bytes as they need
        onsets = c.onsets / unit
        whole = np.array_equal(onsets, onsets.astype(np.uint8))
        conditions.append(
            {
                "name": np.array([c.name], dtype=object),
                "ons": onsets.astype(np.uint8) if whole else onsets,
                "dur": c.durations / unit,
                "orth": 1,
                "P": records(modulators),
            }
        )
    return {
        "U": records(conditions),
        "C": {"C": paradigm.confounds, "name": np.array(paradigm.confound_names, dtype=object)},
        "row": np.arange(paradigm.n_scans) + row + 1.0,
        "col": np.arange(width) + column + 1.0,
    }


def _contrast(made: Any, names: Sequence[str], n_sessions: int, hrf: Hrf) -> dict[str, Any]:
    title, weights, effect, stat = made
    column = np.zeros((len(names), 1))
    for name, weight in weights.items():
        for number in range(n_sessions):
            column[names.index(f"Sn({number + 1}) {spm_name(name, hrf)}")] = weight
    return {"name": title, "STAT": "T", "c": column, "Vcon": {"fname": effect}, "Vspm": {"fname": stat}}


def spm_name(name: str, hrf: Hrf) -> str:
    """As SPM calls a regressor."""
    if not name.startswith("trial_type."):
        return name
    stem = name.removeprefix("trial_type.")
    for number, suffix in enumerate(hrf.suffixes[1:], start=2):
        if stem.endswith(suffix):
            return f"{stem.removesuffix(suffix)}*bf({number})"
    return f"{stem}*bf(1)"


def records(items: Sequence[dict[str, Any]]) -> np.ndarray:
    """An array of structures."""
    made = np.empty((1, len(items)), dtype=[(name, object) for name in items[0]])
    for i, item in enumerate(items):
        made[0, i] = tuple(item.values())
    return made


def condition(name: str, onsets: Sequence[float], duration: float, **values: np.ndarray) -> Condition:
    """A condition with modulators of order 1."""
    modulators = tuple(Modulator(n, v) for n, v in values.items())
    return Condition(name, np.array(onsets, dtype=float), np.full(len(onsets), float(duration)), modulators)
