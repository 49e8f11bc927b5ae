"""The summary of a task's group maps: who is in them, their design and thresholds, and what went wrong."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.backends.records import contrast_weights
from bidsglm.dataset.group_faults import listed
from bidsglm.errors import BidsglmError
from bidsglm.group.fitted import FittedGroup, group_label, mask_name
from bidsglm.group.map_files import GroupWriter
from bidsglm.group.reasons import Reasons
from bidsglm.messages import LOG
from bidsglm.outputs.confinement import remove_own
from bidsglm.outputs.group_form import GroupContrastForm
from bidsglm.outputs.summary_reading import read_group_summary, write_summary
from bidsglm.packages import PACKAGES, in_order, title, titles
from bidsglm.unit.summary import as_form

EQUAL_METHODS = "reimplemented; errors independent, of one variance in all groups"
UNEQUAL_METHODS = (
    "reimplemented; errors independent, with a variance for each group of participants as in SPM's default,"
    " estimated by ReML from the pooled covariance of the voxels whose F of the whole design passes p <"
    " 0.001, one for all voxels; the degrees of freedom are not corrected for it"
)
METHODS = (
    "At the group level, the effect maps of each package were fitted with the package's own second level by"
    " least squares, every participant {weight}: {levels}. Covariates were centred on their mean,"
    " unless a transformation of the model had made them. {thresholds}"
)
NO_FLAME = (
    "These are one-sample and two-sample tests, and regressions, by ordinary least squares: the variances of"
    " the participants' own effects are not used. FSL's FLAME (flame1), which weighs by these, is not made."
)
"""Where FSL is among the packages, whose usual second level is another"""

ATTRIBUTION_METHODS = (
    "The difference between the packages' group maps was divided among the participants' maps, the design,"
    " the variance model and the mask by Shapley values (Shapley, 1953)."
)


def methods(contrasts: Sequence[GroupContrastForm]) -> list[str]:
    """What was done, in citable words, and which contrasts have variances for groups, where some have none.

    >>> one = {"name": "go", "variance": {}, "dof": {"spm": [9], "nilearn": [9]}}
    >>> "one variance in all groups" in methods([one])[0], methods([])
    (True, [])
    """
    if not contrasts:
        return []
    fitted = in_order({name for each in contrasts for name in each["dof"]})
    kinds = [_is_unequal(each) for each in contrasts]
    errors, weight = EQUAL_METHODS, "with the same weight"
    if any(kinds):
        errors = UNEQUAL_METHODS
        others = titles([name for name in fitted if name != "spm"] or fitted)
        weight = f"with the same weight in {others}, and in SPM with that of the variance of their group"
    if any(kinds) and not all(kinds):
        own = dict.fromkeys(each["label"] for each, kind in zip(contrasts, kinds, strict=True) if kind)
        errors += f"; so in {', '.join(own)}, else with one variance"
    levels = [PACKAGES[name].second_level.format(errors=errors) for name in fitted]
    whole = ", and ".join(filter(None, (", ".join(levels[:-1]), levels[-1])))
    text = METHODS.format(weight=weight, levels=whole, thresholds=_thresholds(fitted))
    behind = [ATTRIBUTION_METHODS] if any(each.get("attributed") for each in contrasts) else []
    return [text, *([NO_FLAME] if "fsl" in fitted else []), *behind]


def _is_unequal(contrast: GroupContrastForm) -> bool:
    """Whether a package has a variance for each group of participants."""
    return any(each["VarianceModel"] == "unequal" for each in contrast.get("variance", {}).values())


def _thresholds(fitted: Sequence[str]) -> str:
    """How each package's map is thresholded."""
    by_fields = [f"{title(name)}'s" for name in fitted if PACKAGES[name].random_fields]
    by_number = [f"{title(name)}'s" for name in fitted if not PACKAGES[name].random_fields]
    told = []
    if by_fields:
        told.append(
            f"{listed(by_fields)} familywise threshold by random field theory or Bonferroni,"
            " whichever is lower"
        )
    if by_number:
        told.append(f"{listed(by_number)}{'' if by_fields else ' familywise threshold'} by Bonferroni")
    where = {1: "", 2: " in both"}.get(len(fitted), " in all")
    ways = (
        "Each package's map is thresholded its own way: " if len(fitted) > 1 else "The map is thresholded by "
    )
    return f"{ways}{', '.join(told)}; p < 0.001 uncorrected and a false discovery rate of 0.05{where}."


