#!/usr/bin/env python
"""The BIDS App's entry point: run.py BIDS_DIR OUTPUT_DIR {participant,group} [options]."""

from bidsglm.cli import run

if __name__ == "__main__":
    run()
