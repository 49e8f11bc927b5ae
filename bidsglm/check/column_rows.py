"""Columns of both designs as rows of a table, with what their numbers say."""

from collections.abc import Iterator

import numpy as np

from bidsglm.check.columns import SAME, Match
from bidsglm.check.comparison import Checked
from bidsglm.report.check import CheckedColumn
from bidsglm.report.wording import digits

NEAR = 0.999
"""Correlation of a canonical response between equal models, and more"""
NEAR_DERIVATIVE = 0.94


def column_rows(found: Checked) -> Iterator[CheckedColumn]:
    """Make a row of every column of both designs, run by run."""
    undefined = float("nan")
    for number, run in enumerate(found.runs, start=1):
        for match in run.columns.matches:
            numbers = match.r, match.r_filtered, match.ratio
            yield CheckedColumn(number, match.spm, match.nilearn, *numbers, _verdict(match))
        for name in run.columns.only_spm:
            yield CheckedColumn(number, name, "", undefined, undefined, undefined, "missing in nilearn")
        for name in run.columns.only_nilearn:
            yield CheckedColumn(number, "", name, undefined, undefined, undefined, "missing in SPM")


def _verdict(match: Match) -> str:
    """Put the numbers of a column into a word."""
    if not np.isfinite(match.r):
        return "constant"
    size, mirrored = abs(match.r), ", mirrored" if match.r < 0 else ""
    if size > SAME:
        scaled = "" if np.isclose(match.ratio, 1, atol=1e-5) else f", scaled by {digits(match.ratio)}"
        return f"identical{scaled}{mirrored}"
    derivative = match.spm.endswith(("*bf(2)", "*bf(3)"))
    if size > (NEAR_DERIVATIVE if derivative else NEAR):
        return f"the same, on another time grid{mirrored}"
    return f"another column{mirrored}"


def drift_sentences(found: Checked) -> Iterator[str]:
    """Say of every run whether both filters take the same out."""
    for number, run in enumerate(found.runs, start=1):
        columns = run.columns
        same = "they span the same" if columns.filters_agree else "they do not span the same"
        yield (
            f"Run {number}: SPM projects {columns.n_cosines} high-pass functions out, nilearn has "
            f"{columns.n_drifts} drift columns; {same}."
        )
