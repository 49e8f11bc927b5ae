"""A package's first level behind the interface of nilearn's ``FirstLevelModel``."""

import tempfile
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import nibabel as nib
import numpy as np
import pandas as pd
from nilearn.glm.first_level import FirstLevelModel
from nilearn.maskers import NiftiMasker

from bidsglm import packages
from bidsglm.backends import backend
from bidsglm.data import ContrastMaps, DesignMatrix, Paradigm, Run
from bidsglm.dataset.images import read_data
from bidsglm.errors import BidsglmError, DataError
from bidsglm.estimators.contrasts import contrast_of
from bidsglm.estimators.images import read_runs
from bidsglm.estimators.tables import conditions, confound_columns, kept_scans, per_run
from bidsglm.model import TRIAL_TYPE, ContrastSpecification, Floats, ModelSpecification

OUTPUTS = ("z_score", "stat", "p_value", "effect_size", "effect_variance")


class PackageFirstLevelModel(FirstLevelModel):  # type: ignore[misc]
    """What the models of all packages share; each says what its parameters mean.

    Attributes
    ----------
    package
        Name in the table of packages.
    censors
        Whether scans can be left out.
    parameter_of
        Key of the model language -> parameter that a message names in its place.
    """

    package: ClassVar[str]
    censors: ClassVar[bool] = False
    parameter_of: ClassVar[Mapping[str, str]] = {}

    def _set(self, given: Mapping[str, Any]) -> None:
        """Take the arguments of an ``__init__``, as scikit-learn wants them: unchanged, by their names."""
        theirs = FirstLevelModel._get_param_names()
        FirstLevelModel.__init__(self, **{name: given[name] for name in theirs})
        for name in set(self._get_param_names()) - set(theirs):
            setattr(self, name, given[name])

    @abstractmethod
    def _specification(self) -> ModelSpecification:
        """Make a model of the parameters, or raise a ValueError that names one."""

    @abstractmethod
    def _words(self) -> tuple[str, str]:
        """Noise model (``ols``) and filter for nilearn's report, the filter behind the words drift model."""

    def _start_time(self) -> float | None:
        """Seconds from a scan's start to the moment that it stands for; None where the model says it."""
        return float(self.slice_time_ref * (self.t_r or 0))

    def _asked(self, designs: Sequence[DesignMatrix], n_voxels: int) -> tuple[ContrastSpecification, ...]:
        """Contrasts that the fit prepares; without any, it is ready for every contrast."""
        return ()

    def _check_asked(self, contrast: ContrastSpecification) -> None:
        """Refuse a contrast that the fit is not ready for."""

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
    ) -> "PackageFirstLevelModel":
        """Fit all runs as the package does.

        Parameters
        ----------
        run_imgs
            Path or image of four dimensions, or a list of them, one for each run.
        events
            Data frame or path of a table with onset, duration (s), trial_type, and modulation where there is
            one; a list of them for several runs.
        confounds
            Data frame, array or path of a table with one row for each scan; a list for several runs.
        sample_masks
            Numbers of the scans that are kept, from 0, or one truth value for each; a list for several
            runs. Only where the package can leave scans out; refused elsewhere.
        design_matrices
            Refused: every package makes its design itself.
        bins
            nilearn's histogram of AR coefficients; no matter here.

        Raises
        ------
        ValueError
            A parameter that the package has no counterpart of, or tables that do not fit.
        BidsglmError
            An image that cannot be read, or a model that cannot be fitted.
        """
        title = packages.title(self.package)
        if sample_masks is not None and not self.censors:
            raise ValueError(f"sample_masks: {title} has no scrubbing; give each scan a confound of its own")
        if design_matrices is not None:
            raise ValueError(
                f"design_matrices: {title} makes its design from events; give events and confounds"
            )
        if events is None:
            raise ValueError(f"events: {title} makes its design from them; give one table for each run")
        model = self._specification()
        images = list(run_imgs) if isinstance(run_imgs, list | tuple) else [run_imgs]
        with tempfile.TemporaryDirectory(prefix="bidsglm-") as folder:
            runs = read_runs(images, self._mask(), Path(folder), float(self.t_r or 0))
            paradigms = self._paradigms(runs, events, confounds, sample_masks)
            self._fit_package(runs, paradigms, model)
        self._describe(paradigms)
        return self

    def _mask(self) -> Any:
        given = self.mask_img
        if isinstance(given, NiftiMasker):
            return given.mask_img_ if hasattr(given, "mask_img_") else given.mask_img
        return given

    def _paradigms(
        self, runs: Sequence[Run], events: Any, confounds: Any, sample_masks: Any
    ) -> list[Paradigm]:
        given = {"events": events, "confounds": confounds, "sample_masks": sample_masks}
        by_run = {
            name: [None] * len(runs) if what is None else per_run(what, len(runs), name)
            for name, what in given.items()
        }
        return [self._paradigm(run, number, by_run) for number, run in enumerate(runs, start=1)]

    def _paradigm(self, run: Run, number: int, by_run: Mapping[str, Sequence[Any]]) -> Paradigm:
        where = f" of run {number}" * (len(by_run["events"]) > 1)
        events, confounds, kept = (each[number - 1] for each in by_run.values())
        found = confound_columns(confounds, run.n_scans, f"confounds{where}")
        inside = kept_scans(kept, run.n_scans, f"sample_masks{where}")
        return Paradigm(
            run.repetition_time,
            run.n_scans,
            self._start_time(),
            conditions(events, f"events{where}"),
            found.names,
            found.values,
            censored=tuple(int(i) for i in np.flatnonzero(~inside)),
        )

    def _fit_package(
        self, runs: Sequence[Run], paradigms: Sequence[Paradigm], model: ModelSpecification
    ) -> None:
        package = backend(self.package)
        with self._in_our_words():
            try:
                package.check(model)
            except DataError as error:
                raise ValueError(self._renamed(error)) from error
            designs = package.designs(paradigms, model)
            data = read_data(runs, (self.package,), model.spm.mask_threshold, model.smoothing_fwhm)
            series = data.series[self.package]
            mask = package.mask_from(series, data.candidates[self.package], model, data.volume)
            asked = self._asked(designs, int(np.count_nonzero(mask)))
            self.estimate_ = package.estimate(designs, series, mask, model, data.volume, asked)
        self.dof_ = float(self.estimate_.dof)
        voxels = data.volume.filled(self.estimate_.mask.astype(np.uint8))
        self.masker_ = NiftiMasker(mask_img=nib.Nifti1Image(voxels, data.volume.affine)).fit()
        self.design_matrices_ = [self._frame(*pair) for pair in zip(designs, paradigms, strict=True)]
        self._names = [design.names for design in designs]

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        """Name parameters in place of the model language's keys in what goes wrong."""
        try:
            yield
        except BidsglmError as error:
            text = self._renamed(error)
            if text == str(error):
                raise
            raise type(error)(text) from error

    def _renamed(self, error: BidsglmError) -> str:
        text = str(error)
        for key, parameter in self.parameter_of.items():
            text = text.replace(key, parameter)
        return text

    def _frame(self, design: DesignMatrix, paradigm: Paradigm) -> pd.DataFrame:
        times = (np.arange(paradigm.n_scans) + self.slice_time_ref) * paradigm.repetition_time
        return pd.DataFrame(design.matrix, index=times, columns=columns_of(design.names))

    def _describe(self, paradigms: Sequence[Paradigm]) -> None:
        """Leave what nilearn's reports read."""
        self.fir_delays_ = list(self.fir_delays or [0])
        self._reset_report()
        self._report_content["reports_at_fit_time"] = self.reports
        noise_model, drifts = self._words()
        self._reporting_data = {
            "trial_types": sorted({c.name for paradigm in paradigms for c in paradigm.conditions}),
            "noise_model": noise_model,
            "hrf_model": self.hrf_model,
            "drift_model": drifts,
            "run_imgs": {number: {} for number in range(len(paradigms))},
        }

    def compute_contrast(
        self, contrast_def: Any, stat_type: str | None = None, output_type: str = "z_score"
    ) -> Any:
        """Compute maps of a contrast over all runs that can estimate it.

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
        self._check_asked(specification)
        package = backend(self.package)
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


def columns_of(names: Sequence[str]) -> list[str]:
    """Regressors as nilearn's designs call them."""
    return [name.removeprefix(TRIAL_TYPE) for name in names]


def _outputs(maps: ContrastMaps) -> list[tuple[str, Floats | None]]:
    values = maps.z, maps.stat, maps.p, maps.effect, maps.variance
    return list(zip(OUTPUTS, values, strict=True))
