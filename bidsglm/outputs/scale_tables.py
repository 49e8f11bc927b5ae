"""The tables of a unit on the size of effects and on the noise, each with its columns."""

from bidsglm.outputs.columns import Column
from bidsglm.outputs.schema import Schema
from bidsglm.outputs.unit_tables import CONTRAST, CONTRAST_NAME

RUN = Column("run", "text", "Run")
TO_VOXEL = "Over voxels, factor that turns SPM's effect into percent of the voxel's own mean: "
OF_EFFECTS = "for F"


def _number(name: str, text: str, missing: str = "") -> Column:
    return Column(name, "number", text, missing=missing)


INTENSITY = Schema(
    "<p>_desc-intensity_metrics",
    (
        RUN,
        _number("spm_global", "Mean over the scans of spm_global, in the values of the images as fitted"),
        _number(
            "n_global_voxels",
            "Voxels above an eighth of the image's mean, which it averages; mean over the scans",
            "where nobody counted",
        ),
        Column("n_mask_voxels", "integer", "Voxels of the brain mask: those that nilearn may analyse"),
        _number("mask_mean", "Mean of the images within the brain mask"),
        _number("scaled_mask_mean", "The same after SPM's scaling, which brings spm_global to 100"),
        _number(
            "to_brain_percent",
            "Factor that turns SPM's effects into percent of the mean within the brain mask",
        ),
        _number("to_voxel_percent_lower_quartile", f"{TO_VOXEL}lower quartile"),
        _number("to_voxel_percent_median", f"{TO_VOXEL}median"),
        _number("to_voxel_percent_upper_quartile", f"{TO_VOXEL}upper quartile"),
    ),
)

SCALE = Schema(
    "<p>_desc-scale_metrics",
    (
        CONTRAST,
        Column(
            "map",
            "label",
            "effect, or F for an F contrast, of which only the means stand here",
            levels={"effect": "effect of a t contrast", "F": "F of an F contrast"},
        ),
        _number("mean_spm", "Mean of SPM's map over the voxels of both masks"),
        _number("mean_nilearn", "Mean of nilearn's map over these voxels"),
        _number(
            "null_mean",
            "Mean of F where nothing happens, by nilearn's residual degrees of freedom",
            "for effects",
        ),
        _number("sd_spm", "Standard deviation of SPM's effects over the voxels of both masks", OF_EFFECTS),
        _number("sd_nilearn", "Standard deviation of nilearn's effects over these voxels", OF_EFFECTS),
        _number(
            "sd_ratio",
            "SPM's over nilearn's: the product of by_level, by_brightness and by_rest",
            "for F, and where a map is constant",
        ),
        _number(
            "by_level",
            "Part of the ratio that one number for all voxels makes: nilearn's unit in a voxel as bright as"
            " the brain's mean, over SPM's",
            OF_EFFECTS,
        ),
        _number(
            "by_brightness",
            "Part of the ratio made by voxels that are brighter or darker than the brain's mean",
            "for F, and where a map is constant",
        ),
        _number(
            "by_rest",
            "Part of the ratio that is left once SPM's effects are in nilearn's unit",
            "for F, and where a map is constant",
        ),
        _number("sd_spm_converted", "Standard deviation of SPM's effects in nilearn's unit", OF_EFFECTS),
        _number(
            "slope_converted",
            "Total least squares slope of SPM's effects in nilearn's unit on nilearn's",
            "for F, and where a map is constant",
        ),
        _number(
            "pearson_r_converted",
            "Pearson correlation of SPM's effects in nilearn's unit with nilearn's",
            "for F, and where a map is constant",
        ),
        _number("rmsd_converted", "Root mean square difference of the two", OF_EFFECTS),
        CONTRAST_NAME,
    ),
)

OVER_VOXELS = "Autocorrelation that nilearn's coefficients imply, over the voxels it fits: "
AUTOCORRELATION = Schema(
    "<p>_desc-autocorrelation_metrics",
    (
        RUN,
        Column("lag", "integer", "Distance of two scans, in scans"),
        Column("seconds", "number", "The same in seconds", "s"),
        _number("spm", "Autocorrelation that SPM's covariance of this run implies, one for all voxels"),
        _number("nilearn_lower_quartile", f"{OVER_VOXELS}lower quartile"),
        _number("nilearn_median", f"{OVER_VOXELS}median"),
        _number("nilearn_upper_quartile", f"{OVER_VOXELS}upper quartile"),
        _number(
            "share_below_spm", "Share of the voxels that nilearn fits whose autocorrelation is below SPM's"
        ),
    ),
)
