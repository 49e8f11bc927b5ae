"""The verdict at the head of a participant's page: does it matter, why, is the design sound."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bidsglm.packages import titles
from bidsglm.pairs import Pair
from bidsglm.report import attribution, leading_steps
from bidsglm.report.breakdowns import Breakdown
from bidsglm.report.breakdowns import found as found_in
from bidsglm.report.group_verdict import SAME_SIZE, Verdict, times
from bidsglm.report.judgements import GRADE_WORDS, Grade, Judgement, deciding, judged, sentences
from bidsglm.report.participant_evidence import ComparedContrast, ParticipantEvidence
from bidsglm.report.recipes import Recipe, recipes
from bidsglm.report.steps import makes, title
from bidsglm.report.wording import Row, digits, headline_rows, listed, median

HEADLINES: Mapping[Grade, str] = {
    Grade.NONE: "No: for this participant, {} lead to the same conclusions",
    Grade.EXTENT: "A little: both packages find the same places; what lies near the threshold depends on the"
    " package",
    Grade.CONCLUSIONS: "Yes: conclusions about this participant depend on the package",
}
NAMED = 2
"""Contrasts that the facts speak of one by one."""
SEVERITY_GRADES: Mapping[str, Grade] = {"serious": Grade.CONCLUSIONS, "warning": Grade.EXTENT}


class ParticipantVerdict(NamedTuple):
    """Two answers, and what to do."""

    agreement: Verdict
    design: Verdict
    recipes: tuple[Recipe, ...]
    why: tuple[str, ...] = ()
    """The leading step of each map, in sentences"""
    worst: str = ""
    """The contrast that decides; the first of several"""


def participant_verdict(evidence: ParticipantEvidence) -> ParticipantVerdict:
    """Judge by the worst contrast that the design determines, by the rules for group maps."""
    found = _judgements(evidence.judged, evidence.pair)
    grade = max((each.grade for each in found.values()), default=None)
    if not any(each in evidence.determined for each in evidence.judged):
        grade = None
    rows = [row for each in evidence.considered for row in each.rows]
    facts = [
        *(("Maps", text) for text in sentences(found, NAMED, "the two")),
        *(("F over runs", text) for each in evidence.judged for text in each.approximate),
        *(("Confounds", text) for text in _confound_facts(evidence.aside, evidence.pair)),
        *(("Size", text) for text in _size_facts(rows, evidence)),
        *(("Voxels", text) for text in _mask_facts(rows, evidence.pair)),
    ]
    where, actions = deciding(grade, found), _actions(grade, found, evidence)
    answer = Verdict(_headline(grade, where, evidence), grade, tuple(facts), actions, where)
    worst = max(found, key=lambda name: found[name].grade, default="")
    stat = next((each.stat for each in evidence.judged if each.name == worst), "t")
    why = tuple(_step_facts([each.breakdowns for each in evidence.judged], (stat, "effect")))
    return ParticipantVerdict(answer, _design(evidence), _recipes(evidence, rows), why, worst)


def _recipes(evidence: ParticipantEvidence, rows: Sequence[Row]) -> tuple[Recipe, ...]:
    """What makes the steps equal."""
    return recipes(
        [each.breakdowns for each in evidence.considered], evidence.runs, sum(_alone(rows, evidence.pair))
    )


def _judgements(contrasts: Sequence[ComparedContrast], pair: Pair) -> dict[str, Judgement]:
    return {each.name: judged(each.rows, pair) for each in contrasts if each.stat}


def _headline(grade: Grade | None, where: str, evidence: ParticipantEvidence) -> str:
    if grade is None:
        return (
            "Not to be said: the design determines none of the contrasts."
            if evidence.arbitrary
            else "Not to be said: no contrast could be compared."
        )
    return f"{HEADLINES[grade].format(titles(evidence.pair))}{where}."


def _size_facts(rows: Sequence[Row], evidence: ParticipantEvidence) -> list[str]:
    slope = median([row for row in rows if row["map"] == "effect"], "slope")
    if not math.isfinite(slope):
        return []
    first, reference = evidence.pair.titles
    size = "as large as" if abs(slope - 1) <= SAME_SIZE else f"{times(slope)} times"
    units = [evidence.units[name] for name in evidence.pair if name in evidence.units]
    same_unit = len(set(units)) == 1
    its = "" if same_unit or not units else f", {first}'s in {units[0]} and {reference}'s in {units[-1]}"
    told = [f"{first}'s effects are {size} {reference}'s (slope over voxels{its})."]
    if math.isfinite(evidence.slope_percent) and not same_unit:
        told.append(
            "In percent of each voxel's own mean, so that units do not count, they are"
            f" {digits(evidence.slope_percent)} times as large."
        )
    return told


def _confound_facts(contrasts: Sequence[ComparedContrast], pair: Pair) -> list[str]:
    """What contrasts of confounds show, which say nothing of the brain's response."""
    found = _judgements(contrasts, pair)
    told = [text for each in contrasts[:NAMED] for text in _confound_fact(each, found[each.name])]
    return [*told, f"{listed(list(found))} {'is' if len(found) == 1 else 'are'} not in the verdict."] * bool(
        found
    )


