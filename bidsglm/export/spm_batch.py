"""A unit's model as a batch of SPM12: a script with its conditions and regressors in files beside it."""

from collections.abc import Mapping

import numpy as np

from bidsglm.export.literals import matlab_number, matlab_row, rows_text
from bidsglm.export.record import Averaged, Exported
from bidsglm.export.spm_inputs import (
    SessionInputs,
    conditions_mat,
    placed_weights,
    session_inputs,
)
from bidsglm.export.templating import rendered
from bidsglm.model import Hrf
from bidsglm.spm.regressors import microtime_onset

SCRIPT = "spm_batch.m"
SET_NAMES = {"fir": "fir", "fourier": "fourier", "fourier hanning": "fourier_han", "gamma": "gamma"}
BASES = {
    "spm": "SPM's own response; nilearn's of that name is a bin later and has 0.167 for 1/6",
    "fir": "bins of the height 1 and of any length; nilearn's are 1/50 high and last a scan",
}
NOISE = {
    "AR(1)": "one AR(1)-like covariance for all voxels of a run, by ReML; nilearn: one of every voxel",
    "FAST": "one covariance of up to 18 components for all voxels of a run, by ReML; nilearn has no FAST",
    "none": "independent errors, as nilearn's ols",
}
"""cvi -> what it means."""


def spm_batch(exported: Exported) -> dict[str, bytes]:
    """File name -> content of the batch and of what it reads beside the images."""
    prepared = exported.prepared
    sessions = session_inputs(prepared.paradigms, prepared.designs["spm"], prepared.model)
    files: dict[str, bytes] = {}
    for i, session in enumerate(sessions):
        if session.conditions:
            files[exported.beside(i, "conditions.mat")] = conditions_mat(session.conditions)
        if session.regressors.shape[1]:
            files[exported.beside(i, "regressors.txt")] = rows_text(session.regressors).encode()
    names = [session.names for session in sessions]
    contrasts = [_contrast(c, names, exported.run_labels) for c in exported.contrasts]
    runs = [_run(exported, i, session) for i, session in enumerate(sessions)]
    values = {**_data(exported), **_settings(exported), "runs": runs, "contrasts": contrasts}
    script = rendered("spm_batch.m.jinja", **values, n_columns=sum(map(len, names)) + len(names))
    return {SCRIPT: _with_encoding(script), **files}


def _with_encoding(script: bytes) -> bytes:
    """A script that is not plain ASCII says how it is encoded: old versions of MATLAB have to be told."""
    return script if script.isascii() else b"% This file is UTF-8.\n" + script


def _data(exported: Exported) -> dict[str, object]:
    """Where the images are and what is done to them first."""
    unit, model, root = exported.prepared.unit, exported.prepared.model, exported.root
    fwhm = model.smoothing_fwhm
    return {
        **exported.header,
        "masks": [root.below(mask) for mask in exported.masks],
        "n_scans": matlab_row([run.n_scans for run in unit.runs]),
        "fwhm": matlab_row([fwhm] * 3) if fwhm else "",
    }


def _settings(exported: Exported) -> dict[str, object]:
    """What all sessions have in common."""
    model, first = exported.prepared.model, exported.prepared.paradigms[0]
    return {
        "repetition_time": matlab_number(first.repetition_time),
        "fmri_t": model.spm.microtime_resolution,
        "fmri_t0": microtime_onset(first, model),
        "high_pass": matlab_number(model.high_pass),
        "bases": _bases(model.hrf, first.repetition_time),
        "bases_words": BASES.get(model.hrf.model, "nilearn has no such functions"),
        "global": model.spm.global_normalization,
        "mthresh": matlab_number(model.spm.mask_threshold),
        "cvi": model.spm.serial_correlation,
        "noise": NOISE[model.spm.serial_correlation],
    }


def _bases(hrf: Hrf, repetition_time: float) -> list[tuple[str, str]]:
    """Fields of the batch's basis functions.

    >>> _bases(Hrf("spm", derivative=True), 2.0)
    [('hrf.derivs', '[1 0]')]
    >>> _bases(Hrf("fir", fir_delays=(0, 1, 2)), 2.0)
    [('fir.length', '6'), ('fir.order', '3')]
    """
    if hrf.model == "spm":
        return [("hrf.derivs", matlab_row([hrf.derivative, hrf.dispersion]))]
    length, order = hrf.length or 0.0, hrf.order or 0
    if hrf.fir_delays is not None:
        length, order = len(hrf.fir_delays) * repetition_time, len(hrf.fir_delays)
    name = SET_NAMES[hrf.model]
    return [(f"{name}.length", matlab_number(length)), (f"{name}.order", str(order))]


def _run(exported: Exported, index: int, session: SessionInputs) -> Mapping[str, object]:
    run = exported.prepared.unit.runs[index]
    has_regressors = session.regressors.shape[1] > 0
    return {
        "label": exported.run_labels[index],
        "bold": exported.root.below(run.bold),
        "conditions": [condition.name for condition in session.conditions],
        "conditions_file": exported.beside(index, "conditions.mat") if session.conditions else "",
        "ready": session.ready,
        "regressors": (*session.ready, *session.confounds),
        "regressors_file": exported.beside(index, "regressors.txt") if has_regressors else "",
    }


def _contrast(
    contrast: Averaged, names: list[tuple[str, ...]], run_labels: tuple[str, ...]
) -> Mapping[str, object]:
    specification = contrast.specification
    weights = placed_weights(contrast, names)
    return {
        "name": specification.name,
        "test": specification.test.lower(),
        "n_rows": int(np.count_nonzero(specification.weights.any(axis=1))),
        "weights": [
            {
                "row": weight.row,
                "column": weight.column,
                "value": matlab_number(weight.value),
                "meaning": f"{run_labels[weight.run]}: {weight.regressor}",
            }
            for weight in weights
        ],
    }
