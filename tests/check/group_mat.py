"""SPM.mat of second levels as SPM12 writes them, with images and maps; made here, of known settings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy import sparse
from scipy.io import savemat

from bidsglm.spm.contrasts import TContrastMaps
from bidsglm.spm.nonsphericity import LevelModel, analysis_mask, fitted, level_contrast

from .spm_mat import AFFINE, SHAPE, records

WRITTEN_AT = "/home/user/study"


@dataclass
class GroupStudy:
    """What SPM was asked."""

    title: str
    matrix: np.ndarray
    names: Sequence[str]
    contrasts: dict[str, tuple[str, list[list[float]]]]
    """Name -> T or F, and rows of weights"""
    levels: np.ndarray | None = None
    """(n_images, 4): replication, and levels of up to three factors"""
    factor_names: Sequence[str] = ()
    blocks: Sequence[int] = ()
    """From 0"""
    nuisances: Sequence[int] = ()
    components: Sequence[np.ndarray] = ()
    covariates: Sequence[dict[str, Any]] = ()
    thresholds: np.ndarray | None = None
    implicit: bool = True
    explicit: str = ""
    scaling: np.ndarray | None = None
    hyperparameters: np.ndarray = field(default_factory=lambda: np.empty(0))
    covariance: np.ndarray | None = None
    selection_p: float = 0.001
    adds_to_variance: bool = False
    """As SPM in its PET and EEG modalities"""

    @property
    def n(self) -> int:
        return len(self.matrix)


def one_hot(labels: Sequence[int]) -> np.ndarray:
    return np.eye(max(labels) + 1)[np.asarray(labels)]


def images_of(
    study: GroupStudy, folder: Path, seed: int = 0, kind: type = np.float32, ending: str = "nii"
) -> list[Path]:
    """Con images of participants, one folder each, with effects of the columns in them."""
    rng = np.random.default_rng(seed)
    effects = rng.uniform(1, 4, (study.matrix.shape[1], *SHAPE))
    paths = []
    earlier: dict[int, np.ndarray] = {}
    for i, row in enumerate(study.matrix):
        # measures of one participant go together, those next to each other the most
        subject = int(np.argmax(row[list(study.blocks)])) if study.blocks else i
        noise = rng.normal(0, 1, SHAPE) + 0.3 * earlier.get(subject, np.zeros(SHAPE))
        earlier[subject] = noise
        values = np.tensordot(row, effects, axes=1) + noise
        if np.issubdtype(kind, np.integer):
            values = np.round(values * 100)
        path = folder / f"sub-{i + 1:02d}" / f"con_0001.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.Nifti1Image(values.astype(kind), AFFINE).to_filename(path)
        paths.append(path)
    return paths


def write_group(
    study: GroupStudy, folder: Path, images: Sequence[Path], explicit: Path | None = None
) -> Path:
    """Fit a second level as SPM does, and leave SPM.mat and maps as SPM does."""
    folder.mkdir(parents=True, exist_ok=True)
    factors = np.ones(study.n) if study.scaling is None else study.scaling
    loaded = [nib.load(path) for path in images]
    values = np.array([f * i.get_fdata().ravel() for f, i in zip(factors, loaded, strict=True)])
    limits = np.full(study.n, -np.inf) if study.thresholds is None else study.thresholds
    whole = loaded[0].get_data_dtype().kind in "iu"
    mask = analysis_mask(values, limits, [study.implicit and whole] * study.n)
    if explicit is not None:
        mask &= nib.load(explicit).get_fdata().ravel() > 0
    components = np.array(study.components) if len(study.components) else None
    model = LevelModel(
        study.matrix,
        (*study.blocks, *study.nuisances),
        components,
        None,
        study.selection_p,
        study.adds_to_variance,
    )
    fit = fitted(values[:, mask], model)
    study.hyperparameters, study.covariance = fit.hyperparameters, fit.covariance
    maps = {f"beta_{i:04d}": beta for i, beta in enumerate(fit.betas, start=1)}
    maps["ResMS"] = fit.mean_square
    for i, (test, weights) in enumerate(study.contrasts.values(), start=1):
        made = level_contrast(fit, np.array(weights, dtype=float), test)
        if isinstance(made, TContrastMaps):
            maps |= {f"con_{i:04d}": made.effect, f"spmT_{i:04d}": made.t}
        else:
            maps |= {f"ess_{i:04d}": made.extra, f"spmF_{i:04d}": made.F}
    for name, inside in maps.items():
        _write(folder / f"{name}.nii", inside, mask, 0.0 if name.startswith("spm") else np.nan)
    _write(folder / "mask.nii", np.ones(mask.sum()), mask, 0.0)
    originals = [f"{WRITTEN_AT}/{path.parent.name}/{path.name}" for path in images]
    savemat(folder / "SPM.mat", {"SPM": group_structure(study, originals)}, format="5", oned_as="column")
    return folder


def _write(
    path: Path, inside: np.ndarray, mask: np.ndarray, outside: float, kind: type | None = None
) -> None:
    values = np.full(mask.shape, outside)
    values[mask] = inside
    kind = kind or (np.float64 if path.name.startswith("ResMS") else np.float32)
    nib.Nifti1Image(values.reshape(SHAPE).astype(kind), AFFINE).to_filename(path)


def group_structure(study: GroupStudy, paths: Sequence[str], is_estimated: bool = True) -> dict[str, Any]:
    """What SPM saves."""
    n = study.n
    limits = np.full(n, -np.inf) if study.thresholds is None else study.thresholds
    empty = np.empty((0, 0))
    levels = (
        study.levels if study.levels is not None else np.column_stack([np.arange(n) + 1, *[np.ones(n)] * 3])
    )
    V = np.eye(n) if study.covariance is None else study.covariance
    errors: dict[str, Any] = {"I": levels, "V": sparse.csc_matrix(V)}
    if len(study.components):
        cells = np.empty((1, len(study.components)), dtype=object)
        cells[0] = [sparse.csc_matrix(Q) for Q in study.components]
        errors |= {"Vi": cells, "h": study.hyperparameters[:, None], "UFp": study.selection_p}
    structure: dict[str, Any] = {
        "SPMid": "SPM12: spm_spm (v7738)",
        "xY": {
            "P": np.array([[f"{path},1"] for path in paths], dtype=object),
            "VY": records(
                [
                    {"fname": p, "dim": np.array(SHAPE, float), "n": np.ones(2), "descrip": "con"}
                    for p in paths
                ]
            ),
        },
        "nscan": n,
        "xX": {
            # MATLAB keeps whole numbers in single bytes
            "X": study.matrix.astype(np.uint8) if np.isin(study.matrix, (0, 1)).all() else study.matrix,
            "iH": np.array(
                [i + 1 for i in range(study.matrix.shape[1]) if i not in (*study.blocks, *study.nuisances)]
            ),
            "iC": empty,
            "iB": np.array([i + 1 for i in study.blocks]) if study.blocks else empty,
            "iG": np.array([i + 1 for i in study.nuisances]) if study.nuisances else empty,
            "name": np.array([[name] for name in study.names], dtype=object),
            "I": levels,
            "sF": np.array([["Repl", *study.factor_names]], dtype=object),
            "erdf": float(n - np.linalg.matrix_rank(study.matrix)),
        },
        "xC": records(study.covariates) if study.covariates else empty,
        "xGX": {
            "iGXcalc": 1,
            "sGXcalc": "omit",
            "sGMsca": "<no grand Mean scaling>",
            "sGloNorm": "<no global normalisation>",
            "gSF": np.ones(n) if study.scaling is None else study.scaling,
        },
        "xM": {
            "T": -np.inf,
            "TH": limits,
            "I": float(study.implicit),
            "VM": {"fname": study.explicit} if study.explicit else empty,
            "xs": {"Analysis_threshold": "None (-Inf)" if study.thresholds is None else "Absolute"},
        },
        "xsDes": {"Design": study.title},
        "xVi": errors,
    }
    if is_estimated:
        p = study.matrix.shape[1]
        structure |= {
            "Vbeta": records([{"fname": f"beta_{i + 1:04d}.nii"} for i in range(p)]),
            "VResMS": {"fname": "ResMS.nii"},
            "VM": {"fname": "mask.nii"},
            "xCon": records([_contrast(i, c) for i, c in enumerate(study.contrasts.items(), start=1)]),
        }
    return structure


def _contrast(number: int, given: tuple[str, tuple[str, list[list[float]]]]) -> dict[str, Any]:
    name, (test, rows) = given
    effect, stat = ("con", "spmT") if test == "T" else ("ess", "spmF")
    return {
        "name": name,
        "STAT": test,
        "c": np.array(rows, dtype=float).T,
        "Vcon": {"fname": f"{effect}_{number:04d}.nii"},
        "Vspm": {"fname": f"{stat}_{number:04d}.nii"},
    }
