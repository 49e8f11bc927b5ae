"""A participant's verdict follows its rules, and its sentences are short."""

import html
import re
from dataclasses import replace

import pytest

from bidsglm.pairs import Pair
from bidsglm.report.html import participant_page
from bidsglm.report.judgements import Grade
from bidsglm.report.participant_evidence import ComparedContrast, ParticipantEvidence, worst_confound
from bidsglm.report.participant_verdict import _recipes, participant_verdict
from bidsglm.report.recipes import MASK

from .reasons import FILLED, NOTE, broken_down
from .records import contrast_report, participant_report, unit_report

MOST_NUMBERS = 2
THRESHOLDS = re.compile(r"(above|below) 0(?![.\d])|p < 0\.001|FDR 0\.05|FWE 0\.05|95 %")


def text_of(markup: str) -> str:
    """What a reader sees of a part of a page, without its code."""
    return html.unescape(re.sub(r"<[^>]*>", "", re.sub(r"<code>.*?</code>", "", markup, flags=re.DOTALL)))


def row(name: str = "t", r: float = 0.99, dice: float = 0.9, alone: int = 0) -> dict:
    found = {"map": name, "pearson_r": r, "slope": 1.0, "n_spm_only": 0, "n_nilearn_only": alone}
    for key in ("p001", "fdr05", "fwe05"):
        found |= {f"dice_{key}": dice, f"n_spm_{key}": 100, f"n_nilearn_{key}": 110}
    return found


def compared(name: str = "go", weights: dict | None = None, **numbers: float) -> ComparedContrast:
    return ComparedContrast(
        name, (row(**numbers), row("effect")), weights or {"trial_type.go": 1.0}, broken_down()
    )


BAD = compared("rest", {"trial_type.rest": 1.0}, r=0.2, dice=0.1)


@pytest.mark.parametrize(
    ("contrasts", "grade", "start"),
    [
        ((compared(),), Grade.NONE, "No:"),
        ((compared(), compared("stop", dice=0.7)), Grade.EXTENT, "A little:"),
        ((compared(), compared("stop", r=0.9)), Grade.CONCLUSIONS, "Yes:"),
        ((), None, "Not to be said"),
    ],
)
def test_the_worst_contrast_decides(contrasts, grade, start):
    found = participant_verdict(ParticipantEvidence(contrasts)).agreement
    assert found.grade == grade
    assert found.headline.startswith(start)
    assert ("in stop" in found.headline) == (len(contrasts) > 1)


def test_contrasts_that_the_design_makes_arbitrary_enter_neither_verdict_nor_medians():
    evidence = ParticipantEvidence(
        (compared(weights={"trial_type.go": 1, "trial_type.rest": -1}), BAD), (FILLED,)
    )
    found = participant_verdict(evidence)
    assert found.agreement.grade == Grade.NONE
    assert evidence.arbitrary == ("rest",)
    assert any("rest" in text for _, text in found.design.facts)
    assert participant_verdict(replace(evidence, findings=())).agreement.grade == Grade.CONCLUSIONS


def test_nothing_is_said_of_the_packages_where_the_design_determines_no_contrast():
    assert participant_verdict(ParticipantEvidence((BAD,), (FILLED,))).agreement.grade is None


@pytest.mark.parametrize(
    ("findings", "grade"),
    [((), Grade.NONE), ((NOTE,), Grade.NONE), ((FILLED, NOTE), Grade.CONCLUSIONS)],
)
def test_the_design_is_judged_by_its_worst_finding(findings, grade):
    found = participant_verdict(ParticipantEvidence((compared(),), findings)).design
    assert found.grade == grade
    assert (FILLED.title in found.headline) == (FILLED in findings)


def test_headline_of_the_design_counts_the_other_findings_and_notes_not_among_them():
    for others, said in (((FILLED, NOTE), "(1 more finding)"), ((FILLED, FILLED), "(2 more findings)")):
        found = participant_verdict(ParticipantEvidence((compared(),), (FILLED, *others))).design
        assert found.headline == f"No: {FILLED.title} {said}."


def test_steps_that_matter_have_a_recipe_the_largest_first():
    made = participant_verdict(ParticipantEvidence((compared(alone=3),), (), ("sub-01/func/a",))).recipes
    assert [each.step for each in made] == ["noise", "scaling", "regressors", MASK]
    assert made[0].share == "85 % of the t difference"
    assert all(each.remains for each in made)
    assert '"sub-01/func/a"' in "\n".join(made[2].nilearn)


