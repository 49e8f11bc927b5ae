"""The model of an SPM.mat in the records of the rest of the program."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from bidsglm.backends import backend
from bidsglm.check.spm_records import SpmAnalysis, SpmSession
from bidsglm.data import DesignMatrix, Paradigm
from bidsglm.diagnosis.advice import Finding, RunReview
from bidsglm.diagnosis.findings import findings
from bidsglm.errors import BidsglmError, DataError
from bidsglm.model import (
    CONSTANT,
    ContrastSpecification,
    Hrf,
    ModelSpecification,
    NilearnSettings,
    SpmSettings,
)

SETS = {
    "hrf": Hrf("spm"),
    "hrf (with time derivative)": Hrf("spm", derivative=True),
    "hrf (with time and dispersion derivatives)": Hrf("spm", derivative=True, dispersion=True),
}
OTHER_SETS = {
    "Finite Impulse Response": "fir",
    "Fourier set": "fourier",
    "Fourier set (Hanning)": "fourier hanning",
    "Gamma functions": "gamma",
}
"""SPM's name -> the model language's."""


def hrf_of(analysis: SpmAnalysis) -> Hrf:
    """Response functions of an analysis.

    Raises
    ------
    DataError
        A set that SPM does not have.
    """
    if analysis.basis in SETS:
        return SETS[analysis.basis]
    if analysis.basis in OTHER_SETS:
        order = analysis.basis_order
        if analysis.basis.startswith("Fourier"):  # SPM.mat counts its functions, a sine and a cosine each
            order = (order - 1) // 2 if order % 2 else order
        kind = OTHER_SETS[analysis.basis]
        return Hrf(kind, length=analysis.basis_length, order=order)  # type: ignore[arg-type]
    raise DataError(f"{analysis.path}: the basis set {analysis.basis!r} is not known")


def sampled_at(analysis: SpmAnalysis) -> float:
    """Share of the TR after its start that a scan stands for.

    SPM's bin T0 of T begins at (T0 - 1)/T.
    """
    return (analysis.microtime_onset - 1) / analysis.microtime_resolution


def paradigm_of(analysis: SpmAnalysis, session: SpmSession) -> Paradigm:
    """Make the paradigm of a session."""
    return Paradigm(
        analysis.repetition_time,
        session.n_scans,
        None,
        session.conditions,
        session.regressors,
        session.values,
    )


def specification_of(analysis: SpmAnalysis) -> ModelSpecification:
    """Make the model, with the same settings for nilearn as far as it has them."""
    cutoffs = [session.high_pass for session in analysis.sessions]
    noise = {"AR(1)": "ar1", "none": "ols"}.get(analysis.noise, "ar1")
    return ModelSpecification(
        name="spm",
        x=(),
        hrf=hrf_of(analysis),
        high_pass=cutoffs[0],
        spm=SpmSettings(
            serial_correlation=analysis.noise,  # type: ignore[arg-type]
            mask_threshold=analysis.mask_threshold if np.isfinite(analysis.mask_threshold) else -np.inf,
            microtime_resolution=analysis.microtime_resolution,
            microtime_onset=analysis.microtime_onset,
            global_normalization="Scaling" if analysis.scaling == "Scaling" else "None",
        ),
        nilearn=NilearnSettings(noise_model=noise, signal_scaling=False, slice_time_ref=sampled_at(analysis)),
    )


def designs_of(analysis: SpmAnalysis) -> tuple[DesignMatrix, ...]:
    """Take the designs of the sessions out of SPM's own matrix."""
    made = []
    pairs = zip(analysis.sessions, placed_columns(analysis), strict=True)
    for number, (session, columns) in enumerate(pairs, start=1):
        names = tuple(analysis.names[i].removeprefix(f"Sn({number}) ") for i in columns)
        matrix = analysis.matrix[session.rows][:, list(columns)]
        made.append(DesignMatrix(names, matrix, session.filter_basis, analysis.repetition_time))
    return tuple(made)


def placed_columns(analysis: SpmAnalysis) -> tuple[tuple[int, ...], ...]:
    """Columns of X, from 0, that `designs_of` puts into each session's design."""
    made = []
    for number, session in enumerate(analysis.sessions, start=1):
        # runs that were concatenated have constants without a session
        own = range(number, number + 1 if number < len(analysis.sessions) else len(analysis.names))
        titles = {f"Sn({i}) {CONSTANT}" for i in own}
        constant = [i for i, name in enumerate(analysis.names) if name in titles]
        made.append((*session.columns, *(i for i in constant if i not in session.columns)))
    return tuple(made)


def contrasts_of(spm: SpmAnalysis, at: int, names: Sequence[str]) -> tuple[ContrastSpecification, ...]:
    """Contrasts over the columns of one session, by the names that we give these columns."""
    placed = list(placed_columns(spm)[at])
    made = []
    for contrast in spm.contrasts:
        weights = contrast.weights[:, placed]
        used = [int(i) for i in np.flatnonzero(weights.any(axis=0))]
        if used and len(placed) == len(names):
            test: Literal["t", "F"] = "F" if contrast.test == "F" else "t"
            conditions = tuple(names[i] for i in used)
            made.append(ContrastSpecification(contrast.name, "contrast", conditions, weights[:, used], test))
    return tuple(made)


def design_findings(spm: SpmAnalysis) -> tuple[Finding, ...]:
    """Findings on the design that hold for every package: conditions that fill the run, among others."""
    model = specification_of(spm)
    reviews = []
    for number, session in enumerate(spm.sessions, start=1):
        paradigm = paradigm_of(spm, session)
        try:
            (design,) = backend("spm").designs([paradigm], replace(model, high_pass=session.high_pass))
        except BidsglmError:
            return ()
        label = f"session {number}" if len(spm.sessions) > 1 else "the run"
        contrasts = contrasts_of(spm, number - 1, design.names)
        reviews.append(RunReview(label, paradigm, {"spm": design}, contrasts))
    return tuple(each for each in findings(reviews, model) if each.severity != "note")
