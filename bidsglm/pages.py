"""From finished results on disk to pages, which can so be written again at any time."""

import platform
import shlex
import sys
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bidsglm
from bidsglm.dataset.outputs import read_json, write_text
from bidsglm.report.html import About, ParticipantReport, participant_page
from bidsglm.summary import errors_of
from bidsglm.unit_page import UnitFiles, unit_report

PACKAGES = ("nilearn", "numpy", "scipy", "nibabel", "pandas", "pybids")


def failure_path(output_dir: Path, participant: str) -> Path:
    """Where stands why a participant failed before any unit was known."""
    return output_dir / f"sub-{participant}" / f"sub-{participant}_desc-bidsglm_summary.json"


def unit_summaries(output_dir: Path, participant: str) -> list[dict[str, Any]]:
    """Summaries of a participant's units, finished and failed, in order of their names."""
    folder = output_dir / f"sub-{participant}"
    paths = [*folder.glob("func/*_summary.json"), *folder.glob("ses-*/func/*_summary.json")]
    return [read_json(path) for path in sorted(paths)]


def about() -> About:
    """What made the page."""
    packages = {"Python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    command = shlex.join(["bidsglm", *sys.argv[1:]])
    return About(bidsglm.__version__, command, f"{datetime.now():%Y-%m-%d %H:%M}", packages)


def write_participant_page(output_dir: Path, participant: str) -> None:
    """Write sub-<participant>.html and its figures from what stands in the output folder.

    Raises
    ------
    ReadWriteError
        When a result is missing or cannot be read, or the page cannot be written.
    """
    marker = failure_path(output_dir, participant)
    errors = list(read_json(marker).get("errors", [])) if marker.exists() else []
    figures_dir = output_dir / f"sub-{participant}" / "figures"
    units = []
    for summary in unit_summaries(output_dir, participant):
        errors += errors_of(summary)
        if "estimates" in summary:
            units.append(unit_report(UnitFiles(output_dir, summary), figures_dir))
    report = ParticipantReport(participant, about(), tuple(units), (), tuple(errors))
    write_text(output_dir / f"sub-{participant}.html", participant_page(report))
