"""The tables of regions: values of a unit, those of all participants, and how the packages agree on them."""

from collections.abc import Sequence
from dataclasses import replace

from bidsglm.outputs.columns import Column
from bidsglm.outputs.group_tables import of_participants
from bidsglm.outputs.schema import Row, Schema
from bidsglm.outputs.unit_tables import CONTRAST_NAME, suffixed
from bidsglm.packages import DEFAULT_PACKAGES, PACKAGES, in_order, title
from bidsglm.pairs import DEFAULT_PAIR, Pair

REMEDY = "make it again with --atlas"
_EMPTY = "in a region without such voxels"
_CONTRAST = Column("contrast", "label", "Label of the contrast, as in file names")
_REGION = Column("region", "integer", "Number of the region in the atlas")

REGIONS = Schema(
    "<p>_desc-rois_metrics",
    (
        _CONTRAST,
        _REGION,
        Column("label", "text", "Name of the region in the labels file; its number where it has none"),
        Column("backend", "label", f"Package: {', '.join(PACKAGES)}"),
        Column(
            "n_voxels",
            "integer",
            "Voxels of the region inside the backend's analysis mask; the values are over these",
        ),
        Column(
            "effect",
            "number",
            "Mean of the backend's effect map over these voxels",
            missing=f"for F contrasts and {_EMPTY}",
        ),
        Column(
            "t",
            "number",
            "Mean of the backend's t map over these voxels; not the t of the region's mean time series, "
            "which is usually larger",
            missing=f"for F contrasts and {_EMPTY}",
        ),
        Column(
            "effect_sd",
            "number",
            "Standard deviation (n - 1) of the effect over these voxels",
            missing="for F contrasts and with fewer than two such voxels",
        ),
        Column(
            "F",
            "number",
            "Mean of the backend's F map over these voxels",
            missing=f"for t contrasts and {_EMPTY}",
        ),
        Column(
            "n_atlas_voxels",
            "integer",
            "Voxels of the region on the grid of the maps, inside the mask or not",
        ),
        Column(
            "fraction",
            "number",
            "n_voxels / n_atlas_voxels",
            missing="for a region without voxels on this grid",
        ),
        CONTRAST_NAME,
    ),
)
GROUP_REGIONS = replace(of_participants("rois", REGIONS), remedy=REMEDY)

_MAP = Column("map", "label", "Kind of map: effect and t, or F")
_TOO_FEW_VOXELS = "with fewer than three such voxels, or where nothing varies"


def _maps_columns(pair: Pair) -> tuple[Column, ...]:
    """Columns of two packages' maps in a region of a participant, without a suffix."""
    first, reference = pair.titles
    return (
        Column("n_both", "integer", "Voxels of the region with a value in both packages' masks"),
        Column("mean_difference", "number", f"Mean of {pair.minus} over these voxels", missing=f"{_EMPTY}"),
        Column("rmsd", "number", "Root mean square difference over these voxels", missing=f"{_EMPTY}"),
        Column("pearson_r", "number", "Pearson correlation over these voxels", missing=_TOO_FEW_VOXELS),
        Column(
            "slope",
            "number",
            f"Slope of the total least squares line of {first} on {reference} over these voxels",
            missing=_TOO_FEW_VOXELS,
        ),
    )


def region_maps_schema(pairs: Sequence[Pair]) -> Schema:
    """Return the table on how well the packages' maps of a participant agree inside each region.

    >>> region_maps_schema([DEFAULT_PAIR, Pair("afni", "nilearn")]).names[4:6]
    ('n_both', 'mean_difference')
    """
    columns = (c for pair in pairs for c in suffixed(_maps_columns(pair), pair))
    return Schema(
        "<p>_desc-roiAgreement_metrics",
        (_CONTRAST, _MAP, _REGION, REGIONS["label"], *columns, CONTRAST_NAME),
        remedy=REMEDY,
    )


_TOO_FEW = "with fewer than two participants, where nothing but rounding varies, and without the package"
_CONCLUSIONS = {
    "positive": "p < 0.05 and a mean above 0",
    "negative": "p < 0.05 and a mean below 0",
    "none": "p of 0.05 or above",
}


def _number(name: str, text: str, missing: str = _TOO_FEW) -> Column:
    return Column(name, "number", text, missing=missing)


