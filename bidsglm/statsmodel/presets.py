"""Presets of --confounds: strategies of nilearn's `load_confounds` by the names that people give them.

A preset becomes names and globs of the model's X, so that the automatic model can be read, edited and fitted
again without it. Scrubbing has no columns in fMRIPrep's table for every threshold: its glob says the
thresholds, and the columns are made from the table (`bidsglm.dataset.scrubbing`).
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bidsglm.errors import UsageError
from bidsglm.model import MOTION_PARAMETERS

ENDINGS = {
    "basic": ("",),
    "derivatives": ("", "_derivative1"),
    "full": ("", "_derivative1", "_power2", "_derivative1_power2"),
}
"""Endings of the columns of a signal, by nilearn's words."""
TISSUES, GLOBAL = ("csf", "white_matter"), ("global_signal",)
COMPONENTS = "a_comp_cor_"


def _columns(signals: Iterable[str], endings: str = "basic") -> tuple[str, ...]:
    return tuple(signal + ending for signal in signals for ending in ENDINGS[endings])


PRESETS: dict[str, tuple[str, ...]] = {
    "motion6": _columns(MOTION_PARAMETERS),
    "motion12": _columns(MOTION_PARAMETERS, "derivatives"),
    "motion24": _columns(MOTION_PARAMETERS, "full"),
    "wm_csf": _columns(TISSUES),
    "wm_csf4": _columns(TISSUES, "derivatives"),
    "wm_csf8": _columns(TISSUES, "full"),
    "gsr": _columns(GLOBAL),
    "gsr4": _columns(GLOBAL, "full"),
    "9p": _columns((*MOTION_PARAMETERS, *TISSUES, *GLOBAL)),
    "36p": _columns((*MOTION_PARAMETERS, *TISSUES, *GLOBAL), "full"),
    "compcor": (f"{COMPONENTS}*",),
    "tcompcor": ("t_comp_cor_*",),
    "aroma": ("aroma_motion_*",),
}
"""Those that are columns of fMRIPrep's table."""
SAME = {"acompcor": "compcor", "24p": "motion24", "csf_wm8": "wm_csf8", "ica_aroma": "aroma"}
"""Other names of presets."""
SYNONYMS = {
    "wm": "white_matter",
    "whitematter": "white_matter",
    "gm": "global_signal",
    "gs": "global_signal",
    "global": "global_signal",
    "fd": "framewise_displacement",
    "motion": "motion6, motion12 or motion24",
    "realignment": "motion6, motion12 or motion24",
    "rp": "motion6, motion12 or motion24",
    "scrubbing": "scrub:FD=0.5",
}
"""What words that are no column of fMRIPrep's table are meant for."""


class Scrubbing(NamedTuple):
    """Which scans are censored, by nilearn's rule and with its defaults."""

    fd: float = 0.5
    """mm of framewise displacement that a scan may have"""
    dvars: float = 1.5
    """of std_dvars"""
    segment: int = 5
    """Scans between censored ones that must be kept at a stretch, else they are censored too; 0 for any"""

    @property
    def glob(self) -> str:
        """Name of its columns in X."""
        return f"scrub_fd{self.fd:g}_dvars{self.dvars:g}_segment{self.segment}_*"


GLOB = re.compile(r"scrub_fd(?P<fd>[\d.einf+-]+?)_dvars(?P<dvars>[\d.einf+-]+?)_segment(?P<segment>\d+)_\*")
THRESHOLD = re.compile(r"(fd|dvars|segment)=(\d+(?:\.\d+)?|inf)")


def scrubbing(pattern: str) -> Scrubbing | None:
    """Thresholds that a name of X says; None for all other names.

    >>> scrubbing(Scrubbing(fd=0.3).glob)
    Scrubbing(fd=0.3, dvars=1.5, segment=5)
    """
    found = GLOB.fullmatch(pattern)
    if found is None:
        return None
    return Scrubbing(float(found["fd"]), float(found["dvars"]), int(found["segment"]))


def expanded(words: Sequence[str]) -> tuple[str, ...]:
    """Names and globs of X for the words of --confounds, each once.

    Raises
    ------
    UsageError
        For a preset whose number or threshold is none.

    Examples
    --------
    >>> expanded(["motion6", "csf", "compcor:2"])[4:]
    ('rot_y', 'rot_z', 'csf', 'a_comp_cor_00', 'a_comp_cor_01')
    >>> expanded(["scrub:FD=0.9"])
    ('scrub_fd0.9_dvars1.5_segment5_*',)
    """
    return tuple(dict.fromkeys(name for word in words for name in _names(word)))


def _names(word: str) -> Sequence[str]:
    preset, separator, more = word.lower().partition(":")
    preset = SAME.get(preset, preset)
    if preset == "scrub":
        return [_scrubbing(word, more).glob]
    if preset == "compcor" and separator:
        if not more.isdecimal() or int(more) < 1:
            raise UsageError(f"--confounds {word}: give a number of components, such as compcor:6")
        return [f"{COMPONENTS}{i:02d}" for i in range(int(more))]
    return PRESETS.get(preset, (word,)) if not separator else (word,)


def _scrubbing(word: str, more: str) -> Scrubbing:
    found = [THRESHOLD.fullmatch(part) for part in more.split(",")] if more else []
    if not all(found):
        raise UsageError(
            f"--confounds {word}: give thresholds such as scrub:FD=0.5 or scrub:FD=0.5,DVARS=1.5,segment=5 "
            "(inf for none)"
        )
    given = {match[1]: match[2] for match in found if match is not None}
    try:
        numbers = {key: int(text) if key == "segment" else float(text) for key, text in given.items()}
    except ValueError:
        raise UsageError(f"--confounds {word}: segment must be a whole number of scans") from None
    return Scrubbing(**numbers)  # type: ignore[arg-type]
