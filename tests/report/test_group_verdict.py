"""The verdict follows its rules and says what it does not know."""

import pytest

from bidsglm.report.group_evidence import Evidence, Lead
from bidsglm.report.group_html import group_page
from bidsglm.report.group_report import GroupContrast, GroupUnit
from bidsglm.report.group_rois import GroupRegions
from bidsglm.report.group_tiles import tiles
from bidsglm.report.group_verdict import verdict
from bidsglm.report.judgements import Grade, RegionFacts, judged, regions_judged
from bidsglm.report.left_out import ArbitraryContrasts
from bidsglm.report.step_shares import StepCount, StepShares

from .group_records import group_report, group_unit


def row(r=0.99, dice=(0.9, 0.9, 0.9), spm=(100, 80, 60), nilearn=(100, 80, 60), name="t") -> dict:
    found: dict = {"contrast": "go", "map": name, "pearson_r": r, "slope": 1.0}
    for key, d, s, n in zip(("p001", "fdr05", "fwe05"), dice, spm, nilearn, strict=True):
        found |= {f"dice_{key}": d, f"n_spm_{key}": s, f"n_nilearn_{key}": n}
    return found


NAN = float("nan")


@pytest.mark.parametrize(
    ("given", "grade"),
    [
        (row(), Grade.NONE),
        (row(r=0.949), Grade.CONCLUSIONS),
        (row(r=0.95), Grade.NONE),
        (row(dice=(0.79, 0.9, 0.9)), Grade.EXTENT),
        (row(dice=(0.9, 0.9, 0.3)), Grade.EXTENT),
        (row(dice=(0.49, 0.9, 0.9)), Grade.CONCLUSIONS),
        (row(spm=(100, 80, 0), dice=(0.9, 0.9, 0.0)), Grade.CONCLUSIONS),
        (row(spm=(100, 80, 0), nilearn=(100, 80, 9), dice=(0.9, 0.9, 0.0)), Grade.EXTENT),
        (row(spm=(100, 80, 0), nilearn=(100, 80, 10), dice=(0.9, 0.9, 0.0)), Grade.CONCLUSIONS),
        (row(nilearn=(100, 0, 0), spm=(100, 0, 0), dice=(0.9, NAN, NAN)), Grade.NONE),
        (row(spm=(0, 0, 0), nilearn=(0, 0, 0), dice=(NAN, NAN, NAN)), Grade.NONE),
        (row(spm=(3, 3, 3), nilearn=(5, 5, 5), dice=(0.2, 0.2, 0.2)), Grade.NONE),
    ],
)
def test_group_maps_are_graded_by_shape_overlap_and_corrected_thresholds(given, grade):
    assert judged([given]).grade == grade


def test_shape_is_that_of_z_where_t_has_long_tails():
    assert judged([row(r=0.9), row(r=0.98, name="z")]).grade == Grade.NONE
    assert judged([row(r=0.98), row(r=0.9, name="z")]).grade == Grade.CONCLUSIONS


def test_a_threshold_passed_in_one_package_alone_is_named():
    text = judged([row(spm=(100, 80, 0), nilearn=(100, 80, 7), dice=(0.9, 0.9, 0.0))]).text
    assert "At FWE 0.05, nilearn finds 7 voxels, and SPM none" in text


def test_nothing_significant_in_either_is_said():
    text = judged([row(spm=(0, 0, 0), nilearn=(0, 0, 0), dice=(NAN, NAN, NAN))]).text
    assert "No voxel passes any threshold in either package" in text


def test_one_changed_region_is_another_conclusion():
    assert regions_judged(RegionFacts(50, 0)).grade == Grade.NONE
    assert regions_judged(RegionFacts(50, 1, ("insula",))).grade == Grade.CONCLUSIONS


def test_a_region_at_the_threshold_in_both_is_no_other_conclusion():
    assert regions_judged(RegionFacts(50, 2, n_edge=2)).grade == Grade.EXTENT
    found = regions_judged(RegionFacts(50, 2, n_edge=1))
    assert found.grade == Grade.CONCLUSIONS
    assert "Of these, 1 lies at the threshold in both" in found.text


def people(n: int) -> tuple[str, ...]:
    return tuple(f"sub-{i:02d}" for i in range(n))


def evidence(n: int = 20, **changes) -> Evidence:
    known: dict = {"participants": people(n), "rows": (row(),), "group_rows": {"go": (row(),)}}
    return Evidence(**(known | changes))


def test_agreeing_maps_make_the_answer_no():
    found = verdict(evidence())
    assert found.grade == Grade.NONE
    assert found.headline.startswith("No:")
    assert any("Use either package" in text for text in found.actions)


