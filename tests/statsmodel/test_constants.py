"""Limits, thresholds, sizes and defaults of `statsmodel`: each changes only on purpose, here and there."""

from typing import Any

import pytest

from tests.numbers import number_at

NUMBERS: dict[str, Any] = {
    "automatic.SHORTEST_CUTOFF": 1.0,
    "comparisons.PAIRS_UP_TO": 6,
    "contrasts.LONGEST_LABEL": 80,
    "contrasts.DIGEST": 8,
    "defaults.NILEARN_HIGH_PASS": 100.0,
    "defaults.FSL_HIGH_PASS": 100.0,
    "dialects.MISSPELT": 0.75,
    "document_text.WIDTH": 100,
    "document_text.STEP": 2,
    "document_text.model_text(indent)": 0,
    "group_contrasts.PAIR": 2,
    "limits.LONGEST_TEXT": 1000,
    "limits.MOST_NAMES": 2000,
    "limits.MOST_GLOBS": 200,
    "limits.MOST_LABELS": 100_000,
    "limits.MOST_CONTRASTS": 1000,
    "limits.MOST_ROWS": 1000,
    "limits.MOST_NODES": 100,
    "limits.MOST_INSTRUCTIONS": 500,
    "limits.MOST_MODULATIONS": 200,
    "limits.HIGHEST_POLYNOMIAL": 20,
    "limits.MOST_FUNCTIONS": 500,
    "limits.LONGEST_RESPONSE": 3600.0,
    "limits.MOST_VARIABLES": 2000,
    "limits.LATEST_DELAY": 10_000,
    "limits.FINEST_RESOLUTION": 1000,
    "limits.HIGHEST_AR_ORDER": 30,
    "limits.HIGHEST_POLORT": 50,
    "limits.HIGHEST_HERTZ": 1000000.0,
    "limits.HIGHEST_THRESHOLD": 1000000.0,
    "limits.LARGEST_WEIGHT": 1000000000000.0,
    "limits.SMALLEST_WEIGHT": 1e-12,
    "limits.LARGEST_VALUE": 1e30,
    "limits.LONGEST_NUMBER": 60,
    "limits.FASTEST_SAMPLING": 1000.0,
    "limits.LONGEST_LAG": 1000000.0,
    "limits.MOST_REGRESSORS": 5000,
    "limits.MOST_AUTOMATIC_CONDITIONS": 200,
    "nearest.FAR": 0.5,
    "nearest.LABELS_SHOWN": 5,
    "nearest.LONGEST": 100,
    "nearest.MOST": 1000,
    "nodes.RANK": {"Run": 0, "Session": 1, "Subject": 2, "Dataset": 3},
    "presets.Scrubbing.fd": 0.5,
    "presets.Scrubbing.dvars": 1.5,
    "presets.Scrubbing.segment": 5,
    "queries.LONGEST_QUERY": 4000,
    "queries.DEEPEST_QUERY": 50,
    "responses.DERIVATIVES": {
        "": (False, False),
        " + derivative": (True, False),
        " + derivative + dispersion": (True, True),
    },
    "responses.DERIVATIVE_WORDS": {"none": 0, "temporal": 1, "temporalanddispersion": 2},
    "schema.ParametricPart.PolynomialExpansion": 1,
    "schema.TimePart.Order": 1,
    "schema.SpmPart.MicrotimeResolution": 16,
    "schema.SpmPart.Orthogonalize": True,
    "schema.NilearnPart.SignalScaling": 0,
    "schema.AfniPart.Scale": True,
    "schema.AfniPart.MotionPerRun": True,
    "software.DEFAULT_SLICE_TIME_REF": 0.0,
    "software.REPEATED": 1e-06,
    "specification.SECONDS_BY_MISTAKE": 1.0,
    "specification.parse_model(automatic)": False,
    "values.SHOWN": 40,
}


@pytest.mark.parametrize("place", NUMBERS)
def test_a_number_is_the_one_that_was_chosen(place: str) -> None:
    found = number_at(f"bidsglm.statsmodel.{place}")
    assert (type(found), found) == (type(NUMBERS[place]), NUMBERS[place])
