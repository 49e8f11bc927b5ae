"""Work over the cores of a process: the same results, no more threads than cores, errors as in turn."""

import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path

import pytest

from bidsglm.process.cores import (
    Errands,
    aside,
    attempted,
    available_cores,
    begun,
    borrowed_core,
    cores_of_each,
    each,
    errands,
    use_cores,
)
from bidsglm.settings import Settings
from bidsglm.unit.library_warnings import noted_warnings

PATIENCE = 30.0
"""s for another thread to get its turn"""
asked: ContextVar[str] = ContextVar("asked")


@pytest.fixture(autouse=True)
def one_core_afterwards() -> Iterator[None]:
    yield
    use_cores(1)


class Busy:
    """Counts how many are at work at the same time."""

    def __init__(self) -> None:
        self._lock, self._now = threading.Lock(), 0
        self.most = 0

    def work(self, _: object = None) -> threading.Thread:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.02)
        with self._lock:
            self._now -= 1
        return threading.current_thread()


def meeting(n: int) -> Callable[[object], object]:
    """Work that only ends once so many are at it at the same time."""
    barrier = threading.Barrier(n)
    return lambda _: barrier.wait(PATIENCE)


def test_one_core_works_in_turn_in_the_callers_thread() -> None:
    assert set(each(Busy().work, range(4))) == {threading.current_thread()}
    with aside(threading.current_thread) as found:
        assert found() is threading.current_thread()


@pytest.mark.parametrize("n_cores", [2, 3])
def test_as_many_work_at_the_same_time_as_there_are_cores(n_cores: int) -> None:
    use_cores(n_cores)
    each(meeting(n_cores), range(n_cores))


def test_work_inside_work_and_beside_it_keeps_to_the_cores() -> None:
    use_cores(2)
    busy = Busy()
    with errands() as sent, aside(lambda: each(busy.work, range(6))) as found:
        for _ in range(6):
            sent.do(lambda: busy.work() and None)
        each(lambda _: each(busy.work, range(3)), range(3))
        found()
    assert busy.most == 2


def test_threads_change_sooner_on_several_cores() -> None:
    usual = sys.getswitchinterval()
    use_cores(2)
    sooner = sys.getswitchinterval()
    use_cores(1)
    assert sooner < usual / 10
    assert sys.getswitchinterval() == usual


def test_a_core_that_waits_is_lent() -> None:
    use_cores(2)
    busy, started = Busy(), threading.Event()

    def work(n: int) -> None:
        started.set()
        busy.work(n)

    with aside(lambda: each(work, range(50))) as found:
        started.wait(PATIENCE)
        found()
    assert busy.most == 2


def test_results_have_the_order_of_the_items() -> None:
    use_cores(4)
    assert each(lambda n: time.sleep(0.01 * (4 - n)) or n, range(5)) == list(range(5))


@pytest.mark.parametrize("n_cores", [1, 3])
def test_first_error_in_order_is_raised_and_nothing_is_begun_behind_it(n_cores: int) -> None:
    use_cores(n_cores)
    begun = []

    def fail(n: int) -> None:
        begun.append(n)
        if n in (1, 2):
            time.sleep(0.05 * (3 - n))
            raise ValueError(f"item {n}")
        time.sleep(0.05)

    with pytest.raises(ValueError, match="item 1"):
        each(fail, range(50))
    assert len(begun) < 25


@pytest.mark.parametrize("n_cores", [1, 2])
def test_error_of_side_work_is_raised_where_its_result_is_asked_for(n_cores: int) -> None:
    use_cores(n_cores)
    with aside(lambda: 1 // 0) as found, pytest.raises(ZeroDivisionError):
        found()


@pytest.mark.parametrize("n_cores", [1, 2])
def test_a_call_is_begun_at_once_and_its_error_is_raised_where_its_result_is_asked_for(n_cores: int) -> None:
    use_cores(n_cores)
    over, made = threading.Event(), []

    def call() -> None:
        made.append(threading.current_thread().name)
        assert n_cores == 1 or over.wait(PATIENCE)
        raise ZeroDivisionError

    result = begun(call)
    over.set()
    with pytest.raises(ZeroDivisionError):
        result()
    assert made == ["MainThread" if n_cores == 1 else "core"]


def test_side_work_has_ended_when_its_block_fails() -> None:
    use_cores(2)
    ended = []
    with pytest.raises(KeyError), aside(lambda: time.sleep(0.05) or ended.append(1)):
        raise KeyError
    assert ended == [1]


@pytest.mark.parametrize("n_cores", [1, 2])
def test_failed_errand_fails_its_block(n_cores: int) -> None:
    use_cores(n_cores)
    with pytest.raises(ZeroDivisionError), errands() as sent:
        sent.do(lambda: 1 // 0 and None)


def test_errands_have_ended_when_their_block_fails() -> None:
    use_cores(2)
    ended = []

    def fail() -> None:
        with errands() as sent:
            sent.do(lambda: time.sleep(0.05) or ended.append(1))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert ended == [1]


def test_cores_are_free_again_after_errors() -> None:
    use_cores(2)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            each(lambda n: 1 // n, [0, 0, 0])
        failed = Errands()
        failed.do(lambda: 1 // 0 and None)
        with pytest.raises(ZeroDivisionError):
            failed.wait()
    each(meeting(2), range(2))


def test_what_is_set_for_the_caller_is_set_for_its_threads() -> None:
    use_cores(2)
    asked.set("here")
    together = meeting(2)
    assert each(lambda n: (together(n), asked.get())[1], range(2)) == ["here", "here"]


def test_attempt_keeps_its_error_until_it_is_asked() -> None:
    failed = attempted(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        failed.result()
    assert attempted(lambda: 3).result() == 3


def test_threads_keep_their_warnings_apart() -> None:
    use_cores(2)
    together, notes = meeting(2), list[str]()
    own: dict[str, list[str]] = {"one": [], "two": []}

    def warn(name: str) -> None:
        with noted_warnings(own[name]):
            together(name)
            warnings.warn(name, stacklevel=1)
            together(name)

    with noted_warnings(notes):
        each(warn, own)
        warnings.warn("both", stacklevel=1)
    assert own == {"one": ["one"], "two": ["two"]}
    assert notes == ["both"]


@pytest.mark.parametrize(
    ("n_procs", "omp_nthreads", "n_participants", "expected"),
    [
        (2, None, 1, 2),  # both cores for the one there is
        (2, None, 2, 1),
        (2, None, 9, 1),
        (8, None, 3, 2),
        (8, 1, 3, 1),
        (2, 8, 2, 1),  # --n-procs bounds all together
        (1, None, 1, 1),
        (1, 4, 1, 1),
        (None, 4, 3, 4),
        (None, 1, 1, 1),
        (None, None, 5, available_cores()),
    ],
)
def test_cores_of_a_participant(
    n_procs: int | None, omp_nthreads: int | None, n_participants: int, expected: int
) -> None:
    settings = Settings(Path(), Path(), "participant", n_procs=n_procs, omp_nthreads=omp_nthreads)
    assert cores_of_each(settings, n_participants) == expected


def test_core_is_borrowed_once_and_given_back() -> None:
    use_cores(2)
    with borrowed_core() as first, borrowed_core() as second:
        assert (first, second) == (True, False)
    each(meeting(2), range(2))
