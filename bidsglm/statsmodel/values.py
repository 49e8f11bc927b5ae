"""Single values of the model language: what is allowed, and what it means.

Each function raises ValueError with the end of a sentence that begins with the place of the value.
"""

import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Literal

from bidsglm.model import CONSTANT
from bidsglm.statsmodel.globs import is_glob
from bidsglm.statsmodel.limits import (
    HIGHEST_AR_ORDER,
    HIGHEST_POLORT,
    HIGHEST_THRESHOLD,
    LARGEST_WEIGHT,
    LONGEST_NUMBER,
    MOST_CONTRASTS,
    MOST_GLOBS,
    MOST_NAMES,
    MOST_ROWS,
    SMALLEST_WEIGHT,
)

AUTOMATIC_POLORT = "A"
SHOWN = 40
"""Characters of a wrong value that still fit on the line of a message."""

NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,2})?(/\d+)?", re.ASCII)
"""A number or a fraction: exponents of three digits and more would make Python count for ever."""

Scaling = int | tuple[int, int] | Literal[False]


def shown(value: object) -> str:
    """A wrong value as it fits on the line of a message.

    >>> shown([1, None])
    '[1, null]'
    """
    text = json.dumps(value, default=str)
    return text if len(text) <= SHOWN else text[:SHOWN] + " ..."


def model_version(value: object) -> str:
    """Version of the specification that is understood.

    >>> model_version("1.0.0-rc.1")
    '1.0.0-rc.1'
    """
    if isinstance(value, str) and re.match(r"1\.0\b", value):
        return value
    raise ValueError(f'must be "1.0.0", not {shown(value)}')


def variable(value: object) -> str:
    """Name of a regressor; the intercept, written 1, becomes the name of its column.

    >>> variable(1), variable("trans_*")
    ('constant', 'trans_*')
    """
    if value == "1" or (type(value) is int and value == 1):
        return CONSTANT
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"must be the name of a regressor, or 1 for the intercept, not {shown(value)}")
    return value


def weight(value: object) -> float:
    """Weight, given as a number or as a fraction in text.

    >>> weight("-1/4"), weight(2)
    (-0.25, 2.0)
    """
    found = _weight(value)
    if found is None:
        raise ValueError(f'{shown(value)} is no weight: give a number or a fraction such as "1/3"')
    if found and not SMALLEST_WEIGHT <= abs(found) <= LARGEST_WEIGHT:
        raise ValueError(
            f"{shown(value)} is no weight: beyond {SMALLEST_WEIGHT:g} and {LARGEST_WEIGHT:g} maps lose their "
            "values"
        )
    return found