def test_sizes_name_units_and_percent_only_where_units_differ():
    evidence = ParticipantEvidence((compared(alone=3),), (), ("sub-01/func/a",), slope_percent=1.2)
    units = {"spm": "% of spm_global", "nilearn": "% of voxel mean", "afni": "% of voxel mean"}
    default = participant_verdict(replace(evidence, units=units))
    size = [text for about, text in default.agreement.facts if about == "Size"]
    assert "SPM's in % of spm_global and nilearn's in % of voxel mean" in size[0]
    assert "1.20 times as large" in size[1]
    alike = participant_verdict(replace(evidence, units=dict.fromkeys(units, "% of voxel mean")))
    (size,) = [text for about, text in alike.agreement.facts if about == "Size"]
    assert size.endswith("(slope over voxels).")


def test_a_further_pair_has_recipes_of_its_own():
    pair = Pair("afni", "nilearn")
    found = [replace(each, pair=pair) for each in broken_down()]
    rows = (row() | {"n_afni_only": 0}, row("effect"))
    evidence = ParticipantEvidence(
        (ComparedContrast("go", rows, {"trial_type.go": 1.0}, found),), (), ("sub-01/func/a",), pair=pair
    )
    made = _recipes(evidence, rows)
    assert [each.step for each in made]
    assert not any(each.spm or each.nilearn for each in made)


def test_a_sentence_of_the_summary_has_at_most_two_numbers():
    page = participant_page(participant_report(contrast_report(), contrast_report("<b>stop</b> & 'go'", "F")))
    summary = page.split('<section id="summary"')[1].split("</section>")[0]
    paragraphs = re.findall(r"<(?:p|li|dd)\b[^>]*>(.*?)</(?:p|li|dd)>", summary, re.DOTALL)
    for paragraph in paragraphs:
        for sentence in re.split(r"[.:;] ", THRESHOLDS.sub("", text_of(paragraph))):
            numbers = re.findall(r"(?<![\w.])\d[\d,.]*", sentence)
            assert len(numbers) <= MOST_NUMBERS, sentence


def regressor(name: str, inflation: float, kind: str = "confound") -> dict:
    found = {"regressor": name, "kind": kind, "vif": 1.0}
    return found | {"vif_with_constant_and_drifts": inflation, "removed_by_filter": 0.96}


def test_contrast_of_confounds_that_the_design_leaves_little_of_is_said_to_be_affected():
    rows = [regressor("rot_x", 9.61), regressor("rot_x", 54.1), regressor("rot_y", 30.6)]
    worst = worst_confound("motion", ("rot_x", "rot_y"), {"spm": [*rows, regressor("csf", 99.0)]})
    found = participant_verdict(ParticipantEvidence((compared(),), affected=[worst])).design
    assert found.headline == "Yes, for the conditions: nothing in the design calls for attention."
    ((_, text),) = found.facts
    assert text.startswith("motion tests confounds")
    assert "54.1 times" in text
    assert "account for 96 % of rot_x" in text


def test_of_several_packages_the_one_whose_design_it_is_is_named():
    rows = {"spm": [regressor("rot_x", 54.1)], "afni": [regressor("rot_x", 55.7)]}
    worst = worst_confound("motion", ("rot_x",), rows)
    assert "is affected: in AFNI, beside the other regressors" in worst.sentence
    assert "55.7 times" in worst.sentence


def test_conditions_and_confounds_below_the_usual_limit_are_not_said_to_be_affected():
    rows = [regressor("rot_x", 4.9), regressor("trial_type.go", 70.0, "condition")]
    assert worst_confound("motion", ("rot_x", "trial_type.go"), {"spm": rows}) is None


def motion(**changes: object) -> ComparedContrast:
    """An F contrast of confounds over runs, whose maps lead to other conclusions."""
    rows = (row("F", r=0.3, dice=0.005), row("z", r=0.31))
    known: dict = {"of_confounds": True, "approximate": ("nilearn's F over 2 runs is approximate.",)}
    return ComparedContrast("head motion", rows, {}, broken_down("F"), **(known | changes))


