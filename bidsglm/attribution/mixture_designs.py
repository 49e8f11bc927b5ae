"""The designs of mixtures of two packages' settings: columns and filters, each by its owner's rule.

What a mixture means, and in which order its operations act, stands in docs/attribution.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from bidsglm.attribution.crossing import Columns
from bidsglm.attribution.response_rules import Drawing, drawn
from bidsglm.attribution.run_designs import RunDesign
from bidsglm.attribution.sides import (
    DERIVATIVE,
    DRAWING_STEPS,
    DriftColumns,
    LocalLine,
    Mixture,
    PairModels,
    ProjectedOff,
    RunFilter,
)
from bidsglm.fsl.highpass import filtered_columns
from bidsglm.fsl.regressors import with_derivative
from bidsglm.model import Floats


@dataclass
class MixtureDesigns:
    """Makes the designs of mixtures; what was drawn once is kept."""

    models: PairModels
    _drawn: dict[tuple[tuple[int, ...], int], Floats] = field(default_factory=dict, repr=False)

    def normal(self, mixture: Mixture) -> Mixture:
        """A mixture in which what both packages were given alike does not count."""
        shared = self.shared_inputs
        return mixture._replace(
            # inputs that are alike follow another step's setting, so that one fit serves both names
            onsets=mixture.events if "onsets" in shared else mixture.onsets,
            durations=mixture.events if "durations" in shared else mixture.durations,
            confounds=0 if "confounds" in shared else mixture.confounds,
        )

    @cached_property
    def shared_inputs(self) -> frozenset[str]:
        """What both packages were given alike, of onsets, durations and confounds."""
        runs = range(len(self.models.runs))
        ends = [[self.models.conditions(side, side, run) for run in runs] for side in (0, 1)]
        pairs = [
            (a, b) for ones, others in zip(*ends, strict=True) for a, b in zip(ones, others, strict=True)
        ]
        found = {
            name
            for name in ("onsets", "durations")
            if all(a is b or np.array_equal(getattr(a, name), getattr(b, name)) for a, b in pairs)
        }
        given = [[self.models.confounds(side, run) for side in (0, 1)] for run in runs]
        if all(a.names == b.names and _alike(a.matrix, b.matrix) for a, b in given):
            found.add("confounds")
        return frozenset(found)

    def design(self, mixture: Mixture, run: int) -> RunDesign:
        """Make the columns of a run."""
        rule = self.models.run(mixture.filter, run).filter
        through = _through(rule)
        names, regressors = self._regressors(mixture, run, through)
        n_scans = len(regressors)
        # a column for each censored scan gives the estimates of leaving it out, and keeps the scans aligned
        spikes = np.eye(n_scans)[:, list(self.models.run(mixture.censoring, run).censored)]
        drifts = rule.columns if isinstance(rule, DriftColumns) else np.zeros((n_scans, 0))
        cosines = rule.cosines if isinstance(rule, ProjectedOff) else np.zeros((n_scans, 0))
        own, n_drifts = [drifts, through(spikes)], drifts.shape[1]
        given = self.models.confounds(mixture.confounds, run)
        confounds = through(given.matrix)
        if self.models.sides[mixture.noise].noise.constant:
            own.append(np.ones((n_scans, 1)))
        else:
            # FEAT has no constant: data and columns lose their means in its place
            regressors, confounds = regressors - regressors.mean(axis=0), confounds - confounds.mean(axis=0)
            own = [columns - columns.mean(axis=0) for columns in own]
        every_name = (*names, *given.names)
        return RunDesign(every_name, regressors, confounds, np.hstack(own), cosines, n_drifts)

    def _regressors(
        self, mixture: Mixture, run: int, through: Callable[[Floats], Floats]
    ) -> tuple[tuple[str, ...], Floats]:
        found = self.unfiltered(mixture, run)
        X = through(found.matrix)
        if not self.models.sides[mixture.response].derivative:
            return found.names, X
        # FEAT differentiates the filtered column, and makes the derivative orthogonal to it
        both = [with_derivative(x - x.mean()) for x in X.T]
        names = tuple(name + suffix for name in found.names for suffix in ("", DERIVATIVE))
        return names, np.hstack([np.empty((len(X), 0)), *both])

    def _drawing(self, side: int) -> Drawing:
        found = self.models.sides[side].drawing
        assert found is not None
        return found

    def unfiltered(self, mixture: Mixture, run: int) -> Columns:
        """Columns of the conditions before any filter, named as by the response."""
        chosen = tuple(getattr(self.normal(mixture), name) for name in DRAWING_STEPS)
        own = self.models.run(mixture.response, run).regressors
        if len(set(chosen)) == 1:
            # a package's own columns, so that closure does not rest on any reproduction
            return own
        if (chosen, run) not in self._drawn:
            response, events, sampling = (self._drawing(side) for side in chosen[:3])
            rules = Drawing(response.response, events.events, sampling.sampling)
            conditions = self.models.conditions(mixture.onsets, mixture.durations, run)
            self._drawn[chosen, run] = drawn(conditions, rules, run)
        return Columns(own.names, self._drawn[chosen, run])


def _alike(one: Floats, other: Floats) -> bool:
    """Whether columns are the same but for the digits of a file."""
    size = np.ptp(one) if one.size else 0.0
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=0, atol=1e-6 * size))


def _through(rule: RunFilter) -> Callable[[Floats], Floats]:
    """What a filter does to columns."""
    if isinstance(rule, LocalLine):
        return lambda X: filtered_columns(X, rule.line)
    return lambda X: X
