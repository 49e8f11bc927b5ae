"""Which modelling step matters over participants: shares, and in how many it is the largest."""

from collections.abc import Mapping, Sequence

import numpy as np

from bidsglm.agreement.maps import Row
from bidsglm.attribution.engine import CLOSURE_NILEARN, CLOSURE_SPM
from bidsglm.attribution.pair_engine import CLOSES
from bidsglm.model import Floats
from bidsglm.pairs import DEFAULT_PAIR, Pair

CLOSURES = dict(zip(DEFAULT_PAIR, (CLOSURE_SPM, CLOSURE_NILEARN), strict=True))
"""Largest distance from a package's own map that counts as none; in further pairs `pair_engine.CLOSES`"""
Given = Mapping[str, str | int | float]


def attribution_summary(rows: Sequence[Given], pair: Pair = DEFAULT_PAIR) -> tuple[Row, ...]:
    """Spread over participants of every step, for each contrast, map and metric.

    Parameters
    ----------
    rows
        Rows of all participants' attribution tables, each with participant_id (and session_id).
    pair
        Whose maps they are of.

    Examples
    --------
    >>> row = {"contrast": "go", "map": "t", "metric": "rmsd", "part_of": "", "total": 4.0,
    ...        "closure_nilearn": 0.0, "closure_spm": 0.0}
    >>> rows = [row | {"participant_id": p, "step": s, "shapley": v}
    ...         for p, s, v in (("a", "noise", 3.0), ("a", "filter", 1.0), ("b", "noise", 2.0))]
    >>> [(r["step"], r["n"], r["share_median"], r["n_largest"]) for r in attribution_summary(rows)]
    [('noise', 2, 0.625, 2), ('filter', 1, 0.25, 0)]
    """
    # a row over participants for each contrast, map, metric and step
    groups: dict[tuple[str, ...], list[Given]] = {}
    for row in rows:
        key = tuple(str(row.get(name) or "") for name in ("contrast", "map", "metric", "step", "part_of"))
        groups.setdefault(key, []).append(row)
    largest = _largest(rows)
    names = ("contrast", "map", "metric", "step", "part_of")
    return tuple(
        {**dict(zip(names, key, strict=True)), **_step(m, largest, pair)} for key, m in groups.items()
    )


def _difference(row: Given) -> tuple[str, ...]:
    """Whose difference, of what: within it the steps add up."""
    names = ("participant_id", "session_id", "contrast", "map", "metric")
    return tuple(str(row.get(name, "")) for name in names)


def _largest(rows: Sequence[Given]) -> dict[tuple[str, ...], str]:
    """Step with the largest value in size of each difference; none where all are zero."""
    best: dict[tuple[str, ...], tuple[float, str]] = {}
    for row in rows:
        size = abs(float(row["shapley"]))
        # in size, as a step that works against the others moves the map as far; parts stand in their whole
        if not row.get("part_of") and size > best.get(_difference(row), (0.0, ""))[0]:
            best[_difference(row)] = (size, str(row["step"]))
    return {difference: step for difference, (_, step) in best.items()}


def _step(rows: Sequence[Given], largest: Mapping[tuple[str, ...], str], pair: Pair) -> Row:
    shapley = np.array([float(row["shapley"]) for row in rows])
    total = np.array([float(row["total"]) for row in rows])
    # where there is no difference no step has a share, not even one of 0
    share = np.full(len(rows), np.nan)
    np.divide(shapley, total, out=share, where=total != 0)
    # response, events and sampling are parts of the regressors, which are what is ranked
    ranked = [row for row in rows if not row.get("part_of")]
    tolerances = CLOSURES if pair.is_default else CLOSES
    limits = {f"closure_{name}": tolerances[name] for name in pair}
    closing = [all(float(row[name]) <= limit for name, limit in limits.items()) for row in rows]
    return {
        "n": int(np.isfinite(shapley).sum()),
        **_quartiles("shapley", shapley),
        **_quartiles("share", share),
        "n_largest": sum(largest.get(_difference(row)) == row["step"] for row in ranked),
        "n_closing": sum(closing),
        "contrast_name": rows[0].get("contrast_name", rows[0]["contrast"]),
    }


def _quartiles(name: str, values: Floats) -> dict[str, float]:
    """Median and quartiles of the values that are there."""
    known = values[np.isfinite(values)]
    lower, median, upper = np.quantile(known, (0.25, 0.5, 0.75)) if len(known) else (np.nan,) * 3
    return {
        f"{name}_median": float(median),
        f"{name}_lower_quartile": float(lower),
        f"{name}_upper_quartile": float(upper),
    }
