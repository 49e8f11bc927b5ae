"""docs/calibration.md says what the committed numbers of its study say, and no more."""

from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks import calibration_page, calibration_sentences
from benchmarks.calibration_results import read
from bidsglm.packages import PACKAGES, analyses

TRS = (0.645, 2.0)


def rows(inflation: Mapping[str, float], width: float = 0.1) -> list[dict[str, Any]]:
    """Rates of a study that are so many times the nominal one, known to a share of themselves."""
    found = []
    for name, times in inflation.items():
        for tr in TRS:
            rate = times / 1000
            known = {"ci_lower": rate * (1 - width), "ci_upper": rate * (1 + width)}
            place = {"noise": "physiological", "repetition_time": tr, "design": "events"}
            what = {"analysis": name, "effect_size": 0.0, "p_threshold": 0.001}
            found.append({**place, **what, "rate": rate, **known})
    return found


def test_page_is_what_its_script_makes_of_the_numbers() -> None:
    assert (calibration_page.DOCS / "calibration.md").read_text() == calibration_page.page(read())


def test_page_begins_with_five_statements_and_a_figure_before_any_table() -> None:
    text = (calibration_page.DOCS / "calibration.md").read_text()
    before = text[: text.index("|---")]
    assert [f"\n{i}. **" in before for i in range(1, 7)] == [True] * 5 + [False]
    assert "![" in before


def test_statements_are_short() -> None:
    simulated = [row for row in read() if row["data"] == "simulated"]
    assert max(len(text.split()) for text in calibration_sentences.statements(simulated)) <= 50


def test_statement_on_the_fewest_says_whether_their_intervals_overlap() -> None:
    apart = {"afni-arma11": 2.0, "spm-fast": 1.5, "fsl-film": 5.0, "spm-ar1": 9.0}
    assert calibration_sentences._fewest(rows(apart)).endswith(
        "SPM FAST 1.5 and AFNI ARMA(1,1) 2.0, the other noise models 5.0 to 9.0."
    )
    near = calibration_sentences._fewest(rows({**apart, "fsl-film": 2.1}))
    assert near.endswith("2.1 to 9.0 (their intervals overlap).")


def test_study_has_every_analysis_that_all_packages_have() -> None:
    found = {row["analysis"] for row in read()}
    assert found == {*analyses(PACKAGES), calibration_sentences.SMOOTHED}


ORDER = ("afni-arma11", "spm-fast", "fsl-film", "spm-ar1")


@pytest.mark.parametrize(
    ("ours", "n_pairs", "turned"),
    [
        (ORDER, 6, ""),
        (("spm-fast", "afni-arma11", "fsl-film", "spm-ar1"), 5, "SPM FAST before AFNI ARMA(1,1)."),
        (ORDER[::-1], 0, "SPM FAST before AFNI ARMA(1,1)"),
    ],
)
def test_order_is_said_as_it_is(ours: tuple[str, ...], n_pairs: int, turned: str) -> None:
    text = " ".join(calibration_sentences.order(rows({name: 2.0 + i for i, name in enumerate(ours)})))
    assert f"in {n_pairs} of 6 pairs" in text
    assert turned in text
    assert ("The other way round" in text) == bool(turned)


def test_pairs_whose_intervals_overlap_are_not_told_apart() -> None:
    near = {"afni-arma11": 2.0, "spm-fast": 2.1, "fsl-film": 5.0, "spm-ar1": 9.0}
    text = " ".join(calibration_sentences.order(rows(near)))
    assert "in 5 of 6 pairs" in text
    assert "Not told apart by their intervals: AFNI ARMA(1,1) and SPM FAST." in text


@pytest.mark.parametrize(
    ("smoothed", "word"), [(2.0, "(fewer)"), (4.0, "(more)"), (3.1, "(intervals overlap)")]
)
def test_direction_of_the_deviation_of_film_is_that_of_the_numbers(smoothed: float, word: str) -> None:
    given = rows({"fsl-film": 3.0, calibration_sentences.SMOOTHED: smoothed})
    both = [*given, *({**row, "noise": "white"} for row in given)]
    assert calibration_sentences.film(both).count(word) == 2
