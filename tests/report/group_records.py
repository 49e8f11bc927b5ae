"""Small pages of a data set that the tests of this folder share."""

import numpy as np

from bidsglm.agreement import spread
from bidsglm.report.group_report import GroupContrast, GroupReport, GroupUnit, ParticipantEntry
from bidsglm.report.step_shares import StepCount, StepShares
from bidsglm.report.volumes import packed_contrast, scene

from .records import ABOUT, contrast_report, volumes
from .region_records import group_regions

HEIGHTS = {
    "spm": {"p001": 3.0, "fdr05": float(np.nanmax(volumes().maps["t"]["spm"])), "fwe05": 5.0},
    "nilearn": {"p001": 3.0, "fdr05": None, "fwe05": None},
}
"""nilearn finds nothing at the familywise threshold."""
FAR = ("sub-02", "go", "t")
"""Whose t maps of which contrast lie far from the others."""


def agreement_rows(n: int, contrasts: tuple[str, ...] = ("go",), seed: int = 3) -> tuple[dict, ...]:
    """Rows of n participants: t and effect maps of each contrast."""
    rng = np.random.default_rng(seed)
    r = 1 - 0.02 * rng.gamma(2.0, size=(n, len(contrasts), 2))
    slope = rng.normal(0.85, 0.05, size=r.shape)
    dice = rng.uniform(0.6, 0.95, size=r.shape)
    return tuple(
        {
            "participant_id": f"sub-{i + 1:02d}",
            "contrast": "".join(filter(str.isalnum, contrast)),
            "contrast_name": contrast,
            "map": name,
            "pearson_r": r[i, j, k],
            "slope": slope[i, j, k],
            "rmsd": 1 - r[i, j, k],
            "dice_p001": dice[i, j, k] if name == "t" else float("nan"),
            "peak_distance_mm": 3.0,
        }
        for i in range(n)
        for j, contrast in enumerate(contrasts)
        for k, name in enumerate(("t", "effect"))
    )


def group_contrast(name: str = "go") -> GroupContrast:
    """Maps of a contrast over the group, with all that belongs to them."""
    first, images = contrast_report(), volumes()
    return GroupContrast(
        name,
        "go",
        "one-sample t test over 5 participants",
        "t",
        {"spm": (4.0,), "nilearn": (4.0,)},
        first.agreement,
        first.figures,
        ("A note on the maps.",),
        volumes=packed_contrast(images, scene(images), HEIGHTS),
        peak=first.peak,
    )


def shares() -> tuple[StepShares, ...]:
    """Noise leads in t, scaling in the effect."""
    t = StepCount("noise", 4, 0.8, 0.7, 0.9), StepCount("filter", 1, 0.2, -0.1, 0.4)
    effect = StepCount("scaling", 5, 0.95, 0.9, 0.99), StepCount("noise", 0, 0.05, 0.01, 0.1)
    return StepShares("go", "t", 5, t), StepShares("go", "effect", 5, effect)


def group_unit(n: int = 5, names: tuple[str, ...] = ("go",), **changes: object) -> GroupUnit:
    """A unit of n participants with pages, of whom the second lies far from the others."""
    known: dict = {
        "title": "task-tapping",
        "rows": agreement_rows(n, names),
        "table": "group/agreement.tsv",
        "places": {f"sub-{i + 1:02d}": (f"sub-{i + 1:02d}.html", 1) for i in range(n)},
        "outlying": {FAR: ("pearson_r",)} if n > 1 else {},
        "spread": spread.summary(agreement_rows(n, names)),
        "contrasts": (group_contrast(),),
        "scene": scene(volumes()).packed(),
        "shares": shares(),
        "regions": group_regions(),
        "methods": ("A group analysis (Bowring et al., 2019).",),
        "notes": ("Participants have 1 to 2 runs.",),
    }
    return GroupUnit(**(known | changes))


def group_report(*units: GroupUnit, n: int = 5) -> GroupReport:
    """A data set of n participants that are compared, one that failed and one that was never run."""
    entries = (
        *(ParticipantEntry(f"{i + 1:02d}", f"sub-{i + 1:02d}.html") for i in range(n)),
        ParticipantEntry("98", "sub-98.html", "sub-98_bold.nii.gz: ends too early"),
        ParticipantEntry("99", "", "not run yet", "not run"),
    )
    return GroupReport("my <data>", ABOUT, entries, units)
