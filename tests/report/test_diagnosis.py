"""Figures of a design's diagnosis: valid, in words, for one backend or two and whatever the numbers are."""

import math
import xml.etree.ElementTree as ET

import pytest

from bidsglm.report.diagnosis import MOST_SHOWN, correlation_figure, inflation_figure
from bidsglm.report.drawing import Figure

Rows = list[dict[str, str | float]]


def inflations(**values: tuple[float, float]) -> Rows:
    return [
        {"regressor": name, "kind": "condition", "vif": alone, "vif_with_constant_and_drifts": whole}
        for name, (alone, whole) in values.items()
    ]


def correlations(r: float, names: tuple[str, str] = ("trial_type.go", "trans_x")) -> Rows:
    a, b = names
    return [{"regressor": a, a: 1.0, b: r}, {"regressor": b, a: r, b: 1.0}]


def written(figure: Figure) -> str:
    assert ET.fromstring(figure.content).tag.endswith("svg")
    assert figure.name.endswith(".svg")
    assert figure.alt.endswith(".")
    assert figure.caption.endswith(".")
    return figure.content.decode()


def test_correlations_have_spm_below_and_nilearn_above_the_diagonal():
    tables = {"nilearn": correlations(0.25), "spm": correlations(-0.75)}
    figure = correlation_figure(tables, "run-1")
    text = written(figure)
    assert text.index(">.25<") < text.index(">\N{MINUS SIGN}.75<")
    assert "below the diagonal as SPM" in figure.caption
    assert "of run-1. The strongest is r = -0.75, trans_x with go." in figure.alt


def test_correlations_of_one_backend_are_said_to_be_its_own():
    figure = correlation_figure({"nilearn": correlations(0.25)})
    written(figure)
    assert "as nilearn has them" in figure.caption


def test_empty_regressor_and_different_columns_leave_gaps():
    tables = {"spm": correlations(math.nan), "nilearn": correlations(0.5, ("trial_type.go", "other"))}
    figure = correlation_figure(tables)
    written(figure)
    assert "None are correlated" in figure.alt


@pytest.mark.parametrize("backends", [("spm", "nilearn"), ("nilearn",)])
def test_inflation_names_the_worst_regressor(backends):
    rows = inflations(go=(1.0, 15.6), stop=(1.1, 2.0))
    figure = inflation_figure(dict.fromkeys(backends, rows), "run-1")
    written(figure)
    assert figure.alt.endswith("of run-1. The largest is 15.6, of go.")


def test_infinite_undefined_and_enormous_inflation_are_drawn():
    rows = inflations(sum=(math.inf, math.inf), empty=(math.nan, math.nan), wide=(1.0, 4e6))
    figure = inflation_figure({"spm": rows, "nilearn": rows})
    text = written(figure)
    assert ">∞<" in text
    assert ">4e+06<" in text
    assert "The largest is infinite, of sum." in figure.alt


def test_only_the_worst_of_many_regressors_are_shown():
    rows = inflations(**{f"comp{i:03d}": (1.0, 1.0 + i) for i in range(MOST_SHOWN + 5)})
    figure = inflation_figure({"spm": rows})
    text = written(figure)
    assert "comp004" not in text
    assert "comp005" in text
    assert "The 5 regressors with the smallest are not shown." in figure.caption


def test_markup_and_formulas_in_names_stay_text():
    rows = inflations(**{"<script>$x$ & y": (1.0, 2.0)})
    written(inflation_figure({"spm": rows}))
    written(correlation_figure({"spm": correlations(0.5, ("<script>$x$", "a & b"))}))


def test_two_runs_of_a_figure_give_the_same_bytes():
    tables = {"spm": correlations(0.3), "nilearn": correlations(0.2)}
    assert correlation_figure(tables).content == correlation_figure(tables).content


def test_design_without_regressors_has_figures_too():
    assert inflation_figure({"spm": []}).alt.endswith("There are no regressors.")
    assert correlation_figure({"spm": []}).alt.endswith("None are correlated.")
