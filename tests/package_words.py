"""By what words a sentence names a package, for tests that none speaks of one that is not fitted."""

import re
from collections.abc import Collection
from itertools import combinations

from bidsglm.packages import PACKAGES

WORDS = {
    "spm": r"\bSPM(12)?\b(?!'s canonical)|spm_",
    "nilearn": r"[Nn]ilearn",
    "afni": r"\bAFNI\b|\b3d[A-Z]",
    "fsl": r"\bFSL\b|\bFEAT\b|\bFILM\b|fslmaths",
}
"""SPMG1 is a response of AFNI's, and SPM's canonical response one that others have too"""
SETS = [chosen for n in range(1, len(PACKAGES)) for chosen in combinations(PACKAGES, n)]
"""Packages that may be fitted, but for all of them"""


def others(packages: Collection[str]) -> re.Pattern[str]:
    """Words for packages that are not among some."""
    return re.compile("|".join(WORDS[name] for name in PACKAGES if name not in packages))
