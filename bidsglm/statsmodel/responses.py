"""What the model asks conditions to be convolved with, and which conditions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from bidsglm.model import TRIAL_TYPE, Hrf
from bidsglm.statsmodel.globs import is_glob
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.schema import ParametersPart

DERIVATIVES = {
    "": (False, False),
    " + derivative": (True, False),
    " + derivative + dispersion": (True, True),
}
FAMILIES: Mapping[str, Hrf] = {
    **{"spm" + text: Hrf("spm", *flags) for text, flags in DERIVATIVES.items()},
    **{"glover" + text: Hrf("glover", *flags) for text, flags in DERIVATIVES.items()},
    "fir": Hrf("fir"),
    "fourier": Hrf("fourier"),
    "fourier hanning": Hrf("fourier hanning"),
    "gamma": Hrf("gamma"),
}
ALSO_CALLED = {
    "doublegamma": "spm",
    "double gamma": "spm",
    "canonical": "spm",
    "hrf": "spm",
    "hrf (with time derivative)": "spm + derivative",
    "hrf (with time and dispersion derivatives)": "spm + derivative + dispersion",
    "fourier set": "fourier",
    "fourier set (hanning)": "fourier hanning",
    "gamma functions": "gamma",
    "finite impulse response": "fir",
}
"""Names in bidspm's models and in SPM's own menus; the double gamma with its usual parameters is SPM's."""
DERIVATIVE_WORDS = {"none": 0, "temporal": 1, "temporalanddispersion": 2}
"""Software.SPM.HRFderivatives, as bidspm has it: number of derivatives."""
SETS = ("fir", "fourier", "fourier hanning", "gamma")
"""Models whose functions are counted by HRF.Parameters."""


class ResponseRequest(NamedTuple):
    """A response that a model asks for."""

    hrf: Hrf | None
    """None where the model says nothing."""
    notes: tuple[str, ...] = ()


def hrf_family(name: str) -> Hrf | None:
    """Response of that name, in whatever letter case and spacing, still without parameters.

    >>> hrf_family("SPM+Derivative")
    Hrf(model='spm', derivative=True, dispersion=False, length=None, order=None, fir_delays=None)
    >>> hrf_family("DoubleGamma").model, hrf_family("afni") is None
    ('spm', True)
    """
    return FAMILIES.get(_usual_name(name))


def _usual_name(name: str) -> str:
    plain = " ".join(name.lower().replace("+", " + ").split())
    base, plus, derivatives = plain.partition(" + ")
    return ALSO_CALLED.get(plain) or ALSO_CALLED.get(base, base) + plus + derivatives


def hrf_request(name: str, parameters: ParametersPart | None, place: Place) -> ResponseRequest:
    """Response that HRF.Model and HRF.Parameters describe.

    Raises
    ------
    DataError
        An unknown name, or parameters that are missing or mean nothing to it.
    """
    family = hrf_family(name)
    if family is None:
        raise place.at("Model").fault(f"unknown HRF {name!r}; known are {', '.join(map(repr, FAMILIES))}")
    usual = _usual_name(name)
    translation = "" if usual == " ".join(name.lower().replace("+", " + ").split()) else usual
    notes = (f"HRF.Model {name!r} is read as {usual!r}.",) if translation else ()
    return ResponseRequest(_with_parameters(family, parameters or ParametersPart(), name, place), notes)


def _with_parameters(family: Hrf, given: ParametersPart, name: str, place: Place) -> Hrf:
    where = place.at("Parameters")
    if family.model not in SETS:
        if given.model_fields_set - {"Description"}:
            raise where.fault(f"{name!r} takes no parameters: leave them out")
        return family
    if given.fir_delays is not None:
        return _delayed(given, family, where)
    if given.Length is None or given.Order is None:
        either = "'fir_delays' (scans), or " if family.model == "fir" else ""
        other = "; it is SPM's set of gamma functions, a single response is 'spm'" * (family.model == "gamma")
        raise where.fault(f"{family.model!r} needs {either}'Length' (s) and 'Order'{other}")
    return Hrf(family.model, length=given.Length, order=given.Order)


