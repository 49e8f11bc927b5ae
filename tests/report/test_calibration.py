"""The page says in words which analysis controls false positives, and marks the rates that do not."""

from collections.abc import Callable, Mapping

import pytest

from bidsglm.agreement.rates import KNOWN, TOLERANCE, IntervalEstimate, judgement
from bidsglm.report.calibration import CalibrationReport, ContrastCalibration
from bidsglm.report.calibration_figures import calibration_figures
from bidsglm.report.rendering import TEMPLATES
from bidsglm.report.trust import RATE_RULE, decision
from bidsglm.simulation.outcomes import EFFECT_SIZES, GRID, THRESHOLDS

NAMES = ("ols", "nilearn-ar1", "spm-ar1", "spm-fast")
INFLATION = {"ols": 8.0, "nilearn-ar1": 4.0, "spm-ar1": 1.1, "spm-fast": 1.0}
NAN = float("nan")


def rows(
    inflation: Mapping[str, Mapping[str, float]], width: float = 0.2, power: Mapping[str, float] | None = None
) -> tuple[dict[str, str | float], ...]:
    """Rows of a calibration whose rates are so many times the threshold, known to a share of themselves."""
    found: list[dict[str, str | float]] = []
    for name in NAMES:
        for noise, factors in inflation.items():
            for size in (0.0, *EFFECT_SIZES):
                for threshold in THRESHOLDS:
                    rate = min(factors[name] * threshold, 1.0) if not size else (power or {}).get(name, size)
                    known = (rate * (1 - width), min(rate * (1 + width), 1.0)) if width < 1 else (NAN, NAN)
                    found.append(
                        {
                            "analysis": name,
                            "noise": noise,
                            "contrast": "go",
                            "effect_size": size,
                            "p_threshold": threshold,
                            "rate": rate,
                            "ci_lower": known[0],
                            "ci_upper": known[1],
                            "n_datasets": 20,
                            "n_voxels": 100,
                            "n_stopped": 0,
                            "fwe_rate": 0.05,
                            "fwe_ci_lower": 0.04,
                            "fwe_ci_upper": 0.06,
                            "auc": 0.9,
                            "bias": 0.01,
                            "bias_ci_lower": -0.01,
                            "bias_ci_upper": 0.03,
                            "spread": 0.2,
                        }
                    )
    return tuple(found)


def contrast(**options: object) -> ContrastCalibration:
    noises = ("white", "ar1", "surrogate", "physiological")
    inflation = {noise: INFLATION for noise in noises}
    return ContrastCalibration("go", "go", rows(inflation, **options))  # type: ignore[arg-type]


def test_verdict_names_those_that_control_false_positives_and_by_how_much_others_do_not() -> None:
    made = contrast(power={"spm-ar1": 0.6, "spm-fast": 0.4})
    assert made.headline == (
        "SPM AR(1) and SPM FAST control false positives.",
        "Least squares and nilearn AR(1) find too many.",
    )
    text = " ".join(made.verdict)
    assert "least squares has 8.0 times as many as allowed (6.4 to 9.6 times)" in text
    assert "nilearn AR(1) has 4.0 times as many as allowed (3.2 to 4.8 times)" in text
    assert "SPM AR(1) finds 60\N{NO-BREAK SPACE}% of the voxels" in text


def test_multiple_is_not_told_when_its_interval_holds_another_analysis() -> None:
    wide = contrast(width=0.55)
    assert "too many" in " ".join(wide.headline)
    assert "least squares has" not in " ".join(wide.verdict)


def test_headline_has_no_rates() -> None:
    assert not any("%" in text for text in contrast(width=0.55).headline)


def test_verdict_leaves_open_what_the_intervals_leave_open_and_says_how_many_would_do() -> None:
    made = contrast(width=0.9)
    text = " ".join(made.headline)
    assert "Not decided with 20 data sets for " in text
    assert " would decide" in text
    decided = {each.analysis: each for each in made.decisions()}
    assert decided["ols"].judgement == "unsure"
    assert 20 < (decided["ols"].needed or 0) < 1000


def test_one_threshold_that_would_become_too_many_decides_how_many_data_sets_would_do() -> None:
    edge = IntervalEstimate(0.07, 0.008, 0.6)
    clear = IntervalEstimate(0.0032, 0.0012, 0.0085)
    strict = decision("ols", {0.001: clear}, 5).needed
    both = decision("ols", {0.05: edge, 0.001: clear}, 5)
    assert both.judgement == "unsure"
    assert both.needed == strict
    assert (decision("ols", {0.05: edge, 0.001: IntervalEstimate(0.001, 0.0008, 0.001)}, 5).needed or 0) > (
        strict or 0
    )


