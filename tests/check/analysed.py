"""Studies of a user with their scans, analysed by SPM and by nilearn, and checked."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from bidsglm.cli import main
from bidsglm.model import Hrf

from .approved import compared_with_kept
from .nilearn_results import write_nilearn
from .spm_mat import Study, condition, scans_of, write_spm

GO = condition("go", [10, 50, 90, 130, 170], 12)
STOP = condition("stop", [31, 72.5, 111, 152], 0)
VALUES = np.array([0.4, 1.3, 0.7, 2.0, 1.1])


class Analysed:
    """A study with its scans, and SPM's analysis of it."""

    def __init__(self, root: Path, study: Study) -> None:
        self.root, self.study = root, study
        (root / "func").mkdir(parents=True)
        self.scans = scans_of(study, root / "func")
        self.spm = write_spm(study, root / "spm", self.scans)

    def nilearn(self, name: str, contrast: Any = "go", **changed: Any) -> Path:
        changed.setdefault("mask_img", str(self.spm / "mask.nii"))
        scans = changed.pop("scans", self.scans)
        return write_nilearn(self.study, self.root / name, scans, contrast, **changed)

    def check(self, nilearn: Path, *words: str) -> dict[str, Any]:
        out = self.root / f"check-{nilearn.name}"
        command = ["check", str(out), "--spm", str(self.spm), "--nilearn", str(nilearn), *words]
        assert main([*command, "--scans", str(self.root), "--overwrite"]) == 0
        options = [word for word in words if word.startswith("--")]
        compared_with_kept(
            out, self.root, "-".join([self.root.name.rstrip("0123456789"), nilearn.name, *options])
        )
        found: dict[str, Any] = json.loads((out / "check.json").read_text())
        return found


def settings(found: dict[str, Any]) -> list[str]:
    return [each["setting"] for each in found["settings_that_differ"]]


def blocks_in(folder: Path) -> Analysed:
    """One run of blocks and events."""
    contrasts = {"go": {"trial_type.go": 1.0}, "go > stop": {"trial_type.go": 1.0, "trial_type.stop": -1.0}}
    return Analysed(folder, Study([[GO, STOP]], [100], contrasts=contrasts))


def sessions_in(folder: Path) -> Analysed:
    """Two sessions with confounds and derivatives, in scans."""
    rng = np.random.default_rng(3)
    confounds = [rng.normal(size=(n, 3)).cumsum(axis=0) for n in (90, 80)]
    second = [condition("go", [6, 47, 88, 121], 12), condition("stop", [25, 66, 105], 0)]
    study = Study(
        [[GO, STOP], second],
        [90, 80],
        confounds,
        Hrf("spm", derivative=True),
        units="scans",
        contrasts={"go > stop": {"trial_type.go": 1.0, "trial_type.stop": -1.0}},
    )
    return Analysed(folder, study)
