"""Values of a column that were meant to be one, and those that only look alike."""

import pytest

from bidsglm.dataset.spelling import alike


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("control", "Control "),
        ("control", "controls"),
        ("cat", "cats"),
        ("site 01", "site-1"),
        ("site_a", "Site A"),
        ("1", "1.0"),
        ("no medication", "nomedication"),
    ],
)
def test_spellings_of_one_value_are_certain(one: str, other: str) -> None:
    (found,) = alike([one, other])
    assert (found.first, found.second, found.is_certain) == (one, other, True)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("control", "contrl"),
        ("control", "conttrol"),
        ("control", "cantrol"),
        ("control", "contorl"),
        ("old control", "old contrl"),
        ("contro", "cotro"),
        ("controll", "control"),
        ("ocntrol", "control"),
    ],
)
def test_slips_of_the_pen_are_asked_about(one: str, other: str) -> None:
    for values in ((one, other), (other, one)):
        assert [pair.is_certain for pair in alike(values)] == [False]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("m", "ms"),
        ("ab", "abs"),
        ("typical", "atypical"),
        ("patienta", "patientb"),
        ("group 1", "group 2"),
        ("1 2", "12"),
        ("HIV-", "HIV+"),
        ("paper", "piper"),
        ("left", "right"),
        ("old control", "young contrl"),
        ("control", "contralo"),
        ("control", "cantrel"),
        ("abcdef", "abfdec"),
        ("week10", "week12"),
    ],
)
def test_other_values_are_two(one: str, other: str) -> None:
    assert alike([one, other]) == ()
