"""Which packages are compared with which, and what a pair of them is called."""

from collections.abc import Iterable
from typing import NamedTuple

from bidsglm.packages import DEFAULT_PACKAGES, REFERENCE, in_order, title


class Pair(NamedTuple):
    """Two packages that are compared."""

    first: str
    reference: str
    """What is subtracted"""

    @property
    def is_default(self) -> bool:
        """Whether it is the pair that names of files and columns leave out."""
        return set(self) == set(DEFAULT_PACKAGES)

    @property
    def label(self) -> str:
        """Behind desc- in the names of difference maps.

        >>> Pair("spm", "nilearn").label, Pair("afni", "nilearn").label
        ('difference', 'afniVSnilearn')
        """
        return "difference" if self.is_default else f"{self.first}VS{self.reference}"

    @property
    def suffix(self) -> str:
        """Behind the columns of the pair in a table that several pairs share.

        >>> Pair("spm", "nilearn").suffix, Pair("afni", "nilearn").suffix
        ('', '_afniVSnilearn')
        """
        return "" if self.is_default else f"_{self.label}"

    @property
    def titles(self) -> tuple[str, str]:
        """Return both as sentences name them."""
        return title(self.first), title(self.reference)

    @property
    def minus(self) -> str:
        """The difference in a sentence.

        >>> Pair("spm", "nilearn").minus
        'SPM minus nilearn'
        """
        return " minus ".join(self.titles)

    @property
    def difference(self) -> str:
        """The difference on an axis.

        >>> Pair("spm", "nilearn").difference
        'SPM − nilearn'
        """
        return " − ".join(self.titles)


DEFAULT_PAIR = Pair(*DEFAULT_PACKAGES)


def base_of(names: Iterable[str], reference: str = REFERENCE) -> str:
    """Return the package that others are compared with: the reference, or else the last of some.

    >>> base_of(["spm", "nilearn"]), base_of(["spm"])
    ('nilearn', 'spm')
    """
    found = in_order(names)
    return reference if reference in found else "".join(found[-1:])


def paired(name: str, base: str) -> Pair:
    """Compare two packages; the default pair always runs the same way, whichever of them is the reference.

    >>> paired("nilearn", "spm"), paired("afni", "spm")
    (Pair(first='spm', reference='nilearn'), Pair(first='afni', reference='spm'))
    """
    found = Pair(name, base)
    return DEFAULT_PAIR if found.is_default else found


def pairs_of(names: Iterable[str], reference: str = REFERENCE) -> tuple[Pair, ...]:
    """Each package with the reference, in the order of the table.

    Without the reference among them, the last one takes its place.

    >>> pairs_of(["nilearn", "spm"])
    (Pair(first='spm', reference='nilearn'),)
    """
    found = in_order(names)
    base = base_of(found, reference)
    return tuple(paired(name, base) for name in found if name != base)


def every_pair(names: Iterable[str], reference: str = REFERENCE) -> tuple[Pair, ...]:
    """Each package with each other: first those with the reference, then those of the rest by the same rule.

    >>> every_pair(["nilearn", "spm"])
    (Pair(first='spm', reference='nilearn'),)
    """
    found = in_order(names)
    if len(found) < 2:
        return ()
    base = base_of(found, reference)
    return pairs_of(found, base) + every_pair((name for name in found if name != base), reference)


def pair_of(names: Iterable[str], reference: str = REFERENCE) -> Pair:
    """Return the first pair of some packages; the default pair where there are not two."""
    found = pairs_of(names, reference)
    return found[0] if found else DEFAULT_PAIR
