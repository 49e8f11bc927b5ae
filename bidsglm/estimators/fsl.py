"""FSL's first level (FEAT, FILM) behind the interface of nilearn's ``FirstLevelModel``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bidsglm.data import DesignMatrix
from bidsglm.errors import TryLaterError
from bidsglm.estimators.base import PackageFirstLevelModel, columns_of
from bidsglm.estimators.contrasts import contrast_of
from bidsglm.estimators.parameters import check_common, cutoff, filter_words, one_of, warn_of_both
from bidsglm.model import ContrastSpecification, FslSettings, Hrf, ModelSpecification
from bidsglm.spm.contrasts import placed
from bidsglm.statsmodel.responses import hrf_family

HIGH_PASS = 1 / 100
"""Hz; FEAT's default cut-off is 100 s."""
MIDDLE = 0.5
NOISE_MODELS: Mapping[str, bool] = {"film": True, "ols": False, "none": False}
RESPONSES = ("double-gamma", "gamma", "gaussian")
DERIVATIVE = "+derivative"
LARGEST_FIT = 2**31
"""Bytes that a fit may keep for contrasts that are not known yet."""
FIXED = {"drift_order": (1, "FSL filters with a running line; there are no polynomials")}


class FSLFirstLevelModel(PackageFirstLevelModel):
    """First-level model with nilearn's interface and the numbers of FSL.

    Each run is scaled to a median of 10,000, filtered and fitted by FILM; runs are combined by fixed effects.

    Parameters
    ----------
    t_r
        Repetition time in s.
    slice_time_ref
        Share of the TR that a scan stands for. FEAT knows the middle alone, so events are moved by the rest.
    hrf_model
        ``"spm"``, which is FEAT's ``"double-gamma"``, ``"gamma"`` or ``"gaussian"``, each with ``" +
        derivative"``.
    drift_model
        ``"line"`` or None; FSL's filter follows `high_pass` alone. None with a `high_pass`, which filters
        nothing in nilearn, filters here, and a warning says so.
    high_pass
        Hz, of FEAT's local straight line; None or 0 for no filter.
    mask_img
        Path, image, or a fitted masker with ``mask_img_``; None for FEAT's own mask.
    smoothing_fwhm
        mm; None for none.
    signal_scaling
        0: a median of 10,000 over the brain of each run.
    noise_model
        ``"film"`` or ``"ols"``.
    drift_order, fir_delays, min_onset, target_affine, target_shape, standardize
        Nothing but nilearn's defaults: FSL has no counterpart.
    memory, memory_level, verbose, n_jobs, minimize_memory, subject_label, random_state, reports
        As in nilearn, as far as they do not matter to the numbers.
    contrasts
        Contrasts that will be asked for, as `compute_contrast` takes them. None: any may be, and the fit
        keeps n (n + 1) / 2 + n numbers of each voxel for n columns; where that is more than 2 GB, it is
        refused.

    Attributes
    ----------
    design_matrices_ : list of pandas.DataFrame
        Columns that FILM fits, filtered and without their means; there is no constant. Names as in nilearn.
    masker_ : NiftiMasker
        Voxels that FILM fits in every run.
    dof_ : float
        Residual degrees of freedom: scans less columns less one; of several runs as fixed effects have them.

    Examples
    --------
    >>> model = FSLFirstLevelModel(t_r=2.0, hrf_model="gamma + derivative")
    >>> model
    FSLFirstLevelModel(hrf_model='gamma + derivative', t_r=2.0)
    """

    package = "fsl"
    parameter_of = {  # noqa: RUF012
        "a longer HighPassFilterCutoffHz period": "a lower high_pass",
        "HighPassFilterCutoffHz": "high_pass",
        "Software.FSL.HRF": "hrf_model",
    }

    def __init__(
        self,
        t_r: float | None = None,
        slice_time_ref: float = MIDDLE,
        hrf_model: str = "spm",
        drift_model: str | None = "line",
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
        noise_model: str = "film",
        verbose: int = 0,
        n_jobs: int = 1,
        minimize_memory: bool = True,
        subject_label: str | None = None,
        random_state: Any = None,
        reports: bool = True,
        contrasts: Sequence[Any] | None = None,
    ) -> None:
        self._set(locals())

    def _specification(self) -> ModelSpecification:
        given = self.get_params()
        _check(given)
        warn_of_both(given, f"FSL filters with {1 / (given['high_pass'] or 1):g} s")
        hrf, own = _response(given["hrf_model"])
        return ModelSpecification(
            name=type(self).__name__,
            x=(),
            hrf=hrf,
            high_pass=cutoff(given["high_pass"]),
            smoothing_fwhm=float(given["smoothing_fwhm"] or 0),
            fsl=FslSettings(hrf=own, prewhitening=NOISE_MODELS[given["noise_model"].lower()]),
        )

    def _words(self) -> tuple[str, str]:
        noise = "FSL FILM" if NOISE_MODELS[self.noise_model.lower()] else "ols"
        return noise, filter_words("FSL", self.high_pass)

    def _asked(self, designs: Sequence[DesignMatrix], n_voxels: int) -> tuple[ContrastSpecification, ...]:
        """Contrasts that were announced; else all combinations of parameters are kept, if there is room."""
        self._announced: tuple[ContrastSpecification, ...] = ()
        if self.contrasts is None:
            _check_room(designs, n_voxels)
            return ()
        names = [design.names for design in designs]
        columns = [columns_of(each) for each in names]
        self._announced = tuple(contrast_of(each, None, columns, names) for each in self.contrasts)
        if not self._announced:
            raise ValueError("contrasts: names none; give those that will be asked for, or None for any")
        return self._announced

    def _check_asked(self, contrast: ContrastSpecification) -> None:
        """Refuse what was not announced: its covariances were not kept."""
        if self.contrasts is not None and not any(_holds(each, contrast) for each in self._announced):
            raise ValueError(
                f"contrast {contrast.name!r} was not among contrasts when the model was fitted; add it there"
                " and fit again"
            )


