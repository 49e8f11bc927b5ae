"""The verdict at the head of the group page: does it matter, what differs, by which step, what to do."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bidsglm.packages import title, titles
from bidsglm.report.attribution import percent
from bidsglm.report.group_evidence import Evidence, Lead
from bidsglm.report.judgements import (
    Grade,
    Judgement,
    deciding,
    judged,
    regions_judged,
    sentences,
)
from bidsglm.report.steps import PLURALS, makes
from bidsglm.report.wording import (
    Row,
    contrast_name,
    digits,
    headline_rows,
    listed,
    median,
    number,
    overlap,
    upper_first,
)

FEW = 10
"""Participants below which a group map turns on single participants."""
NAMED = 3
"""Contrasts that the facts speak of one by one."""
SAME_SIZE = 0.05
"""Distance of a slope from 1 up to which sizes are called equal."""
HEADLINES: Mapping[Grade, str] = {
    Grade.NONE: "No: for these data, {packages} lead to the same conclusions about the group.",
    Grade.EXTENT: "A little: both packages find the same places; what lies near the threshold depends on the"
    " package.",
    Grade.CONCLUSIONS: "Yes: conclusions about the group depend on the package.",
}
SO_FAR: Mapping[Grade, str] = {
    Grade.NONE: "both packages lead to the same conclusions about the group",
    Grade.EXTENT: "both packages find the same places; what lies near the threshold depends on the package",
    Grade.CONCLUSIONS: "conclusions about the group depend on the package",
}
"""The same for few participants."""
STEP_ACTIONS: Mapping[str, str] = {
    "smoother": "give both packages data that are already smoothed",
    "scaling": 'put both on one scale with "SignalScaling": [0, 1] under Software.Nilearn of the model',
    "filter": "look at the designs: regressors as slow as the filter's cut-off are treated apart",
    "noise": "look whether the noise model fits the data: a short repetition time asks for FAST in SPM and"
    " for a higher order than AR(1) in nilearn",
    "runs": "look whether runs differ in noise or length: SPM pools their residual variance, nilearn weights"
    " each run by its own",
    "regressors": "look at the durations of events: very short ones get other heights in each package",
}
"""Named are the settings of SPM and nilearn"""


@dataclass(frozen=True)
class Verdict:
    """The answer at the head of the page."""

    headline: str
    grade: Grade | None
    """None where nothing can be said of the group"""
    facts: tuple[tuple[str, str], ...]
    """What about, and a sentence with the numbers that carry the headline"""
    actions: tuple[str, ...]
    where: str = ""
    """Contrasts that decide, where these are not all"""


def verdict(evidence: Evidence) -> Verdict:
    """Judge by the worst contrast and by the regions.

    >>> row = {"contrast": "go", "map": "t", "pearson_r": 0.99, "slope": 1.0}
    >>> verdict(Evidence(("sub-01",), (row,))).headline
    'One participant makes no group: what follows is about sub-01 alone.'
    """
    pair = evidence.pair
    maps = {name: judged(rows, pair) for name, rows in evidence.group_rows.items() if headline_rows(rows)}
    regions = regions_judged(evidence.regions) if evidence.regions and evidence.regions.n_tests else None
    grades = [found.grade for found in (*maps.values(), *((regions,) if regions else ()))]
    grade = max(grades, default=None)
    if len(evidence.participants) < 2 or evidence.left_out.is_all:
        grade = None
    facts = [
        *(("Group maps", text) for text in sentences(maps, NAMED, "the two group", "; see Group maps below")),
        *((("Regions", f"{upper_first(regions.text)}."),) if regions else ()),
        *((("Stability", evidence.stability),) if evidence.stability else ()),
        *_size_facts(evidence),
        *_participant_facts(evidence),
        *(("Which step", lead_sentence(lead)) for lead in evidence.leads),
        *((("Left out", evidence.left_out.sentence),) if evidence.left_out.contrasts else ()),
    ]
    where = deciding(grade, maps)
    headline = _headline(evidence, grade, where)
    return Verdict(headline, grade, tuple(facts), _actions(evidence, grade, maps), where)


def _headline(evidence: Evidence, grade: Grade | None, where: str) -> str:
    if len(evidence.participants) == 1:
        return f"One participant makes no group: what follows is about {evidence.participants[0]} alone."
    if evidence.left_out.is_all:
        return "Not to be said: the design determines none of the contrasts."
    if grade is None:
        return "Not known: no group maps and no regions to compare; what follows is about participants."
    n = len(evidence.participants)
    if n < FEW:
        return f"With {n} participants this is a trial, not an answer. So far, {SO_FAR[grade]}{where}."
    return f"{HEADLINES[grade].format(packages=titles(evidence.pair))[:-1]}{where}."


def _size_facts(evidence: Evidence) -> list[tuple[str, str]]:
    """Whether effects are of the same size: the group maps', else the participants'."""
    group = [row for rows in evidence.group_rows.values() for row in rows]
    slope = median(_maps(group or evidence.rows, "effect"), "slope")
    if not math.isfinite(slope):
        return []
    first, reference = (f"{title(name)}'s" for name in evidence.pair)
    units = [evidence.sizes.units.get(name, "") for name in evidence.pair]
    if not math.isfinite(evidence.sizes.percent):
        whose = "group maps" if group else "participants' maps"
        own, other = (f" (in {unit})" if all(units) else "" for unit in units)
        return [
            (
                "Size",
                f"{first} effects{own} are {_size(slope)} {reference}{other}, by the slope over voxels of the"
                f" {whose}.",
            )
        ]
    told = f"{first} effect maps are in {units[0]}, {reference} in {units[1]}. " if all(units) else ""
    if all(units) and units[0] == units[1]:
        told = f"Both packages' effect maps are in {units[0]}. "
    return [
        (
            "Size",
            f"{told}In percent of each voxel's own mean, {first} effects are {_size(evidence.sizes.percent)}"
            f" {reference} (slope over voxels, median over participants).",
        )
    ]


def _why_not(evidence: Evidence) -> str:
    """Why sizes of effects do not go together."""
    units = [evidence.sizes.units.get(name, "") for name in evidence.pair]
    if all(units) and units[0] == units[1]:
        return "in the same unit they are of another size"
    return "each has its own unit"


def _size(slope: float) -> str:
    return "as large as" if abs(slope - 1) <= SAME_SIZE else f"{times(slope)} times"


def times(ratio: float) -> str:
    """Write a ratio with three digits.

    >>> times(1.6113), times(0.0123), times(25.04)
    ('1.61', '0.0123', '25')
    """
    return f"{ratio:.3g}"


def remaining_factor(level: float) -> str:
    """Say what one scale for all voxels leaves between the packages.

    >>> print(remaining_factor(1.4729))
    A factor of 1.47 remains then (SPM's effects over nilearn's, median over participants): SPM's 100 is not \
    the mean within the brain mask. Divide SPM's effects by it; the table desc-scale has each \
    participant's own.
    """
    return (
        f"A factor of {digits(level)} remains then (SPM's effects over nilearn's, median over participants):"
        " SPM's 100 is not the mean within the brain mask. Divide SPM's effects by it; the table desc-scale"
        " has each participant's own."
    )


def _maps(rows: Sequence[Row], name: str) -> list[Row]:
    return [row for row in rows if row["map"] == name]


def _participant_facts(evidence: Evidence) -> list[tuple[str, str]]:
    about = "Participants" if len(evidence.participants) > 1 else "Participant"
    found = [(about, text) for name in ("t", "F") for text in _agreement(evidence, name)]
    if evidence.outlying:
        verb = "lies" if len(evidence.outlying) == 1 else "lie"
        found.append((about, f"{listed(evidence.outlying)} {verb} far from the others."))
    return found


def _agreement(evidence: Evidence, name: str) -> list[str]:
    """How the participants' maps agree: of t, and of F contrasts each that no group map shows."""
    rows = _maps(evidence.rows, name)
    r, dice = median(rows, "pearson_r"), median(rows, "dice_p001")
    if not math.isfinite(r):
        return []
    typical = " (median)" if len(rows) > 1 else ""
    of = "" if name == "t" else f" of {listed(list(dict.fromkeys(contrast_name(row) for row in rows)))}"
    found = [f"The {name} maps{of} of single participants correlate at r = {number(r)}{typical}."]
    if math.isfinite(dice):
        found.append(f"What passes p < 0.001 in them overlaps with a Dice of {overlap(dice)}{typical}.")
    if name == "F" and "nilearn" in evidence.pair:
        found.append(
            "Over several runs nilearn's F is approximate; each participant's page says by how much."
        )
    return found


