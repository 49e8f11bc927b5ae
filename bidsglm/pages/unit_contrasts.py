"""What a page shows of a contrast of a unit, alone and of each pair of packages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bidsglm.outputs.schema import Row
from bidsglm.outputs.summary_form import ContrastForm, RunForm, weight_rows
from bidsglm.packages import REFERENCE
from bidsglm.pages.contrasts import Drawn
from bidsglm.pages.reasons import read_dominant, weights_of
from bidsglm.pages.unit_files import UnitFiles
from bidsglm.pairs import Pair
from bidsglm.report.breakdowns import Breakdown
from bidsglm.report.contrast_images import ContrastImages
from bidsglm.report.drawing import Figure
from bidsglm.report.ladders import attribution_figures, on_sample
from bidsglm.report.participant_report import ContrastReport
from bidsglm.report.units import Units, f_mark, f_sentence


def _definition(contrast: ContrastForm) -> str:
    """Weights of a contrast, for people to read.

    >>> _definition({"test": "t", "conditions": ["trial_type.a", "trial_type.b"], "weights": [1.0, -0.5]})
    '1 × a − 0.5 × b'
    """
    return "; ".join(_weighted_sum(row, contrast["conditions"]) for row in weight_rows(contrast["weights"]))


def _weighted_sum(weights: Sequence[float], conditions: Sequence[str]) -> str:
    terms = [
        ("− " if weight < 0 else "+ ") + f"{abs(weight):.3g} × {name.removeprefix('trial_type.')}"
        for weight, name in zip(weights, conditions, strict=True)
        if weight
    ]
    return " ".join(terms).removeprefix("+ ")


class Shared(NamedTuple):
    """What all contrasts of a unit need."""

    files: UnitFiles
    agreement: Mapping[Pair, Sequence[Mapping[str, str | float]]]
    breakdowns: Mapping[Pair, Mapping[str, tuple[Breakdown, ...]]]
    every_pair: tuple[Row, ...]
    units: Units


def is_of_confounds(contrast: ContrastForm, runs: Sequence[RunForm]) -> bool:
    """Whether a contrast is of confounds alone, and of no condition.

    >>> runs = [{"confounds": ["trans_x", "rot_x"]}]
    >>> is_of_confounds({"conditions": ["trans_x", "rot_x"]}, runs)
    True
    >>> is_of_confounds({"conditions": ["trans_x", "trial_type.go"]}, runs)
    False
    """
    confounds = {name for run in runs for name in run["confounds"]}
    return bool(contrast["conditions"]) and confounds.issuperset(contrast["conditions"])


def contrast_report(
    contrast: ContrastForm, read: Callable[[], ContrastImages], drawn: Drawn, shared: Shared
) -> ContrastReport:
    """All that the page shows of a contrast: its own maps, and what each pair of packages makes of them."""
    files, images = shared.files, read()
    rows = [row for row in shared.every_pair if row["contrast"] == contrast["label"]]
    found = ContrastReport(
        **vars(drawn.contrast(contrast, _definition(contrast), images, files.clusters(contrast), rows)),
        runs=tuple(contrast["runs"]),
        weights=weights_of(contrast),
        tested=tuple(contrast["conditions"]),
        of_confounds=is_of_confounds(contrast, files.summary["runs"]),
        effect_sd=_effect_sd(images),
    )
    views = [_of_pair(found, pair, images, drawn, shared) for pair in files.pairs]
    return replace(views[0], others=tuple(views[1:])) if views else found


def _of_pair(
    contrast: ContrastReport, pair: Pair, images: ContrastImages, drawn: Drawn, shared: Shared
) -> ContrastReport:
    """What two packages show of a contrast."""
    parts = shared.breakdowns.get(pair, {}).get(contrast.label, ())
    mark, notes = _approximate(pair, contrast, shared.units)
    return replace(
        contrast,
        pair=pair,
        agreement=tuple(row for row in shared.agreement.get(pair, ()) if row["contrast"] == contrast.label),
        pair_figures=drawn.of_pair(images, pair),
        breakdowns=parts,
        why_figures=drawn.written(*_reasons(parts, images, pair, shared.files)),
        approximate=mark,
        notes=notes,
    )


def _reasons(
    parts: Sequence[Breakdown], images: ContrastImages, pair: Pair, files: UnitFiles
) -> tuple[Figure, ...]:
    """Why a pair's maps differ, drawn."""
    known = files.reaches().get(pair)
    drawn = on_sample(attribution_figures(images.label, images.name, parts), known.sample if known else "")
    dominant = read_dominant(files, images) if pair.is_default else None
    return (*drawn, *((dominant,) if dominant else ()))


def _approximate(pair: Pair, contrast: ContrastReport, units: Units) -> tuple[str, tuple[str, ...]]:
    """A mark for tables and a note on nilearn's F over runs; its means are known of one pair."""
    if contrast.test != "F" or REFERENCE not in pair:
        return "", ()
    known = units if pair.is_default else Units()
    text = f_sentence(known, contrast.label, len(contrast.runs))
    return (f_mark(known, contrast.label), (text,)) if text else ("", ())


def _effect_sd(images: ContrastImages) -> dict[str, float]:
    """How widely the effect of each backend spreads over the voxels of both masks."""
    maps = images.maps.get("effect", {})
    both = images.both.ravel(order="F")
    return {backend: float(np.nanstd(values.ravel(order="F")[both])) for backend, values in maps.items()}
