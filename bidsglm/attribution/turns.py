"""Work on several items, in turn or however the caller has it done."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Each(Protocol):
    """Applies a function to all items; the results have their order."""

    def __call__(self, function: Callable[[T], R], items: Iterable[T], /) -> list[R]:
        """Apply it."""
        ...


def in_turn(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Apply a function to one item after the other.

    >>> in_turn(abs, [-1, 2])
    [1, 2]
    """
    return [function(item) for item in items]
