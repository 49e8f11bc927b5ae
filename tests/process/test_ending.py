"""A process of bidsglm ends at once, and well."""

import subprocess
import sys

import pytest


def end_of_a_process(before: str) -> subprocess.CompletedProcess[str]:
    """What a process prints that runs bidsglm --version in the end."""
    script = (
        f"import atexit, sys, threading, time\n{before}\n"
        "from bidsglm import cli\n"
        "sys.argv = ['bidsglm', '--version']\n"
        "cli.run()\n"
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_what_a_process_holds_is_not_freed_piece_by_piece() -> None:
    ended = end_of_a_process("class Held:\n    def __del__(self): print('freed', flush=True)\nheld = Held()")
    assert ended.returncode == 0
    assert ended.stdout.startswith("bidsglm")
    assert "freed" not in ended.stdout


def test_what_is_to_be_called_at_the_end_is_called() -> None:
    ended = end_of_a_process("atexit.register(lambda: print('called', flush=True))")
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1] == "called"


def test_a_thread_that_still_works_is_waited_for() -> None:
    ended = end_of_a_process(
        "def work():\n    time.sleep(1)\n    print('done', flush=True)\nthreading.Thread(target=work).start()"
    )
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1] == "done"


@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), (["nowhere", "out", "participant"], 66)])
def test_the_exit_code_is_that_of_the_run(words: list[str], code: int) -> None:
    script = f"import sys; from bidsglm import cli; sys.argv = {['bidsglm', *words]}; cli.run()"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == code


def test_all_that_was_printed_arrives_in_a_pipe() -> None:
    script = (
        "from bidsglm import cli\n"
        "cli._main = lambda words: print('line\\n' * 100_000, end='') or 0\n"
        "cli.run()"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.stdout.count("line") == 100_000
