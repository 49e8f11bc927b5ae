"""From finished results on disk to pages, which can so be written again at any time."""

import threading
from pathlib import Path

from bidsglm.outputs.names import write_text
from bidsglm.outputs.summaries import errors_of, failure_path, unit_summaries
from bidsglm.outputs.summary_form import has_fit
from bidsglm.outputs.summary_reading import read_summary
from bidsglm.outputs.unchanged import snapshot, until_unchanged
from bidsglm.pages.about import about
from bidsglm.pages.sources import page_sources
from bidsglm.pages.unit import unit_report
from bidsglm.pages.unit_files import UnitFiles
from bidsglm.report.html import participant_page
from bidsglm.report.participant_report import ParticipantReport

_ONE_AT_A_TIME = threading.Lock()
"""Settings of drawing are those of the process, and a page may be written beside the next participant."""


def write_participant_page(output_dir: Path, participant: str) -> None:
    """Write sub-<participant>.html and its figures from what stands in the output folder.

    Raises
    ------
    ReadWriteError
        When a result is missing or cannot be read, or the page cannot be written.
    """
    with _ONE_AT_A_TIME:
        until_unchanged(
            lambda: _write_participant_page(output_dir, participant),
            lambda: snapshot(page_sources(output_dir, participant)),
        )


def _write_participant_page(output_dir: Path, participant: str) -> None:
    marker = failure_path(output_dir, participant)
    errors = list(read_summary(marker).get("errors", [])) if marker.exists() else []
    figures_dir = output_dir / f"sub-{participant}" / "figures"
    units = []
    for summary in unit_summaries(output_dir, participant):
        errors += errors_of(summary)
        if has_fit(summary):
            units.append(unit_report(UnitFiles(output_dir, summary), figures_dir))
    report = ParticipantReport(participant, about(), tuple(units), tuple(errors))
    write_text(output_dir / f"sub-{participant}.html", participant_page(report))
