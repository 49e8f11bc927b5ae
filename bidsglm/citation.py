"""Methods text of a whole output folder: what to put into a paper, with its references."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

from bidsglm.errors import BidsglmError
from bidsglm.outputs.summaries import summary_paths
from bidsglm.outputs.summary_form import AnySummary, SummaryForm, is_finished
from bidsglm.outputs.summary_reading import read_summary
from bidsglm.outputs.unchanged import snapshot, until_unchanged
from bidsglm.outputs.writes import write_shared
from bidsglm.report.references import cited
from bidsglm.settings import Settings
from bidsglm.unit.methods import paragraphs
from bidsglm.unit.models import units_with_models
from bidsglm.unit.preparation import outline

Methods = Mapping[str, tuple[str, ...]]
"""Prefix of a unit -> paragraphs about its fit"""


def citation_path(output_dir: Path) -> Path:
    """Where the methods text stands."""
    return output_dir / "logs" / "CITATION.md"


def citation_text(methods: Methods) -> str:
    """Methods of all units, equal ones once, and what they cite.

    >>> print(citation_text({"sub-01_task-x": ("One.",), "sub-02_task-x": ("One.",)}))
    # Methods
    <BLANKLINE>
    One.
    <BLANKLINE>
    # References
    <BLANKLINE>
    <BLANKLINE>
    >>> citation_text({"sub-01_task-x": ("One.",), "sub-02_task-x": ("Two.",)}).splitlines()[2]
    '## sub-01 task-x'
    """
    units: dict[tuple[str, ...], list[str]] = {}
    for prefix in sorted(methods):
        units.setdefault(methods[prefix], []).append(prefix.replace("_", " "))
    parts = ["# Methods"]
    for texts, names in units.items():
        parts.extend([f"## {', '.join(names)}"] if len(units) > 1 else [])
        parts.extend(texts)
    references = "\n".join(f"- {text}" for text in cited([text for key in units for text in key]))
    return "\n\n".join((*parts, "# References", references)) + "\n"


def _readable(paths: Iterable[Path]) -> Iterable[AnySummary]:
    for path in paths:
        try:
            yield read_summary(path)
        except BidsglmError:  # damaged, or just being replaced: its own run will say so
            continue


def _finished(output_dir: Path) -> Methods:
    """Methods of the units that stand finished in the output folder."""
    found = _readable(summary_paths(output_dir))
    return {s["prefix"]: tuple(s["methods"]) for s in found if _has_methods(s)}


def _has_methods(summary: AnySummary) -> TypeGuard[SummaryForm]:
    """Whether a unit is finished and its summary in form.

    >>> _has_methods({"status": "finished", "prefix": 7, "methods": []})
    False
    """
    in_form = isinstance(summary.get("prefix"), str) and isinstance(summary.get("methods"), list)
    return in_form and is_finished(summary)


def _says_all(text: str, methods: Iterable[Sequence[str]]) -> bool:
    """Whether a methods text that is the same for all units holds these paragraphs too."""
    return "\n## " not in text and all("\n\n".join(paragraphs) in text for paragraphs in methods)


def write_citation(output_dir: Path, participants: Sequence[str] | None = None) -> None:
    """Write the methods of every finished unit in the output folder.

    Where the text already has all of the participants that were just fitted, the summaries of the others are
    not read again, which many jobs at once would pay for.

    Raises
    ------
    ReadWriteError
        When it cannot be written.
    """
    path = citation_path(output_dir)
    if participants is not None and path.exists():
        own = [path for label in participants for path in summary_paths(output_dir, label)]
        methods = [s["methods"] for s in _readable(own) if is_finished(s)]
        if _says_all(path.read_text(encoding="utf-8"), methods):
            return
    until_unchanged(
        lambda: write_shared(path, citation_text(_finished(output_dir))),
        lambda: snapshot(summary_paths(output_dir)),
    )


def write_methods(output_dir: Path, methods: Methods) -> str:
    """Write and return the methods of units that may not be fitted yet, beside those of finished ones.

    Raises
    ------
    CannotCreateError, ReadWriteError
        When they cannot be written.
    """
    text = citation_text({**_finished(output_dir), **methods})
    write_shared(citation_path(output_dir), text)
    return text


def participant_methods(settings: Settings, participant: str) -> dict[str, tuple[str, ...]]:
    """Methods text of each unit by its prefix, for --boilerplate-only; no image is read.

    Raises
    ------
    BidsglmError
        Whatever would stop the fit before its images are read.
    """
    methods = {}
    for unit, model in units_with_models(settings, participant):
        found = outline(unit, model.specification, model.backends)
        methods[unit.prefix] = paragraphs(
            model.specification, found.paradigms, tuple(found.columns), reference=settings.reference
        )
    return methods
