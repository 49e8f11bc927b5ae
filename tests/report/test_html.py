"""Pages: complete, self-contained, safe with any name."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from bidsglm.report import wording
from bidsglm.report.figures import contrast_figures
from bidsglm.report.html import participant_page
from bidsglm.report.participant_report import ContrastReport, ParticipantReport
from bidsglm.report.volumes import packed_contrast, scene

from .parsed import Page
from .reasons import FILLED
from .records import ABOUT, contrast_report, participant_report, unit_report, volumes

HOSTILE = 'go > <script>alert("x")</script> & "rest"'
WHOLE_BRAIN = 230_000
"""Voxels of 2 mm in the brain of MNI152NLin2009cAsym, rounded down."""
MAX_BYTES = 15e6
"""What a page of four contrasts may weigh."""


@pytest.fixture(scope="module")
def text() -> str:
    return participant_page(
        participant_report(contrast_report(), replace(contrast_report(test="F"), label="f"))
    )


@pytest.fixture(scope="module")
def page(text) -> Page:
    return Page(text)


def test_sections_follow_fmriprep_and_the_bar_leads_to_each(page):
    titles = [
        "Summary",
        "Why they differ",
        "Questions",
        "Contrasts",
        "Design",
        "Data and masks",
        "Methods",
        "Code",
    ]
    assert page.texts["h2"] == [*titles, "Errors", "About"]
    links = [link.removeprefix("#") for link in page.values("a", "href")]
    sections = [slug for tag, attrs in page.tags if tag == "section" and (slug := attrs["id"])]
    assert links[1 : 1 + len(sections)] == sections


def test_links_inside_the_page_lead_somewhere(page):
    assert all(link.startswith("#") for link in page.values("a", "href"))
    assert {link[1:] for link in page.values("a", "href")} <= set(page.ids)
    assert max(Counter(page.ids).values()) == 1


def test_elements_are_closed(page):
    assert page.open == []


def test_nothing_is_fetched_from_anywhere(text, page):
    addresses = [
        v for tag in ("img", "script", "link", "iframe") for a in ("src", "href") for v in page.values(tag, a)
    ]
    assert all(address.startswith("data:") for address in addresses)
    assert not re.search(r"https?://|url\(|@import|fetch\(|XMLHttpRequest", re.sub(r"data:[^\"]*", "", text))
    assert any("default-src 'none'" in content for content in page.values("meta", "content"))


def test_every_image_has_words(page):
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    plates = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert images
    assert plates
    # a small picture repeats what stands beside it
    assert all(attrs.get("alt") for attrs in images if attrs.get("class") != "thumb")
    assert all("alt" in attrs for attrs in images)
    assert all(attrs.get("aria-label") and attrs.get("role") == "img" for attrs in plates)


def test_tables_name_their_rows_and_columns(page):
    assert set(page.values("th", "scope")) == {"row", "col"}
    assert len(page.values("th", "scope")) == sum(tag == "th" for tag, _ in page.tags)


@pytest.fixture(scope="module")
def facts() -> list[str]:
    return Page(participant_page(participant_report(contrast_report()))).texts["dd"]


def test_summary_tells_agreement_and_masks(facts):
    rows = {row["map"]: row for row in contrast_report().agreement}
    told = " ".join(facts)
    assert f"correlate at r = {rows['z']['pearson_r']:.3f}" in told
    alone = f"SPM alone analyses none, nilearn alone {rows['t']['n_nilearn_only']}."
    assert f"Both packages analyse {rows['t']['n_both']} voxels. {alone}" in told


def test_gravest_finding_stands_in_the_summary_and_leads_to_its_text(text, page):
    summary = text[text.index('id="summary"') : text.index('id="why-they-differ"')]
    assert "No: go and &lt;rest&gt; fill the run." in summary
    assert 'href="#finding-1-1"' in summary
    assert "finding-1-2" in page.ids
    assert any("go and <rest> fill the run" in h4 for h4 in page.texts["h4"])


def test_notes_are_no_alarm():
    unit = replace(unit_report((contrast_report(),)), findings=(replace(FILLED, severity="note"),))
    text = participant_page(ParticipantReport("01", ABOUT, (unit,)))
    assert 'class="alert' not in text
    assert 'id="finding-1-1"' in text


def test_the_first_screen_names_the_steps_that_make_the_differences(page):
    told = " ".join(page.texts["p"])
    assert "The noise model makes 95 % of the difference between the F maps." in told


def test_why_section_has_shares_settings_and_closure(page):
    assert any("Noise model: in nilearn, AR(1) of each voxel" in text for text in page.texts["p"])
    assert any("to 3e-08 of their range" in text for text in page.texts["p"])
    assert any("on a random sample of 300 of 400 voxels" in text for text in page.texts["p"])
    assert "A note on the attribution." in page.texts["p"]


def test_attribution_that_does_not_close_says_so():
    unit = unit_report((contrast_report(),))
    unit = replace(unit, reach=replace(unit.reach, closes=False))
    text = participant_page(ParticipantReport("01", ABOUT, (unit,)))
    assert "miss the packages' own maps" in " ".join(text.split())


def test_filled_run_sets_single_conditions_beside_their_difference():
    one = contrast_report()
    weights = {"trial_type.go": 1.0, "trial_type.rest": -1.0}
    two = replace(
        one,
        name="go - rest",
        label="goMinusRest",
        weights=weights,
        effect_sd=dict.fromkeys(one.effect_sd, 0.4),
    )
    page = Page(participant_page(participant_report(one, two)))
    assert any("The effect of go alone spreads 3 times as widely" in text for text in page.texts["p"])
    assert {"condition alone", "difference"} <= set(page.texts["td"])


def test_page_without_attribution_and_findings_has_no_why():
    unit = replace(unit_report((replace(contrast_report(), breakdowns=()),)), findings=(), reach=None)
    page = Page(participant_page(ParticipantReport("01", ABOUT, (unit,))))
    assert "Why they differ" not in page.texts["h2"]


def test_infinite_inflation_is_shown_as_such(page):
    assert "∞" in page.texts["td"]
    assert any("condition number ∞" in text for text in page.texts["p"])


def test_hostile_contrast_names_stay_text():
    page = Page(participant_page(participant_report(contrast_report(HOSTILE))))
    scripts = [attrs.get("type") for tag, attrs in page.tags if tag == "script"]
    assert sorted(scripts, key=str) == [None, "application/json", "application/json"]
    assert page.texts["h3"].count(HOSTILE) == 1
    assert any(HOSTILE in words for words in page.values("svg", "aria-label"))


def test_failed_participant_has_the_error_only():
    page = Page(
        participant_page(ParticipantReport("03", ABOUT, errors=("events.tsv, line 3: <b>n/a</b> onset",)))
    )
    assert page.texts["h2"] == ["Summary", "Errors", "About"]
    assert "events.tsv, line 3: <b>n/a</b> onset" in page.texts["li"]


def test_partly_failed_participant_shows_results_and_error():
    report = replace(participant_report(contrast_report()), errors=("task-b: no events",))
    page = Page(participant_page(report))
    assert "Parts of this participant failed." in page.texts["strong"]
    assert "Contrasts" in page.texts["h2"]


def test_several_tasks_keep_their_names_and_ids_apart():
    unit = unit_report((contrast_report(),))
    page = Page(participant_page(ParticipantReport("01", ABOUT, (unit, replace(unit, title="task-rest")))))
    assert max(Counter(page.ids).values()) == 1
    assert page.texts["h3"].count("task-rest") >= 5


def test_single_backend_page_has_no_agreement():
    unit = unit_report(())
    contrast = ContrastReport("go", "go", "1 * go", dof={"spm": (207.0,)}, runs=("run-1",))
    bare = {"findings": (), "diagnoses": (), "reach": None, "mask_sizes": {"spm": 400}}
    unit = replace(unit, backends=("spm",), contrasts=(contrast,), **bare)
    page = Page(participant_page(ParticipantReport("01", ABOUT, (unit,))))
    assert "nilearn" not in page.texts["th"]
    assert "Dice" not in page.texts["th"]


def test_page_without_images_or_numbers_is_still_a_page():
    sizes = {"n_both": 0, "n_spm_only": 0, "n_nilearn_only": 0}
    row = {"contrast": "go", "map": "t", **sizes, **{c.key: float("nan") for c in wording.MAP_COLUMNS[1:]}}
    contrast = ContrastReport("go", "go", "1 * go", agreement=(row,))
    page = Page(participant_page(participant_report(contrast)))
    assert wording.UNDEFINED in page.texts["td"]


def test_four_contrasts_of_whole_brain_noise_stay_below_the_limit():
    images, shape = volumes(), (97, 115, 97)
    rng, away = np.random.default_rng(2), np.indices(shape) - np.array([48, 57, 48])[:, None, None, None]
    brain = np.linalg.norm(away / np.array([36, 44, 37])[:, None, None, None], axis=0) < 1
    noise = {
        name: {b: rng.normal(size=shape).astype(np.float32) for b in images.backends}
        for name in ("t", "effect")
    }
    masks = dict.fromkeys(images.backends, brain)
    background = 100.0 * brain + rng.normal(size=shape)
    images = replace(images, maps=noise, masks=masks, background=background, affine=np.diag([2.0, 2, 2, 1]))
    figures, of = contrast_figures(images), scene(images)
    volume = packed_contrast(images, of)
    contrasts = tuple(
        replace(contrast_report(), label=f"c{i}", figures=figures, volumes=volume) for i in range(4)
    )
    unit = replace(unit_report(contrasts), scene=of.packed())
    assert brain.sum() > WHOLE_BRAIN
    assert len(participant_page(ParticipantReport("01", ABOUT, (unit,))).encode()) < MAX_BYTES


def test_names_in_figures_do_not_reach_their_file_names():
    assert volumes(HOSTILE).label == "go"
    assert contrast_report(HOSTILE).figures[0].name == "contrast-go_stat-t_desc-maps.svg"


def test_median_of_nothing_is_undefined():
    assert np.isnan(wording.median([], "slope"))


def test_own_defaults_stand_in_title_and_lead():
    report = participant_report()
    native = replace(report, units=tuple(replace(unit, native=True) for unit in report.units))
    text = participant_page(native)
    assert "compared, each with its own defaults</title>" in text
    assert "--settings native" in text.split('class="lead"')[1].split("</p>")[0]
    assert "own defaults" not in participant_page(report).split("</header>")[0]


def test_methods_name_the_masks_and_how_differences_are_divided():
    unit = participant_report(contrast_report()).units[0]
    run = replace(unit.runs[0], files={"mask": "x/sub-01_run-1_desc-brain_mask.nii.gz"})
    report = replace(participant_report(), units=(replace(unit, runs=(run,)),))
    text = participant_page(report)
    assert "those that end in desc-brain_mask.nii.gz" in text
    assert "value (Shapley, 1953), on a random sample of 300 of 400 voxels." in text
    assert "A value for n-person games" in text, "what Methods cite is a reference"


def test_effects_in_unlike_units_are_said_to_be_so_where_they_are_compared():
    def text(units: dict[str, str]) -> str:
        unit = replace(unit_report((contrast_report(),)), effect_units=units)
        return participant_page(ParticipantReport("01", ABOUT, (unit,)))

    said = "Slope and RMSD of effects hold the ratio of the units"
    assert said in text({"spm": "% of spm_global", "nilearn": "% of voxel mean"})
    assert said not in text(dict.fromkeys(("spm", "nilearn"), "image units"))


@pytest.mark.parametrize(("test", "tails"), [("t", True), ("F", False)])
def test_overlap_is_told_of_the_tails_that_a_map_has(test, tails):
    report = contrast_report(test=test)
    # a table of both kinds of contrasts has the columns of the lower tail in every row
    rows = tuple({"dice_lower_p001": float("nan"), **row} for row in report.agreement)
    text = participant_page(participant_report(replace(report, agreement=rows)))
    assert f"thresholded {test} maps" in text
    assert (f"thresholded {test} maps, each tail" in text, ", below 0</th>" in text) == (tails, tails)
