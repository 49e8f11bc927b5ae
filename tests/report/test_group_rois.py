"""Regions of a data set, as its page shows them."""

import math
from dataclasses import replace

import numpy as np

from bidsglm.report.group_rois import MOST_PLOTS
from bidsglm.report.rois import MOST_LINES

from .region_records import group_regions


def test_regions_whose_conclusion_changes_come_first_and_are_marked() -> None:
    table = group_regions().table
    assert [line.cells[0] for line in table.lines] == ["left insula", "a < b & c", "cuneus", "air"]
    assert [line.changed for line in table.lines] == [True, False, False, False]
    assert table.lines[0].cells[1:5] == ("go", "differs", "positive", "none")
    assert table.lines[-1].cells[2:5] == ("n/a", "n/a", "n/a")


def test_numbers_stand_with_their_intervals() -> None:
    table = group_regions().table
    row = dict(zip([h.title for h in table.headings], table.lines[2].cells, strict=True))
    assert row["SPM effect [95 % CI]"].startswith("1.100 [0.904, 1.296]")
    assert row["ICC(A,1) [95 % CI]"].count("[") == 1
    assert row["n"] == "5"
    assert row["Pearson r"].startswith("0.9")


def test_facts_of_the_verdict_count_what_was_tested() -> None:
    facts = group_regions().facts
    assert (facts.n_tests, facts.n_changed, facts.changed) == (3, 1, ("left insula (go)",))


def test_the_icc_is_judged_only_where_the_units_are_the_same() -> None:
    assert math.isnan(group_regions().facts.icc)
    same = group_regions(effect_units={"spm": "raw units", "nilearn": "raw units"})
    assert same.same_unit
    known = [row["icc_a1"] for row in same.rows if row["same_conclusion"] is not None]
    assert len(known) == 3
    assert same.facts.icc == np.median(known)
    assert replace(same, rows=same.rows[:2]).facts.icc == np.mean([row["icc_a1"] for row in same.rows[:2]])


def test_plots_name_region_and_numbers_and_escape_them() -> None:
    (plot,) = group_regions().plots
    assert "<title>left insula: SPM z " in plot.dots
    assert "a &lt; b &amp; c: SPM z" in plot.dots
    assert plot.dots.count('class="changed"') == plot.differences.count('class="changed"') == 1
    assert "n/a" in plot.dots, "a region without participants keeps its line"
    assert plot.differences.count("<title>") == 3, "it has no difference to draw"
    assert "mean effect of both (each in its own unit)" in plot.differences
    assert plot.differences.count("limits of agreement") == 3, "a table's brackets are another interval"


def test_many_contrasts_and_regions_are_bounded() -> None:
    many = group_regions(tuple(f"c{i}" for i in range(MOST_PLOTS + 3)))
    assert len(many.plots) == MOST_PLOTS
    row = group_regions().rows[0]
    rows = tuple({**row, "region": i, "label": f"r{i}"} for i in range(1, MOST_LINES + 20))
    (plot,) = group_regions(rows=rows).plots
    assert (plot.n_lines, plot.n_regions) == (MOST_LINES, MOST_LINES + 19)
    assert plot.differences.count("<title>") == MOST_LINES + 19


def test_one_participant_has_no_test_and_no_plot_of_tests() -> None:
    rows = tuple({**row, "same_conclusion": None, "n": 1} for row in group_regions().rows)
    assert group_regions(rows=rows).facts.n_tests == 0
