"""One participant in a process of its own, asked for through a pipe: `python -m bidsglm.execution.child`.

A Dask worker does participants so and not in its own threads: what they change of a process (warnings,
figures, threads of BLAS) stays theirs, their memory goes back when they end, and they can be ended.
"""

import os
import pickle
import sys
import threading
from pathlib import Path
from typing import BinaryIO, NamedTuple

from bidsglm.errors import EXIT_FAILED
from bidsglm.process.scipy_start import without_notes
from bidsglm.process.signals import end_at_once
from bidsglm.settings import Settings
from bidsglm.unit.models import Units


class Request(NamedTuple):
    """What the process is asked for."""

    settings: Settings
    label: str
    """Participant, without prefix"""
    log_dir: Path
    folder: Path
    """Working folder of the process that asks; relative paths count from there."""
    units: Units | None = None
    """The participant's, where they are known"""


def _end_with_parent(stream: BinaryIO) -> None:
    """End this process when the one that asked is gone: its end of the pipe closes."""
    stream.read()
    end_at_once(EXIT_FAILED)


def main() -> None:
    """Read the request, do the participant, write the outcome."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get into the answer
    request: Request = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_parent, args=(sys.stdin.buffer,), daemon=True).start()
    without_notes()
    from bidsglm.messages import start_log
    from bidsglm.participant import run_participant
    from bidsglm.process.cores import use_cores
    from bidsglm.process.workplace import bound_threads, work_dir_in_use

    settings = request.settings
    bound_threads(1)
    use_cores(settings.omp_nthreads or 1)
    with work_dir_in_use(settings.work_dir, settings.bids_dir, settings.output_dir):
        start_log(settings.verbosity, request.log_dir)
        outcome = run_participant(settings, request.label, request.units)
    answer.write(pickle.dumps(outcome))
    answer.close()
    os._exit(0)  # the thread waits for the pipe


if __name__ == "__main__":
    main()
