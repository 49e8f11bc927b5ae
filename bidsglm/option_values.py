"""The words that the command line takes, and how each is read: labels, numbers, paths, levels."""

import argparse
import math
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

WIDEST_KERNEL = 100.0
"""mm; half of a head."""
LONGEST_CUTOFF = 1e6
"""s; eleven days, far beyond any run: 0 is no filter."""
HIGHEST_THRESHOLD = 1e6
"""Share of the global; no voxel is a million times as bright as the mean."""
MOST_DATA_SETS = 100_000
"""Simulated ones: rates are known to a thousandth with these, after days."""
MOST_PERMUTATIONS = 1_000_000
"""A p value of one in a million is as small as a permutation test need know."""
MOST_PROCESSES = 4_096
"""Processes of one machine, or threads of one process."""


def label_of(prefix: str):  # type: ignore[no-untyped-def]
    """Type of a label argument: takes 01 and sub-01 alike."""

    def label(text: str) -> str:
        bare = text.removeprefix(f"{prefix}-")
        if not bare:
            raise argparse.ArgumentTypeError(f"{text!r} is not a label")
        return bare

    return label


@dataclass(frozen=True)
class Amount:
    """Type of an argument: 0 or a positive number, within reason.

    >>> Amount(100)("6")
    6.0
    """

    highest: float

    def __call__(self, text: str) -> float:
        """Read an argument."""
        value = _number(text)
        if not value >= 0:
            raise argparse.ArgumentTypeError(f"{text} must not be negative")
        if value > self.highest:
            raise argparse.ArgumentTypeError(f"{text} must not exceed {self.highest:g}")
        return value


@dataclass(frozen=True)
class Count:
    """Type of an argument: a whole number of at least 1, within reason.

    >>> Count(1000)("12")
    12
    """

    highest: int

    def __call__(self, text: str) -> int:
        """Read an argument."""
        if not re.fullmatch(r"[0-9]{1,15}", text) or not int(text):
            raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of at least 1")
        if int(text) > self.highest:
            raise argparse.ArgumentTypeError(f"{text} must not exceed {self.highest}")
        return int(text)


count = Count(1_000_000)
"""Where nothing narrower is known."""


def _number(text: str) -> float:
    if not re.fullmatch(r"[-+0-9.a-zA-Z]+", text):  # Python's float takes 1_0 too
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def threshold(text: str) -> float:
    """Type of a share of the global; -Inf for no threshold."""
    value = _number(text)
    if not (value == -math.inf or abs(value) <= HIGHEST_THRESHOLD):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a share of the global nor -Inf")
    return value


def derivatives(text: str) -> Path:
    """PATH or NAME=PATH; the name is fMRIPrep's way to label a folder, and plays no part here."""
    name, separator, path = text.partition("=")
    return Path(path if separator and "/" not in name else text)


def seed(text: str) -> int:
    """Type of the seed of random numbers.

    >>> seed("12")
    12
    """
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 0 to {2**32 - 1}")
    return int(text)


LARGEST_MEMORY = 2**60
"""Bytes: an exabyte, which no machine has."""
SCHEMES = ("tcp", "tls", "ws", "wss", "ucx")
"""Protocols that Dask schedulers speak."""


def memory_size(text: str) -> int:
    """Bytes; a number alone is MB.

    >>> memory_size("8G"), memory_size("500"), memory_size("1.5GB"), memory_size("1GiB")
    (8000000000, 500000000, 1500000000, 1073741824)
    """
    found = re.fullmatch(r"([0-9]{1,20}(?:\.[0-9]{1,20})?) ?(?:([KMGT])(i)?B?)?", text.strip(), re.IGNORECASE)
    size = 0.0
    if found:
        number, unit, binary = found.groups()
        size = float(number) * (1024 if binary else 1000) ** (" KMGT".index((unit or "M").upper()))
    if not 1 <= size <= LARGEST_MEMORY:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 8G, 500M or 500 (MB)")
    return int(size)


def scheduler_address(text: str) -> str:
    """Address of a scheduler, tcp:// if it does not say.

    >>> scheduler_address("node7:8786")
    'tcp://node7:8786'
    """
    address = text if "://" in text else f"tcp://{text}"
    try:
        parts = urlsplit(address)
        usable = parts.scheme in SCHEMES and parts.hostname and parts.port
    except ValueError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as tcp://node7:8786")
    return address


def secured_address(address: str) -> str:
    """Address of a scheduler with encryption, for which there are certificates.

    >>> secured_address("tcp://node7:8786"), secured_address("wss://node7:8786")
    ('tls://node7:8786', 'wss://node7:8786')
    """
    scheme, _, rest = address.partition("://")
    return {"tcp": "tls", "ws": "wss"}.get(scheme, scheme) + "://" + rest
