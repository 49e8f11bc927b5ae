"""The page says in words which analysis keeps its promise, and marks the rates that do not."""

from collections.abc import Callable, Mapping

import pytest

from bidsglm.report.calibration import CalibrationReport, ContrastCalibration
from bidsglm.report.calibration_figures import calibration_figures
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


def test_verdict_names_those_that_keep_their_promise_and_by_how_much_others_do_not() -> None:
    text = " ".join(contrast(power={"spm-ar1": 0.6, "spm-fast": 0.4}).verdict)
    assert "SPM AR(1) and SPM FAST keep what a p value promises" in text
    assert "least squares 8.0 times and nilearn AR(1) 4.0 times as many as promised" in text
    assert "SPM AR(1) finds most" in text
    assert "60\N{NO-BREAK SPACE}% (SPM FAST 40\N{NO-BREAK SPACE}%)" in text


def test_verdict_leaves_open_what_the_intervals_leave_open() -> None:
    text = " ".join(contrast(width=1.0).verdict)
    assert "leave it open; calibrate with more" in text
    assert "keep" not in text


def test_verdict_says_who_falls_under_harder_noise() -> None:
    inflation = {noise: INFLATION for noise in ("white", "ar1", "surrogate")}
    hard = {**INFLATION, "spm-ar1": 12.0}
    found = ContrastCalibration("go", "go", rows({**inflation, "physiological": hard}))
    text = " ".join(found.verdict)
    assert "SPM AR(1) 12 times as many" in text
    assert "SPM FAST does so under slow and physiological noise as well" in text


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
    assert "find" not in " ".join(alone.verdict)
