"""How a metric spreads over participants: quartiles, an interval of the median, and who lies apart."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bidsglm.agreement.maps import Row, metric_names
from bidsglm.model import Floats, Mask

RESAMPLES = 10_000
"""The ends of the interval then move by about a hundredth of its width with the seed."""
CLUSTERED_RESAMPLES = 2_000
"""Where participants have several values: these cost more, and move the ends by a fiftieth of the width."""
DRAWN_AT_ONCE = 2_000_000
"""Draws in memory: 16 MB."""
CONFIDENCE = 0.95
MIN_RESAMPLED = 2
"""Values of which resamples differ."""
FAR = 3.5
"""Standard deviations (Iglewicz & Hoaglin 1993)."""
MAD_TO_SD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
FEWEST = 8
"""Values among which one can be said to lie apart; with fewer, the deviation may be small by chance alone."""
ROUNDING = 1e-6
"""Spread, relative to the largest value, that float32 maps have by rounding alone."""


@lru_cache(maxsize=64)
def _middle_ranks(n: int, seed: int) -> NDArray[np.intp]:
    """Ranks of the two middle values of resamples of n sorted values (RESAMPLES, 2).

    A resample's median depends on which ranks were drawn only, so all metrics of n participants share them.
    """
    rng = np.random.default_rng([seed, n])
    # the same rank twice where n is odd
    middle = [(n - 1) // 2, n // 2]
    size = max(1, DRAWN_AT_ONCE // n)
    parts = []
    for start in range(0, RESAMPLES, size):
        # ranks, not values: one draw serves every metric of n participants
        drawn = rng.integers(n, size=(min(size, RESAMPLES - start), n))
        parts.append(np.partition(drawn, middle, axis=1)[:, middle])
    return np.concatenate(parts)


def median_interval(values: Floats, seed: int = 0) -> tuple[float, float]:
    """Ends of the bootstrap percentile interval of the median; NaN of a single value, which says nothing.

    Parameters
    ----------
    values
        (n,) finite
    seed
        The same gives the same interval.

    Examples
    --------
    >>> median_interval(np.array([2.0, 2.0, 2.0]))
    (2.0, 2.0)
    """
    if len(values) < MIN_RESAMPLED:
        return float("nan"), float("nan")
    # a resample's median is the mean of the values at its middle ranks
    medians = np.sort(values)[_middle_ranks(len(values), seed)].mean(axis=1)
    return _ends(medians)


def clustered_median_interval(values: Floats, owners: Sequence[str], seed: int = 0) -> tuple[float, float]:
    """Bootstrap percentile interval of the median of values of which several may be one participant's.

    Participants are drawn, each with all of their values: sessions of one are no independent sample.

    Parameters
    ----------
    values
        (n,) finite
    owners
        (n,) whose they are
    seed
        The same gives the same interval.

    Examples
    --------
    >>> clustered_median_interval(np.array([1.0, 3.0]), ["sub-01", "sub-01"])
    (nan, nan)
    """
    # with one value each the plain bootstrap is the same, and exact ranks serve it
    names, whose = np.unique(np.asarray(owners), return_inverse=True)
    if len(names) == len(values):
        return median_interval(values, seed)
    if len(names) < MIN_RESAMPLED:
        return float("nan"), float("nan")
    # sorted once: the median of a draw is where its counts reach the half
    order = np.argsort(values, kind="stable")
    ranked, whose = values[order], whose[order]
    times = _times_drawn(len(names), seed)
    size = max(1, DRAWN_AT_ONCE // len(values))
    parts = [times[start : start + size] for start in range(0, len(times), size)]
    medians = np.concatenate([_medians_of_drawn(ranked, part[:, whose]) for part in parts])
    return _ends(medians)


def _ends(medians: Floats) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    # percentiles of the draws (Efron and Tibshirani 1993): medians of few values are not normal about theirs
    lower, upper = np.quantile(medians, (tail, 1 - tail))
    return float(lower), float(upper)


@lru_cache(maxsize=4)
def _times_drawn(n_people: int, seed: int) -> NDArray[np.uint16]:
    """How often each participant is drawn (CLUSTERED_RESAMPLES, n_people); all metrics share it."""
    rng = np.random.default_rng([seed, n_people])
    return rng.multinomial(n_people, np.full(n_people, 1 / n_people), CLUSTERED_RESAMPLES).astype(np.uint16)


def _medians_of_drawn(ranked: Floats, times: NDArray[np.uint16]) -> Floats:
    """Median of sorted values that count so many times each (n_draws, n_values), one for each draw."""
    reached = times.cumsum(axis=1, dtype=np.int32)
    n_values = reached[:, -1]
    middle = [(n_values - 1) // 2, n_values // 2]
    # the value at a rank is the first that more than this many values reach
    ends = [ranked[(reached > rank[:, None]).argmax(axis=1)] for rank in middle]
    return np.asarray((ends[0] + ends[1]) / 2)


def deviations(values: Floats) -> Floats:
    """Robust standard deviations from the median; 0 where nobody can be said to lie apart.

    Parameters
    ----------
    values
        (n,); NaN stays apart from the others and gets 0.

    Examples
    --------
    >>> deviations(np.array([0.9, 0.9, 0.91, 0.91, 0.91, 0.92, 0.92, 0.2])).round(1).tolist()
    [-0.7, -0.7, 0.0, 0.0, 0.0, 0.7, 0.7, -47.9]
    >>> deviations(np.array([0.9, 0.91, 0.92, 0.2])).tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    finite = np.isfinite(values)
    known = values[finite]
    found = np.zeros(len(values))
    if len(known) < FEWEST:
        return found
    median = np.median(known)
    # Iglewicz and Hoaglin 1993: x - median over 1.4826 MAD
    spread = MAD_TO_SD * np.median(np.abs(known - median))
    # where all agree but for float32, rounding would be somebody's distance
    if spread > ROUNDING * np.abs(known).max():
        found[finite] = (known - median) / spread
    return found