def test_the_worst_contrast_decides_and_is_named():
    found = verdict(evidence(group_rows={"go": (row(),), "stop": (row(r=0.8),)}))
    assert found.grade == Grade.CONCLUSIONS
    assert found.headline.endswith("in stop.")
    assert found.facts[0][1].startswith("stop (other conclusions):")
    assert any(text.startswith("stop: report the results of both") for text in found.actions)


def test_a_changed_region_decides_too():
    found = verdict(evidence(regions=RegionFacts(10, 2, ("insula", "cuneus"), 0.9)))
    assert found.grade == Grade.CONCLUSIONS
    assert any("insula and cuneus" in text for _, text in found.facts)


def test_few_participants_are_called_a_trial_and_get_no_answer():
    few = verdict(evidence(9))
    assert few.headline.startswith(
        "With 9 participants this is a trial, not an answer. So far, both packages"
    )
    assert not any("Use either" in text for text in few.actions)
    assert verdict(evidence(10)).headline.startswith("No:")


def test_one_participant_gets_no_verdict_on_the_group():
    found = verdict(evidence(1))
    assert found.grade is None
    assert "sub-00 alone" in found.headline


def test_without_group_maps_and_regions_the_group_is_not_judged():
    found = verdict(evidence(group_rows={}))
    assert found.grade is None
    assert found.headline.startswith("Not known")


def test_other_units_of_the_effect_forbid_pooling():
    effect = {"contrast": "go", "map": "effect", "pearson_r": 0.99, "slope": 1.6}
    found = verdict(evidence(group_rows={"go": (row(), effect)}))
    assert any("1.6 times nilearn's" in text for _, text in found.facts)
    assert any("Never pool" in text for text in found.actions)
    same = verdict(evidence(group_rows={"go": (row(), effect | {"slope": 1.04})}))
    assert not any("Never pool" in text for text in same.actions)


def test_the_step_behind_the_effect_is_named_with_what_to_do():
    leads = (Lead("effect", "scaling", 0.93, 18, 20), Lead("t", "noise", 0.8, 15, 20))
    found = verdict(evidence(leads=leads, group_rows={"go": (row(dice=(0.7, 0.9, 0.9)),)}))
    steps = [text for name, text in found.facts if name == "Which step"]
    assert "intensity scaling makes 93 %" in steps[0]
    assert "leads in 18 of 20 participants" in steps[0]
    assert any('"SignalScaling": [0, 1]' in text for text in found.actions)


def test_outlying_participants_are_named():
    found = verdict(evidence(outlying=("sub-03", "sub-07")))
    assert any("sub-03 and sub-07 lie far" in text for _, text in found.facts)
    assert any("sub-03 and sub-07" in text for text in found.actions)


def test_one_scale_for_all_voxels_gives_the_factor_that_remains():
    lead = Lead("effect", "scaling", 0.9, 18, 20)
    scaled = evidence(leads=(lead,), group_rows={"go": (row(dice=(0.7, 0.7, 0.7)),)}, level=1.4729)
    assert any("A factor of 1.47 remains" in text for text in verdict(scaled).actions)
    unknown = evidence(leads=(lead,), group_rows={"go": (row(dice=(0.7, 0.7, 0.7)),)})
    assert not any("remains" in text for text in verdict(unknown).actions)


def test_f_contrast_whose_voxels_do_not_overlap_is_in_the_summary():
    f = row(name="F", dice=(0.005, 0.0, 0.0)) | {"contrast": "motion", "contrast_name": "head motion"}
    facts = [text for _, text in verdict(evidence(rows=(row(), f))).facts]
    assert "The F maps of head motion of single participants correlate at r = 0.990." in facts
    assert any("nilearn's F is approximate" in fact for fact in facts)
    assert "What passes p < 0.001 in them overlaps with a Dice of 0.005." in facts


def test_share_of_more_than_the_whole_is_explained():
    found = verdict(evidence(leads=(Lead("t", "noise", 1.3, 18, 20),)))
    assert any("another step works against it" in text for _, text in found.facts)


def both_tails(upper: tuple[float, int, int], lower: tuple[float, int, int]) -> dict:
    """Dice at p < 0.001 and voxels of both packages, of each tail."""
    found = row(dice=(upper[0], NAN, NAN), spm=(upper[1], 0, 0), nilearn=(upper[2], 0, 0))
    for key, (d, s, n) in zip(("p001", "fdr05", "fwe05"), (lower, (NAN, 0, 0), (NAN, 0, 0)), strict=True):
        found |= {f"dice_lower_{key}": d, f"n_spm_lower_{key}": s, f"n_nilearn_lower_{key}": n}
    return found


