"""What a design of FEAT says and reads: events in three columns, confounds, contrasts over its columns."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.backends.fsl_design import DERIVATIVE, has_derivative, shift
from bidsglm.data import Condition, Paradigm
from bidsglm.design_space import independent_rows
from bidsglm.export.labels import labels
from bidsglm.export.literals import number, rows_text
from bidsglm.export.record import Averaged
from bidsglm.fsl.regressors import Timing
from bidsglm.fsl.response import STEP
from bidsglm.model import TRIAL_TYPE, Floats, ModelSpecification
from bidsglm.spm.contrasts import placed
from bidsglm.spm.regressors import event_weights


class ExplanatoryVariable(NamedTuple):
    """An EV of FEAT."""

    regressor: str
    """Name in the model"""
    title: str
    events: Floats
    """(n_events, 3) onset, duration, value"""

    @property
    def content(self) -> str:
        r"""Its file in three columns.

        >>> ExplanatoryVariable("x", "x", np.array([[1.5, 0.0, 1.0]])).content
        '1.5 0 1\n'
        """
        return rows_text(self.events, number)


class FeatContrast(NamedTuple):
    """A row over FEAT's EVs."""

    title: str
    weights: Floats
    """(n_columns,) over the EVs and their derivatives ("real EVs")"""


class FeatTest(NamedTuple):
    """A contrast of the model in one run's FEAT."""

    contrast: Averaged
    rows: tuple[int, ...]
    """Its contrasts, from 0"""
    f_test: int | None = None
    """From 0; None for t"""


class FeatModel(NamedTuple):
    """What a run's design.fsf says of the model."""

    variables: tuple[ExplanatoryVariable, ...]
    derivative: bool
    contrasts: tuple[FeatContrast, ...]
    tests: tuple[FeatTest, ...]
    not_made: tuple[str, ...]
    """Names of contrasts that FEAT cannot have: over confounds"""

    @property
    def columns(self) -> tuple[str, ...]:
        """Regressor names of the EVs with their derivatives."""
        return _columns(self.variables, self.derivative)

    @property
    def of_originals(self) -> bool:
        """Whether contrasts are over the EVs alone, which FEAT calls original."""
        step = 1 + self.derivative
        return not self.derivative or not any(c.weights[1::step].any() for c in self.contrasts)


def variables(paradigm: Paradigm) -> tuple[ExplanatoryVariable, ...]:
    """Write the conditions of a run as EVs: one for each weight column.

    FEAT samples in the middle of a scan; where scans stand for another moment, the events are moved by the
    difference.
    """
    timing = Timing(paradigm.repetition_time, paradigm.n_scans)
    found = [
        (name, events)
        for condition in paradigm.conditions
        for name, events in _rows(condition, timing, shift(paradigm))
    ]
    titles = labels(name.removeprefix(TRIAL_TYPE) for name, _ in found)
    return tuple(
        ExplanatoryVariable(name, titles[name.removeprefix(TRIAL_TYPE)], events) for name, events in found
    )


def _rows(condition: Condition, timing: Timing, later: float) -> Iterator[tuple[str, Floats]]:
    if condition.continuous:
        # one event for each bin of FEAT's grid, a little behind its start, so that rounding cannot move it
        heights = condition.at(timing.times - later)
        some = heights != 0
        durations = np.full(int(some.sum()), STEP)
        yield (
            condition.weight_names[0],
            np.column_stack([timing.times[some] + STEP / 4, durations, heights[some]]),
        )
        return
    for name, heights in zip(condition.weight_names, event_weights(condition).T, strict=True):
        yield name, np.column_stack([condition.onsets + later, condition.durations, heights])


def feat_model(
    paradigm: Paradigm, model: ModelSpecification, contrasts: Sequence[Averaged], run: int
) -> FeatModel:
    """Write the model of a run, with the contrasts that it is to have."""
    found, derivative = variables(paradigm), has_derivative(model)
    columns = _columns(found, derivative)
    made: list[FeatContrast] = []
    tests: list[FeatTest] = []
    not_made = []
    here = [contrast for contrast in contrasts if run in contrast.runs]
    names = labels(contrast.specification.label for contrast in here)
    for contrast in here:
        specification = contrast.specification
        if not set(specification.conditions) <= set(columns):
            not_made.append(specification.name)
            continue
        weights = placed(specification.weights, specification.conditions, columns)
        rows = weights[independent_rows(weights)] if specification.test == "F" else weights
        title = names[specification.label]
        places = tuple(
            _place(made, FeatContrast(title if len(rows) == 1 else f"{title}__{i + 1}", row))
            for i, row in enumerate(rows)
        )
        n_tests = sum(test.f_test is not None for test in tests)
        tests.append(FeatTest(contrast, places, n_tests if specification.test == "F" else None))
    return FeatModel(found, derivative, tuple(made), tuple(tests), tuple(not_made))


def _place(made: list[FeatContrast], wanted: FeatContrast) -> int:
    """Place of a contrast among those that there are; the same row is made once."""
    for i, contrast in enumerate(made):
        if np.array_equal(contrast.weights, wanted.weights):
            return i
    made.append(wanted)
    return len(made) - 1


def _columns(found: Sequence[ExplanatoryVariable], derivative: bool) -> tuple[str, ...]:
    suffixes = ("", DERIVATIVE) if derivative else ("",)
    return tuple(each.regressor + suffix for each in found for suffix in suffixes)
