"""The command `bidsglm demo`: writes the synthetic data set and analyses it."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from bidsglm.demo.data_set import layout_of, write_demo
from bidsglm.demo.small_calibration import small_calibration
from bidsglm.options import build_parser
from bidsglm.parser import Parser, hyphenated

CALIBRATED = "01"
"""Participant who is calibrated too."""

Analyse = Callable[[list[str]], int]
"""The command line's own main: words -> exit code"""


def main(words: Sequence[str], analyse: Analyse) -> int:
    """`bidsglm demo OUTPUT_DIR [options]`; returns the exit code."""
    parser = Parser(
        prog="bidsglm demo",
        description="Writes a small synthetic BIDS and fMRIPrep data set and analyses it.",
        epilog="All other options go to both levels; bidsglm --help lists them.",
    )
    parser.add_argument("output_dir", type=Path, metavar="OUTPUT_DIR", help="a new or empty folder")
    parser.add_argument(
        "--story",
        action="store_true",
        help="instead: one participant, four models, and why the packages differ on one page",
    )
    arguments, others = parser.parse_known_args(list(words))
    if arguments.story:
        from bidsglm.demo.story import tell_story

        return tell_story(arguments.output_dir, analyse, others)
    return run_demo(arguments.output_dir, analyse, others)


def run_demo(output_dir: Path, analyse: Analyse, arguments: Sequence[str] = ()) -> int:
    """Write the demo data set, analyse it with the further options, and print where the reports are.

    Returns
    -------
    int
        0, or the code of the analysis that failed.

    Raises
    ------
    UsageError
        When an option is unknown; nothing is written then.
    """
    n_procs = min(4, os.cpu_count() or 1)
    demo = layout_of(output_dir)
    results = output_dir / "derivatives" / "bidsglm"
    second = output_dir / "derivatives" / "bidsglm-overparameterised"
    options = ["--n-procs", str(n_procs), *arguments]
    good = ["--model", str(demo.model), "--atlas", str(demo.atlas), *options]
    bad = ["--model", str(demo.overparameterised_model), "--participant-label", "01", *options]
    calibration = ["--participant-label", CALIBRATED, *small_calibration(arguments)]
    command_lines = [
        [str(demo.bids_dir), str(results), "participant", *good],
        [str(demo.bids_dir), str(results), "participant", *good, *calibration],
        [str(demo.bids_dir), str(results), "group", *good],
        [str(demo.bids_dir), str(second), "participant", *bad],
    ]
    build_parser().parse_args(hyphenated(command_lines[0]))
    print(f"Writing the demo data set to {output_dir}", flush=True)
    write_demo(output_dir, n_procs=n_procs)
    for command_line in command_lines:
        code = analyse(command_line)
        if code:
            return code
    _print_reports("Reports, to be opened in a browser:", results)
    _print_reports("The same participant with the over-parameterised model:", second)
    return 0


def _print_reports(title: str, folder: Path) -> None:
    print(title)
    for path in sorted(folder.glob("*.html")):
        print(f"  {path}")
