"""Whether a group's conclusion holds without one participant, and for others drawn from the same.

Every map of a resample is compared with the map of everybody from the same package, and with the map of the
same participants from the reference: so a difference between packages stands beside that which one
participant makes. Masks, the resels of the field and the variances of groups stay those of everybody.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from bidsglm.agreement import resampling
from bidsglm.agreement.stability import Compared, Rule, Tally, heights, spread, z_scores
from bidsglm.backends.records import contrast_weights
from bidsglm.data import ContrastMaps
from bidsglm.dataset.stacks import MapStack
from bidsglm.group.fitted import FittedGroup
from bidsglm.group.map_files import GroupWriter
from bidsglm.group.map_summary import GroupRecord
from bidsglm.model import Floats
from bidsglm.outputs.group_map_tables import between_packages
from bidsglm.outputs.schema import Row
from bidsglm.pairs import Pair
from bidsglm.report.judgements import FEWEST_VOXELS, SAME_EXTENT, SAME_SHAPE
from bidsglm.settings import Settings

DRAWS = 100
"""Draws of the bootstrap: quartiles of a Dice are known to a few hundredths with these."""
CHUNK_VALUES = 500_000
"""In float64 at a time, 4 MB; some twenty arrays of that size are held."""
SAME = Rule(SAME_SHAPE, SAME_EXTENT, FEWEST_VOXELS, frozenset({"fwe05"}))
"""The rule of the verdict without FDR, whose threshold takes all voxels of a resample at once"""
EVERYBODY, LEFT_OUT, BOOTSTRAP = "everybody", "leave-one-out", "bootstrap"
FEWEST_FREE = 2
"""Residual degrees of freedom from which one can be spared."""


class _Package(NamedTuple):
    """A package's maps, and how its statistic is computed for a resample."""

    stack: MapStack
    model: resampling.ContrastModel
    prepared: Mapping[str, resampling.Draws]
    """Resampling -> what is drawn; leaving out single rows has a closed form"""
    thresholds: Mapping[str, Mapping[str, Floats]]
    """Resampling -> threshold -> (n_resamples,)"""
    dof: Mapping[str, Floats]
    """Resampling -> (n_resamples,) residual degrees of freedom"""
    place: NDArray[np.bool_]
    """(n_voxels,) of the group's volume, where the stack has a column"""
    mask: NDArray[np.bool_]
    """(n_voxels,)"""


class _Resamples(NamedTuple):
    """Who is in each resample."""

    names: tuple[str, ...]
    """Whom each leaves out"""
    weights: Mapping[str, Floats]
    """Resampling -> (n_resamples, n_rows)"""
    closed: bool
    """Whether single rows are left out"""


def write_stability(
    fitted: FittedGroup,
    stacks: Mapping[str, MapStack],
    settings: Settings,
    record: GroupRecord,
    part: GroupWriter,
) -> None:
    """Note rows on how far each contrast's maps change from resample to resample."""
    for index, maps in enumerate(fitted.maps):
        weights = contrast_weights(maps.specification, fitted.design)
        model = resampling.contrast_model(fitted.design.matrix, weights)
        if model.dof < FEWEST_FREE:
            name = fitted.name or maps.specification.name
            record.note(f"{name}: too few participants to leave one out, so nothing is said of stability.")
            continue
        resamples = _resamples(fitted, model, settings.random_seed)
        if not resamples.names:
            name = fitted.name or maps.specification.name
            record.note(
                f"{name}: the design has columns that single participants make, so that nobody can be left "
                "out, and nothing is said of stability."
            )
            continue
        found = {b: _package(fitted, index, stacks[b], b, resamples, settings) for b in fitted.levels}
        front, coordinates = fitted.keys(maps), fitted.volume.coordinates
        for (resampling_name, what), tally in _tallies(found, resamples, fitted.pairs).items():
            whom = resamples.names if resampling_name == LEFT_OUT else ()
            row = _row(tally.compared(), coordinates, whom)
            part.stability.append({**front, "resampling": resampling_name, "compared": what, **row})


def _resamples(fitted: FittedGroup, model: resampling.ContrastModel, seed: int) -> _Resamples:
    owners = [row.participant for row in fitted.rows]
    names, without = resampling.without_each(owners)
    drawn = resampling.bootstrap_weights(model, owners, DRAWS, seed)
    closed = len(names) == len(owners)
    if not closed:
        possible = [resampling.can_estimate(model, weights) for weights in without]
        names = tuple(name for name, can in zip(names, possible, strict=True) if can)
        without = without[possible]
    weights = {LEFT_OUT: without, **({BOOTSTRAP: drawn} if len(drawn) else {})}
    return _Resamples(names, weights, closed)


def _package(
    fitted: FittedGroup, index: int, stack: MapStack, backend: str, resamples: _Resamples, settings: Settings
) -> _Package:
    level = fitted.levels[backend]
    maps, found = level.maps[index], level.inference.contrasts[index]
    weights = contrast_weights(maps.specification, fitted.design)
    model = resampling.contrast_model(fitted.design.matrix, weights, _scale(fitted, backend))
    closed = {LEFT_OUT} if resamples.closed else set()
    prepared = {
        name: resampling.draws(model, each) for name, each in resamples.weights.items() if name not in closed
    }
    p = {"p001": 0.001 / (1 + settings.two_sided), "fwe05": _tail(maps, found.thresholds.fwe05)}
    n_tested = model.directions.shape[1]
    dof = {
        EVERYBODY: np.array([float(model.dof)]),
        **{name: np.full(len(each), model.dof - 1.0) for name, each in resamples.weights.items()},
        **{name: each.dof for name, each in prepared.items()},
    }
    thresholds = {
        name: {key: heights(tail, free, model.test, n_tested) for key, tail in p.items()}
        for name, free in dof.items()
    }
    place = stack.volume.voxels[fitted.volume.voxels]
    return _Package(stack, model, prepared, thresholds, dof, place, level.mask)


