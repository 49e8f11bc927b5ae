"""Grammar of a Filter's query: what each form means, and where a sentence goes wrong."""

import re

import pytest

from bidsglm.statsmodel import queries
from bidsglm.statsmodel.queries import Combination, Condition, Name, QueryComparison, names_in, parsed_query

A, B = Name("a"), Name("b")
ONE = QueryComparison(A, "==", 1.0)
TWO = QueryComparison(B, "<", 2.0)


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("a == 1", ONE),
        ("a!=1", QueryComparison(A, "!=", 1.0)),
        ("a <= -1.5e1", QueryComparison(A, "<=", -15.0)),
        (".5 >= a", QueryComparison(0.5, ">=", A)),
        ("a > b", QueryComparison(A, ">", B)),
        ("a == 'left'", QueryComparison(A, "==", "left")),
        ('a == "don\'t"', QueryComparison(A, "==", "don't")),
        ("`a` == true", QueryComparison(A, "==", True)),
        ("a == False", QueryComparison(A, "==", False)),
        ("a in ['x', 2, True]", QueryComparison(A, "in", ("x", 2.0, True))),
        ("a not in ('x',)", QueryComparison(A, "not in", ("x",))),
        ("a == [1, 2]", QueryComparison(A, "in", (1.0, 2.0))),
        ("a != [1]", QueryComparison(A, "not in", (1.0,))),
        ("0 < a <= 1", Combination("and", (QueryComparison(0.0, "<", A), QueryComparison(A, "<=", 1.0)))),
        ("a == 1 and b < 2", Combination("and", (ONE, TWO))),
        ("a == 1 & b < 2", Combination("and", (ONE, TWO))),
        ("a == 1 or b < 2 | a == 1", Combination("or", (ONE, TWO, ONE))),
        ("not a == 1", Combination("not", (ONE,))),
        ("~(a == 1)", Combination("not", (ONE,))),
        ("a == 1 or b < 2 and a == 1", Combination("or", (ONE, Combination("and", (TWO, ONE))))),
        ("(a == 1 or b < 2) and a == 1", Combination("and", (Combination("or", (ONE, TWO)), ONE))),
        ("  a == 1  ", ONE),
    ],
)
def test_a_query_means(query: str, meant: Condition) -> None:
    assert parsed_query(query) == meant


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("", "ends too early"),
        ("a", "ends too early"),
        ("a ==", "ends too early"),
        ("a not", "ends too early"),
        ("a in [1", "ends too early"),
        ("a == 1 and", "ends too early"),
        ("(a == 1", "ends too early"),
        ("a == 1 b", "'b' at character 8 is not expected there"),
        ("a 1", "'1' at character 3 stands where a comparison"),
        ("a not == 1", "'==' at character 7 stands where a comparison"),
        ("(a == 1]", "']' at character 8 stands where ) is needed"),
        ("a == and", "'and' at character 6 stands where a name"),
        ("a in [1 2]", "'2' at character 9 stands where the list must end"),
        ("a in 1", "'in' needs a name"),
        ("a in b", "'in' needs a name"),
        ("1 in [1]", "'in' needs a name"),
        ("a < [1, 2]", "a list cannot be compared by <: use in"),
        ("1 == 2", "a comparison needs the name of a variable"),
        ("a == $", "'$' at character 6 is not understood"),
    ],
)
def test_a_query_that_is_not_understood_says_where(query: str, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(fault)}"):
        parsed_query(query)


def test_variables_whose_names_hold_signs_are_names_and_the_longest_is_meant() -> None:
    condition = parsed_query("side-a > 1 and side-a b < 2", ["side-a", "side-a b", "plain"])
    assert list(names_in(condition)) == ["side-a", "side-a b"]


def test_a_query_may_be_as_long_and_as_deep_as_the_limits_and_no_more() -> None:
    long = "a == 1".ljust(queries.LONGEST_QUERY - 1) + " "
    assert parsed_query(long) == ONE
    with pytest.raises(ValueError, match=f"has {len(long) + 1} characters, more than {len(long)}"):
        parsed_query(long + " ")
    deep = "(" * queries.DEEPEST_QUERY + "a == 1" + ")" * queries.DEEPEST_QUERY
    assert parsed_query(deep) == ONE
    with pytest.raises(ValueError, match="nested too deeply"):
        parsed_query(f"({deep})")
    assert parsed_query(f"{deep} or {deep}") == Combination("or", (ONE, ONE))
