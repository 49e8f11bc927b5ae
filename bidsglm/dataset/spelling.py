"""Values of a column that people meant to be one: `control`, `Control `, `controls`, `contrl`."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from bidsglm.dataset.tsv import number

WORDS = re.compile(r"[^\W\d_]+|\d+|\S")
BETWEEN = re.compile(r"(?<=\w)[\s_./-]+(?=\w)|_")
"""What parts two words; at the end of a value it is a sign (HIV- and HIV+)."""
SHORTEST_PLURAL = 3
"""Letters of a word that has a plural: of fewer, an s makes another one (m and ms)."""
SHORTEST_SLIP = 6
"""Letters of a word in which a slip can be told from another word."""


class Alike(NamedTuple):
    """Two values that look like one."""

    first: str
    second: str
    is_certain: bool
    """They differ in nothing but capitals, spaces, punctuation, a plural s, or the way to write a number"""


def alike(values: Sequence[str]) -> tuple[Alike, ...]:
    """Pairs of different values that look like one.

    >>> [(pair.second, pair.is_certain) for pair in alike(["control", "Controls", "contrl", "patient"])]
    [('Controls', True), ('contrl', False)]
    >>> alike(["site-A", "site-B", "1", "2", "typical", "atypical", "pre", "post"])
    ()
    """
    found = []
    words = {value: _words(value) for value in values}
    for first, second in combinations(words, 2):
        one, other = words[first], words[second]
        if one == other or _as_number(first) == _as_number(second) or _plural(one, other):
            found.append(Alike(first, second, True))
        elif _slip(one, other):
            found.append(Alike(first, second, False))
    return tuple(found)


def _words(value: str) -> tuple[str, ...]:
    """Words, numbers and signs of a value, in small letters; what stands between two words does not count.

    >>> _words("Site-01"), _words("site_1"), _words("HIV-")
    (('site', '1'), ('site', '1'), ('hiv', '-'))
    """
    plain = unicodedata.normalize("NFKC", value).casefold().strip().rstrip(".")
    plain = BETWEEN.sub(" ", plain)
    return tuple(part.lstrip("0") or "0" if part.isdecimal() else part for part in WORDS.findall(plain))


def _joined(words: Sequence[str]) -> str:
    """Words without what parts them; numbers stay apart."""
    text = ""
    for word in words:
        text += f" {word}" if text[-1:].isdecimal() and word.isdecimal() else word
    return text


def _as_number(value: str) -> float:
    """Its number; NaN, which equals nothing, where it is none."""
    found = number(value)
    return found if np.isfinite(found) else float("nan")


def _other_words(one: Sequence[str], other: Sequence[str]) -> list[tuple[str, str]]:
    """Words at the same place that differ; none where the numbers of words do."""
    return [(a, b) for a, b in zip(one, other, strict=True) if a != b] if len(one) == len(other) else []


def _plural(one: Sequence[str], other: Sequence[str]) -> bool:
    if _joined(one) == _joined(other):
        return True
    pairs = [sorted(pair, key=len) for pair in _other_words(one, other)]
    return len(pairs) == 1 and len(pairs[0][0]) >= SHORTEST_PLURAL and pairs[0][1] == f"{pairs[0][0]}s"


def _slip(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether one word differs by one letter that is missing, doubled, wrong or in the wrong place.

    The first and the last letter tell too many words apart (typical and atypical, group A and group B).
    """
    pairs = _other_words(one, other)
    if (
        len(pairs) != 1
        or min(map(len, pairs[0])) < SHORTEST_SLIP - 1
        or max(map(len, pairs[0])) < SHORTEST_SLIP
    ):
        return False
    short, long = sorted(pairs[0], key=len)
    if not (short.isalpha() and long.isalpha()) or (short[0], short[-1]) != (long[0], long[-1]):
        return _swapped(short, long)
    if len(long) == len(short):
        return sum(a != b for a, b in zip(short, long, strict=True)) == 1 or _swapped(short, long)
    return any(long[:i] + long[i + 1 :] == short for i in range(1, len(long) - 1))


def _swapped(one: str, other: str) -> bool:
    """Whether two neighbouring letters are exchanged."""
    places = [i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
    return (
        len(one) == len(other)
        and len(places) == 2
        and places[1] == places[0] + 1
        and (one[places[0]], one[places[1]]) == (other[places[1]], other[places[0]])
    )
