"""The page of a check of a second level."""

from dataclasses import dataclass

from bidsglm.report.check import CheckedPair, SettingPair
from bidsglm.report.rendering import About, environment

SECTIONS = ("Summary", "Settings", "Maps", "About")


@dataclass(frozen=True)
class RefittedRow:
    """A map of the group and the same computed again."""

    contrast: str
    what: str
    file: str
    r: float
    difference: float
    is_reproduced: bool


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
    maps: tuple[RefittedRow, ...]
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