def lead_sentence(lead: Lead) -> str:
    """Say which step makes most of a map's difference.

    >>> lead_sentence(Lead("t", "noise", 0.8, 3, 4))
    'The noise model makes 80 % of the difference between the t maps. It leads in 3 of 4 participants.'
    >>> lead_sentence(Lead("t", "noise", 0.8, 3, 4, per_session=True))[-44:]
    'It leads in 3 of 4 sessions of participants.'
    """
    whose = "sessions of participants" if lead.per_session else "participants"
    of = whose if lead.n_contrasts == 1 else f"maps of {whose}"
    behind = ", which group maps and regions rest on" if lead.map == "effect" else ""
    over = " More than the whole, as another step works against it." if round(100 * lead.share) > 100 else ""
    leads = "They lead" if lead.step in PLURALS else "It leads"
    return (
        f"{makes(lead.step)} {percent(lead.share)} of the difference between the {lead.map}"
        f" maps{behind}.{over} {leads} in {lead.n_leading} of {lead.n} {of}."
    )


def _actions(evidence: Evidence, grade: Grade | None, maps: Mapping[str, Judgement]) -> tuple[str, ...]:
    """What to do, by what was found."""
    found = []
    if grade is None and len(evidence.participants) > 1 and not evidence.left_out.is_all:
        found.append("For an answer, run the group level for its maps (not --reports-only), or with --atlas.")
    if grade == Grade.NONE and len(evidence.participants) >= FEW:
        found.append("Use either package, and name it with its version and settings (Methods).")
    if grade == Grade.EXTENT:
        found.append(
            "Name the package and the threshold, and build no conclusion on voxels or regions near the"
            " threshold or on the size of a cluster."
        )
    if grade == Grade.CONCLUSIONS:
        worst = [name for name, judgement in maps.items() if judgement.grade == Grade.CONCLUSIONS]
        which = f"{listed(worst)}: report" if worst else "Report"
        found.append(f"{which} the results of both packages, or say why the one you chose is the right one.")
    effects = _maps(
        [row for rows in evidence.group_rows.values() for row in rows] or list(evidence.rows), "effect"
    )
    other_size = abs(median(effects, "slope") - 1) > SAME_SIZE
    if other_size:
        found.append(f"Never pool or compare effect sizes across the packages: {_why_not(evidence)}.")
    effect = next((lead for lead in evidence.leads if lead.map == "effect"), None)
    if (
        effect
        and evidence.pair.is_default
        and effect.step in STEP_ACTIONS
        and (grade != Grade.NONE or other_size)
    ):
        which = "effect" if grade is None else "group"
        found.append(f"To bring the {which} maps together, {STEP_ACTIONS[effect.step]}.")
        if effect.step == "scaling" and math.isfinite(evidence.level):
            found.append(remaining_factor(evidence.level))
    if evidence.outlying:
        found.append(f"Look at the pages of {listed(evidence.outlying)} before anything else.")
    if len(evidence.participants) < FEW and grade is not None:
        found.append(
            "Decide with the full sample; run the group level again when there are more participants."
        )
    return tuple(found)
