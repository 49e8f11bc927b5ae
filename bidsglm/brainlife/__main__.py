"""`python -m bidsglm.brainlife`, which the app's `main` calls inside the container."""

import sys

from bidsglm.brainlife.run import run

if __name__ == "__main__":
    sys.exit(run())
