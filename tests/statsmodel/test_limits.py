"""Limits of a model: what is as large as they say is taken, and no more than that."""

from collections.abc import Callable

import pytest

from bidsglm.errors import DataError
from bidsglm.statsmodel import limits
from tests.statsmodel.model_documents import (
    Change,
    Document,
    in_hrf,
    in_model,
    in_node,
    in_spm,
    instructions,
    model,
    parsed,
    without,
)


def contrasts(number: int) -> Change:
    weights = {"ConditionList": ["trial_type.go"], "Weights": [1], "Test": "t"}
    return in_node(Contrasts=[{"Name": f"c{i}", **weights} for i in range(number)])


def name(length: int) -> Change:
    return in_node(Name="n" * length)


def steps(number: int) -> Change:
    return instructions(*({"Name": "Scale", "Input": [f"x{i}"]} for i in range(number)))


def names(name: str, number: int) -> Change:
    """Two instructions that name so many variables together."""
    listed = [name] * (number // 2), [name] * (number - number // 2)
    return instructions(*({"Name": "Scale", "Input": each} for each in listed))


def delays(scans: list[int]) -> Change:
    convolve = {"Name": "Convolve", "Input": ["trial_type.go"], "Model": "fir", "FirDelays": scans}

    def change(document: Document) -> None:
        instructions({"Name": "Factor", "Input": ["trial_type"]}, convolve)(document)
        in_model(X=["trial_type.go", 1])(document)
        without(model, "HRF")(document)
        in_node(Contrasts=[])(document)

    return change


LIMITS: dict[str, tuple[Callable[[int], Change], float]] = {
    "contrasts": (contrasts, limits.MOST_CONTRASTS),
    "characters of a name": (name, limits.LONGEST_TEXT),
    "instructions": (steps, limits.MOST_INSTRUCTIONS),
    "variables of instructions": (lambda n: names("x", n), limits.MOST_NAMES),
    "patterns of instructions": (lambda n: names("x*", n), limits.MOST_GLOBS),
    "scans of a delay": (lambda n: delays([n]), limits.LATEST_DELAY),
    "delays": (lambda n: delays(list(range(n))), limits.MOST_FUNCTIONS),
    "seconds of a response": (
        lambda n: in_hrf(Model="fourier", Parameters={"Length": n, "Order": 2}),
        limits.LONGEST_RESPONSE,
    ),
    "bins of a TR": (lambda n: in_spm(MicrotimeResolution=n), limits.FINEST_RESOLUTION),
    "threshold": (lambda n: in_spm(InclusiveMaskingThreshold=n), limits.HIGHEST_THRESHOLD),
}


@pytest.mark.parametrize("what", LIMITS)
def test_as_much_as_the_limit_is_taken_and_one_more_is_not(what: str) -> None:
    change, limit = LIMITS[what]
    parsed(change(limit))
    with pytest.raises(DataError):
        parsed(change(limit + 1))
