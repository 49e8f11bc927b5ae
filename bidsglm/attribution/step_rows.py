"""Rows of the table of steps: from the maps of all mixtures of a contrast to shares and rungs."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.differences import MapSums, distances, summed, threshold
from bidsglm.attribution.models import ContrastPair, Masks
from bidsglm.attribution.shapley import ladder, shapley_values
from bidsglm.attribution.steps import PARTS_OF_REGRESSORS, REGRESSORS, Step
from bidsglm.data import ContrastMaps
from bidsglm.model import Floats
from bidsglm.packages import title
from bidsglm.pairs import Pair
from bidsglm.spm.probability import f_tail, t_tail

Row = dict[str, str | float]


def map_names(maps: ContrastMaps) -> tuple[str, ...]:
    """Maps of a contrast that are explained; an F has no effect.

    >>> from bidsglm.model import ContrastSpecification
    >>> nothing = np.zeros(1)
    >>> go = ContrastSpecification("go", "go", ("go",), np.eye(1))
    >>> map_names(ContrastMaps(go, (0,), nothing, nothing, nothing, nothing, nothing, (9.0,)))
    ('effect', 't')
    """
    test = maps.specification.test
    return (test,) if test == "F" else ("effect", test)


class StepSums(NamedTuple):
    """Maps of all combinations of the steps that matter for one kind of map, summed up."""

    kind: str
    steps: tuple[str, ...]
    sums: MapSums
    """(2 ** n_steps,) against the first map, in binary order of the steps"""


def step_sums(kind: str, steps: tuple[str, ...], maps: Floats, dofs: Sequence[tuple[float, ...]]) -> StepSums:
    """Sums of maps.

    Parameters
    ----------
    kind
        effect, t or F.
    steps
        Those that change it.
    maps
        (2 ** n_steps, n_voxels) in binary order of the steps
    dofs
        Degrees of freedom of each.
    """
    if kind == "effect":
        return StepSums(kind, steps, summed(maps[0], maps))
    # p < 0.001 by the degrees of freedom of each combination, which noise and runs change
    limits = np.array([threshold(dof) for dof in dofs])
    # against the reference's set of voxels, as all metrics are against its map
    return StepSums(kind, steps, summed(maps[0], maps, (limits[0], limits)))


def metrics(changes: StepSums) -> dict[str, Floats]:
    """Value of every combination in every metric, each (2,) * n_steps."""
    values = distances(changes.sums)
    shape = (2,) * len(changes.steps)
    for value in values.values():
        # the reference's setting in every step is its own map: rounding must not show as a difference
        value[0] = 0.0
    return {name: value.reshape(shape) for name, value in values.items()}


def step_rows(
    changes: StepSums, steps: Sequence[Step], contrast: str, pair: Pair, closure: tuple[float, float]
) -> list[Row]:
    """Rows of one kind of map of a contrast.

    Parameters
    ----------
    changes
        Sums of the maps of all mixtures.
    steps
        All steps of the analysis.
    contrast
        Its name.
    pair
        Names of the packages' columns.
    closure
        How closely the reference's and the other package's own maps are met.
    """
    rows = []
    for metric, values in metrics(changes).items():
        shared: Row = {"contrast": contrast, "map": changes.kind, "metric": metric}
        each = rows_of_steps(steps, pair, changes.steps, values, closure)
        rows += [shared | row | _membership(row) for row in each]
    return rows


def _membership(row: Row) -> Row:
    return {"part_of": REGRESSORS if row["step"] in PARTS_OF_REGRESSORS else ""}


def rows_of_steps(
    steps: Sequence[Step],
    pair: Pair,
    active: Sequence[str],
    values: Floats,
    closure: tuple[float, float],
) -> list[Row]:
    """One row for each step of one metric, the regressors before their parts.

    Parameters
    ----------
    steps, pair, closure
        As of `step_rows`.
    active
        Names of the steps that can move a value.
    values
        (2,) * n_active, one for each combination of these
    """
    # Shapley values: the mean contribution of a step over all orders; the ladder is one order
    shares = dict(zip(active, shapley_values(values, len(active)).tolist(), strict=True))
    climbed = dict(zip(active, ladder(values, len(active)).tolist(), strict=True))
    rows: list[Row] = []
    height = 0.0
    for step in steps:
        # a step that changes nothing leaves the ladder where it was
        height = climbed.get(step.name, height)
        share = shares.get(step.name, 0.0)
        words = {"step": step.name, pair.reference: step.reference, pair.first: step.other}
        rows.append({**words, "ladder": height, "shapley": share})
    # Shapley values of parts add up; the ladder stands where the last of them left it
    parts = [row for row in rows if row["step"] in PARTS_OF_REGRESSORS]
    if parts:
        together: Row = {
            "step": REGRESSORS,
            pair.reference: f"{title(pair.reference)}'s design",
            pair.first: f"{title(pair.first)}'s design",
            "ladder": parts[-1]["ladder"],
            "shapley": sum(float(part["shapley"]) for part in parts),
        }
        rows.insert(rows.index(parts[0]), together)
    ends: Row = {
        "total": float(values[(-1,) * len(active)]),
        f"closure_{pair.reference}": closure[0],
        f"closure_{pair.first}": closure[1],
    }
    return [row | ends for row in rows]


def unmodelled_rows(contrast: ContrastPair, pair: Pair, masks: Masks, columns: NDArray[np.intp]) -> list[Row]:
    """What degrees of freedom do to z, and in how many voxels only one package has a result."""
    stat = contrast.other.stat[columns]
    # the same statistic with either package's degrees of freedom: nothing else may move z
    own, other = (_z(stat, maps.dof) for maps in (contrast.other, contrast.reference))
    moved = float(np.sqrt(np.mean((own - other) ** 2)))
    n_one = float((masks.reference ^ masks.other).sum())
    dofs = [
        " and ".join(f"{value:.4g}" for value in maps.dof) for maps in (contrast.reference, contrast.other)
    ]
    counts = [f"{int(mask.sum())} voxels" for mask in (masks.reference, masks.other)]
    nothing = float("nan")
    return [
        {
            "contrast": contrast.other.specification.name,
            "map": map_name,
            "metric": metric,
            "step": step,
            pair.reference: words[0],
            pair.first: words[1],
            "ladder": value,
            "shapley": value,
            "total": value,
            f"closure_{pair.reference}": nothing,
            f"closure_{pair.first}": nothing,
            "part_of": "",
        }
        for map_name, metric, step, words, value in (
            ("z", "rmsd", "degrees of freedom", dofs, moved),
            ("mask", "voxels in one mask only", "mask", counts, n_one),
        )
    ]


def _z(stat: Floats, dof: tuple[float, ...]) -> Floats:
    # rounding may leave an F of nothing a little below 0, where it has no tail
    return t_tail(stat, dof[0]).z if len(dof) == 1 else f_tail(np.maximum(stat, 0), dof[0], dof[1]).z
