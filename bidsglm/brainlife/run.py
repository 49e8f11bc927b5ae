"""One brainlife task: both levels, then what brainlife shows of them."""

import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import TextIO

from bidsglm.brainlife.config import OUTPUT, read_config
from bidsglm.brainlife.product import failures, write_errors, write_product
from bidsglm.cli import main
from bidsglm.errors import EXIT_FAILED, BidsglmError, foreseen, one_line
from bidsglm.options import ONLY_AT
from bidsglm.outputs.summaries import summary_paths
from bidsglm.process.signals import ended_by_signals

PREFIX = "bidsglm: "
"""In front of the line with which the program ends when it cannot go on."""


class _Tee(io.TextIOBase):
    """Passes on what is written, and keeps the lines with which the program ended."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.last_words: list[str] = []

    def write(self, text: str) -> int:
        self.last_words += [
            line.removeprefix(PREFIX) for line in text.splitlines() if line.startswith(PREFIX)
        ]
        return self.stream.write(text)

    def flush(self) -> None:
        self.stream.flush()


def run(folder: Path | None = None) -> int:
    """Do what config.json says; returns the exit code.

    What is finished in output/ is kept, so that a task that was stopped goes on where it was.

    Parameters
    ----------
    folder
        Of the task: the current one, which alone is written to.
    """
    folder = folder or Path.cwd()
    output_dir = folder / OUTPUT
    tee = _Tee(sys.stderr)
    with ended_by_signals(), redirect_stderr(tee):
        code = _analyse(folder, output_dir)
    product = folder / "product.json"
    try:
        write_product(product, output_dir, [*tee.last_words, *failures(output_dir)])
    except Exception as error:  # brainlife waits for the file, whatever stands in the output folder
        said = foreseen(error) or f"the results cannot be shown: {one_line(str(error))}"
        write_errors(product, [*tee.last_words, str(said)])
        code = code or EXIT_FAILED
    return code


def _analyse(folder: Path, output_dir: Path) -> int:
    try:
        bids_dir, options = read_config(folder / "config.json")
    except BidsglmError as error:
        print(f"{PREFIX}{error}", file=sys.stderr)
        return error.exit_code
    code = _level("participant", bids_dir, output_dir, options)
    if code == 0 and len({path.name.partition("_")[0] for path in summary_paths(output_dir)}) > 1:
        code = _level("group", bids_dir, output_dir, options)
    return code


def _level(level: str, bids_dir: str, output_dir: Path, options: Sequence[str]) -> int:
    others = [f"--{name.replace('_', '-')}" for name, only in ONLY_AT.items() if only != level]
    return main([bids_dir, str(output_dir), level, *_without(options, others)])


def _without(words: Sequence[str], options: Sequence[str]) -> list[str]:
    """Words of a command line without some options and their value: a task has both levels.

    >>> _without(["--hrf", "spm", "--permutations", "99"], ["--permutations"])
    ['--hrf', 'spm']
    >>> _without(["--export-code", "--hrf", "spm"], ["--export-code"])
    ['--hrf', 'spm']
    """
    kept: list[str] = []
    dropping = False
    for word in words:
        dropping = word in options or (dropping and not word.startswith("--"))
        if not dropping:
            kept.append(word)
    return kept
