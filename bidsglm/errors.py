"""What can go wrong, each with the exit code that the BIDS Apps specification gives it.

The message of every error is one line: it names the file (with line or column where there is one),
says what is wrong with it and what to do about it. Whatever stands in a file or its name, it stays one line
that a terminal can show.
"""

from collections.abc import Iterable

EXIT_FAILED = 1
LONGEST_LINE = 1_500
"""Characters of a message; a table's hundred thousand column names do not belong in it."""


def one_line(text: str) -> str:
    r"""Text without line breaks, control characters and what is no Unicode; the middle of long ones is cut.

    >>> print(one_line("sub-01\x1b[2J: two\nlines, \udcff"))
    sub-01\x1b[2J: two lines, \udcff
    """
    plain = " ".join(line.strip() for line in text.splitlines())
    if not plain.isprintable():
        plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain)
    if len(plain) <= LONGEST_LINE:
        return plain
    half = LONGEST_LINE // 2
    return f"{plain[:half]} ... {plain[-half:]}"


class BidsglmError(Exception):
    """Any failure that bidsglm foresees; its text is meant for the user."""

    exit_code = EXIT_FAILED

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class InvalidBidsError(BidsglmError):
    """The input data set breaks the BIDS specification."""

    exit_code = 16


class UnknownLevelError(BidsglmError):
    """The analysis level is neither participant nor group, nor another name of these."""

    exit_code = 17


class NothingMatchedError(BidsglmError):
    """The filters on the command line match no file."""

    exit_code = 18


class UsageError(BidsglmError):
    """The command line makes no sense."""

    exit_code = 64


class DataError(BidsglmError):
    """A data file or the model cannot be used as it is."""

    exit_code = 65


class UnsupportedModelError(DataError):
    """A package cannot express a model with the events at hand; others may."""


class FaultyModelError(DataError):
    """A package's own setting is wrong: the package cannot be left out instead."""


class NoInputError(BidsglmError):
    """An input file or folder does not exist."""

    exit_code = 66


class CannotCreateError(BidsglmError):
    """An output file or folder cannot be created."""

    exit_code = 73


class ReadWriteError(BidsglmError):
    """A file cannot be read or written to its end."""

    exit_code = 74


class TryLaterError(BidsglmError):
    """It can be done with more memory, or later, when nobody else is at work on it."""

    exit_code = 75


class HeldError(TryLaterError):
    """Another job holds a unit, and makes something else of it."""


class ClusterError(BidsglmError):
    """A Dask cluster cannot be reached, or its workers cannot do the work."""

    exit_code = 74


def joint_code(codes: Iterable[int]) -> int:
    """Exit code of several failures: their own where they agree, else 1; 0 without any.

    >>> joint_code([]), joint_code([65, 65]), joint_code([65, 74])
    (0, 65, 1)
    """
    found = set(codes)
    return 0 if not found else found.pop() if len(found) == 1 else EXIT_FAILED


def foreseen(error: Exception) -> BidsglmError | None:
    """The error as one that the user can act on, whichever library it comes from; None where it is not.

    >>> print(foreseen(OSError(116, "Stale file handle", "sub-01_bold.nii.gz")))
    sub-01_bold.nii.gz: Stale file handle; check disk and rights, then run the same command again
    """
    if isinstance(error, BidsglmError):
        return error
    if isinstance(error, MemoryError):
        return TryLaterError("out of memory; give it more, or fewer --n-procs")
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return ReadWriteError(
            f"{error.filename}: {error.strerror}; check disk and rights, then run the same command again"
        )
    return None
