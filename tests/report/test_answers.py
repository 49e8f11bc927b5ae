"""Questions are answered with the numbers of the tables, and only by what is so in the analysis."""

from dataclasses import replace

import pytest

from bidsglm.report.answers import Asked, Facts, answers
from bidsglm.report.breakdowns import Breakdown, StepShare
from bidsglm.report.noise import NoiseReport, effect_on_t, noise_figure, noise_sentences, shown_lags
from bidsglm.report.units import Units, f_sentence, spread_sentences

from .reasons import FILLED
from .records import contrast_report, unit_report

LEVELS = (
    {
        "run": "run-1",
        "spm_global": 582.8,
        "n_global_voxels": 41618.4,
        "n_mask_voxels": 22742,
        "mask_mean": 858.4,
        "scaled_mask_mean": 147.29,
        "to_brain_percent": 0.67893,
        "to_voxel_percent_lower_quartile": 0.6201,
        "to_voxel_percent_median": 0.6997,
        "to_voxel_percent_upper_quartile": 0.7488,
    },
)
SCALES = (
    {
        "contrast": "go",
        "map": "effect",
        "mean_spm": -0.0467,
        "mean_nilearn": -0.0325,
        "null_mean": float("nan"),
        "sd_spm": 0.3149,
        "sd_nilearn": 0.1978,
        "sd_ratio": 1.5924,
        "by_level": 1.4729,
        "by_brightness": 1.079,
        "by_rest": 1.002,
        "sd_spm_converted": 0.1982,
        "slope_converted": 1.002,
        "pearson_r_converted": 0.9965,
        "rmsd_converted": 0.0166,
    },
)
UNITS = Units(LEVELS, SCALES, {"spm": "% of spm_global", "nilearn": "% of voxel mean"})
NOISE = NoiseReport(
    tuple(
        {
            "run": run,
            "lag": lag,
            "seconds": 2.0 * lag,
            "spm": 0.25**lag,
            "nilearn_lower_quartile": (-0.08) ** lag,
            "nilearn_median": 0.0,
            "nilearn_upper_quartile": 0.09**lag,
            "share_below_spm": 0.95,
        }
        for run in ("run-1", "run-2")
        for lag in range(1, 6)
    ),
    1803,
)
COUNTS = [{"coefficients": [[-0.1], [0.0], [0.2]], "voxels": [10, 50, 20]}] * 2


def parts(noise: float) -> tuple[Breakdown, ...]:
    steps = StepShare("noise", "a", "b", noise, noise), StepShare("filter", "a", "b", 0.0, 0.0)
    size = StepShare("noise", "a", "b", 0.3, 0.3), StepShare("filter", "a", "b", 0.1, 0.1)
    return Breakdown("t", "slope-1", noise, steps), Breakdown("t", "rmsd", 0.4, size)


FACTS = Facts([Asked("go", "go", "t", parts(-0.2))], UNITS, NOISE)


def text(facts: Facts, key: str) -> str:
    return " ".join(next(each for each in answers(facts) if each.key == key).sentences)


@pytest.mark.parametrize(
    "number",
    [
        "0.315 % of spm_global",
        "0.198 % of voxel mean",
        "1.59",
        "41,618",
        "22,742",
        "147",
        "0.679",
        "1.47",
        "1.08",
    ],
)
def test_variability_is_told_with_the_numbers_of_the_run(number: str) -> None:
    assert number in text(FACTS, "variability")


def test_brain_without_anything_around_it_is_not_said_to_have_skull() -> None:
    bare = replace_level(n_global_voxels=22700.0, scaled_mask_mean=100.2)
    told = " ".join(spread_sentences(bare, "go", "go"))
    assert "outside the brain" not in told
    assert "about as many" in told


def replace_level(**changes: float) -> Units:
    return UNITS._replace(levels=({**LEVELS[0], **changes},))


def test_nilearn_that_varies_more_is_said_to() -> None:
    short = UNITS._replace(scales=({**SCALES[0], "sd_ratio": 0.04},))
    assert "nilearn's that vary more" in spread_sentences(short, "go", "go")[0]


def test_one_scale_for_all_voxels_is_not_said_to_divide_by_the_voxel() -> None:
    grand = UNITS._replace(effect_units={"spm": "% of spm_global", "nilearn": "% of grand mean"})
    told = " ".join(spread_sentences(grand, "go", "go"))
    assert "each voxel by its own mean" not in told


