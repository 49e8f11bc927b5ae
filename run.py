#!/usr/bin/env python
"""The BIDS App's entry point: run.py BIDS_DIR OUTPUT_DIR {participant,group} [options]."""

import sys

from bidsglm.cli import main

if __name__ == "__main__":
    sys.exit(main())
