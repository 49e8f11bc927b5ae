"""Questions that the page of a data set answers itself, and recipes for the steps that lead in it."""

from collections.abc import Mapping

from bidsglm.attribution.steps import REGRESSORS
from bidsglm.packages import titles
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.answers import Answer
from bidsglm.report.attribution import WORTH_NAMING, percent
from bidsglm.report.group_report import GroupUnit
from bidsglm.report.recipes import Recipe, recipe
from bidsglm.report.steps import title
from bidsglm.report.wording import lower_first
from bidsglm.sentences import joined


def group_recipes(unit: GroupUnit) -> tuple[Recipe, ...]:
    """Recipes of the steps that lead over participants, that of the effect maps first.

    Group maps rest on the effect maps, and what is said of single participants on the others.
    """
    told: dict[str, list[str]] = {}
    for lead in unit.leads:
        if lead.share >= WORTH_NAMING:
            told.setdefault(lead.step, []).append(f"{percent(lead.share)} of the {lead.map} difference")
    typical = "" if len(unit.people) < 2 else ", median over participants"
    return tuple(
        _of_all(step, unit.pair)._replace(share=" and ".join(s) + typical) for step, s in told.items()
    )


def _of_all(step: str, pair: Pair) -> Recipe:
    """Without what hangs on the runs of one participant."""
    if step != REGRESSORS or not pair.is_default:
        return recipe(step, ("", ""), (), pair)
    remains = (
        "No key of the model makes them equal: each package convolves in its own way. “What to do” on each"
        f" participant's page has lines that give {DEFAULT_PAIR.titles[1]} the regressors of"
        f" {DEFAULT_PAIR.titles[0]}, from the tables of its runs."
    )
    return Recipe(step, remains=remains)


def group_answers(unit: GroupUnit, sections: Mapping[str, str]) -> tuple[Answer, ...]:
    """Answer what this page can, and lead to the pages that answer the rest.

    Parameters
    ----------
    unit
        Compared by two packages.
    sections
        Place -> title of what is on the page.
    """

    def linked(*places: str) -> tuple[tuple[str, str], ...]:
        return tuple((place, sections[place]) for place in places if place in sections)

    group = Answer("group", "Does it matter for my group?", _of_the_group(unit), linked("group-maps"))
    regions = Answer("regions", "Does it matter for my regions?", _of_regions(unit), linked("regions"))
    return (
        group,
        regions,
        Answer("equal", "How do I make them equal?", _equal(unit), linked("summary", "why-they-differ")),
        Answer("false-positives", "Which has more false positives?", _trust(unit), linked("which-to-trust")),
        Answer(
            "first-level",
            "Is my code at fault, or the regression technique, or global signal regression?",
            (
                "These are questions about the first level. Each participant's page answers them with its"
                " own numbers, under Questions.",
            ),
            elsewhere=next((f"{page}#questions" for page, _ in unit.places.values() if page), ""),
        ),
    )


def _facts(unit: GroupUnit, *about: str) -> list[str]:
    return [text for name, text in unit.verdict.facts if name in about]


def _of_the_group(unit: GroupUnit) -> tuple[str, ...]:
    if unit.others:
        found = unit.overall
        return (found.headline, *(f"{pair}: {text}" for pair, text in found.facts))
    return (unit.verdict.headline, *_facts(unit, "Group maps", "Stability"))


def _of_regions(unit: GroupUnit) -> tuple[str, ...]:
    of_pairs = [(titles(view.pair), text) for view in unit.views for text in _facts(view, "Regions")]
    if unit.others and of_pairs:
        return tuple(f"{pair}: {lower_first(text)}" for pair, text in of_pairs)
    if of_pairs:
        return tuple(text for _, text in of_pairs)
    return (
        "This page has no regions that both packages could test. --atlas, at both levels, adds the values"
        " of an atlas' regions and the tests of both packages.",
    )


def _equal(unit: GroupUnit) -> tuple[str, ...]:
    leads = {
        titles(view.pair): joined(dict.fromkeys(title(made.step) for made in group_recipes(view)))
        for view in unit.views
    }
    told = [f"{pair}: {steps}" if unit.others else steps for pair, steps in leads.items() if steps]
    if not told:
        return ("Which step makes the difference is not known here: run the participants with attribution.",)
    return (
        f"“What to do” in the summary has the recipe of what leads here ({'; '.join(told)}). Set it at the"
        " first level, run the participants again, and then the group.",
    )


def _trust(unit: GroupUnit) -> tuple[str, ...]:
    found = unit.calibration
    if found and found.contrasts:
        return found.verdict(found.contrasts[0])
    return (
        f"That the maps of {titles(unit.packages)} agree or not says nothing of it. --calibrate 20 at the"
        " participant level simulates data without activation on each one's design, and adds the rates.",
    )
