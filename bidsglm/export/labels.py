"""Names as AFNI, FSL and their file names take them, whatever a condition is called."""

import re
from collections.abc import Iterable

LONGEST = 32
"""Characters; sub-bricks and titles that are put together of them have some sixty."""
OTHERS = re.compile(r"[^A-Za-z0-9]+")
"""So that no label has two _ in a row: what is put behind one by __ is no label"""


def labels(names: Iterable[str]) -> dict[str, str]:
    """Give each name a label of letters, digits and _ that begins with a letter, no two alike.

    Capitals do not tell two apart: they are names of files too.

    >>> labels(["go", "2 back", "Go", "go left; rm -r /"])
    {'go': 'go', '2 back': 'c_2_back', 'Go': 'Go_2', 'go left; rm -r /': 'go_left_rm_r'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        if name in found:
            continue
        plain = OTHERS.sub("_", name).strip("_")
        stem = (plain if plain[:1].isalpha() else f"c_{plain}".rstrip("_"))[:LONGEST]
        label, count = stem, 1
        while label.lower() in taken:
            count += 1
            label = f"{stem[: LONGEST - 3]}_{count}"
        taken.add(label.lower())
        found[name] = label
    return found
