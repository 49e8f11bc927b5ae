"""The summaries in an output folder: of finished units, and of participants that failed."""

from pathlib import Path

from bidsglm.errors import BidsglmError
from bidsglm.outputs.summary_form import AnySummary, SummaryForm
from bidsglm.outputs.summary_reading import SUMMARY, read_summary
from bidsglm.packages import REFERENCE
from bidsglm.pairs import Pair, pairs_of


def compared(summary: SummaryForm) -> tuple[Pair, ...]:
    """Pairs of packages that a unit's tables compare; none with a single package.

    >>> compared({"backends": ["spm", "nilearn"]})
    (Pair(first='spm', reference='nilearn'),)
    """
    return pairs_of(summary["backends"], str(summary.get("reference") or REFERENCE))


def failure_path(output_dir: Path, participant: str) -> Path:
    """Where stands why a participant failed before any unit was known.

    >>> failure_path(Path("out"), "01").name
    'sub-01_desc-bidsglm_summary.json'
    """
    return output_dir / f"sub-{participant}" / f"sub-{participant}{SUMMARY}"


def summary_paths(output_dir: Path, participant: str = "*") -> list[Path]:
    """Summaries of a participant's units (of everybody's), finished and failed, in order of their names."""
    patterns = (f"sub-{participant}/func/*{SUMMARY}", f"sub-{participant}/ses-*/func/*{SUMMARY}")
    return sorted(path for pattern in patterns for path in output_dir.glob(pattern))


def unit_summaries(output_dir: Path, participant: str) -> list[AnySummary]:
    """What the summaries of a participant's units say.

    Raises
    ------
    ReadWriteError
        When one is damaged.
    """
    return [read_summary(path) for path in summary_paths(output_dir, participant)]


def earlier_summary(path: Path) -> AnySummary:
    """What an earlier run left; nothing where there is none or it cannot be read."""
    try:
        return read_summary(path) if path.exists() else {}
    except BidsglmError:
        return {}


def all_files(summary: AnySummary) -> set[str]:
    """Files of a unit and of its add-ons, relative to the output folder.

    >>> sorted(all_files({"files": ["a"], "supplements": {"rois": {"files": ["b", "c"]}}}))
    ['a', 'b', 'c']
    """
    add_ons = summary.get("supplements", {}).values()
    return {*summary.get("files", ()), *(name for entry in add_ons for name in entry.get("files", ()))}


def errors_of(summary: AnySummary) -> list[str]:
    """What failed of a unit and of its add-ons.

    >>> errors_of({"errors": [], "supplements": {"rois": {"error": "no atlas"}, "code": {}}})
    ['no atlas']
    """
    add_ons = summary.get("supplements", {}).values()
    return [*summary.get("errors", ()), *(entry["error"] for entry in add_ons if "error" in entry)]


def warnings_of(summary: SummaryForm) -> tuple[str, ...]:
    """What the reader of a unit's results, and of its add-ons, should know.

    >>> warnings_of({"warnings": ["a"], "supplements": {"rois": {"warnings": ["b"]}, "code": {}}})
    ('a', 'b')
    """
    add_ons = summary.get("supplements", {}).values()
    return (*summary["warnings"], *(text for entry in add_ons for text in entry.get("warnings", ())))