def _scale(fitted: FittedGroup, backend: str) -> Floats | None:
    """Inverse standard deviation of each row's group; None where all have one variance."""
    variances, model = fitted.levels[backend].variance.get("GroupVariances"), fitted.design.variance
    if variances is None or model is None:
        return None
    each = np.array([variances[name] for name in model.groups])
    return np.asarray(1 / np.sqrt(each[list(model.members)]))


def _tail(maps: ContrastMaps, height: float) -> float:
    """Uncorrected p of a height."""
    return float(
        scipy.stats.t.sf(height, *maps.dof) if len(maps.dof) == 1 else scipy.stats.f.sf(height, *maps.dof)
    )


def _tallies(
    found: Mapping[str, _Package], resamples: _Resamples, pairs: Sequence[Pair]
) -> dict[tuple[str, str], Tally]:
    """Compare all maps, some voxels at a time."""
    levels = ("p001", "fwe05")
    sizes = {EVERYBODY: 1, **{name: len(each) for name, each in resamples.weights.items()}}
    between = {between_packages(pair): pair for pair in pairs}
    tallies = {
        (name, what): Tally(size, levels)
        for name, size in sizes.items()
        for what in ([*found] if name != EVERYBODY else []) + [*between]
    }
    for columns, statistics in _statistics(found, max(map(len, resamples.weights.values()))):
        scores = {b: _scores(found[b], of_package) for b, of_package in statistics.items()}
        for (name, what), tally in tallies.items():
            names = between.get(what, (what, what))
            inside = np.logical_and(*(found[b].mask[columns] for b in names))
            other = name if what in between else EVERYBODY
            pair = statistics[names[0]][name][:, inside], statistics[names[1]][other][:, inside]
            heights_of = dict(found[names[0]].thresholds[name]), dict(found[names[1]].thresholds[other])
            shapes = scores[names[0]][name][:, inside], scores[names[1]][other][:, inside]
            tally.add(pair, heights_of, columns[inside], shapes)
    return tallies


def _scores(package: _Package, statistics: Mapping[str, Floats]) -> dict[str, Floats]:
    """Resampling -> z of its statistic."""
    model = package.model
    n_tested = model.directions.shape[1]
    return {
        name: z_scores(values, package.dof[name], model.test, n_tested) for name, values in statistics.items()
    }


def _statistics(
    found: Mapping[str, _Package], n_resamples: int
) -> Iterator[tuple[NDArray[np.intp], dict[str, dict[str, Floats]]]]:
    """Package -> resampling -> statistic of some voxels; 0 outside the package's mask."""
    n_voxels = len(next(iter(found.values())).place)
    rank = max(package.model.basis.shape[1] for package in found.values())
    size = max(1, CHUNK_VALUES // (n_resamples * (rank + 1)))
    before = {b: np.concatenate([[0], package.place.cumsum()]) for b, package in found.items()}
    for start in range(0, n_voxels, size):
        columns = np.arange(start, min(start + size, n_voxels))
        statistics = {}
        for b, package in found.items():
            own = package.stack[:, before[b][columns[0]] : before[b][columns[-1] + 1]]
            inside = package.mask[columns]
            of_package = _of_package(package, own[:, inside[package.place[columns]]])
            statistics[b] = {name: _spread_out(values, inside) for name, values in of_package.items()}
        yield columns, statistics


def _of_package(package: _Package, values: NDArray[np.float32]) -> dict[str, Floats]:
    model = package.model
    fitted = resampling.fit(model, values)
    found = {EVERYBODY: resampling.everybody(model, fitted)[None]}
    if LEFT_OUT not in package.prepared:
        found[LEFT_OUT] = resampling.leave_one_out(model, fitted)
    return found | {name: resampling.drawn(model, p, fitted) for name, p in package.prepared.items()}


def _spread_out(values: Floats, inside: NDArray[np.bool_]) -> Floats:
    whole = np.zeros((len(values), inside.size))
    whole[:, inside] = values
    return whole


def _row(compared: Compared, coordinates: Floats, whom: Sequence[str]) -> Row:
    """Cells of a row of the table."""
    there = np.isfinite(compared.r)
    dice = {key: np.where(there, values, np.nan) for key, values in compared.dice.items()}
    distance = np.linalg.norm(coordinates[compared.peaks[:, 0]] - coordinates[compared.peaks[:, 1]], axis=1)
    row: Row = {
        "n": int(there.sum()),
        "n_same": int((compared.same(SAME) & there).sum()),
        "n_dice_p001": int(np.isfinite(dice["p001"]).sum()),
    }
    columns = {"r": compared.r, **{f"dice_{key}": values for key, values in dice.items()}}
    for name, values in (*columns.items(), ("peak_distance_mm", np.where(there, distance, np.nan))):
        row |= {f"{name}_{key}": value for key, value in spread(values).items()}
    ranked = dice["p001"] if np.isfinite(dice["p001"]).any() else compared.r
    if whom and np.isfinite(ranked).any():
        row["farthest"] = f"sub-{whom[int(np.nanargmin(ranked))]}"
    return row
