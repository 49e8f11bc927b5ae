"""The page of a check: two analyses of a user side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

from bidsglm.diagnosis.advice import Finding
from bidsglm.report.drawing import Figure
from bidsglm.report.methods import SettingRow
from bidsglm.report.rendering import About, environment

SECTIONS = ("Summary", "Differences", "Settings", "Columns", "Maps", "How it was found", "About")


@dataclass(frozen=True)
class CheckedSetting:
    """A setting that differs."""

    setting: str
    spm: str
    nilearn: str
    consequence: str
    remedy: str


@dataclass(frozen=True)
class CheckedColumn:
    """A column of both designs of a run, or of one of them."""

    run: int
    spm: str
    """Empty where nilearn has it alone"""
    nilearn: str
    r: float
    r_filtered: float
    ratio: float
    verdict: str
    """identical, scaled, others ..."""


@dataclass(frozen=True)
class CheckedMap:
    """A map of both."""

    contrast: str
    what: str
    r: float
    ratio: float
    dice: float
    n_spm: int
    n_nilearn: int
    n_both: int


@dataclass(frozen=True)
class CheckReport:
    """All that the page shows."""

    about: About
    spm: str
    """Folder, as the user named it"""
    nilearn: str
    same_model: bool
    answer: str
    settings: tuple[CheckedSetting, ...]
    rows: tuple[SettingRow, ...]
    """All settings side by side"""
    columns: tuple[CheckedColumn, ...]
    drifts: tuple[str, ...]
    """A sentence for the filter of every run"""
    maps: tuple[CheckedMap, ...]
    figures: Mapping[str, tuple[Figure, ...]]
    """By contrast"""
    findings: tuple[str, ...]
    """How settings were found, and whether SPM's maps came out again"""
    design_findings: tuple[Finding, ...]
    """What is to be said of the design, whoever fits it"""
    notes: tuple[str, ...]
    tables: Mapping[str, str]
    """Part of the page -> its table, relative to the page"""


def check_page(report: CheckReport) -> str:
    """Render the page as one HTML document that needs nothing else."""
    return environment().get_template("check.html").render(report=report, sections=SECTIONS)
