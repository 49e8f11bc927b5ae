"""Why one package's effects are larger and vary more: sentences from the tables on units and spread."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bidsglm.report.wording import Row, count, digits, value_of

ALIKE = 0.05
"""Distance of a ratio from 1 up to which two spreads are called the same."""
MORE = 1.05
"""Voxels that SPM averages over those of the brain mask, from which others are said to be among them."""
OF_VOXEL, OF_GRAND_MEAN = "% of voxel mean", "% of grand mean"
"""nilearn's units that have words of their own."""


class Units(NamedTuple):
    """What the tables of a unit say of the size of its effects."""

    levels: Sequence[Row] = ()
    """One row for each run"""
    scales: Sequence[Row] = ()
    """One row for each contrast"""
    effect_units: Mapping[str, str] = {}
    """Backend -> unit of its effects"""
    scans_apart: bool = False
    """SPM scales each scan by its own global"""

    def of(self, label: str) -> Row | None:
        """Row of a contrast."""
        return next((row for row in self.scales if row["contrast"] == label), None)


def spread_sentences(units: Units, label: str, name: str) -> tuple[str, ...]:
    """Say how much more widely SPM's effects of a contrast spread, and why; nothing without its row.

    Parameters
    ----------
    units
        Of the analysis.
    label, name
        Of a t contrast.
    """
    row = units.of(label)
    if (
        row is None
        or row["map"] != "effect"
        or not math.isfinite(value_of(row, "sd_ratio"))
        or not units.levels
    ):
        return ()
    return (
        _spread(units, row, name),
        _global(units.levels, units.scans_apart),
        *_factors(units, row),
        _product(row),
        _remainder(units, row),
    )


def _with_unit(units: Units, package: str, value: float) -> str:
    """Write a size of effects, with its unit where that is known.

    >>> _with_unit(Units(effect_units={"spm": "% of spm_global"}), "spm", 0.31494)
    '0.315 % of spm_global'
    """
    return f"{digits(value)} {units.effect_units.get(package, '')}".rstrip()


def _spread(units: Units, row: Row, name: str) -> str:
    ratio = float(row["sd_ratio"])
    spm, nilearn = (_with_unit(units, each, float(row[f"sd_{each}"])) for each in ("spm", "nilearn"))
    text = (
        f"Over the voxels of both masks, the effects of {name} have a standard deviation of {spm} in"
        f" SPM and of {nilearn} in nilearn"
    )
    if abs(ratio - 1) <= ALIKE:
        return f"{text}: they vary alike."
    if ratio > 1:
        return f"{text}: SPM's vary {digits(ratio)} times as much."
    return f"{text}: here it is nilearn's that vary more, and SPM's are {digits(ratio)} times as wide."


def _mean(rows: Sequence[Row], key: str) -> float:
    values = [float(row[key]) for row in rows]
    return sum(values) / len(values)


def _global(levels: Sequence[Row], scans_apart: bool) -> str:
    voxels, brain = _mean(levels, "n_global_voxels"), _mean(levels, "n_mask_voxels")
    what = "each scan" if scans_apart else "each run"
    text = (
        f"SPM multiplies {what} so that spm_global becomes 100: the mean of all voxels above an eighth of the"
        f" image's mean, {count(voxels)} here"
    )
    if voxels > MORE * brain:
        return (
            f"{text}, where the brain mask has {count(brain)}; what lies outside the brain, such as scalp and"
            " noise in air, is among them."
        )
    return f"{text}, about as many as the {count(brain)} of the brain mask."


def _factors(units: Units, row: Row) -> tuple[str, ...]:
    levels = units.levels
    inside, factor = _mean(levels, "scaled_mask_mean"), _mean(levels, "to_brain_percent")
    brain = (
        f"The mean inside the brain mask is then {digits(inside)}, not 100: SPM's effects times"
        f" {digits(factor)} are percent of the brain's mean."
    )
    lower, upper = (_mean(levels, f"to_voxel_percent_{end}_quartile") for end in ("lower", "upper"))
    voxel = (
        "SPM's effect times 100 over the voxel's own mean after SPM's scaling (the image desc-spmscaled) is"
        f" percent of that voxel's mean: a factor between {digits(lower)} and {digits(upper)} in the middle"
        " half of the voxels."
    )
    unit = units.effect_units.get("nilearn", "")
    if unit == OF_VOXEL:
        return brain, f"nilearn divides each voxel by its own mean. {voxel}"
    if unit == OF_GRAND_MEAN:
        return brain, f"nilearn divides all voxels by one number, the mean inside its mask. {voxel}"
    return brain, f"nilearn's effects are in {unit or 'another unit'}. {voxel}"