def test_contrast_of_confounds_does_not_lead_the_verdict_and_has_its_own_sentences():
    found = participant_verdict(ParticipantEvidence((motion(), compared(dice=0.76))))
    assert found.agreement.grade == Grade.EXTENT
    assert found.worst == "go"
    assert "head motion" not in found.agreement.headline
    assert not any("F maps" in text for text in found.why)
    aside = [text for name, text in found.agreement.facts if name == "Confounds"]
    assert aside[0].startswith("head motion (other conclusions): the two z maps correlate at r = 0.310.")
    assert "nilearn's F over 2 runs is approximate." in aside
    assert any("of the difference between the F maps" in text for text in aside)


def test_contrasts_of_confounds_are_judged_where_there_are_no_others():
    found = participant_verdict(ParticipantEvidence((motion(),)))
    assert found.agreement.grade == Grade.CONCLUSIONS
    assert found.worst == "head motion"
    assert "of the difference between the F maps" in found.why[0]


def test_contrasts_of_confounds_do_not_stand_for_conditions_that_the_design_does_not_determine():
    found = participant_verdict(ParticipantEvidence((BAD, motion()), (FILLED,)))
    assert found.agreement.grade is None
    assert found.worst == "rest"


def test_step_that_is_told_is_of_the_map_that_is_judged():
    f = motion(of_confounds=False, approximate=())
    found = participant_verdict(ParticipantEvidence((compared(), f)))
    assert found.worst == "head motion"
    assert "between the F maps" in found.why[0]
    assert not any("between the t maps" in text for text in found.why)


@pytest.mark.parametrize("of_confounds", [True, False])
def test_approximate_f_is_not_to_be_used_rather_than_reported_beside_the_other(of_confounds: bool):
    found = participant_verdict(ParticipantEvidence((compared(), motion(of_confounds=of_confounds))))
    assert not any("report the results of both" in text for text in found.agreement.actions)
    action = next(text for text in found.agreement.actions if "head motion" in text)
    assert "do not use nilearn's F over runs" in action
    assert "Test each run by itself, or use SPM's F" in action
    assert any("approximate" in text for _, text in found.agreement.facts)


def test_contrast_of_another_extent_says_so_and_has_its_action_beside_a_worse_one():
    found = participant_verdict(ParticipantEvidence((compared(dice=0.76), compared("stop", r=0.5))))
    assert any(text.startswith("go (of another extent): ") for _, text in found.agreement.facts)
    assert any(text.startswith("go: name the package and the threshold") for text in found.agreement.actions)


def test_contrasts_beyond_the_first_are_counted_by_their_conclusion():
    found = participant_verdict(ParticipantEvidence((BAD, *(compared(f"c{i}") for i in range(4)))))
    (said,) = [text for _, text in found.agreement.facts if text.startswith("Other contrasts")]
    assert re.fullmatch(r"Other contrasts that lead to the same conclusions: (\d) of \1\.", said)


def test_voxels_that_both_packages_analyse_alike_are_said_to_be_the_same():
    contrasts = [ComparedContrast("go", [{**row(alone=alone), "n_both": 900}], {}) for alone in (0, 3)]
    facts = [dict(participant_verdict(ParticipantEvidence([each])).agreement.facts) for each in contrasts]
    assert facts[0]["Voxels"] == "Both packages analyse the same 900 voxels."
    assert "alone analyses" in facts[1]["Voxels"]


def test_a_contrast_of_one_package_is_left_out_of_no_verdict():
    both = participant_verdict(ParticipantEvidence((BAD,), (FILLED,))).design
    one = participant_verdict(ParticipantEvidence((BAD._replace(rows=()),), (FILLED,))).design
    assert dict(one.facts)["Arbitrary"] == "The data do not determine the effect of rest."
    assert dict(both.facts)["Arbitrary"].endswith("rest; the verdict and its medians leave it out.")


def test_without_a_comparison_the_first_contrast_that_the_design_determines_is_shown():
    weights = {"go": {"trial_type.go": 1.0}, "rest": {"trial_type.rest": 1.0}}
    weights["go - rest"] = {"trial_type.go": 1.0, "trial_type.rest": -1.0}
    contrasts = [replace(contrast_report(name), agreement=(), weights=w) for name, w in weights.items()]
    unit = replace(unit_report(tuple(contrasts)), findings=(FILLED,))
    assert unit.lead is contrasts[2]
    assert replace(unit, contrasts=tuple(contrasts[:2])).lead is contrasts[0]
