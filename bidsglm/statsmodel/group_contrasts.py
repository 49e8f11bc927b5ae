"""Contrasts over the columns of a group's design: dummies, differences of two groups, those written out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bidsglm.errors import DataError
from bidsglm.model import CONSTANT, ContrastSpecification, GroupModel
from bidsglm.statsmodel.contrasts import contrast_label, single_contrast
from bidsglm.statsmodel.globs import is_glob, matching
from bidsglm.statsmodel.nearest import hint

MEAN = "mean"
"""Name of the column of ones, and of its contrast."""
PARTICIPANTS = "participant_id."
"""Columns of single participants, which nobody tests."""
PAIR = 2
"""Groups whose difference goes without saying."""


def group_contrasts(
    model: GroupModel, names: Sequence[str], groups: Sequence[tuple[str, ...]], path: Path
) -> tuple[ContrastSpecification, ...]:
    """Contrasts of DummyContrasts, the difference of two groups, then those written out.

    The groups are the columns of the design that each column of text became.

    Raises
    ------
    DataError
        When a contrast is over a column that is not there.

    Examples
    --------
    >>> model = GroupModel(x=("sex",), dummy_contrasts=())
    >>> [c.name for c in group_contrasts(model, ("sex.F", "sex.M"), [("sex.F", "sex.M")], Path("x.tsv"))]
    ['sex.F', 'sex.M', 'F - M']
    """
    written = [_renamed(contrast, names, path) for contrast in model.contrasts]
    taken = {contrast.name for contrast in written}
    contrasts = [single_contrast(name, name) for name in _dummy_columns(model, names) if name not in taken]
    tested = [found for found in groups if not found[0].startswith(PARTICIPANTS)]
    for pair in (found for found in tested if len(found) == PAIR):
        difference = _difference(*pair)
        if model.dummy_contrasts is not None and difference.name not in taken:
            contrasts.append(difference)
    return (*contrasts, *written)


def _dummy_columns(model: GroupModel, names: Sequence[str]) -> tuple[str, ...]:
    if model.dummy_contrasts is None:
        return ()
    if not model.dummy_contrasts:
        return tuple(name for name in names if not name.startswith(PARTICIPANTS))
    expanded: list[str] = []
    for name in model.dummy_contrasts:
        plain = MEAN if name == CONSTANT else name
        pattern = plain if is_glob(plain) or plain in names else f"{plain}.*"
        expanded += matching(pattern, names)
    return tuple(dict.fromkeys(expanded))


def _difference(first: str, second: str) -> ContrastSpecification:
    """The first group minus the second, by the names of the levels."""
    name = " - ".join(column.partition(".")[2] for column in (first, second))
    return ContrastSpecification(name, contrast_label(name), (first, second), np.array([[1.0, -1.0]]))


def _renamed(contrast: ContrastSpecification, names: Sequence[str], path: Path) -> ContrastSpecification:
    """The contrast over the design's names, checked."""
    conditions = tuple(MEAN if name == CONSTANT else name for name in contrast.conditions)
    for name in conditions:
        if name not in names:
            raise DataError(
                f"{path}: contrast {contrast.name!r}: the design has no column {name!r}{hint(name, names)}; "
                f"it has {', '.join(names)}"
            )
    return replace(contrast, conditions=conditions)
