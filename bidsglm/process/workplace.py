"""Where temporary files and caches go, and how many threads a process has.

Light to import: it has its say before the libraries that look at the environment are loaded.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bidsglm.errors import CannotCreateError, UsageError
from bidsglm.outputs.temporary import is_left_over, place, temporary_path
from bidsglm.process.signals import REMOVED_AT_END

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
CACHES = {"MPLCONFIGDIR": "matplotlib", "JOBLIB_TEMP_FOLDER": "joblib", "NUMBA_CACHE_DIR": "numba"}
"""Environment variable -> folder inside the work folder."""

START = "bidsglm-"
"""Beginning of a run's folder; machine and process follow, so that a later run knows whose it was."""


@contextmanager
def work_dir_in_use(work_dir: Path | None, bids_dir: Path, output_dir: Path | None) -> Iterator[None]:
    """Send temporary files and caches of all libraries to the work folder; processes inherit it.

    Parameters
    ----------
    work_dir
        None for a folder of this run alone, among the system's temporary files, that is removed at the end.
    bids_dir
        The raw data, where it must not lie.
    output_dir
        Takes the folder of the run where the system has no place for one, as in a container with a read-only
        root and nothing else mounted; None when nothing may be written there.

    Raises
    ------
    UsageError
        When the work folder lies in the raw data.
    CannotCreateError
        When it can be neither made nor written to, or there is no place for temporary files.
    """
    if work_dir is None:
        with _folder_of_the_run(output_dir) as folder, _environment_of(folder, fresh=True):
            yield
        return
    folder = work_dir.resolve()
    if folder.is_relative_to(bids_dir.resolve()):
        raise UsageError(f"{work_dir}: the work folder must not lie in the raw data; name another")
    _check_writable(work_dir, folder)
    with _environment_of(folder, fresh=False):
        yield


@contextmanager
def _environment_of(folder: Path, fresh: bool) -> Iterator[None]:
    """The environment that sends everything to a folder; where that is fresh, what the user set stays."""
    caches = {name: part for name, part in CACHES.items() if not (fresh and name in os.environ)}
    tempfile.tempdir = None  # Python finds it anew
    try:
        with environment(TMPDIR=str(folder), **{name: str(folder / part) for name, part in caches.items()}):
            yield
    finally:
        tempfile.tempdir = None


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set variables of the environment while the block runs."""
    earlier = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in earlier.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _folder_of_the_run(output_dir: Path | None) -> Iterator[Path]:
    """A new folder for temporary files, gone afterwards."""
    folder = _new_folder(output_dir)
    REMOVED_AT_END.add(str(folder))
    try:
        for part in CACHES.values():
            (folder / part).mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        REMOVED_AT_END.discard(str(folder))


def _new_folder(output_dir: Path | None) -> Path:
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{START}{place()}-{os.getpid()}-"))
        _remove_left_over(folder.parent)
        return folder
    except OSError:
        if output_dir is None:
            raise CannotCreateError(
                "no folder for temporary files can be written to; set TMPDIR to one, or give --work-dir"
            ) from None
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        folder = temporary_path(output_dir.resolve() / "any")
        folder.mkdir(mode=0o700)
        return folder
    except OSError as error:
        raise CannotCreateError(
            f"{output_dir}: cannot be written to ({error.strerror}); choose an output folder you may write to"
        ) from error


def _remove_left_over(beside: Path) -> None:
    """Remove the folders of runs that were killed: ours, of this machine, of processes that are gone."""
    for folder in beside.glob(f"{START}{place()}-*-*"):
        try:
            mine = folder.lstat().st_uid == os.getuid() and not folder.is_symlink()
        except OSError:  # gone
            continue
        if mine and is_left_over(f".{folder.name.removeprefix(START)}", age=0.0):
            shutil.rmtree(folder, ignore_errors=True)


def _check_writable(work_dir: Path, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part in CACHES.values():
            (folder / part).mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotCreateError(
            f"{work_dir}: cannot be used as work folder ({error.strerror}); name one you may write to"
        ) from error


def bound_threads(n_threads: int) -> None:
    """Bound the threads of BLAS: two of them around small matrices cost nilearn 40 % more CPU time."""
    from threadpoolctl import threadpool_limits

    for variable in THREAD_VARIABLES:
        os.environ[variable] = str(n_threads)
    threadpool_limits(n_threads)
