"""What stands in an output folder: the summaries of units, and why participants failed."""

from pathlib import Path
from typing import Any

from bidsglm.dataset.outputs import read_json

SUMMARY = "_desc-bidsglm_summary.json"


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


def unit_summaries(output_dir: Path, participant: str) -> list[dict[str, Any]]:
    """What the summaries of a participant's units say.

    Raises
    ------
    ReadWriteError
        When one is damaged.
    """
    return [read_json(path) for path in summary_paths(output_dir, participant)]
