"""Each package's rules of drawing events and of sampling, so that any two packages' can be mixed.

An events rule gives stimulus functions on a grid of times, a sampling rule takes convolved functions from the
grid to the scans. SPM and nilearn draw as in `bidsglm.attribution.crossing`, FSL on steps of 0.05 s from
30 s before the run on, where the later of two events holds. AFNI knows no grid: where its events meet another
package's response they are drawn on steps of 10 ms, a step that an event fills in part by that part, and an
impulse with an area of one second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from bidsglm.attribution.crossing import Clock, EventGrid, fine_grid, nearest, spm_grid
from bidsglm.data import Condition
from bidsglm.fsl.regressors import Timing, stimulus
from bidsglm.fsl.response import STEP
from bidsglm.model import Floats

FINE_STEP = 0.01
"""s; the grid on which AFNI itself widens responses"""
FINE_LEAD = 30.0
"""s before the first scan"""
FINE_TAIL = 2.0
"""s after the last"""


class WeightedEvents(NamedTuple):
    """Events of a condition in one run, as a package has them."""

    onsets: Floats
    """(n_events,) s"""
    durations: Floats
    """(n_events,) s; 0 for impulses"""
    weights: Floats
    """(n_events, n_weights) heights: main effect and modulators"""


Trains = Mapping[str, Sequence[WeightedEvents]]
"""Condition -> its events in every run"""


class EventsRule(Protocol):
    """How events become stimulus functions."""

    def grid(self, condition: Condition, run: int) -> EventGrid:
        """Draw the events of a run."""
        ...


class SamplingRule(Protocol):
    """How scans get their values."""

    def times(self, run: int) -> Floats:
        """Moments of the scans, (n_scans,) s."""
        ...

    def sampled(self, grid: EventGrid, columns: Floats, run: int) -> Floats:
        """Take the scans' values of convolved functions, (n_scans, n_columns)."""
        ...


@dataclass(frozen=True)
class SpmEvents:
    """Rounded to microtime bins."""

    clocks: tuple[Clock, ...]

    def grid(self, condition: Condition, run: int) -> EventGrid:
        """Draw the events of a run."""
        return spm_grid(condition, self.clocks[run].timing)


@dataclass(frozen=True)
class NilearnEvents:
    """On steps of TR/50."""

    clocks: tuple[Clock, ...]

    def grid(self, condition: Condition, run: int) -> EventGrid:
        """Draw the events of a run."""
        return fine_grid(condition, self.clocks[run])


@dataclass(frozen=True)
class FslEvents:
    """On steps of 0.05 s, the later in the list holding."""

    timings: tuple[Timing, ...]
    shifts: tuple[float, ...]
    """s by which the events of each run are moved, since FEAT samples in the middle of a scan"""
    trains: Trains

    def grid(self, condition: Condition, run: int) -> EventGrid:
        """Draw the events of a run."""
        timing, events = self.timings[run], self.trains[condition.weight_names[0]][run]
        onsets = events.onsets + self.shifts[run]
        drawn = [stimulus(onsets, events.durations, heights, timing) for heights in events.weights.T]
        # the grid's times are those of the data, not of the moved events
        return EventGrid(timing.times - self.shifts[run], STEP, np.column_stack(drawn))


@dataclass(frozen=True)
class AfniEvents:
    """In continuous time."""

    trains: Trains
    ends: tuple[float, ...]
    """s from the first scan's start to the last one's end, of every run"""

    def grid(self, condition: Condition, run: int) -> EventGrid:
        """Draw the events of a run on a fine grid."""
        events = self.trains[condition.weight_names[0]][run]
        n_bins = int((FINE_LEAD + self.ends[run] + FINE_TAIL) / FINE_STEP)
        times = np.asarray(np.arange(n_bins) * FINE_STEP - FINE_LEAD, dtype=np.float64)
        stimuli = np.zeros((n_bins, events.weights.shape[1]))
        for onset, duration, weight in zip(*events, strict=True):
            start = (onset + FINE_LEAD) / FINE_STEP
            stop = start + duration / FINE_STEP
            height = 1.0
            # an impulse of unit area, one step long, which any response can be convolved with
            if not duration:
                stop, height = start + 1, 1 / FINE_STEP
            first, last = int(np.floor(start)), min(int(np.ceil(stop)), n_bins)
            bins = np.arange(first, last)
            # what an event covers of a bin counts: rounding to bins would be another package's rule
            covered = np.minimum(bins + 1, stop) - np.maximum(bins, start)
            stimuli[first:last] += height * covered[:, np.newaxis] * weight
        return EventGrid(times, FINE_STEP, stimuli)


@dataclass(frozen=True)
class NearestBin:
    """SPM's microtime bin."""

    clocks: tuple[Clock, ...]

    def times(self, run: int) -> Floats:
        """Starts of the bins, (n_scans,) s."""
        return self.clocks[run].bin_times

    def sampled(self, grid: EventGrid, columns: Floats, run: int) -> Floats:
        """Take the values at the grid's nearest times."""
        # the grid may be another package's, with no point at the bin's start
        return np.asarray(columns[nearest(grid.times, self.times(run))])


@dataclass(frozen=True)
class Interpolated:
    """At given moments: nilearn's slice-time reference, or the start of AFNI's scans."""

    moments: tuple[Floats, ...]

    def times(self, run: int) -> Floats:
        """Moments of the scans, (n_scans,) s."""
        return self.moments[run]

    def sampled(self, grid: EventGrid, columns: Floats, run: int) -> Floats:
        """Interpolate between the grid's times."""
        times = self.moments[run]
        return np.column_stack([np.interp(times, grid.times, column) for column in columns.T])


@dataclass(frozen=True)
class LastBin:
    """FSL's: the bin that the middle of the scan falls into, in the time of its moved events."""

    timings: tuple[Timing, ...]
    shifts: tuple[float, ...]

    def times(self, run: int) -> Floats:
        """Starts of the bins, (n_scans,) s."""
        timing = self.timings[run]
        return np.asarray(timing.times[timing.samples] - self.shifts[run])

    def sampled(self, grid: EventGrid, columns: Floats, run: int) -> Floats:
        """Take the grid's last values up to these times."""
        # a time on a bin's edge is that bin's, whatever its product with the step rounds to
        places = np.searchsorted(grid.times, self.times(run) + STEP * 1e-4, side="right") - 1
        # before the grid nothing is drawn, and its first value is that of no stimulus
        return np.asarray(columns[np.maximum(places, 0)])
