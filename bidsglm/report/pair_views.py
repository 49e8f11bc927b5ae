"""Something that is said of each of several pairs of packages, as the tabs of a page have it."""

from typing import Generic, NamedTuple, TypeVar

from bidsglm.packages import Pair, titles

T = TypeVar("T")


class PairView(NamedTuple, Generic[T]):
    """What is said of two packages.

    >>> view = PairView(Pair("spm", "nilearn"), ())
    >>> view.key, view.title
    ('difference', 'SPM and nilearn')
    """

    pair: Pair
    content: T

    @property
    def key(self) -> str:
        """Name of its tab; those of one name change together."""
        return self.pair.label

    @property
    def title(self) -> str:
        """Words on its tab."""
        return titles(self.pair)
