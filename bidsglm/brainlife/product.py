"""product.json: the messages and figures that brainlife shows of finished results.

brainlife keeps it in its database and asks for no more than a few kilobytes: what matters most comes first,
and what has no room is left out.
"""

import base64
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

import bidsglm
from bidsglm.errors import BidsglmError
from bidsglm.outputs.schema import Row, Schema
from bidsglm.outputs.summaries import compared, failure_path, summary_paths
from bidsglm.outputs.summary_form import AnySummary, SummaryForm, is_finished
from bidsglm.outputs.summary_reading import read_summary
from bidsglm.outputs.unit_tables import ATTRIBUTION, agreement_schema, of_pair

Item = dict[str, Any]

MAX_BYTES = 12_000
PICTURE_WIDTH = 280
"""Pixels; with 8 colours about 6 kB."""
PICTURE_COLOURS = 8
SMOOTH = Image.Resampling.LANCZOS
DIGITS = 4


def write_product(path: Path, output_dir: Path, errors: Sequence[str]) -> None:
    """Write what brainlife is to show."""
    summaries = _summaries(output_dir)
    finished = [summary for summary in summaries if is_finished(summary)]
    rows = {summary["prefix"]: _agreement(output_dir, summary) for summary in finished}
    content = {
        "brainlife": [],
        "tags": ["bidsglm", *sorted({name for summary in finished for name in summary["backends"]})],
        "meta": {"bidsglm_version": bidsglm.__version__, "finished": len(finished), "errors": len(errors)},
    }
    shown = [
        *_errors(errors),
        *(_message(summary, rows[summary["prefix"]]) for summary in finished),
        *({"type": "warning", "msg": text} for summary in finished for text in summary.get("warnings", ())),
        *_figures(output_dir, finished),
    ]
    _write(path, content, shown)


def write_errors(path: Path, errors: Sequence[str]) -> None:
    """Write why there is nothing to show."""
    content = {"tags": ["bidsglm"], "meta": {"bidsglm_version": bidsglm.__version__, "errors": len(errors)}}
    _write(path, content, _errors(errors))


def _errors(texts: Sequence[str]) -> Iterator[Item]:
    return ({"type": "error", "msg": text} for text in dict.fromkeys(texts))


def _write(path: Path, content: Mapping[str, Any], shown: Iterable[Item]) -> None:
    path.write_text(json.dumps(with_room(content, shown), indent=1) + "\n", encoding="utf-8")


def with_room(content: Mapping[str, Any], shown: Iterable[Item], max_bytes: int = MAX_BYTES) -> Item:
    """The content with as many of the items as there is room for.

    >>> [item["msg"] for item in with_room({}, [{"msg": "a" * 50}, {"msg": "b"}], 60)["brainlife"]]
    ['b']
    """
    chosen: list[Item] = []
    for item in shown:
        if len(json.dumps({**content, "brainlife": [*chosen, item]})) <= max_bytes:
            chosen.append(item)
    return {**content, "brainlife": chosen}


def _summaries(output_dir: Path) -> list[AnySummary]:
    """Summaries of all units that can be read."""
    return _read(summary_paths(output_dir))


def _read(paths: Iterable[Path]) -> list[AnySummary]:
    """Those summaries that can be read and are in form."""
    found = []
    for path in paths:
        with suppress(BidsglmError):
            found.append(read_summary(path))
    return found


def failures(output_dir: Path) -> list[str]:
    """Why participants and units failed, in the order of their names."""
    labels = sorted(path.name.removeprefix("sub-") for path in output_dir.glob("sub-*") if path.is_dir())
    markers = [path for label in labels if (path := failure_path(output_dir, label)).exists()]
    summaries = [summary for path in markers for summary in _read([path])] + _summaries(output_dir)
    return [str(text) for summary in summaries for text in summary.get("errors", ())]


def _table(output_dir: Path, summary: SummaryForm, schema: Schema) -> list[Row]:
    """Rows of a unit's table; none where it has no such table."""
    path = output_dir / summary["folder"] / f"{schema.file.replace('<p>', summary['prefix'])}.tsv"
    return schema.read(path) if path.exists() else []


def _agreement(output_dir: Path, summary: SummaryForm) -> list[Row]:
    """Rows of the t (or F) maps, of the first pair."""
    pairs = compared(summary)
    rows = _table(output_dir, summary, agreement_schema(*pairs))
    return [of_pair(row, pairs[0]) for row in rows if row["map"] in ("t", "F")]


def _message(summary: SummaryForm, rows: Sequence[Row]) -> Item:
    """How well the packages agree in a unit."""
    said = [
        f"{row['contrast_name']}: {row['map']} maps r {row['pearson_r']:.3f}, "
        f"slope {row['slope']:.2f}, Dice {row['dice_p001']:.2f} (p < 0.001)"
        for row in rows
    ]
    text = "; ".join(said) or f"{' and '.join(summary['backends'])} fitted"
    return {"type": "info" if rows else "success", "msg": f"{summary['prefix']}: {text}"}


def _figures(output_dir: Path, finished: Sequence[SummaryForm]) -> Iterator[Item]:
    """For each unit's first contrast: the steps that make its t maps differ, and the maps."""
    for summary in finished:
        contrast = summary["contrasts"][0] if summary["contrasts"] else None
        if contrast is None:
            continue
        bars = [
            row
            for row in _table(output_dir, summary, ATTRIBUTION)
            if row["contrast"] == contrast["label"]
            and (row["map"], row["metric"]) in (("t", "rmsd"), ("F", "rmsd"))
            and not row["part_of"]
        ]
        if bars:
            yield _bar_chart(f"{summary['prefix']}: what makes the maps of {contrast['name']} differ", bars)
        stem = f"{summary['prefix']}_contrast-{contrast['label']}_stat-{contrast['test']}_desc-maps.svg"
        picture = output_dir / f"sub-{summary['participant']}" / "figures" / stem
        if picture.exists():
            yield _thumbnail(picture, f"{summary['prefix']}: {contrast['test']} maps of {contrast['name']}")


def _bar_chart(name: str, rows: Sequence[Row]) -> Item:
    """Shapley values of the steps, for plotly."""
    values = [round(row["shapley"], DIGITS) for row in rows]
    bars = {"type": "bar", "orientation": "h", "x": values, "y": [row["step"] for row in rows]}
    layout = {"title": name, "xaxis": {"title": "share of the root mean square difference"}}
    return {"type": "plotly", "name": name, "data": [bars], "layout": layout}


def _thumbnail(path: Path, name: str) -> Item:
    """The rows of slices of a drawing, small and in few colours."""
    found = re.findall(rb'href="data:image/png;base64,([^"]+)"', path.read_bytes())
    pictures = [Image.open(io.BytesIO(base64.b64decode(each))) for each in found]
    rows = [picture.convert("RGB") for picture in pictures if picture.width > picture.height]
    # small ones grow by whole pixels, which cost no bytes
    width = max(PICTURE_WIDTH // rows[0].width, 1) * rows[0].width
    width, how = (width, Image.Resampling.NEAREST) if width <= PICTURE_WIDTH else (PICTURE_WIDTH, SMOOTH)
    size = (width, round(rows[0].height * width / rows[0].width))
    whole = Image.new("RGB", (size[0], size[1] * len(rows)))
    for i, row in enumerate(rows):
        whole.paste(row.resize(size, how), (0, i * size[1]))
    small = whole.quantize(PICTURE_COLOURS)
    buffer = io.BytesIO()
    small.save(buffer, "PNG", optimize=True)
    return {"type": "image/png", "name": name, "base64": base64.b64encode(buffer.getvalue()).decode()}
