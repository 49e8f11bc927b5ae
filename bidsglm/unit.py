"""One unit of analysis: from files to fits, in memory."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from bidsglm.backends import BACKENDS
from bidsglm.backends.records import Inference
from bidsglm.dataset.contrasts import resolve_contrasts
from bidsglm.dataset.images import Data, read_data
from bidsglm.dataset.tables import paradigms
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


class Fit(NamedTuple):
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


class Fitted(NamedTuple):
    """A unit fitted with every backend."""

    prepared: Prepared
    data: Data
    fits: Mapping[str, Fit]
    notes: tuple[str, ...]


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
        if text not in notes:
            notes.append(text)


def prepare(unit: Unit, model: ModelSpecification, backends: Sequence[str]) -> Prepared:
    """Read a unit's tables and make its designs.

    Raises
    ------
    DataError
        When tables and model do not go together.
    """
    notes: list[str] = []
    with _noted_warnings(notes):
        tables = paradigms(unit, model)
        designs = {
            name: tuple(BACKENDS[name].design(paradigm, model) for paradigm in tables.paradigms)
            for name in backends
        }
    contrasts, contrast_notes = resolve_contrasts(model, [design.names for design in designs[backends[0]]])
    return Prepared(
        unit, model, tables.paradigms, designs, contrasts, (*tables.notes, *contrast_notes, *notes)
    )


def _contrast_runs(estimates: Mapping[str, Any], contrast: ContrastSpecification) -> tuple[int, ...]:
    """Runs that a contrast averages: SPM's estimability rule where the SPM backend runs, for both alike."""
    judge = "spm" if "spm" in estimates else "nilearn"
    runs: tuple[int, ...] = BACKENDS[judge].usable_runs(estimates[judge], contrast)
    return runs


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
            mask = backend.mask_from(series, data.candidates[name], model)
            estimates[name] = backend.estimate(prepared.designs[name], series, mask, model)
        usable = {contrast.label: _contrast_runs(estimates, contrast) for contrast in prepared.contrasts}
        fits = {name: _fit(name, estimate, prepared, data, usable) for name, estimate in estimates.items()}
    notes.extend(_partly_estimable(prepared, usable))
    return Fitted(prepared, data, fits, (*data.notes, *notes))


def _fit(
    name: str, estimate: Any, prepared: Prepared, data: Data, usable: Mapping[str, tuple[int, ...]]
) -> Fit:
    """A backend's estimate with the maps of its contrasts and what is significant in them."""
    backend = BACKENDS[name]
    maps = tuple(
        backend.contrast(estimate, contrast, usable[contrast.label])
        for contrast in prepared.contrasts
        if usable[contrast.label]
    )
    inference = backend.inference(estimate, data.series[name], maps, data.volume, prepared.model)
    return Fit(
        estimate.mask,
        estimate.betas,
        estimate.residual_mean_square,
        estimate.dof,
        estimate.noise,
        maps,
        inference,
    )


def _partly_estimable(prepared: Prepared, usable: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    """What to say of contrasts that not every run could give."""
    labels = [run_label(prefix) for prefix in prepared.unit.run_prefixes]
    for contrast in prepared.contrasts:
        runs = usable[contrast.label]
        if not runs:
            yield f"contrast {contrast.name!r} is not estimable in any run and was left out"
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
