"""One unit of analysis before any image is read: its tables, and the designs that packages make of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from bidsglm.backends import BACKENDS
from bidsglm.data import DesignMatrix, Paradigm, Unit
from bidsglm.dataset.tables import paradigms
from bidsglm.errors import DataError, UnsupportedModelError
from bidsglm.model import ContrastSpecification, ModelSpecification
from bidsglm.outputs.names import map_name
from bidsglm.packages import PACKAGES, titles
from bidsglm.statsmodel.combined import with_combined
from bidsglm.statsmodel.resolution import LeftOut, resolve_contrasts
from bidsglm.unit.expressible import able
from bidsglm.unit.library_warnings import noted_warnings

LONGEST_NAME = 255 - len(".nii.gz")
"""Bytes that file systems leave to the name of a map."""
LARGEST_VALUE = 1e100
SHOWN = 40
"""Characters of a name that is too long."""
MODERATE = 1e30
"""Values of events and confounds below which nothing that is made of them comes near the largest."""

Columns = tuple[tuple[str, ...], ...]
"""Names of the regressors of each run"""


class Outline(NamedTuple):
    """What a unit would be fitted with, as far as its tables tell."""

    paradigms: tuple[Paradigm, ...]
    columns: Mapping[str, Columns]
    """Backend -> its regressors"""
    contrasts: tuple[ContrastSpecification, ...]
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    """Contrasts over a condition that this participant never had"""
    own_notes: Mapping[str, Sequence[str]]
    """Backend -> what it says of its designs"""


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
def named(place: str) -> Iterator[None]:
    """Put the file that an error is about in front of it: backends know no paths."""
    try:
        yield
    except DataError as error:
        raise type(error)(f"{place}: {error}") from error


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
                f"{model.place}: contrast {contrast.name[:SHOWN]!r}...: its maps would get longer "
                "file names than file systems take; give it a shorter Name in a model file (--model)"
            )


def _check_one_run(unit: Unit, model: ModelSpecification) -> None:
    """Refuse several runs where the model does not tell them apart: they would be strung together."""
    groups = [tuple(run.entities.get(name) for name in model.above.run_by) for run in unit.runs]
    if model.above.one_run and len(set(groups)) < len(groups):
        raise DataError(
            f"{model.place}: {model.above.one_run}: the Run node does not group by 'run', but "
            f"{unit.prefix} has {len(unit.runs)} runs: add 'run', so that each has its own regressors"
        )


def _check_columns(columns: Columns, contrasts: Sequence[ContrastSpecification]) -> None:
    """Refuse contrasts over regressors that another package's design has, and this one's has not."""
    known = {name for names in columns for name in names}
    for contrast in contrasts:
        missing = [condition for condition in contrast.conditions if condition not in known]
        if missing:
            raise UnsupportedModelError(
                f"contrast {contrast.name!r}: its response functions give no regressor {missing[0]!r};"
                " change HRF, or take it out of the contrast"
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


@dataclass
class _Designs:
    """Designs of a unit by package, as they are asked for."""

    unit: Unit
    model: ModelSpecification
    made: dict[str, tuple[DesignMatrix, ...]] = field(default_factory=dict)

    def columns(self, name: str, paradigms: tuple[Paradigm, ...]) -> Columns:
        """Make a package's designs; the names of their columns."""
        self.made[name] = BACKENDS[name].designs(paradigms, self.model)
        return tuple(design.names for design in self.made[name])

    def columns_in_short(self, name: str, paradigms: tuple[Paradigm, ...]) -> Columns:
        """Names of a package's columns, without making them where nothing about them is in doubt."""
        moderate = all(map(_is_moderate, paradigms))
        found = BACKENDS[name].column_names(paradigms, self.model) if moderate else None
        return self.columns(name, paradigms) if found is None else found

    def check(self, name: str) -> None:
        """Refuse those that a package cannot fit."""
        if name in self.made:
            BACKENDS[name].check_designs(self.made[name], self.model)


def _is_moderate(paradigm: Paradigm) -> bool:
    """Whether no column that is made of a run's values can be too large for a fit."""
    values = [paradigm.confounds]
    for condition in paradigm.conditions:
        values.append(condition.heights)
        values += [modulator.values**modulator.order for modulator in condition.modulators]
    return all(bool((np.abs(each) < MODERATE).all()) for each in values)


def prepare(unit: Unit, model: ModelSpecification, backends: Sequence[str]) -> Prepared:
    """Read a unit's tables and make its designs.

    Raises
    ------
    DataError
        When tables and model do not go together.
    """
    designs = _Designs(unit, model)
    found = _outline(designs, backends, designs.columns)
    made = {name: designs.made[name] for name in found.columns}
    own = found.own_notes
    return Prepared(unit, model, found.paradigms, made, found.contrasts, found.notes, found.left_out, own)


def outline(unit: Unit, model: ModelSpecification, backends: Sequence[str]) -> Outline:
    """Read a unit's tables and say what would be fitted; errors as `prepare`.

    A package whose designs cannot fail is not made to make them; its remarks on them are said by the fit.
    """
    designs = _Designs(unit, model)
    found = _outline(designs, backends, designs.columns_in_short)
    made = {name: designs.made.get(name, ()) for name in found.columns}
    own = (note for name in found.columns for note in found.own_notes.get(name, ()))
    return found._replace(notes=(*found.notes, *own, *_censoring(made)))


def _outline(
    designs: _Designs, backends: Sequence[str], columns_of: Callable[[str, tuple[Paradigm, ...]], Columns]
) -> Outline:
    unit, model = designs.unit, designs.model
    _check_one_run(unit, model)
    notes: list[str] = []
    columns: dict[str, Columns] = {}
    own: dict[str, list[str]] = {}
    with noted_warnings(notes):
        tables = paradigms(unit, _read_by(model, backends))

        def make(name: str) -> None:
            with noted_warnings(own.setdefault(name, [])):
                columns[name] = columns_of(name, tables.paradigms)

        with named(model.place):
            backends, unable = able(backends, make)
    for name in (name for name in backends if name in designs.made):
        _check_sizes(unit, designs.made[name])
    with named(images_of(unit)):
        backends, too_small = able(backends, designs.check)
    resolved = resolve_contrasts(model, columns[backends[0]], tables.elsewhere)
    contrasts, left_out, contrast_notes = with_combined(model, resolved)
    with named(model.place):
        able_too = able(
            backends, lambda name: _check_columns(columns[name], contrasts), UnsupportedModelError
        )
    _check_file_names(unit, model, contrasts)
    notes = [*tables.notes, *contrast_notes, *unable, *too_small, *able_too.notes, *notes]
    kept = {name: columns[name] for name in able_too.names}
    return Outline(tables.paradigms, kept, contrasts, tuple(notes), left_out, own)


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