def test_lower_tail_decides_as_the_upper_does_and_is_named():
    agreed, apart = (0.9, 100, 100), (0.47, 46, 103)
    found = judged([both_tails(agreed, apart)])
    assert found.grade == judged([both_tails(apart, agreed)]).grade == Grade.CONCLUSIONS
    assert (
        "At p < 0.001 below 0, they overlap with a Dice of 0.47. SPM finds 46 voxels, and nilearn 103"
        in found.text
    )
    assert "At p < 0.001 above 0, they overlap with a Dice of 0.90" in found.text


def test_corrected_threshold_passed_below_0_in_one_package_alone_is_another_conclusion():
    found = both_tails((0.9, 100, 100), (0.9, 100, 100)) | {"n_nilearn_lower_fdr05": 17}
    assert judged([found | {"dice_lower_fdr05": 0.0}]).grade == Grade.CONCLUSIONS


def test_correlation_is_named_by_its_map():
    assert judged([row(), row(r=0.987, name="z")]).text.startswith("z maps correlate at r = 0.987")
    assert judged([row(r=0.913)]).text.startswith("t maps correlate at r = 0.913")


def unit_of(out: ArbitraryContrasts) -> GroupUnit:
    """Two contrasts: go, in which the packages agree, and rest, in which they do not."""
    rows = tuple(
        {**row(r=r, name=name), "participant_id": f"sub-{i:02d}", "contrast": label, "slope": slope}
        for i in range(12)
        for label, r, slope in (("go", 0.99, 1.0), ("rest", 0.1, 9.0))
        for name in ("t", "effect")
    )
    contrasts = tuple(
        GroupContrast(f"{label}: age", f"{label}Age", "", agreement=rows[place : place + 2], of=label)
        for label, place in (("go", 0), ("rest", 2))
    )
    region = {"label": "V1", "region": 1, "n": 12, "spm_conclusion": "positive", "z_shift": 3.0}
    tests = tuple(
        {**region, "contrast": label, "contrast_name": label, "same_conclusion": label == "go"}
        for label in ("go", "rest")
    )
    regions = GroupRegions("a.nii.gz", tests, "", "", {"spm": "", "nilearn": ""})
    steps = {"go": "noise", "rest": "filter"}
    shares = tuple(
        StepShares(label, "t", 12, (StepCount(step, 12, 0.9, 0.8, 1.0),)) for label, step in steps.items()
    )
    return GroupUnit("x", rows, contrasts=contrasts, shares=shares, regions=regions, left_out=out)


def test_contrasts_that_no_data_determine_enter_neither_verdict_nor_medians():
    both, one = unit_of(ArbitraryContrasts()), unit_of(ArbitraryContrasts({"rest": "rest"}, 2))
    assert both.verdict.grade == Grade.CONCLUSIONS
    assert one.verdict.grade == Grade.NONE
    told = [text for _, text in one.verdict.facts]
    assert dict(one.verdict.facts)["Left out"].startswith("1 of 2 contrasts (rest) is left out")
    assert "The t maps of single participants correlate at r = 0.990 (median)." in told
    assert any("correlate at r = 0.545 (median)" in text for _, text in both.verdict.facts)
    assert [lead.step for lead in one.leads] == ["noise"]
    assert shown_tiles(one) == {"r": "0.990", "size": "1.000", "regions": "1 of 1"}
    assert shown_tiles(both) == {"r": "0.545", "size": "5.000", "regions": "1 of 2"}


def shown_tiles(unit: GroupUnit) -> dict[str, str]:
    found = {label: value for value, label in tiles(unit)}
    starts = {"Pearson": "r", "size": "size", "region": "regions"}
    return {
        word: v for start, word in starts.items() for label, v in found.items() if label.startswith(start)
    }


def test_where_no_data_determine_any_contrast_the_verdict_decides_nothing():
    unit = unit_of(ArbitraryContrasts({"go": "go", "rest": "rest"}, 2))
    assert unit.verdict.grade is None
    assert "the design determines none of the contrasts" in unit.verdict.headline
    assert not any("run the group level" in text for text in unit.verdict.actions)
    assert len(unit.considered.rows) == len(unit.rows)
    assert "Left out" in dict(unit.verdict.facts)


def test_the_page_says_how_many_contrasts_are_left_out():
    text = group_page(group_report(group_unit(left_out=ArbitraryContrasts({"rest": "rest"}, 2))))
    assert "1 of 2 contrasts (rest) is left out of the verdict and its medians" in text
    assert "left out of the verdict" not in group_page(group_report(group_unit()))


def test_f_has_one_tail_though_its_table_has_columns_of_both():
    found = both_tails((0.9, 100, 100), (NAN, 0, 0)) | {"map": "F"}
    text = judged([found | {key: NAN for key in found if "_lower_" in key}]).text
    assert "At p < 0.001, they overlap" in text
    assert "above 0" not in text
