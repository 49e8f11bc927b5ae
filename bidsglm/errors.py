"""What can go wrong, each with the exit code that the BIDS Apps specification gives it.

The message of every error is one line: it names the file (with line or column where there is one),
says what is wrong with it and what to do about it.
"""

EXIT_FAILED = 1


class BidsglmError(Exception):
    """Any failure that bidsglm foresees; its text is meant for the user."""

    exit_code = EXIT_FAILED


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


class NoInputError(BidsglmError):
    """An input file or folder does not exist."""

    exit_code = 66


class CannotCreateError(BidsglmError):
    """An output file or folder cannot be created."""

    exit_code = 73


class ReadWriteError(BidsglmError):
    """A file cannot be read or written to its end."""

    exit_code = 74


class ClusterError(BidsglmError):
    """A Dask cluster cannot be reached, or its workers cannot do the work."""

    exit_code = 74
