"""The page of a data set: its first screen, recipes of the steps that lead, and answers to the questions."""

from dataclasses import replace

from bidsglm.pairs import Pair
from bidsglm.report.group_answers import group_answers, group_recipes
from bidsglm.report.group_html import group_page
from bidsglm.report.step_shares import StepCount, StepShares

from .group_records import group_contrast, group_report, group_unit
from .records import contrast_report

PLACES = {"group-maps": "Group maps", "regions": "Regions", "summary": "Summary"}


def answer(key: str, **changes: object):
    found = group_answers(group_unit(**changes), PLACES)
    return next(each for each in found if each.key == key)


def _like_itself(row: dict) -> dict:
    """SPM's map compared with itself."""
    alike = {key: 1.0 for key in row if key.startswith("dice_")} | {"pearson_r": 1.0}
    counts = {key: row[key.replace("nilearn", "spm")] for key in row if key.startswith("n_nilearn_")}
    return {**row, **alike, **counts}


def test_steps_that_lead_have_their_recipes_that_of_the_effect_first():
    made = group_recipes(group_unit())
    assert [each.step for each in made] == ["scaling", "noise"]
    assert made[0].share == "95 % of the effect difference, median over participants"
    assert '"SignalScaling"' in made[0].keys


def test_regressors_of_a_group_lead_to_the_participants_lines():
    shares = (StepShares("go", "effect", 5, (StepCount("regressors", 5, 0.6, 0.5, 0.7),)),)
    (made,) = group_recipes(group_unit(shares=shares))
    assert not made.nilearn
    assert "each participant's page" in made.remains


def test_recipes_of_a_further_pair_are_its_own():
    leads = {"effect": "filter", "t": "regressors"}
    shares = tuple(
        StepShares("go", name, 5, (StepCount(step, 5, 0.6, 0.5, 0.7),)) for name, step in leads.items()
    )
    made = group_recipes(group_unit(shares=shares, pair=Pair("afni", "nilearn")))
    assert [each.step for each in made] == ["filter", "regressors"]
    assert not any(each.spm or each.nilearn for each in made)
    assert '"Polort": 0' in made[0].keys
    assert '"ResponseModel": "SPMG1"' in made[1].keys


def test_without_attribution_there_is_no_recipe():
    assert group_recipes(group_unit(shares=())) == ()
    assert "with attribution" in answer("equal", shares=()).sentences[0]


def test_group_and_regions_are_answered_by_the_verdict_and_linked():
    unit = group_unit()
    said = dict(unit.verdict.facts)
    assert answer("group").sentences[0] == unit.verdict.headline
    assert said["Group maps"] in answer("group").sentences
    assert answer("group").links == (("group-maps", "Group maps"),)
    assert answer("regions").sentences == (said["Regions"],)
    assert answer("regions").links == (("regions", "Regions"),)


def test_without_an_atlas_the_answer_says_how_to_get_one():
    assert "--atlas" in answer("regions", regions=None).sentences[0]


def test_the_first_level_is_answered_on_a_participants_page():
    assert answer("first-level").elsewhere == "sub-01.html#questions"


def test_the_first_screen_shows_the_worst_contrast_and_the_leading_step():
    peak = contrast_report().peak
    worse = tuple({**row, "pearson_r": 0.2} for row in group_contrast().agreement)
    shown = replace(group_contrast("stop"), agreement=worse, peak=peak._replace(caption="Maps of stop"))
    same = tuple(_like_itself(row) for row in group_contrast().agreement)
    hidden = replace(group_contrast(), agreement=same, peak=peak._replace(caption="Maps of go"))
    unit = group_unit(contrasts=(hidden, shown))
    assert unit.lead is shown
    first = group_page(group_report(unit)).split('<div class="first">')[1].split("What to do")[0]
    assert "Maps of stop" in first
    assert "The intensity scaling makes 95 % of the difference between the effect maps" in first
    assert first.count("The intensity scaling makes") == 1