def _confound_fact(contrast: ComparedContrast, found: Judgement) -> list[str]:
    told = [f"{contrast.name} ({GRADE_WORDS[found.grade]}): the two {found.text}.", *contrast.approximate]
    return [*told, *_step_facts([contrast.breakdowns], (contrast.stat,))]


def _step_facts(contrasts: Sequence[Sequence[Breakdown]], maps: Sequence[str]) -> list[str]:
    leads = [(name, lead) for name in maps if (lead := leading_steps.leading(contrasts, name))]
    return [
        f"{makes(lead.step)} {lead.qualified} of the difference between the {name}"
        f" maps{_second(contrasts, name, lead)}."
        for name, lead in leads
    ]


def _second(contrasts: Sequence[Sequence[Breakdown]], name: str, lead: leading_steps.Leading) -> str:
    """The step that follows, where one contrast is spoken of and it makes a part worth naming."""
    if lead.n_contrasts > 1:
        return ""
    found = next(b for each in contrasts if (b := found_in(each, name)) and not b.equal)
    first, *others = found.ranked
    second = next((step for step in others if found.share(step) >= attribution.WORTH_NAMING), None)
    if second is None or found.share(first) > 1:
        return ""
    return f", the {title(second.step)} {attribution.percent(found.share(second))}"


def _mask_facts(rows: Sequence[Row], pair: Pair) -> list[str]:
    both = median(headline_rows(rows), "n_both")
    if not math.isfinite(both):
        return []
    first, reference = (f"{n:,}" if n else "none" for n in _alone(rows, pair))
    names = pair.titles
    if first == reference == "none":
        return [f"Both packages analyse the same {both:,.0f} voxels."]
    return [
        f"Both packages analyse {both:,.0f} voxels. {names[0]} alone analyses {first}, {names[1]} alone"
        f" {reference}."
    ]


def _alone(rows: Sequence[Row], pair: Pair) -> tuple[int, int]:
    """Voxels that only the first package and that only the reference analyses."""
    found = (median(headline_rows(rows), f"n_{name}_only") for name in pair)
    first, reference = (int(n) if math.isfinite(n) else 0 for n in found)
    return first, reference


def _actions(
    grade: Grade | None, found: Mapping[str, Judgement], evidence: ParticipantEvidence
) -> tuple[str, ...]:
    told = []
    approximate = [each.name for each in evidence.considered if each.approximate]
    if grade == Grade.NONE:
        told.append("Use either package, and name it with its version and settings (Methods).")
    of_grade = {
        each: [name for name in found if found[name].grade == each and name not in approximate]
        for each in Grade
    }
    if of_grade[Grade.CONCLUSIONS] and grade is not None:
        told.append(
            f"{listed(of_grade[Grade.CONCLUSIONS])}: report the results of both packages, or say why the one"
            " you chose is the right one."
        )
    if of_grade[Grade.EXTENT] and grade is not None:
        told.append(
            f"{listed(of_grade[Grade.EXTENT])}: name the package and the threshold, and build no conclusion"
            " on voxels near the threshold or on the size of a cluster."
        )
    if approximate:
        told.append(
            f"{listed(approximate)}: do not use nilearn's F over runs, which is approximate. Test each run by"
            f" itself, or use {evidence.pair.titles[0]}'s F."
        )
    rows = [row for each in evidence.considered for row in each.rows]
    slope = median([row for row in rows if row["map"] == "effect"], "slope")
    if abs(slope - 1) > SAME_SIZE:
        told.append(_never_pool(evidence))
    return tuple(told)


def _never_pool(evidence: ParticipantEvidence) -> str:
    units = [evidence.units.get(name, name) for name in evidence.pair]
    why = "each has its own unit" if len(set(units)) > 1 else f"both are in {units[0]}, but differ in size"
    return f"Never pool or compare effect sizes across the packages: {why}."


def _design(evidence: ParticipantEvidence) -> Verdict:
    """Whether the design is sound, by the worst finding."""
    found = [each for each in evidence.findings if each.severity in SEVERITY_GRADES]
    affected = [("Design", each.sentence) for each in evidence.affected]
    if not found:
        headline = "Yes, for the conditions: nothing in the design calls for attention."
        return Verdict(headline, Grade.NONE, tuple(affected), ())
    grade = SEVERITY_GRADES[found[0].severity]
    worst = [each for each in found if each.severity == found[0].severity]
    start = "No" if grade == Grade.CONCLUSIONS else "Look at it"
    headline = f"{start}: {worst[0].title}"
    if len(found) > 1:
        headline += f" ({len(found) - 1} more {'finding' if len(found) == 2 else 'findings'})"
    facts = [("Arbitrary", _arbitrary(evidence))] if evidence.arbitrary else []
    remedies = tuple(f"{each.title}: {each.remedy}" for each in worst)
    return Verdict(f"{headline}.", grade, (*facts, *affected), remedies)


def _arbitrary(evidence: ParticipantEvidence) -> str:
    """Say which contrasts the design does not determine, and that the verdict leaves them out."""
    effects, them = ("effect", "it") if len(evidence.arbitrary) == 1 else ("effects", "them")
    left_out = f"; the verdict and its medians leave {them} out" * bool(evidence.considered)
    return f"The data do not determine the {effects} of {listed(evidence.arbitrary)}{left_out}."
