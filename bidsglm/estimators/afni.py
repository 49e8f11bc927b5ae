"""AFNI's first level (3dDeconvolve, 3dREMLfit) behind the interface of nilearn's ``FirstLevelModel``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bidsglm.afni.notation import response_model
from bidsglm.estimators.base import PackageFirstLevelModel
from bidsglm.estimators.parameters import (
    check_common,
    cutoff,
    is_number,
    listed_response,
    one_of,
    warn_of_both,
)
from bidsglm.model import AfniSettings, Hrf, ModelSpecification

NOISE_MODELS: Mapping[str, Any] = {"arma11": "ARMA(1,1)", "ols": "none", "none": "none"}
KNOWN = (
    "'spm', 'spm + derivative', 'spm + derivative + dispersion', 'fir', or 3dDeconvolve's notation such as"
    " 'GAM' and 'BLOCK(20,1)', one or a dictionary by condition"
)


class AFNIFirstLevelModel(PackageFirstLevelModel):
    """First-level model with nilearn's interface and the numbers of AFNI.

    All runs are one regression with a baseline of their own in each run, fitted by 3dREMLfit's ARMA(1,1) of
    each voxel. A condition has one parameter over all runs.

    Parameters
    ----------
    t_r
        Repetition time in s.
    slice_time_ref
        Share of the TR that a scan stands for: onsets are moved to the front by as much, as
        ``-stim_times_subtract`` does.
    hrf_model
        ``"spm"`` (SPMG1, with the duration of the events), ``"spm + derivative"``, ``"spm + derivative +
        dispersion"``, ``"fir"`` (TENT), or 3dDeconvolve's own notation such as ``"GAM"`` and
        ``"BLOCK(20,1)"``, for all conditions or in a dictionary for each.
    drift_model
        ``"polynomial"``, or None: with a `high_pass` AFNI's polynomials stay, and a warning says so; without
        one each run has a constant and no more.
    high_pass
        None: AFNI has no cut-off; its polynomials follow the length of the runs.
    drift_order
        Degree of the polynomials; None for the rule of ``-polort A``.
    fir_delays
        Scans, 0, 1, 2 ... without gaps.
    mask_img
        Path, image, or a fitted masker with ``mask_img_``; None for a mask of the images.
    smoothing_fwhm
        mm; None for none.
    signal_scaling
        0: percent of each voxel's mean over the run; False: as the images are.
    noise_model
        ``"arma11"`` or ``"ols"``.
    min_onset, target_affine, target_shape, standardize
        Nothing but nilearn's defaults: AFNI has no counterpart.
    memory, memory_level, verbose, n_jobs, minimize_memory, subject_label, random_state, reports
        As in nilearn, as far as they do not matter to the numbers.

    Attributes
    ----------
    design_matrices_ : list of pandas.DataFrame
        Rows of 3dDeconvolve's design of each run; names as in nilearn's designs.
    masker_ : NiftiMasker
        Voxels that are fitted.
    dof_ : float
        Residual degrees of freedom: scans that are kept less columns.

    Examples
    --------
    >>> model = AFNIFirstLevelModel(t_r=2.0, hrf_model="BLOCK(20,1)")
    >>> model
    AFNIFirstLevelModel(hrf_model='BLOCK(20,1)', t_r=2.0)
    """

    package = "afni"
    censors = True
    parameter_of = {  # noqa: RUF012
        "Software.AFNI.ResponseModel": "hrf_model",
        "Software.AFNI.Polort": "drift_order",
        "Software.AFNI.Censor": "sample_masks",
    }

    def __init__(
        self,
        t_r: float | None = None,
        slice_time_ref: float = 0.0,
        hrf_model: Any = "spm",
        drift_model: str | None = "polynomial",
        high_pass: float | None = None,
        drift_order: int | None = None,
        fir_delays: Sequence[int] | None = None,
        min_onset: float = -24,
        mask_img: Any = None,
        target_affine: Any = None,
        target_shape: Any = None,
        smoothing_fwhm: float | None = None,
        memory: Any = None,
        memory_level: int = 1,
        standardize: bool = False,
        signal_scaling: Any = 0,
        noise_model: str = "arma11",
        verbose: int = 0,
        n_jobs: int = 1,
        minimize_memory: bool = True,
        subject_label: str | None = None,
        random_state: Any = None,
        reports: bool = True,
    ) -> None:
        self._set(locals())

    def _specification(self) -> ModelSpecification:
        given = self.get_params()
        _check(given)
        warn_of_both(given, "AFNI removes polynomials by the length of the runs")
        hrf, notation = _response(given["hrf_model"], given["fir_delays"])
        return ModelSpecification(
            name=type(self).__name__,
            x=(),
            hrf=hrf,
            smoothing_fwhm=float(given["smoothing_fwhm"] or 0),
            afni=AfniSettings(
                response_model=notation,
                polort=_degree(given),
                scale=given["signal_scaling"] is not False,
                noise_model=NOISE_MODELS[given["noise_model"].lower()],
            ),
        )

    def _words(self) -> tuple[str, str]:
        noise = NOISE_MODELS[self.noise_model.lower()]
        return "ols" if noise == "none" else f"AFNI {noise}", "of AFNI's polynomials"


def _check(given: Mapping[str, Any]) -> None:
    check_common(given, {})
    if given["drift_model"] not in ("polynomial", None):
        raise ValueError(f"drift_model: AFNI's drifts are polynomials, not {given['drift_model']!r}")
    cutoff(given["high_pass"])
    if given["high_pass"] and given["drift_model"] is not None:
        raise ValueError(
            "high_pass: AFNI has no cut-off; its polynomials follow drift_order, or the length of the runs;"
            " leave it at None"
        )
    order = given["drift_order"]
    if order is not None and (not is_number(order) or order != int(order) or order < 0):
        raise ValueError(f"drift_order: a degree from 0, or None for AFNI's rule, not {order!r}")
    one_of("noise_model", given["noise_model"], NOISE_MODELS)
    if np.ndim(given["signal_scaling"]) or given["signal_scaling"] != 0:
        raise ValueError(
            "signal_scaling: AFNI has percent of each voxel's mean over the run (0), or no scaling (False);"
            f" it has no {given['signal_scaling']!r}"
        )


def _degree(given: Mapping[str, Any]) -> int | None:
    """Degree of the polynomials; None for AFNI's rule."""
    if given["drift_order"] is not None:
        return int(given["drift_order"])
    return 0 if given["drift_model"] is None and not given["high_pass"] else None


def _response(name: Any, delays: Any) -> tuple[Hrf, str | Mapping[str, str] | None]:
    """Response of the model, and 3dDeconvolve's notation where it is given."""
    found = listed_response(name, delays)
    if found is not None:
        return found, None
    notations = list(name.values()) if isinstance(name, Mapping) else [name]
    if not all(isinstance(each, str) for each in notations):
        raise ValueError(f"hrf_model: {KNOWN}, not {name!r}")
    for notation in notations:
        try:
            response_model(notation)
        except ValueError as error:
            raise ValueError(f"hrf_model: {error}; known are {KNOWN}") from error
    return Hrf(), dict(name) if isinstance(name, Mapping) else name
