"""Which analysis can be trusted: false- and true-positive rates from analysed simulations.

A data set without signal tells how often an analysis finds what is not there (its rate at a threshold p
should be p) and how often any voxel passes the familywise threshold (it should be 0.05). A data set with
known signal tells how often it finds what is there, and how its effect estimates scatter around the truth.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.agreement.rates import UNKNOWN, IntervalEstimate, clustered_rate, mean_interval
from bidsglm.model import Floats, Mask

Counts = NDArray[np.int64]

THRESHOLDS = (0.05, 0.01, 0.001)
FAMILYWISE = 0.05
EFFECT_SIZES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Per cent signal change."""
GRID: Floats = np.unique(
    np.round([*(10 ** (-np.arange(26) / 5)), *THRESHOLDS, *np.arange(0.1, 1.0, 0.05)], decimals=12)
)
"""p at which the curves are known, five to a decade down to 1e-5, and every 0.05 above 0.1."""


class SimulationOutcome(NamedTuple):
    """What the analyses made of one data set; levels are no signal, or the effect sizes."""

    below: Counts
    """(n_analyses, n_contrasts, n_levels, n_grid) voxels with p below each point of the grid"""
    sizes: Counts
    """(n_contrasts, n_levels) voxels of each level"""
    familywise: Mask
    """(n_analyses, n_contrasts) whether any voxel passes Bonferroni's threshold over all voxels"""
    effects: Floats
    """(n_analyses, n_contrasts, n_levels) mean of the estimated effects over the true ones; NaN without"""
    squares: Floats
    """The same of their squares"""
    stopped: Mask
    """(n_analyses,) whether an analysis could not be made"""


def empty_outcome(n_analyses: int, levels: Sequence[Sequence[NDArray[np.intp]]]) -> SimulationOutcome:
    """Outcome to be filled by `record`.

    Parameters
    ----------
    n_analyses
        Number of analyses.
    levels
        For each contrast and level the voxels.

    >>> empty_outcome(2, [[np.arange(5)]]).sizes.tolist()
    [[5]]
    """
    sizes = np.array([[voxels.size for voxels in each] for each in levels], dtype=np.int64)
    shape = (n_analyses, *sizes.shape)
    unknown = np.full(shape, np.nan)
    return SimulationOutcome(
        np.zeros((*shape, GRID.size), np.int64),
        sizes,
        np.zeros(shape[:2], bool),
        unknown,
        unknown.copy(),
        np.zeros(n_analyses, bool),
    )


def record(
    outcome: SimulationOutcome, place: tuple[int, int], level: int, p: Floats, ratios: Floats | None
) -> None:
    """Enter what an analysis says of the voxels of one level.

    Parameters
    ----------
    outcome
        Is changed.
    place
        Index of the analysis and of the contrast.
    level
        Index of the level.
    p
        (n_voxels,) p values
    ratios
        Estimated effects over the true one, of the voxels that have one; None without signal

    >>> outcome = empty_outcome(1, [[np.arange(2)]])
    >>> record(outcome, (0, 0), 0, np.array([0.02, 1.0]), np.array([1.0, 2.0]))
    >>> outcome.below[0, 0, 0, np.searchsorted(GRID, 0.05)], outcome.effects.item()
    (np.int64(1), 1.5)
    """
    # strictly below each point: with p equal to it, a threshold is not passed
    outcome.below[*place, level] = np.searchsorted(np.sort(p), GRID, side="left")
    # at p = 1 all voxels count, those with p = 1 too
    outcome.below[*place, level, -1] = p.size
    if ratios is not None:
        if ratios.size:
            outcome.effects[*place, level] = ratios.mean()
            outcome.squares[*place, level] = (ratios**2).mean()
    else:
        # Bonferroni over the sampled voxels
        outcome.familywise[place] = bool((p < FAMILYWISE / p.size).any())


class Simulations(NamedTuple):
    """All data sets of one noise model."""

    noise: str
    null: Sequence[SimulationOutcome]
    """Without signal."""
    signal: Sequence[SimulationOutcome]


def _made(outcomes: Sequence[SimulationOutcome], analysis: int) -> list[SimulationOutcome]:
    return [outcome for outcome in outcomes if not outcome.stopped[analysis]]


def _hits(outcomes: Sequence[SimulationOutcome], place: tuple[int, int], level: int) -> Counts:
    """(n_datasets, n_grid) voxels below each p."""
    counts = [outcome.below[*place, level] for outcome in outcomes]
    return np.array(counts, dtype=np.int64).reshape(-1, GRID.size)


def area_under_curve(false: Floats, true: Floats) -> float:
    """Area under the ROC curve through points from the smallest p to 1.

    >>> area_under_curve(np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.5, 1.0]))
    0.5
    """
    # the grid begins above p = 0, where both rates are 0
    return float(np.trapezoid([0.0, *true], [0.0, *false]))


