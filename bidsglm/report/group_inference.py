"""What survives correction in the group's maps of a contrast, as the page shows it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bidsglm import packages
from bidsglm.outputs.group_map_tables import INFERENCES
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.wording import UNDEFINED, Row, degrees, number

TAILS: Mapping[str, str] = {"upper": "above 0", "lower": "below 0"}

CELL_NOTES: Mapping[tuple[str, str], str] = {
    ("clusterExtent", "spm"): "random field theory",
    ("clusterExtent", "nilearn"): "all-resolution inference, no test of extents",
}
"""Correction and package -> what the count is by, where the packages' methods differ in kind"""
NOT_MADE = {"clusterExtent": "extents are not corrected here"}
"""Correction -> what stands where a package has none"""
FEW_DOF = 20
"""Residual degrees of freedom below which p of extents by random field theory is told to be unreliable: the
theory holds for fields that are nearly Gaussian and smooth, and t of few degrees of freedom is neither."""


def extents(backends: Sequence[str]) -> str:
    """By what each package corrects clusters, where they differ; empty where all do alike.

    >>> extents(["spm", "afni", "fsl"]), extents(["afni", "fsl"])
    ('SPM: random field theory; AFNI and FSL: none', '')
    """
    ways: dict[str, list[str]] = {}
    for name in backends:
        ways.setdefault(CELL_NOTES.get(("clusterExtent", name), "none"), []).append(name)
    return "; ".join(f"{packages.titles(names)}: {way}" for way, names in ways.items()) * (len(ways) > 1)


class InferenceLine(NamedTuple):
    """A row of the table."""

    inference: str
    """In words"""
    tail: str
    counts: tuple[str, ...]
    """Voxels of each package"""
    overlaps: tuple[str, ...]
    """Voxels of both and their Dice, of each pair"""
    rules: str
    """What each package does, for a tooltip"""
    notes: tuple[str, ...] = ()
    """What must be known beside each count, in its cell; empty where nothing"""


@dataclass(frozen=True)
class GroupInference:
    """What survives correction in a contrast."""

    rows: tuple[Row, ...]
    """Rows of the table, of this contrast"""
    table: str
    """Link to the TSV, relative to the page"""
    dof: float = math.inf
    """Residual degrees of freedom, the fewest of all packages"""
    pairs: tuple[Pair, ...] = (DEFAULT_PAIR,)
    """What is compared"""

    @property
    def headings(self) -> tuple[str, ...]:
        """Columns on the overlap of each pair; none with one package.

        >>> pairs = Pair("spm", "nilearn"), Pair("x", "nilearn")
        >>> GroupInference(({"n_spm": 3, "n_nilearn": 2},), "t.tsv", 40.0, pairs).headings[1::2]
        ('Dice, SPM and nilearn', 'Dice, x and nilearn')
        """
        if len(self.backends) < 2:
            return ()
        if len(self.pairs) == 1:
            return "both", "Dice"
        return tuple(f"{what}, {packages.titles(pair)}" for pair in self.pairs for what in ("both", "Dice"))

    @property
    def caution(self) -> str:
        """Note on SPM's extents where the degrees of freedom are few; else empty.

        >>> row = {"inference": "clusterExtent", "n_spm": 31}
        >>> print(GroupInference((row,), "t.tsv", 3.0).caution)
        SPM's p of cluster extents cannot be relied on here: with 3 degrees of freedom a t map is too rough \
        for random field theory, and even clusters of one voxel get a tiny p. Use voxels, or --permutations.
        >>> GroupInference((row,), "t.tsv", 40.0).caution
        ''
        """
        shown = any(row["inference"] == "clusterExtent" and _counted(row, "spm") for row in self.rows)
        if not shown or self.dof >= FEW_DOF:
            return ""
        return (
            f"SPM's p of cluster extents cannot be relied on here: with {degrees([self.dof])} degrees of"
            " freedom a t map is too rough for random field theory, and even clusters of one voxel get a tiny"
            " p. Use voxels, or --permutations."
        )

    @property
    def backends(self) -> tuple[str, ...]:
        """Packages that have a count."""
        return tuple(name for name in packages.PACKAGES if any(_counted(row, name) for row in self.rows))

    @property
    def two_sided(self) -> bool:
        """Whether both tails are one test."""
        return any(bool(row["two_sided"]) for row in self.rows)

    @property
    def lines(self) -> tuple[InferenceLine, ...]:
        """One for each correction and tail."""
        return tuple(self._line(row) for row in self.rows)

    def _line(self, row: Row) -> InferenceLine:
        rules = [f"{packages.title(b)}: {row[f'rule_{b}']}" for b in self.backends if row.get(f"rule_{b}")]
        return InferenceLine(
            INFERENCES.get(str(row["inference"]), str(row["inference"])),
            TAILS.get(str(row["tail"]), str(row["tail"])),
            tuple(_count(row.get(f"n_{b}")) for b in self.backends),
            tuple(text for pair in self.pairs for text in _overlap(row, pair)) if self.headings else (),
            "; ".join(rules),
            tuple(_cell_note(row, b) for b in self.backends),
        )


def _counted(row: Row, backend: str) -> bool:
    """Whether a package has a count: the table's n/a of a package that was not fitted comes back as NaN."""
    return isinstance(row.get(f"n_{backend}"), int)


def _cell_note(row: Row, backend: str) -> str:
    """What must be known beside a count."""
    kind = str(row["inference"])
    if not _counted(row, backend):
        return NOT_MADE.get(kind, "")
    return CELL_NOTES.get((kind, backend), "")


def _overlap(row: Row, pair: Pair) -> tuple[str, str]:
    return _count(row.get(f"n_both{pair.suffix}")), _dice(row.get(f"dice{pair.suffix}"))


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else UNDEFINED


def _dice(value: object) -> str:
    known = isinstance(value, float) and math.isfinite(value)
    return number(value, "dice_p001") if known and isinstance(value, float) else UNDEFINED


def of_contrast(
    rows: Sequence[Row],
    label: str,
    table: str,
    dof: float = math.inf,
    pairs: tuple[Pair, ...] = (DEFAULT_PAIR,),
) -> GroupInference | None:
    """Rows of the contrast with a label; None where there are none."""
    own = tuple(row for row in rows if row["label"] == label)
    return GroupInference(own, table, dof, pairs) if own else None
