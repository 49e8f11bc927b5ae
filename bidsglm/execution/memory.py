"""How much memory a participant needs, and who may start beside whom."""

from collections.abc import Sequence
from typing import NamedTuple

from bidsglm.errors import TryLaterError
from bidsglm.messages import LOG
from bidsglm.outputs.failures import Outcome, failed_outcome
from bidsglm.participant import record_death
from bidsglm.settings import Settings
from bidsglm.unit.memory import BASE, Need, largest_need, refusal, size
from bidsglm.unit.models import Units, units_with_models


class Demand(NamedTuple):
    """What a participant takes, and what was found on the way: listing files twice takes twice as long."""

    need: Need
    units: Units | None = None
    """With their models; None where nobody looked, or something is wrong with them"""


def demand(settings: Settings, label: str, alone: bool = False) -> Demand:
    """Estimate the most memory that a participant takes.

    One whose data cannot be read counts as small: the participant's own run will say what is wrong.
    """
    try:
        units = tuple(units_with_models(settings, label))
        return Demand(largest_need(units, settings, alone), units)
    except Exception:
        return Demand(Need(int(BASE)))


def refused(settings: Settings, label: str, need: Need, limit: str) -> Outcome:
    """Outcome of a participant who does not fit, noted in the page too."""
    message = f"sub-{label}: {refusal(need, limit)}"
    record_death(settings, label, message, TryLaterError.exit_code)
    return failed_outcome(label, message, TryLaterError.exit_code)


class MemoryBound:
    """Keeps participants in work within --mem; without it everybody may start."""

    def __init__(self, settings: Settings, alone: bool = False) -> None:
        self.settings, self._alone = settings, alone
        self._demands: dict[str, Demand] = {}
        self._told = False

    def need(self, label: str) -> Need:
        """Estimated memory of a participant, 0 where nothing bounds it."""
        if self.settings.mem is None:
            return Need(0)
        if label not in self._demands:
            self._demands[label] = demand(self.settings, label, self._alone)
        return self._demands[label].need

    def units(self, label: str) -> Units | None:
        """Give a participant's units away, where they were found on the way."""
        found = self._demands.get(label)
        if found is None:
            return None
        self._demands[label] = Demand(found.need)  # thousands of participants are not kept in memory
        return found.units

    def refusal(self, label: str) -> Outcome | None:
        """Outcome of a participant who does not fit even alone; None for one who does."""
        need, mem = self.need(label), self.settings.mem
        if mem is None or need.n_bytes <= mem:
            return None
        return refused(self.settings, label, need, f"--mem {size(mem)}")

    def may_start(self, label: str, at_work: Sequence[str]) -> bool:
        """Whether a participant fits beside those in work."""
        mem = self.settings.mem
        if mem is None or not at_work:
            return True
        total = self.need(label).n_bytes + sum(self.need(other).n_bytes for other in at_work)
        if total > mem and not self._told:
            self._told = True
            LOG.warning(
                "--mem %s: fewer participants at once than --n-procs %d, about %s each",
                size(mem),
                self.settings.n_processes,
                size(self.need(label).n_bytes),
            )
        return total <= mem
