"""Contrasts of Session and Subject nodes, as weights over the regressors of the runs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bidsglm.errors import DataError
from bidsglm.model import CONSTANT, CombinedContrast, ContrastSpecification, ModelSpecification
from bidsglm.statsmodel.contrasts import check_labels, contrast_label
from bidsglm.statsmodel.flow import is_among, is_same
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.resolution import LeftOut, Resolution

Contrasts = tuple[ContrastSpecification, ...]


class _Lower(NamedTuple):
    """What contrasts may be over."""

    known: Sequence[ContrastSpecification]
    lost: tuple[str, ...]
    """Names of contrasts of the model that this participant cannot give"""

    def named(self, name: str) -> ContrastSpecification | None:
        """A contrast by its name, with or without the prefix of conditions."""
        exact = (contrast for contrast in self.known if contrast.name == name)
        alike = (contrast for contrast in self.known if is_same(contrast.name, name))
        return next(exact, next(alike, None))

    def is_lost(self, name: str) -> bool:
        """Whether a contrast is of the model, but not of this participant."""
        return any(is_same(name, other) for other in self.lost)


def with_combined(model: ModelSpecification, resolved: Resolution) -> Resolution:
    """Add to a participant's contrasts those over contrasts, each as one contrast over regressors.

    Left out too is what is over a contrast that is left out.

    Raises
    ------
    DataError
        A name that is no contrast, an F contrast where weights are needed, or a node that would average
        different contrasts.

    Examples
    --------
    >>> from bidsglm.model import Above
    >>> one = np.ones((1, 1))
    >>> go = ContrastSpecification("go", "go", ("trial_type.go",), one)
    >>> stop = ContrastSpecification("stop", "stop", ("trial_type.stop",), one)
    >>> difference = ContrastSpecification("d", "d", ("go", "stop"), np.array([[1.0, -1.0]]))
    >>> above = Above(contrasts=(CombinedContrast(difference, None, "Nodes[1].Contrasts[0]"),))
    >>> resolved = Resolution((go, stop), (), ())
    >>> found = with_combined(ModelSpecification("m", (), above=above), resolved).contrasts[-1]
    >>> found.conditions, found.weights.tolist()
    (('trial_type.go', 'trial_type.stop'), [[1.0, -1.0]])
    """
    left_out, notes = list(resolved.left_out), list(resolved.notes)
    _check_named(model, resolved)
    _check_single(model, resolved.contrasts)
    known = list(resolved.contrasts)
    for asked in model.above.contrasts:
        place = f"{model.place}: {asked.place}"
        for one in _each(asked, known):
            lower = _Lower(known, tuple(each.name for each in left_out))
            missing = [name for name in one.conditions if lower.named(name) is None]
            if missing and lower.is_lost(missing[0]):
                reason = f"it is over {missing[0]!r}, which is left out"
                left_out.append(LeftOut(one.name, one.label, one.test, reason))
                notes.append(f"Contrast {one.name!r} is left out: {reason}.")
            elif missing:
                names = [contrast.name for contrast in known]
                raise DataError(f"{place}: no contrast is named {missing[0]!r}{hint(missing[0], names)}")
            else:
                known = _added(known, _folded(one, lower, place), place)
    return Resolution(tuple(known), tuple(left_out), tuple(notes))


def _check_named(model: ModelSpecification, resolved: Resolution) -> None:
    """Check that what filters and X name is among the contrasts of the model."""
    made = [asked.specification.name for asked in model.above.contrasts]
    for place, name in model.above.named:
        there = [*(c.name for c in resolved.contrasts), *(lost.name for lost in resolved.left_out)]
        names = [*there, *made]
        is_multiple = any(name.endswith(f": {other}") for other in made)
        if name != "1" and not is_multiple and not any(is_same(name, other) for other in names):
            raise DataError(f"{model.place}: {place}: no contrast is named {name!r}{hint(name, names)}")


def _check_single(model: ModelSpecification, contrasts: Contrasts) -> None:
    """Check that nodes which do not tell contrasts apart get one."""
    for place, reached in model.above.single:
        found = [c.name for c in contrasts if reached is None or is_among(c.name, reached)]
        if len(found) > 1:
            raise DataError(
                f"{model.place}: {place}: without 'contrast' the node would average {len(found)} contrasts "
                f"({', '.join(found[:3])}{', ...' if len(found) > 3 else ''}): add 'contrast' to its GroupBy"
            )


def _each(asked: CombinedContrast, known: Sequence[ContrastSpecification]) -> list[ContrastSpecification]:
    """A contrast, or where it is a multiple of each that reaches the node, all of these."""
    specification = asked.specification
    if specification.conditions != (CONSTANT,):
        return [specification]
    reached = [
        c for c in known if c.test == "t" and (asked.reached is None or is_among(c.name, asked.reached))
    ]
    names = [f"{c.name}: {specification.name}" if asked.each else specification.name for c in reached]
    return [
        replace(specification, name=name, label=contrast_label(name), conditions=(c.name,))
        for c, name in zip(reached, names, strict=True)
    ]


def _folded(one: ContrastSpecification, lower: _Lower, place: str) -> ContrastSpecification:
    """The contrast over regressors that weighs contrasts over regressors."""
    parts = [found for name in one.conditions if (found := lower.named(name)) is not None]
    for part in parts:
        if part.test == "F":
            raise DataError(
                f"{place}: {part.name!r} is an F contrast, which has no effect to weigh: leave it out"
            )
    conditions = tuple(dict.fromkeys(name for part in parts for name in part.conditions))
    rows = np.zeros((len(parts), len(conditions)))
    for row, part in zip(rows, parts, strict=True):
        row[[conditions.index(name) for name in part.conditions]] = part.weights[0]
    weights = one.weights @ rows
    if not np.any(weights):
        raise DataError(
            f"{place}: the weights of {one.name!r} over the regressors are all zero: change Weights"
        )
    return replace(one, conditions=conditions, weights=weights)


def _added(
    known: Sequence[ContrastSpecification], new: ContrastSpecification, place: str
) -> list[ContrastSpecification]:
    """The contrasts and a new one, which must have a name and a label of its own."""
    found = [*known, new]
    try:
        check_labels(found)
    except DataError as error:
        raise DataError(f"{place}: {error}") from None
    return found
