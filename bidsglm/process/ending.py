"""The end of a process, without taking apart what goes with it."""

import atexit
import os
import threading
from typing import NoReturn


def end_process(code: int) -> NoReturn:
    """End the process with an exit code, without freeing a million objects one by one first.

    That takes half a second, as long as a small analysis. What others have asked to be called at the end is
    called. Threads that are to be waited for are: then the interpreter ends the usual way. The standard
    streams must have been flushed.
    """
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        raise SystemExit(code)
    atexit._run_exitfuncs()
    os._exit(code)
