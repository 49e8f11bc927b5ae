"""The page of a check: two analyses of a user side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bidsglm.diagnosis.advice import Finding
from bidsglm.report.breakdowns import Reach
from bidsglm.report.methods import SettingRow
from bidsglm.report.participant_report import ContrastReport
from bidsglm.report.rendering import About, environment

SECTIONS = (
    "Summary",
    "Differences",
    "Why the maps differ",
    "Settings",
    "Columns",
    "Maps",
    "Going on",
    "How it was found",
    "About",
)


class SettingPair(NamedTuple):
    """A setting in which two analyses differ."""

    setting: str
    """In the vocabulary of the check, with what it is of behind"""
    spm: str
    nilearn: str
    consequence: str
    remedy: str
    """On both sides"""
    matters: bool = True
    """Whether the models are others for it"""


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


class CheckedPair(NamedTuple):
    """A map of each program that belong together."""

    what: str
    """effect, t or F"""
    contrast: str
    """SPM's name"""
    spm: Path
    nilearn: Path
    r: float
    """Within both masks"""
    ratio: float
    """nilearn's over SPM's, through 0"""
    n_spm: int
    n_nilearn: int
    n_both: int
    dice: float


@dataclass(frozen=True)
class CheckedModel:
    """A user's model as files."""

    whose: str
    """As in a heading"""
    folder: str
    """Relative to the page"""
    scripts: tuple[str, ...]
    has_data: bool
    """Whether the scans stand behind it"""
    is_same: bool
    """Whether the file, read back, gives the user's columns"""
    notes: tuple[str, ...]


@dataclass(frozen=True)
class CheckReport:
    """All that the page shows."""

    about: About
    spm: str
    """Folder, as the user named it"""
    nilearn: str
    same_model: bool
    answer: str
    settings: tuple[SettingPair, ...]
    rows: tuple[SettingRow, ...]
    """All settings side by side"""
    columns: tuple[CheckedColumn, ...]
    drifts: tuple[str, ...]
    """A sentence for the filter of every run"""
    maps: tuple[CheckedPair, ...]
    contrasts: tuple[ContrastReport, ...]
    """Those with maps of both"""
    scene: Mapping[str, object] | None
    """What the slice viewers share, see `volumes.Scene`"""
    reasons: Mapping[str, tuple[str, ...]]
    """Contrast -> where its differences come from, in sentences"""
    reach: Reach | None
    """How far the attribution can be trusted; None where there is none"""
    not_attributed: str
    """Why there is none"""
    models: tuple[CheckedModel, ...]
    models_not_written: tuple[str, ...]
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
