"""`python -m bidsglm`."""

import sys

from bidsglm.cli import main

if __name__ == "__main__":
    sys.exit(main())