class GroupRecord(NamedTuple):
    """What the summary of the group's maps says."""

    contrasts: list[GroupContrastForm]
    notes: list[str]
    errors: list[BidsglmError]
    failures: dict[str, BidsglmError]
    """Participant -> why a map of theirs cannot be read"""

    def note(self, text: str) -> None:
        """Say something once."""
        if text not in self.notes:
            self.notes.append(text)

    def add(self, error: BidsglmError) -> None:
        """Note an error once, whichever contrasts meet it."""
        if str(error) not in map(str, self.errors):
            self.errors.append(error)


class Origin(NamedTuple):
    """Where contrasts over participants come from, for the summary."""

    prefix: str
    """Start of the names of their files"""
    words: str
    """Session and level of a column of the participants; empty for all"""
    node: str
    """Name of the Dataset node; empty where there is one"""


def summaries(
    fitted: FittedGroup, left_out: Mapping[str, str], origin: Origin, why: Reasons
) -> Iterator[GroupContrastForm]:
    """What the page wants to know of each contrast over participants."""
    masks = {backend: level.mask for backend, level in fitted.levels.items()}
    sizes = {backend: int(mask.sum()) for backend, mask in masks.items()}
    both = int(np.logical_and.reduce(list(masks.values())).sum())
    smoothness = {b: level.inference.fwhm_mm for b, level in fitted.levels.items()}
    fwhm = next((smoothness[b] for b in smoothness if PACKAGES[b].random_fields), None)
    for index, maps in enumerate(fitted.maps):
        found = {b: level.inference.contrasts[index] for b, level in fitted.levels.items()}
        label = group_label(fitted.label, maps)
        yield {
            "prefix": origin.prefix,
            "group": origin.words,
            "node": origin.node,
            "label": label,
            "masks": {b: mask_name(origin.prefix, fitted.label, b) for b in fitted.levels},
            "contrast": fitted.first_level,
            "name": fitted.name,
            "group_contrast": maps.specification.name,
            "test": maps.specification.test,
            "participants": list(fitted.participants),
            "n": len(fitted.participants),
            "n_maps": len(fitted.rows),
            "left_out": dict(left_out),
            "design": {
                "columns": list(fitted.design.names),
                "weights": contrast_weights(maps.specification, fitted.design).tolist(),
            },
            "dof": {b: list(level.maps[index].dof) for b, level in fitted.levels.items()},
            "thresholds": {b: of_one.thresholds._asdict() for b, of_one in found.items()},
            "n_voxels": {**sizes, "both": both},
            "fwhm_mm": list(fwhm) if fwhm else None,
            "effect_units": dict(fitted.units) or None,
            "variance": {b: level.variance for b, level in fitted.levels.items()},
            "findings": [as_form(finding)] if (finding := why.findings.get(label)) else [],
            "attributed": label in why.labels,
        }


def finish(writer: GroupWriter, record: GroupRecord) -> None:
    """Write the table of agreement and the summary; remove what only an earlier run had.

    After an error the maps of an earlier run stay, and are removed by the next run that has none.
    """
    for part in writer.parts.values():
        part.tables()
    path = writer.output_dir / "group" / f"{writer.name}_desc-group_summary.json"
    stale = [name for name in _earlier_files(path) if name not in writer.files]
    kept = stale if record.errors else []
    for note in record.notes:
        LOG.warning("%s: %s", writer.name, note)
    write_summary(
        path,
        {
            "name": writer.name,
            "notes": record.notes,
            "errors": [str(error) for error in record.errors],
            "methods": methods(record.contrasts),
            "contrasts": record.contrasts,
            "files": [*writer.files, *kept],
        },
    )
    remove_own(writer.output_dir, "group", set(stale) - set(kept))


def _earlier_files(path: Path) -> list[str]:
    try:
        return list(read_group_summary(path).get("files", [])) if path.exists() else []
    except BidsglmError:
        return []