def outlying(values: Floats) -> Mask:
    """Who lies apart, more than `FAR` robust standard deviations from the median.

    >>> outlying(np.array([0.9, 0.9, 0.91, 0.91, 0.91, 0.92, 0.92, 0.2])).tolist()
    [False, False, False, False, False, False, False, True]
    """
    return np.asarray(np.abs(deviations(values)) > FAR)


def summary(rows: Sequence[Mapping[str, str | int | float]], seed: int = 0) -> tuple[Row, ...]:
    """Spread over participants of every metric, for each contrast and map.

    Parameters
    ----------
    rows
        Agreement rows of all participants, in any order.
    seed
        The bootstrap's.

    Returns
    -------
    tuple of rows
        One for each contrast, map and metric. A metric that is nowhere defined is left out.

    Examples
    --------
    >>> rows = [{"contrast": "go", "map": "t", "slope": s} for s in (0.9, 1.0, 1.4, float("nan"))]
    >>> summary(rows)[0]["n"], summary(rows)[0]["median"], summary(rows)[0]["maximum"]
    (3, 1.0, 1.4)
    """
    result: list[Row] = []
    for (contrast, map_name), members in _by_map(rows).items():
        for metric in metric_names(members):
            values = _column(members, metric)
            known = values[np.isfinite(values)]
            if len(known):
                front: Row = {"contrast": contrast, "map": map_name, "metric": metric}
                n_outlying = int(outlying(values).sum())
                owners = [str(row.get("participant_id", place)) for place, row in enumerate(members)]
                whose = [owners[i] for i in np.flatnonzero(np.isfinite(values))]
                result.append({**front, **_spread(known, whose, seed), "n_outlying": n_outlying})
    return tuple(result)


def outliers(rows: Sequence[Mapping[str, str | int | float]]) -> tuple[Row, ...]:
    """Values of who lies apart, each row with the keys of its agreement row that name participant and map.

    Examples
    --------
    >>> rows = [{"participant_id": f"sub-{i}", "contrast": "go", "map": "t", "slope": s}
    ...         for i, s in enumerate((0.9, 0.9, 0.91, 0.91, 0.91, 0.92, 0.92, 0.2))]
    >>> [row["participant_id"] for row in outliers(rows)]
    ['sub-7']
    """
    found: list[Row] = []
    for members in _by_map(rows).values():
        for metric in metric_names(members):
            values = _column(members, metric)
            far = deviations(values)
            for index in np.flatnonzero(np.abs(far) > FAR):
                row = members[index]
                who = {key: row[key] for key in ("participant_id", "session_id") if key in row}
                median = float(np.nanmedian(values))
                which: Row = {"contrast": row["contrast"], "map": row["map"], "metric": metric}
                apart = {"value": float(values[index]), "median": median, "deviation": float(far[index])}
                found.append({**who, **which, **apart})
    return tuple(found)


def _by_map(
    rows: Sequence[Mapping[str, str | int | float]],
) -> dict[tuple[str, str], list[Mapping[str, str | int | float]]]:
    groups: dict[tuple[str, str], list[Mapping[str, str | int | float]]] = {}
    for row in rows:
        groups.setdefault((str(row["contrast"]), str(row["map"])), []).append(row)
    return groups


def _column(rows: Sequence[Mapping[str, str | int | float]], metric: str) -> Floats:
    values = np.array([float(row.get(metric, "nan")) for row in rows], dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def _spread(values: Floats, owners: Sequence[str], seed: int) -> Row:
    lowest, lower, median, upper, highest = (float(q) for q in np.quantile(values, (0, 0.25, 0.5, 0.75, 1)))
    below, above = clustered_median_interval(values, owners, seed)
    return {
        "n": len(values),
        "median": median,
        "minimum": lowest,
        "lower_quartile": lower,
        "upper_quartile": upper,
        "maximum": highest,
        "ci_lower": below,
        "ci_upper": above,
    }
