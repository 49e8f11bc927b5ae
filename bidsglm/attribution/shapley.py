"""Shares of a difference between the modelling steps: the ladder, the Shapley values and the dominant step.

A difference v(S) is known for every set S of steps at SPM's setting, the others being at nilearn's. With n
steps it is an array of shape (2,) * n (+ further axes), index 1 on axis i where step i is in S. The
Shapley value of step i is its mean contribution over all orders in which the steps can be taken,

    sum over S without i of |S|! (n - |S| - 1)! / n! (v(S + i) - v(S)),

and the values add up to v(all) - v(none) exactly (L. Shapley, in *Contributions to the Theory of Games*
II, 1953, pp. 307-317).
"""

from collections.abc import Callable, Sequence
from itertools import product
from math import comb

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.designs import Designs
from bidsglm.attribution.maps import CombinationMaps
from bidsglm.attribution.models import Block, ContrastPair, Observations, StepSettings
from bidsglm.attribution.steps import COARSE_STEPS, PARTS_OF_REGRESSORS, REGRESSORS, STEPS, Step, settings_of
from bidsglm.attribution.turns import Each, in_turn
from bidsglm.model import Floats

NEGLIGIBLE = 1e-3
"""Differences of t or F below it have no dominant step."""


def shapley_values(values: NDArray[np.floating], n_steps: int) -> Floats:
    """Shapley value of every step.

    Parameters
    ----------
    values
        (2,) * n_steps + (...)
    n_steps
        Number of leading axes that are steps.

    Returns
    -------
    (n_steps, ...)

    >>> shapley_values(np.array([[0.0, 1.0], [2.0, 7.0]]), 2).tolist()
    [4.0, 3.0]
    """
    shares = np.zeros((n_steps, *values.shape[n_steps:]))
    for i in range(n_steps):
        for others in product((0, 1), repeat=n_steps - 1):
            # |S|! (n - |S| - 1)! / n!: the share of the orders in which S comes before i
            weight = 1 / (n_steps * comb(n_steps - 1, sum(others)))
            with_i, without = (*others[:i], 1, *others[i:]), (*others[:i], 0, *others[i:])
            shares[i] += weight * (values[with_i] - values[without])
    return shares


def ladder(values: NDArray[np.floating], n_steps: int) -> Floats:
    """Difference after each step is taken to SPM's setting, one after the other in their order.

    Parameters
    ----------
    values
        (2,) * n_steps + (...)
    n_steps
        Number of leading axes that are steps.

    Returns
    -------
    (n_steps, ...)

    >>> ladder(np.array([[0.0, 1.0], [2.0, 7.0]]), 2).tolist()
    [2.0, 7.0]
    """
    # one of n! orders: what a step adds here hangs on the steps before it, as its Shapley value does not
    taken = [(1,) * (i + 1) + (0,) * (n_steps - i - 1) for i in range(n_steps)]
    return np.array([values[combination] for combination in taken]).reshape(n_steps, *values.shape[n_steps:])


def effective_steps(steps: Sequence[Step], kind: str, n_runs: int, scanwise: bool) -> tuple[str, ...]:
    """Steps that can change a map, in their order.

    Parameters
    ----------
    steps
        All steps of the analysis.
    kind
        effect, t or F: the way runs are combined moves no effect, the factor of a single run's data no t.
    n_runs
        Number of runs.
    scanwise
        SPM scales every scan apart.

    >>> both = [Step("scaling", "a", "b", False), Step("noise", "a", "b", False)]
    >>> effective_steps(both, "t", 1, False), effective_steps(both, "effect", 1, False)
    (('noise',), ('scaling', 'noise'))
    """
    # a step that cannot move the map would double the fits for a value of zero
    idle = "runs" if kind == "effect" else "scaling" if n_runs == 1 and not scanwise else ""
    return tuple(step.name for step in steps if not step.same and step.name != idle)


def combination_of(steps: Sequence[str], taken: Sequence[int]) -> StepSettings:
    """Combination with the steps that are taken at SPM's setting; steps that are not named are at SPM's too.

    >>> combination_of(("noise", "filter"), (1, 0)).noise, combination_of(("noise", "filter"), (1, 0)).filter
    (True, False)
    """
    return StepSettings(**{name: bool(flag) for name, flag in settings_of(STEPS, steps, taken).items()})


def coarse(steps: Sequence[Step]) -> list[Step]:
    """The steps with the parts of the regressors as one."""
    parts = [step for step in steps if step.name in PARTS_OF_REGRESSORS]
    if not parts:
        return list(steps)
    together = Step(REGRESSORS, "", "", all(step.same for step in parts))
    rest = {step.name: step for step in steps} | {REGRESSORS: together}
    return [rest[name] for name in COARSE_STEPS if name in rest]


def dominant_steps(
    designs: Designs, steps: Sequence[Step], evidence: Observations, each: Each = in_turn
) -> dict[str, NDArray[np.int8]]:
    """Step with the largest Shapley value of |t(S) - t(nilearn)| at every voxel.

    Parameters
    ----------
    designs
        Designs of the models.
    steps
        The parts of the regressors play as one.
    evidence
        Data and maps.
    each
        Works on the chunks.

    Returns
    -------
    contrast label -> (n_voxels,) over the columns of the maps; 0 none, else one more than the index into
    `COARSE_STEPS`
    """
    maps = {
        pair.other.specification.label: np.zeros(evidence.masks.both.size, np.int8) for pair in evidence.pairs
    }
    together = coarse(steps)
    active = effective_steps(together, "t", len(designs.models.runs), bool(evidence.pool.scans))
    designs.prepare(every_combination(active), each)

    def fill_in(chunk: Callable[[], Block]) -> None:
        combinations = CombinationMaps(designs, chunk(), every_rule=False)
        for index, pair in enumerate(evidence.pairs):
            found = _dominant(combinations, active, index, pair)
            # chunks share no voxel
            maps[pair.other.specification.label][combinations.block.columns] = found

    each(fill_in, evidence.chunks)
    return maps


def every_combination(steps: Sequence[str]) -> list[StepSettings]:
    """Combinations of some steps in binary order, the others at SPM's setting.

    >>> [(c.noise, c.filter) for c in every_combination(("noise", "filter"))]
    [(False, False), (False, True), (True, False), (True, True)]
    """
    return [combination_of(steps, taken) for taken in product((0, 1), repeat=len(steps))]


def _dominant(
    combinations: CombinationMaps, active: Sequence[str], contrast: int, pair: ContrastPair
) -> NDArray[np.int8]:
    columns = combinations.block.columns
    if not active:
        return np.zeros(columns.size, np.int8)
    first = pair.reference.stat[columns]
    # the two ends are the packages' own maps, and need no fit
    ends = {0: np.zeros(columns.size), len(active): np.abs(pair.other.stat[columns] - first)}
    moved = [
        ends[sum(taken)]
        if sum(taken) in ends
        else np.abs(combinations.maps(combination_of(active, taken), contrast).stat - first)
        for taken in product((0, 1), repeat=len(active))
    ]
    shares = shapley_values(np.stack(moved).reshape((2,) * len(active) + (columns.size,)), len(active))
    numbers = np.array([COARSE_STEPS.index(name) + 1 for name in active], dtype=np.int8)
    # the largest share, not the largest in size: a step that only takes difference away makes none
    return np.where(shares.max(axis=0) > NEGLIGIBLE, numbers[shares.argmax(axis=0)], 0).astype(np.int8)
