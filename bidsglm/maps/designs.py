"""What two fitted models were told, and their designs, side by side."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.check.columns import plain
from bidsglm.model import Floats
from bidsglm.outputs.schema import Row

WITHOUT_EFFECT = ("memory", "memory_level", "verbose", "n_jobs", "minimize_memory", "reports", "random_state")
"""Parameters that change no number"""
LONGEST = 80
"""Characters of a value in a table"""


def setting_rows(first: Any, second: Any) -> list[Row]:
    """Parameters of two models, of scikit-learn's conventions; those that change no number left out."""
    given = [each.get_params(deep=False) if hasattr(each, "get_params") else {} for each in (first, second)]
    names = [name for name in dict.fromkeys([*given[0], *given[1]]) if name not in WITHOUT_EFFECT]
    return [
        {
            "setting": name,
            **{
                side: _in_words(values[name]) if name in values else None
                for side, values in zip(("first", "second"), given, strict=True)
            },
        }
        for name in names
    ]


def _in_words(value: Any) -> str:
    if hasattr(value, "get_filename") and value.get_filename():
        return str(value.get_filename())
    text = type(value).__name__ if hasattr(value, "affine") else " ".join(repr(value).split())
    text = value if isinstance(value, str) else text
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def column_rows(first: Sequence[pd.DataFrame], second: Sequence[pd.DataFrame]) -> list[Row]:
    """Columns of both designs, run by run, those of one name beside each other."""
    return [
        row
        for run, designs in enumerate(zip(first, second, strict=False), start=1)
        for row in _of_run(run, *designs)
    ]


def _of_run(run: int, first: pd.DataFrame, second: pd.DataFrame) -> Iterator[Row]:
    left = {plain(str(name)): name for name in second.columns}
    for name in first.columns:
        other = left.pop(plain(str(name)), None)
        row: Row = {"run": run, "first": str(name), "second": None if other is None else str(other)}
        if other is not None and len(first) == len(second):
            row |= _compared(first[name].to_numpy(np.float64), second[other].to_numpy(np.float64))
        yield row
    yield from ({"run": run, "first": None, "second": str(name)} for name in left.values())


def _compared(x: Floats, y: Floats) -> Row:
    """Correlation and ratio of the heights of two columns; NaN for constants.

    >>> _compared(np.array([0.0, 2.0, 0.0]), np.array([1.0, 2.0, 1.0]))["ratio"]
    2.0
    """
    x, y = x - x.mean(), y - y.mean()
    size = float(y @ y)
    return {"r": pearson_r(x, y), "ratio": float(x @ y) / size if size > 0 else float("nan")}
