"""The summary of a task's group maps: who is in them, their design and thresholds, and what went wrong."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bidsglm.backends.records import contrast_weights
from bidsglm.errors import BidsglmError
from bidsglm.group.map_files import Fitted, GroupWriter, group_label
from bidsglm.group.members import Summary
from bidsglm.messages import LOG
from bidsglm.outputs.names import read_json, write_json

METHODS = (
    "At the group level, the effect maps of each package were fitted with the package's own second level by"
    " ordinary least squares, every participant with the same weight: SPM12's equations"
    " (reimplemented; errors independent, of one variance in all groups), and nilearn's SecondLevelModel."
    " Numeric covariates were centred on their mean over the participants. Each package's map is thresholded"
    " its own way: SPM's familywise threshold by random field theory or Bonferroni, whichever is lower,"
    " nilearn's by Bonferroni; p < 0.001 uncorrected and a false discovery rate of 0.05 in both."
)


class Told(NamedTuple):
    """What the summary of the group's maps says."""

    contrasts: list[dict[str, Any]]
    notes: list[str]
    errors: list[BidsglmError]
    failures: dict[str, BidsglmError]
    """Participant -> why a map of theirs cannot be read"""


def summaries(fitted: Fitted, left_out: Mapping[str, str], unit: Summary) -> Iterator[dict[str, Any]]:
    """What the page wants to know of each contrast over participants."""
    masks = {backend: level.mask for backend, level in fitted.levels.items()}
    sizes = {backend: int(mask.sum()) for backend, mask in masks.items()}
    for index, maps in enumerate(fitted.levels["spm"].maps):
        found = {b: level.inference.contrasts[index] for b, level in fitted.levels.items()}
        yield {
            "label": group_label(fitted.label, maps),
            "contrast": fitted.first_level,
            "name": fitted.name,
            "group_contrast": maps.specification.name,
            "test": "t",
            "participants": fitted.participants,
            "n": len(fitted.participants),
            "left_out": dict(left_out),
            "design": {
                "columns": fitted.design.names,
                "weights": contrast_weights(maps.specification, fitted.design),
            },
            "dof": {b: level.maps[index].dof for b, level in fitted.levels.items()},
            "thresholds": {b: of_one.thresholds._asdict() for b, of_one in found.items()},
            "n_voxels": {**sizes, "both": int((masks["spm"] & masks["nilearn"]).sum())},
            "fwhm_mm": fitted.levels["spm"].inference.fwhm_mm,
            "effect_units": unit.get("effect_units"),
        }


def finish(writer: GroupWriter, told: Told) -> None:
    """Write the table of agreement and the summary; remove what only an earlier run had.

    After an error the maps of an earlier run stay, and are removed by the next run that has none.
    """
    if writer.rows:
        writer.agreement()
    path = writer.output_dir / "group" / f"{writer.name}_desc-group_summary.json"
    stale = [name for name in _earlier_files(path) if name not in writer.files]
    kept = stale if told.errors else []
    for note in told.notes:
        LOG.warning("%s: %s", writer.name, note)
    write_json(
        path,
        {
            "name": writer.name,
            "notes": told.notes,
            "errors": [str(error) for error in told.errors],
            "methods": [METHODS] if told.contrasts else [],
            "contrasts": told.contrasts,
            "files": [*writer.files, *kept],
        },
    )
    for relative in set(stale) - set(kept):
        (writer.output_dir / relative).unlink(missing_ok=True)


def _earlier_files(path: Path) -> list[str]:
    try:
        return [str(name) for name in read_json(path).get("files", [])] if path.exists() else []
    except BidsglmError:
        return []
