"""Words of --confounds: names and globs of X that each stands for."""

import pytest

from bidsglm.errors import UsageError
from bidsglm.model import MOTION_PARAMETERS
from bidsglm.statsmodel.presets import PRESETS, Scrubbing, expanded, scrubbing

COLUMNS = {
    "motion6": 6,
    "motion12": 12,
    "motion24": 24,
    "wm_csf": 2,
    "wm_csf4": 4,
    "wm_csf8": 8,
    "gsr": 1,
    "gsr4": 4,
    "9p": 9,
    "36p": 36,
}


def test_presets_have_as_many_columns_as_their_names_say() -> None:
    for preset, columns in COLUMNS.items():
        assert len(set(expanded([preset]))) == columns, preset
    assert set(COLUMNS) < set(PRESETS)
    assert expanded(["motion6"]) == MOTION_PARAMETERS


@pytest.mark.parametrize(
    ("word", "columns"),
    [
        ("24p", PRESETS["motion24"]),
        ("ICA_AROMA", PRESETS["aroma"]),
        ("acompcor", ("a_comp_cor_*",)),
        ("compcor:1", ("a_comp_cor_00",)),
        ("aCompCor:2", ("a_comp_cor_00", "a_comp_cor_01")),
        ("motion6:2", ("motion6:2",)),
        ("CSF", ("CSF",)),
        ("scrub", (Scrubbing().glob,)),
        ("scrub:fd=0.2,segment=3", (Scrubbing(fd=0.2, segment=3).glob,)),
        ("scrub:dvars=inf", (Scrubbing(dvars=float("inf")).glob,)),
    ],
)
def test_a_word_stands_for_columns(word: str, columns: tuple[str, ...]) -> None:
    assert expanded([word]) == columns
    assert expanded([word, word]) == columns


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("compcor:0", "give a number of components"),
        ("compcor:", "give a number of components"),
        ("compcor:1.5", "give a number of components"),
        ("scrub:fd", "give thresholds such as"),
        ("scrub:fd=0.5,rms=1", "give thresholds such as"),
        ("scrub:segment=2.5", "segment must be a whole number of scans"),
    ],
)
def test_a_number_that_is_none_is_refused(word: str, fault: str) -> None:
    with pytest.raises(UsageError) as error:
        expanded([word])
    assert str(error.value).startswith(f"--confounds {word}: {fault}")


def test_columns_of_scrubbing_say_their_thresholds() -> None:
    for asked in (Scrubbing(), Scrubbing(0.25, float("inf"), 0), Scrubbing(1, 2, 10)):
        assert scrubbing(asked.glob) == asked
    assert scrubbing("scrub_fd0.5_*") is None
