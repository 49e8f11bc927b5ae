"""The page of a check of a second level."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bidsglm.report.check import CheckedPair, SettingPair
from bidsglm.report.rendering import About, environment

SECTIONS = ("Summary", "Settings", "Maps", "About")


class RefittedMap(NamedTuple):
    """A map of SPM's folder and the same computed again."""

    contrast: str
    what: str
    """effect, t (F), ResMS or mask"""
    path: Path
    r: float
    difference: float
    """Largest one, as a share of the map's range"""
    is_reproduced: bool
    """Whether it is the same map, at the same voxels, up to the rounding of its file"""


@dataclass(frozen=True)
class SecondLevelReport:
    """All that the page shows."""

    about: About
    spm: str
    """SPM.mat, as the user named it"""
    design: str
    n_images: int
    answer: str
    rows: tuple[tuple[str, str], ...]
    """Setting -> words"""
    maps: tuple[RefittedMap, ...]
    findings: tuple[str, ...]
    notes: tuple[str, ...]
    nilearn: str = ""
    """Folder of nilearn's second level; empty where none was given"""
    settings: tuple[SettingPair, ...] = ()
    """In which they differ"""
    columns: tuple[tuple[str, str, float], ...] = ()
    """SPM's, nilearn's most similar one, and their correlation"""
    pairs: tuple[CheckedPair, ...] = ()
    """Maps of both"""


def second_level_page(report: SecondLevelReport) -> str:
    """Render the page as one HTML document that needs nothing else."""
    beside = ("Beside nilearn",) if report.nilearn else ()
    sections = (*SECTIONS[:2], *beside, *SECTIONS[2:])
    return environment().get_template("second_level_check.html").render(report=report, sections=sections)