def _check(given: Mapping[str, Any]) -> None:
    check_common(given, FIXED)
    if given["drift_model"] not in ("line", None):
        raise ValueError(f"drift_model: FSL filters with a running line, not {given['drift_model']!r}")
    one_of("noise_model", given["noise_model"], NOISE_MODELS)
    if given["fir_delays"] is not None:
        raise ValueError("fir_delays: FSL has no FIR model here; leave it at None")
    if given["signal_scaling"] is False or given["signal_scaling"] != 0:
        raise ValueError(
            "signal_scaling: FSL scales every run to a median of 10,000 (0); it has no"
            f" {given['signal_scaling']!r}"
        )


def _response(name: Any) -> tuple[Hrf, Any]:
    """Response of the model, and FEAT's own convolution where it is named."""
    plain = "".join(name.lower().split()) if isinstance(name, str) else ""
    own, derivative = plain.removesuffix(DERIVATIVE), plain.endswith(DERIVATIVE)
    if own in RESPONSES:
        return Hrf("spm", derivative=derivative), own
    found = hrf_family(name) if isinstance(name, str) else None
    if found is None or found.model != "spm" or found.dispersion:
        known = ", ".join(map(repr, ("spm", *RESPONSES)))
        raise ValueError(f"hrf_model: one of {known}, each with ' + derivative', not {name!r}")
    return Hrf("spm", derivative=found.derivative), None


def _check_room(designs: Sequence[DesignMatrix], n_voxels: int) -> None:
    """Refuse to keep more for contrasts than a computer has room for.

    Raises
    ------
    TryLaterError
        Saying how much it is, and how it becomes less.
    """
    sizes = [len(design.names) for design in designs]
    needed = sum(n * (n + 1) // 2 + n for n in sizes) * n_voxels * np.dtype(float).itemsize
    if needed > LARGEST_FIT:
        raise TryLaterError(
            f"contrasts: a fit of {max(sizes)} columns that is ready for any contrast keeps"
            f" {needed / 2**30:.1f} GB; name the contrasts that will be asked for, as contrasts=['a - b']"
        )


def _holds(announced: ContrastSpecification, contrast: ContrastSpecification) -> bool:
    """Whether each row of a contrast is one of another's."""
    names = (*announced.conditions, *(c for c in contrast.conditions if c not in announced.conditions))
    known = placed(announced.weights, announced.conditions, names)
    rows = placed(contrast.weights, contrast.conditions, names)
    return all((known == row).all(axis=1).any() for row in rows)
