"""The words behind `bidsglm maps`."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from bidsglm.errors import UsageError
from bidsglm.maps.agreement import ComparedMaps, MapChoice, MapSide, compared_maps
from bidsglm.maps.kinds import CHOICES, kind_of_map
from bidsglm.maps.page import PAGE, RESULTS, SUMMARY, PageWords, write_maps
from bidsglm.maps.reading import read_image
from bidsglm.outputs.confinement import confined_to
from bidsglm.outputs.writes import check_free, create_folder
from bidsglm.packages import title
from bidsglm.parser import Formatter, Parser, hyphenated
from bidsglm.report.two_maps import verdict

USAGE = (
    "bidsglm maps A.nii.gz B.nii.gz OUT [--labels A B] [--mask FILE] [--stat {t,F,z,effect}]"
    " [--dof N [N]] [--resample] [--overwrite]"
)
LONGEST_LABEL = 40
ENDING = re.compile(r"\.(nii|img|hdr)(\.gz)?$", re.IGNORECASE)


def build_maps_parser() -> argparse.ArgumentParser:
    """The parser of `bidsglm maps`."""
    parser = Parser(
        prog="bidsglm maps",
        usage=USAGE,
        formatter_class=Formatter,
        allow_abbrev=False,
        description="Compare two maps, whoever made them: how well they agree, pictures, and a viewer that "
        "shows both and their difference at one place. Nothing of theirs is changed.",
    )
    parser.add_argument("first", type=Path, metavar="A", help="a map: .nii, .nii.gz, or a pair .hdr and .img")
    parser.add_argument("second", type=Path, metavar="B", help="the other one; differences are A minus B")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the results, new or empty")
    parser.add_argument(
        "--labels", nargs=2, metavar="NAME", help="what A and B are called (their file names)"
    )
    parser.add_argument("--mask", type=Path, metavar="FILE", help="look at the voxels where this is above 0")
    parser.add_argument("--stat", choices=CHOICES, help="what both maps are of (as headers and names say)")
    parser.add_argument(
        "--dof",
        nargs="+",
        type=_degrees,
        default=[],
        metavar="N",
        help="degrees of freedom of both, or of A and of B; of F two with a comma between, as 2,83",
    )
    parser.add_argument(
        "--resample", action="store_true", help="bring what is on another grid onto that of A (trilinear)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier comparison")
    return parser


def _degrees(word: str) -> tuple[float, ...]:
    """Degrees of freedom of a map.

    >>> _degrees("2,83")
    (2.0, 83.0)
    """
    try:
        found = tuple(float(part) for part in word.split(","))
    except ValueError:
        found = ()
    if len(found) not in (1, 2) or not all(0 < value < float("inf") for value in found):
        raise argparse.ArgumentTypeError(f"{word!r} is no number above 0, nor two with a comma between")
    return found


def main(words: Sequence[str]) -> int:
    """`bidsglm maps ...`; returns the exit code."""
    parser = build_maps_parser()
    arguments = parser.parse_args(hyphenated(words))
    if len(arguments.dof) > 2:
        parser.error("--dof: one for both maps, or two")
    found = _compared(arguments)
    labels = found.sides[0].label, found.sides[1].label
    check_free(arguments.out, SUMMARY, RESULTS, arguments.overwrite)
    with confined_to(arguments.out):
        create_folder(arguments.out)
        lead = tuple(f"{side.label}: {side.image.name}" for side in found.sides)
        write_maps(arguments.out, PageWords(f"{labels[0]} and {labels[1]}", lead, labels), [found])
    print(verdict(found.row, labels))
    for note in found.notes:
        print(f"  {note}")
    print(f"The page: {arguments.out / PAGE}")
    sys.stdout.flush()
    return 0


def _compared(arguments: argparse.Namespace) -> ComparedMaps:
    images = read_image(arguments.first), read_image(arguments.second)
    if arguments.first.samefile(arguments.second):
        raise UsageError(f"{arguments.second}: is the same file as {arguments.first}; give two maps")
    labels = labels_of(arguments.labels, (arguments.first, arguments.second))
    mask = read_image(arguments.mask) if arguments.mask else None
    degrees = [*arguments.dof, *arguments.dof, (), ()][:2]
    first, second = (
        MapSide(label, image, kind_of_map(image.name, image.facts, arguments.stat, dof))
        for label, image, dof in zip(labels, images, degrees, strict=True)
    )
    return compared_maps(first, second, MapChoice(mask=mask, resample=arguments.resample))


def labels_of(given: Sequence[str] | None, paths: tuple[Path, Path]) -> tuple[str, str]:
    """What both maps are called: as given, by what their file names differ in, or by their folders too.

    Raises
    ------
    UsageError
        Both are called the same, or by what no page can show.

    >>> labels_of(None, (Path("a/t.nii"), Path("b/t.nii.gz")))
    ('a/t', 'b/t')
    >>> labels_of(None, (Path("task-y_desc-spm_statmap.nii"), Path("task-y_desc-x_statmap.nii")))
    ('SPM', 'x')
    """
    if given is None:
        names = _distinct([ENDING.sub("", path.name) for path in paths])
        if names[0] == names[1]:
            names = [f"{path.absolute().parent.name}/{name}" for path, name in zip(paths, names, strict=True)]
        if names[0] == names[1]:
            names = [f"{name} ({letter})" for name, letter in zip(names, "AB", strict=True)]
        given = [name if len(name) <= LONGEST_LABEL else f"…{name[1 - LONGEST_LABEL :]}" for name in names]
    first, second = (" ".join(label.split()) for label in given)
    for label in (first, second):
        if not label or len(label) > LONGEST_LABEL or not label.isprintable():
            raise UsageError(
                f"--labels: {label[:LONGEST_LABEL]!r} is no label; give 1 to {LONGEST_LABEL} characters"
            )
    if first.casefold() == second.casefold():
        raise UsageError(f"--labels: both maps are called {first!r}; give two names")
    return first, second


def _distinct(names: list[str]) -> list[str]:
    """Values of the BIDS entities that two names differ in; the names where they differ in more."""
    parts = [dict.fromkeys(name.split("_")) for name in names]
    own = [[part for part in parts[i] if part not in parts[1 - i]] for i in (0, 1)]
    keys = [[part.partition("-")[0] for part in parts] for parts in own]
    if not own[0] or keys[0] != keys[1] or not all("-" in part for part in (*own[0], *own[1])):
        return names
    return [" ".join(title(part.partition("-")[2]) for part in parts) for parts in own]
