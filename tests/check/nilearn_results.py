"""Results of nilearn as a user's script leaves them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nilearn.glm.first_level import FirstLevelModel

from bidsglm.data import Condition

from .spm_mat import TIME, Study

KINDS = ("effect_size", "stat")


def events_of(conditions: Sequence[Condition], **changed: float) -> pd.DataFrame:
    """Events of a session; `shift` (s) and `duration` (s) change them."""
    tables = []
    for each in conditions:
        onsets = each.onsets + changed.get("shift", 0.0)
        durations = np.full_like(onsets, changed["duration"]) if "duration" in changed else each.durations
        tables.append(pd.DataFrame({"onset": onsets, "duration": durations, "trial_type": each.name}))
    return pd.concat(tables)


def write_nilearn(
    study: Study,
    folder: Path,
    scans: Sequence[Path],
    contrast: Any,
    events: Sequence[pd.DataFrame] | None = None,
    **changed: Any,
) -> Path:
    """Fit a study with nilearn, and leave maps and design matrices.

    Parameters
    ----------
    study, folder, scans, contrast
        What is fitted, and where its results go.
    events
        In place of the study's.
    changed
        Arguments of FirstLevelModel; `confounds`, `kinds`, `index` and `design_matrices` are of the script.
    """
    folder.mkdir(parents=True, exist_ok=True)
    confounds = changed.pop("confounds", study.confounds or None)
    kinds, index = changed.pop("kinds", KINDS), changed.pop("index", True)
    matrices = changed.pop("design_matrices", None)
    arguments = {
        "t_r": TIME,
        "hrf_model": "spm" + " + derivative" * study.hrf.derivative + " + dispersion" * study.hrf.dispersion,
        "high_pass": 1 / study.high_pass,
        "slice_time_ref": 7 / 16,
        "signal_scaling": False,
        **changed,
    }
    model = FirstLevelModel(**arguments)
    tables = events or [events_of(each) for each in study.events]
    frames = (
        None
        if confounds is None
        else [pd.DataFrame(c, columns=[f"R{i + 1}" for i in range(c.shape[1])]) for c in confounds]
    )
    images = [str(path) for path in scans]
    if matrices is not None:
        model.fit(images, design_matrices=list(matrices))
    else:
        model.fit(images, events=list(tables), confounds=frames)
    for number, design in enumerate(model.design_matrices_, start=1):
        design.to_csv(folder / f"design_run{number}.csv", index=index)
    for kind in kinds:
        model.compute_contrast(contrast, output_type=kind).to_filename(folder / f"go_{kind}.nii.gz")
    return folder
