"""The words behind `bidsglm model`, and which of its three tasks they ask for."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bidsglm.authoring.check import explain_model
from bidsglm.authoring.writing import write_automatic, write_upgraded
from bidsglm.option_values import label_of
from bidsglm.options import add_filters, add_model, build_parser
from bidsglm.parser import Formatter, Parser, hyphenated
from bidsglm.settings import Settings
from bidsglm.statsmodel.json_schema import json_schema_text

USAGE = """bidsglm model BIDS_DIR OUT.json [--task LABEL] [options of the automatic model]
       bidsglm model --check FILE [BIDS_DIR] [--figure design.svg] [options]
       bidsglm model --upgrade OLD.json [NEW.json]
       bidsglm model --schema"""


def build_model_parser() -> argparse.ArgumentParser:
    """The parser of `bidsglm model`."""
    parser = Parser(
        prog="bidsglm model",
        usage=USAGE,
        formatter_class=Formatter,
        allow_abbrev=False,
        description="Write the automatic model of a task for editing, say in words what a model file would "
        "do, or write a model of the form before 1.0 (Steps) in that of 1.0.",
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="PATH", help="as in the lines above")
    parser.add_argument("--check", type=Path, metavar="FILE", help="say what this model would do")
    parser.add_argument("--upgrade", type=Path, metavar="OLD", help="write this model in the form of 1.0")
    parser.add_argument("--figure", type=Path, metavar="SVG", help="with --check: draw the design of a run")
    parser.add_argument(
        "--schema", action="store_true", help="print the language as JSON Schema, for editors"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    parser.add_argument(
        "--task", nargs="+", type=label_of("task"), default=[], metavar="LABEL", help="as --task-label"
    )
    add_filters(parser)
    add_model(parser)
    return parser


SettingsOf = Callable[[argparse.Namespace], Settings]
"""The command line's own way from its options to a record"""


def main(words: Sequence[str], settings_of: SettingsOf) -> int:
    """`bidsglm model ...`; returns the exit code."""
    parser = build_model_parser()
    arguments = parser.parse_intermixed_args(hyphenated(words))
    files: list[Path] = arguments.files
    if arguments.schema:
        print(json_schema_text(), end="")
        return 0
    if arguments.model is not None:
        parser.error("--model has no place here: --check FILE explains a model file")
    if arguments.figure and not (arguments.check and files):
        parser.error("--figure draws the design of a run: give --check FILE and BIDS_DIR with it")
    if arguments.check and arguments.upgrade:
        parser.error("give --check or --upgrade, not both")
    if arguments.upgrade:
        _expect(parser, files, 0, 1, "behind --upgrade OLD.json comes at most NEW.json")
        print(write_upgraded(arguments.upgrade, files[0] if files else None, arguments.overwrite), end="")
    elif arguments.check:
        _expect(parser, files, 0, 1, "behind --check FILE comes at most BIDS_DIR")
        settings = settings_of(_completed(arguments, files[0] if files else Path(), arguments.check))
        print(explain_model(settings, bool(files), arguments.figure))
    else:
        _expect(parser, files, 2, 2, "give BIDS_DIR and OUT.json, or --check FILE, or --upgrade OLD.json")
        settings = settings_of(_completed(arguments, files[0], None))
        print(write_automatic(settings, files[1], arguments.overwrite))
    sys.stdout.flush()
    return 0


def _expect(parser: argparse.ArgumentParser, files: list[Path], least: int, most: int, text: str) -> None:
    if not least <= len(files) <= most:
        parser.error(text)


def _completed(arguments: argparse.Namespace, bids_dir: Path, model: Path | None) -> argparse.Namespace:
    """The words for `model` with what else the participant level would be told."""
    task = {"task_label": [*arguments.task, *arguments.task_label]}
    whole = build_parser().parse_args([str(bids_dir), ".", "participant"])
    return argparse.Namespace(
        **{**vars(whole), **vars(arguments), **task, "bids_dir": bids_dir, "model": model}
    )
