"""An analysis by SPM as its SPM.mat states it (SPM8, SPM12, SPM25)."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.check.matlab import field, listed, numbers, read_mat, text, texts
from bidsglm.check.matlab_hdf5 import Tree
from bidsglm.errors import DataError, NoInputError
from bidsglm.model import Floats

NAME = "SPM.mat"
AR1 = re.compile(r"AR\(0?\.\d+\)|AR\(1\)")
"""SPM writes the coefficient it starts from for the AR(1) that a user chose."""
KERNEL = re.compile(r"conv\(([0-9.]+),([0-9.]+),([0-9.]+)\)")
"""How SPM's smoothing signs the images it writes."""
VOLUME = re.compile(r",(\d+)$")
MOST_SCANS = 200_000
MOST_BINS = 10_000
"""Bins of a TR"""


class SpmModulator(NamedTuple):
    """A parametric modulator."""

    name: str
    values: Floats
    """(n_events,) raw"""
    order: int


class SpmCondition(NamedTuple):
    """A condition of one session."""

    name: str
    onsets: Floats
    """(n_events,) s"""
    durations: Floats
    """(n_events,) s"""
    modulators: tuple[SpmModulator, ...]
    time_order: int
    """Order of its modulation by time; 0 for none"""
    orthogonalised: bool


class SpmSession(NamedTuple):
    """One session."""

    conditions: tuple[SpmCondition, ...]
    regressors: tuple[str, ...]
    values: Floats
    """(n_scans, n_regressors) raw"""
    rows: slice
    """Its rows of X"""
    columns: tuple[int, ...]
    """Its columns of X, from 0, without the constant"""
    high_pass: float
    """s; infinite for no filter"""
    filter_basis: Floats
    """(n_scans, n_cosines)"""

    @property
    def n_scans(self) -> int:
        """Number of scans."""
        return int(self.rows.stop) - int(self.rows.start)


class SpmContrast(NamedTuple):
    """A contrast of SPM's contrast manager."""

    name: str
    test: str
    """T or F"""
    weights: Floats
    """(n_rows, n_columns) over the columns of X"""
    effect_map: str
    """File in the folder; empty before it was estimated"""
    stat_map: str


class Scan(NamedTuple):
    """A volume that was analysed."""

    path: str
    """As it stands in SPM.mat, without blanks and volume number"""
    volume: int
    """From 1"""


class SpmAnalysis(NamedTuple):
    """All that a first-level SPM.mat says."""

    path: Path
    version: str
    repetition_time: float
    units: str
    """secs or scans, as the user gave onsets and durations"""
    microtime_resolution: int
    microtime_onset: int
    basis: str
    """SPM's name of the set"""
    basis_length: float
    basis_order: int
    sessions: tuple[SpmSession, ...]
    names: tuple[str, ...]
    """Columns of X"""
    matrix: Floats
    """(n_scans, n_columns) of all sessions, before whitening and filtering"""
    noise: str
    """AR(1), FAST or none"""
    scaling: str
    """None or Scaling"""
    factors: Floats
    """(n_scans,) what the scans were multiplied by"""
    mask_threshold: float
    explicit_mask: str
    """Path; empty for none"""
    scans: tuple[Scan, ...]
    smoothed: tuple[float, ...]
    """mm along the axes, as the images' descriptions tell it; empty where they do not"""
    contrasts: tuple[SpmContrast, ...]
    is_estimated: bool
    dof: float
    """Effective residual ones; NaN before it was estimated"""
    shape: tuple[int, ...]
    """Grid of the scans; empty where SPM.mat does not hold it"""

    @property
    def folder(self) -> Path:
        """Where its maps are: beside it, wherever it was made."""
        return self.path.parent


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
        raise NoInputError(f"{given}: {where}; give the folder of an analysis, or its SPM.mat")
    return path