def _product(row: Row) -> str:
    level, brightness, rest, ratio = (
        float(row[key]) for key in ("by_level", "by_brightness", "by_rest", "sd_ratio")
    )
    return (
        f"So the ratio of {digits(ratio)} is a product: {digits(level)} for the level (one number for all"
        f" voxels) × {digits(brightness)} for voxels brighter or darker than the brain's mean ×"
        f" {digits(rest)} for all other steps."
    )


def _remainder(units: Units, row: Row) -> str:
    spm, nilearn = float(row["sd_spm_converted"]), _with_unit(units, "nilearn", float(row["sd_nilearn"]))
    slope, r = float(row["slope_converted"]), float(row["pearson_r_converted"])
    return (
        f"Once SPM's effects are in nilearn's unit, their standard deviation is {digits(spm)} beside"
        f" nilearn's {nilearn}. Then the two maps correlate at r = {digits(r)} with a slope of"
        f" {digits(slope)}."
    )


def scale_factor(units: Units, label: str) -> float:
    """Factor that is left between both packages' effects on one scale for all voxels; NaN if unknown."""
    return value_of(units.of(label), "by_level")


def mean_sentence(units: Units, label: str, name: str) -> str:
    """Say where the effects of a contrast are centred; empty without its row.

    >>> row = {"contrast": "go", "map": "effect", "mean_spm": -0.0467, "mean_nilearn": -0.0325}
    >>> mean_sentence(Units(scales=[row]), "go", "go")
    'Here the mean effect of go over the voxels of both masks is −0.0467 in SPM and −0.0325 in nilearn.'
    """
    row = units.of(label)
    if row is None or row["map"] != "effect":
        return ""
    spm, nilearn = (_with_unit(units, each, float(row[f"mean_{each}"])) for each in ("spm", "nilearn"))
    return (
        f"Here the mean effect of {name} over the voxels of both masks is {spm} in SPM and"
        f" {nilearn} in nilearn."
    )


def f_sentence(units: Units, label: str, n_runs: int) -> str:
    """Say of an F contrast over runs what nilearn's approximation does; empty where nothing is approximated.

    >>> row = {"contrast": "m", "map": "F", "mean_spm": 0.957, "mean_nilearn": 1.451, "null_mean": 1.0102}
    >>> print(f_sentence(Units(scales=[row]), "m", 2))
    nilearn's F over 2 runs is approximate, and nilearn warns of it. Where nothing happens F is 1.01 on \
average. Here its map has a mean of 1.45, and SPM's one of 0.957.
    """
    row = units.of(label)
    if n_runs < 2 or (row is not None and row["map"] != "F"):
        return ""
    text = f"nilearn's F over {n_runs} runs is approximate, and nilearn warns of it."
    if row is None or not math.isfinite(value_of(row, "null_mean")):
        return text
    null, spm, nilearn = (float(row[key]) for key in ("null_mean", "mean_spm", "mean_nilearn"))
    return (
        f"{text} Where nothing happens F is {digits(null)} on average. Here its map has a mean of"
        f" {digits(nilearn)}, and SPM's one of {digits(spm)}."
    )


def f_mark(units: Units, label: str) -> str:
    """Say in a table how far nilearn's approximate F is from what it is where nothing happens.

    >>> row = {"contrast": "m", "map": "F", "mean_spm": 0.957, "mean_nilearn": 1.451, "null_mean": 1.0102}
    >>> f_mark(Units(scales=[row]), "m"), f_mark(Units(), "m")
    ("nilearn's approximate: mean 1.45, 1.01 where nothing happens", "nilearn's approximate")
    """
    row = units.of(label)
    if row is None or not math.isfinite(value_of(row, "null_mean")):
        return "nilearn's approximate"
    null, nilearn = float(row["null_mean"]), float(row["mean_nilearn"])
    return f"nilearn's approximate: mean {digits(nilearn)}, {digits(null)} where nothing happens"
