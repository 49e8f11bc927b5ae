"""The tables of the maps over participants, each with its columns."""

from dataclasses import replace

from bidsglm.outputs import unit_tables as unit
from bidsglm.outputs.columns import Column, Type
from bidsglm.outputs.fit_tables import REGRESSOR
from bidsglm.outputs.group_tables import AGAIN, group_table
from bidsglm.outputs.schema import Schema
from bidsglm.packages import DEFAULT_PACKAGES, PACKAGES, title
from bidsglm.pairs import DEFAULT_PAIR, Pair

_GROUP_KEYS = (
    Column(
        "contrast",
        "label",
        "Label of the contrast of the participants' models",
        missing="where several stand in one model",
    ),
    Column("group_contrast", "text", "Name of the contrast over participants; mean for their mean"),
)
_MAPS_LABEL = Column("label", "label", "Label of both in the names of the maps' files")


def group_agreement_schema(*pairs: Pair) -> Schema:
    """Return the table on how well the group maps agree."""
    return group_table(
        "groupAgreement",
        *_GROUP_KEYS,
        *unit.agreement_schema(*pairs).columns[1:],
        _MAPS_LABEL,
        Column(
            f"variance_{DEFAULT_PAIR.first}",
            "text",
            f"Variance of the errors in {DEFAULT_PAIR.titles[0]}; in other packages it is one",
            levels={"equal": "one for all", "unequal": "one for each group of participants"},
            optional=True,
        ),
    )


GROUP_AGREEMENT = group_agreement_schema(DEFAULT_PAIR)
GROUP_PAIRS = group_table(
    "groupPairs",
    *_GROUP_KEYS,
    unit.MAP,
    *(column for column in unit.PAIRS.columns[2:] if column.name != "slope_percent"),
    _MAPS_LABEL,
)
"""Every package's group maps with every other's"""

DESIGN = Schema(
    "group/<g>_contrast-<c>_design",
    (
        Column("participant_id", "label", "Participant whose effect map it is"),
        Column("session_id", "label", "Session of the map, where they are told apart", optional=True),
        Column(
            "contrast",
            "text",
            "Contrast of the participants' models, where several are in one model",
            optional=True,
        ),
    ),
    open=replace(REGRESSOR, description="Regressor of the Dataset node"),
    remedy=AGAIN,
)
"""One row for each effect map."""

INFERENCES = {
    "voxelFWE": "voxels, familywise error",
    "voxelFDR": "voxels, false discovery rate",
    "clusterExtent": "extent of clusters formed at p < 0.001, familywise error",
    "permutationVoxel": "voxels by permutations, familywise error",
    "permutationMass": "mass of clusters formed at p < 0.001 by permutations, familywise error",
    "permutationTFCE": "threshold-free cluster enhancement by permutations, familywise error",
}
_ONE_FITTED = "where one package was fitted"


def _of_packages(prefix: str, kind: Type, text: str) -> tuple[Column, ...]:
    """A column for each package; of others than the usual ones only in tables of those who fitted."""
    return tuple(
        Column(
            f"{prefix}_{b}",
            kind,
            text.format(title(b)),
            missing="where it was not fitted",
            optional=b not in DEFAULT_PACKAGES,
        )
        for b in PACKAGES
    )


_NOT_REFITTED = "where errors have one variance in both: nothing is fitted again"


def _reason_columns(pair: Pair) -> tuple[Column, ...]:
    """Columns of two packages on a step of the group analysis."""
    first, reference = pair.titles
    columns = unit.attribution_schema(pair)
    found = (
        *(columns[name] for name in (*reversed(pair), "ladder", "shapley", "total")),
        Column(
            f"closure_{pair.reference}",
            "number",
            f"Largest difference of {reference}'s statistic from that of its settings in SPM's equations, "
            "over its range",
            missing=_NOT_REFITTED,
        ),
        Column(
            f"closure_{pair.first}",
            "number",
            f"Largest difference of {first}'s statistic from that of its settings fitted again, over its "
            "range",
            missing=_NOT_REFITTED,
        ),
    )
    return unit.suffixed(found, pair)


def group_attribution_schema(*pairs: Pair) -> Schema:
    """Return the table on which step of the group analysis makes how much of a difference."""
    return group_table(
        "groupAttribution",
        *_GROUP_KEYS,
        Column("map", "label", "effect, t or F", levels=unit.MAPS),
        unit.ATTRIBUTION["metric"],
        Column(
            "step",
            "text",
            "Step of the group analysis",
            levels={
                "effects": "whose effect maps of the participants are fitted: the first level",
                "design": "the matrix over participants",
                "variance": "of the errors: one, or one for each group",
                "mask": "voxels in which the groups' variances are estimated",
            },
        ),
        *(column for pair in pairs for column in _reason_columns(pair)),
        _MAPS_LABEL,
    )