def read_spm(given: Path) -> SpmAnalysis:
    """Read a first-level SPM.mat.

    Parameters
    ----------
    given
        The file, or its folder.

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
        raise _malformed(path, str(error)) from error
    _check_columns(made)
    return made


def _malformed(path: Path, what: str) -> DataError:
    return DataError(f"{path}: its SPM is not as SPM writes it ({what[:80]}); give another SPM.mat")


def _check_columns(made: SpmAnalysis) -> None:
    """Refuse what would lead outside the design, or out of numbers."""
    n_rows, n_columns = made.matrix.shape
    columns = [column for session in made.sessions for column in session.columns]
    events = [values for s in made.sessions for c in s.conditions for values in (c.onsets, c.durations)]
    for what, wrong in (
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
        ("a filter with a cut-off", any(not s.high_pass > 0 for s in made.sessions)),
    ):
        if wrong:
            raise _malformed(made.path, f"it lacks {what}")


def _analysis(spm: Tree, path: Path) -> SpmAnalysis:
    matrix = _matrix(field(spm, "xX", "X"))
    time = _one(spm, path, "xY", "RT")
    units = text(field(spm, "xBF", "UNITS")) or "secs"
    unit = time if units == "scans" else 1.0
    sessions = tuple(_sessions(spm, path, unit))
    mask = field(spm, "xM", "VM", "fname")
    volumes = listed(field(spm, "xY", "VY"))
    return SpmAnalysis(
        path=path,
        version=text(field(spm, "SPMid")),
        repetition_time=time,
        units=units,
        microtime_resolution=int(_one(spm, path, "xBF", "T")),
        microtime_onset=int(_one(spm, path, "xBF", "T0")),
        basis=text(field(spm, "xBF", "name")),
        basis_length=_or_nan(field(spm, "xBF", "length")),
        basis_order=int(_or(field(spm, "xBF", "order"), 1)),
        sessions=sessions,
        names=tuple(texts(field(spm, "xX", "name"))),
        matrix=matrix,
        noise=_noise(text(field(spm, "xVi", "form"))),
        scaling=text(field(spm, "xGX", "iGXcalc")) or "None",
        factors=numbers(field(spm, "xGX", "gSF")),
        mask_threshold=_or_nan(field(spm, "xM", "gMT")),
        explicit_mask=text(mask),
        scans=tuple(_scans(field(spm, "xY", "P"), volumes, len(matrix))),
        smoothed=_kernel(text(field(volumes[0], "descrip")) if volumes else ""),
        contrasts=tuple(_contrasts(spm, matrix.shape[1])),
        is_estimated=field(spm, "Vbeta") is not None,
        dof=_or_nan(field(spm, "xX", "erdf")),
        shape=tuple(int(n) for n in numbers(field(volumes[0], "dim"))) if volumes else (),
    )


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


def _matrix(value: Tree) -> Floats:
    found = np.asarray(value, dtype=np.float64)
    return found if found.ndim == 2 else found.reshape(-1, 1)


def _one(spm: Tree, path: Path, *names: str) -> float:
    found = numbers(field(spm, *names))
    if not found.size or not np.isfinite(found[0]) or found[0] <= 0:
        raise DataError(
            f"{path}: SPM.{'.'.join(names)} is missing or no positive number; give another SPM.mat"
        )
    return float(found[0])


def _or(value: Tree, default: float) -> float:
    found = numbers(value)
    return float(found[0]) if found.size and np.isfinite(found[0]) else default


def _or_nan(value: Tree) -> float:
    found = numbers(value)
    return float(found[0]) if found.size else float("nan")


def _noise(form: str) -> str:
    if AR1.fullmatch(form):
        return "AR(1)"
    return "none" if form.lower().replace(".", "") in ("none", "iid", "") else form


def _sessions(spm: Tree, path: Path, unit: float) -> list[SpmSession]:
    made = []
    n_rows = len(_matrix(field(spm, "xX", "X")))
    filters = listed(field(spm, "xX", "K"))
    for number, session in enumerate(listed(field(spm, "Sess"))):
        rows = numbers(field(session, "row"))
        if not rows.size or not np.array_equal(np.diff(rows), np.ones(rows.size - 1)):
            raise DataError(f"{path}: SPM.Sess({number + 1}).row is no range of scans; give another SPM.mat")
        place = slice(int(rows[0]) - 1, int(rows[-1]))
        if place.start < 0 or place.stop > n_rows:
            raise DataError(f"{path}: SPM.Sess({number + 1}).row is outside the design; give another SPM.mat")
        own = filters[number] if number < len(filters) and isinstance(filters[number], dict) else {}
        basis = field(own, "X0")
        n_scans = place.stop - place.start
        values = field(session, "C", "C")
        made.append(
            SpmSession(
                conditions=tuple(_condition(each, unit) for each in listed(field(session, "U"))),
                regressors=tuple(texts(field(session, "C", "name"))),
                values=_rows(values, n_scans),
                rows=place,
                columns=tuple(int(n) - 1 for n in numbers(field(session, "col"))),
                high_pass=_or(field(own, "HParam"), float("inf")),
                filter_basis=_rows(basis, n_scans),
            )
        )
    return made


def _rows(value: Tree, n_scans: int) -> Floats:
    """Columns (n_scans, n), none where there is nothing of that length."""
    found = np.asarray(value, dtype=np.float64) if isinstance(value, np.ndarray) else np.empty(0)
    return found.reshape(n_scans, -1) if found.size and found.shape[0] == n_scans else np.empty((n_scans, 0))


def _condition(given: Tree, unit: float) -> SpmCondition:
    names = texts(field(given, "name"))
    onsets = numbers(field(given, "ons")) * unit
    durations = np.broadcast_to(numbers(field(given, "dur")) * unit, onsets.shape)
    modulators, time_order = [], 0
    for each in listed(field(given, "P")):
        name, order = text(field(each, "name")), int(_or(field(each, "h"), 0))
        if name == "time":
            time_order = order
        elif name not in ("", "none") and order:
            modulators.append(SpmModulator(name, numbers(field(each, "P")), order))
    orthogonalised = _or(field(given, "orth"), 1.0) != 0
    return SpmCondition(
        names[0] if names else "", onsets, durations.copy(), tuple(modulators), time_order, orthogonalised
    )


def _scans(paths: Tree, volumes: list[Tree], n_scans: int) -> list[Scan]:
    """Paths of the user where they stand, else those of the mapped volumes."""
    given = texts(paths) or [text(field(v, "fname")) for v in volumes]
    if len(given) == 1 < n_scans and isinstance(paths, str) and len(paths) % n_scans == 0:
        # some converters write the rows of a character array one behind the other
        width = len(paths) // n_scans
        given = [text(paths[i : i + width]) for i in range(0, len(paths), width)]
    if len(given) > MOST_SCANS:
        return []
    seen: dict[str, int] = {}
    made = []
    for index, entry in enumerate(given):
        match = VOLUME.search(entry)
        path = VOLUME.sub("", entry)
        seen[path] = seen.get(path, 0) + 1
        counted = int(numbers(field(volumes[index], "n"))[:1].sum()) if index < len(volumes) else 0
        made.append(Scan(path, int(match[1]) if match else counted or seen[path]))
    return made


def _kernel(description: str) -> tuple[float, ...]:
    """Widths in mm; none where the images were not smoothed by SPM.

    >>> _kernel("SPM - 3D normalized - conv(6,6,6)")
    (6.0, 6.0, 6.0)
    """
    match = KERNEL.search(description)
    return tuple(float(width) for width in match.groups()) if match else ()


def _contrasts(spm: Tree, n_columns: int) -> list[SpmContrast]:
    made = []
    for each in listed(field(spm, "xCon")):
        weights = (
            np.asarray(field(each, "c"), dtype=np.float64) if field(each, "c") is not None else np.empty(0)
        )
        if weights.size % n_columns or not weights.size:
            continue
        rows = weights.reshape(n_columns, -1).T if weights.ndim < 2 else weights.T
        made.append(
            SpmContrast(
                name=text(field(each, "name")),
                test=text(field(each, "STAT")) or "T",
                weights=np.asarray(rows),
                effect_map=_bare_name(text(field(each, "Vcon", "fname"))),
                stat_map=_bare_name(text(field(each, "Vspm", "fname"))),
            )
        )
    return made


def _bare_name(path: str) -> str:
    r"""Name without folders, of either system.

    >>> _bare_name("D:\\study\\con_0001.nii")
    'con_0001.nii'
    """
    return re.split(r"[\\/]", path)[-1]
