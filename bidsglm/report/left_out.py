"""Contrasts that the design makes arbitrary: what the verdict over participants leaves out, and why."""

from collections.abc import Mapping
from typing import NamedTuple

from bidsglm.report.wording import listed


class ArbitraryContrasts(NamedTuple):
    """Contrasts of conditions alone that together fill the run, in at least half of the participants."""

    contrasts: Mapping[str, str] = {}
    """Label -> name"""
    n_all: int = 0
    """Contrasts, these among them"""

    @property
    def is_all(self) -> bool:
        """Whether the design determines none."""
        return 0 < len(self.contrasts) == self.n_all

    @property
    def sentence(self) -> str:
        """How many are left out, and why; empty where none is.

        >>> print(ArbitraryContrasts({"go": "go", "rest": "rest"}, 3).sentence)
        2 of 3 contrasts (go and rest) are left out of the verdict and its medians: their conditions \
        together fill the run, so that the data do not determine their effects.
        """
        n = len(self.contrasts)
        if not n:
            return ""
        verb, effects = ("is", "its effect") if n == 1 else ("are", "their effects")
        if self.is_all:
            return (
                "The conditions of every contrast together fill the run, so that the data do not determine"
                " its effect; what stands here describes the maps and decides nothing."
            )
        return (
            f"{n} of {self.n_all} contrasts ({listed(list(self.contrasts.values()))}) {verb} left out of the"
            " verdict and its medians: their conditions together fill the run, so that the data do not"
            f" determine {effects}."
        )