def _overlap_columns(pair: Pair) -> tuple[Column, ...]:
    """Columns of the voxels that two packages find."""
    found = (
        Column("n_both", "integer", "Voxels of both", missing=_ONE_FITTED),
        Column(
            "dice",
            "number",
            "Dice overlap of them inside both masks",
            missing=f"where no voxel passes in either, or {_ONE_FITTED}",
        ),
        Column(
            "jaccard",
            "number",
            "Jaccard overlap of them inside both masks",
            missing=f"where no voxel passes in either, or {_ONE_FITTED}",
        ),
    )
    return unit.suffixed(found, pair)


def group_inference_schema(*pairs: Pair) -> Schema:
    """Return the table of what survives correction in the group maps, and how well that agrees.

    Without pairs it has the columns of the default one, all n/a.
    """
    return group_table(
        "groupInference",
        *_GROUP_KEYS,
        Column("inference", "text", "What is corrected, and for what", levels=INFERENCES),
        Column(
            "tail",
            "text",
            "Which tail of the statistic",
            levels={
                "upper": "effects above 0",
                "lower": "effects below 0, as with the weights turned round",
            },
        ),
        Column(
            "two_sided",
            "truth",
            "Whether each tail has half of the error (--two-sided); else each is a test by itself",
        ),
        *_of_packages("n", "integer", "Voxels of {} at corrected p < 0.05, in its own mask"),
        *(column for pair in pairs or (DEFAULT_PAIR,) for column in _overlap_columns(pair)),
        *_of_packages("rule", "text", "By which rule {} corrects"),
        _MAPS_LABEL,
    )


_UNJUDGED = "where no voxel passes in either map of any resample"


def _of_resamples(name: str, text: str, missing: str, unit: str = "") -> tuple[Column, ...]:
    """A number over resamples."""
    words = {
        "lowest": "lowest",
        "lower_quartile": "lower quartile",
        "median": "median",
        "upper_quartile": "upper quartile",
        "highest": "highest",
    }
    return tuple(
        Column(f"{name}_{key}", "number", f"{text}: {word}", unit, missing=missing)
        for key, word in words.items()
    )


def between_packages(pair: Pair) -> str:
    """Name a comparison of two packages in the table of stability.

    >>> between_packages(Pair("spm", "nilearn")), between_packages(Pair("x", "nilearn"))
    ('packages', 'xVSnilearn')
    """
    return "packages" if pair.is_default else pair.label


GROUP_STABILITY = group_table(
    "groupStability",
    GROUP_AGREEMENT["contrast"],
    GROUP_AGREEMENT["group_contrast"],
    Column(
        "resampling",
        "text",
        "Who is in the maps",
        levels={
            "everybody": "all participants",
            "leave-one-out": "all but one, each in turn",
            "bootstrap": "as many as there are, drawn with replacement, each with all of their sessions",
        },
    ),
    Column(
        "compared",
        "text",
        "Which two maps: a package's with its map of everybody (the package's name), or two packages' "
        f"of the same participants (packages: {DEFAULT_PAIR.first} and {DEFAULT_PAIR.reference}; of "
        "others as in <a>VS<b>)",
    ),
    Column("n", "integer", "Resamples in which the contrast can be told"),
    Column(
        "n_same",
        "integer",
        "Resamples with the same conclusion: a correlation of 0.95 or more, and in each tail a Dice of "
        "0.8 or more at p < 0.001 and at the familywise threshold, where 10 voxels or more pass in one "
        "of the maps; the familywise threshold is passed in both or in neither",
    ),
    Column("n_dice_p001", "integer", "Resamples in which a voxel passes p < 0.001 in either map"),
    *_of_resamples("r", "Correlation of the z maps", missing="where a map is constant"),
    *_of_resamples("dice_p001", "Dice of the voxels at p < 0.001, both tails", missing=_UNJUDGED),
    *_of_resamples(
        "dice_fwe05",
        "Dice of the voxels at the uncorrected p of the package's familywise threshold with everybody, "
        "both tails",
        missing=_UNJUDGED,
    ),
    *_of_resamples(
        "peak_distance_mm",
        "Distance of the highest voxels",
        unit="mm",
        missing="where a map is constant",
    ),
    Column(
        "farthest",
        "label",
        "Participant without whom the two maps are least alike, by the Dice at p < 0.001, else by the "
        "correlation",
        missing="for other resamplings",
    ),
    GROUP_AGREEMENT["label"],
)
