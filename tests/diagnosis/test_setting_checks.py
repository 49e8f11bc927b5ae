"""Settings that do nothing: which package, which runs, and with which numbers."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bidsglm.data import Condition, Paradigm
from bidsglm.diagnosis.advice import Finding, RunReview
from bidsglm.diagnosis.column_checks import task_motion
from bidsglm.diagnosis.data_review import RunData
from bidsglm.diagnosis.event_checks import _span, zero_lengths
from bidsglm.diagnosis.intensity_checks import bright_volumes, low_means
from bidsglm.diagnosis.setting_checks import idle_filters
from bidsglm.model import NO_FILTER, ModelSpecification, NilearnSettings

from .designs import events, jittered, paradigm, review
from .test_data_checks import SOUND
from .test_data_checks import review as of_data

MODEL = ModelSpecification("m", (), high_pass=128.0)


def nilearn(**settings: object) -> ModelSpecification:
    return replace(MODEL, nilearn=NilearnSettings(**settings))  # type: ignore[arg-type]


def bare(label: str, n_scans: int, *backends: str) -> RunReview:
    """A run whose designs have two, three ... cosines."""
    designs: Any = {
        name: SimpleNamespace(high_pass_basis=np.zeros((n_scans, n_scans // 10))) for name in backends
    }
    return RunReview(label, Paradigm(2.0, n_scans, None, (), (), np.zeros((n_scans, 0))), designs)


def only(found: list[Finding]) -> Finding:
    (finding,) = found
    return finding


def test_a_filter_that_nilearn_does_not_have_is_told_with_spms_cosines() -> None:
    runs = [bare("a", 120, "spm", "nilearn"), bare("b", 100, "spm", "nilearn")]
    found = only(list(idle_filters(runs, nilearn(drift_model=None))))
    assert (found.severity, found.title) == ("serious", "nilearn filters nothing, SPM does")
    assert found.size == 1 / 128
    assert "a high-pass cut-off of 128 s" in found.text
    assert "SPM removes 10 or 12 cosines (periods above 128 s)" in found.text
    assert (found.columns, found.backends) == (("DriftModel",), ("nilearn",))
    alone = only(list(idle_filters([bare("a", 120, "nilearn")], nilearn(drift_model=None, high_pass=60.0))))
    assert (alone.severity, alone.title, alone.size) == ("warning", "nilearn filters nothing", 1 / 60)
    assert "SPM" not in alone.text
    none = nilearn(drift_model=None, high_pass=float("inf"))
    assert only(list(idle_filters(runs, none))).size == 0.0


@pytest.mark.parametrize("model", [MODEL, nilearn(drift_model="cosine")])
def test_filters_that_work_are_not_told(model: ModelSpecification) -> None:
    assert not list(idle_filters([bare("a", 120, "spm", "nilearn")], model))
    assert not list(idle_filters([bare("a", 120, "spm")], nilearn(drift_model=None)))
    unfiltered = replace(nilearn(drift_model=None), high_pass=NO_FILTER)
    assert not list(idle_filters([bare("a", 10, "spm", "nilearn")], unfiltered))


def test_a_polynomial_has_no_cut_off() -> None:
    model = nilearn(drift_model="polynomial", high_pass=90.0)
    found = only(list(idle_filters([bare("a", 120, "spm", "nilearn")], model)))
    assert (found.severity, found.title) == ("warning", "nilearn ignores the high-pass cut-off")
    assert "the cut-off of 90 s has no effect there" in found.text
    assert not list(idle_filters([bare("a", 120, "spm")], model))


def test_a_run_of_half_a_period_has_a_cosine_and_a_shorter_one_has_none() -> None:
    runs = [bare("half", 32, "spm"), bare("short", 31, "spm"), bare("tiny", 20, "spm")]
    found = only(list(idle_filters(runs, MODEL)))
    assert found.runs == ("short", "tiny")
    assert found.text.startswith("A run of 62 s holds less than half a period of 128 s")
    assert not list(idle_filters(runs[:1], MODEL))


def test_low_means_are_counted_in_the_run_that_has_most() -> None:
    def run(label: str, n_low: int, deviation: float = 70.0) -> RunData:
        return replace(SOUND, label=label, n_low=n_low, median_mean=3.5, mean_to_deviation=deviation)

    data = of_data(run("a", 40), run("b", 60), run("c", 0), run("demeaned", 90, 0.0))
    found = only(list(low_means(data, MODEL)))
    assert "of 60 of 5,000 voxels is below 1 (that of the median voxel is 3.5)" in found.text
    assert found.size == 60 / 5000
    assert found.runs == ("a", "b")
    assert "nilearn divides by each voxel's own mean" in found.text
    assert (
        "nilearn divides by the mean over the mask"
        in only(list(low_means(data, nilearn(signal_scaling=(0, 1))))).text
    )
    assert not list(low_means(data, nilearn(signal_scaling=False)))
    assert not list(low_means(replace(data, backends=("spm",)), MODEL))
    assert not list(low_means(of_data(run("c", 0)), MODEL))


def test_the_brightest_volume_of_all_runs_is_told_where_spm_scales_by_it() -> None:
    data = of_data(
        replace(SOUND, label="a", brightest=3, bright=20.0), replace(SOUND, bright=900.0, brightest=7)
    )
    found = only(list(bright_volumes(data, MODEL)))
    assert found.text.startswith("The global of volume 7 of run-1 ")
    assert "is 900 times that of the median volume" in found.text
    assert (found.size, found.runs) == (900.0, ("run-1",))
    assert not list(bright_volumes(replace(data, backends=("nilearn",)), MODEL))
    assert not list(bright_volumes(of_data(SOUND), MODEL))


def test_a_span_of_ratios_is_one_number_where_both_ends_are_shown_alike() -> None:
    assert _span([]) == ""
    assert _span([25.0, 25.0]) == "25"
    assert _span([25.0, 40.0, 30.0]) == "25 to 40"


@pytest.mark.parametrize(
    ("durations", "codes"),
    [
        ([[0, 0], [0, 0]], ["zero-length-events"]),
        ([[0, 2], [0, 2]], ["mixed-durations"]),
        ([[0, 0], [2, 2]], ["unequal-scales"]),
        ([[2, 2], [3, 3]], []),
        ([[0, 2], [0, 0]], ["mixed-durations", "unequal-scales"]),
        ([[], [0, 0]], ["zero-length-events"]),
    ],
)
def test_events_without_a_duration_are_told_by_whether_others_have_one(
    durations: list[list[float]], codes: list[str]
) -> None:
    runs = []
    for number, each in enumerate(durations):
        go = Condition("go", 20.0 * np.arange(1, len(each) + 1), np.array(each, dtype=float))
        runs.append(replace(review(paradigm(go, events("stop", [50, 90], 3.0))), label=f"run-{number}"))
    found = list(zero_lengths(runs, MODEL))
    assert [finding.code for finding in found] == codes
    for finding in found:
        assert finding.columns == ("trial_type.go",)


def test_motion_that_follows_the_task_is_placed_where_there_are_several_runs() -> None:
    go = jittered("go", 1, 6.0)
    regressor = review(paradigm(go)).designs["spm"].matrix[:, 0]
    moved = review(paradigm(go, confounds={"trans_x": -regressor}))
    still = replace(review(paradigm(go)), label="run-2")
    assert "trans_x correlates at r = −1.00 with go:" in only(list(task_motion([moved]))).text
    assert "with go in run-1:" in only(list(task_motion([still, moved]))).text
    assert not list(task_motion([still]))
