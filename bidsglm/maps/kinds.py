"""Which statistic a map is of, and its degrees of freedom: as the user, header, sidecar or name tells."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from bidsglm.check.nilearn_folder import kind_of
from bidsglm.errors import BidsglmError
from bidsglm.inputs import LARGEST_TEXT, read_json
from bidsglm.maps.reading import HeaderFacts
from bidsglm.model import Floats

UNKNOWN = "map"
TESTS = ("t", "F", "z")
"""Kinds whose p is known from the value and its degrees of freedom"""
CHOICES = (*TESTS, "effect")
INTENTS = {3: ("t", 1), 4: ("F", 2), 5: ("z", 0)}
"""NIfTI's code -> statistic, how many of its parameters are degrees of freedom"""
BY_SPM = re.compile(r"SPM\{([TF])_\[([0-9.]+)(?:,([0-9.]+))?\]\}")
SPM_FILE = re.compile(r"spm([TF])_\d{4,}$")
BIDS = re.compile(r"_stat-(effect|variance|t|F|z|p)_")
SHOWN_AS = {"variance": "variance", "p": "p value"}


class MapKind(NamedTuple):
    """What a map is of."""

    kind: str
    """t, F, z, effect, variance, p value, or map where nothing tells"""
    dof: tuple[float, ...] = ()
    """(residual,) of t, (numerator, residual) of F; empty where nothing tells"""
    told_by: str = ""
    """How it is known"""

    @property
    def is_tested(self) -> bool:
        """Whether each value has its p."""
        return self.kind == "z" or (self.kind in ("t", "F") and bool(self.dof))


def kind_of_map(name: str, facts: HeaderFacts, asked: str | None, dof: tuple[float, ...]) -> MapKind:
    """Find out what a map is of, as far as the user does not say it.

    Examples
    --------
    >>> kind_of_map("a.nii", HeaderFacts(description="SPM{T_[83.0]} - contrast 1: go"), None, ())
    MapKind(kind='t', dof=(83.0,), told_by='its header')
    >>> kind_of_map("go_z_score.nii.gz", HeaderFacts(), None, ())
    MapKind(kind='z', dof=(), told_by='its name')
    """
    found = next(_told(name, facts), MapKind(UNKNOWN))
    if asked is not None:
        found = found if found.kind == asked else MapKind(asked)
        found = found._replace(told_by="--stat")
    needed = {"t": 1, "F": 2}.get(found.kind, 0)
    known = next((each for each in (dof, found.dof, _of_sidecar(name)) if len(each) == needed), ())
    return found._replace(dof=known if all(value > 0 for value in known) else ())


def _told(name: str, facts: HeaderFacts) -> Iterator[MapKind]:
    """What the header says, then what the name says."""
    header = "its header"
    if facts.intent in INTENTS:
        kind, n_dof = INTENTS[facts.intent]
        yield MapKind(kind, tuple(facts.parameters[:n_dof]), header)
    if by_spm := BY_SPM.search(facts.description):
        degrees = tuple(float(value) for value in by_spm.groups()[1:] if value is not None)
        yield MapKind("F" if by_spm[1] == "F" else "t", degrees, header)
    stem = re.sub(r"\.(nii|img|hdr)(\.gz)?$", "", Path(name).name)
    if by_name := BIDS.search(stem):
        yield MapKind(SHOWN_AS.get(by_name[1], by_name[1]), (), "its name")
    if by_name := SPM_FILE.search(stem):
        yield MapKind("F" if by_name[1] == "F" else "t", (), "its name")
    if guessed := kind_of(stem):
        yield MapKind(SHOWN_AS.get(guessed[0], guessed[0]), (), "its name")


def _of_sidecar(name: str) -> tuple[float, ...]:
    """Degrees of freedom in a JSON file beside the map, as ours have them."""
    path = Path(re.sub(r"\.nii(\.gz)?$", ".json", name))
    if path.suffix != ".json" or not path.is_file():
        return ()
    try:
        content = read_json(path, largest=LARGEST_TEXT)
    except BidsglmError:
        return ()
    found = [content.get(key) for key in ("NumeratorDegreesOfFreedom", "DegreesOfFreedom")]
    return tuple(float(v) for v in found if isinstance(v, int | float) and not isinstance(v, bool))


def p_values(kind: MapKind, values: Floats) -> Floats:
    """One-sided p of a statistic's values, of the upper tail.

    >>> p_values(MapKind("z"), np.array([0.0])).tolist()
    [0.5]
    """
    return np.asarray(_distribution(kind)[0](values))


def height_of(kind: MapKind, p: float) -> float:
    """Value of a statistic with some p.

    >>> round(height_of(MapKind("t", (100.0,)), 0.001), 3)
    3.174
    """
    return float(_distribution(kind)[1](np.array([p]))[0])


def _distribution(kind: MapKind) -> tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]:
    """Upper tail of a statistic, and its inverse."""
    frozen = {"t": stats.t, "F": stats.f, "z": stats.norm}[kind.kind](*kind.dof)
    return frozen.sf, frozen.isf