@pytest.mark.parametrize("times", [TOLERANCE, KNOWN])
def test_page_states_the_rule_that_rates_are_judged_by(times: float) -> None:
    assert f"{times:g} times" in RATE_RULE
    rate = 0.05 * TOLERANCE
    within, beyond = (IntervalEstimate(rate, 0.04, 0.05 * limit) for limit in (KNOWN, KNOWN + 0.01))
    assert [judgement(each, 0.05) for each in (within, beyond)] == ["kept", "unsure"]
    for name in ("calibration", "group_calibration"):
        assert "{{ rate_rule }}" in (TEMPLATES / f"{name}.html").read_text()


def test_single_data_set_decides_nothing() -> None:
    assert contrast(width=1.0).headline == (
        "A single simulated data set decides nothing: calibrate with 20 or more.",
    )


def test_an_analysis_that_fits_no_data_set_is_named_and_the_others_are_judged() -> None:
    lost = {"rate": NAN, "ci_lower": NAN, "ci_upper": NAN, "n_datasets": 0}
    found = tuple({**row, **lost} if row["analysis"] == "spm-ar1" else row for row in contrast().rows)
    some = ContrastCalibration("go", "go", found)
    assert some.headline[-1] == "SPM AR(1) could fit no simulated data set."
    assert not any("SPM AR(1)" in text for text in some.headline[:-1])
    none = ContrastCalibration("go", "go", tuple({**row, **lost} for row in contrast().rows))
    assert none.headline == (
        "Least squares, nilearn AR(1), SPM AR(1) and SPM FAST could fit no simulated data set.",
    )
    assert none.verdict == none.headline


def test_verdict_says_who_falls_under_harder_noise() -> None:
    inflation = {noise: INFLATION for noise in ("white", "ar1", "surrogate")}
    hard = {**INFLATION, "spm-ar1": 12.0}
    found = ContrastCalibration("go", "go", rows({**inflation, "physiological": hard}))
    text = " ".join(found.verdict)
    assert "SPM AR(1) finds too many under slow and physiological noise" in text
    assert "SPM FAST controls them under slow and physiological noise as well" in text


def test_rates_are_marked_in_the_table() -> None:
    lines = contrast().false_positives
    assert len(lines) == 4 * (len(THRESHOLDS) + 1)
    first = dict(zip(NAMES, lines[0].cells, strict=True))
    assert first["ols"].judgement == "too many"
    assert first["spm-fast"].judgement == "kept"
    assert first["ols"].text == "40\N{NO-BREAK SPACE}%"


def test_stopped_data_sets_are_counted_over_both_kinds() -> None:
    made = [dict(row) for row in contrast().rows]
    for row in made:
        row["n_stopped"] = 3.0 if row["analysis"] == "spm-fast" and row["noise"] == "white" else 0.0
    report = CalibrationReport(
        20, 100, 100, 0, (ContrastCalibration("go", "go", tuple(made)),), "sub-01/func/x.tsv"
    )
    assert report.n_stopped == {"SPM FAST": 6}


@pytest.fixture
def figures() -> Callable[[ContrastCalibration], tuple[object, ...]]:
    def drawn(made: ContrastCalibration) -> tuple[object, ...]:
        curves = [
            {"analysis": name, "noise": noise, "effect_size": size, "p": float(p), "rate": float(p)}
            for name in NAMES
            for noise in made.noises
            for size in (0.0, *EFFECT_SIZES)
            for p in GRID
        ]
        return calibration_figures(made, curves)

    return drawn


def test_figures_are_two_with_signal_and_one_without(
    figures: Callable[[ContrastCalibration], tuple[object, ...]],
) -> None:
    assert len(figures(contrast())) == 2
    null = tuple(row for row in contrast().rows if not row["effect_size"])
    alone = ContrastCalibration("go", "go", null)
    assert len(figures(alone)) == 1
    assert alone.true_positives("surrogate") == ()
    assert "signal of" not in " ".join(alone.verdict)


def test_a_threshold_by_smoothness_is_spoken_of_where_a_package_has_one() -> None:
    def report(*analyses: str) -> CalibrationReport:
        own = [{**contrast().rows[0], "analysis": name} for name in analyses]
        return CalibrationReport(20, 300, 400, 1, (ContrastCalibration("go", "go", own),), "c.tsv")

    assert report("ols", "spm-ar1").by_smoothness == "SPM"
    assert report("afni-ols", "afni-arma11", "fsl-film").by_smoothness == ""
