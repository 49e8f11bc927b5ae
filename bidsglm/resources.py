"""Resources as the command line words them: sizes of memory, addresses of schedulers."""

import argparse
import re
from urllib.parse import urlsplit

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
