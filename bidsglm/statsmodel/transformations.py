"""Instructions of pybids-transforms-v1: which are left to pybids, and what a Convolve instruction asks for.

pybids would convolve on its own grid with its own functions; here each backend convolves the raw events
itself. So Convolve becomes a request for an HRF, and Factor of trial_type, which names the conditions, is
implied.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bidsglm.inputs import as_list
from bidsglm.model import Hrf
from bidsglm.statsmodel.arguments import ANY_INSTRUCTION, ARGUMENTS, check_arguments
from bidsglm.statsmodel.globs import is_glob, matches, matching
from bidsglm.statsmodel.limits import LATEST_DELAY, MOST_FUNCTIONS, MOST_GLOBS, MOST_NAMES
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.responses import hrf_request
from bidsglm.statsmodel.schema import ParametersPart, home

COMMON = tuple(ANY_INSTRUCTION)
"""Arguments of every instruction."""

JOINING = ("And", "Or", "Product", "Sum")
"""Instructions that make one variable of all of Input."""

OUTPUTS = ("output", "output_prefix", "output_suffix")

NAMES_ONLY = ("Copy", "Delete", "Rename", "Select")
"""Instructions that change no value: it does not matter whether events are convolved before them or after."""

_COLUMN = "write the values into a column of events.tsv"
INSTEAD: Mapping[str, str] = {
    **dict.fromkeys(
        ("Concatenate", "Constant", "LabelIdenticalRows", "Log10", "Mean", "MergeIdenticalRows", "StdDev"),
        _COLUMN,
    ),
    **dict.fromkeys(
        ("Add", "Divide", "Multiply", "Subtract"), f"use Sum or Product of variables, or {_COLUMN}"
    ),
    "Power": "use Product of the variable with itself, with an Output",
    "Derivative": "use Lag with Difference true",
    "Censor": "name columns of outliers, such as motion_outlier*, in X",
    "Formula": "name the columns in X, and make products by Product",
}
"""What to do in place of instructions that drafts of the specification or bids-matlab have."""

FACTORED = "trial_type"
"""The column whose levels are the conditions."""


class Instructions(NamedTuple):
    """What the Transformations of a node come to."""

    kept: tuple[Mapping[str, object], ...] = ()
    """For pybids, as they stand in the file."""
    convolved: tuple[str, ...] = ()
    """Names and globs of the Convolve instructions."""
    hrf: Hrf | None = None
    """What Convolve asks for."""


class Instruction(NamedTuple):
    """One instruction whose keys are known."""

    name: str
    inputs: tuple[str, ...]
    arguments: Mapping[str, object]
    """Keys as pybids spells them inside: input, output_suffix."""
    content: Mapping[str, object]
    """As it stands in the file."""
    place: Place


def split_instructions(instructions: Sequence[Mapping[str, object]], place: Place) -> Instructions:
    """Tell instructions for pybids from those that bidsglm carries out itself.

    Factor of trial_type is kept only where an earlier instruction works on trial_type, because its place then
    matters.

    Raises
    ------
    DataError
        An unknown instruction or argument, Convolve requests that differ, or an instruction that needs the
        convolved regressors.

    Examples
    --------
    >>> factor = {"Name": "Factor", "Input": ["trial_type"]}
    >>> convolve = {"Name": "Convolve", "Model": "spm", "Derivative": True, "Input": ["trial_type.*"]}
    >>> split = split_instructions([factor, convolve], Place("m.json"))
    >>> split.kept, split.convolved, split.hrf.suffixes
    ((), ('trial_type.*',), ('', '_derivative'))
    """
    result = Instructions()
    read = [checked_instruction(content, place.at(i)) for i, content in enumerate(instructions)]
    _check_number(read, place)
    for instruction in read:
        if instruction.name == "Convolve":
            result = _with_convolve(result, instruction)
            continue
        result = _with_late_names(result, instruction)
        if instruction.name == "Factor" and FACTORED in instruction.inputs:
            _check_factor(instruction)
            instruction = _without_trial_type(instruction, result.kept)
        if instruction.inputs:
            result = result._replace(kept=(*result.kept, instruction.content))
    return result


def _check_number(instructions: Sequence[Instruction], place: Place) -> None:
    """Check that instructions together name as many variables as can be held against each other."""
    names = [name for instruction in instructions for name in instruction.inputs]
    if len(names) > MOST_NAMES or sum(map(is_glob, names)) > MOST_GLOBS:
        raise place.fault(f"name more than {MOST_NAMES} variables or {MOST_GLOBS} patterns together")


def checked_instruction(content: Mapping[str, object], place: Place) -> Instruction:
    """Check the keys of an instruction.

    Raises
    ------
    DataError
        An unknown instruction or argument, or no Input.
    """
    name, inputs = content.get("Name"), content.get("Input")
    if not isinstance(name, str):
        raise place.fault("'Name' is missing: each instruction has a Name and an Input")
    if name == "Group":  # pybids takes the name of the group for that of the instruction, and always fails
        raise place.fault(
            "Group is not supported: leave it out, and list its variables where they are needed"
        )
    if name in INSTEAD:
        raise place.fault(f"unknown instruction {name!r}: pybids-transforms-v1 has none; {INSTEAD[name]}")
    if name not in ARGUMENTS:
        raise place.fault(f"unknown instruction {name!r}{hint(name, ARGUMENTS)}")
    known = {_camel(argument): argument for argument in (*COMMON, *ARGUMENTS[name])}
    content = {key: value for key, value in content.items() if key != "Description"}
    for key in content:
        if snake(key) not in known.values():
            raise place.fault(f"unknown key {key!r} of {name}{home(key) or hint(key, known)}")
    for key in content:
        if name == "Factor" and snake(key) in OUTPUTS:
            raise place.fault(
                f"{key!r} of Factor is not supported: levels are named after their column; use Rename"
            )
    listed = _input_names(inputs)
    if not listed:
        raise place.fault(f"'Input' of {name} must name the variables it works on")
    arguments = {snake(key): value for key, value in content.items()}
    check_arguments(name, arguments, {snake(key): key for key in content}, place)
    _check_outputs(name, listed, arguments.get("output"), place)
    return Instruction(name, listed, arguments, content, place)


def _check_outputs(name: str, inputs: Sequence[str], output: object, place: Place) -> None:
    """Check that an instruction that makes a variable of each Input names as many."""
    if output is None or name in JOINING or any(map(is_glob, inputs)):
        return
    if len(as_list(output)) != len(inputs):
        raise place.fault(f"'Output' of {name} must name one variable for each of Input")


def named_inputs(instruction: Mapping[str, object]) -> list[str]:
    """Variables that the Input of an instruction lists, whatever its form."""
    return [str(name) for name in as_list(instruction.get("Input"))]


def _input_names(inputs: object) -> tuple[str, ...]:
    """Variables that an Input names; none where it is malformed."""
    listed = as_list(inputs)
    names = tuple(name for name in listed if isinstance(name, str) and name)
    return names if len(names) == len(listed) else ()


def _with_late_names(so_far: Instructions, instruction: Instruction) -> Instructions:
    """Add the names that an instruction gives to variables after their Convolve.

    Raises
    ------
    DataError
        It changes the values of one.
    """
    late = [
        name
        for name in instruction.inputs
        if matches(name, so_far.convolved) or matching(name, so_far.convolved)
    ]
    if not late or instruction.name in ("Delete", "Select"):
        return so_far
    if instruction.name not in NAMES_ONLY:
        raise instruction.place.fault(
            f"{instruction.name} works on {late[0]!r} after its Convolve: put it before, "
            "because each package convolves the events itself"
        )
    naming = {key: instruction.arguments[key] for key in OUTPUTS if instruction.arguments.get(key)}
    names = _output_names(instruction, naming)
    added = [name for given, name in zip(instruction.inputs, names, strict=True) if given in late]
    return so_far._replace(convolved=(*so_far.convolved, *added))


def _with_convolve(so_far: Instructions, convolve: Instruction) -> Instructions:
    hrf = _request(convolve.arguments, convolve.place)
    if so_far.hrf not in (None, hrf):
        raise convolve.place.fault("asks for another HRF than an earlier Convolve: a model has one HRF")
    naming = {key: convolve.arguments[key] for key in OUTPUTS if convolve.arguments.get(key)}
    unknown = sorted(set(convolve.arguments) & {"groupby"})
    if unknown:
        raise convolve.place.fault(f"{_camel(unknown[0])!r} of Convolve is not supported: leave it out")
    convolved = convolve.inputs
    if naming:
        convolved = _output_names(convolve, naming)
        copy: dict[str, object] = {"Name": "Copy", "Input": list(convolve.inputs)}
        copy.update({_camel(key): value for key, value in naming.items()})
        so_far = so_far._replace(kept=(*so_far.kept, copy))
    return so_far._replace(convolved=(*so_far.convolved, *convolved), hrf=hrf)


def _output_names(instruction: Instruction, naming: Mapping[str, object]) -> tuple[str, ...]:
    """Names that Output, OutputPrefix and OutputSuffix give to the variables of an instruction."""
    names = instruction.inputs
    if "output" in naming:
        names = _input_names(naming["output"])
        if len(names) != len(instruction.inputs) or any(map(is_glob, (*names, *instruction.inputs))):
            raise instruction.place.fault(
                f"'Output' of {instruction.name} must name one variable for each of Input"
            )
    prefix, suffix = (naming.get(f"output_{part}", "") for part in ("prefix", "suffix"))
    return tuple(f"{prefix}{name}{suffix}" for name in names)


def _request(arguments: Mapping[str, object], place: Place) -> Hrf:
    """Response that the arguments of Convolve describe."""
    model = arguments.get("model", "spm")
    if not isinstance(model, str):
        raise place.fault("'Model' of Convolve must be text")
    for key in ("derivative", "dispersion"):
        flag = arguments.get(key, False)
        if not isinstance(flag, bool):
            raise place.fault(f"{_camel(key)!r} of Convolve must be true or false")
        model += f" + {key}" * flag
    delays = arguments.get("fir_delays")
    if delays is None:
        return _response(model, None, place)
    if not isinstance(delays, list) or not all(
        type(delay) is int and 0 <= delay <= LATEST_DELAY for delay in delays[: MOST_FUNCTIONS + 1]
    ):
        raise place.fault(
            f"'FirDelays' of Convolve must be a list of whole numbers (scans) from 0 to {LATEST_DELAY}"
        )
    if len(delays) > MOST_FUNCTIONS:
        raise place.fault(f"'FirDelays' of Convolve lists more than {MOST_FUNCTIONS} scans")
    return _response(model, ParametersPart(fir_delays=delays), place)


def _response(model: str, parameters: ParametersPart | None, place: Place) -> Hrf:
    hrf = hrf_request(model, parameters, place).hrf
    assert hrf is not None
    return hrf


def _check_factor(factor: Instruction) -> None:
    usual = {"constraint": "none", "sep": "."}
    for key in (*ARGUMENTS["Factor"], *COMMON[2:]):
        if factor.arguments.get(key) != usual.get(key) and key in factor.arguments:
            raise factor.place.fault(
                f"{_camel(key)!r} of Factor is not supported for trial_type: leave it out"
            )


def _without_trial_type(factor: Instruction, earlier: Sequence[Mapping[str, object]]) -> Instruction:
    if any(FACTORED in _input_names(other.get("Input")) for other in earlier):
        return factor
    inputs = tuple(name for name in factor.inputs if name != FACTORED)
    return factor._replace(inputs=inputs, content={**factor.content, "Input": list(inputs)})


def snake(key: str) -> str:
    """Spell a key as pybids does inside.

    >>> snake("OutputSuffix"), snake("fir_delays")
    ('output_suffix', 'fir_delays')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()


def _camel(key: str) -> str:
    """Spell a key as model files do.

    >>> _camel("output_suffix")
    'OutputSuffix'
    """
    return "".join(word.capitalize() for word in key.split("_"))
