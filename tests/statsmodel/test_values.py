"""Single values of a model: what each means, at the edge of what is taken and just beyond it."""

import math
import re
from collections.abc import Callable

import pytest

from bidsglm.statsmodel import entities, limits, values

WEIGHTS = {f"c{i}": True for i in range(limits.MOST_NAMES)}
RESPONSES = {f"c{i}": "GAM" for i in range(limits.MOST_NAMES)}


@pytest.mark.parametrize(
    ("rule", "value", "meaning"),
    [
        (values.weight, limits.LARGEST_WEIGHT, limits.LARGEST_WEIGHT),
        (values.weight, -limits.SMALLEST_WEIGHT, -limits.SMALLEST_WEIGHT),
        (values.weight, 0, 0.0),
        (values.weight, "+.5", 0.5),
        (values.weight, " 1e-3 ", 0.001),
        (values.weight, "1".rjust(limits.LONGEST_NUMBER, "0"), 1.0),
        (values.weight_rows, [[1, 0], ["1/2", -1]], [[1.0, 0.0], [0.5, -1.0]]),
        (values.weight_rows, [[1]] * limits.MOST_ROWS, [[1.0]] * limits.MOST_ROWS),
        (values.few_globs, ["a*"] * limits.MOST_GLOBS + ["b"], ["a*"] * limits.MOST_GLOBS + ["b"]),
        (values.few_contrasts, [{}] * limits.MOST_CONTRASTS, [{}] * limits.MOST_CONTRASTS),
        (values.variable, 1, "constant"),
        (values.model_version, "1.0", "1.0"),
        (
            entities.filters,
            {"ses": "ses-2", "acq": ["acq-a", 3]},
            {"session": ["2"], "acquisition": ["a", "3"]},
        ),
        (values.noise_model, " OLS", "ols"),
        (values.noise_model, "ar30", "ar30"),
        (values.mask_threshold, "-infinity", -math.inf),
        (values.mask_threshold, -limits.HIGHEST_THRESHOLD, -limits.HIGHEST_THRESHOLD),
        (values.signal_scaling, 1, 1),
        (values.drift_model, " Polynomial", "polynomial"),
        (values.orthogonalize, WEIGHTS, WEIGHTS),
        (values.hrf_derivatives, "None", "none"),
        (values.hrf_derivatives, "temporal", "Temporal"),
        (values.hrf_derivatives, 2, 2),
        (values.description, None, None),
        (values.dummies, False, None),
        (values.dummies, {"Test": "F"}, {"Test": "F"}),
        (values.one_column, ["a", "b"], ["a", "b"]),
        (values.polort, 0, 0),
        (values.polort, limits.HIGHEST_POLORT, limits.HIGHEST_POLORT),
        (values.response_model, RESPONSES, RESPONSES),
        (values.shown, "x" * (values.SHOWN - 2), f'"{"x" * (values.SHOWN - 2)}"'),
        (values.shown, "x" * (values.SHOWN - 1), f'"{"x" * (values.SHOWN - 1)} ...'),
    ],
)
def test_a_value_means(rule: Callable[[object], object], value: object, meaning: object) -> None:
    found = rule(value)
    assert found == meaning
    assert type(found) is type(meaning)


@pytest.mark.parametrize(
    ("rule", "value", "fault"),
    [
        (values.weight, limits.LARGEST_WEIGHT * 1.01, "beyond 1e-12 and 1e+12 maps lose"),
        (values.weight, limits.LARGEST_WEIGHT * 1000, "beyond 1e-12 and 1e+12 maps lose"),
        (values.weight, limits.SMALLEST_WEIGHT / 2, "beyond 1e-12 and 1e+12 maps lose"),
        (values.weight, "1/0", "is no weight: give a number"),
        (values.weight, "1e100", "is no weight: give a number"),
        (values.weight, True, "is no weight: give a number"),
        (values.weight, "1".rjust(limits.LONGEST_NUMBER + 1, "0"), "is no weight: give a number"),
        (values.weight_rows, [], "must be a list of numbers"),
        (values.weight_rows, 1, "must be a list of numbers"),
        (values.weight_rows, [[1], 1], "mixes numbers and rows"),
        (values.weight_rows, [[1]] * (limits.MOST_ROWS + 1), f"lists more than {limits.MOST_ROWS} rows"),
        (values.few_globs, ["a*"] * (limits.MOST_GLOBS + 1), f"lists more than {limits.MOST_GLOBS} patterns"),
        (values.few_contrasts, [{}] * (limits.MOST_CONTRASTS + 1), "lists more than 1000 contrasts"),
        (values.variable, True, "must be the name of a regressor"),
        (values.variable, 2, "must be the name of a regressor"),
        (values.variable, " ", "must be the name of a regressor"),
        (values.model_version, "1.05", 'must be "1.0.0"'),
        (values.model_version, 1.0, 'must be "1.0.0"'),
        (entities.filters, {"run": []}, "must list at least one label"),
        (entities.filters, {"ses": "ses-"}, "must list at least one label"),
        (entities.filters, {"run": [True]}, "must be text, not true"),
        (entities.filters, {"runs": ["1"]}, "unknown entity 'runs'; did you mean 'run'?"),
        (values.noise_model, "ar31", "is beyond the highest order, ar30"),
        (values.noise_model, "ar100", "is beyond the highest order, ar30"),
        (values.noise_model, "ar0", 'must be "ols", "ar1"'),
        (values.mask_threshold, True, 'must be a number or "-Inf"'),
        (values.mask_threshold, -limits.HIGHEST_THRESHOLD * 2, "is no share of the global: beyond 1e+06"),
        (values.mask_threshold, math.nan, "is no share of the global"),
        (values.signal_scaling, True, "must be 0, 1, [0, 1] or false"),
        (values.signal_scaling, 2, "must be 0, 1, [0, 1] or false"),
        (values.signal_scaling, [False, True], "must be 0, 1, [0, 1] or false"),
        (values.signal_scaling, [1, 0], "must be 0, 1, [0, 1] or false"),
        (values.drift_model, 0, 'must be "cosine", "polynomial" or null'),
        (values.orthogonalize, {**WEIGHTS, "more": True}, f"lists more than {limits.MOST_NAMES} conditions"),
        (values.orthogonalize, {"a": 1}, "must be true, false, or an object"),
        (values.polort, -1, 'must be "A" or a whole number from 0 to 50'),
        (values.polort, limits.HIGHEST_POLORT + 1, 'must be "A" or a whole number from 0 to 50'),
        (values.polort, True, 'must be "A" or a whole number from 0 to 50'),
        (values.response_model, {**RESPONSES, "b": "GAM"}, f"lists more than {limits.MOST_NAMES} entries"),
        (values.response_model, {"a": 1}, "must be a response model such as"),
    ],
)
def test_a_value_is_refused_with_the_reason(
    rule: Callable[[object], object], value: object, fault: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        rule(value)
