"""Contrasts of a model: their labels, and which regressors of a design they mean."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from bidsglm.errors import DataError
from bidsglm.model import TRIAL_TYPE, ContrastSpecification
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.schema import ContrastPart, DummyPart

WORDS = {">": "Greater", "-": "Minus", "+": "Plus", "\u2212": "Minus", "\u2013": "Minus"}
"""Spoken signs; the last two are the typographic minus and dash that word processors make of a hyphen."""

ALL_CONDITIONS = TRIAL_TYPE + "*"

LONGEST_LABEL = 80
"""Characters; file systems take names of 255 bytes, and what stands around the label may need 170."""
DIGEST = 8
"""Hexadecimal digits in place of the end of a long label; two of 1,000 contrasts share them once in 8,600."""


def contrast_label(name: str) -> str:
    """Letters and digits that stand for a contrast in file names.

    Signs become words, other characters end a word, and each later word begins with a capital. Letters lose
    their accents; a letter outside the Latin alphabet becomes its Unicode number. A long label ends in a
    digest of the name, so that file systems take it; the sidecars have the name.

    Raises
    ------
    DataError
        A name without letters, digits and signs.

    Examples
    --------
    >>> contrast_label("movement - rest"), contrast_label("a>b"), contrast_label("effects_of interest")
    ('movementMinusRest', 'aGreaterB', 'effectsOfInterest')
    >>> contrast_label("AMinusB"), contrast_label("Tapping/Left"), contrast_label("für 左")
    ('AMinusB', 'TappingLeft', 'furU5DE6')
    """
    spoken = "".join(f" {WORDS[sign]} " if sign in WORDS else sign for sign in name)
    plain = (c for c in unicodedata.normalize("NFKD", spoken) if not unicodedata.combining(c))
    ascii_only = "".join(c if c.isascii() or not c.isalnum() else f"U{ord(c):04X}" for c in plain)
    words = [word for word in re.split(r"[^A-Za-z0-9]+", ascii_only) if word]
    if not words:
        raise DataError(f"the contrast name {name!r} has neither letter nor digit: rename it")
    label = words[0] + "".join(word[0].upper() + word[1:] for word in words[1:])
    if len(label) <= LONGEST_LABEL:
        return label
    return label[: LONGEST_LABEL - DIGEST] + hashlib.sha256(name.encode()).hexdigest()[:DIGEST]


def single_contrast(name: str, regressor: str) -> ContrastSpecification:
    """The t contrast of one regressor."""
    return ContrastSpecification(name, contrast_label(name), (regressor,), np.ones((1, 1)))


def parsed_contrasts(parts: Sequence[ContrastPart], place: Place) -> tuple[ContrastSpecification, ...]:
    """Contrasts as a node lists them, not yet resolved against a design.

    Raises
    ------
    DataError
        Equal names or labels, weights that do not fit the conditions or are all zero; names the contrast.
    """
    contrasts: list[ContrastSpecification] = []
    for i, part in enumerate(parts):
        here = place.at(i)
        try:
            contrasts.append(_contrast(part))
            check_labels(contrasts)
        except DataError as error:
            raise here.fault(str(error)) from None
    return tuple(contrasts)


def _contrast(part: ContrastPart) -> ContrastSpecification:
    said = f"contrast {part.Name!r}"
    rows, conditions = part.Weights, part.ConditionList
    if len(set(conditions)) < len(conditions):
        raise DataError(f"{said}: ConditionList names a regressor twice: name it once")
    if any(len(row) != len(rows[0]) for row in rows):
        raise DataError(f"{said}: rows of Weights differ in length: give each one weight for each condition")
    if len(rows[0]) != len(conditions):
        raise DataError(f"{said}: {len(rows[0])} Weights for {len(conditions)} conditions in ConditionList")
    if part.Test != "F" and len(rows) > 1:
        raise DataError(f'{said}: a t contrast has one row of Weights, not {len(rows)}: use Test "F"')
    weights = np.array(rows, dtype=np.float64)
    if not weights.any():
        raise DataError(f"{said}: all Weights are zero: weigh at least one condition")
    label = contrast_label(part.Name)
    return ContrastSpecification(
        part.Name, label, tuple(conditions), weights, "F" if part.Test == "F" else "t"
    )


def check_labels(contrasts: Sequence[ContrastSpecification]) -> None:
    """Check that the last contrast has a name and a label of its own."""
    last = contrasts[-1]
    for other in contrasts[:-1]:
        if other.name == last.name:
            raise DataError(f"a second contrast named {last.name!r}: rename it")
        if other.label == last.label:
            raise DataError(
                f"contrasts {other.name!r} and {last.name!r} would share the files of label {last.label!r}: "
                "rename one"
            )


def dummy_names(dummies: DummyPart | None, made: Sequence[str], place: Place) -> tuple[str, ...]:
    """Regressor names and globs that get a t contrast each.

    DummyContrasts without names mean all conditions, those made by transformations too.

    >>> dummy_names(DummyPart(Test="t"), ["gain"], Place("m.json"))
    ('trial_type.*', 'gain')
    """
    if dummies is None:
        return ()
    check_dummy_test(dummies, place)
    if dummies.Contrasts is not None:
        return tuple(dummies.Contrasts)
    return (ALL_CONDITIONS, *made)


def check_dummy_test(dummies: DummyPart, place: Place) -> None:
    """Refuse an F test of each condition, which would be that of its t."""
    if dummies.Test == "F":
        raise place.at("Test").fault('must be "t": write an F test as one of Contrasts')
