"""Serial correlations of SPM12's runs, and the design that they whiten."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from bidsglm.backends.spm12_scans import scaled_parts
from bidsglm.data import DesignMatrix, TimeSeries
from bidsglm.errors import DataError
from bidsglm.model import Floats, Mask, ModelSpecification
from bidsglm.spm import covariance, estimation, reml
from bidsglm.spm.structure import is_definite
from bidsglm.spm.whitening import Whitening, normalised, whitening


def error_covariances(
    designs: Sequence[DesignMatrix], series: Sequence[TimeSeries], mask: Mask, model: ModelSpecification
) -> tuple[Sequence[Floats | None], Mapping[str, object]]:
    """V of every run (None: independent errors), and how it was found."""
    kind = model.spm.serial_correlation
    if kind == "none":
        return [None] * len(designs), {}
    chunks = (part.scans() for part in scaled_parts(series, model, mask))
    try:
        test = covariance.criterion(_joint(designs, [None] * len(designs)))
        pooled = covariance.pooled_covariance(test, chunks)
        fits = [variance_components(*pair, kind) for pair in zip(pooled.covariances, designs, strict=True)]
    except ValueError as error:
        raise DataError(
            f"model {model.name}: {error}; check onsets, mask and images, or use SerialCorrelation none"
        ) from error
    return normalised([fit.covariance for fit in fits]), {
        "hyperparameters": [fit.hyperparameters.tolist() for fit in fits],
        "n_voxels_pooled": int(np.count_nonzero(pooled.selected)),
        "n_voxels_not_pooled": pooled.n_exact,
        "f_threshold": test.threshold,
        "f_dof": list(test.dof),
    }


def variance_components(Cy: Floats, design: DesignMatrix, kind: Literal["AR(1)", "FAST"]) -> reml.Reml:
    """Fit the serial correlations of a run.

    Raises
    ------
    ValueError
        The data cannot tell the components.
    DataError
        FAST gives no covariance, as in runs of some 20 scans and fewer.
    """
    n_scans = len(design.matrix)
    components = covariance.components(kind, n_scans, design.repetition_time)
    try:
        found = reml.reml(Cy, np.hstack([design.matrix, design.high_pass_basis]), components)
    except np.linalg.LinAlgError:
        found = None
    except ValueError:
        if kind != "FAST" or not np.isfinite(Cy).all():
            raise
        found = None
    if found is not None and (kind != "FAST" or is_definite(found.covariance)):
        return found
    advice = "use SerialCorrelation AR(1)" if kind == "FAST" else "use SerialCorrelation none"
    raise DataError(
        f"the {len(components)} variance components of {kind} do not converge on a run of {n_scans} scans;"
        f" SPM itself goes on there and returns a matrix that is no covariance (not positive definite):"
        f" {advice} (--noise-model)"
    )


def joint_model(
    designs: Sequence[DesignMatrix], covariances: Sequence[Floats | None]
) -> tuple[estimation.JointModel, estimation.Dispersion]:
    """Whiten and filter the designs of all runs, and count their degrees of freedom.

    Raises
    ------
    DataError
        A covariance cannot be whitened, or nothing is left for the noise.
    """
    try:
        roots = whitening([V for V in covariances if V is not None])
    except ValueError as error:
        raise DataError(f"{error}; check the images, or use SerialCorrelation none") from error
    joint = _joint(designs, roots or [None] * len(designs))
    n_cosines = sum(d.high_pass_basis.shape[1] for d in designs)
    if sum(len(d.matrix) for d in designs) <= joint.decomposition.rank + n_cosines:
        raise DataError(
            "regressors and high-pass filter leave no residual degrees of freedom; "
            "use fewer confounds or a longer HighPassFilterCutoffHz period"
        )
    return joint, estimation.dispersion(joint, covariances)


def _joint(designs: Sequence[DesignMatrix], roots: Sequence[Whitening | None]) -> estimation.JointModel:
    return estimation.joint_model([d.matrix for d in designs], [d.high_pass_basis for d in designs], roots)
