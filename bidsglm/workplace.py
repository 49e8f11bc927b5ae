"""Where temporary files and caches go, and how many threads a process has.

Light to import: it has its say before the libraries that look at the environment are loaded.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bidsglm.errors import CannotCreateError, UsageError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
CACHES = {"MPLCONFIGDIR": "matplotlib", "JOBLIB_TEMP_FOLDER": "joblib", "NUMBA_CACHE_DIR": "numba"}
"""Environment variable -> folder inside the work folder."""


@contextmanager
def work_dir_in_use(work_dir: Path | None, bids_dir: Path) -> Iterator[None]:
    """Send temporary files and caches of all libraries to the work folder; processes inherit it.

    Raises
    ------
    UsageError
        When it lies in the raw data.
    CannotCreateError
        When it can be neither made nor written to.
    """
    if work_dir is None:
        yield
        return
    folder = work_dir.resolve()
    if folder.is_relative_to(bids_dir.resolve()):
        raise UsageError(f"{work_dir}: the work folder must not lie in the raw data; name another")
    _check_writable(work_dir, folder)
    variables = {"TMPDIR": str(folder)} | {name: str(folder / part) for name, part in CACHES.items()}
    earlier = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    tempfile.tempdir = None  # Python finds it anew
    try:
        yield
    finally:
        for name, value in earlier.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        tempfile.tempdir = None


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
