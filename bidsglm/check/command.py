"""The words behind `bidsglm check`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bidsglm.check.comparison import Checked, answer, checked
from bidsglm.check.data import places
from bidsglm.check.nilearn_folder import NilearnAnalysis, read_nilearn
from bidsglm.check.page import write_check
from bidsglm.check.refit import RefittedMap, refitted
from bidsglm.check.spm_folder import read_spm
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.errors import BidsglmError, CannotCreateError, NoInputError
from bidsglm.options import Formatter, Parser, hyphenated
from bidsglm.outputs.writes import create_folder

USAGE = "bidsglm check OUT --spm FOLDER|SPM.mat --nilearn FOLDER|FILES [--scans FOLDER] [--overwrite]"


def build_check_parser() -> argparse.ArgumentParser:
    """The parser of `bidsglm check`."""
    parser = Parser(
        prog="bidsglm check",
        usage=USAGE,
        formatter_class=Formatter,
        allow_abbrev=False,
        description="Compare an analysis that SPM made with one that nilearn made: are they the same model, "
        "and what differs? Nothing of theirs is changed or run.",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the results, new or empty")
    parser.add_argument(
        "--spm", type=Path, required=True, metavar="PATH", help="folder of SPM's analysis, or its SPM.mat"
    )
    parser.add_argument(
        "--nilearn",
        type=Path,
        nargs="+",
        required=True,
        metavar="PATH",
        help="folder of nilearn's results, or its maps and design matrices",
    )
    parser.add_argument(
        "--scans",
        type=Path,
        metavar="FOLDER",
        help="where the scans are now; maps are computed again with them",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier check")
    return parser


def main(words: Sequence[str]) -> int:
    """`bidsglm check ...`; returns the exit code."""
    arguments = build_check_parser().parse_args(hyphenated(words))
    spm = read_spm(arguments.spm)
    nilearn = _nilearn(arguments.nilearn)
    if arguments.scans is not None and not arguments.scans.is_dir():
        raise NoInputError(f"{arguments.scans}: there is no such folder; correct --scans")
    _prepare(arguments.out, arguments.overwrite)
    found = checked(spm, nilearn, arguments.scans)
    refits, notes = _refits(spm, found)
    write_check(arguments.out, found._replace(notes=(*found.notes, *notes)), refits)
    print(answer(found))
    for each in found.settings:
        print(f"  {each.setting}: {each.spm} (SPM); {each.nilearn} (nilearn)")
    print(f"The page: {arguments.out / 'check.html'}")
    sys.stdout.flush()
    return 0


def _nilearn(given: list[Path]) -> NilearnAnalysis:
    if len(given) == 1 and not given[0].is_file():
        return read_nilearn(given[0])
    for path in given:
        if not path.is_file():
            raise NoInputError(f"{path}: there is no such file; give a folder, or maps and design matrices")
    return read_nilearn(given[0].parent, tuple(given))


def _prepare(out: Path, overwrite: bool) -> None:
    if out.is_dir() and any(out.iterdir()) and not (overwrite and (out / "check.json").is_file()):
        remedy = (
            "--overwrite replaces an earlier check" if (out / "check.json").is_file() else "give a new folder"
        )
        raise CannotCreateError(f"{out}: is not empty; {remedy}")
    create_folder(out)


def _refits(spm: SpmAnalysis, found: Checked) -> tuple[tuple[RefittedMap, ...], tuple[str, ...]]:
    """SPM's maps computed again, where the scans are there; what hinders it is a note and no failure."""
    scans = [places(spm.scans[s.rows], dict(found.relocated.found)) for s in spm.sessions]
    if not all(scans):
        return (), ()
    try:
        return refitted(spm, scans), ()
    except BidsglmError as error:
        return (), (f"SPM's maps could not be computed again: {error}",)
