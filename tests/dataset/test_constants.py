"""Limits, thresholds, sizes and defaults of `dataset`: each changes only on purpose, here and there."""

from typing import Any

import pytest

from tests.numbers import number_at

NUMBERS: dict[str, Any] = {
    "atlas.WHOLE": 0.0001,
    "atlas.MOST_REGIONS": 20_000,
    "atlas_labels.BACKGROUND": 0,
    "atlas_labels.NAMES_SHOWN": 8,
    "atlas_labels.LONGEST_NAME": 1000,
    "atlas_labels.LARGEST_INDEX": 2_147_483_647,
    "brain.SCANS": 16,
    "collection.DENSE_RATE": 10.0,
    "collection.TRUTH": {"true": True, "false": False},
    "confounds.NAMES_SHOWN": 4,
    "confounds.COLUMNS_SHOWN": 8,
    "confounds.confound_values(first_missing)": False,
    "design_size.FEW_REGRESSORS": 500,
    "design_size.SCANS_EXCEEDED": 10,
    "design_size.MOST_EVENTS": 100_000,
    "design_size.MOST_COMPARISONS": 20_000_000,
    "destination.LARGEST": 1_048_576,
    "destination.LOOKED_AT": 1000,
    "filter_file.LONGEST_PATTERN": 200,
    "filter_file.MOST_REPEATS": 2,
    "filter_file.MOST_LABELS": 10_000,
    "group_columns.PeopleColumn.as_measured": True,
    "group_design.FEWEST": 2,
    "group_design.LARGEST_COVARIATE": 1000000000000.0,
    "group_faults.ALONE": 1e-09,
    "images.SHORT": 2,
    "images.global_level(slope)": 1.0,
    "images.global_level(intercept)": 0.0,
    "instead.SUBJECTS_LOOKED_AT": 20,
    "instead.LEVELS_LOOKED_AT": 3,
    "instructions.rows_of(as_text)": False,
    "listing.SETTLED": 2.0,
    "masks.SAME_GRID": 0.001,
    "masks.EDGE": 0.05,
    "masks.THRESHOLD_SLACK": 1e-09,
    "masks.LARGEST_OTHER": 16_777_216,
    "nifti.MOST_COMPRESSED": 1032,
    "nifti.LARGEST_GRID": 67_108_864,
    "nifti.LONGEST_SERIES": 200_000,
    "nifti.LARGEST_OFFSET": 16_777_216,
    "nifti.LARGEST_FACTOR": 1000000000000000.0,
    "nifti._MAGIC": {348: 344, 540: 4},
    "nifti_writing.GZIP_FRAMING": 31,
    "nifti_writing.SCANNER_ANATOMICAL": 1,
    "nifti_writing.ALIGNED_ANATOMICAL": 2,
    "nifti_writing.TALAIRACH": 3,
    "nifti_writing.MNI_152": 4,
    "runs.LONGEST_REPETITION_TIME": 100.0,
    "runs.SHORTEST_REPETITION_TIME": 0.01,
    "runs.HEADER_TOLERANCE": 0.01,
    "runs.SAME_REPETITION_TIME": 0.001,
    "runs.SECONDS_PER_UNIT": {"sec": 1.0, "msec": 0.001, "usec": 1e-06},
    "runs.RunHeader.offset": 0.0,
    "sampling.SAME_TIME": 0.0005,
    "smoothers.TRUNCATE": 4.0,
    "spelling.SHORTEST_PLURAL": 3,
    "spelling.SHORTEST_SLIP": 6,
    "tables.LARGEST_POWER": 1e100,
    "trimming.LengthDifference.fatal": True,
    "tsv.LARGEST_NUMBER": 1e30,
    "tsv.MOST_COLUMNS": 20_000,
    "tsv.MOST_CELLS": 8_000_000,
    "validation.TIME_LIMIT": 120.0,
}


@pytest.mark.parametrize("place", NUMBERS)
def test_a_number_is_the_one_that_was_chosen(place: str) -> None:
    found = number_at(f"bidsglm.dataset.{place}")
    assert (type(found), found) == (type(NUMBERS[place]), NUMBERS[place])
