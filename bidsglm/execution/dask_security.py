"""Who may connect: Dask executes what it is sent, so anyone who reaches a scheduler acts as its user.

TLS with certificates of one's own makes both ends prove who they are before a task is sent.
"""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from bidsglm.errors import DataError, NoInputError, UsageError
from bidsglm.messages import LOG
from bidsglm.settings import Settings

ENCRYPTED = ("tls", "wss")
HOW = "give tls://host:port and --scheduler-tls CA CERT KEY (docs/hpc.md)"


def is_loopback(address: str) -> bool:
    """Whether only programs of this machine reach an address.

    >>> is_loopback("tcp://127.0.0.1:8786"), is_loopback("tcp://[::1]:8786"), is_loopback("tcp://node7:8786")
    (True, True, False)
    """
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def security(settings: Settings) -> Any:
    """Dask's record of the certificates: those of the command line, else of Dask's own configuration.

    Raises
    ------
    UsageError
        When the scheduler would be spoken to without encryption over a network, or certificates are missing.
    NoInputError, DataError
        When a certificate file is missing, or none.
    """
    from distributed import Security

    address = settings.scheduler or ""
    if urlsplit(address).scheme not in ENCRYPTED:
        if not is_loopback(address):
            raise UsageError(
                f"--scheduler {address}: is not encrypted, and whoever reaches such a scheduler can run "
                f"commands as you; {HOW}"
            )
        return Security()
    return _checked(_given(settings) if settings.scheduler_tls else Security(), settings)


def warn_if_open(settings: Settings) -> None:
    """Say what an address of this machine without encryption means: its other users reach it too."""
    if urlsplit(settings.scheduler or "").scheme not in ENCRYPTED:
        LOG.warning(
            "%s: is not encrypted, so every user of this machine can run commands as you there; %s",
            settings.scheduler,
            HOW,
        )


def _given(settings: Settings) -> Any:
    from distributed import Security

    for path in settings.scheduler_tls or ():
        if not path.is_file():
            raise NoInputError(f"--scheduler-tls {path}: no such file; CA, CERT and KEY are PEM files")
    ca, cert, key = map(str, settings.scheduler_tls or ())
    return Security(require_encryption=True, tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key)


def _checked(found: Any, settings: Settings) -> Any:
    """The record, once its files have been read."""
    files = (found.tls_ca_file, found.tls_client_cert)
    if not all(files):
        raise UsageError(
            f"--scheduler {settings.scheduler}: needs certificates; give --scheduler-tls CA CERT KEY, "
            "or set distributed.comm.tls in Dask's configuration"
        )
    try:
        found.get_connection_args("client")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        given = settings.scheduler_tls or ("distributed.comm.tls of Dask's configuration",)
        text = " ".join(str(error).split())
        raise DataError(
            f"{', '.join(map(str, given))}: cannot be used as CA, certificate and key ({text}); correct them"
        ) from error
    return found
