"""The page of two maps, or of the maps of several contrasts that two analyses share."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from bidsglm.outputs.map_tables import AGREEMENT, FIRST_AND_SECOND
from bidsglm.report.drawing import Figure
from bidsglm.report.methods import SettingRow
from bidsglm.report.rendering import About, environment
from bidsglm.report.wording import Row, digits, number

IDENTICAL, STRAIGHT = 1e-12, 1e-9
"""Distance of a correlation from 1 up to which maps are multiples of each other; that of the slope"""
OPPOSITE = -0.5
"""Correlation below which maps are taken for those of opposite contrasts"""
SIGNS = "sign_agreement"
"""Column that others speak of"""
SHOWN: Mapping[str, str] = {
    "n_both": "voxels of both",
    "n_first_only": "voxels of {first} only",
    "n_second_only": "voxels of {second} only",
    "pearson_r": "Pearson r",
    "spearman_rho": "Spearman \N{GREEK SMALL LETTER RHO}",
    "concordance": "concordance",
    "slope": "slope",
    "intercept": "intercept",
    "rmsd": "RMSD",
    "mean_difference": "mean difference",
    "loa_lower": "lower limit of agreement",
    "loa_upper": "upper limit of agreement",
    SIGNS: "same sign",
    "peak_distance_mm": "peaks apart (mm)",
    "peak_distance_lower_mm": "lowest voxels apart (mm)",
}
"""Column -> its title on the page"""
TAILS: Mapping[str, str] = {
    "p001": "p < 0.001",
    "fdr05": "FDR 0.05",
    "lower_p001": "p < 0.001, below 0",
    "lower_fdr05": "FDR 0.05, below 0",
}


@dataclass(frozen=True)
class MapFile:
    """What is known of one of the maps."""

    label: str
    path: str
    kind: str
    """With how it is known"""
    grid: str
    n_voxels: int


@dataclass(frozen=True)
class PairOfMaps:
    """Two maps on the page."""

    name: str
    """Name of the contrast and the map, for headings"""
    files: tuple[MapFile, MapFile]
    row: Row
    """Row of the agreement table"""
    figures: tuple[Figure, ...]
    peak: Figure | None = None
    volumes: Mapping[str, object] | None = None
    """For the viewer"""
    scene: Mapping[str, object] | None = None
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, str]:
        """What both are called."""
        return self.files[0].label, self.files[1].label

    @property
    def verdict(self) -> str:
        """How well both agree, in a sentence or two."""
        return verdict(self.row, self.labels)

    @property
    def numbers(self) -> list[tuple[str, str, str]]:
        """Title, value and meaning of the metrics that are there."""
        first, second = self.labels
        return [
            (title.format(first=first, second=second), number(self.row[key], key), _meaning(key, self.labels))
            for key, title in SHOWN.items()
            if key in self.row
        ]

    @property
    def overlaps(self) -> list[tuple[str, list[str]]]:
        """Threshold, and Dice, Jaccard and numbers of voxels that pass it in both maps."""
        keys = ("dice", "jaccard", "n_first", "n_second", "dark_dice_first", "dark_dice_second")
        return [
            (title, [number(self.row[f"{key}_{tail}"], key) for key in keys])
            for tail, title in TAILS.items()
            if f"dice_{tail}" in self.row
        ]


@dataclass(frozen=True)
class MapsReport:
    """All that the page shows."""

    about: About
    title: str
    lead: tuple[str, ...]
    """What is compared, line by line"""
    pairs: tuple[PairOfMaps, ...]
    table: str
    """Link to the table of agreement"""
    notes: tuple[str, ...] = ()
    settings: tuple[SettingRow, ...] = ()
    """Settings of two models, side by side"""
    columns: tuple[Mapping[str, object], ...] = ()
    """Columns of both designs, as the table has them"""
    labels: tuple[str, str] = ("first", "second")
    MOST_TOLD: ClassVar[int] = 4
    """Pairs of which each has sentences; more stand in a table"""

    @property
    def sections(self) -> tuple[str, ...]:
        """Titles of what is there."""
        middle = ("Settings",) * bool(self.settings) + ("Columns",) * bool(self.columns)
        return ("Summary", *middle, "Agreement", "Maps", "Files", "About")


def _meaning(key: str, labels: tuple[str, str]) -> str:
    """What a column holds, with the labels of the maps.

    >>> _meaning("mean_difference", ("SPM", "nilearn"))
    'Mean of SPM minus nilearn, in the unit of the map'
    """
    words = {SIGNS: f"“{SHOWN[SIGNS]}”", **dict(zip(FIRST_AND_SECOND, labels, strict=True))}
    return re.sub(rf"\b(first|second|{SIGNS})\b", lambda found: words[found[0]], AGREEMENT[key].description)


def verdict(row: Row, labels: tuple[str, str]) -> str:
    """Say how well two maps agree.

    >>> row = {"n_both": 9, "pearson_r": 1.0, "slope": 2.0, "intercept": 0.0, "rmsd": 3.0, "map": "effect"}
    >>> verdict(row, ("A", "B"))
    'In the 9 voxels of both, A is 2.00 times B, and nothing else differs.'
    """
    first, second = labels
    where = f"In the {number(row['n_both'], 'n_both')} voxels of both"
    r, slope = float(row["pearson_r"]), float(row["slope"])
    if row["rmsd"] == 0:
        return f"{where}, {first} and {second} are identical."
    if not math.isfinite(r):
        return f"{where}, one of the maps is constant: there is nothing to correlate."
    if abs(abs(r) - 1) < IDENTICAL and abs(float(row["intercept"])) <= STRAIGHT * float(row["rmsd"]):
        return f"{where}, {first} is {digits(slope)} times {second}, and nothing else differs."
    opposite = " The maps are opposite in sign: look at the contrast's weights." if r < OPPOSITE else ""
    return (
        f"{where}, {first} correlates with {second} at r = {number(r)}; {first} is {digits(slope)} times"
        f" {second} (slope){_dice(row)}.{opposite}"
    )


def _dice(row: Row) -> str:
    dice = float(row.get("dice_p001", math.nan))
    if math.isfinite(dice):
        return f", and the voxels of p < 0.001 overlap with a Dice of {number(dice)}"
    return ", and no voxel passes p < 0.001 in either" if "dice_p001" in row else ""


def maps_page(report: MapsReport) -> str:
    """Render the page as one HTML document that needs nothing else."""
    return environment().get_template("maps.html").render(report=report, sections=report.sections)
