"""3dDeconvolve's notation of response models, ``NAME`` or ``NAME(number,...)``, read strictly.

Only the models in `FORMS` are known; a text is ASCII without blanks, and it and its numbers are bounded.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

LONGEST = 64
"""Characters; the longest sensible notation has some thirty."""
SECONDS = 3600.0
"""Longest duration or window; a longer one is a slip of the pen, and would need a long grid of 10 ms."""
SCALE = 100.0
"""Largest shape and scale of a gamma function."""
HEIGHT = 1e6
TENTS = 200
NUMBER = re.compile(r"[+-]?(?:[0-9]{1,12}\.?[0-9]{0,12}|\.[0-9]{1,12})(?:[eE][+-]?[0-9]{1,2})?")
MODEL = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:\(([^()]*)\))?")


class Bounds(NamedTuple):
    """What a number of the notation may be."""

    name: str
    least: float
    most: float
    strict: bool = False
    """Whether it must be greater than the least"""


class ResponseForm(NamedTuple):
    """The numbers of a model."""

    bounds: tuple[Bounds, ...]
    counts: tuple[int, ...]
    """How many of them may be given"""

    @property
    def example(self) -> str:
        """Names of the numbers as they may be given: `(), (d), (d,p)`."""
        names = [bounds.name for bounds in self.bounds]
        return " or ".join(f"({','.join(names[:n])})" if n else "no number" for n in self.counts)


class ResponseModel(NamedTuple):
    """A response model as written."""

    name: str
    numbers: tuple[float, ...]
    notation: str


_D = Bounds("d", 0, SECONDS, strict=True)
_GAMMA = (Bounds("p", 0, SCALE, strict=True), Bounds("q", 0, SCALE, strict=True), _D)
_TENT = (Bounds("b", -SECONDS, SECONDS), Bounds("c", -SECONDS, SECONDS), Bounds("n", 2, TENTS))
_BLOCK = ResponseForm((_D, Bounds("p", 0, HEIGHT, strict=True)), (1, 2))
_SPMG = ResponseForm((_D,), (0, 1))

FORMS: Mapping[str, ResponseForm] = MappingProxyType(
    {
        "GAM": ResponseForm(_GAMMA, (0, 2, 3)),
        "BLOCK": _BLOCK,
        "BLOCK4": _BLOCK,
        "BLOCK5": _BLOCK,
        "UBLOCK": ResponseForm((_D, Bounds("p", -HEIGHT, HEIGHT)), (1, 2)),
        "dmBLOCK": ResponseForm((Bounds("p", 0, HEIGHT),), (0, 1)),
        "dmUBLOCK": ResponseForm((Bounds("p", -SECONDS, 0),), (0, 1)),
        "SPMG1": _SPMG,
        "SPMG2": _SPMG,
        "SPMG3": _SPMG,
        "TENT": ResponseForm(_TENT, (3,)),
    }
)


def response_model(notation: str) -> ResponseModel:
    """Read the notation of a response model.

    Raises
    ------
    ValueError
        It is no notation, the model is not known, or a number is out of its bounds.

    >>> response_model("GAM(8.6,.547)").numbers, response_model("dmUBLOCK(-1)").name
    ((8.6, 0.547), 'dmUBLOCK')
    >>> response_model("BLOCK")
    Traceback (most recent call last):
    ValueError: the response model 'BLOCK' takes (d) or (d,p)
    """
    # a notation ends in a 3dDeconvolve command of the exported script: a name and numbers, nothing else
    found = MODEL.fullmatch(notation) if len(notation) <= LONGEST and notation.isascii() else None
    if found is None:
        shown = ascii(notation if len(notation) <= LONGEST else notation[:LONGEST] + "...")
        raise ValueError(f"{shown} is no response model of AFNI; write it like GAM or BLOCK(20,1)")
    name, inner = found.groups()
    if name not in FORMS:
        raise ValueError(f"the response model {notation!r} is not known; use one of {', '.join(FORMS)}")
    texts = [] if inner is None else inner.split(",")
    form = FORMS[name]
    if len(texts) not in form.counts or not all(map(NUMBER.fullmatch, texts)):
        raise ValueError(f"the response model {notation!r} takes {form.example}")
    numbers = tuple(float(text) for text in texts)
    # numbers may be left out from the end only, so each stands under its own bounds
    for number, bounds in zip(numbers, form.bounds, strict=False):
        if not bounds.least <= number <= bounds.most or (bounds.strict and number == bounds.least):
            least = "more than" if bounds.strict else "at least"
            raise ValueError(
                f"{bounds.name} of the response model {notation!r} must be {least} {bounds.least:g} and"
                f" at most {bounds.most:g}"
            )
    if name == "TENT" and (numbers[0] >= numbers[1] or numbers[2] != int(numbers[2])):
        raise ValueError(f"{notation!r} must have b < c and a whole number n of tents")
    return ResponseModel(name, numbers, notation)
