"""Parametric and time modulations that a model asks for."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TypeVar

from bidsglm.model import TRIAL_TYPE, ParametricModulation, TimeModulation
from bidsglm.statsmodel.globs import is_glob, matches, matching
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.responses import is_condition
from bidsglm.statsmodel.schema import AfniPart, SpmPart

Choice = TypeVar("Choice")

TIME = "time"
"""Name of the time modulation in regressor names."""


def parametric_modulations(spm: SpmPart, x: Sequence[str], place: Place) -> tuple[ParametricModulation, ...]:
    """Parametric modulations of Software.SPM in file order.

    Raises
    ------
    DataError
        A condition that is not in X, or two modulators of one name on the same condition.
    """
    result: list[ParametricModulation] = []
    taken: set[tuple[str, str]] = set()
    for i, part in enumerate(spm.ParametricModulations):
        here = place.at("ParametricModulations", i)
        conditions = _trial_types(part.Conditions, x, here.at("Conditions"))
        for condition in conditions:
            if (condition, part.Name) in taken:
                raise here.fault(
                    f"{TRIAL_TYPE}{condition} already has a modulator named {part.Name!r}: rename one"
                )
            taken.add((condition, part.Name))
        result.append(ParametricModulation(part.Name, conditions, part.Values, part.PolynomialExpansion))
    return tuple(result)


def time_modulations(
    spm: SpmPart, x: Sequence[str], parametric: Iterable[ParametricModulation], place: Place
) -> tuple[TimeModulation, ...]:
    """Time modulations in file order; errors as above.

    A condition with a time modulation can have no parametric modulator that is named ``time`` too.
    """
    result: list[TimeModulation] = []
    clocks = set(chain.from_iterable(m.conditions for m in parametric if m.name == TIME))
    for i, part in enumerate(spm.TimeModulations):
        here = place.at("TimeModulations", i)
        conditions = _trial_types(part.Conditions, x, here.at("Conditions"))
        for condition in conditions:
            if condition in clocks:
                raise here.fault(
                    f"{TRIAL_TYPE}{condition} already has a modulator named {TIME!r}: leave one out"
                )
            clocks.add(condition)
        result.append(TimeModulation(conditions, part.Order))
    return tuple(result)


def orthogonalization(spm: SpmPart, x: Sequence[str], place: Place) -> bool | Mapping[str, bool]:
    """Software.SPM.Orthogonalize, by trial type where it is an object.

    What the object does not name is orthogonalised, as is SPM's default.
    """
    choice = spm.Orthogonalize
    return choice if isinstance(choice, bool) else _by_trial_type(choice, x, place.at("Orthogonalize"))


def response_models(afni: AfniPart, x: Sequence[str], place: Place) -> str | Mapping[str, str] | None:
    """Software.AFNI.ResponseModel, by trial type where it is an object; the prefix may be left out."""
    choice = afni.ResponseModel
    if not isinstance(choice, dict):
        return choice
    known = {name.removeprefix(TRIAL_TYPE): name for name in x if is_condition(name)}
    full = {known.get(name, name): notation for name, notation in choice.items()}
    return _by_trial_type(full, x, place.at("ResponseModel"))


def _by_trial_type(choices: Mapping[str, Choice], x: Sequence[str], place: Place) -> dict[str, Choice]:
    """What an object says of each condition; the keys are trial types without prefix."""
    result = {name: value for key, value in choices.items() for name in _trial_types([key], x, place)}
    globs = [name for name in result if is_glob(name)]
    if globs:
        raise place.fault(f"{TRIAL_TYPE + globs[0]!r} could be any condition: name each one here")
    return result


def _trial_types(names: Sequence[str], x: Sequence[str], place: Place) -> tuple[str, ...]:
    """Trial types, without prefix, that names mean; globs stay where X leaves its conditions open."""
    conditions = [name for name in x if is_condition(name)]
    found: list[str] = []
    for name in names:
        literal = matching(name, conditions)
        if not literal and not matches(name, conditions):
            remedy = (
                f" that can have modulators: only {TRIAL_TYPE}… can. Of variables that Transformations make, "
                "let them make the product with the modulator too, and put it into X"
                if matching(name, x)
                else hint(name, conditions)
            )
            raise place.fault(f"{name!r} is no condition of X{remedy}")
        found += literal or (name,)
    return tuple(dict.fromkeys(name.removeprefix(TRIAL_TYPE) for name in found))
