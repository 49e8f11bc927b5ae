"""The tables of a unit, each with its columns."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import permutations

from bidsglm.outputs.columns import Cell, Column
from bidsglm.outputs.schema import Row, Schema
from bidsglm.packages import REFERENCE, title
from bidsglm.pairs import DEFAULT_PAIR, Pair

CONTRAST = Column("contrast", "label", "Name of the contrast in file names")
CONTRAST_NAME = Column("contrast_name", "text", "the contrast's name in the model")

UNDEFINED = "where a map is constant or both masks share fewer than three voxels"
LIMIT = "95% limit of agreement: mean difference"
NO_OVERLAP = "for maps other than t and F, and where no voxel passes"
NO_LOWER = "for maps other than t, and where no voxel passes"
MAPS = {"effect": "effect of a t contrast", "t": "its t", "F": "F of an F contrast", "z": "z of t or F"}
THRESHOLDS = {
    "p001": "p < 0.001 uncorrected",
    "fdr05": "false discovery rate 0.05 (Benjamini-Hochberg on each package's own p within its own mask)",
    "fwe05": "familywise error 0.05",
}


def overlap_texts(pair: Pair) -> dict[str, str]:
    """What a pair's shares of suprathreshold voxels are, by the beginning of their columns' names."""
    return {
        "dice": "Dice overlap of the suprathreshold voxels inside both masks (Bowring 2019)",
        "jaccard": "Jaccard overlap of the suprathreshold voxels inside both masks",
        **{
            f"dark_dice_{one}": f"Share of {title(one)}'s suprathreshold voxels outside {title(other)}'s "
            "mask (Bowring 2019)"
            for one, other in permutations(pair)
        },
    }


def count_texts(pair: Pair) -> dict[str, str]:
    """What a pair's counts of suprathreshold voxels are, by the beginning of their columns' names."""
    return {f"n_{name}": f"{title(name)}'s suprathreshold voxels in its own mask" for name in pair}


def _suprathreshold(key: str, threshold: str, pair: Pair, lower: bool = False) -> tuple[Column, ...]:
    """Columns on the voxels that pass a threshold, in the upper tail or in the lower one of t."""
    tail = f"; {threshold}, {'lower' if lower else 'upper'} tail"
    end = f"lower_{key}" if lower else key
    of, none = (NO_LOWER, "for maps other than t") if lower else (NO_OVERLAP, "for maps other than t and F")
    return (
        *(
            Column(f"{c}_{end}", "number", text + tail, missing=of, optional=lower)
            for c, text in overlap_texts(pair).items()
        ),
        *(
            Column(f"{c}_{end}", "integer", text + tail, missing=none, optional=lower)
            for c, text in count_texts(pair).items()
        ),
    )


def _metric(name: str, text: str, missing: str = UNDEFINED) -> Column:
    return Column(name, "number", text, missing=missing)


MAP = Column("map", "label", "Map compared: effect, t or F, z", levels=MAPS)


def agreement_columns(pair: Pair) -> tuple[Column, ...]:
    """Columns of a pair in front of the contrast's name, without a suffix."""
    first, reference = pair.titles
    return (
        Column(
            "n_both",
            "integer",
            "Voxels in the masks of both packages; the metrics up to sign_agreement are over these",
        ),
        *(
            Column(f"n_{name}_only", "integer", f"Voxels in {title(name)}'s analysis mask only")
            for name in pair
        ),
        _metric("pearson_r", "Pearson correlation of the two maps"),
        _metric("spearman_rho", "Spearman rank correlation of the two maps"),
        _metric(
            "concordance",
            "Lin's concordance correlation coefficient: 1 only for identical maps (Lin 1989)",
        ),
        _metric("slope", f"Slope of the total least squares line, {first} (y) against {reference} (x)"),
        _metric("intercept", "Intercept of the total least squares line, in the unit of the map"),
        _metric("rmsd", "Root mean square difference, in the unit of the map"),
        _metric("mean_difference", f"Mean of {pair.minus}, in the unit of the map"),
        _metric("loa_lower", "Lower 95% limit of agreement: mean difference - 1.96 SD (Bland & Altman 1986)"),
        _metric("loa_upper", "Upper 95% limit of agreement: mean difference + 1.96 SD (Bland & Altman 1986)"),
        _metric("sign_agreement", "Share of voxels where both maps have the same sign", "for F"),
        *(column for key, text in THRESHOLDS.items() for column in _suprathreshold(key, text, pair)),
        Column(
            "peak_distance_mm",
            "number",
            "Distance in mm between the highest voxels of the t (or F) maps, each in its mask",
            "mm",
            missing="for maps other than t and F",
        ),
    )


def lower_columns(pair: Pair) -> tuple[Column, ...]:
    """Columns of a pair on the lower tail of t, behind the contrast's name."""
    return (
        *(c for key, text in THRESHOLDS.items() for c in _suprathreshold(key, text, pair, lower=True)),
        Column(
            "peak_distance_lower_mm",
            "number",
            "Distance in mm between the lowest voxels of the t maps, each in its mask",
            "mm",
            missing="for maps other than t",
            optional=True,
        ),
    )


def suffixed(columns: Iterable[Column], pair: Pair) -> tuple[Column, ...]:
    """Columns of a pair as a table that several pairs share has them."""
    if pair.is_default:
        return tuple(columns)
    return tuple(
        replace(c, name=f"{c.name}{pair.suffix}", description=f"{' and '.join(pair.titles)}: {c.description}")
        for c in columns
    )


