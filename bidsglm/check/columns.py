"""Columns of two designs of one run: which belong together, and what makes them differ."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.check.nilearn_designs import NilearnDesign
from bidsglm.data import DesignMatrix
from bidsglm.design_space import unexplained
from bidsglm.model import CONSTANT, Floats

ALIKE = 0.9
"""Correlation from which columns without a common name are taken for each other."""
SAME = 1 - 1e-6
"""Correlation of columns that hold the same numbers, written with six digits."""
DIGITS = 1e-5
"""Share by which the same number, written with six digits, differs at most."""
FUNCTION = re.compile(r"^(.*)\*bf\((\d+)\)$")
"""SPM's name of a column: condition or modulator, and the number of the response function."""
LATER = re.compile(r"\*bf\(([2-9]|\d\d+)\)$")
"""SPM's name of a further function of a condition."""
OF_A_RUN = re.compile(rf"(?:Sn\(\d+\) )?{CONSTANT}")
"""Constant of the session, or of a run that was made a part of it"""
DELAY = re.compile(r"_delay_\d+$")
"""How nilearn ends the name of a bin of a FIR set."""


class Match(NamedTuple):
    """A column of SPM's design and the one of nilearn's that stands for it."""

    spm: str
    nilearn: str
    r: float
    """NaN for constants"""
    r_filtered: float
    """After SPM's high-pass filter of both"""
    ratio: float
    """nilearn's height over SPM's"""


class MatchedRun(NamedTuple):
    """The columns of one run."""

    matches: tuple[Match, ...]
    only_spm: tuple[str, ...]
    only_nilearn: tuple[str, ...]
    n_cosines: int
    """Functions that SPM's filter projects out"""
    n_drifts: int
    """Drift columns of nilearn's design"""
    filters_agree: bool
    """Whether both span the same drifts, the constant among them"""

    @property
    def partners(self) -> dict[str, str]:
        """SPM's column -> nilearn's."""
        return {match.spm: match.nilearn for match in self.matches}


def plain(name: str) -> str:
    """Name without what only one program writes.

    >>> plain("Face Left"), plain("face_left")
    ('faceleft', 'faceleft')
    """
    return re.sub(r"[^0-9a-z]", "", name.lower())


def filtered(columns: Floats, basis: Floats) -> Floats:
    """Columns (n_scans, n) without constant and filter."""
    aside = np.column_stack([np.ones(len(columns)), basis])
    return unexplained(columns, aside)


def correlations(X: Floats, Y: Floats) -> Floats:
    """Pearson's r of all columns of two matrices, (n_x, n_y); 0 where one is constant."""
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    sizes = np.outer(np.linalg.norm(X, axis=0), np.linalg.norm(Y, axis=0))
    return np.divide(X.T @ Y, sizes, out=np.zeros_like(sizes), where=sizes > 1e-12)


def suffixes(spm: DesignMatrix, words: Sequence[str]) -> Mapping[str, str]:
    """SPM's column -> what nilearn would call it.

    >>> suffixes(DesignMatrix(("go*bf(2)",), np.empty((0, 1)), np.empty((0, 0))), ["", "_derivative"])
    {'go*bf(2)': 'go_derivative'}
    """
    made = {}
    for name in spm.names:
        found = FUNCTION.match(name)
        number = int(found[2]) - 1 if found else 0
        made[name] = found[1] + (words[number] if number < len(words) else "") if found else name
    return made


def match_run(spm: DesignMatrix, nilearn: NilearnDesign, words: Sequence[str]) -> MatchedRun:
    """Match the columns of a run by name, and by correlation where names do not tell.

    The words are nilearn's suffixes for the functions of SPM's set.
    """
    called = suffixes(spm, words)
    shown = [i for i, name in enumerate(spm.names) if not OF_A_RUN.fullmatch(name)]
    free = list(nilearn.others)
    r = correlations(spm.matrix, nilearn.matrix)
    pairs: dict[int, int] = {}
    for i in [i for i in shown if not FUNCTION.match(spm.names[i])]:
        # confounds in another order are the same confounds, whatever either program calls them
        same = [j for j in free if abs(r[i, j]) > SAME]
        if same:
            pairs[i] = min(same, key=lambda j: plain(nilearn.names[j]) != plain(spm.names[i]))
            free.remove(pairs[i])
    for i in [i for i in shown if i not in pairs]:
        same = [j for j in free if plain(nilearn.names[j]) == plain(called[spm.names[i]])]
        if same:
            pairs[i] = same[0]
            free.remove(same[0])
    for i in [i for i in shown if i not in pairs]:
        # a bin of a FIR set is no response, however alike it is
        is_bin = DELAY.search(called[spm.names[i]])
        like = [j for j in free if is_bin or not DELAY.search(nilearn.names[j])]
        best = max(like, key=lambda j: abs(r[i, j]), default=None)
        if best is not None and abs(r[i, best]) >= ALIKE:
            pairs[i] = best
            free.remove(best)
    flat = filtered(spm.matrix, spm.high_pass_basis), filtered(nilearn.matrix, spm.high_pass_basis)
    matches = [
        _match(
            (spm.names[i], nilearn.names[j]),
            spm.matrix[:, i],
            nilearn.matrix[:, j],
            flat[0][:, i],
            flat[1][:, j],
        )
        for i, j in sorted(pairs.items())
    ]
    if nilearn.constants and CONSTANT in spm.names:
        matches.append(Match(CONSTANT, nilearn.names[nilearn.constants[0]], *[float("nan")] * 3))
    # runs that were made one have constants beside the first, which are as slow as drifts
    further = [i for i, name in enumerate(spm.names) if OF_A_RUN.fullmatch(name)][1:]
    slow = np.hstack([spm.high_pass_basis, spm.matrix[:, further]])
    drifts = nilearn.matrix[:, [*nilearn.drifts, *nilearn.constants[1:]]]
    return MatchedRun(
        matches=tuple(matches),
        only_spm=tuple(spm.names[i] for i in shown if i not in pairs),
        only_nilearn=tuple(nilearn.names[j] for j in free),
        n_cosines=slow.shape[1],
        n_drifts=drifts.shape[1],
        filters_agree=spans_agree(slow, drifts),
    )


def _match(names: tuple[str, str], x: Floats, y: Floats, flat_x: Floats, flat_y: Floats) -> Match:
    centred = x - x.mean()
    size = centred @ centred
    ratio = float(centred @ (y - y.mean()) / size) if size else float("nan")
    return Match(*names, pearson_r(x, y), pearson_r(flat_x, flat_y), ratio)


def spans_agree(one: Floats, other: Floats) -> bool:
    """Whether two sets of drifts are the same beside a constant.

    >>> t = np.linspace(-1, 1, 9)[:, None]
    >>> spans_agree(t, 3 * t + 1), spans_agree(t, t**2)
    (True, False)
    """
    if one.shape[1] != other.shape[1]:
        return False
    if not one.shape[1]:
        return True
    bases = [np.linalg.qr(part - part.mean(axis=0))[0] for part in (one, other)]
    return bool(np.linalg.svd(bases[0].T @ bases[1], compute_uv=False).min() > SAME)


def is_among(column: Floats, others: Floats) -> bool:
    """Whether a column is a combination of others and a constant, up to rounding."""
    centred = column - column.mean()
    rest = filtered(column[:, np.newaxis], others)[:, 0]
    return bool(np.linalg.norm(rest) <= 1e-3 * np.linalg.norm(centred))
