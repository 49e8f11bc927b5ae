"""The parser of every command: its help, its exit code for a wrong line, and the spellings it takes."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from bidsglm.errors import UsageError
from bidsglm.statsmodel.nearest import hint

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


WIDTH = 100
"""Characters of a line of the help; longer ones are hard to read."""
HELP_COLUMN = 36
"""Where the explanations begin."""


class Formatter(argparse.HelpFormatter):
    """Help with all spellings of an option on one line and its value once behind them."""

    def __init__(self, prog: str) -> None:
        width = min(shutil.get_terminal_size().columns - 2, WIDTH)
        super().__init__(prog, max_help_position=HELP_COLUMN, width=width)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        if isinstance(action.metavar, tuple):
            return f"{', '.join(action.option_strings)} {' '.join(action.metavar)}"
        value = action.metavar or f"{{{','.join(map(str, action.choices or ()))}}}"
        several = " ..." if action.nargs in ("+", "*") else ""
        return f"{', '.join(action.option_strings)} {value}{several}"


class Parser(argparse.ArgumentParser):
    """argparse with the BIDS Apps exit code for a wrong command line."""

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        """Print; argparse would keep quiet about an output that is full."""
        if message:
            (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """Raise what ends the program with code 64."""
        raise UsageError(f"{message} (see {self.prog} --help)")

    def parse_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """Parse, and name the nearest option for a word that is none."""
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._nearest(unknown[0])}")
        return parsed

    def _nearest(self, word: str) -> str:
        option = word.partition("=")[0]
        known = [name for name in self._option_string_actions if name.startswith("--")]
        begun = [name for name in known if len(option) > len("--x") and name.startswith(option)]
        return hint(option, begun or known) if option.startswith("--") else ""


def hyphenated(argv: Sequence[str]) -> list[str]:
    """Long options in one spelling: underscores become hyphens, values stay.

    `-Inf` is tied to its option, since argparse would take it for one.

    >>> hyphenated(["--participant_label", "a_b", "--work_dir=/x_y", "--mask-threshold", "-Inf"])
    ['--participant-label', 'a_b', '--work-dir=/x_y', '--mask-threshold=-Inf']
    """
    spelled: list[str] = []
    for word in argv:
        if word.lower() == "-inf" and spelled[-1:] == ["--mask-threshold"]:
            spelled[-1] += f"={word}"
            continue
        if word.startswith("--"):
            option, separator, value = word.partition("=")
            word = option.replace("_", "-") + separator + value
        spelled.append(word)
    return spelled
