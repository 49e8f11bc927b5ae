"""One answer for several packages: does it matter which, with a line for each that is compared."""

from collections.abc import Mapping, Sequence

from bidsglm.packages import title, titles
from bidsglm.pairs import Pair
from bidsglm.report.group_verdict import Verdict
from bidsglm.report.judgements import Grade
from bidsglm.report.participant_verdict import ParticipantVerdict

CONCLUSIONS: Mapping[Grade | None, str] = {
    None: "not to be said",
    Grade.NONE: "the same conclusions",
    Grade.EXTENT: "the same places, but what lies near the threshold depends on the package",
    Grade.CONCLUSIONS: "other conclusions",
}


def overall(found: Mapping[Pair, ParticipantVerdict], whom: str = "this participant") -> Verdict:
    """Answer for all pairs by the one whose packages agree least.

    Parameters
    ----------
    found
        Verdict of each pair with the reference.
    whom
        Whom the maps are of.

    Returns
    -------
    Its facts are lines by pair; a single pair's own verdict where there is one only.
    """
    if len(found) == 1:
        return next(iter(found.values())).agreement
    grades = {pair: each.agreement.grade for pair, each in found.items()}
    grade = max((each for each in grades.values() if each is not None), default=None)
    lines = tuple(
        (" and ".join(pair.titles), f"{CONCLUSIONS[each.agreement.grade]}{each.where}.")
        for pair, each in found.items()
    )
    return Verdict(_headline(grade, grades, whom), grade, lines, ())


def _headline(grade: Grade | None, grades: Mapping[Pair, Grade | None], whom: str) -> str:
    if grade is None:
        return "Not to be said: no contrast could be compared, or the design determines none."
    if grade == Grade.NONE:
        (base,) = set.intersection(*(set(pair) for pair in grades))
        others = [n for pair, each in grades.items() if each is not None for n in pair if n != base]
        lead = "lead" if len(others) > 1 else "leads"
        return f"No: for {whom}, {titles(others)} {lead} to the same conclusions as {title(base)}."
    worst = [pair for pair, each in grades.items() if each == grade]
    if grade == Grade.EXTENT:
        return (
            "A little: the packages find the same places; what lies near the threshold depends on the"
            f" package{between(worst, grades)}."
        )
    return f"Yes: conclusions about {whom} depend on the package{between(worst, grades)}."


def between(worst: Sequence[Pair], grades: Mapping[Pair, Grade | None]) -> str:
    """Which packages, where it is not all.

    >>> pairs = [Pair("spm", "nilearn"), Pair("x", "nilearn")]
    >>> between(pairs[:1], {pairs[0]: Grade.EXTENT, pairs[1]: Grade.NONE})
    ', between SPM and nilearn'
    """
    if len(worst) == len(grades):
        return ""
    told = [" and ".join(pair.titles) for pair in worst]
    return f", between {', and between '.join(told)}"
