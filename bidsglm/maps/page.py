"""Results of a comparison on disk: the page, the table, the summary, and the maps of differences."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bidsglm.data import Volume
from bidsglm.dataset.nifti_writing import map_bytes
from bidsglm.maps.agreement import ComparedMaps, MapSide
from bidsglm.maps.pictures import figures_of, images_of, viewed
from bidsglm.maps.reading import in_words
from bidsglm.outputs.map_tables import AGREEMENT
from bidsglm.outputs.names import GENERATED_BY, json_text, write_bytes, write_json, write_text
from bidsglm.outputs.writes import create_folder
from bidsglm.pages.about import about
from bidsglm.report.drawing import Figure
from bidsglm.report.peaks import peak_figure
from bidsglm.report.two_maps import MapFile, MapsReport, PairOfMaps, maps_page

PAGE, SUMMARY, TABLE = "maps.html", "maps.json", "agreement.tsv"
RESULTS = "comparison"
"""What the results are called"""
MOST_PICTURES = 12
"""Pairs of maps with pictures on a page"""


class PageWords(NamedTuple):
    """What the page says of the whole."""

    title: str
    lead: tuple[str, ...]
    """Lines on what is compared"""
    labels: tuple[str, str]
    notes: tuple[str, ...] = ()


def write_maps(output: Path, words: PageWords, pairs: Sequence[ComparedMaps], **more: Any) -> None:
    """Write page, table, summary, figures and difference maps; `more` are further parts of `MapsReport`."""
    AGREEMENT.write(
        output / TABLE, [{**pair.row, "contrast": pair.contrast or None} for pair in pairs], GENERATED_BY
    )
    shown = [_shown(output, pair, number, len(pairs)) for number, pair in enumerate(pairs)]
    for pair in pairs:
        _write_difference(output, pair)
    report = MapsReport(
        about=about(),
        title=words.title,
        lead=words.lead,
        pairs=tuple(shown),
        table=TABLE,
        notes=words.notes,
        labels=words.labels,
        **more,
    )
    write_text(output / PAGE, maps_page(report))
    # the summary comes last: it marks a folder that is ours and complete
    write_text(output / SUMMARY, json_text(_summary(words, pairs, shown)))


def stem_of(pair: ComparedMaps) -> str:
    """Start of the names of a pair's files, empty where there is one pair without a contrast.

    >>> from types import SimpleNamespace
    >>> stem_of(SimpleNamespace(contrast="go - stop", kind="t"))
    'contrast-goMinusStop_stat-t_'
    """
    if not pair.contrast:
        return ""
    words = "".join({"-": " minus ", "+": " plus ", ">": " greater "}.get(c, c) for c in pair.contrast)
    parts = "".join(c if c.isascii() and c.isalnum() else " " for c in words).split()
    label = "".join([parts[0], *(part[0].upper() + part[1:] for part in parts[1:])]) if parts else "contrast"
    return f"contrast-{label}_stat-{pair.kind.split()[0]}_"


def _shown(output: Path, pair: ComparedMaps, number: int, n_pairs: int) -> PairOfMaps:
    name = " ".join(part for part in (pair.contrast, pair.kind) if part)
    files = _file(pair.sides[0], pair, 0), _file(pair.sides[1], pair, 1)
    if number >= MOST_PICTURES:
        return PairOfMaps(name, files, pair.row, (), notes=pair.notes)
    images = images_of(pair)
    figures = figures_of(images)
    create_folder(output / "figures")
    for figure in figures:
        write_bytes(output / "figures" / f"{stem_of(pair)}{_own(figure)}", figure.content)
    behind, volumes = viewed(images, pair, min(n_pairs, MOST_PICTURES))
    return PairOfMaps(name, files, pair.row, figures, peak_figure(images), volumes, behind, pair.notes)


def _own(figure: Figure) -> str:
    """Name of a figure without the contrast, which stands in front of it.

    >>> _own(Figure("contrast-maps_desc-scatter.svg", b"", "", ""))
    'desc-scatter.svg'
    """
    return figure.name.removeprefix("contrast-maps_")


def _file(side: MapSide, pair: ComparedMaps, place: int) -> MapFile:
    kind = side.kind
    dof = f", {', '.join(f'{value:g}' for value in kind.dof)} degrees of freedom" * bool(kind.dof)
    told = f" (by {kind.told_by})" * bool(kind.told_by)
    n_voxels = int(np.count_nonzero(pair.masks[place]))
    return MapFile(
        side.label, side.image.name, f"{kind.kind}{dof}{told}", in_words(side.image.grid), n_voxels
    )


def _write_difference(output: Path, pair: ComparedMaps) -> None:
    first, second = (side.label for side in pair.sides)
    volume = Volume(pair.grid.shape, pair.grid.affine, pair.both)
    outside = 0.0 if pair.kind in ("t", "F", "z") else np.nan
    name = f"{stem_of(pair)}desc-difference_statmap"
    values = pair.difference[pair.both]
    write_bytes(output / f"{name}.nii.gz", map_bytes(values, volume, outside))
    facts: Mapping[str, object] = {
        "Description": f"{first} minus {second}, in the voxels of both",
        "StatisticType": pair.kind,
        "Sources": [side.image.name for side in pair.sides],
    }
    write_json(output / f"{name}.json", {**facts, **GENERATED_BY})


def _summary(
    words: PageWords, pairs: Sequence[ComparedMaps], shown: Sequence[PairOfMaps]
) -> dict[str, object]:
    return {
        **GENERATED_BY,
        "title": words.title,
        "labels": list(words.labels),
        "pairs": [
            {
                "contrast": pair.contrast or None,
                "map": pair.kind,
                "verdict": page.verdict,
                "maps": [_side(side, file) for side, file in zip(pair.sides, page.files, strict=True)],
                "agreement": {
                    key: value for key, value in pair.row.items() if key not in ("contrast", "map")
                },
                "thresholds": [dict(heights) for heights in pair.heights],
                "notes": list(pair.notes),
            }
            for pair, page in zip(pairs, shown, strict=True)
        ],
        "notes": list(words.notes),
    }


def _side(side: MapSide, file: MapFile) -> dict[str, object]:
    return {
        "label": side.label,
        "path": side.image.name,
        "kind": side.kind.kind,
        "kind_told_by": side.kind.told_by or None,
        "degrees_of_freedom": list(side.kind.dof),
        "shape": list(side.image.grid.shape),
        "affine": side.image.grid.affine.tolist(),
        "n_voxels": file.n_voxels,
    }
