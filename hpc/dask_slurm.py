#!/usr/bin/env python
"""Participants of a data set over SLURM jobs that are Dask workers.

dask_slurm.py BIDS_DIR OUTPUT_DIR [bidsglm options]; needs `pip install 'bidsglm[dask]' dask-jobqueue`.
"""

import sys

from dask_jobqueue import SLURMCluster

from bidsglm.cli import main


def run(words: list[str]) -> int:
    """Start workers as there is work, do all participants; returns the exit code."""
    bids_dir, output_dir, *options = words
    # one participant for each job; bidsglm --dry-run says how much memory one takes
    with SLURMCluster(cores=1, processes=1, memory="4GB", walltime="04:00:00") as cluster:
        cluster.adapt(minimum_jobs=0, maximum_jobs=50)
        command = [bids_dir, output_dir, "participant", *options, "--scheduler", cluster.scheduler_address]
        return main(command)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
