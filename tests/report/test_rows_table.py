"""The table of every participant: all rows travel, few stand in the page, the worst are never dropped."""

from bidsglm.report.rows_table import PER_PAGE, rows_table

from .group_records import FAR, group_unit


def test_every_row_is_there_and_the_first_stand_in_the_page():
    table = rows_table(group_unit(100, ("go", "stop - go")))
    assert len(table.rows) == table.n_total == 400
    assert len(table.first) == PER_PAGE
    assert table.contrasts == ("go", "stop - go")


def test_rows_link_to_the_contrast_on_the_participants_page():
    table = rows_table(group_unit(3, ("stop - go",)))
    assert table.rows[1].link == "sub-02.html#unit-1-stopgo"


def test_statistics_come_before_effects():
    assert [row.map for row in rows_table(group_unit(2)).rows] == ["t", "t", "effect", "effect"]


def test_of_too_many_the_rows_of_least_agreement_stay():
    unit = group_unit(50)
    table = rows_table(unit, most=10)
    worst = sorted(float(row["pearson_r"]) for row in unit.rows)[:10]
    assert table.n_total == 100
    assert sorted(row.numbers[0] for row in table.rows) == sorted(f"{r:.3f}" for r in worst)


def test_who_lies_apart_is_marked_in_the_row():
    rows = rows_table(group_unit(5)).rows
    assert [(row.participant, row.map, row.outlying) for row in rows if row.outlying] == [
        (FAR[0], "t", "Pearson r")
    ]
