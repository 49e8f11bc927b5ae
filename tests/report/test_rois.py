"""Regions of a participant, as its page shows them."""

import math

from bidsglm.report.rois import MOST_LINES, MOST_ROWS

from .region_records import participant_regions, value_row


def test_table_has_a_line_for_each_contrast_and_region_with_both_packages() -> None:
    table = participant_regions().table
    titles = [heading.title for heading in table.headings]
    assert titles[:6] == [
        "contrast",
        "region",
        "SPM voxels",
        "nilearn voxels",
        "SPM effect (% of spm_global)",
        "nilearn effect (% of voxel mean)",
    ]
    assert [line.cells[:4] for line in table.lines][:2] == [
        ("go", "area 1", "9", "9"),
        ("go", "area 2", "9", "9"),
    ]
    assert table.n_total == len(table.lines) == 6
    first, last = table.lines[0].cells, table.lines[-1].cells
    shown = dict(zip(titles, first, strict=True))
    assert (shown["SPM mean t"], shown["nilearn mean t"], shown["SPM mean F"]) == ("1.000", "1.100", "n/a")
    shown = dict(zip(titles, last, strict=True))
    assert (shown["SPM mean t"], shown["SPM effect (% of spm_global)"], shown["SPM mean F"]) == (
        "n/a",
        "n/a",
        "7.000",
    )


def test_there_is_no_column_of_f_where_there_is_no_f_contrast() -> None:
    rows = tuple(value_row("go", 1, backend, t=1.0) for backend in ("spm", "nilearn"))
    assert "SPM mean F" not in [h.title for h in participant_regions(rows=rows).table.headings]


def test_every_contrast_is_plotted_with_its_own_statistic() -> None:
    t, f = participant_regions().plots
    assert (t.contrast, f.contrast) == ("go", "any")
    assert "mean t of the region" in t.dots
    assert "mean F of the region" in f.dots
    assert "<title>area 2: mean t SPM 2.000, nilearn 2.200</title>" in t.dots


def test_of_many_regions_those_that_differ_most_are_drawn() -> None:
    (plot, _) = participant_regions(MOST_LINES + 5).plots
    assert (plot.n_lines, plot.n_regions) == (MOST_LINES, MOST_LINES + 5)
    assert f"area {MOST_LINES + 5}:" in plot.dots
    assert "area 1:" not in plot.dots


def test_a_page_holds_a_bounded_number_of_rows() -> None:
    table = participant_regions(MOST_ROWS).table
    assert (len(table.lines), table.n_total) == (MOST_ROWS, 2 * MOST_ROWS)


def test_one_backend_has_its_own_columns_only() -> None:
    rows = tuple(row for row in participant_regions().rows if row["backend"] == "spm")
    regions = participant_regions(rows=rows, backends=("spm",))
    assert not [h.title for h in regions.table.headings if "nilearn" in h.title]
    assert "nilearn" not in regions.plots[0].dots


def test_regions_without_any_value_have_no_plot() -> None:
    rows = tuple(value_row("go", 1, backend, t=math.nan) for backend in ("spm", "nilearn"))
    assert participant_regions(rows=rows).plots == ()
