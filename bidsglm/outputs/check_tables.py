"""The tables that `bidsglm check` writes, each with its columns."""

from bidsglm.outputs.columns import Column
from bidsglm.outputs.schema import Schema

NOT_SHARED = "where one of the programs has no such column"

SETTINGS = Schema(
    "settings",
    (
        Column("setting", "text", "Setting that differs"),
        Column("spm", "text", "As SPM.mat has it"),
        Column("nilearn", "text", "As nilearn was asked, or as its maps and columns show"),
        Column("consequence", "text", "What the difference does"),
        Column("remedy", "text", "How to make both equal"),
    ),
)

COLUMNS = Schema(
    "columns",
    (
        Column("run", "integer", "Number of the session or run, from 1"),
        Column("spm", "text", "Column of SPM's design", missing="where nilearn has it alone"),
        Column("nilearn", "text", "Column of nilearn's design", missing="where SPM has it alone"),
        Column("r", "number", "Correlation of both", missing=f"{NOT_SHARED}, and for constants"),
        Column(
            "r_after_high_pass",
            "number",
            "Correlation after SPM's high-pass filter of both",
            missing=f"{NOT_SHARED}, and for constants",
        ),
        Column("nilearn_per_spm_unit", "number", "Height of nilearn's over SPM's", missing=NOT_SHARED),
        Column("verdict", "text", "What the numbers say"),
    ),
)

MAPS = Schema(
    "maps",
    (
        Column("contrast", "text", "SPM's name of the contrast"),
        Column("map", "label", "effect, t or F", levels={"effect": "effect", "t": "t", "F": "F"}),
        Column("pearson_r", "number", "Correlation within both masks", missing="without common voxels"),
        Column("nilearn_per_spm_unit", "number", "Slope through 0", missing="without common voxels"),
        Column("dice", "number", "Dice of the voxels that have a result", missing="without voxels"),
        Column("n_spm", "integer", "Voxels with a result in SPM's map"),
        Column("n_nilearn", "integer", "Voxels with a result in nilearn's map"),
        Column("n_both", "integer", "Voxels with a result in both"),
    ),
)

GROUP_SETTINGS = Schema(
    "settings",
    (
        Column("setting", "text", "Setting of the second level"),
        Column("spm", "text", "As SPM.mat has it"),
    ),
)

GROUP_MAPS = Schema(
    "maps",
    (
        Column(
            "contrast", "text", "SPM's name of the contrast or column", missing="for ResMS and for the mask"
        ),
        Column("map", "text", "beta, ResMS, effect, t, extra sum of squares, F or mask"),
        Column("file", "text", "SPM's map"),
        Column("pearson_r", "number", "Correlation with the map computed again", missing="without spread"),
        Column(
            "largest_difference",
            "number",
            "Largest difference from the map computed again, as a share of the map's range; of the mask "
            "whether any voxel differs",
            missing="where a map has no finite value",
        ),
        Column("is_reproduced", "truth", "Whether the map comes out to the rounding of its file"),
    ),
)
