"""A user's model in the terms of the model language, as SPM fitted it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bidsglm.check.models import contrasts_of, hrf_of, paradigm_of, specification_of
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.data import Paradigm
from bidsglm.model import CONSTANT, ContrastSpecification, Floats, Hrf, ModelSpecification
from bidsglm.sentences import joined

ALL_SESSIONS = " - All Sessions"
"""What SPM's contrast manager adds to a replicated contrast's name."""
GLOB = set("*?[]\t\n\r")
"""Characters that have a meaning in X or in a table"""


@dataclass(frozen=True)
class OwnModel:
    """A model that can be written as a file."""

    name: str
    """Folder it goes to"""
    specification: ModelSpecification
    """With the settings of both packages"""
    paradigms: tuple[Paradigm, ...]
    """One for every run"""
    contrasts: tuple[ContrastSpecification, ...]
    matrices: tuple[Floats, ...]
    """(n_scans, n_columns) of conditions and confounds of every run, as the user has them"""
    package: str
    """Whose columns these are"""
    notes: tuple[str, ...]
    """What the model language does not say, a line each"""

    @property
    def hrf(self) -> Hrf:
        """Response functions of all conditions."""
        return self.specification.hrf


def spm_model(spm: SpmAnalysis) -> OwnModel:
    """Model of an SPM.mat.

    Raises
    ------
    DataError
        A set of response functions that SPM does not have.
    """
    specification = specification_of(spm)
    paradigms, notes = renamed([paradigm_of(spm, session) for session in spm.sessions])
    notes += [*_cutoffs(spm), *_concatenated(spm), *_orthogonalisation(paradigms), *unwritable(paradigms)]
    contrasts, lost = _spm_contrasts(spm, paradigms)
    notes += lost
    matrices = tuple(spm.matrix[s.rows][:, list(s.columns)] for s in spm.sessions)
    return OwnModel("model-spm", specification, paradigms, contrasts, matrices, "spm", tuple(notes))


def _cutoffs(spm: SpmAnalysis) -> list[str]:
    cutoffs = {session.high_pass for session in spm.sessions}
    if len(cutoffs) == 1:
        return []
    told = joined([f"{each:g} s" for each in sorted(cutoffs)])
    return [f"Sessions have other high-pass filters ({told}); a model has one, that of the first session."]


def _concatenated(spm: SpmAnalysis) -> list[str]:
    if all(session.n_filters == 1 for session in spm.sessions):
        return []
    return ["Runs that were concatenated are one run here: the filter and constant of each of them are lost."]


def _orthogonalisation(paradigms: Sequence[Paradigm]) -> list[str]:
    ways = {c.orthogonalize for p in paradigms for c in p.conditions if c.modulators or c.time_modulation}
    return [] if len(ways) < 2 else ["Only some conditions orthogonalise modulators; a model has one way."]


def unwritable(paradigms: Sequence[Paradigm]) -> list[str]:
    """Say what of some runs one model does not have."""
    if len({p.confound_names for p in paradigms}) < 2:
        return []
    return ["Sessions have other confounds; a model names one set for all runs."]


def writable(name: str) -> str:
    """Name that a table and a model file can have.

    >>> writable(" go*left "), writable("")
    ('go_left', 'unnamed')
    """
    return " ".join("".join("_" if c in GLOB else c for c in name.strip()).split()) or "unnamed"


def renamed(paradigms: Sequence[Paradigm]) -> tuple[tuple[Paradigm, ...], list[str]]:
    """Runs whose names can be written, and what was renamed; no two alike in a run."""
    pairs: dict[str, str] = {}
    for name in (n for p in paradigms for n in (*(c.name for c in p.conditions), *p.confound_names)):
        if name not in pairs:
            stem, count = writable(name), 1
            while (new := stem if count == 1 else f"{stem} {count}") in pairs.values():
                count += 1
            pairs[name] = new
    made = tuple(
        replace(
            p,
            conditions=tuple(replace(c, name=pairs[c.name]) for c in p.conditions),
            confound_names=tuple(pairs[name] for name in p.confound_names),
        )
        for p in paradigms
    )
    told = [f"{old!r} is {new!r}" for old, new in pairs.items() if old != new]
    return made, [f"Renamed, as a model file needs it: {joined(told)}."] if told else []


def _spm_contrasts(
    spm: SpmAnalysis, paradigms: Sequence[Paradigm]
) -> tuple[tuple[ContrastSpecification, ...], list[str]]:
    """Contrasts over one session, whose mean over runs is SPM's sum but for a factor."""
    columns = [_names(paradigm, hrf_of(spm)) for paradigm in paradigms]
    by_session = [contrasts_of(spm, at, names) for at, names in enumerate(columns)]
    made: dict[str, ContrastSpecification] = {}
    lost = []
    for contrast in spm.contrasts:
        same = [next((c for c in each if c.name == contrast.name), None) for each in by_session]
        one = _shared(same)
        if one is None:
            lost.append(contrast.name)
        else:
            name = contrast.name.removesuffix(ALL_SESSIONS)
            made.setdefault(name, replace(one, name=name))
    notes = []
    if lost:
        notes.append(f"Contrasts that weigh sessions apart, or constants, are left out: {joined(lost)}.")
    if len(paradigms) > 1 and made:
        notes.append(
            f"A contrast is the mean over runs here and their sum in SPM: effects are 1/{len(paradigms)} of "
            "SPM's, t is the same."
        )
    return tuple(made.values()), notes


def _shared(same: Sequence[ContrastSpecification | None]) -> ContrastSpecification | None:
    """A contrast that all sessions have alike; None where they have not, or where it weighs constants."""
    first = same[0]
    if first is None or CONSTANT in first.conditions:
        return None
    return first if all(other is not None and _alike(first, other) for other in same) else None


def _names(paradigm: Paradigm, hrf: Hrf) -> tuple[str, ...]:
    """Columns of a run in SPM's order."""
    weights = [name for c in paradigm.conditions for name in c.weight_names]
    return (*(w + s for w in weights for s in hrf.suffixes), *paradigm.confound_names, CONSTANT)


def _alike(one: ContrastSpecification, other: ContrastSpecification) -> bool:
    return one.conditions == other.conditions and np.array_equal(one.weights, other.weights)
