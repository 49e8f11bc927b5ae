"""Whether a map that nilearn calls stat is of t or of F: all that its file and the maps beside it tell.

nilearn's `stat` is t or F, whatever the contrast was. Where nothing tells it, the kind stays open (`stat`),
and the scans decide, or nobody.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.check.data import load_image, support, values_of
from bidsglm.check.nilearn_folder import NilearnAnalysis, NilearnMap
from bidsglm.check.tails import z_of_f, z_of_t
from bidsglm.dataset.masks import is_same_grid
from bidsglm.design_space import rank
from bidsglm.errors import BidsglmError
from bidsglm.inputs import read_json
from bidsglm.model import Floats

OPEN = "stat"
"""Kind of a map that may be of t or of F"""
INTENTS = {"t test": "t", "f test": "F"}
"""nibabel's words for NIfTI's intent codes"""
SIGNED = re.compile(r"SPM\{([TF])_|\b([tTF])[ _-]?(?:stat|map|test|value|contrast)", re.ASCII)
"""How programs sign statistics in a header's description"""
STATED = ("Test", "StatType", "StatisticType", "ContrastType", "Statistic", "stat_type", "contrast_type")
"""Keys of a sidecar that name a statistic"""
AGREES = 1e-3
"""Difference of z from the z of a law: files hold seven digits, and z grows by less than t"""
FEW_ROWS = 12
"""Rows of an F contrast that are tried"""
CLOSE = 1e-4
"""Share by which effect over its standard error is a map"""


class StatisticKind(NamedTuple):
    """What a map is of, and what tells it."""

    kind: str
    """t, F, or stat where nothing tells it"""
    reason: str
    """In words; empty where the name or the values say it"""


def statistic_kind(given: NilearnMap, maps: Sequence[NilearnMap], nilearn: NilearnAnalysis) -> StatisticKind:
    """Find what a map is of, from itself and the maps beside it.

    Raises
    ------
    BidsglmError
        A map is damaged.
    """
    values, grid = values_of(given.path)
    inside = support(values)
    if (values[inside] < 0).any():
        return StatisticKind("t", "")
    beside = {}
    for each in maps:
        if each.contrast == given.contrast and each.path != given.path:
            theirs, place = values_of(each.path)
            if is_same_grid(grid, place):
                beside[each.kind] = theirs[inside]
    for found in (*_of_file(given.path), *_of_beside(values[inside], beside, dof_of(nilearn))):
        return found
    return StatisticKind("t", "") if given.is_certain else StatisticKind(OPEN, "")


def _of_file(path: Path) -> Iterator[StatisticKind]:
    """What header and sidecar say."""
    header = load_image(path).header
    intent = header.get_intent()[0] if hasattr(header, "get_intent") else ""
    if intent in INTENTS:
        yield StatisticKind(INTENTS[intent], f"the intent of its header is {intent}")
    description = (
        bytes(header["descrip"].tobytes()).decode("latin-1").strip("\0 ") if "descrip" in header else ""
    )
    signed = SIGNED.search(description)
    if signed:
        yield StatisticKind((signed[1] or signed[2]).replace("T", "t"), f"its header says {description!r}")
    sidecar = path.with_name(re.sub(r"\.nii(\.gz)?$", ".json", path.name))
    if sidecar.is_file():
        try:
            content = read_json(sidecar)
        except BidsglmError:
            return
        for key in STATED:
            word = str(content.get(key, "")).lower()
            if word[:1] in ("t", "f") and not word[1:2].isalpha():
                yield StatisticKind(
                    "F" if word[0] == "f" else "t", f"{sidecar.name} says {key} {content[key]}"
                )


def _of_beside(values: Floats, beside: dict[str, Floats], dof: float) -> Iterator[StatisticKind]:
    """What the effect, its variance and z of the same contrast say."""
    effect, variance, z = beside.get("effect"), beside.get("variance"), beside.get("z")
    if effect is not None and (effect < 0).any():
        yield StatisticKind("F", "its effect has negative values and it has none")
    if effect is not None and variance is not None:
        with np.errstate(all="ignore"):
            t = effect / np.sqrt(variance)
        for kind, made in (("t", t), ("F", t**2)):
            if np.allclose(made, values, rtol=CLOSE, atol=CLOSE):
                yield StatisticKind(kind, "effect and variance give it")
    if z is not None and (z < 0).any():
        yield StatisticKind("F", "its z has negative values and it has none")
    if z is not None and np.isfinite(dof):
        if np.abs(z_of_t(values, dof) - z).max() < AGREES:
            yield StatisticKind("t", f"its z is that of t with {dof:g} degrees of freedom")
        for n_rows in range(1, FEW_ROWS + 1):
            if np.abs(z_of_f(values, n_rows, dof) - z).max() < AGREES:
                yield StatisticKind("F", f"its z is that of F with {n_rows} and {dof:g} degrees of freedom")


def dof_of(nilearn: NilearnAnalysis) -> float:
    """Scans less rank of all runs; NaN without a design."""
    free = [len(design.matrix) - rank(design.matrix) for design in nilearn.designs]
    return float(sum(free)) if free else float("nan")
