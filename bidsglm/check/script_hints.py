"""What a user's script of nilearn says, read as text and never run."""

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bidsglm.errors import BidsglmError
from bidsglm.inputs import file_size, read_text

LARGEST_SCRIPT = 2**20
"""Bytes"""


def script_hints(files: Iterable[Path]) -> tuple[Path | None, dict[str, Any]]:
    """Find a script that fits a first level, and its arguments of FirstLevelModel."""
    for path in files:
        if path.suffix != ".py" or file_size(path) > LARGEST_SCRIPT:
            continue
        try:
            tree = ast.parse(read_text(path))
        except (SyntaxError, ValueError, RecursionError, BidsglmError, MemoryError):
            continue
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and _called(n) == "FirstLevelModel"]
        if calls:
            given = [(each.arg, _literal(each.value)) for call in calls for each in call.keywords]
            return path, {name: value for name, value in given if name and value is not ...}
    return None, {}


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _literal(node: ast.expr) -> Any:
    """Value that a script writes out, also as a quotient; ... where it is computed."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        one, other = _literal(node.left), _literal(node.right)
        numbers = isinstance(one, int | float) and isinstance(other, int | float) and other
        return one / other if numbers else ...
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return ...
