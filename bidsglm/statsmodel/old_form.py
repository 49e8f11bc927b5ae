"""Models of the form before 1.0, as far as they are read: keys in one spelling, steps in order.

The old form was never released: FitLins before 0.11 and pybids before 0.14 read it, Neuroscout and bidspm
wrote it, with keys in several spellings (``Blocks``, ``variables``, ``condition_list``).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bidsglm.inputs import as_list
from bidsglm.model import CONSTANT, TRIAL_TYPE
from bidsglm.statsmodel.arguments import ARGUMENTS
from bidsglm.statsmodel.place import Place

LEVELS = {"run": "Run", "session": "Session", "subject": "Subject", "dataset": "Dataset"}
SPELLINGS = {
    "blocks": "Steps",
    "variables": "X",
    "autocontrasts": "DummyContrasts",
    "dummycontrasts": "DummyContrasts",
    "hrf": "HRF",
    "hrfvariables": "HrfVariables",
    "type": "Test",
    "groupby": "GroupBy",
    "conditionlist": "ConditionList",
    "firdelays": "fir_delays",
}
"""Key in small letters without underscore -> key; any other gets a capital."""
INSTRUCTIONS = {**{name.lower(): name for name in ARGUMENTS}, "convolvehrf": "Convolve"}
"""In small letters without underscore, with an older name of one."""
TESTS = {"t": "t", "f": "F", "pass": "pass", "skip": "pass", "fema": "t", "meta": "t"}
"""Old type of a test -> Test; the fixed effects of FEMA and meta are what a node above the runs does."""
INTERCEPTS = (1, "1", "intercept", CONSTANT)


class OldStep(NamedTuple):
    """A step of the old form, its keys in one spelling."""

    level: str
    content: Mapping[str, Any]
    place: Place

    @property
    def model(self) -> dict[str, Any]:
        """Its Model."""
        return spelt(self.content.get("Model") or {})

    @property
    def x(self) -> list[Any]:
        """X of its Model, the intercept as 1."""
        return [1 if name in INTERCEPTS else name for name in self.model.get("X", ())]

    @property
    def models_participants(self) -> bool:
        """Whether it is over columns of participants.tsv."""
        return self.level == "Dataset" and any(name != 1 for name in self.x)

    @property
    def contrasts(self) -> list[dict[str, Any]]:
        """Contrasts that are written out, wherever they stood."""
        found = [*self.content.get("Contrasts", ()), *self.model.get("Contrasts", ())]
        return [_contrast(each, self.place.at("Contrasts")) for each in found]

    @property
    def automatic(self) -> bool | list[str]:
        """Contrasts that the step passes on or makes by itself."""
        found = self.content.get("DummyContrasts", False)
        if isinstance(found, dict):
            found = found.get("Contrasts", found.get("Conditions", True))
        if isinstance(found, bool):
            return found
        listed = as_list(found)
        if not all(isinstance(text, str) for text in listed):
            raise self.place.at("AutoContrasts").fault("must be true, false or a list of names")
        return listed

    @property
    def instructions(self) -> list[dict[str, Any]]:
        """Its Transformations in the spelling of 1.0; those that work on nothing are left out."""
        found = self.content.get("Transformations") or []
        listed = found.get("Instructions", []) if isinstance(found, dict) else found
        if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
            raise self.place.at("Transformations").fault("must be a list of instructions")
        return [item for item in map(instruction, listed) if item.get("Input") != []]


def spelling(key: str) -> str:
    """Key as 1.0 spells it.

    >>> spelling("condition_list"), spelling("weights"), spelling("blocks"), spelling("Level")
    ('ConditionList', 'Weights', 'Steps', 'Level')
    """
    small = key.replace("_", "").lower()
    return SPELLINGS.get(small, small[:1].upper() + small[1:])


def spelt(part: Mapping[str, Any]) -> dict[str, Any]:
    """Object with its keys in the spelling of 1.0."""
    return {spelling(key): value for key, value in part.items()}


def instruction(item: Mapping[str, Any]) -> dict[str, Any]:
    """Instruction with name and keys as 1.0 spells them.

    >>> instruction({"name": "to_dense", "input": ["rt"], "output_suffix": "_d"})
    {'Name': 'ToDense', 'Input': ['rt'], 'OutputSuffix': '_d'}
    """
    made = {
        "".join(word[:1].upper() + word[1:] for word in key.split("_")): value for key, value in item.items()
    }
    name = made.get("Name", "")
    return {**made, "Name": INSTRUCTIONS.get(str(name).replace("_", "").lower(), name)}


def is_old_form(document: Mapping[str, object]) -> bool:
    """Whether a document is of the form before 1.0.

    >>> is_old_form({"Name": "go", "steps": []}), is_old_form({"Nodes": []})
    (True, False)
    """
    return "Steps" in map(spelling, document) and "Nodes" not in document


def steps(listed: object, top: Place) -> Iterator[OldStep]:
    """Steps in order, the first one at the Run level.

    Raises
    ------
    DataError
        No list of objects, a level that is unknown or out of order, or no Run step; names the place.
    """
    if not isinstance(listed, list) or not listed or not all(isinstance(step, dict) for step in listed):
        raise top.at("Steps").fault("must be a list of objects, one for each level")
    order = list(LEVELS.values())
    last = -1
    for i, step in enumerate(listed):
        content, place = spelt(step), top.at("Steps", i)
        level = LEVELS.get(str(content.get("Level", "")).lower())
        if level is None:
            raise place.at("Level").fault(f"must be one of {', '.join(order)}")
        if i == 0 and level != "Run":
            raise place.fault(f"begins at the {level} level: 1.0 needs a Run node with the regressors in X")
        if order.index(level) <= last:
            raise place.at("Level").fault(f"a {level} step cannot follow a {order[last]} step")
        last = order.index(level)
        yield OldStep(level, content, place)


def _contrast(found: object, place: Place) -> dict[str, Any]:
    """Contrast with the keys of 1.0."""
    if not isinstance(found, dict):
        raise place.fault("must be a list of objects")
    given = spelt(found)
    for key in ("Name", "ConditionList", "Weights"):
        if key not in given:
            raise place.fault(f"a contrast lacks {key}")
    test = TESTS.get(str(given.get("Test", "t")).lower())
    if test is None:
        raise place.fault(f"contrast {given['Name']!r}: the test {given['Test']!r} is not known: t or F")
    conditions = [1 if name == "intercept" else name for name in given["ConditionList"]]
    return {"Name": given["Name"], "ConditionList": conditions, "Weights": given["Weights"], "Test": test}


def own_name(name: str) -> str:
    """Name of the contrast that DummyContrasts make of a regressor.

    >>> own_name("trial_type.go"), own_name("go - stop")
    ('go', 'go - stop')
    """
    return name.removeprefix(TRIAL_TYPE)
