"""`bidsglm check`: the difference between a user's two analyses is divided among what makes it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bidsglm.cli import main

from .analysed import GO, STOP, Analysed, blocks_in, sessions_in, settings
from .nilearn_results import events_of

Found = dict[str, Any]
"""Content of check.json"""


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    return blocks_in(tmp_path_factory.mktemp("blocks"))


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    return sessions_in(tmp_path_factory.mktemp("sessions"))


@pytest.fixture(scope="module")
def equal_sessions(sessions: Analysed) -> Found:
    """The same two sessions in both programs, checked."""
    return sessions.check(sessions.nilearn("equal", "go - stop"))


@pytest.fixture(scope="module")
def equal_blocks(blocks: Analysed) -> Found:
    """The same run in both programs, checked."""
    return blocks.check(blocks.nilearn("equal"))


def shares(analysed: Analysed, nilearn: Path, metric: str = "rmsd", what: str = "t") -> dict[str, float]:
    """Check an analysis; returns the share of each step."""
    return divided(analysed, nilearn.name, analysed.check(nilearn), metric, what)


def divided(
    analysed: Analysed, name: str, found: Found, metric: str = "rmsd", what: str = "t"
) -> dict[str, float]:
    """Share of each step, whose sum with the parts left out is the whole; the ends are both own maps."""
    assert found["attribution"]["is_attributed"], found["attribution"]
    assert found["attribution"]["closes"]
    table = pd.read_csv(analysed.root / f"check-{name}" / "attribution.tsv", sep="\t")
    rows = table[(table["metric"] == metric) & (table["map"] == what)]
    assert rows["closure_nilearn"].max() < 1e-6
    assert rows["closure_spm"].max() < 1e-6
    whole = rows[rows["part_of"].isna()]
    total = whole["total"].iloc[0]
    assert whole["shapley"].sum() == pytest.approx(total, rel=1e-9)
    return {step: value / total for step, value in zip(rows["step"], rows["shapley"], strict=True)}


def largest(made: dict[str, float]) -> str:
    return max(made, key=lambda step: made[step])


def said(analysed: Analysed, name: str) -> str:
    content: Found = json.loads((analysed.root / f"check-{name}" / "check.json").read_text())
    return " ".join(next(iter(content["attribution"]["said"].values())))


def test_a_missing_filter_makes_what_differs_beside_the_programs_own_ways(
    blocks: Analysed, equal_blocks: Found
) -> None:
    nilearn = blocks.nilearn("no-drifts", drift_model=None)
    made = shares(blocks, nilearn)
    idle = ("smoother", "scaling", "onsets", "durations", "confounds", "runs", "contrast")
    assert all(made[step] == 0 for step in idle)
    assert made["filter"] > divided(blocks, "equal", equal_blocks)["filter"]
    text = said(blocks, "no-drifts")
    assert "The setting that differs (high-pass) makes" in text
    assert "which no setting removes" in text


def test_equal_models_differ_by_the_programs_own_ways_alone(blocks: Analysed, equal_blocks: Found) -> None:
    made = divided(blocks, "equal", equal_blocks)
    assert {step for step, share in made.items() if share} <= {
        "regressors",
        *("response", "events", "sampling", "filter", "noise"),
    }
    assert "No setting that differs moves t" in said(blocks, "equal")


def test_onsets_and_durations_are_told_from_how_events_are_drawn(blocks: Analysed) -> None:
    made = shares(blocks, blocks.nilearn("late", events=[events_of([GO, STOP], shift=4.0)]))
    assert largest(made) == "onsets"
    assert made["durations"] == 0
    both = shares(blocks, blocks.nilearn("both", events=[events_of([GO, STOP], shift=4.0, duration=4.0)]))
    assert both["onsets"] > both["events"]
    assert both["durations"] != 0


def test_scaling_moves_effects_and_no_t_of_one_run(blocks: Analysed) -> None:
    found = blocks.check(blocks.nilearn("percent", signal_scaling=0))
    assert divided(blocks, "percent", found)["scaling"] == 0
    assert divided(blocks, "percent", found, "1-r", "effect")["scaling"] > 0.1


def test_a_mirrored_contrast_is_the_contrasts(blocks: Analysed) -> None:
    assert shares(blocks, blocks.nilearn("mirrored", "stop - go"))["contrast"] > 0.9


def test_smoothing_once_more_is_the_smoothings(blocks: Analysed) -> None:
    made = shares(blocks, blocks.nilearn("twice", smoothing_fwhm=6.0))
    assert largest(made) == "smoother"


def test_noise_models_that_differ_are_the_noise_step(blocks: Analysed) -> None:
    nilearn = blocks.nilearn("white", noise_model="ols")
    assert shares(blocks, nilearn)["noise"] != 0
    assert "serial correlations" in said(blocks, "white")


def test_two_sessions_in_scans_with_derivatives_and_confounds_are_the_same(equal_sessions: Found) -> None:
    assert settings(equal_sessions) == []
    assert all(each["is_reproduced"] for each in equal_sessions["spm_reproduced"])
    assert [len(each["corresponding"]) for each in equal_sessions["columns"]] == [8, 8]


def test_confounds_of_another_run_are_named_and_a_step(sessions: Analysed, equal_sessions: Found) -> None:
    first = [sessions.study.confounds[0], sessions.study.confounds[0][:80]]
    found = sessions.check(sessions.nilearn("other-run", "go - stop", confounds=first))
    assert settings(found) == ["confounds of session 2"]
    assert "session 1" in found["settings_that_differ"][0]["nilearn"]
    assert divided(sessions, "other-run", found)["confounds"] != 0
    assert divided(sessions, "equal", equal_sessions)["confounds"] == 0


def test_missing_derivatives_are_named_and_a_step(sessions: Analysed, equal_sessions: Found) -> None:
    found = sessions.check(sessions.nilearn("bare", "go - stop", hrf_model="spm"))
    assert settings(found) == ["basis functions"]
    bare, equal = divided(sessions, "bare", found), divided(sessions, "equal", equal_sessions)
    assert abs(bare["response"]) > abs(equal["response"])


def test_spms_sum_over_sessions_is_the_runs_and_no_contrasts(
    sessions: Analysed, equal_sessions: Found
) -> None:
    made = divided(sessions, "equal", equal_sessions, "slope-1", "effect")
    assert made["contrast"] == 0
    assert made["runs"] != 0


def test_columns_that_no_setting_explains_are_one_step(blocks: Analysed) -> None:
    events = events_of([GO, STOP])
    events["onset"] += np.random.default_rng(2).uniform(-3, 3, len(events)) + 3
    found = blocks.check(blocks.nilearn("odd", events=[events]))
    made = divided(blocks, "odd", found)
    assert made["regressors"] != 0
    assert "response" not in made
    page = (blocks.root / "check-odd" / "check.html").read_text()
    assert "The columns of the conditions are one step" in page
    assert [each["model"] for each in found["models"]] == ["model-spm/model_smdl.json"]
    (line,) = found["models_not_written"]
    assert line.startswith("nilearn's model is not written: its columns do not come out of events")


def test_a_condition_that_nilearn_has_alone_is_in_the_regressors(blocks: Analysed) -> None:
    more = pd.DataFrame({"onset": [20.0, 100.0, 160.0], "duration": 6.0, "trial_type": "cue"})
    nilearn = blocks.nilearn("more", events=[pd.concat([events_of([GO, STOP]), more])])
    assert shares(blocks, nilearn)["regressors"] != 0


def test_without_scans_the_page_says_what_to_give(blocks: Analysed, tmp_path: Path) -> None:
    words = [
        "check",
        str(tmp_path / "out"),
        "--spm",
        str(blocks.spm),
        "--nilearn",
        str(blocks.nilearn("bare")),
    ]
    assert main(words) == 0
    page = (tmp_path / "out" / "check.html").read_text()
    assert "give their folder with --scans" in page
    assert not (tmp_path / "out" / "attribution.tsv").exists()


def test_more_combinations_than_can_be_computed_are_refused_with_their_number(
    blocks: Analysed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bidsglm.attribution.sizes.MOST_VALUES", 100_000)
    monkeypatch.setattr("bidsglm.attribution.sizes.LEAST_VOXELS", 60)
    found = blocks.check(blocks.nilearn("costly"))
    assert "mixtures of settings" in found["attribution"]["reason"]


def test_settings_come_by_what_they_make_of_the_difference(blocks: Analysed) -> None:
    found = blocks.check(blocks.nilearn("ordered", drift_model=None, slice_time_ref=0.5))
    order = [each["setting"] for each in found["settings_that_differ"]]
    assert order == ["high-pass", "sampling of the regressors"]


def test_agreement_and_viewer_are_on_the_page_as_everywhere(blocks: Analysed, equal_blocks: Found) -> None:
    out = blocks.root / "check-equal"
    page = (out / "check.html").read_text()
    assert 'class="volumes"' in page
    assert 'id="scene"' in page
    table = pd.read_csv(out / "agreement.tsv", sep="\t")
    assert set(table["map"]) == {"effect", "t", "z"}
    (t,) = [each for each in equal_blocks["maps"] if each["what"] == "t"]
    assert table.set_index("map").loc["t", "pearson_r"] == pytest.approx(t["r"], abs=1e-6)
    assert (out / "agreement.json").is_file()
