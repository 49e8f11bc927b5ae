"""SPM's first level written out in whole matrices, for designs of any shape: what folders of tests hold."""

from collections.abc import Sequence
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy.linalg import block_diag
from scipy.stats import f as f_law

from bidsglm.model import Floats
from bidsglm.spm.covariance import components
from bidsglm.spm.reml import reml

from .analysed import Analysed
from .spm_mat import SHAPE, TIME, _write_map

SELECTION = 0.001
"""SPM's UFp"""


class Dense(NamedTuple):
    """A design of all scans."""

    X: Floats
    rows: Sequence[slice]
    """Of every filter"""
    bases: Sequence[Floats]
    """Cosines of every filter"""
    factors: Floats
    """(n_scans,) of the scaling"""
    noise: str = "none"


class DenseFit(NamedTuple):
    betas: Floats
    mean_square: Floats
    covariance: Floats


def scans_in(analysed: Analysed) -> Floats:
    """All scans, (n_scans, n_voxels)."""
    parts = [np.asarray(nib.load(path).dataobj, dtype=np.float64) for path in analysed.scans]
    return np.vstack([np.moveaxis(part, -1, 0).reshape(part.shape[3], -1) for part in parts])


def fitted(dense: Dense, Y: Floats, constants: Sequence[int]) -> DenseFit:
    """Fit voxels that are inside the mask."""
    scaled = dense.factors[:, None] * Y
    K = block_diag(*(np.eye(len(b)) - b @ b.T for b in dense.bases))
    V = np.eye(len(Y)) if dense.noise == "none" else _serial(dense, scaled, K, constants)
    values, vectors = np.linalg.eigh(V)
    W = vectors @ np.diag(values**-0.5) @ vectors.T
    W = np.where(np.abs(W) > 1e-6, W, 0)
    A = K @ W @ dense.X
    inverse = np.linalg.pinv(A)
    data = K @ W @ scaled
    betas = (inverse @ data).astype(np.float32).astype(np.float64)
    residual = data - A @ (inverse @ data)
    R = np.eye(len(Y)) - A @ inverse
    KVK = K @ W @ V @ W.T @ K.T
    return DenseFit(betas, (residual**2).sum(axis=0) / np.trace(R @ KVK), inverse @ KVK @ inverse.T)


def _serial(dense: Dense, scaled: Floats, K: Floats, constants: Sequence[int]) -> Floats:
    """V of every filter's rows from the covariance over the voxels that pass the F test."""
    KX, KY = K @ dense.X, K @ scaled
    full = KY - KX @ (np.linalg.pinv(KX) @ KY)
    null = KX[:, list(constants)]
    reduced = KY - null @ (np.linalg.pinv(null) @ KY)
    rank, rank0 = np.linalg.matrix_rank(KX), np.linalg.matrix_rank(null)
    rest = (full**2).sum(axis=0)
    df = rank - rank0, len(KX) - rank
    F = ((reduced**2).sum(axis=0) - rest) / df[0] / (rest / df[1])
    chosen = f_law.isf(SELECTION, *df) < F
    assert chosen.any()
    Y = scaled[:, chosen] / np.sqrt(rest[chosen] / df[1])
    Cy = Y @ Y.T / chosen.sum()
    blocks = []
    for rows, basis in zip(dense.rows, dense.bases, strict=True):
        parts = components(dense.noise, rows.stop - rows.start, TIME)  # type: ignore[arg-type]
        columns = np.hstack([dense.X[rows], basis])
        blocks.append(reml(Cy[rows, rows], columns, parts).covariance)
    V = block_diag(*blocks)
    return np.asarray(V * len(V) / np.trace(V))


def write_maps(analysed: Analysed, number: int, fit: DenseFit, weights: Floats, mask: Floats) -> None:
    """Leave con and spmT of a contrast as SPM does."""
    effect = (weights @ fit.betas).astype(np.float32).astype(np.float64)
    t = effect / np.sqrt(fit.mean_square * (weights @ fit.covariance @ weights))
    for name, values in (("con", effect), ("spmT", t)):
        whole = np.full(int(np.prod(SHAPE)), np.nan)
        whole[mask] = values
        _write_map(analysed.spm / f"{name}_{number:04d}.nii", whole)