def metric_rows(
    simulations: Sequence[Simulations], analyses: Sequence[str], contrasts: Sequence[str]
) -> list[dict[str, str | float]]:
    """Rows of the table: each analysis, noise, contrast, effect size and threshold.

    Parameters
    ----------
    simulations
        One for each noise model.
    analyses, contrasts
        Their names, in the order of the outcomes.
    """
    rows: list[dict[str, str | float]] = []
    for i, analysis in enumerate(analyses):
        for each in simulations:
            for j, contrast in enumerate(contrasts):
                front = {"analysis": analysis, "noise": each.noise, "contrast": contrast}
                rows += [{**front, **row} for row in (*_null_rows(each, (i, j)), *_signal_rows(each, (i, j)))]
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name, float("nan")) for name in names} for row in rows]


def _rate_rows(
    outcomes: Sequence[SimulationOutcome], place: tuple[int, int], level: int
) -> Iterator[dict[str, float]]:
    """Rate at each threshold with its interval."""
    made = _made(outcomes, place[0])
    hits = _hits(made, place, level)
    size = int(outcomes[0].sizes[place[1], level])
    for threshold in THRESHOLDS:
        found = clustered_rate(hits[:, np.searchsorted(GRID, threshold)], size)
        yield {
            "p_threshold": threshold,
            **_named(found, "rate", ""),
            "n_datasets": len(made),
            "n_voxels": size,
            "n_stopped": len(outcomes) - len(made),
        }


def _named(found: IntervalEstimate, name: str, prefix: str) -> dict[str, float]:
    return {name: found.value, f"{prefix}ci_lower": found.lower, f"{prefix}ci_upper": found.upper}


def _null_rows(simulations: Simulations, place: tuple[int, int]) -> Iterator[dict[str, float]]:
    for row in _rate_rows(simulations.null, place, 0):
        if row["p_threshold"] == FAMILYWISE:
            made = _made(simulations.null, place[0])
            any_voxel = np.array([outcome.familywise[place] for outcome in made], dtype=np.int64)
            # a data set is one trial: any voxel, or none
            row |= _named(clustered_rate(any_voxel, 1), "fwe_rate", "fwe_")
        yield {"effect_size": 0.0, **row}


def _signal_rows(simulations: Simulations, place: tuple[int, int]) -> Iterator[dict[str, float]]:
    if not simulations.signal or not simulations.signal[0].sizes[place[1]].any():
        return
    for level, size in enumerate(EFFECT_SIZES):
        about = _about_effects(simulations, place, level)
        for row in _rate_rows(simulations.signal, place, level):
            yield {"effect_size": size, **row, **about}


def _about_effects(simulations: Simulations, place: tuple[int, int], level: int) -> dict[str, float]:
    """What does not depend on a threshold: area under the curve, bias, spread."""
    made = _made(simulations.signal, place[0])
    false, true = _curve(simulations.null, place, 0), _curve(simulations.signal, place, level)
    means = np.array([outcome.effects[*place, level] for outcome in made])
    # effects over the true one: 1 is no bias, and data sets are the independent units
    bias = mean_interval(means - 1) if made else UNKNOWN
    squares = np.array([outcome.squares[*place, level] for outcome in made])
    # E x² - (E x)² over voxels and data sets together
    variance = float(squares.mean() - means.mean() ** 2) if made else float("nan")
    spread = EFFECT_SIZES[level] * np.sqrt(max(variance, 0.0)) if made else float("nan")
    area = area_under_curve(false, true)
    return {"auc": area, "spread": float(spread), **_named(bias, "bias", "bias_")}


def _curve(outcomes: Sequence[SimulationOutcome], place: tuple[int, int], level: int) -> Floats:
    """Share of voxels below each p of the grid."""
    made = _made(outcomes, place[0])
    if not made or not made[0].sizes[place[1], level]:
        return np.full(GRID.size, np.nan)
    hits = _hits(made, place, level).sum(axis=0)
    # voxels of all data sets, which have as many of the level each
    return np.asarray(hits / (len(made) * made[0].sizes[place[1], level]))


def curve_rows(
    simulations: Sequence[Simulations], analyses: Sequence[str], contrasts: Sequence[str]
) -> Iterator[dict[str, str | float]]:
    """Rows of the table of curves; parameters as of `metric_rows`."""
    for i, analysis in enumerate(analyses):
        for each in simulations:
            for j, contrast in enumerate(contrasts):
                front = {"analysis": analysis, "noise": each.noise, "contrast": contrast}
                curves = [(0.0, _curve(each.null, (i, j), 0))]
                if each.signal and each.signal[0].sizes[j].any():
                    curves += [
                        (size, _curve(each.signal, (i, j), level)) for level, size in enumerate(EFFECT_SIZES)
                    ]
                for size, curve in curves:
                    for p, rate in zip(GRID, curve, strict=True):
                        yield {**front, "effect_size": size, "p": float(p), "rate": float(rate)}
