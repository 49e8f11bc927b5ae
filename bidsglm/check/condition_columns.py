"""Which columns of nilearn's design belong to a condition, and which are confounds."""

import re

from bidsglm.agreement.coefficients import pearson_r
from bidsglm.check.columns import is_among, plain
from bidsglm.check.nilearn_designs import NilearnDesign
from bidsglm.check.runs import ComparedRun

STARTS_LOW, LOWEST, SMOOTH = 0.05, -0.3, 0.5
"""A convolved column: its first and lowest value over the highest, and its autocorrelation"""
CONFOUND = re.compile(
    r"R\d+|rp_?\d+|(trans|rot)_[xyz].*|.*_(power2|derivative1(_power2)?)|(std_)?dvars|framewise_displacement"
    r"|(csf|white_matter|csf_wm|global_signal|rmsd)(_.*)?|[actw]_comp_cor_\d+|(motion|non_steady_state)_?outlier.*"
    r"|.*spike.*|.*scrub.*|motion.*",
    re.IGNORECASE,
)
"""Names of confounds: those of fMRIPrep, of SPM's files, and what users call volumes they leave out."""
FUNCTION_WORDS = re.compile(r"_(derivative|dispersion|delay_\d+)$")
"""How nilearn ends the names of a condition's further functions."""


def columns_of(run: ComparedRun, condition: str) -> list[str]:
    """Columns of nilearn's that carry a condition's name, alone or with a function's behind."""
    start = plain(condition)
    return [
        name
        for name in run.design.names
        if plain(name) == start or (plain(name).startswith(start) and FUNCTION_WORDS.search(name))
    ]


def is_of_a_condition(run: ComparedRun, name: str) -> bool:
    """Whether a column of nilearn's carries the name of a condition that SPM has too."""
    return any(name in columns_of(run, condition.name) for condition in run.session.conditions)


def looks_convolved(design: NilearnDesign, name: str) -> bool:
    """Whether a column looks convolved: it begins at next to nothing, is smooth and seldom below.

    Squares of movement look so too, so that names that confounds have come first.
    """
    if FUNCTION_WORDS.search(name) or CONFOUND.fullmatch(name):
        return False
    column = design.columns([name])[:, 0]
    highest = float(column.max())
    begins = abs(column[0]) <= STARTS_LOW * highest
    smooth = pearson_r(column[1:], column[:-1]) > SMOOTH
    return bool(highest > 0 and begins and column.min() > LOWEST * highest and smooth)


def extra_confounds(run: ComparedRun) -> list[str]:
    """Columns of nilearn's alone that belong to no condition."""
    return [
        name
        for name in run.columns.only_nilearn
        if not is_of_a_condition(run, name)
        and not looks_convolved(run.design, name)
        and not FUNCTION_WORDS.search(name)
        and not is_modulator(run, name)
    ]


def is_modulator(run: ComparedRun, name: str) -> bool:
    """Whether a column is one of a modulated condition: what nilearn makes of it has this one too."""
    modulated = any(c.modulators or c.time_modulation for c in run.session.conditions)
    return modulated and is_among(run.design.columns([name])[:, 0], run.expected)
