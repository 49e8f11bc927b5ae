"""Runs that were made one session (spm_fmri_concatenate), fitted as SPM12 does.

Design and residual variance are of all runs; constants, filters, serial correlations and grand means are of
each: ``spm_est_non_sphericity`` goes over ``xX.K``, block by block.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.linalg import block_diag

from bidsglm.backends.spm12_estimate import check_designs, estimate_with
from bidsglm.backends.spm12_noise import variance_components
from bidsglm.backends.spm12_scans import scaled_parts
from bidsglm.check.models import designs_of
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.data import DesignMatrix, TimeSeries
from bidsglm.errors import DataError
from bidsglm.model import CONSTANT, Floats, Mask, ModelSpecification
from bidsglm.spm import covariance, estimation
from bidsglm.spm.whitening import normalised

PERCENT = 100.0
"""Mean that the scaling gives: the global of a scan whose factor is given is this over the factor"""


def is_concatenated(spm: SpmAnalysis) -> bool:
    """Whether a session is several runs, each with a filter of its own."""
    return any(len(session.blocks) > 1 for session in spm.sessions)


def why_not_fitted(spm: SpmAnalysis) -> str:
    """What SPM.mat lacks to fit runs that were concatenated; empty where it tells all."""
    for session in spm.sessions:
        ends = [0, *(block.stop for block in session.blocks)]
        if any(block.start != end for block, end in zip(session.blocks, ends, strict=False)):
            return "the filters in xX.K leave scans out, so where a run begins is not told"
        if ends[-1] != session.n_scans:
            return "the filters in xX.K leave scans out, so where a run begins is not told"
    if spm.scale_factors.size != len(spm.matrix):
        return "xGX.gSF does not hold a factor for each scan, so the runs' grand means are not told"
    return ""


def fit_concatenated(
    spm: SpmAnalysis, series: Sequence[TimeSeries], mask: Mask, model: ModelSpecification
) -> Any:
    """Fit sessions of concatenated runs.

    Raises
    ------
    DataError
        The data cannot tell the serial correlations, or the design leaves nothing for the noise.
    """
    designs = designs_of(spm)
    check_designs(designs, model)
    # each scan's own factor, as the user's SPM applied it, in place of one of the session
    by_scan = replace(model, spm=replace(model.spm, global_normalization="Scaling"))
    scaled = [
        replace(each, global_means=PERCENT / spm.scale_factors[session.rows])
        for each, session in zip(series, spm.sessions, strict=True)
    ]
    return estimate_with(designs, scaled, mask, by_scan, _errors(spm, designs, scaled, mask, by_scan))


def _errors(
    spm: SpmAnalysis,
    designs: Sequence[DesignMatrix],
    series: Sequence[TimeSeries],
    mask: Mask,
    model: ModelSpecification,
) -> tuple[Sequence[Floats | None], dict[str, object]]:
    """V of every session, a block for each of its runs."""
    kind = model.spm.serial_correlation
    if kind == "none":
        return [None] * len(designs), {}
    joint = estimation.joint_model(
        [d.matrix for d in designs], [d.high_pass_basis for d in designs], [None] * len(designs)
    )
    constants = [[i for i, name in enumerate(d.names) if name.endswith(CONSTANT)] for d in designs]
    try:
        test = covariance.criterion(joint, constants)
        pooled = covariance.pooled_covariance(
            test, (part.scans() for part in scaled_parts(series, model, mask))
        )
        found = [
            [variance_components(Cy[rows, rows], _rows(design, rows), kind) for rows in session.blocks]
            for Cy, design, session in zip(pooled.covariances, designs, spm.sessions, strict=True)
        ]
    except ValueError as error:
        raise DataError(f"{spm.path}: {error}; check onsets, mask and images") from error
    whole = [np.asarray(block_diag(*(fit.covariance for fit in fits))) for fits in found]
    return normalised(whole), {
        "hyperparameters": [fit.hyperparameters.tolist() for fits in found for fit in fits],
        "n_voxels_pooled": int(np.count_nonzero(pooled.selected)),
    }


def _rows(design: DesignMatrix, rows: slice) -> DesignMatrix:
    """Rows of a design; of other runs' filters and constants nothing is left there."""
    basis = design.high_pass_basis[rows]
    return DesignMatrix(
        design.names, design.matrix[rows], basis[:, basis.any(axis=0)], design.repetition_time
    )
