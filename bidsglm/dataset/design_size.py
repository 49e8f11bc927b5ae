"""Designs that cannot be built, most for their size, are refused before they are."""

from collections import Counter
from collections.abc import Sequence

from bidsglm.data import Paradigm, Run
from bidsglm.dataset.named import Variables
from bidsglm.errors import DataError
from bidsglm.model import ModelSpecification
from bidsglm.statsmodel.limits import MOST_REGRESSORS

FEW_REGRESSORS = 500
"""So many can always be built."""
SCANS_EXCEEDED = 10
"""Times as many regressors as scans: no fit tells them apart."""
MOST_EVENTS = 100_000
"""Events of one run: ten a second for three hours."""
MOST_COMPARISONS = 20_000_000
"""Events times conditions: each condition looks for its events in all lines."""


def check_conditions(runs: Sequence[Variables], conditions: Sequence[str], model: ModelSpecification) -> None:
    """Refuse conditions of which there are too many to be told apart, before their events are looked for.

    Raises
    ------
    DataError
        Naming the events.
    """
    wanted = set(conditions)
    for variables in runs:
        n_conditions = len(wanted.intersection(variables.conditions))
        _check_regressors(variables.run, n_conditions * len(model.hrf.suffixes))
        n_events = len(variables.events.lines)
        if n_events > MOST_EVENTS or n_events * n_conditions > MOST_COMPARISONS:
            raise DataError(
                f"{variables.events.path}: {n_events} events of {n_conditions} conditions are more than a "
                "run has; is it the file of one run?"
            )


def check_modulated(run: Run, paradigm: Paradigm, model: ModelSpecification) -> None:
    """Refuse modulators that make too many regressors.

    Raises
    ------
    DataError
        Naming the events.
    """
    columns = (1 + c.time_modulation + sum(m.order for m in c.modulators) for c in paradigm.conditions)
    _check_regressors(run, sum(columns) * len(model.hrf.suffixes))


def check_names(run: Run, paradigm: Paradigm, model: ModelSpecification) -> None:
    """Refuse conditions whose names are those of another's derivative, modulator or bin.

    Raises
    ------
    DataError
        Naming the events.
    """
    weights = (name for condition in paradigm.conditions for name in condition.weight_names)
    names = [weight + suffix for weight in weights for suffix in model.hrf.suffixes]
    counts = Counter((*names, *paradigm.confound_names))
    twice = next((name for name, count in counts.items() if count > 1), None)
    if twice is not None:
        raise DataError(
            f"{run.events}: two regressors would be called {twice!r}, one of them a function of the HRF or a "
            "modulator: call the trial type or variable something else (events.tsv, or Rename)"
        )


def _check_regressors(run: Run, n_regressors: int) -> None:
    most = min(MOST_REGRESSORS, max(FEW_REGRESSORS, SCANS_EXCEEDED * run.n_scans))
    if n_regressors > most:
        raise DataError(
            f"{run.events or run.bold}: the model makes {n_regressors} regressors of its conditions, more "
            f"than the {most} that {run.n_scans} scans allow; name fewer in X, or take fewer functions and "
            "modulators"
        )
