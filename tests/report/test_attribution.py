"""Sentences of the attribution say what the table says."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from bidsglm.attribution.steps import CENSORING, COARSE_STEPS
from bidsglm.packages import PACKAGES
from bidsglm.report import attribution
from bidsglm.report.breakdowns import Breakdown, StepShare, found
from bidsglm.report.leading_steps import verdict
from bidsglm.report.steps import STEP_COLOURS, STEP_TEXTS

from .reasons import SETTINGS, broken_down

ROUNDING = 1e-12
"""Sums of a few numbers of order one."""


@pytest.mark.parametrize("test", ["t", "F"])
def test_parts_add_up_to_the_total_with_the_regressors_whole_or_in_parts(test):
    for breakdown in broken_down(test):
        for steps in (breakdown.coarse, breakdown.fine):
            np.testing.assert_allclose(sum(s.shapley for s in steps), breakdown.total, rtol=0, atol=ROUNDING)


def test_every_step_has_words_and_a_colour():
    assert {*SETTINGS, CENSORING} == set(STEP_TEXTS)
    assert all(set(text.does) == set(PACKAGES) for text in STEP_TEXTS.values())
    # what only a user's own two analyses differ in has a colour, and its name says what it is
    own = {"onsets", "durations", "confounds", "contrast"}
    assert set(STEP_COLOURS) == {"none", CENSORING, *COARSE_STEPS, *own}
    assert len(set(STEP_COLOURS.values())) == len(STEP_COLOURS)


@pytest.mark.parametrize("pair", list(combinations(PACKAGES, 2)), ids=" ".join)
def test_what_a_step_does_names_no_package_but_those_compared(pair):
    others = [PACKAGES[name].title for name in PACKAGES if name not in pair]
    told = [text.effect(pair) for text in STEP_TEXTS.values()]
    assert all(told)
    assert not [text for text in told for other in others if other in text]


def test_sentence_names_the_largest_steps_with_their_shares():
    text = attribution.sentence(found(broken_down(), "t"))
    assert "(RMSD 0.470), 85 % comes from the noise model and 11 % from the sampling of the response." in text


def test_settings_are_told_once_for_each_leading_step():
    texts = attribution.reasons(broken_down(), ("t", "effect"))
    assert "Noise model: in nilearn, AR(1) of each voxel; in SPM, AR(1) of all voxels." in texts[0]
    assert "Intensity scaling: in nilearn" in texts[1]
    assert sum("Noise model:" in text for text in attribution.reasons(broken_down(), ("t", "t"))) == 1


def test_regressors_are_told_by_their_largest_part():
    events = [StepShare("regressors", "a", "b", 1.0, 1.0), StepShare("events", "short", "long", 1.0, 0.9)]
    parts = (events[0], events[1]._replace(part_of="regressors"))
    (text,) = attribution.reasons([Breakdown("effect", "rmsd", 1.0, parts)], ["effect"])
    assert (
        "100 % comes from the placing of events. Placing of events: in nilearn, short; in SPM, long." in text
    )


def test_equal_maps_are_called_the_same():
    same = replace(found(broken_down(), "t"), total=0.0)
    assert attribution.reasons([same], ["t"]) == ("The t maps of both packages are the same.",)
    assert verdict([[same]]) == ""


def test_verdict_speaks_of_t_and_effect_over_all_contrasts():
    assert verdict([broken_down()]) == (
        "Of the difference between the t maps, 85 % comes from the noise model."
        " Of the difference between the effect maps, 80 % comes from the intensity scaling."
    )
    assert "85 % (median of 2 contrasts) comes from" in verdict([broken_down(), broken_down()])
    assert "between the F maps" in verdict([broken_down("F")])


def test_steps_with_equal_settings_are_the_same():
    steps = {step.step: step.same for step in broken_down()[0].steps}
    assert [name for name, same in steps.items() if same] == ["smoother", "runs"]


def test_closure_is_the_worst_of_all_maps():
    assert "to 3e-08 of their range" in attribution.closure_sentence(broken_down())
    assert attribution.closure_sentence([]) == ""


def test_rmsd_of_a_sentence_is_that_of_all_voxels_where_it_is_known():
    parts = broken_down()
    assert "(RMSD 0.123)" in attribution.reasons(parts, ["t"], {"t": 0.123})[0]
    assert "(RMSD 0.123)" not in attribution.reasons(parts, ["t"])[0]


def test_shares_above_the_whole_name_the_step_that_works_against_them():
    shares = StepShare("noise", "a", "b", 1.3, 1.3), StepShare("filter", "c", "d", 1.0, -0.3)
    over = Breakdown("t", "rmsd", 1.0, shares)
    (text,) = attribution.reasons([over], ["t"])
    assert "130 % comes from the noise model" in text
    assert "another step works against them: the high-pass filter, by −30 %" in text
    assert "another step works against it" in verdict([[over]])
    assert "works against" not in " ".join(attribution.reasons(broken_down(), ("t", "effect")))
