"""Weights of contrasts that stand in tables, JSON files and scripts beside nilearn's maps.

A summary that was edited, or is of another run of a script, says other weights than those that give the map.
"""

import ast
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bidsglm.check.columns import plain
from bidsglm.check.map_weights import Reproduction, Weights
from bidsglm.check.nilearn_folder import NilearnAnalysis, kind_of
from bidsglm.errors import BidsglmError
from bidsglm.inputs import read_text

LARGEST = 2**20
"""Bytes of a file with weights"""
MOST_FILES = 200
"""Files that are looked at"""
NAMED = re.compile(r"contrast|weight|summary|smdl|model", re.IGNORECASE)
"""How files are called in which weights stand"""
NAMES = ("contrast", "name", "contrast_name", "contrast_id")
COLUMNS = ("column", "condition", "regressor", "name", "trial_type")
SAME = 1e-3
"""Share of the largest weight by which weights of one contrast differ: people write three digits"""


class StatedWeights(NamedTuple):
    """Weights that a file says a contrast has."""

    path: Path
    contrast: str
    weights: Weights


def weights_notes(nilearn: NilearnAnalysis, made: Mapping[str, Reproduction]) -> tuple[str, ...]:
    """Name contrasts whose map is of other weights than a file beside it says."""
    notes = []
    for stated in stated_weights(nilearn):
        label = next((name for name in made if plain(name) == plain(stated.contrast)), None)
        found = made.get(label) if label is not None else None
        if found is None or not found.is_found or found.rows or not stated.weights:
            continue
        if not is_of(stated.weights, found):
            said = found.by_run or (found.weights,)
            told = " and ".join(in_words(each) for each in said)
            notes.append(
                f"{stated.path.name} says that {stated.contrast} is {in_words(stated.weights)}; nilearn's map"
                f" of it is {told}. The map decides: correct the file, or compute the map again."
            )
    return tuple(dict.fromkeys(notes))


def is_of(stated: Weights, found: Reproduction) -> bool:
    """Whether a map is of the weights that are stated; of a statistic their size does not show."""
    every = found.by_run or (found.weights,)
    said = {plain(name): weight for name, weight in stated.items()}
    known = {plain(name): weight for name, weight in found.weights.items()}
    names = list(dict.fromkeys((*said, *known)))
    one, total = (np.array([each.get(name, 0.0) for name in names]) for each in (said, known))
    if found.by_run and any(dict(each) != dict(every[0]) for each in every):
        return False
    if found.test or found.attempt.scaling == "grand mean":
        one, total = one / max(np.abs(one).max(), 1e-300), total / max(np.abs(total).max(), 1e-300)
    return bool(np.allclose(one, total, rtol=0, atol=SAME * np.abs(total).max(initial=1e-300)))


def in_words(weights: Weights) -> str:
    """Write weights as people do.

    >>> in_words({"go": 1.0, "stop": -0.5})
    '+1 go -0.5 stop'
    """
    return " ".join(f"{weight:+g} {name}" for name, weight in weights.items() if weight) or "0"


def stated_weights(nilearn: NilearnAnalysis) -> Iterator[StatedWeights]:
    """All weights that stand in files beside the maps."""
    columns = nilearn.designs[0].names if nilearn.designs else ()
    folders = {nilearn.folder, *(m.path.parent for m in nilearn.maps if not m.is_made)}
    paths = sorted(
        {p for f in folders if f.is_dir() for p in f.iterdir() if p.is_file() and not p.is_symlink()}
    )
    for path in paths[:MOST_FILES]:
        if path.suffix not in (".json", ".csv", ".tsv", ".py") or path.stat().st_size > LARGEST:
            continue
        if path.suffix != ".py" and not NAMED.search(path.name):
            continue
        try:
            text = read_text(path)
            found = list(_READERS[path.suffix](text))
        except (BidsglmError, ValueError, SyntaxError, RecursionError, MemoryError, csv.Error):
            continue
        for name, given in found:
            weights = weights_of(given, columns)
            if weights:
                yield StatedWeights(path, name, weights)


def weights_of(given: Any, columns: Sequence[str]) -> dict[str, float] | None:
    """Weights by column, of a formula, a list over the columns, or a mapping; None where they are none.

    >>> weights_of("go - 0.5 * stop", ("go", "stop")), weights_of([1, -1], ("go", "stop", "constant"))
    ({'go': 1.0, 'stop': -0.5}, {'go': 1.0, 'stop': -1.0})
    """
    if isinstance(given, str):
        try:
            return _formula(ast.parse(given.strip(), mode="eval").body)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, list | tuple) and len(given) <= len(columns):
        pairs = list(zip(columns, given, strict=False))
    else:
        return None
    if not all(isinstance(w, int | float) and not isinstance(w, bool) and np.isfinite(w) for _, w in pairs):
        return None
    return {str(name).removeprefix("trial_type."): float(w) for name, w in pairs if w}


