"""An analysis by SPM as its SPM.mat states it (SPM8, SPM12, SPM25)."""

import re
from pathlib import Path

import numpy as np

from bidsglm.check.matlab import field, listed, numbers, read_mat, text, texts
from bidsglm.check.matlab_hdf5 import Tree
from bidsglm.check.spm_fields import (
    contrasts_of_manager,
    malformed,
    matrix_of,
    number_or,
    number_or_nan,
    positive,
    refuse_lacking,
    scans_named,
    smoothing_kernel,
)
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.check.spm_sessions import sessions_of
from bidsglm.errors import DataError, NoInputError
from bidsglm.model import Floats

NAME = "SPM.mat"
AR1 = re.compile(r"AR\(0?\.\d+\)|AR\(1\)")
"""SPM writes the coefficient it starts from for the AR(1) that a user chose."""
MOST_BINS = 10_000
"""Bins of a TR"""


def spm_mat(given: Path) -> Path:
    """Find the SPM.mat that a path means.

    Raises
    ------
    NoInputError
        It is no such file, nor a folder that holds one.
    """
    path = given / NAME if given.is_dir() else given
    if not path.exists():
        where = "the folder holds no SPM.mat" if given.is_dir() else "there is no such file"
        packed = f" (there is {NAME}.gz: unpack it)" if (given / f"{NAME}.gz").is_file() else ""
        raise NoInputError(f"{given}: {where}{packed}; give the folder of an analysis, or its SPM.mat")
    return path


def read_spm(given: Path) -> SpmAnalysis:
    """Read a first-level SPM.mat, from the file or its folder.

    Raises
    ------
    NoInputError, ReadWriteError, DataError
        There is none, it is damaged, or it is no first-level fMRI analysis.
    """
    path = spm_mat(given)
    return analysis_of(read_mat(path, "SPM"), path)


def is_second_level(spm: Tree) -> bool:
    """Whether an SPM structure is of a second level: it has a design and images, but no repetition time."""
    return field(spm, "xX", "X") is not None and not numbers(field(spm, "xY", "RT")).size


def analysis_of(spm: Tree, path: Path) -> SpmAnalysis:
    """Make the record of an SPM structure; errors as `read_spm`."""
    _check_kind(spm, path)
    try:
        made = _analysis(spm, path)
    except (ValueError, TypeError, OverflowError, IndexError, KeyError) as error:
        raise malformed(path, str(error)) from error
    _check_columns(made)
    return made


def _check_columns(made: SpmAnalysis) -> None:
    """Refuse what would lead outside the design, or out of numbers."""
    n_rows, n_columns = made.matrix.shape
    columns = [column for session in made.sessions for column in session.columns]
    events = [values for s in made.sessions for c in s.conditions for values in (c.onsets, c.durations)]
    lacks = (
        ("as many names as columns of xX.X", len(made.names) != n_columns),
        ("numbers in xX.X", not np.isfinite(made.matrix).all()),
        ("columns of Sess that are in xX.X", any(not 0 <= column < n_columns for column in columns)),
        ("onsets and durations that are numbers", any(not np.isfinite(each).all() for each in events)),
        ("a bin T0 from 1 to T", not 1 <= made.microtime_onset <= made.microtime_resolution <= MOST_BINS),
        ("a scan for each row of xX.X", len(made.scans) != n_rows),
        (
            "a name for each column of Sess.C",
            any(len(s.regressors) != s.values.shape[1] for s in made.sessions),
        ),
        ("a word on serial correlations in xVi.form", not made.noise),
        ("a filter with a cut-off", any(not s.high_pass > 0 for s in made.sessions)),
    )
    refuse_lacking(made.path, lacks)


def _analysis(spm: Tree, path: Path) -> SpmAnalysis:
    matrix = matrix_of(field(spm, "xX", "X"))
    time = positive(spm, path, "xY", "RT")
    units = text(field(spm, "xBF", "UNITS")) or "secs"
    unit = time if units == "scans" else 1.0
    sessions = tuple(sessions_of(spm, path, unit))
    mask = field(spm, "xM", "VM", "fname")
    volumes = listed(field(spm, "xY", "VY"))
    return SpmAnalysis(
        path=path,
        repetition_time=time,
        units=units,
        microtime_resolution=int(positive(spm, path, "xBF", "T")),
        microtime_onset=int(positive(spm, path, "xBF", "T0")),
        basis=text(field(spm, "xBF", "name")),
        basis_length=number_or_nan(field(spm, "xBF", "length")),
        basis_order=int(number_or(field(spm, "xBF", "order"), 1)),
        sessions=sessions,
        names=tuple(texts(field(spm, "xX", "name"))),
        matrix=matrix,
        noise=_noise(text(field(spm, "xVi", "form"))),
        scaling=text(field(spm, "xGX", "iGXcalc")) or "None",
        mask_threshold=number_or_nan(field(spm, "xM", "gMT")),
        explicit_mask=text(mask),
        scans=tuple(scans_named(field(spm, "xY", "P"), volumes, len(matrix))),
        smoothed=smoothing_kernel(text(field(volumes[0], "descrip")) if volumes else ""),
        contrasts=tuple(contrasts_of_manager(spm, matrix.shape[1])),
        is_estimated=field(spm, "Vbeta") is not None,
        dof=number_or_nan(field(spm, "xX", "erdf")),
        shape=tuple(int(n) for n in numbers(field(volumes[0], "dim"))) if volumes else (),
        scale_factors=_scale_factors(spm, len(matrix)),
    )


def _scale_factors(spm: Tree, n_scans: int) -> Floats:
    found = numbers(field(spm, "xGX", "gSF"))
    usable = found.size == n_scans and bool(np.all(np.isfinite(found) & (found > 0)))
    return np.asarray(found) if usable else np.empty(0)


def _check_kind(spm: Tree, path: Path) -> None:
    if not isinstance(spm, dict):
        raise DataError(f"{path}: its SPM is no structure; give the SPM.mat of an analysis")
    if is_second_level(spm):
        raise DataError(
            f"{path}: is of a second level or of no fMRI (no repetition time); give a first-level SPM.mat"
        )
    modality = text(field(spm, "xBF", "name")), listed(field(spm, "Sess"))
    if not all(modality) or field(spm, "xX", "X") is None:
        raise DataError(
            f"{path}: is no first-level fMRI design (no sessions or no response function); "
            "give the SPM.mat of an fMRI model that was specified"
        )


def _noise(form: str) -> str:
    if AR1.fullmatch(form):
        return "AR(1)"
    return "none" if form.lower().replace(".", "") in ("none", "iid") else form
