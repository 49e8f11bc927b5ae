"""Does it matter? A contrast's two group maps, and the regions, judged by stated rules.

Two group maps of a contrast are judged by their correlation and by the overlap of what passes each
threshold. The bounds lie between those of the literature: within one package, parametric and
permutation inference overlap with a Dice of 0.83 to 0.97, whole pipelines of different packages with
0.28 to 0.68 (Bowring et al., 2019). Regions are judged by their one-sample conclusions.
"""

import math
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.wording import (
    THRESHOLDS,
    Row,
    headline_rows,
    listed,
    median,
    number,
    overlap,
    value_of,
    voxels,
)

SAME_SHAPE = 0.95
"""Correlation of two group maps from which their shape is called the same."""
SAME_EXTENT = 0.8
"""Dice from which the same voxels pass: about what two ways of inference in one package reach."""
OTHER_EXTENT = 0.5
"""Dice below which other voxels pass: as between whole pipelines of different packages."""
FEWEST_VOXELS = 10
"""A Dice of smaller sets turns on single voxels and is not judged; nor do they make a conclusion."""
EDGE = 0.5
"""Standard errors (z) that a region's test moves from package to package, below which a conclusion that
changes lay at the threshold in both: p of 0.05 is crossed by a move from 0.03 to 0.09."""
UNCORRECTED = "p001"
"""Threshold whose Dice alone can make another conclusion."""
TAILS: Mapping[str, str] = {"": "above 0", "lower_": "below 0"}
"""Start of a threshold's columns -> which effects pass it; F has no lower tail."""


class Grade(IntEnum):
    """How much the choice of package matters."""

    NONE = 0
    """The same conclusions."""
    EXTENT = 1
    """The same places, another extent."""
    CONCLUSIONS = 2
    """Other conclusions."""


GRADE_WORDS: Mapping[Grade, str] = {
    Grade.NONE: "the same",
    Grade.EXTENT: "of another extent",
    Grade.CONCLUSIONS: "other conclusions",
}
"""As the rules on the page call them"""


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


class _Passing(NamedTuple):
    """What passes a threshold in a tail."""

    threshold: str
    where: str
    """Threshold in words, with the tail where there are two"""
    counts: tuple[int, int]
    """Voxels of the first package and of the reference"""
    dice: float
    pair: Pair

    @property
    def any(self) -> bool:
        """Whether a voxel passes in either."""
        return max(self.counts) > 0

    @property
    def is_judged(self) -> bool:
        """Whether the sets are large enough for their Dice to say something."""
        return max(self.counts) >= FEWEST_VOXELS and math.isfinite(self.dice)

    @property
    def one_alone(self) -> bool:
        """Whether a corrected threshold is passed in one package alone."""
        return self.threshold != UNCORRECTED and self.any and min(self.counts) == 0

    @property
    def words(self) -> str:
        """The overlap and both counts, in sentences of two numbers at most."""
        if not self.any:
            return f"At {self.where}, no voxel passes in either"
        first, reference = self.pair.titles
        if not min(self.counts):
            finder, other = (first, reference) if self.counts[0] else (reference, first)
            return f"At {self.where}, {finder} finds {voxels(max(self.counts))}, and {other} none"
        shared = (
            f"overlap with a Dice of {overlap(self.dice)}" if math.isfinite(self.dice) else "do not overlap"
        )
        counts = f"{first} finds {voxels(self.counts[0])}, and {reference} {self.counts[1]:,}"
        return f"At {self.where}, they {shared}. {counts}"


def _known(row: Row, pair: Pair) -> list[_Passing]:
    """What passes each threshold whose counts are known, in both tails where the row has both."""
    # a table that is read has the columns of both tails, without numbers where F has one
    tails = [
        t
        for t in TAILS
        if any(math.isfinite(value_of(row, f"n_{pair.first}_{t}{key}")) for key in THRESHOLDS)
    ]
    found = []
    for key in THRESHOLDS:
        for tail in tails:
            counts = [value_of(row, f"n_{backend}_{tail}{key}") for backend in pair]
            if all(map(math.isfinite, counts)):
                where = f"{THRESHOLDS[key]} {TAILS[tail]}" if len(tails) > 1 else THRESHOLDS[key]
                dice = value_of(row, f"dice_{tail}{key}")
                found.append(_Passing(key, where, (int(counts[0]), int(counts[1])), dice, pair))
    return found


