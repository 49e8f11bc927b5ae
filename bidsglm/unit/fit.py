"""One unit of analysis: from files to fits, in memory."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bidsglm.backends import BACKENDS
from bidsglm.backends.records import Inference
from bidsglm.dataset.images import Data, read_data
from bidsglm.dataset.tables import paradigms
from bidsglm.diagnosis.data_checks import BRIGHT_VOLUME, DataReview, bright_text, no_mean_text
from bidsglm.errors import DataError, UnsupportedModelError
from bidsglm.model import (
    ContrastMaps,
    ContrastSpecification,
    DesignMatrix,
    Floats,
    Mask,
    ModelSpecification,
    Paradigm,
    Unit,
)
from bidsglm.outputs.names import map_name
from bidsglm.packages import DEFAULT_PACKAGES, in_order, titles
from bidsglm.statsmodel.combined import with_combined
from bidsglm.statsmodel.contrasts import LeftOut, resolve_contrasts
from bidsglm.unit.data_review import data_review
from bidsglm.unit.expressible import able

LONGEST_NAME = 255 - len(".nii.gz")
"""Bytes that file systems leave to the name of a map."""
LARGEST_VALUE = 1e100
SHOWN = 40
"""Characters of a name that is too long."""
NUMPY_WARNING = " encountered in "


@dataclass(frozen=True)
class Prepared:
    """A unit whose tables are read and whose designs are made; no image has been touched."""

    unit: Unit
    model: ModelSpecification
    paradigms: tuple[Paradigm, ...]
    designs: Mapping[str, tuple[DesignMatrix, ...]]
    """Backend -> one design for each run."""
    contrasts: tuple[ContrastSpecification, ...]
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    """Contrasts over a condition that this participant never had."""


class PackageFit(NamedTuple):
    """What one backend made of a unit."""

    mask: Mask
    """(n_voxels,) over the columns of the data"""
    betas: Sequence[Floats]
    """For each run (n_regressors, n_voxels)"""
    residual_mean_square: Floats
    dof: float
    noise: Mapping[str, Any]
    maps: tuple[ContrastMaps, ...]
    inference: Inference
    """One for each contrast of the maps"""
    noise_maps: Mapping[str, Floats]
    """Label in names of files -> (n_voxels,) a parameter of each voxel's noise"""


class Fitted(NamedTuple):
    """A unit fitted with every backend."""

    prepared: Prepared
    data: Data
    fits: Mapping[str, PackageFit]
    notes: tuple[str, ...]
    review: DataReview
    """What there is to say of the data"""
    left_out: tuple[LeftOut, ...] = ()
    """Contrasts that this participant cannot have"""


@contextmanager
def _noted_warnings(notes: list[str]) -> Iterator[None]:
    """Turn Python warnings of the libraries into notes, each text once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if issubclass(warning.category, DeprecationWarning | PendingDeprecationWarning | FutureWarning):
            continue
        text = " ".join(str(warning.message).split())
        if issubclass(warning.category, RuntimeWarning) and NUMPY_WARNING in text:
            # It tells a user nothing; the log file keeps it.
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        elif text not in notes:
            notes.append(text)


@contextmanager
def _named(place: str) -> Iterator[None]:
    """Put the file that an error is about in front of it: backends know no paths."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{place}: {error}") from error


def _origin(model: ModelSpecification) -> str:
    return model.origin or f"model {model.name!r}"


def _check_sizes(unit: Unit, designs: Sequence[DesignMatrix]) -> None:
    """Refuse columns whose squares no number can hold."""
    for run, design in zip(unit.runs, designs, strict=True):
        for name, column in zip(design.names, design.matrix.T, strict=True):
            if not np.abs(column).max() < LARGEST_VALUE:
                raise DataError(
                    f"{run.events} or {run.confounds}: regressor {name} has values beyond {LARGEST_VALUE:g}; "
                    "correct what it is made of"
                )


def _check_file_names(
    unit: Unit, model: ModelSpecification, contrasts: Sequence[ContrastSpecification]
) -> None:
    """Refuse a contrast whose name makes file names that no file system takes."""
    for contrast in contrasts:
        longest = map_name(unit.prefix, "variance", "difference", contrast.label)
        if len(longest.encode()) > LONGEST_NAME:
            raise DataError(
                f"{_origin(model)}: contrast {contrast.name[:SHOWN]!r}...: its maps would get longer "
                "file names than file systems take; give it a shorter Name in a model file (--model)"
            )


