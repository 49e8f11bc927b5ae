"""What others left among the results is removed, and what a living process is writing stays."""

import os
import subprocess
import sys

import pytest

from bidsglm.outputs.temporary import ABANDONED, is_left_over, place


def test_file_of_a_living_process_of_this_machine_stays_until_nobody_can_be_at_it() -> None:
    name = f".{place()}-{os.getpid()}-ab.tmp"
    assert not is_left_over(name, age=1.0, lives=lambda pid: pid == os.getpid())
    assert is_left_over(name, age=1.0, lives=lambda pid: False)
    assert is_left_over(name, age=2 * ABANDONED, lives=lambda pid: True)


def test_file_without_a_process_number_is_nobodys_to_remove() -> None:
    assert not is_left_over(f".{place()}-words-ab.tmp", age=1.0, lives=lambda pid: False)


def test_process_is_asked_whether_it_lives_and_goes_on_undisturbed() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        name = f".{place()}-{process.pid}-ab.tmp"
        assert not is_left_over(name, age=1.0)
        # a signal that ends it would need a moment
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.communicate(b"\n")
    assert process.returncode == 0
    assert is_left_over(name, age=1.0)
