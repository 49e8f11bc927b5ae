"""Numbers as the pages write them, at the edges of their rules."""

import pytest

from bidsglm.report.breakdowns import Breakdown, StepShare
from bidsglm.report.noise import effect_on_t
from bidsglm.report.wording import overlap


@pytest.mark.parametrize(
    ("dice", "words"),
    [(1.0, "1.00"), (0.014, "0.01"), (0.01, "0.01"), (0.005, "0.005"), (0.0, "0.00")],
)
def test_small_overlap_has_more_digits_and_none_has_two(dice: float, words: str) -> None:
    assert overlap(dice) == words


@pytest.mark.parametrize(("part", "hardly"), [(-0.0099, True), (-0.01, False), (0.01, False), (0.0, True)])
def test_noise_model_that_moves_t_by_less_than_a_hundredth_hardly_does(part: float, hardly: bool) -> None:
    steps = StepShare("noise", "a", "b", part, part), StepShare("filter", "a", "b", 0, 0.0)
    said = effect_on_t([Breakdown("t", "slope-1", part, steps)], "go")
    assert ("hardly changes" in said) == hardly