def with_derivatives(hrf: Hrf | None, words: str | None) -> ResponseRequest:
    """Add the derivatives that bidspm asks for in Software.SPM.HRFderivatives.

    >>> with_derivatives(Hrf("spm"), "Temporal").hrf.suffixes
    ('', '_derivative')
    """
    if words is None:
        return ResponseRequest(hrf)
    wanted = DERIVATIVE_WORDS[words.lower()]
    if hrf is None or hrf.model != "spm" or wanted < hrf.derivative + hrf.dispersion:
        asked = f" beside {hrf.model}" if hrf is not None else " without HRF.Model"
        return ResponseRequest(
            hrf, (f"Software.SPM.HRFderivatives {words!r} has no effect{asked}.",) * bool(wanted)
        )
    if wanted == hrf.derivative + hrf.dispersion:
        return ResponseRequest(hrf)
    note = f"Software.SPM.HRFderivatives {words!r}: the response has its derivatives, in all packages."
    return ResponseRequest(replace(hrf, derivative=True, dispersion=wanted == 2), (note,))


def _delayed(given: ParametersPart, family: Hrf, where: Place) -> Hrf:
    delays = tuple(given.fir_delays or ())
    if family.model != "fir":
        raise where.at("fir_delays").fault(f"only for 'fir', not for {family.model!r}")
    if given.Length is not None or given.Order is not None:
        raise where.fault("give either 'fir_delays' or 'Length' and 'Order', not both")
    if not delays or delays != tuple(sorted(set(delays))):
        raise where.at("fir_delays").fault("must be scans in increasing order, such as [0, 1, 2, 3]")
    return Hrf("fir", fir_delays=delays)


def is_condition(name: str) -> bool:
    """Whether a name in X is surely made from events; transformations can make events of any name.

    >>> is_condition("trial_type.*"), is_condition("trans_x")
    (True, False)
    """
    return name.startswith(TRIAL_TYPE)


def check_coverage(x: Sequence[str], variables: Sequence[str], place: Place) -> None:
    """Check that what HRF names is in X, both names and globs.

    Raises
    ------
    DataError
        A variable that is not in X.
    """
    named = set(x)
    for variable in variables:
        if variable not in named and not is_named(variable, x):
            raise place.fault(f"{variable!r} is not in X{hint(variable, x)}")


def is_named(variable: str, x: Sequence[str]) -> bool:
    """Whether X has a variable, or a glob that may mean it."""
    return any(_overlap(variable, name) for name in x)


def unused(x: Sequence[str], variables: Sequence[str], place: Place) -> tuple[str, ...]:
    """Notes on variables that a Convolve instruction names although X has none of them.

    Raises
    ------
    DataError
        One that looks like a name of X which nothing convolves.

    Examples
    --------
    >>> unused(["trial_type.go"], ["trial_type.go", "rt"], Place("m.json"))
    ("Convolve of 'rt' has no effect: it is not in X.",)
    """
    both = set(x) & set(variables)
    bare = [name for name in x if name not in both and not is_named(name, variables)]
    missing = [variable for variable in variables if variable not in both and not is_named(variable, x)]
    for variable in missing:
        if hint(variable, bare):
            raise place.fault(f"{variable!r} is not in X{hint(variable, bare)}")
    return tuple(f"Convolve of {variable!r} has no effect: it is not in X." for variable in missing)


def _overlap(variable: str, name: str) -> bool:
    """Whether two names or globs can mean the same regressor."""
    return (
        variable == name
        or (is_glob(variable) and fnmatchcase(name, variable))
        or (is_glob(name) and fnmatchcase(variable, name))
    )


def conditions_without_functions(x: Sequence[str], convolved: Sequence[str], hrf: Hrf) -> tuple[str, ...]:
    """Rewrite X so that it names conditions only, not the functions that Convolve makes of each.

    After a Convolve instruction the specification wants ``trial_type.go_derivative`` in X beside
    ``trial_type.go``; an HRF object implies it.

    >>> x = ["trial_type.go", "trial_type.go_derivative", "rot_x"]
    >>> conditions_without_functions(x, ["trial_type.go"], Hrf("spm", derivative=True))
    ('trial_type.go', 'rot_x')
    >>> delays = Hrf("fir", fir_delays=(0, 1))
    >>> conditions_without_functions(["trial_type.go_delay_*"], ["trial_type.*"], delays)
    ('trial_type.go',)
    """
    endings = [suffix for suffix in hrf.suffixes if suffix]
    endings += ["_delay_*", "_delay_?"] if hrf.model == "fir" else []
    stems = []
    for name in x:
        ending = next((e for e in endings if name.endswith(e)), "")
        stem = name.removesuffix(ending)
        made = ending and name not in convolved and any(_overlap(variable, stem) for variable in convolved)
        stems.append(stem if made else name)
    return tuple(dict.fromkeys(stems))