def _weight(value: object) -> float | None:
    """Number that a weight means; None where it is not a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) <= LARGEST_WEIGHT * 10 else math.copysign(math.inf, value)
    text = value.strip() if isinstance(value, str) else ""
    if not NUMBER.fullmatch(text) or len(text) > LONGEST_NUMBER:
        return None
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


def weight_rows(value: object) -> list[list[float]]:
    """Weights as rows, one for a flat list.

    >>> weight_rows([1, "-1/2"])
    [[1.0, -0.5]]
    """
    if not isinstance(value, list) or not value:
        raise ValueError("must be a list of numbers or a list of such rows")
    if not any(isinstance(row, list) for row in value):
        return [[weight(item) for item in value]]
    if not all(isinstance(row, list) for row in value):
        raise ValueError("mixes numbers and rows: write rows only, or numbers only")
    if len(value) > MOST_ROWS:
        raise ValueError(f"lists more than {MOST_ROWS} rows")
    return [[weight(item) for item in row] for row in value]


def few_globs(names: list[str]) -> list[str]:
    """The names, of which few are patterns.

    >>> few_globs(["trans_*", "rot_x"])
    ['trans_*', 'rot_x']
    """
    if sum(map(is_glob, names)) > MOST_GLOBS:
        raise ValueError(f"lists more than {MOST_GLOBS} patterns")
    return names


def few_contrasts(value: object) -> object:
    """The list, counted before a hundred thousand contrasts are looked at.

    >>> few_contrasts([])
    []
    """
    if isinstance(value, list) and len(value) > MOST_CONTRASTS:
        raise ValueError(f"lists more than {MOST_CONTRASTS} contrasts")
    return value


def any_case(*allowed: str) -> Callable[[object], object]:
    """Rule that finds the allowed spelling of a word in whatever letter case.

    >>> any_case("AR(1)", "FAST")("fast")
    'FAST'
    """
    spelling = {word.lower(): word for word in allowed}
    return lambda value: spelling.get(value.strip().lower(), value) if isinstance(value, str) else value


def hrf_derivatives(value: object) -> object:
    """Derivatives in bidspm's words, in whatever letter case and spacing.

    >>> hrf_derivatives("temporal and dispersion")
    'TemporalAndDispersion'
    """
    if not isinstance(value, str):
        return value
    return any_case("none", "Temporal", "TemporalAndDispersion")("".join(re.findall("[A-Za-z]+", value)))


def description(value: object) -> str | None:
    """Text for people, in whatever form it was written.

    >>> description(["one", "two"])
    '["one", "two"]'
    """
    return value if isinstance(value, str) or value is None else json.dumps(value)


def noise_model(value: object) -> str:
    """Noise model in nilearn's words.

    >>> noise_model("AR2")
    'ar2'
    """
    word = value.strip().lower() if isinstance(value, str) else ""
    if not re.fullmatch(r"ols|ar[1-9][0-9]*", word):
        raise ValueError(f'must be "ols", "ar1", "ar2" or a higher order, not {shown(value)}')
    if len(word) > len("ar30") or int(word.strip("olsar") or 0) > HIGHEST_AR_ORDER:
        raise ValueError(f"{shown(value)} is beyond the highest order, ar{HIGHEST_AR_ORDER}")
    return word


def mask_threshold(value: object) -> float:
    """Share of the global below which SPM drops a voxel; JSON has no infinity, so none is the text ``-Inf``.

    >>> mask_threshold("-Inf"), mask_threshold(0.8)
    (-inf, 0.8)
    """
    if isinstance(value, str) and value.strip().lower() in ("-inf", "-infinity"):
        return -math.inf
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f'must be a number or "-Inf", not {shown(value)}')
    if not abs(value) <= HIGHEST_THRESHOLD:
        raise ValueError(f"{shown(value)} is no share of the global: beyond {HIGHEST_THRESHOLD:g}")
    return float(value)


def signal_scaling(value: object) -> Scaling:
    """Scaling of nilearn; 0 (each voxel by its mean) and false (none) differ.

    >>> signal_scaling([0, 1]), signal_scaling(0), signal_scaling(False)
    ((0, 1), 0, False)
    """
    if value is False or (type(value) is int and value in (0, 1)):
        return value
    if isinstance(value, list) and [type(axis) for axis in value] == [int, int] and value == [0, 1]:
        return (0, 1)
    raise ValueError(f"must be 0, 1, [0, 1] or false, not {shown(value)}")


def drift_model(value: object) -> object:
    """Drift model of nilearn; null is none.

    >>> drift_model("Cosine"), drift_model(None)
    ('cosine', None)
    """
    word = value.strip().lower() if isinstance(value, str) else value
    if word in ("cosine", "polynomial", None):
        return word
    raise ValueError(f'must be "cosine", "polynomial" or null, not {shown(value)}')


def orthogonalize(value: object) -> bool | dict[str, bool]:
    """One choice for all conditions, or one for each.

    >>> orthogonalize({"trial_type.go": False})
    {'trial_type.go': False}
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, dict) and all(isinstance(choice, bool) for choice in value.values()):
        if len(value) > MOST_NAMES:
            raise ValueError(f"lists more than {MOST_NAMES} conditions")
        return value
    raise ValueError("must be true, false, or an object from condition to true or false")


def dummies(value: object) -> object:
    """DummyContrasts as an object; true stands for t contrasts of all conditions.

    >>> dummies(True)
    {'Test': 't'}
    """
    return {True: {"Test": "t"}, False: None}[value] if isinstance(value, bool) else value


def one_column(value: object) -> object:
    """Column of events.tsv that a modulator names, itself or as a list of one.

    >>> one_column(["reaction_time"])
    'reaction_time'
    """
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def polort(value: object) -> object:
    """Degree of AFNI's polynomials, or A for the rule of ``-polort A``.

    >>> polort("a"), polort(2)
    ('A', 2)
    """
    if isinstance(value, str) and value.strip().upper() == AUTOMATIC_POLORT:
        return AUTOMATIC_POLORT
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= HIGHEST_POLORT:
        return value
    raise ValueError(f'must be "A" or a whole number from 0 to {HIGHEST_POLORT}, not {shown(value)}')


def response_model(value: object) -> str | dict[str, str]:
    """AFNI's notation of a response model, or one for each condition.

    >>> response_model("BLOCK(20,1)"), response_model({"go": "GAM"})
    ('BLOCK(20,1)', {'go': 'GAM'})
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and all(isinstance(notation, str) for notation in value.values()):
        if len(value) > MOST_NAMES:
            raise ValueError(f"lists more than {MOST_NAMES} entries")
        return {str(variable(name)): notation for name, notation in value.items()}
    raise ValueError(
        'must be a response model such as "BLOCK(20,1)", or an object of conditions and models, not '
        f"{shown(value)}"
    )
