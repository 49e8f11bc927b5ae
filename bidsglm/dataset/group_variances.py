"""Whose errors may have a variance of their own at the group level, as SPM's dialogue has it by default.

Groups of different participants: unequal (its two-sample test, one-way ANOVA and factorial designs). One
sample, multiple regression and paired tests: there is no such choice, and one variance.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from bidsglm.data import VarianceModel
from bidsglm.dataset.group_rows import DesignRow
from bidsglm.model import Floats
from bidsglm.spm.group_variance import FEWEST

NO_GROUPS = "there are no groups"


def variance_model(
    asked: Literal["equal", "unequal"] | None, marks: Mapping[str, Floats], rows: Sequence[DesignRow]
) -> VarianceModel:
    """Groups of a design, and why their variances are equal if they are.

    Parameters
    ----------
    asked
        Software.SPM.Variance of the model.
    marks
        Columns that are 1 for the rows of a group; each combination is a group of its own.
    rows
        Of the design.

    Examples
    --------
    >>> marks = {"sex.F": np.array([1.0, 1, 0, 0]), "sex.M": np.array([0.0, 0, 1, 1])}
    >>> rows = [DesignRow(label) for label in ("01", "02", "03", "04")]
    >>> variance_model(None, marks, rows)
    VarianceModel(groups=('sex.F', 'sex.M'), members=(0, 0, 1, 1), equal_because='', is_asked=False)
    >>> variance_model("equal", marks, rows).equal_because
    'the model says so'
    """
    cells = [tuple(name for name, mark in marks.items() if mark[i]) for i in range(len(rows))]
    groups = sorted(set(cells))
    members = tuple(groups.index(cell) for cell in cells)
    names = tuple(", ".join(cell) or "others" for cell in groups)
    return VarianceModel(names, members, _equal_because(asked, names, members, rows), asked is not None)


def _equal_because(
    asked: str | None, names: Sequence[str], members: Sequence[int], rows: Sequence[DesignRow]
) -> str:
    if asked == "equal":
        return "the model says so"
    if len({row.participant for row in rows}) < len(rows):
        return "several maps are of one participant, and SPM's variances of groups are for independent ones"
    if len(names) < FEWEST:
        return NO_GROUPS
    sizes = np.bincount(members)
    if sizes.min() < FEWEST:
        return f"{names[int(sizes.argmin())]} is one participant, and SPM then takes equal variances"
    return ""
