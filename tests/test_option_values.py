"""Sizes, addresses and numbers of the command line at their limits; what is said while it runs."""

import argparse
import logging
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from bidsglm import option_values
from bidsglm.messages import LOG, log_level, log_traceback, progress_bar, start_log
from bidsglm.option_values import LARGEST_MEMORY, memory_size, scheduler_address, secured_address
from bidsglm.packages import PACKAGES, titles
from bidsglm.pairs import DEFAULT_PAIR, Pair, base_of, every_pair, pair_of, pairs_of


@pytest.mark.parametrize(
    ("read", "word", "value"),
    [
        (memory_size, "1", 1_000_000),
        (memory_size, "1k", 1000),
        (memory_size, "2KiB", 2048),
        (memory_size, "0.5 GB", 500_000_000),
        (memory_size, " 1T ", 10**12),
        (memory_size, f"{LARGEST_MEMORY // 1024}KiB", LARGEST_MEMORY),
        (scheduler_address, "tls://node7:1", "tls://node7:1"),
        (scheduler_address, "node7:65535", "tcp://node7:65535"),
        (secured_address, "ws://a:1", "wss://a:1"),
        (secured_address, "ucx://a:1", "ucx://a:1"),
        (option_values.Count(12), "12", 12),
        (option_values.Count(12), "1", 1),
        (option_values.Amount(5.5), "5.5", 5.5),
        (option_values.Amount(5.5), "0", 0.0),
        (option_values.seed, "0", 0),
        (option_values.seed, str(2**32 - 1), 2**32 - 1),
        (option_values.threshold, "-inf", -math.inf),
        (option_values.threshold, "1e6", 1e6),
        (option_values.derivatives, "fmriprep=/a/b", Path("/a/b")),
        (option_values.derivatives, "/c=d/e", Path("/c=d/e")),
        (option_values.derivatives, "plain", Path("plain")),
    ],
)
def test_a_word_of_the_command_line_means(read: Callable[[str], object], word: str, value: object) -> None:
    assert read(word) == value


@pytest.mark.parametrize(
    ("read", "word"),
    [
        (memory_size, "0"),
        (memory_size, f"{LARGEST_MEMORY // 1024 + 1}KiB"),
        (memory_size, "1X"),
        (memory_size, "-1G"),
        (memory_size, "1" * 21),
        (scheduler_address, "node7"),
        (scheduler_address, "http://node7:1"),
        (scheduler_address, "node7:0"),
        (scheduler_address, "node7:65536"),
        (scheduler_address, ":8786"),
        (option_values.Count(12), "13"),
        (option_values.Count(12), "0"),
        (option_values.Count(12), "1.0"),
        (option_values.Amount(5.5), "5.6"),
        (option_values.Amount(5.5), "-0.1"),
        (option_values.Amount(5.5), "nan"),
        (option_values.Amount(5.5), "1_0"),
        (option_values.seed, str(2**32)),
        (option_values.seed, "-1"),
        (option_values.threshold, "inf"),
        (option_values.threshold, "1000001"),
        (option_values.threshold, "nan"),
    ],
)
def test_a_word_that_makes_no_sense_is_refused(read: Callable[[str], object], word: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        read(word)


def test_more_or_less_is_said_within_limits() -> None:
    levels = [log_level(verbosity) for verbosity in (3, 1, 0, -1, -2, -5)]
    assert levels == [
        logging.DEBUG,
        *(logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.ERROR),
    ]


def test_the_log_file_has_everything_and_the_terminal_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = LOG.handlers[:], LOG.propagate, LOG.level
    try:
        start_log(-1, tmp_path)
        LOG.info("a detail")
        LOG.warning("two\nlines")
        try:
            raise KeyError("inside")
        except KeyError:
            log_traceback("a failure")
        (path,) = tmp_path.iterdir()
        said, written = capsys.readouterr().err, path.read_text()
    finally:
        for handler in LOG.handlers:
            handler.close()
        LOG.handlers[:], LOG.propagate = before[:2]
        LOG.setLevel(before[2])
        logging.captureWarnings(False)
    assert [line[9:] for line in said.splitlines()] == ["WARNING two lines"]
    for text in ("a detail", "two\nlines", "a failure", "Traceback", "KeyError: 'inside'"):
        assert text in written
    with progress_bar(3) as step:
        step()


def test_pairs_of_packages_go_by_the_reference() -> None:
    everyone = tuple(PACKAGES)
    assert base_of(("spm", "afni")) == "afni"
    assert base_of(()) == ""
    assert base_of(everyone, "spm") == "spm"
    assert [pair.first for pair in pairs_of(everyone, "fsl")] == [name for name in everyone if name != "fsl"]
    assert pairs_of(("nilearn", "spm"), "spm") == (DEFAULT_PAIR,)
    assert pair_of(("spm",)) == DEFAULT_PAIR
    assert pair_of(("afni", "fsl")) == Pair("afni", "fsl")
    found = every_pair(everyone)
    n = len(everyone)
    assert len(set(found)) == len(found) == n * (n - 1) // 2
    assert found[: n - 1] == pairs_of(everyone)
    assert every_pair(("spm",)) == ()
    assert titles(["spm", "nilearn", "afni"]) == "SPM, nilearn and AFNI"
    assert titles(["fsl"]) == "FSL"
