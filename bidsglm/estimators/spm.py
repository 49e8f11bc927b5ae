"""SPM12's first level behind the interface of nilearn's ``FirstLevelModel``."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from nilearn.glm.first_level import FirstLevelModel
from nilearn.maskers import NiftiMasker

from bidsglm.backends import backend
from bidsglm.errors import DataError
from bidsglm.estimators.contrasts import contrast_of
from bidsglm.estimators.images import data_of, read_runs
from bidsglm.estimators.parameters import HIGH_PASS, NOISE_MODELS, SLICE_TIME_REF, specification_of
from bidsglm.estimators.tables import conditions, confound_columns, per_run
from bidsglm.model import (
    TRIAL_TYPE,
    ContrastMaps,
    DesignMatrix,
    Floats,
    ModelSpecification,
    Paradigm,
    Run,
)

NAME = "spm"
OUTPUTS = ("z_score", "stat", "p_value", "effect_size", "effect_variance")


class SPMFirstLevelModel(FirstLevelModel):  # type: ignore[misc]
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
        super().__init__(
            t_r=t_r,
            slice_time_ref=slice_time_ref,
            hrf_model=hrf_model,
            drift_model=drift_model,
            high_pass=high_pass,
            drift_order=drift_order,
            fir_delays=fir_delays,
            min_onset=min_onset,
            mask_img=mask_img,
            target_affine=target_affine,
            target_shape=target_shape,
            smoothing_fwhm=smoothing_fwhm,
            memory=memory,
            memory_level=memory_level,
            standardize=standardize,
            signal_scaling=signal_scaling,
            noise_model=noise_model,
            verbose=verbose,
            n_jobs=n_jobs,
            minimize_memory=minimize_memory,
            subject_label=subject_label,
            random_state=random_state,
            reports=reports,
        )
        self.mask_threshold = mask_threshold

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is an estimate, as scikit-learn asks."""
        return hasattr(self, "estimate_")

    def fit(
        self,
        run_imgs: Any,
        events: Any = None,
        confounds: Any = None,
        sample_masks: Any = None,
        design_matrices: Any = None,
        bins: int = 100,
    ) -> "SPMFirstLevelModel":
        """Fit all runs as one SPM model.

        Parameters
        ----------
        run_imgs
            Path or image of four dimensions, or a list of them, one for each run.
        events
            Data frame or path of a table with onset, duration (s), trial_type, and modulation where there is
            one; a list of them for several runs.
        confounds
            Data frame, array or path of a table with one row for each scan; a list for several runs.
        sample_masks, design_matrices
            Refused: SPM makes its design itself and has no scrubbing.
        bins
            nilearn's histogram of AR coefficients; no matter here.

        Raises
        ------
        ValueError
            A parameter that SPM has no counterpart of, or tables that do not fit.
        BidsglmError
            An image that cannot be read, or a model that cannot be fitted.
        """
        if sample_masks is not None:
            raise ValueError("sample_masks: SPM has no scrubbing; give each scan a confound of its own")
        if design_matrices is not None:
            raise ValueError("design_matrices: SPM makes its design from events; give events and confounds")
        if events is None:
            raise ValueError("events: must be given")
        model = specification_of(self.get_params(deep=False), type(self).__name__)
        images = list(run_imgs) if isinstance(run_imgs, list | tuple) else [run_imgs]
        with tempfile.TemporaryDirectory(prefix="bidsglm-") as folder:
            runs = read_runs(images, self._mask(), Path(folder), float(self.t_r or 0))
            paradigms = self._paradigms(runs, events, confounds)
            self._fit_package(runs, paradigms, model)
        self._describe(images, events)
        return self

    def _mask(self) -> Any:
        given = self.mask_img
        if isinstance(given, NiftiMasker):
            return given.mask_img_ if hasattr(given, "mask_img_") else given.mask_img
        return given

    def _paradigms(self, runs: Sequence[Run], events: Any, confounds: Any) -> list[Paradigm]:
        tables = per_run(events, len(runs), "events")
        others = [None] * len(runs) if confounds is None else per_run(confounds, len(runs), "confounds")
        made = []
        for number, (run, table, columns) in enumerate(zip(runs, tables, others, strict=True), start=1):
            where = f" of run {number}" * (len(runs) > 1)
            found = confound_columns(columns, run.n_scans, f"confounds{where}")
            shown = conditions(table, f"events{where}")
            made.append(Paradigm(run.repetition_time, run.n_scans, None, shown, found.names, found.values))
        return made

    def _fit_package(
        self, runs: Sequence[Run], paradigms: Sequence[Paradigm], model: ModelSpecification
    ) -> None:
        package = backend(NAME)
        try:
            package.check(model)
        except DataError as error:
            raise ValueError(str(error)) from error
        designs = package.designs(paradigms, model)
        data = data_of(runs, NAME, model.spm.mask_threshold, model.smoothing_fwhm)
        series = data.series[NAME]
        mask = package.mask_from(series, data.candidates[NAME], model, data.volume)
        self.estimate_ = package.estimate(designs, series, mask, model, data.volume)
        self.dof_ = float(self.estimate_.dof)
        voxels = np.zeros(data.volume.shape, dtype=np.uint8)
        voxels[data.volume.voxels] = self.estimate_.mask
        self.masker_ = NiftiMasker(mask_img=nib.Nifti1Image(voxels, data.volume.affine)).fit()
        self.design_matrices_ = [self._frame(*pair) for pair in zip(designs, paradigms, strict=True)]
        self._names = [design.names for design in designs]

    def _frame(self, design: DesignMatrix, paradigm: Paradigm) -> pd.DataFrame:
        times = (np.arange(paradigm.n_scans) + self.slice_time_ref) * paradigm.repetition_time
        names = [name.removeprefix(TRIAL_TYPE) for name in design.names]
        return pd.DataFrame(design.matrix, index=times, columns=names)

    def _describe(self, images: Sequence[Any], events: Any) -> None:
        """Leave what nilearn's reports read."""
        self.fir_delays_ = list(self.fir_delays or [0])
        self._reset_report()
        self._report_content["reports_at_fit_time"] = self.reports
        shown = sorted(
            {c.name for table in per_run(events, len(images), "events") for c in conditions(table, "")}
        )
        noise = NOISE_MODELS[self.noise_model.lower()]
        cutoff = f"{1 / self.high_pass:g} s" if self.high_pass else "none"
        self._reporting_data = {
            "trial_types": shown,
            # as nilearn's report names least squares
            "noise_model": "ols" if noise == "none" else f"SPM {noise}",
            "hrf_model": self.hrf_model,
            "drift_model": f"and SPM's high-pass filter ({cutoff})",
            "run_imgs": {number: {} for number in range(len(images))},
        }

    def compute_contrast(
        self, contrast_def: Any, stat_type: str | None = None, output_type: str = "z_score"
    ) -> Any:
        """Compute maps of a contrast, the mean over the runs.

        Parameters
        ----------
        contrast_def
            Expression over the columns of `design_matrices_`, or weights (n_columns,) for t, (n_rows,
            n_columns) for F; a list with one for each run if they are the same contrast.
        stat_type
            ``"t"`` or ``"F"``; None goes by the number of rows.
        output_type
            ``"z_score"``, ``"stat"``, ``"p_value"``, ``"effect_size"``, ``"effect_variance"`` or ``"all"``.

        Returns
        -------
        An image, or a dictionary of them for ``"all"``; 0 outside the mask

        Raises
        ------
        ValueError
            The contrast is not estimable, differs between runs, or has no such map.
        """
        if not self.__sklearn_is_fitted__():
            raise ValueError("the model is not fitted; call fit first")
        if output_type not in (*OUTPUTS, "all"):
            raise ValueError(f"output_type: one of {', '.join(OUTPUTS)} or all, not {output_type!r}")
        columns = [list(map(str, design.columns)) for design in self.design_matrices_]
        specification = contrast_of(contrast_def, stat_type, columns, self._names)
        package = backend(NAME)
        runs = package.usable_runs(self.estimate_, specification)
        if not runs:
            raise ValueError(f"contrast {specification.name!r} is not estimable")
        maps = package.contrast(self.estimate_, specification, runs)
        images = {name: self._image(values) for name, values in _outputs(maps) if values is not None}
        if output_type == "all":
            return images
        if output_type not in images:
            raise ValueError(f"output_type: an F contrast has no {output_type}")
        return images[output_type]

    def _image(self, values: Floats) -> Any:
        inside = values[self.estimate_.mask]
        return self.masker_.inverse_transform(np.where(np.isfinite(inside), inside, 0).astype(np.float64))

    def _get_element_wise_model_attribute(self, attribute: str, result_as_time_series: bool) -> Any:
        """Refuse what would need the data once more."""
        raise AttributeError(f"{attribute}: is not kept by {type(self).__name__}")


def _outputs(maps: ContrastMaps) -> list[tuple[str, Floats | None]]:
    values = maps.z, maps.stat, maps.p, maps.effect, maps.variance
    return list(zip(OUTPUTS, values, strict=True))
