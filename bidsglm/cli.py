"""The command line: arguments -> Settings -> exit code."""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from bidsglm.errors import (
    EXIT_FAILED,
    NoInputError,
    UnknownLevelError,
    UsageError,
    foreseen,
    one_line,
)
from bidsglm.option_values import secured_address
from bidsglm.options import ALL, FILTER_KEYS, LEVELS, build_parser, check_level
from bidsglm.outputs.confinement import confined_to
from bidsglm.packages import PACKAGES, REFERENCE, in_order
from bidsglm.parser import hyphenated
from bidsglm.process.ending import end_process
from bidsglm.process.imports import uncollected
from bidsglm.process.scipy_start import without_notes
from bidsglm.process.signals import ended_by_signals
from bidsglm.process.streams import say, with_streams
from bidsglm.process.workplace import work_dir_in_use
from bidsglm.settings import Settings


def _filters(path: Path | None) -> dict[str, dict[str, object]]:
    """Read the BIDS filter file, if there is one."""
    if path is None:
        return {}
    from bidsglm.dataset.filter_file import read_filters

    return read_filters(path, FILTER_KEYS)


def _scheduler(arguments: argparse.Namespace) -> str | None:
    """Address of the scheduler; certificates make the connection an encrypted one.

    Raises
    ------
    UsageError
        When there are certificates and no scheduler.
    """
    address: str | None = arguments.scheduler
    if not arguments.scheduler_tls:
        return address
    if address is None:
        raise UsageError("--scheduler-tls: needs --scheduler; give its address")
    return secured_address(address)


def _backends(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Packages to fit, in the order of the table.

    Raises
    ------
    UsageError
        The reference is not among them.
    """
    asked = PACKAGES if ALL in arguments.backends else arguments.backends
    found = in_order(asked)
    # a single package has nothing to be compared with, and a group's packages are those of its participants
    fits = LEVELS[arguments.analysis_level] == "participant" and len(found) > 1
    if fits and arguments.reference is not None and arguments.reference not in found:
        raise UsageError(
            f"--reference {arguments.reference} is not among --backends {' '.join(found)}; add it there"
        )
    return found


def _settings(arguments: argparse.Namespace) -> Settings:
    """The parsed command line as a record."""
    names = {field.name for field in fields(Settings)}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in vars(arguments).items()
        if name in names
    }
    given |= {
        "level": LEVELS[arguments.analysis_level],
        "participant_labels": tuple(dict.fromkeys(arguments.participant_label)),
        "session_labels": tuple(arguments.session_label),
        "task_labels": tuple(arguments.task_label),
        "run_labels": tuple(arguments.run_label),
        "bids_filters": _filters(arguments.bids_filter_file),
        "backends": _backends(arguments),
        "reference": arguments.reference or REFERENCE,
        "reference_asked": arguments.reference is not None,
        "scheduler": _scheduler(arguments),
        "attribution": not arguments.no_attribution,
        "verbosity": arguments.verbose - arguments.quiet,
    }
    return Settings(**given)


def _run(settings: Settings) -> int:
    """Run a level; the modules that need more than the command line are imported only here."""
    with uncollected("bidsglm.dataset.destination"):
        without_notes()
        from bidsglm.dataset.destination import check_destination

        if settings.level == "group":
            from bidsglm.group_level import run_group as run_level
        else:
            from bidsglm.execution.level import run_participants as run_level
    check_destination(settings)
    spare = None if settings.dry_run else settings.output_dir
    confined = confined_to(settings.output_dir)
    with confined, work_dir_in_use(settings.work_dir, settings.bids_dir, spare):
        return run_level(settings)


def is_command(name: str, words: Sequence[str]) -> bool:
    """Whether a command is wanted, and not the analysis of a data set in a folder of its name.

    >>> is_command("demo", ["demo", "out"]), is_command("demo", ["demo", "out", "participant"])
    (True, False)
    """
    return list(words[:1]) == [name] and not any(level in words[2:3] for level in LEVELS)


def asks_for_descriptor(words: Sequence[str]) -> bool:
    """Whether the Boutiques descriptor is to be printed, which needs no data set.

    >>> asks_for_descriptor(["--bids_exec_spec"]), asks_for_descriptor(["in", "out", "participant"])
    (True, False)
    """
    return "--bids-exec-spec" in hyphenated(words)


def main(argv: Sequence[str] | None = None) -> int:
    """Run bidsglm with command-line arguments; returns the exit code.

    Without arguments it is the process's own command line, and signals end the process.
    """
    if argv is not None:
        return _main(argv)
    with ended_by_signals():
        return with_streams(lambda: _main(sys.argv[1:]))


def run() -> NoReturn:
    """Run bidsglm as a process of its own, which ends with it."""
    end_process(main())


def _check_text(words: Sequence[str]) -> None:
    """Refuse what no file of results can hold: bytes that are no UTF-8, here or in the working folder."""
    try:
        here = os.getcwd()
    except OSError:
        raise NoInputError(
            "the working folder no longer exists; change into one that does, and run the same command again"
        ) from None
    for word in (*words, here):
        if not word.isascii() and word != word.encode(errors="replace").decode():
            raise UsageError(f"{word}: is not UTF-8 text; rename the folder or file, or give a link to it")


def _sub_command(words: Sequence[str]) -> int | None:
    """Run what stands in place of an analysis; None where nothing does."""
    if is_command("demo", words):
        from bidsglm.demo.command import main as demo

        return demo(list(words[1:]), main)
    if is_command("model", words):
        from bidsglm.authoring.command import main as model

        return model(words[1:], _settings)
    if is_command("check", words):
        from bidsglm.check.command import main as check

        return check(words[1:])
    if is_command("maps", words):
        from bidsglm.maps.command import main as maps

        return maps(words[1:])
    return None


def _main(words: Sequence[str]) -> int:
    try:
        _check_text(words)
        if (done := _sub_command(words)) is not None:
            return done
        if asks_for_descriptor(words):
            from bidsglm.descriptor import descriptor_text

            print(descriptor_text(), end="")
            return 0
        parser = build_parser()
        arguments = parser.parse_args(hyphenated(words))
        if arguments.analysis_level not in LEVELS:
            raise UnknownLevelError(
                f"unknown analysis level {arguments.analysis_level!r}; behind bids_dir and output_dir comes "
                f"one of {', '.join(LEVELS)}"
            )
        check_level(arguments, parser)
        return _run(_settings(arguments))
    except BrokenPipeError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None and error.errno == errno.ENOSPC:
            raise  # of standard output: a file's error has its name
        return _said(error)
    except KeyboardInterrupt:
        say("bidsglm: interrupted; finished participants are kept, run the same command to go on")
        return EXIT_FAILED


def _said(error: Exception) -> int:
    """Say in one line what went wrong; returns the exit code."""
    known = foreseen(error)
    if known is not None:
        say(f"bidsglm: {known}")
        return known.exit_code
    from bidsglm.messages import log_traceback

    log_traceback("unexpected error")
    say(
        f"bidsglm: unexpected {type(error).__name__}: {one_line(str(error))}; please report it with the log "
        "folder"
    )
    return EXIT_FAILED
