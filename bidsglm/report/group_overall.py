"""One answer for a group that several packages fitted, by the pair that agrees least."""

from collections.abc import Mapping

from bidsglm.packages import title, titles
from bidsglm.pairs import Pair
from bidsglm.report.group_report import GroupUnit
from bidsglm.report.group_verdict import FEW, Verdict
from bidsglm.report.judgements import Grade
from bidsglm.report.overall import CONCLUSIONS, between


def group_overall(unit: GroupUnit) -> Verdict:
    """Answer for all pairs; its facts are a line for each, and with one pair the answer is that pair's."""
    found = {view.pair: view.verdict for view in unit.views}
    if len(found) == 1:
        return unit.verdict
    grades = {pair: each.grade for pair, each in found.items()}
    grade = max((each for each in grades.values() if each is not None), default=None)
    lines = tuple((titles(pair), f"{CONCLUSIONS[each.grade]}{each.where}.") for pair, each in found.items())
    return Verdict(_headline(grade, grades, len(unit.people)), grade, lines, ())


def _headline(grade: Grade | None, grades: Mapping[Pair, Grade | None], n: int) -> str:
    """By the worst pair, with its packages."""
    if grade is None:
        return "Not known: each comparison below says why."
    (base,) = set.intersection(*(set(pair) for pair in grades))
    others = titles(name for pair in grades for name in pair if name != base)
    where = between([pair for pair, each in grades.items() if each == grade], grades)
    said = {
        Grade.NONE: f"{others} lead to the same conclusions about the group as {title(base)}",
        Grade.EXTENT: "the packages find the same places; what lies near the threshold depends on the package"
        + where,
        Grade.CONCLUSIONS: f"conclusions about the group depend on the package{where}",
    }[grade]
    if n < FEW:
        return f"With {n} participants this is a trial, not an answer. So far, {said}."
    start = {Grade.NONE: "No: for these data, ", Grade.EXTENT: "A little: ", Grade.CONCLUSIONS: "Yes: "}[
        grade
    ]
    return f"{start}{said}."