@pytest.mark.parametrize(
    ("noise", "said"),
    [(-0.2, "makes its t of go smaller"), (0.2, "makes its t of go larger"), (0.001, "hardly")],
)
def test_noise_moves_t_the_way_that_the_attribution_has_it(noise: float, said: str) -> None:
    told = effect_on_t(parts(noise), "go")
    assert said in told
    assert "75 % of the RMSD" in told


def test_noise_is_told_at_scans_and_of_the_first_run() -> None:
    assert [row["seconds"] for row in shown_lags(NOISE.run("run-1"))] == [2.0, 4.0]
    told = " ".join(noise_sentences(NOISE))
    assert "0.25 after 2 s and 0.06 after 4 s (in run-1" in told
    assert "between −0.08 and 0.09" in told
    assert "smoother" not in told


def test_short_scans_are_told_at_one_two_and_five_seconds() -> None:
    rows = [{"lag": lag, "seconds": lag} for lag in range(1, 11)]
    assert [row["seconds"] for row in shown_lags(rows)] == [1, 2, 5]


def test_noise_figure_needs_a_table_and_no_counts() -> None:
    assert noise_figure(NoiseReport(), COUNTS) is None
    drawn, bare = noise_figure(NOISE, COUNTS), noise_figure(NOISE, ())
    assert drawn is not None
    assert bare is not None
    assert b"<svg" in drawn.content
    assert drawn.content != bare.content


def test_global_signal_is_said_to_be_regressed_out_only_where_the_model_has_it() -> None:
    assert text(FACTS, "global-signal").startswith("No.")
    own = replace(FACTS, confounds=("trans_x", "global_signal"))
    assert "global_signal is among its confounds" in text(own, "global-signal")
    assert "need not be 0" not in text(own, "global-signal")
    scaled = replace(FACTS, units=UNITS._replace(scans_apart=True))
    assert "takes out global changes" in text(scaled, "global-signal").replace("\n", " ")


def test_shares_are_those_of_contrasts_that_the_design_determines() -> None:
    alone = replace(contrast_report(), name="go alone", label="goalone", weights={"trial_type.go": 1.0})
    moved = tuple(replace(b, steps=tuple(s._replace(shapley=9.0) for s in b.steps)) for b in alone.breakdowns)
    pair = replace(contrast_report(), weights={"trial_type.go": 1.0, "trial_type.rest": -1.0})
    unit = replace(unit_report((replace(alone, breakdowns=moved), pair)), findings=(FILLED,))
    told = next(each for each in unit.answers(()) if each.key == "technique").sentences
    assert not any("median of" in sentence for sentence in told)
    assert "85 %" in " ".join(told)


def test_code_is_not_at_fault_but_a_design_may_be() -> None:
    assert "fault" not in text(FACTS, "code")
    assert "matter of the design, not of the code" in text(replace(FACTS, findings=(FILLED,)), "code")


def test_setting_without_effect_is_told_before_code_is_blamed() -> None:
    idle = replace(FILLED, code="option-without-effect", severity="warning", title="nilearn filters nothing")
    assert "taken for a fault of a package: nilearn filters nothing" in text(
        replace(FACTS, findings=(idle,)), "code"
    )


def test_equal_scale_gives_the_factor_that_remains() -> None:
    assert "a factor of 1.47" in text(FACTS, "equal")


def test_false_positives_are_those_of_the_calibration_or_how_to_get_them() -> None:
    assert "--calibrate 20" in text(FACTS, "false-positives")
    assert text(replace(FACTS, trust=("Neither.",)), "false-positives") == "Neither."


def test_every_question_of_the_thread_has_an_answer() -> None:
    keys = [each.key for each in answers(FACTS)]
    assert keys == [
        "code",
        "technique",
        "variability",
        "noise",
        "global-signal",
        "equal",
        "group",
        "false-positives",
    ]


def test_approximate_f_says_what_its_null_mean_is() -> None:
    row = {"contrast": "m", "map": "F", "mean_spm": 0.957, "mean_nilearn": 1.4513, "null_mean": 1.0102}
    units = Units(scales=(row,))
    assert f_sentence(units, "m", 1) == ""
    assert "approximate" in f_sentence(units, "m", 2)
    assert "1.01 on average" in f_sentence(units, "m", 2)
    assert f_sentence(Units(), "m", 2).endswith("nilearn warns of it.")
