"""What the automatic model compares: conditions with each other, and with the mean of the others."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

PAIRS_UP_TO = 6
"""Conditions; seven would already make 21 pairs, more than anybody reads."""


class Comparison(NamedTuple):
    """A contrast of some conditions."""

    name: str
    conditions: tuple[str, ...]
    """Trial types."""
    weights: tuple[int | str, ...]


def comparisons(types: Sequence[str], choice: str | None) -> tuple[Comparison, ...]:
    """Comparisons of an automatic model.

    Parameters
    ----------
    types
        Trial types.
    choice
        pairs: each of three and more conditions against the mean of the others, and every pair; others: the
        former alone; none: nothing. None: pairs of up to six conditions, others of more. Two conditions are
        one pair.

    Examples
    --------
    >>> [found.name for found in comparisons(["a", "b", "c"], "pairs")]
    ['a - others', 'b - others', 'c - others', 'a - b', 'a - c', 'b - c']
    >>> comparisons(["a", "b", "c"], "others")[1]
    Comparison(name='b - others', conditions=('a', 'b', 'c'), weights=('-1/2', 1, '-1/2'))
    """
    kind = chosen(types, choice)
    if kind == "none" or len(types) < 2:
        return ()
    others = _against_others(types) if len(types) > 2 else ()
    pairs = _pairs(types) if kind == "pairs" or len(types) == 2 else ()
    return (*others, *pairs)


def chosen(types: Sequence[str], choice: str | None) -> str:
    """Kind of comparisons of a model: what was asked for, else by the number of conditions.

    >>> chosen(["a"] * 6, None), chosen(["a"] * 7, None), chosen(["a"] * 7, "pairs")
    ('pairs', 'others', 'pairs')
    """
    return choice or ("pairs" if len(types) <= PAIRS_UP_TO else "others")


def in_words(types: Sequence[str], choice: str | None) -> str:
    """Which contrasts an automatic model has, and how to have others.

    >>> in_words(["go", "stop"], None)
    'Contrasts of the automatic model: each condition, and the difference of the two (--contrasts pairs).'
    """
    kind, n = chosen(types, choice), len(types)
    said = "each condition"
    if n == 2 and kind != "none":
        said += ", and the difference of the two"
    elif n > 2 and kind != "none":
        said += f", each against the mean of the other {n - 1}"
        said += f", and the {n * (n - 1) // 2} pairs" if kind == "pairs" else ""
    left = (
        f"; pairs are left out above {PAIRS_UP_TO} conditions" if (kind, choice) == ("others", None) else ""
    )
    return f"Contrasts of the automatic model: {said} (--contrasts {kind}{left})."


def _against_others(types: Sequence[str]) -> Iterator[Comparison]:
    share = f"-1/{len(types) - 1}"
    for name in types:
        weights = tuple(1 if other == name else share for other in types)
        yield Comparison(f"{name} - others", tuple(types), weights)


def _pairs(types: Sequence[str]) -> Iterator[Comparison]:
    for first, second in combinations(types, 2):
        yield Comparison(f"{first} - {second}", (first, second), (1, -1))
