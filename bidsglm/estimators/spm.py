"""SPM12's first level behind the interface of nilearn's ``FirstLevelModel``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bidsglm.estimators.base import PackageFirstLevelModel
from bidsglm.estimators.parameters import (
    check_common,
    cutoff,
    filter_words,
    listed_response,
    one_of,
    warn_of_both,
)
from bidsglm.model import Hrf, ModelSpecification, SpmSettings

HIGH_PASS = 1 / 128
"""Hz; SPM's default cut-off is 128 s."""
SLICE_TIME_REF = 7 / 16
"""SPM's default bin, the eighth of sixteen."""
NOISE_MODELS: Mapping[str, Any] = {"ar1": "AR(1)", "fast": "FAST", "ols": "none", "none": "none"}
FIXED = {"drift_order": (1, "SPM filters with cosines; there are no polynomials")}


class SPMFirstLevelModel(PackageFirstLevelModel):
    """First-level model with nilearn's interface and the numbers of SPM12 (r7771).

    All runs are sessions of one SPM model: one residual mean square, serial correlations of each run by
    pooled ReML, cosines projected out of data and design. A contrast is the mean over the runs.

    Parameters
    ----------
    t_r
        Repetition time in s.
    slice_time_ref
        Share of the TR that a scan stands for: SPM's bin ``round(slice_time_ref * 16) + 1`` of 16.
    hrf_model
        ``"spm"``, ``"spm + derivative"``, ``"spm + derivative + dispersion"`` or ``"fir"``.
    drift_model
        ``"cosine"`` or None; SPM's filter follows `high_pass` alone. None with a `high_pass`, which filters
        nothing in nilearn, filters here, and a warning says so.
    high_pass
        Hz; None or 0 for no filter.
    fir_delays
        Scans, 0, 1, 2 ... without gaps.
    mask_img
        Path, image, or a fitted masker with ``mask_img_``; None for SPM's own mask.
    mask_threshold
        Share of the global that a voxel must exceed in every scan; -inf for none.
    smoothing_fwhm
        mm, with SPM's kernel; None for none.
    signal_scaling
        0 or ``"None"``: one factor for a run; ``"Scaling"``: one for each scan.
    noise_model
        ``"ar1"``, ``"fast"`` or ``"ols"``.
    drift_order, min_onset, target_affine, target_shape, standardize
        Nothing but nilearn's defaults: SPM has no counterpart.
    memory, memory_level, verbose, n_jobs, minimize_memory, subject_label, random_state, reports
        As in nilearn, as far as they do not matter to the numbers.

    Attributes
    ----------
    design_matrices_ : list of pandas.DataFrame
        SPM's design of each run, before whitening and filtering; names as in nilearn's designs.
    masker_ : NiftiMasker
        SPM's mask.
    dof_ : float
        Effective residual degrees of freedom.

    Examples
    --------
    >>> model = SPMFirstLevelModel(t_r=2.0, noise_model="fast")
    >>> model
    SPMFirstLevelModel(noise_model='fast', t_r=2.0)
    """

    package = "spm"

    def __init__(
        self,
        t_r: float | None = None,
        slice_time_ref: float = SLICE_TIME_REF,
        hrf_model: str = "spm",
        drift_model: str | None = "cosine",
        high_pass: float | None = HIGH_PASS,
        drift_order: int = 1,
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
        noise_model: str = "ar1",
        verbose: int = 0,
        n_jobs: int = 1,
        minimize_memory: bool = True,
        subject_label: str | None = None,
        random_state: Any = None,
        reports: bool = True,
        mask_threshold: float = 0.8,
    ) -> None:
        self._set(locals())

    def _specification(self) -> ModelSpecification:
        given = self.get_params()
        _check(given)
        warn_of_both(given, f"SPM filters with {1 / (given['high_pass'] or 1):g} s")
        bins = SpmSettings().microtime_resolution
        onset = min(int(np.floor(given["slice_time_ref"] * bins + 0.5)) + 1, bins)
        return ModelSpecification(
            name=type(self).__name__,
            x=(),
            hrf=_hrf(given["hrf_model"], given["fir_delays"]),
            high_pass=cutoff(given["high_pass"]),
            smoothing_fwhm=float(given["smoothing_fwhm"] or 0),
            spm=SpmSettings(
                serial_correlation=NOISE_MODELS[given["noise_model"].lower()],
                mask_threshold=float(given["mask_threshold"]),
                microtime_onset=onset,
                global_normalization="Scaling" if given["signal_scaling"] == "Scaling" else "None",
            ),
        )

    def _start_time(self) -> None:
        """Leave it to SPM's microtime onset."""

    def _words(self) -> tuple[str, str]:
        noise = NOISE_MODELS[self.noise_model.lower()]
        return "ols" if noise == "none" else f"SPM {noise}", filter_words("SPM", self.high_pass)


def _check(given: Mapping[str, Any]) -> None:
    check_common(given, FIXED)
    if given["drift_model"] not in ("cosine", None):
        raise ValueError(f"drift_model: SPM filters with cosines, not {given['drift_model']!r}")
    one_of("noise_model", given["noise_model"], NOISE_MODELS)
    if given["signal_scaling"] is False or given["signal_scaling"] not in (0, "None", "Scaling"):
        raise ValueError(
            "signal_scaling: SPM scales every run to a grand mean of 100 (0 or 'None'), or every scan "
            f"('Scaling'); it has no {given['signal_scaling']!r}"
        )


def _hrf(name: Any, delays: Any) -> Hrf:
    found = listed_response(name, delays)
    if found is None:
        raise ValueError(
            f"hrf_model: 'spm', 'spm + derivative', 'spm + derivative + dispersion' or 'fir', not {name!r}"
        )
    return found