def _formula(node: ast.expr) -> dict[str, float]:
    """Weights of a linear formula; a ValueError for any other."""
    if isinstance(node, ast.Name):
        return {node.id: 1.0}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
        return {name: sign * w for name, w in _formula(node.operand).items()}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        one, other = _formula(node.left), _formula(node.right)
        sign = -1.0 if isinstance(node.op, ast.Sub) else 1.0
        return {n: one.get(n, 0.0) + sign * other.get(n, 0.0) for n in dict.fromkeys((*one, *other))}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for number, rest in ((node.left, node.right), (node.right, node.left)):
            if (factor := _number(number)) is not None:
                return {name: factor * w for name, w in _formula(rest).items()}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        factor = _number(node.right)
        if factor:
            return {name: w / factor for name, w in _formula(node.left).items()}
    raise ValueError("no linear formula")


def _number(node: ast.expr) -> float | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _number(node.operand)
        return None if value is None else -value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        one, other = _number(node.left), _number(node.right)
        return one / other if one is not None and other else None
    return None


def _in_json(text: str) -> Iterator[tuple[str, Any]]:
    """Contrasts by name, under `contrasts` or alone, or as a BIDS Stats Model has them."""
    content = json.loads(text)
    if not isinstance(content, dict):
        return
    nodes = content.get("Nodes")
    parts = nodes if isinstance(nodes, list) else [content]
    for part in (each for each in parts if isinstance(each, dict)):
        given = part.get("Contrasts", part.get("contrasts", part if nodes is None else None))
        if isinstance(given, dict):
            for name, weights in given.items():
                inner = weights.get("weights", weights) if isinstance(weights, dict) else weights
                yield str(name), inner
        elif isinstance(given, list):
            for each in (one for one in given if isinstance(one, dict)):
                low = {key.lower(): value for key, value in each.items()}
                columns, weights = low.get("conditionlist"), low.get("weights")
                if isinstance(columns, list) and isinstance(weights, list) and len(columns) == len(weights):
                    yield str(low.get("name", "")), dict(zip(map(str, columns), weights, strict=True))


def _in_table(text: str) -> Iterator[tuple[str, Any]]:
    """Contrasts by rows: with a column for each regressor, or with a regressor and a weight each."""
    dialect = max(",\t;", key=text.partition("\n")[0].count)
    rows = list(csv.DictReader(io.StringIO(text), delimiter=dialect))
    if not rows:
        return
    header = [name for name in rows[0] if name is not None]
    at = next((name for name in header if name.lower() in NAMES or not name), header[0])
    column = next((name for name in header if name != at and name.lower() in COLUMNS), None)
    weight = next((name for name in header if name.lower() in ("weight", "weights", "value")), None)
    if column and weight:
        made: dict[str, dict[str, float]] = {}
        for row in rows:
            made.setdefault(str(row[at]), {})[str(row[column])] = float(row[weight])
        yield from made.items()
        return
    for row in rows:
        cells = {name: row[name] for name in header if name != at}
        if len(cells) == 1 and not _is_number(next(iter(cells.values()))):
            yield str(row[at]), str(next(iter(cells.values())))
        elif all(_is_number(cell) for cell in cells.values() if cell):
            yield str(row[at]), {name: float(cell) for name, cell in cells.items() if cell}


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _in_script(text: str) -> Iterator[tuple[str, Any]]:
    """Contrasts that a script writes out: mappings called contrasts, and calls whose map goes to a file."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if any("contrast" in name.lower() for name in names):
                for key, value in zip(node.value.keys, node.value.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        yield key.value, _written_out(value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            inner, path = node.func.value, node.args[0]
            is_saved = node.func.attr == "to_filename" and isinstance(inner, ast.Call) and inner.args
            called = getattr(getattr(inner, "func", None), "attr", "")
            if is_saved and called == "compute_contrast" and isinstance(path, ast.Constant):
                found = kind_of(re.sub(r"(\.nii)?(\.gz)?$", "", str(path.value).rsplit("/", 1)[-1]))
                if found is not None and isinstance(inner, ast.Call):
                    yield found[1], _written_out(inner.args[0])


def _written_out(node: ast.expr) -> Any:
    """Value that a script writes out, also in np.array(...); None where it is computed."""
    if isinstance(node, ast.Call) and node.args and getattr(node.func, "attr", "") in ("array", "asarray"):
        node = node.args[0]
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None


_READERS = {".json": _in_json, ".csv": _in_table, ".tsv": _in_table, ".py": _in_script}
