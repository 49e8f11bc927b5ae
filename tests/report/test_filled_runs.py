"""Single conditions beside their differences."""

import math

from bidsglm.report.filled_runs import ALONE, DIFFERENCE, contrast_verdict, kind, verdict_table

from .reasons import broken_down

CONDITIONS = ("trial_type.go", "trial_type.rest")


def row(name: str, of_kind: str, rmsd: float, sd: float):
    agreement = [
        {"map": "effect", "pearson_r": 0.9, "rmsd": rmsd},
        {"map": "t", "pearson_r": 0.99, "rmsd": 0.1},
    ]
    return contrast_verdict((name, name), of_kind, agreement, {"spm": sd, "nilearn": sd}, broken_down())


def test_contrasts_are_told_apart_by_their_weights():
    assert kind({"trial_type.go": 1.0}, CONDITIONS) == ALONE
    assert kind({"trial_type.go": 1.0, "trial_type.rest": -1.0}, CONDITIONS) == DIFFERENCE
    assert kind({"trial_type.go": 0.5, "trial_type.rest": 0.5}, CONDITIONS) == ALONE
    assert kind({"trans_x": 1.0}, CONDITIONS) == ""


def test_table_says_how_much_wider_and_farther_the_single_condition_is():
    table = verdict_table([row("go", ALONE, 0.166, 1.1), row("go - rest", DIFFERENCE, 0.047, 0.5)])
    assert "spreads 2.2 times as widely" in table.text
    assert "differ 3.5 times as much between the packages" in table.text
    assert "the t maps correlate at r = 0.990 and 0.990" in table.text
    assert len(table.rows[0].values) == len(table.columns)
    assert "agreement of SPM and nilearn" in table.title


def test_there_is_no_table_without_both_kinds():
    assert verdict_table([row("go", ALONE, 0.1, 1.0)]) is None
    assert verdict_table([]) is None


def test_filter_is_named_where_it_moves_the_single_condition_far_more():
    one, two = row("go", ALONE, 0.8, 0.9), row("go - rest", DIFFERENCE, 0.1, 0.3)
    text = verdict_table([one._replace(by_filter=0.46), two._replace(by_filter=0.045)]).text
    assert "The high-pass filter alone makes 0.460 of the RMSD of go, and 0.045 of that of go - rest." in text
    unknown = [r._replace(by_filter=math.nan) for r in (one, two)]
    assert "high-pass" not in verdict_table(unknown).text
