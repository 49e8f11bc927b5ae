#!/usr/bin/env python
"""Participants of a data set over SLURM jobs that are Dask workers.

dask_slurm.py --interface NAME BIDS_DIR OUTPUT_DIR [bidsglm options]
needs `pip install 'bidsglm[dask]' dask-jobqueue cryptography`.

Dask executes whatever it is sent, so whoever reaches the scheduler or a worker could run commands as you.
Hence certificates that are made for this run alone and that both ends must show (TLS), in a folder of your
home that nobody else may read; one network interface of the cluster and not all of the machine; and no
dashboard, which has no password.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from dask_jobqueue import SLURMCluster
from distributed import Security

from bidsglm.cli import main


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate, which is its own authority, and its key; only their owner may read them."""
    made = Security.temporary()
    paths = folder / "certificate.pem", folder / "key.pem"
    for path, text in zip(paths, (made.tls_client_cert, made.tls_client_key), strict=True):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    return paths


def security(certificate: Path, key: Path) -> Security:
    """Let scheduler, workers and client show the same certificate."""
    shown = {f"tls_{role}_cert": str(certificate) for role in ("scheduler", "worker", "client")}
    keys = {f"tls_{role}_key": str(key) for role in ("scheduler", "worker", "client")}
    return Security(require_encryption=True, tls_ca_file=str(certificate), **shown, **keys)


def run(words: list[str]) -> int:
    """Start workers as there is work, do all participants; returns the exit code."""
    parser = argparse.ArgumentParser(description="Participants over SLURM jobs that are Dask workers.")
    parser.add_argument(
        "--interface", required=True, help="network of the cluster (ip -brief address lists them)"
    )
    parser.add_argument("bids_dir")
    parser.add_argument("output_dir")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="of bidsglm")
    asked = parser.parse_args(words)
    # the home is on all nodes; a folder made so is closed to everybody else
    with tempfile.TemporaryDirectory(prefix=".bidsglm-tls-", dir=Path.home()) as folder:
        certificate, key = write_certificate(Path(folder))
        # one participant for each job; bidsglm --dry-run says how much memory one takes
        with SLURMCluster(
            cores=1,
            processes=1,
            memory="4GB",
            walltime="04:00:00",
            interface=asked.interface,
            protocol="tls://",
            security=security(certificate, key),
            scheduler_options={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            worker_extra_args=["--no-dashboard", "--dashboard-address", "127.0.0.1:0"],
        ) as cluster:
            cluster.adapt(minimum_jobs=0, maximum_jobs=50)
            place = ["--scheduler", cluster.scheduler_address]
            files = ["--scheduler-tls", str(certificate), str(certificate), str(key)]
            return main([asked.bids_dir, asked.output_dir, "participant", *asked.options, *place, *files])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