def _check_one_run(unit: Unit, model: ModelSpecification) -> None:
    """Refuse several runs where the model does not tell them apart: they would be strung together."""
    groups = [tuple(run.entities.get(name) for name in model.above.run_by) for run in unit.runs]
    if model.above.one_run and len(set(groups)) < len(groups):
        raise DataError(
            f"{_origin(model)}: {model.above.one_run}: the Run node does not group by 'run', but "
            f"{unit.prefix} has {len(unit.runs)} runs: add 'run', so that each has its own regressors"
        )


def _check_columns(
    name: str, designs: Sequence[DesignMatrix], contrasts: Sequence[ContrastSpecification]
) -> None:
    """Refuse contrasts over regressors that another package's design has, and this one's has not."""
    known = {column for design in designs for column in design.names}
    for contrast in contrasts:
        missing = [condition for condition in contrast.conditions if condition not in known]
        if missing:
            raise UnsupportedModelError(
                f"contrast {contrast.name!r}: its response functions give no regressor {missing[0]!r}"
            )


def _censoring(designs: Mapping[str, Sequence[DesignMatrix]]) -> Iterator[str]:
    """Say that some packages leave out scans that others keep."""
    counts = {name: sum(len(design.censored) for design in made) for name, made in designs.items()}
    those, others = ([name for name in counts if bool(counts[name]) is leaves] for leaves in (True, False))
    if those and others:
        verb = "keeps" if len(others) == 1 else "keep"
        n_scans = max(counts.values())
        yield f"{n_scans} scans are left out (Censor) by {titles(those)} only; {titles(others)} {verb} them"


def prepare(unit: Unit, model: ModelSpecification, backends: Sequence[str]) -> Prepared:
    """Read a unit's tables and make its designs.

    Raises
    ------
    DataError
        When tables and model do not go together.
    """
    _check_one_run(unit, model)
    notes: list[str] = []
    with _noted_warnings(notes):
        tables = paradigms(unit, model)
        with _named(_origin(model)):
            designs: dict[str, tuple[DesignMatrix, ...]] = {}

            def make(name: str) -> None:
                designs[name] = BACKENDS[name].designs(tables.paradigms, model)

            backends, unable = able(backends, make, UnsupportedModelError)
    for name, made in designs.items():
        _check_sizes(unit, made)
        with _named(_images(unit)):
            BACKENDS[name].check_designs(made, model)
    columns = [design.names for design in designs[backends[0]]]
    resolved = resolve_contrasts(model, columns, tables.elsewhere)
    contrasts, left_out, contrast_notes = with_combined(model, resolved)
    with _named(_origin(model)):
        able_too = able(
            backends, lambda name: _check_columns(name, designs[name], contrasts), UnsupportedModelError
        )
    designs = {name: designs[name] for name in able_too.names}
    _check_file_names(unit, model, contrasts)
    notes = [*tables.notes, *contrast_notes, *unable, *able_too.notes, *_censoring(designs), *notes]
    return Prepared(unit, model, tables.paradigms, designs, contrasts, tuple(notes), left_out)


def contrast_runs(estimates: Mapping[str, Any], contrast: ContrastSpecification) -> tuple[int, ...]:
    """Runs that a contrast averages: by the rule of the first package of the table, for all alike.

    None where a package cannot estimate it at all.
    """
    judge = in_order(estimates)[0]
    runs: tuple[int, ...] = BACKENDS[judge].usable_runs(estimates[judge], contrast)
    return () if _unable(estimates, contrast) else runs


def _unable(estimates: Mapping[str, Any], contrast: ContrastSpecification) -> tuple[str, ...]:
    """Packages with rules of their own that cannot estimate it, as where a condition's scans are censored."""
    others = (name for name in in_order(estimates)[1:] if name not in DEFAULT_PACKAGES)
    return tuple(name for name in others if not BACKENDS[name].usable_runs(estimates[name], contrast))


