"""The words behind `bidsglm check`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from bidsglm.check.answer import answer
from bidsglm.check.comparison import Checked, checked
from bidsglm.check.contrast_reports import in_order
from bidsglm.check.data import ScanPlace, places
from bidsglm.check.going_on import write_models
from bidsglm.check.map_kinds import decided, told_apart
from bidsglm.check.matlab import read_mat
from bidsglm.check.model_files import MODEL
from bidsglm.check.nilearn_folder import NilearnAnalysis, read_nilearn
from bidsglm.check.nilearn_refusals import check_nilearn
from bidsglm.check.page import Results, remove_earlier, write_check
from bidsglm.check.refit import RefittedModel, refitted
from bidsglm.check.second_level import SpmGroup, group_of
from bidsglm.check.second_level_check import checked_group, group_answer, group_findings
from bidsglm.check.second_level_page import write_group_check
from bidsglm.check.spm_folder import analysis_of, is_second_level, spm_mat
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.check.why import AttributedMaps, attributed
from bidsglm.check.z_maps import with_t_of_z
from bidsglm.errors import BidsglmError, NoInputError, UsageError
from bidsglm.outputs.writes import check_free, create_folder
from bidsglm.parser import Formatter, Parser, hyphenated

USAGE = "bidsglm check OUT --spm FOLDER|SPM.mat [--nilearn FOLDER|FILES] [--scans FOLDER] [--overwrite]"


def build_check_parser() -> argparse.ArgumentParser:
    """The parser of `bidsglm check`."""
    parser = Parser(
        prog="bidsglm check",
        usage=USAGE,
        formatter_class=Formatter,
        allow_abbrev=False,
        description="Compare an analysis that SPM made with one that nilearn made: are they the same model, "
        "and what differs? Of a second level of SPM, say what it is and compute its maps again. Nothing of "
        "theirs is changed or run.",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the results, new or empty")
    parser.add_argument(
        "--spm", type=Path, required=True, metavar="PATH", help="folder of SPM's analysis, or its SPM.mat"
    )
    parser.add_argument(
        "--nilearn",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="folder of nilearn's results, or its maps and design matrices; a first level needs it",
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
    if arguments.scans is not None and not arguments.scans.is_dir():
        raise NoInputError(f"{arguments.scans}: there is no such folder; correct --scans")
    path = spm_mat(arguments.spm)
    content = read_mat(path, "SPM")
    if is_second_level(content):
        lines = _check_group(arguments, group_of(content, path))
    else:
        lines = _check_runs(arguments, analysis_of(content, path))
    print("\n".join([*lines, f"The page: {arguments.out / 'check.html'}"]), flush=True)
    return 0


def _check_runs(arguments: argparse.Namespace, spm: SpmAnalysis) -> list[str]:
    """Check a first level; returns what to say of it."""
    if arguments.nilearn is None:
        raise UsageError(
            f"{spm.path}: is a first level, which is compared with nilearn's; give that with --nilearn"
        )
    nilearn = _nilearn(arguments.nilearn)
    check_nilearn(spm, nilearn)
    _prepare(arguments.out, arguments.overwrite)
    found = checked(spm, with_t_of_z(nilearn, arguments.out), arguments.scans)
    scans = [places(spm.scans[s.rows], dict(found.relocated.found)) for s in spm.sessions]
    refit, notes = _refit(spm, scans)
    why = _why(found, scans, refit)
    found = found._replace(notes=(*found.notes, *notes), settings=in_order(found.settings, why.explanation))
    models, not_written = write_models(arguments.out, found, scans, arguments.scans)
    reasons = write_check(arguments.out, Results(found, refit, why, models, not_written))
    return [
        answer(found),
        *(f"  {each.setting}: {each.spm} (SPM); {each.nilearn} (nilearn)" for each in found.settings),
        *(f"{name}: {texts[0]}" for name, texts in reasons.items() if texts),
        *(f"The model as a file: {arguments.out / model.folder / MODEL}" for model in models),
        *found.notes,
    ]


def _check_group(arguments: argparse.Namespace, group: SpmGroup) -> list[str]:
    """Check a second level; returns what to say of it."""
    nilearn = None if arguments.nilearn is None else _nilearn(arguments.nilearn)
    if nilearn is not None:
        check_nilearn(group, nilearn)
    _prepare(arguments.out, arguments.overwrite)
    found = checked_group(group, arguments.scans, nilearn and decided(nilearn, {}))
    write_group_check(arguments.out, found)
    return [group_answer(found), *group_findings(found), *found.notes]


def _nilearn(given: list[Path]) -> NilearnAnalysis:
    if len(given) == 1 and not given[0].is_file():
        return told_apart(read_nilearn(given[0]))
    for path in given:
        if not path.is_file():
            raise NoInputError(f"{path}: there is no such file; give a folder, or maps and design matrices")
    return told_apart(read_nilearn(given[0].parent, tuple(given)))


def _prepare(out: Path, overwrite: bool) -> None:
    check_free(out, "check.json", "check", overwrite)
    create_folder(out)
    remove_earlier(out)


def _refit(spm: SpmAnalysis, scans: Sequence[Sequence[ScanPlace]]) -> tuple[RefittedModel, tuple[str, ...]]:
    """SPM's maps computed again, where the scans are there; what hinders it is a note and no failure."""
    if not all(scans):
        return RefittedModel((), {}), ()
    try:
        return refitted(spm, scans), ()
    except BidsglmError as error:
        return RefittedModel((), {}), (f"SPM's maps could not be computed again: {error}",)


def _why(found: Checked, scans: Sequence[Sequence[ScanPlace]], refit: RefittedModel) -> AttributedMaps:
    try:
        return attributed(found, scans, refit)
    except BidsglmError as error:
        return AttributedMaps(None, f"The computation ended: {error}")
