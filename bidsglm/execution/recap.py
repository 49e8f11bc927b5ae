"""How the participants ended: as they come, and at the end."""

import logging
from collections.abc import Iterator, Sequence

from bidsglm.errors import joint_code
from bidsglm.messages import LOG, progress_bar
from bidsglm.outputs.failures import Outcome


def collected(outcomes: Iterator[Outcome], total: int, stop_on_first_crash: bool) -> list[Outcome]:
    """All outcomes, each told as it comes; or those up to the first failure.

    A participant whom another job holds ends the run: going on would mix two jobs' settings in one folder.
    """
    done = []
    with progress_bar(total) as advance:
        for outcome in outcomes:
            done.append(outcome)
            advance()
            level = logging.ERROR if outcome.state == "failed" else logging.INFO
            LOG.log(level, "%s", outcome.message)
            if outcome.held or (stop_on_first_crash and outcome.state == "failed"):
                break
    return done


def recap(outcomes: Sequence[Outcome], total: int) -> int:
    """Say how the participants ended; returns the exit code."""
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    counts = {state: sum(o.state == state for o in outcomes) for state in ("finished", "skipped", "failed")}
    left = total - len(outcomes)
    LOG.log(
        logging.WARNING if failed else logging.INFO,
        "%d finished, %d already there, %d failed%s",
        counts["finished"],
        counts["skipped"],
        counts["failed"],
        f", {left} not started" if left else "",
    )
    if total > 1:
        for outcome in failed:
            LOG.error("failed: %s", outcome.message)
    return joint_code(outcome.exit_code for outcome in failed)