def fit(prepared: Prepared) -> Fitted:
    """Read the images of a unit once and fit it with every backend.

    Raises
    ------
    DataError, ReadWriteError
        When an image cannot be read, or a backend finds nothing to fit.
    """
    model, notes = prepared.model, list(prepared.notes)
    backends = tuple(prepared.designs)
    with _noted_warnings(notes):
        data = read_data(prepared.unit.runs, backends, model.spm.mask_threshold, model.smoothing_fwhm)
        estimates = {}
        for name in backends:
            backend, series = BACKENDS[name], data.series[name]
            with _named(_images(prepared.unit)), _explained_by_images(prepared, data):
                mask = backend.mask_from(series, data.candidates[name], model, data.volume)
                estimates[name] = backend.estimate(
                    prepared.designs[name], series, mask, model, data.volume, prepared.contrasts
                )
        usable = {contrast.label: contrast_runs(estimates, contrast) for contrast in prepared.contrasts}
        fits = {name: _fit(name, estimate, prepared, data, usable) for name, estimate in estimates.items()}
        reasons = {
            contrast.label: f"not estimable in any run{_by(_unable(estimates, contrast))}"
            for contrast in prepared.contrasts
            if not usable[contrast.label]
        }
    notes.extend(_partly_estimable(prepared, usable, reasons))
    unusable = (
        LeftOut(contrast.name, contrast.label, contrast.test, f"it is {reasons[contrast.label]}")
        for contrast in prepared.contrasts
        if not usable[contrast.label]
    )
    noise = {name: fit.noise for name, fit in fits.items()}
    review = data_review(data, model, _labels(prepared.unit), noise)
    return Fitted(prepared, data, fits, (*data.notes, *notes), review, (*prepared.left_out, *unusable))


def _labels(unit: Unit) -> tuple[str, ...]:
    return tuple(map(run_label, unit.run_prefixes))


@contextmanager
def _explained_by_images(prepared: Prepared, data: Data) -> Iterator[None]:
    """Where nothing can be fitted, the images may be the reason: say so in place of what came of it."""
    try:
        yield
    except DataError as error:
        review = data_review(data, prepared.model, _labels(prepared.unit))
        for run in review.runs:
            if not run.has_mean:
                raise DataError(
                    f"{no_mean_text(run)} Neither package can scale it, and no voxel can exceed SPM's"
                    " threshold; add the mean image back to the series, or fit it with nilearn alone"
                    " (--backends nilearn) and SignalScaling false in the model"
                ) from error
            if run.bright > BRIGHT_VOLUME:
                raise DataError(
                    f"{bright_text(run)} SPM scales and masks by these globals ({error}); correct the values"
                    " of that volume"
                ) from error
        raise


def _images(unit: Unit) -> str:
    """What to call the images of a unit in an error."""
    others = ", ".join(run.bold.name for run in unit.runs[1:])
    return f"{unit.runs[0].bold}{others and ', '}{others}"


def _fit(
    name: str, estimate: Any, prepared: Prepared, data: Data, usable: Mapping[str, tuple[int, ...]]
) -> PackageFit:
    """A backend's estimate with the maps of its contrasts and what is significant in them."""
    backend = BACKENDS[name]
    maps = tuple(
        backend.contrast(estimate, contrast, usable[contrast.label])
        for contrast in prepared.contrasts
        if usable[contrast.label]
    )
    inference = backend.inference(estimate, data.series[name], maps, data.volume, prepared.model)
    return PackageFit(
        estimate.mask,
        estimate.betas,
        estimate.residual_mean_square,
        estimate.dof,
        estimate.noise,
        maps,
        inference,
        estimate.noise_maps,
    )


def _by(packages: Sequence[str]) -> str:
    return f" by {titles(packages)}" if packages else ""


def _partly_estimable(
    prepared: Prepared, usable: Mapping[str, tuple[int, ...]], reasons: Mapping[str, str]
) -> Iterator[str]:
    """What to say of contrasts that not every run could give."""
    labels = _labels(prepared.unit)
    for contrast in prepared.contrasts:
        runs = usable[contrast.label]
        if not runs:
            yield f"contrast {contrast.name!r} is {reasons[contrast.label]} and was left out"
        elif len(runs) < len(labels):
            missing = ", ".join(label for i, label in enumerate(labels) if i not in runs)
            used = f"averages {len(runs)} of {len(labels)} runs"
            yield f"contrast {contrast.name!r} {used}; it is not estimable in {missing}"


def run_label(prefix: str) -> str:
    """What tells a run from the others of its unit, for people to read.

    >>> run_label("sub-01_ses-a_task-x_run-2_space-MNI")
    'ses-a run-2'
    >>> run_label("sub-01_task-x")
    'the run'
    """
    parts = [part for part in prefix.split("_") if part.partition("-")[0] in ("ses", "dir", "run")]
    return " ".join(parts) or "the run"
