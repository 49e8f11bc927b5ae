"""The options: what the command line takes, and how each word is read."""

import argparse
from pathlib import Path

import bidsglm
from bidsglm.errors import UsageError
from bidsglm.option_values import (
    LONGEST_CUTOFF,
    MOST_DATA_SETS,
    MOST_PERMUTATIONS,
    MOST_PROCESSES,
    WIDEST_KERNEL,
    Amount,
    Count,
    count,
    derivatives,
    label_of,
    memory_size,
    scheduler_address,
    seed,
    threshold,
)
from bidsglm.packages import DEFAULT_PACKAGES, PACKAGES, REFERENCE
from bidsglm.parser import Formatter, Parser

LEVELS = {"participant": "participant", "subject": "participant", "group": "group", "dataset": "group"}
ALL = "all"
"""Word of --backends for every package."""
FILTER_KEYS = ("bold", "mask", "events", "confounds")
ONLY_AT = {
    "permutations": "group",
    "scheduler": "participant",
    "calibrate": "participant",
    "export_code": "participant",
    "underlay": "participant",
}
"""Options that do nothing at the other level."""


def check_level(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse an option that would do nothing at the level asked for.

    Raises
    ------
    UsageError
        Naming the option and its level.
    """
    for name, level in ONLY_AT.items():
        given = getattr(arguments, name) != parser.get_default(name)
        if given and LEVELS[arguments.analysis_level] != level:
            raise UsageError(
                f"--{name.replace('_', '-')} does nothing at the {LEVELS[arguments.analysis_level]} level; "
                f"give it to the {level} level"
            )


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Options that say which data."""
    group = parser.add_argument_group("which data")
    for name, prefix, also in (
        ("participant", "sub", ()),
        ("session", "ses", ("--session-id",)),
        ("task", "task", ("--task-id",)),
        ("run", "run", ("--run-id",)),
    ):
        group.add_argument(
            f"--{name}-label",
            *also,
            nargs="+",
            type=label_of(prefix),
            default=[],
            metavar="LABEL",
            help=f"{name}s{', with or without sub-' * (prefix == 'sub')} (all)",
        )
    group.add_argument(
        "--space",
        nargs="+",
        type=label_of("space"),
        default=[],
        metavar="SPACE",
        help="spaces (the only one there is, else MNI152NLin2009cAsym)",
    )
    group.add_argument(
        "--drop-first",
        type=count,
        default=0,
        metavar="N",
        help="volumes that were cut at the start of the preprocessed runs: onsets are moved by N TR (none)",
    )
    group.add_argument(
        "--allow-trimmed",
        action="store_true",
        help="fit preprocessed runs that are not as long as the raw ones: the events are right for them",
    )
    group.add_argument(
        "--bids-filter-file",
        type=Path,
        metavar="JSON",
        help=f"pybids filters under the keys {', '.join(FILTER_KEYS)}",
    )
    group.add_argument(
        "-d",
        "--derivatives",
        nargs="+",
        type=derivatives,
        default=[],
        metavar="[NAME=]PATH",
        help="preprocessed data (BIDS_DIR/derivatives/fmriprep, else the first fMRIPrep-like folder)",
    )
    group.add_argument(
        "--bids-database-dir", type=Path, metavar="DIR", help="keep pybids' index here between runs"
    )
    group.add_argument(
        "--skip-bids-validation", action="store_true", help="do not check the input against BIDS"
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Options that say which model."""
    group = parser.add_argument_group("which model")
    group.add_argument(
        "-m",
        "--model",
        type=Path,
        metavar="FILE",
        help="BIDS Stats Model (none: an automatic one, written beside the results)",
    )
    group.add_argument(
        "--backends",
        nargs="+",
        choices=(*PACKAGES, ALL),
        default=list(DEFAULT_PACKAGES),
        help=f"whose model to fit ({' '.join(DEFAULT_PACKAGES)})",
    )
    group.add_argument(
        "--reference",
        choices=tuple(PACKAGES),
        help=f"package that the others are compared with ({REFERENCE})",
    )
    group.add_argument(
        "--settings",
        choices=("matched", "native"),
        default="matched",
        dest="matching",
        help="matched: the same model in both; native: what the model leaves out takes each package's own "
        "default (matched)",
    )
    group.add_argument(
        "--smoothing-fwhm", type=Amount(WIDEST_KERNEL), metavar="MM", help="smooth before the fit (0)"
    )
    group.add_argument(
        "--no-attribution",
        action="store_true",
        help="do not divide the difference among modelling steps",
    )
    group = parser.add_argument_group("changes to the automatic model (an error beside --model)")
    group.add_argument(
        "--hrf", metavar="MODEL", help='as in a model file: "spm + derivative", glover ... (spm)'
    )
    group.add_argument(
        "--high-pass", type=Amount(LONGEST_CUTOFF), metavar="SECONDS", help="cut-off; 0 for no filter (128)"
    )
    group.add_argument(
        "--noise-model", metavar="NAME", help="ar1, fast, ols; ar2 and higher for nilearn (ar1)"
    )
    group.add_argument(
        "--confounds",
        nargs="*",
        metavar="NAME-OR-GLOB",
        help="nuisance regressors, or presets: motion6, motion24, compcor, scrub:FD=0.5 ... (motion6)",
    )
    group.add_argument(
        "--mask-threshold", type=threshold, metavar="SHARE", help="SPM's, of its global; -Inf for none (0.8)"
    )
    group.add_argument(
        "--contrasts",
        choices=("pairs", "others", "none"),
        help="beside each condition: each against the mean of the others and every pair, the former alone, "
        "or nothing (pairs of up to six conditions, others of more)",
    )
    group.add_argument(
        "--two-sided",
        action="store_true",
        help="thresholds of both tails, each with half of the error, as one test (each tail by itself)",
    )


def _add_group(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("group level")
    group.add_argument(
        "--allow-mixed",
        action="store_true",
        help="where participants were run with different settings or versions, go on with the largest set",
    )
    group.add_argument(
        "--permutations",
        type=Count(MOST_PERMUTATIONS),
        default=0,
        metavar="N",
        help="familywise p of the group's effects by N permutations (nilearn's): voxels, mass of clusters, "
        "TFCE (none)",
    )


def _add_add_on_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to add to a fit, without fitting again")
    group.add_argument(
        "--atlas",
        type=Path,
        metavar="LABELS.nii.gz",
        help="values of its regions, in both levels: whole numbers, 0 for the background",
    )
    group.add_argument(
        "--atlas-labels",
        type=Path,
        metavar="TSV",
        help="names of the regions: columns index and name (a TSV of the atlas' name beside it)",
    )
    group.add_argument(
        "--export-code",
        action="store_true",
        help="write scripts that give each backend's maps in the package itself, without bidsglm",
    )
    group.add_argument(
        "--underlay",
        choices=("bold", "t1w"),
        default="bold",
        help="what pages lay the maps on: the mean bold image, or fMRIPrep's T1w in its space (bold)",
    )
    group.add_argument(
        "--calibrate",
        type=Count(MOST_DATA_SETS),
        metavar="N",
        help="false and true positives of both packages on N simulated data sets of each kind (none)",
    )


def _add_execution(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how to run")
    group.add_argument("-w", "--work-dir", type=Path, metavar="DIR", help="for temporary files and caches")
    group.add_argument(
        "--n-procs",
        "--nprocs",
        "--n-cpus",
        type=Count(MOST_PROCESSES),
        metavar="N",
        help="cores to use: as many participants at the same time, with an equal share of them each"
        " (one participant after the other, on all cores)",
    )
    group.add_argument(
        "--omp-nthreads",
        type=Count(MOST_PROCESSES),
        metavar="N",
        help="most cores of one participant (its share of --n-procs)",
    )
    group.add_argument(
        "--mem",
        "--mem-mb",
        type=memory_size,
        metavar="SIZE",
        help="memory for all participants in work, 8G or in MB; with --scheduler, of each worker",
    )
    group.add_argument(
        "--scheduler",
        type=scheduler_address,
        metavar="ADDRESS",
        help="hand participants to a running Dask scheduler, tls://host:port",
    )
    group.add_argument(
        "--scheduler-tls",
        nargs=3,
        type=Path,
        metavar=("CA", "CERT", "KEY"),
        help="PEM files for the connection to the scheduler (those of Dask's configuration)",
    )
    group.add_argument("--overwrite", action="store_true", help="fit finished participants again")
    group.add_argument(
        "--reports-only", action="store_true", help="write the pages again from finished results"
    )
    group.add_argument(
        "--boilerplate-only", action="store_true", help="print and write the methods text, fit nothing"
    )
    group.add_argument("--dry-run", action="store_true", help="say what would be fitted, write nothing")
    group.add_argument(
        "--random-seed", type=seed, default=0, metavar="N", help="of everything drawn at random (0)"
    )
    group.add_argument("--stop-on-first-crash", action="store_true", help="start nobody else after a failure")
    group.add_argument("-v", "--verbose", action="count", default=0, help="say more")
    group.add_argument("-q", "--quiet", action="count", default=0, help="say less")
    group.add_argument("--notrack", action="store_true", help="accepted; nothing is ever collected")
    group.add_argument(
        "--bids-exec-spec",
        action="store_true",
        default=argparse.SUPPRESS,
        help="print the Boutiques descriptor; nothing else is done",
    )
    group.add_argument("--version", action="version", version=f"bidsglm {bidsglm.__version__}")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the three-positional form; `bidsglm demo OUTPUT_DIR` is dispatched before it."""
    parser = Parser(
        prog="bidsglm",
        usage="%(prog)s bids_dir output_dir {participant,group} [options]\n       %(prog)s demo output_dir\n"
        "       %(prog)s model bids_dir out.json | --check model.json [bids_dir] | --upgrade old.json",
        formatter_class=Formatter,
        allow_abbrev=False,
        description="Fit the same first-level model as SPM12, nilearn, AFNI and FSL do, and compare them.",
        epilog="What stands in brackets is what happens without the option. bidsglm demo output_dir writes "
        "a small synthetic data set and runs everything on it. Exit codes: 0 done; 64 wrong command line; "
        "65 data or model cannot be used; 66 no such input; 18 the filters match nothing.",
    )
    parser.add_argument("bids_dir", type=Path, help="raw BIDS data set")
    parser.add_argument("output_dir", type=Path, help="where the results go")
    parser.add_argument("analysis_level", help="participant (or subject), then group (or dataset)")
    add_filters(parser)
    add_model(parser)
    _add_group(parser)
    _add_add_on_options(parser)
    _add_execution(parser)
    return parser