def judged(rows: Sequence[Row], pair: Pair = DEFAULT_PAIR) -> Judgement:
    """Judge the group maps of a contrast from their rows of the agreement table.

    Parameters
    ----------
    rows
        Of the statistic, t or F, and of z; of the pair's columns, without a suffix.
    pair
        Whose maps they are.

    Notes
    -----
    The correlation falls short of `SAME_SHAPE`, the Dice of p < 0.001 falls below `OTHER_EXTENT` in a tail,
    or a corrected threshold is passed in one package alone by `FEWEST_VOXELS` or more: other conclusions.
    Else any Dice below `SAME_EXTENT`, or a few voxels that pass in one alone: another extent. Else none. Each
    tail of t is judged, so that a contrast and its negative get one verdict. The correlation is that of the
    z maps where there is one: t of few participants has long tails, and a correlation follows its few
    largest values.

    Examples
    --------
    >>> row = {"contrast": "go", "map": "t", "pearson_r": 0.99, "dice_p001": 0.7, "n_spm_p001": 90,
    ...        "n_nilearn_p001": 100}
    >>> judged([row])
    Judgement(grade=<Grade.EXTENT: 1>, text='t maps correlate at r = 0.990. At p < 0.001, they overlap with \
a Dice of 0.70. SPM finds 90 voxels, and nilearn 100')
    """
    r, known = shape(rows), _known(headline_rows(rows)[0], pair)
    alone = [each for each in known if each.one_alone]
    grade = Grade.NONE
    many = any(max(each.counts) >= FEWEST_VOXELS for each in alone)
    compared = [each for each in known if each.is_judged]
    apart = any(each.dice < OTHER_EXTENT for each in compared if each.threshold == UNCORRECTED)
    if r < SAME_SHAPE or many or apart:
        grade = Grade.CONCLUSIONS
    elif alone or any(each.dice < SAME_EXTENT for each in compared):
        grade = Grade.EXTENT
    return Judgement(
        grade, f"{_shape_rows(rows)[0]['map']} maps correlate at r = {number(r)}. {_passing(known)}"
    )


def shape(rows: Sequence[Row]) -> float:
    """Correlation of the z maps, else of the statistic.

    >>> shape([{"map": "t", "pearson_r": 0.5}, {"map": "z", "pearson_r": 0.9}])
    0.9
    """
    return median(_shape_rows(rows), "pearson_r")


def _shape_rows(rows: Sequence[Row]) -> Sequence[Row]:
    return [row for row in rows if row["map"] == "z"] or headline_rows(rows)


def _passing(known: Sequence[_Passing]) -> str:
    """What passes in words: p < 0.001 in each tail, and the corrected thresholds that tell most."""
    if not known:
        return "No threshold is known"
    passed = [each for each in known if each.any]
    if not passed:
        return "No voxel passes any threshold in either package"
    told = [each for each in passed if each.threshold == UNCORRECTED or each.one_alone]
    worst = min((each for each in passed if each.is_judged), key=lambda each: each.dice, default=None)
    if worst and worst not in told:
        told.append(worst)
    return ". ".join(each.words for each in told or passed[:1])


def deciding(grade: Grade | None, found: Mapping[str, Judgement]) -> str:
    """In which contrasts, where it is not in all.

    >>> one, other = Judgement(Grade.EXTENT, ""), Judgement(Grade.NONE, "")
    >>> deciding(Grade.EXTENT, {"go": one, "stop": other}), deciding(Grade.EXTENT, {"go": one})
    (', in go', '')
    """
    worst = [name for name, each in found.items() if each.grade == grade]
    return f", in {listed(worst)}" if grade and 0 < len(worst) < len(found) else ""


def sentences(found: Mapping[str, Judgement], shown: int, whose: str, rest: str = "") -> list[str]:
    """Sentences on the contrasts, the worst first; those that agree together where there are many.

    Parameters
    ----------
    found
        By contrast.
    shown
        Contrasts that have a sentence each.
    whose
        Whose maps they are, in front of the judgement's words
    rest
        Where the others are, behind the last sentence
    """
    ranked = sorted(found.items(), key=lambda item: -item[1].grade)
    told = [f"{name} ({GRADE_WORDS[each.grade]}): {whose} {each.text}." for name, each in ranked[:shown]]
    if others := ranked[shown:]:
        same = sum(each.grade == Grade.NONE for _, each in others)
        told.append(f"Other contrasts that lead to the same conclusions: {same} of {len(others)}{rest}.")
    return told


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
