"""MATLAB files as plain Python: dictionaries, lists, texts, float64 arrays and sparse matrices.

They are read in a process of their own: a damaged file can end or stall the libraries that read it, or fill
the memory, and that must end in one line as any other damage does.
"""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bidsglm.check.matlab_hdf5 import Tree
from bidsglm.errors import BidsglmError, ReadWriteError

READER = (
    "import json, sys; sys.path[:0] = json.loads(sys.argv[1]); "
    "from bidsglm.check.matlab_reader import main; main(*sys.argv[2:])"
)
"""What the process runs. Python is isolated (-I): no module of the folder in which it starts is imported."""


def read_mat(path: Path, name: str) -> Tree:
    """Read one variable of a MATLAB file.

    Returns
    -------
    Structures as dictionaries, arrays of structures and cells as lists (one of length 1 is its only item),
    character arrays as texts (several rows as a list), numbers as float64 arrays without axes of length 1

    Raises
    ------
    NoInputError, ReadWriteError, DataError
        The file is absent, damaged, too large, or holds no such variable.
    """
    places = json.dumps([place for place in sys.path if place])
    command = [sys.executable, "-I", "-c", READER, places, str(path), name]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise ReadWriteError(f"{path}: is damaged (reading it came to no end); copy it again")
    found = pickle.loads(done.stdout)  # written by the process that was just run
    if isinstance(found, BidsglmError):
        raise found
    return found


def listed(value: Tree) -> list[Tree]:
    """Items of an array of structures or cells, which MATLAB's readers give bare where there is one.

    >>> listed({"name": "go"}), listed(None), listed(np.empty(0))
    ([{'name': 'go'}], [], [])
    """
    if value is None or (isinstance(value, np.ndarray) and not value.size):
        return []
    return value if isinstance(value, list) else [value]


def numbers(value: Tree) -> NDArray[np.float64]:
    """Numbers as a vector, empty where there are none.

    >>> numbers(np.float64(2.0)), numbers("text")
    (array([2.]), array([], dtype=float64))
    """
    if isinstance(value, np.ndarray | np.float64):
        return np.asarray(value, dtype=np.float64).ravel(order="F")
    return np.empty(0)


def dense(value: Tree, n: int) -> NDArray[np.float64] | None:
    """Square matrix of that size, sparse in the file or not; None where there is no such matrix.

    >>> dense(sparse.csc_array(np.eye(2)), 2).tolist(), dense(np.ones(3), 2)
    ([[1.0, 0.0], [0.0, 1.0]], None)
    """
    if sparse.issparse(value):
        if value.shape != (n, n):
            return None
        # indices of a damaged file would lead outside the memory of the array
        value.check_format(full_check=True)
        return np.asarray(value.toarray().real, dtype=np.float64)
    found = np.asarray(value, dtype=np.float64) if isinstance(value, np.ndarray | np.float64) else np.empty(0)
    return found.reshape(n, n) if found.size == n * n and found.ndim != 1 else None


def text(value: Tree) -> str:
    """Text without the blanks that pad rows of characters; empty where there is none.

    >>> text("mask.nii  "), text(np.empty(0))
    ('mask.nii', '')
    """
    return value.rstrip(" \0") if isinstance(value, str) else ""


def texts(value: Tree) -> list[str]:
    """Rows of a character array, or cells of texts.

    >>> texts(["a.nii,1  ", "b.nii,1"]), texts("a.nii")
    (['a.nii,1', 'b.nii,1'], ['a.nii'])
    """
    return [text(item) for item in (value if isinstance(value, list) else [value]) if text(item)]


def field(value: Tree, *names: str) -> Tree:
    """Field of a field of a structure; None where one is missing.

    >>> field({"xBF": {"T": np.float64(16)}}, "xBF", "T").item(), field({}, "xBF", "T")
    (16.0, None)
    """
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