def _one_sample(package: str, title: str) -> tuple[Column, ...]:
    """Columns on a package's test against zero."""
    return (
        _number(
            f"{package}_mean",
            f"Mean over participants of {title}'s effect",
            "without participants, and without the package",
        ),
        _number(
            f"{package}_lower",
            "Lower 95% confidence limit of the mean (t with n - 1 degrees of freedom)",
        ),
        _number(f"{package}_upper", "Upper 95% confidence limit of the mean"),
        _number(f"{package}_t", f"One-sample t of {title}'s effect, n - 1 degrees of freedom"),
        _number(f"{package}_p", "Its two-sided p, not corrected for the number of regions"),
        _number(f"{package}_z", "The t as a standard normal z: beyond 1.96 where p < 0.05"),
    )


def _conclusion(package: str, title: str) -> Column:
    text = f"{title}: positive or negative where p < 0.05, else none"
    return Column(f"{package}_conclusion", "text", text, levels=_CONCLUSIONS, missing=_TOO_FEW)


def _pair_columns(pair: Pair) -> tuple[Column, ...]:
    """Columns of two packages, without a suffix."""
    first, reference = pair.titles
    return (
        Column(
            "same_conclusion",
            "truth",
            "Whether the one-sample tests of both packages come to the same conclusion",
            missing=_TOO_FEW,
        ),
        _number(
            "z_shift",
            f"How much the choice of package matters: {first}'s one-sample t as a "
            f"standard normal z, minus {reference}'s. It does not depend on the units of the effects",
        ),
        _number("pearson_r", "Pearson correlation over participants; neither offset nor scale counts"),
        _number(
            "icc_a1",
            "ICC(A,1), absolute agreement (McGraw & Wong 1996). Effects in different units make it low by "
            "their scale alone",
        ),
        _number("icc_a1_lower", "Lower 95% confidence limit of ICC(A,1)"),
        _number("icc_a1_upper", "Upper 95% confidence limit of ICC(A,1)"),
        _number(
            "icc_c1",
            "ICC(C,1), consistency (McGraw & Wong 1996): the mean difference does not count, the scale "
            "still does",
        ),
        _number("icc_c1_lower", "Lower 95% confidence limit of ICC(C,1)"),
        _number("icc_c1_upper", "Upper 95% confidence limit of ICC(C,1)"),
        _number(
            "bias",
            f"Mean of {pair.minus} over participants (Bland & Altman 1986)",
            "without participants, and without the package",
        ),
        _number("bias_lower", "Lower 95% confidence limit of the bias (paired t)"),
        _number("bias_upper", "Upper 95% confidence limit of the bias"),
        _number("bias_t", f"Paired t of {pair.minus}, n - 1 degrees of freedom"),
        _number("bias_p", "Its two-sided p"),
        _number("difference_sd", f"Standard deviation (n - 1) over participants of {pair.minus}"),
        _number("loa_lower", "Lower 95% limit of agreement: bias - 1.96 SD"),
        _number("loa_upper", "Upper 95% limit of agreement: bias + 1.96 SD"),
    )


PAIR_COLUMNS = tuple(column.name for column in _pair_columns(DEFAULT_PAIR))
"""Columns that are of two packages"""


def region_agreement_schema(backends: Sequence[str], pairs: Sequence[Pair]) -> Schema:
    """Return the table on how the packages agree on regions over participants.

    The usual packages have columns whether they were fitted or not, and so has their pair where no other is
    compared.
    """
    packages = in_order({*DEFAULT_PACKAGES, *backends}) if DEFAULT_PAIR in pairs or not pairs else backends
    plain = () if pairs and DEFAULT_PAIR not in pairs else _pair_columns(DEFAULT_PAIR)
    further = (c for pair in pairs if not pair.is_default for c in suffixed(_pair_columns(pair), pair))
    return Schema(
        "group/<g>_desc-roiAgreement_metrics",
        (
            _CONTRAST,
            _REGION,
            Column("label", "text", "Name of the region"),
            Column(
                "n",
                "integer",
                "Participants with an effect of every package in this region; a participant with several "
                "sessions counts once, with their mean",
            ),
            *plain[:1],
            *(_conclusion(name, title(name)) for name in packages),
            *plain[1:],
            *(column for name in packages for column in _one_sample(name, title(name))),
            CONTRAST_NAME,
            *further,
        ),
        remedy=REMEDY,
    )


REGION_AGREEMENT = region_agreement_schema(DEFAULT_PACKAGES, (DEFAULT_PAIR,))


def of_pair(row: Row, pair: Pair) -> Row:
    """What a row of the table says of one pair: its columns without a suffix, and those of all packages."""
    shared = {key: value for key, value in row.items() if key not in PAIR_COLUMNS and "VS" not in key}
    return {**shared, **{key: row[f"{key}{pair.suffix}"] for key in PAIR_COLUMNS}}
