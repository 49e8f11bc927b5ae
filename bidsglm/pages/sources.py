"""The files that a participant's page tells of, and whether it is newer than they are."""

from pathlib import Path

from bidsglm.outputs.summaries import failure_path, summary_paths
from bidsglm.outputs.unchanged import snapshot


def page_sources(output_dir: Path, participant: str) -> list[Path]:
    """Summaries of its units, and the note on a run that failed before any was known."""
    return [failure_path(output_dir, participant), *summary_paths(output_dir, participant)]


def page_is_current(output_dir: Path, participant: str) -> bool:
    """Whether a participant's page was written after all that it tells of."""
    path = output_dir / f"sub-{participant}.html"
    sources = snapshot(page_sources(output_dir, participant))
    page = snapshot([path]).get(path)
    return page is not None and all(page[0] >= changed for changed, _ in sources.values())
