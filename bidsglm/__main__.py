"""`python -m bidsglm`."""

from bidsglm.cli import run

if __name__ == "__main__":
    run()
