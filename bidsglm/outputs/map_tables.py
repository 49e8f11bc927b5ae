"""The table that `bidsglm maps` and `bidsglm.compare` write."""

from dataclasses import replace

from bidsglm.outputs.columns import Column
from bidsglm.outputs.schema import Schema
from bidsglm.outputs.unit_tables import MAP, agreement_columns, lower_columns
from bidsglm.pairs import Pair

FIRST_AND_SECOND = Pair("first", "second")
"""Whose names stand in the columns"""
KINDS = {
    "variance": "variance of an effect",
    "p value": "p values",
    "map": "of a kind that nothing tells, or of two kinds",
}
WITHOUT_P = "where p is not known: maps of other kinds, or degrees of freedom that stand nowhere"


def _agreement() -> tuple[Column, ...]:
    """Columns of a pair of packages but for familywise errors, which two maps alone do not tell."""
    both = (*agreement_columns(FIRST_AND_SECOND), *lower_columns(FIRST_AND_SECOND))
    found = [replace(c, optional=False) for c in both if "fwe05" not in c.name]
    overlaps = ("p001", "fdr05")
    found = [replace(c, missing=WITHOUT_P) if c.name.endswith(overlaps) else c for c in found]
    return tuple(replace(c, description=c.description.replace("both packages", "both")) for c in found)


SETTINGS = Schema(
    "settings",
    (
        Column("setting", "text", "Parameter of the models, or setting that differs"),
        Column("first", "text", "As the first analysis has it", missing="where it has none"),
        Column("second", "text", "As the second analysis has it", missing="where it has none"),
    ),
)

COLUMNS = Schema(
    "columns",
    (
        Column("run", "integer", "Number of the run, from 1"),
        Column("first", "text", "Column of the first design", missing="where the second has it alone"),
        Column("second", "text", "Column of the second design", missing="where the first has it alone"),
        Column("r", "number", "Correlation of both", missing="for constants, and where one has it alone"),
        Column(
            "ratio",
            "number",
            "Height of the first over the second, by the slope through their means",
            missing="for constants, and where one has it alone",
        ),
    ),
)

AGREEMENT = Schema(
    "agreement",
    (
        Column("contrast", "text", "Contrast of both", missing="of two maps that are no contrast's"),
        replace(MAP, type="text", description="What both maps are of", levels={**MAP.levels, **KINDS}),
        Column("first", "text", "Label of the first map"),
        Column("second", "text", "Label of the second map; differences are first minus second"),
        *_agreement(),
    ),
    remedy="compare the maps again (--overwrite)",
)
