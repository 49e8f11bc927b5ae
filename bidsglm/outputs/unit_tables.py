"""The tables of a unit, each with its columns."""

from itertools import permutations

from bidsglm.outputs.schema import Column, Schema
from bidsglm.packages import DEFAULT_PAIR, REFERENCE, Pair, title

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


def _suprathreshold(key: str, threshold: str, pair: Pair, lower: bool = False) -> tuple[Column, ...]:
    """Columns on the voxels that pass a threshold, in the upper tail or in the lower one of t."""
    texts = {
        "dice": "Dice overlap of the suprathreshold voxels inside both masks (Bowring 2019)",
        "jaccard": "Jaccard overlap of the suprathreshold voxels inside both masks",
    }
    for one, other in permutations(pair):
        texts[f"dark_dice_{one}"] = (
            f"Share of {title(one)}'s suprathreshold voxels outside {title(other)}'s mask (Bowring 2019)"
        )
    counts = {f"n_{name}": f"{title(name)}'s suprathreshold voxels in its own mask" for name in pair}
    tail = f"; {threshold}, {'lower' if lower else 'upper'} tail"
    end = f"lower_{key}" if lower else key
    of, none = (NO_LOWER, "for maps other than t") if lower else (NO_OVERLAP, "for maps other than t and F")
    return (
        *(
            Column(f"{c}_{end}", "number", text + tail, missing=of, optional=lower)
            for c, text in texts.items()
        ),
        *(
            Column(f"{c}_{end}", "integer", text + tail, missing=none, optional=lower)
            for c, text in counts.items()
        ),
    )


def _metric(name: str, text: str, missing: str = UNDEFINED) -> Column:
    return Column(name, "number", text, missing=missing)


def agreement_schema(pair: Pair) -> Schema:
    """Return the table on how well the maps of two packages agree."""
    first, reference = pair.titles
    return Schema(
        "<p>_desc-agreement_metrics",
        (
            CONTRAST,
            Column("map", "label", "Map compared: effect, t or F, z", levels=MAPS),
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
            _metric(
                "loa_lower", "Lower 95% limit of agreement: mean difference - 1.96 SD (Bland & Altman 1986)"
            ),
            _metric(
                "loa_upper", "Upper 95% limit of agreement: mean difference + 1.96 SD (Bland & Altman 1986)"
            ),
            _metric("sign_agreement", "Share of voxels where both maps have the same sign", "for F"),
            *(column for key, text in THRESHOLDS.items() for column in _suprathreshold(key, text, pair)),
            Column(
                "peak_distance_mm",
                "number",
                "Distance in mm between the highest voxels of the t (or F) maps, each in its mask",
                "mm",
                missing="for maps other than t and F",
            ),
            CONTRAST_NAME,
            *(c for key, text in THRESHOLDS.items() for c in _suprathreshold(key, text, pair, lower=True)),
            Column(
                "peak_distance_lower_mm",
                "number",
                "Distance in mm between the lowest voxels of the t maps, each in its mask",
                "mm",
                missing="for maps other than t",
                optional=True,
            ),
        ),
    )


AGREEMENT = agreement_schema(DEFAULT_PAIR)

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
    """Return the table on what makes the difference between two packages."""
    first, reference = pair.titles
    return Schema(
        "<p>_desc-attribution_metrics",
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
