"""Does it matter? A contrast's two group maps, and the regions, judged by stated rules.

Two group maps of a contrast are judged by their correlation and by the overlap of what passes each
threshold. The bounds lie between those of the literature: within one package, parametric and
permutation inference overlap with a Dice of 0.83 to 0.97, whole pipelines of different packages with
0.28 to 0.68 (Bowring et al., 2019). Regions are judged by their one-sample conclusions.
"""

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from bidsglm.packages import DEFAULT_PAIR
from bidsglm.report.wording import THRESHOLDS, Row, headline_rows, median, number, overlap

SAME_SHAPE = 0.95
"""Correlation of two group maps from which their shape is called the same."""
SAME_EXTENT = 0.8
"""Dice from which the same voxels pass: about what two ways of inference in one package reach."""
OTHER_EXTENT = 0.5
"""Dice below which other voxels pass: as between whole pipelines of different packages."""
FEWEST_VOXELS = 10
"""A Dice of smaller sets turns on single voxels and is not judged; nor do they make a conclusion."""
NAMED = 5
"""Regions or contrasts that a sentence names at most."""
EDGE = 0.5
"""Standard errors (z) that a region's test moves from package to package, below which a conclusion that
changes lay at the threshold in both: p of 0.05 is crossed by a move from 0.03 to 0.09."""
CORRECTED = ("fdr05", "fwe05")


class Grade(IntEnum):
    """How much the choice of package matters."""

    NONE = 0
    """The same conclusions."""
    EXTENT = 1
    """The same places, another extent."""
    CONCLUSIONS = 2
    """Other conclusions."""


class Judgement(NamedTuple):
    """What is said of one contrast's group maps, or of its regions."""

    grade: Grade
    text: str


class RegionFacts(NamedTuple):
    """One-sample conclusions of both packages over regions and contrasts."""

    n_tests: int
    """Regions times contrasts that both packages could test"""
    n_changed: int
    """Number of conclusions among them that are not the same"""
    changed: tuple[str, ...] = ()
    """Which, in words"""
    icc: float = math.nan
    """Median ICC(A,1)"""
    n_edge: int = 0
    """Number of the changed whose test moves by less than `EDGE`"""


def _defined(row: Row, key: str) -> float:
    value = row.get(key, math.nan)
    return float(value) if isinstance(value, int | float) else math.nan


def _counts(row: Row, threshold: str) -> tuple[int, int]:
    """Voxels of both packages that pass; -1 where it is not known."""
    found = (_defined(row, f"n_{backend}_{threshold}") for backend in DEFAULT_PAIR)
    one, base = (int(n) if math.isfinite(n) else -1 for n in found)
    return one, base


def judged(rows: Sequence[Row]) -> Judgement:
    """Judge the group maps of a contrast from their rows of the agreement table.

    Parameters
    ----------
    rows
        Of the statistic, t or F, and of z.

    Notes
    -----
    The correlation falls short of `SAME_SHAPE`, the Dice of p < 0.001 falls below `OTHER_EXTENT`, or a
    corrected threshold is passed in one package alone by `FEWEST_VOXELS` or more: other conclusions. Else
    any Dice below `SAME_EXTENT`, or a few voxels that pass in one alone: another extent. Else none. The
    correlation is that of the z maps where there is one: t of few participants has long tails, and a
    correlation follows its few largest values.

    Examples
    --------
    >>> row = {"contrast": "go", "map": "t", "pearson_r": 0.99, "dice_p001": 0.7, "n_spm_p001": 90,
    ...        "n_nilearn_p001": 100}
    >>> judged([row])
    Judgement(grade=<Grade.EXTENT: 1>, text='correlate at r = 0.990. At p < 0.001, they overlap with \
a Dice of 0.70. SPM finds 90 voxels, and nilearn 100')
    """
    row, r = headline_rows(rows)[0], shape(rows)
    overlaps = {key: _overlap(row, key) for key in THRESHOLDS}
    alone = [key for key in CORRECTED if _one_alone(row, key)]
    dice = {key: value for key, value in overlaps.items() if math.isfinite(value)}
    grade = Grade.NONE
    many = [key for key in alone if max(_counts(row, key)) >= FEWEST_VOXELS]
    if r < SAME_SHAPE or many or dice.get("p001", 1.0) < OTHER_EXTENT:
        grade = Grade.CONCLUSIONS
    elif alone or any(value < SAME_EXTENT for value in dice.values()):
        grade = Grade.EXTENT
    return Judgement(grade, f"correlate at r = {number(r)}. {_passing(row, alone)}")


