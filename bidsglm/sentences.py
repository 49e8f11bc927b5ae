"""Names in a sentence or a message: all of them joined, or the first few of many."""

from collections.abc import Iterable

LABELS_SHOWN = 5
"""Enough to recognise a misspelt label; a list of a thousand is no help."""


def joined(words: Iterable[str], shown: int | None = None) -> str:
    """Join words; of more than are shown, the first and how many more there are.

    >>> joined([]), joined(["face"]), joined(["face", "house"])
    ('', 'face', 'face and house')
    >>> joined("abcd", 2)
    'a, b and 2 more'
    """
    names = list(words)
    if shown is not None and len(names) > shown:
        names = [*names[:shown], f"{len(names) - shown} more"]
    *others, last = names or [""]
    return f"{', '.join(others)} and {last}" if others else last


def listing(labels: Iterable[str], shown: int = LABELS_SHOWN) -> str:
    """Join labels as the values of an option are; of many, name the first few.

    >>> listing(["a", "b"]), listing(["a", "b", "c"], shown=2)
    ('a, b', 'a, b and 1 more')
    """
    found = list(labels)
    return joined(found, shown) if len(found) > shown else ", ".join(found)
