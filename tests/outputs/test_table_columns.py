"""Columns of the tables: those of a pair of packages, and those that a table may lack."""

import pytest

from bidsglm.outputs import group_map_tables, group_tables, region_tables, unit_tables
from bidsglm.outputs.columns import Column
from bidsglm.outputs.schema import Schema
from bidsglm.pairs import DEFAULT_PAIR, Pair
from tests.outputs.schemas import SCHEMAS

OTHER = Pair("afni", "nilearn")
THRESHOLDS = ("p001", "fdr05", "fwe05")
LOWER = [
    *(
        f"{metric}_lower_{threshold}"
        for threshold in THRESHOLDS
        for metric in ("dice", "jaccard", "dark_dice_spm", "dark_dice_nilearn", "n_spm", "n_nilearn")
    ),
    "peak_distance_lower_mm",
]
"""What tables of before both tails were compared do not have"""
OPTIONAL = {
    "<p>_desc-agreement_metrics": LOWER,
    "group/<g>_desc-agreement_metrics": ["session_id", *LOWER],
    "group/<g>_desc-groupAgreement_metrics": [*LOWER, "variance_spm"],
    "group/<g>_desc-agreementOutliers_metrics": ["session_id"],
    "group/<g>_desc-rois_metrics": ["session_id"],
    "group/<g>_desc-calibration_metrics": ["session_id"],
    "group/<g>_desc-pairs_metrics": ["session_id"],
    "group/<g>_desc-attribution_metrics": ["session_id"],
    "group/<g>_desc-scale_metrics": ["session_id"],
    "group/<g>_contrast-<c>_design": ["session_id", "contrast"],
    "group/<g>_desc-groupInference_metrics": ["n_afni", "n_fsl", "rule_afni", "rule_fsl"],
    **{f"<p>_contrast-<c>_desc-{name}_clusters": ["tail"] for name in ("spm", "nilearn", "afni", "fsl")},
}


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.file)
def test_a_table_may_lack_these_columns_and_no_others(schema: Schema) -> None:
    assert [column.name for column in schema.columns if column.optional] == OPTIONAL.get(schema.file, [])
    assert len(set(schema.names)) == len(schema.names)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.file)
def test_columns_of_a_schema_are_found_by_their_names(schema: Schema) -> None:
    for column in schema.columns:
        assert schema[column.name] is column
        assert column.text.startswith(column.description)


def test_columns_on_a_pair_are_the_same_for_every_pair_but_for_its_names() -> None:
    both, own = unit_tables.agreement_schema(DEFAULT_PAIR, OTHER), unit_tables.agreement_schema(OTHER)
    keys = ["contrast", "map", "contrast_name"]
    first = [name for name in both.names if "VS" not in name]
    further = [name for name in both.names if "VS" in name]
    assert [name for name in own.names if name not in keys] == further
    assert [name.replace("spm", "afni") for name in first if name not in keys] == [
        name.removesuffix("_afniVSnilearn") for name in further
    ]
    for name in further:
        assert both[name].description.startswith("AFNI and nilearn: ")


def test_tails_and_thresholds_are_said_of_each_column_that_has_one() -> None:
    for name in unit_tables.AGREEMENT.names:
        column = unit_tables.AGREEMENT[name]
        for threshold, text in unit_tables.THRESHOLDS.items():
            if name.endswith(f"_{threshold}"):
                tail = "lower" if "_lower_" in name else "upper"
                assert f"; {text}, {tail} tail" in column.text
                assert column.type == ("integer" if name.startswith("n_") else "number")
                kinds = "t" if tail == "lower" else "t and F"
                assert f"n/a for maps other than {kinds}" in column.text


def test_a_row_of_several_pairs_gives_back_each_of_them() -> None:
    keys = {"contrast": "go", "map": "t"}
    default, other = {"slope": 1.0, "n_both": 3}, {"slope": 2.0, "n_both": 4}
    row = {**keys, **default, **unit_tables.with_suffix({**keys, **other}, OTHER)}
    assert unit_tables.of_pair(row, DEFAULT_PAIR) == {**keys, **default}
    assert unit_tables.of_pair(row, OTHER) == {**keys, **other}


def test_tables_of_the_group_hold_those_of_participants_behind_their_names() -> None:
    pairs = DEFAULT_PAIR, OTHER
    own = unit_tables.agreement_schema(*pairs)
    assert group_tables.agreement_schema(*pairs).names == ("participant_id", "session_id", *own.names)
    assert group_map_tables.group_agreement_schema(*pairs).names == (
        *("contrast", "group_contrast", *own.names[1:], "label", "variance_spm"),
    )
    assert group_map_tables.GROUP_PAIRS.names == (
        "contrast",
        "group_contrast",
        *(name for name in unit_tables.PAIRS.names[1:] if name != "slope_percent"),
        "label",
    )
    steps = unit_tables.attribution_schema(OTHER)
    assert group_tables.attribution_schema(OTHER).names == ("participant_id", "session_id", *steps.names)
    assert group_tables.attribution_schema(OTHER).file == "group/<g>_desc-afniVSnilearnAttribution_metrics"
    assert group_tables.attribution_summary_schema(OTHER).file == (
        "group/<g>_desc-afniVSnilearnAttributionSummary_metrics"
    )
    columns = [column.name for column in unit_tables.STEP_COLUMNS]
    assert list(group_tables.ATTRIBUTION_SUMMARY.names[: len(columns)]) == columns


ONE = [f"{{}}_{name}" for name in ("mean", "lower", "upper", "t", "p", "z")]


@pytest.mark.parametrize(
    ("backends", "pairs", "in_front", "packages", "suffix"),
    [
        (("spm",), (), ["same_conclusion"], ["spm", "nilearn"], ""),
        (("spm", "nilearn"), (DEFAULT_PAIR,), ["same_conclusion"], ["spm", "nilearn"], ""),
        (("afni", "nilearn"), (OTHER,), [], ["afni", "nilearn"], "_afniVSnilearn"),
        (("afni", "nilearn"), (OTHER, DEFAULT_PAIR), ["same_conclusion"], ["spm", "nilearn", "afni"], ""),
    ],
)
def test_regions_have_columns_of_the_packages_and_of_each_pair(
    backends: tuple[str, ...],
    pairs: tuple[Pair, ...],
    in_front: list[str],
    packages: list[str],
    suffix: str,
) -> None:
    names = region_tables.region_agreement_schema(backends, pairs).names
    expected = ["contrast", "region", "label", "n", *in_front, *(f"{name}_conclusion" for name in packages)]
    own = region_tables.PAIR_COLUMNS
    expected += own[1:] if in_front else []
    expected += [column.format(name) for name in packages for column in ONE]
    expected += ["contrast_name"]
    for pair in pairs:
        expected += [] if pair.is_default else [f"{name}{pair.suffix}" for name in own]
    assert list(names) == expected
    row = dict.fromkeys(names, 0.0) | {f"{name}{suffix}": 1.0 for name in own}
    chosen = OTHER if suffix else DEFAULT_PAIR
    found = region_tables.of_pair(row, chosen)
    assert {name: found[name] for name in own} == dict.fromkeys(own, 1.0)
    assert not [name for name in found if "VS" in name]
    assert set(found) >= {"contrast", "region", "label", "n"}


def test_a_column_with_levels_takes_only_these_in_long_tables_too() -> None:
    column = Column("size", "number", "One of two", levels={"1": "small", "2": "large"})
    for cell in ("1", "2"):
        assert column.read(cell) == float(cell)
    with pytest.raises(ValueError, match="is none of '1', '2'"):
        column.read("3")