def shape(rows: Sequence[Row]) -> float:
    """Correlation of the z maps, else of the statistic.

    >>> shape([{"map": "t", "pearson_r": 0.5}, {"map": "z", "pearson_r": 0.9}])
    0.9
    """
    z = [row for row in rows if row["map"] == "z"]
    return median(z or headline_rows(rows), "pearson_r")


def _overlap(row: Row, threshold: str) -> float:
    """Dice, where the sets are large enough to judge it."""
    enough = max(_counts(row, threshold)) >= FEWEST_VOXELS
    return _defined(row, f"dice_{threshold}") if enough else math.nan


def _one_alone(row: Row, threshold: str) -> bool:
    spm, nilearn = _counts(row, threshold)
    return min(spm, nilearn) == 0 and max(spm, nilearn) > 0


def _passing(row: Row, alone: Sequence[str]) -> str:
    """What passes in words: p < 0.001, and the corrected threshold that tells most."""
    known = [key for key in THRESHOLDS if min(_counts(row, key)) >= 0]
    if not known:
        return "No threshold is known"
    if not any(max(_counts(row, key)) > 0 for key in known):
        return "No voxel passes any threshold in either package"
    told = list(dict.fromkeys([key for key in known if key == "p001"] + list(alone)))
    worst = min(
        (k for k in known if math.isfinite(_overlap(row, k))), key=lambda k: _overlap(row, k), default=""
    )
    if worst and worst not in told:
        told.append(worst)
    return ". ".join(_told(row, key) for key in told or known[:1])


def _told(row: Row, key: str) -> str:
    """What passes a threshold, in sentences of two numbers at most."""
    one, base = _counts(row, key)
    first, reference = DEFAULT_PAIR.titles
    if one == base == 0:
        return f"At {THRESHOLDS[key]}, no voxel passes in either"
    if not one or not base:
        finder, other = (first, reference) if one else (reference, first)
        return f"At {THRESHOLDS[key]}, {finder} finds {_voxels(one or base)}, and {other} none"
    dice = _defined(row, f"dice_{key}")
    shared = f"overlap with a Dice of {overlap(dice)}" if math.isfinite(dice) else "do not overlap"
    return f"At {THRESHOLDS[key]}, they {shared}. {first} finds {_voxels(one)}, and {reference} {base:,}"


def _voxels(n: int) -> str:
    return f"{n:,} voxel{'s' * (n != 1)}"


def listed(names: Sequence[str]) -> str:
    """Join names, the first few of many.

    >>> listed(["a"]), listed(["a", "b", "c"]), listed(list("abcdefg"))
    ('a', 'a, b and c', 'a, b, c, d, e and 2 more')
    """
    shown = list(names[:NAMED])
    if len(names) > NAMED:
        shown.append(f"{len(names) - NAMED} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def regions_judged(facts: RegionFacts) -> Judgement:
    """Judge the conclusions about regions: one that changes is another conclusion, unless at the threshold.

    >>> print(regions_judged(RegionFacts(20, 1, ("left insula (go)",), 0.98, 1)).text)
    the conclusion depends on the package in 1 of 20 region tests: left insula (go). It lies at the \
threshold in both (z moves by less than 0.5). The median intraclass correlation (absolute \
agreement) is 0.980
    """
    icc = (
        f". The median intraclass correlation (absolute agreement) is {number(facts.icc)}"
        if math.isfinite(facts.icc)
        else ""
    )
    if not facts.n_changed:
        text = f"all {facts.n_tests} region tests give the same conclusion: significance and direction"
        return Judgement(Grade.NONE, text + icc)
    named = f": {listed(facts.changed)}" if facts.changed else ""
    edge = f"at the threshold in both (z moves by less than {EDGE})"
    if not facts.n_edge:
        edge = ""
    elif facts.n_edge == facts.n_changed:
        edge = f". {'It lies' if facts.n_edge == 1 else 'They lie'} {edge}"
    else:
        edge = f". Of these, {facts.n_edge} {'lies' if facts.n_edge == 1 else 'lie'} {edge}"
    return Judgement(
        Grade.CONCLUSIONS if facts.n_changed > facts.n_edge else Grade.EXTENT,
        f"the conclusion depends on the package in {facts.n_changed} of {facts.n_tests} region"
        f" tests{named}{edge}{icc}",
    )
