"""What the arguments of an instruction may be: pybids takes them as they come, into pandas and scipy."""

from collections.abc import Callable, Mapping, Sequence

from bidsglm.inputs import as_list
from bidsglm.statsmodel.limits import (
    FASTEST_SAMPLING,
    LARGEST_VALUE,
    LONGEST_LAG,
    LONGEST_TEXT,
    MOST_NAMES,
)
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.queries import names_in, parsed_query

Rule = Callable[[object], str]
"""What is wrong with a value, as the end of a sentence; nothing where all is well."""

GLOB = "*?["
ATTRIBUTES = ("amplitude", "duration", "onset")


def _text(value: object) -> str:
    if not isinstance(value, str):
        return "must be text"
    if len(value) > LONGEST_TEXT:
        return f"is longer than {LONGEST_TEXT} characters"
    return "" if value.isprintable() else "holds a control character"


def _name(value: object) -> str:
    return "must name a variable" if value == "" else _text(value)


def _flag(value: object) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _word(*allowed: str) -> Rule:
    def rule(value: object) -> str:
        return "" if isinstance(value, str) and value in allowed else f"must be one of {', '.join(allowed)}"

    return rule


def _number(low: float = -LARGEST_VALUE, high: float = LARGEST_VALUE, *words: str) -> Rule:
    """A number within bounds, or one of some words."""

    def rule(value: object) -> str:
        if isinstance(value, str) and value in words:
            return ""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "must be a number"
        return "" if low <= value <= high else f"must be a number from {low:g} to {high:g}"

    return rule


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    return "" if value is None or isinstance(value, bool) else _number()(value)


def _order(value: object) -> str:
    return "" if type(value) is int and 0 <= value <= 5 else "must be a whole number from 0 to 5"


def _replacements(value: object) -> str:
    if not isinstance(value, Mapping):
        return "must be an object from old to new values"
    if len(value) > MOST_NAMES:
        return f"has more than {MOST_NAMES} entries"
    return next((fault for pair in value.items() for side in pair if (fault := _scalar(side))), "")


def _optional(rule: Rule) -> Rule:
    return lambda value: "" if value is None else rule(value)


ANY_INSTRUCTION: Mapping[str, Rule] = {
    "name": _text,
    "input": _name,
    "output": _name,
    "output_prefix": _optional(_text),
    "output_suffix": _optional(_text),
    "groupby": _name,
    "dense": _flag,
}
WITHOUT = ("And", "Copy", "Delete", "Demean", "DropNA", "Not", "Or", "Product", "Rename", "Select")
"""Instructions that have no arguments but those of any."""
RULES: Mapping[str, Mapping[str, Rule]] = {
    **{name: {} for name in WITHOUT},
    "Assign": {
        "target": _name,
        "input_attr": _word(*ATTRIBUTES),
        "target_attr": _word(*ATTRIBUTES),
    },
    "Factor": {
        "constraint": _word("none", "drop_one", "mean_zero"),
        "ref_level": _scalar,
        "sep": _text,
    },
    "Filter": {"query": _text, "by": _name},
    "Group": {"name": _text},
    "Lag": {
        "shift": _number(-LONGEST_LAG, LONGEST_LAG),
        "order": _order,
        "mode": _word("nearest", "reflect", "constant"),
        "constant": _number(),
        "difference": _flag,
    },
    "Orthogonalize": {"other": _name},
    "Replace": {"replace": _replacements, "attribute": _word("value", "onset", "duration")},
    "Resample": {"sampling_rate": _number(1 / FASTEST_SAMPLING, FASTEST_SAMPLING, "TR")},
    "Scale": {
        "demean": _flag,
        "rescale": _flag,
        "replace_na": _optional(_word("before", "after", "off")),
    },
    "Split": {"by": _name},
    "Sum": {"weights": _optional(_number())},
    "Threshold": {
        "threshold": _number(),
        "binarize": _flag,
        "above": _flag,
        "signed": _flag,
    },
    "ToDense": {"sampling_rate": _number(1 / FASTEST_SAMPLING, FASTEST_SAMPLING)},
}
"""Own arguments of each instruction of pybids, but for Convolve, whose reader checks them."""
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    **{name: tuple(rules) for name, rules in RULES.items()},
    "Convolve": ("model", "derivative", "dispersion", "fir_delays"),
}


def check_arguments(
    name: str, arguments: Mapping[str, object], keys: Mapping[str, str], place: Place
) -> None:
    """Check the values of an instruction's arguments; pybids takes one, or a list with one for each Input.

    The keys give the model's spelling of each argument, for messages.

    Raises
    ------
    DataError
        Naming the argument, and of a query what of it is not understood.

    Examples
    --------
    >>> check_arguments("Lag", {"shift": 1e300}, {"shift": "Shift"}, Place("m.json"))
    Traceback (most recent call last):
    ...
    bidsglm.errors.DataError: m.json: Shift: of Lag must be a number from -1e+06 to 1e+06
    """
    rules = {**ANY_INSTRUCTION, **RULES.get(name, {})}
    for key, value in arguments.items():
        rule, here = rules.get(key), place.at(keys.get(key, key))
        if rule is None:  # of Convolve
            continue
        values = as_list(value)
        if len(values) > MOST_NAMES:
            raise here.fault(f"lists {len(values)} values, more than {MOST_NAMES}")
        for item in values:
            if fault := rule(item):
                raise here.fault(f"of {name} {fault}")
    if name == "Filter":
        _check_query(arguments, place.at(keys.get("query", "query")))


def _check_query(arguments: Mapping[str, object], place: Place) -> None:
    """Check that every query of a Filter is understood, and is about variables that the instruction names."""
    queries = _listed(arguments.get("query"))
    if not queries:
        raise place.fault('of Filter is missing: which rows to keep, such as "reaction_time > 0.5"')
    known = [*_listed(arguments.get("input")), *_listed(arguments.get("by"))]
    for query in queries:
        try:
            names = list(names_in(parsed_query(query, known)))
        except ValueError as error:
            raise place.fault(str(error)) from None
        unknown = [name for name in names if name not in known]
        if unknown and not any(sign in name for name in known for sign in GLOB):
            raise place.fault(
                f"names {unknown[0]!r}, which is in neither Input nor By: add it to By, "
                "or put it between quotes if it is a value"
            )


def _listed(value: object) -> Sequence[str]:
    return [item for item in as_list(value) if isinstance(item, str)]