def agreement_schema(*pairs: Pair) -> Schema:
    """Return the table on how well the maps of two packages agree, of one or more pairs.

    The columns of SPM and nilearn come first and name no pair; those of others have its suffix.

    >>> [name for name in agreement_schema(Pair("spm", "nilearn"), Pair("spm", "x")).names if "rho" in name]
    ['spearman_rho', 'spearman_rho_spmVSx']
    """
    plain = [pair for pair in pairs if pair.is_default]
    further = [pair for pair in pairs if not pair.is_default]
    return Schema(
        "<p>_desc-agreement_metrics",
        (
            CONTRAST,
            MAP,
            *(column for pair in plain for column in agreement_columns(pair)),
            CONTRAST_NAME,
            *(column for pair in plain for column in lower_columns(pair)),
            *(
                column
                for pair in further
                for column in suffixed((*agreement_columns(pair), *lower_columns(pair)), pair)
            ),
        ),
    )


def with_suffix(row: Mapping[str, Cell], pair: Pair) -> dict[str, Cell]:
    """A pair's row by the columns of a table that several pairs share.

    >>> with_suffix({"contrast": "go", "slope": 1.0}, Pair("spm", "x"))
    {'contrast': 'go', 'slope_spmVSx': 1.0}
    """
    return {key if key in KEYS else f"{key}{pair.suffix}": value for key, value in row.items()}


def of_pair(row: Mapping[str, Cell], pair: Pair) -> Row:
    """What a row of a table of several pairs says of one of them, by columns without a suffix.

    >>> of_pair({"contrast": "go", "slope": 2.0, "slope_spmVSx": 1.0}, Pair("spm", "x"))
    {'contrast': 'go', 'slope': 1.0}
    """
    if pair.is_default:
        return {key: value for key, value in row.items() if not OTHER_PAIR.search(key)}
    return {
        key.removesuffix(pair.suffix): value
        for key, value in row.items()
        if key in KEYS or key.endswith(pair.suffix)
    }


KEYS = (
    *(CONTRAST.name, MAP.name, CONTRAST_NAME.name),
    *("participant_id", "session_id", "group_contrast", "label"),
)
"""Columns that all pairs share"""
OTHER_PAIR = re.compile(r"_[a-z0-9]+VS[a-z0-9]+$")
AGREEMENT = agreement_schema(DEFAULT_PAIR)

PAIRS = Schema(
    "<p>_desc-pairs_metrics",
    (
        CONTRAST,
        Column(
            "map", "label", "Map compared: effect, t or F", levels={k: MAPS[k] for k in ("effect", "t", "F")}
        ),
        Column("package", "label", "The one that has the y axis"),
        Column("reference", "label", "The one that it is compared with, on the x axis"),
        Column("n_both", "integer", "Voxels in the masks of both"),
        _metric("pearson_r", "Pearson correlation of the two maps over these voxels"),
        _metric("slope", "Slope of the total least squares line; of effects each in its own unit"),
        _metric(
            "slope_percent",
            "The same once the effects of both are in percent of each voxel's own mean",
            "for t and F, where a map is constant, and where images have no mean to be a percentage of",
        ),
        _metric(
            "dice_p001",
            "Dice overlap of the voxels of p < 0.001 inside both masks, upper tail",
            "for effects, and where no voxel passes",
        ),
        CONTRAST_NAME,
    ),
)
"""Every package with every other, unless SPM and nilearn are the only ones"""

STEP_COLUMNS = (
    CONTRAST,
    Column(
        "map",
        "label",
        "effect, t or F; z for the degrees of freedom and mask for the voxels alone",
        levels=MAPS | {"mask": "voxels that only one package has a result in"},
    ),
    Column(
        "metric",
        "text",
        "rmsd, slope-1, 1-r or 1-dice, each 0 for equal maps",
        levels={
            "rmsd": "root mean square difference, in the unit of the map",
            "slope-1": f"slope of the total least squares line against {title(REFERENCE)}'s map, minus 1",
            "1-r": "1 minus Pearson's correlation",
            "1-dice": "1 minus the Dice overlap of the voxels of p < 0.001",
            "voxels in one mask only": "of the map mask: their number",
        },
    ),
    Column("step", "text", "Modelling step"),
)
PART_OF = Column(
    "part_of",
    "text",
    "regressors for its three parts, which add up to it and must not be counted twice",
    levels={"": "a step of its own", "regressors": "a part of that step"},
)
_SLOPELESS = "of slope-1, where the maps of a setting vary and do not correlate at all"


def _share(name: str, text: str) -> Column:
    return Column(name, "number", text, missing="where a map is constant", infinite=_SLOPELESS)


def attribution_schema(pair: Pair) -> Schema:
    """Return the table on what makes the difference between two packages.

    >>> attribution_schema(Pair("afni", "nilearn")).file
    '<p>_desc-afniVSnilearnAttribution_metrics'
    """
    first, reference = pair.titles
    label = "attribution" if pair.is_default else f"{pair.label}Attribution"
    return Schema(
        f"<p>_desc-{label}_metrics",
        (
            *STEP_COLUMNS,
            *(Column(name, "text", f"What {title(name)} does in it") for name in reversed(pair)),
            _share(
                "ladder",
                f"Metric once this step and those above it are at {first}'s setting, the others at"
                f" {reference}'s",
            ),
            _share(
                "shapley", "Mean change of the metric by this step over all orders; the steps add up to total"
            ),
            _share("total", f"Metric of {first}'s map against {reference}'s"),
            *(
                Column(
                    f"closure_{name}",
                    "number",
                    f"Largest difference from {title(name)}'s map with its setting in every step, over its"
                    " range",
                    missing="for z and mask, and where a map is undefined",
                )
                for name in reversed(pair)
            ),
            PART_OF,
            CONTRAST_NAME,
        ),
    )


ATTRIBUTION = attribution_schema(DEFAULT_PAIR)
