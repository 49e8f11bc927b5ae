"""One answer for several packages: does it matter which, with a line for each pair that is compared."""

from collections.abc import Callable, Mapping

from bidsglm.packages import title, titles
from bidsglm.pairs import Pair
from bidsglm.report.group_verdict import FEW, Verdict
from bidsglm.report.judgements import Grade

CONCLUSIONS: Mapping[Grade | None, str] = {
    None: "not to be said",
    Grade.NONE: "the same conclusions",
    Grade.EXTENT: "the same places, but what lies near the threshold depends on the package",
    Grade.CONCLUSIONS: "other conclusions",
}
SAME_PLACES = "the packages find the same places; what lies near the threshold depends on the package"
START: Mapping[Grade, str] = {Grade.NONE: "No", Grade.EXTENT: "A little", Grade.CONCLUSIONS: "Yes"}
Grades = Mapping[Pair, Grade | None]


def overall(found: Mapping[Pair, Verdict], headline: Callable[[Grade | None, Grades], str]) -> Verdict:
    """Answer for all pairs by the one whose packages agree least.

    Parameters
    ----------
    found
        Verdict of each pair with the reference.
    headline
        The answer in words, by its grade and those of all pairs.

    Returns
    -------
    Its facts are lines by pair; a single pair's own verdict where there is one only.
    """
    if len(found) == 1:
        return next(iter(found.values()))
    grades = {pair: each.grade for pair, each in found.items()}
    grade = max((each for each in grades.values() if each is not None), default=None)
    lines = tuple((titles(pair), f"{CONCLUSIONS[each.grade]}{each.where}.") for pair, each in found.items())
    return Verdict(headline(grade, grades), grade, lines, ())


def participant_headline(grade: Grade | None, grades: Grades) -> str:
    """Answer for a participant."""
    if grade is None:
        return "Not to be said: no contrast could be compared, or the design determines none."
    if grade == Grade.NONE:
        base, others = _packages(grades)
        lead = "lead" if len(others) > 1 else "leads"
        return f"No: for this participant, {titles(others)} {lead} to the same conclusions as {title(base)}."
    said = {
        Grade.EXTENT: SAME_PLACES,
        Grade.CONCLUSIONS: "conclusions about this participant depend on the package",
    }[grade]
    return f"{START[grade]}: {said}{between(grade, grades)}."


def group_headline(grade: Grade | None, grades: Grades, n: int) -> str:
    """Answer for a group of n participants."""
    if grade is None:
        return "Not known: each comparison below says why."
    base, others = _packages(grades)
    where = between(grade, grades)
    said = {
        Grade.NONE: f"{titles(others)} lead to the same conclusions about the group as {title(base)}",
        Grade.EXTENT: f"{SAME_PLACES}{where}",
        Grade.CONCLUSIONS: f"conclusions about the group depend on the package{where}",
    }[grade]
    if n < FEW:
        return f"With {n} participants this is a trial, not an answer. So far, {said}."
    these = "for these data, " * (grade == Grade.NONE)
    return f"{START[grade]}: {these}{said}."


def _packages(grades: Grades) -> tuple[str, list[str]]:
    """Name the package that all pairs have, and the others of those that have a grade."""
    (base,) = set.intersection(*(set(pair) for pair in grades))
    known = [pair for pair, grade in grades.items() if grade is not None]
    return base, [name for pair in known for name in pair if name != base]


def between(grade: Grade, grades: Grades) -> str:
    """Name the packages between which it is so, where it is not all.

    >>> pairs = [Pair("spm", "nilearn"), Pair("x", "nilearn")]
    >>> between(Grade.EXTENT, {pairs[0]: Grade.EXTENT, pairs[1]: Grade.NONE})
    ', between SPM and nilearn'
    """
    worst = [titles(pair) for pair, each in grades.items() if each == grade]
    return "" if len(worst) == len(grades) else f", between {', and between '.join(worst)}"
