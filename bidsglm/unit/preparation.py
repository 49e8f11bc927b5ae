"""One unit of analysis before any image is read: its tables, and the designs that packages make of them."""

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from bidsglm.backends import BACKENDS
from bidsglm.dataset.tables import paradigms
from bidsglm.errors import DataError, UnsupportedModelError
from bidsglm.model import (
    ContrastSpecification,
    DesignMatrix,
    ModelSpecification,
    Paradigm,
    Unit,
)
from bidsglm.outputs.names import map_name
from bidsglm.packages import PACKAGES, titles
from bidsglm.statsmodel.combined import with_combined
from bidsglm.statsmodel.contrasts import LeftOut, resolve_contrasts
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
    own_notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Backend -> what it says of its designs; the reader need not know of those that are left out."""

    @property
    def all_notes(self) -> tuple[str, ...]:
        """What there is to say of all, of each package, and of where packages differ."""
        own = (note for name in self.designs for note in self.own_notes.get(name, ()))
        return (*self.notes, *own, *_censoring(self.designs))

    def restricted(self, backends: Iterable[str]) -> "Prepared":
        """Return the same for some of the packages."""
        return replace(self, designs={name: self.designs[name] for name in backends})


@contextmanager
def noted_warnings(notes: list[str]) -> Iterator[None]:
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
def named(place: str) -> Iterator[None]:
    """Put the file that an error is about in front of it: backends know no paths."""
    try:
        yield
    except DataError as error:
        raise type(error)(f"{place}: {error}") from error


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


def _read_by(model: ModelSpecification, backends: Sequence[str]) -> ModelSpecification:
    """Return the model without what only packages read that are not fitted."""
    if any(PACKAGES[name].censors for name in backends):
        return model
    return replace(model, afni=replace(model.afni, censor=()))


def prepare(unit: Unit, model: ModelSpecification, backends: Sequence[str]) -> Prepared:
    """Read a unit's tables and make its designs.

    Raises
    ------
    DataError
        When tables and model do not go together.
    """
    _check_one_run(unit, model)
    notes: list[str] = []
    with noted_warnings(notes):
        tables = paradigms(unit, _read_by(model, backends))
        with named(_origin(model)):
            designs: dict[str, tuple[DesignMatrix, ...]] = {}
            own: dict[str, list[str]] = {}

            def make(name: str) -> None:
                with noted_warnings(own.setdefault(name, [])):
                    designs[name] = BACKENDS[name].designs(tables.paradigms, model)

            backends, unable = able(backends, make)
    for name in backends:
        _check_sizes(unit, designs[name])
    with named(images_of(unit)):
        backends, too_small = able(backends, lambda name: BACKENDS[name].check_designs(designs[name], model))
    columns = [design.names for design in designs[backends[0]]]
    resolved = resolve_contrasts(model, columns, tables.elsewhere)
    contrasts, left_out, contrast_notes = with_combined(model, resolved)
    with named(_origin(model)):
        able_too = able(
            backends, lambda name: _check_columns(name, designs[name], contrasts), UnsupportedModelError
        )
    _check_file_names(unit, model, contrasts)
    notes = [*tables.notes, *contrast_notes, *unable, *too_small, *able_too.notes, *notes]
    made = Prepared(unit, model, tables.paradigms, designs, contrasts, tuple(notes), left_out, own)
    return made.restricted(able_too.names)


def images_of(unit: Unit) -> str:
    """What to call the images of a unit in an error."""
    others = ", ".join(run.bold.name for run in unit.runs[1:])
    return f"{unit.runs[0].bold}{others and ', '}{others}"


def run_label(prefix: str) -> str:
    """What tells a run from the others of its unit, for people to read.

    >>> run_label("sub-01_ses-a_task-x_run-2_space-MNI")
    'ses-a run-2'
    >>> run_label("sub-01_task-x")
    'the run'
    """
    parts = [part for part in prefix.split("_") if part.partition("-")[0] in ("ses", "dir", "run")]
    return " ".join(parts) or "the run"
