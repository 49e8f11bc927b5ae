"""Design of all runs in one matrix, as 3dDeconvolve writes it.

Columns stand in the order of its ``.xmat.1D``: the baseline run by run, the stimuli, then motion and other
confounds (``-stim_base``). Stimuli have one set of columns through all runs. Censored scans are cut out last.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from bidsglm.afni.baseline import automatic_degree, demeaned, legendre_columns, run_blocks
from bidsglm.afni.correlation import Whole
from bidsglm.afni.regressors import EventTrain, condition_columns
from bidsglm.afni.responses import Response
from bidsglm.afni.timeline import Timeline
from bidsglm.data import RunConfounds
from bidsglm.model import Floats


class Stimulus(NamedTuple):
    """A condition in all runs."""

    name: str
    response: Response
    trains: tuple[EventTrain, ...]
    """Its events in every run"""


class JointColumn(NamedTuple):
    """What a column of the design is."""

    kind: Literal["baseline", "stimulus", "confound"]
    name: str
    """Name of the stimulus or confound; empty for the baseline"""
    number: int = 0
    """Degree of the polynomial, or number of the response function; modulated ones follow"""
    run: int | None = None
    """From 0; None for a column through all runs"""

    @property
    def label(self) -> str:
        """3dDeconvolve's name of it.

        >>> JointColumn("baseline", "", 2, 0).label, JointColumn("stimulus", "face").label
        ('Run#1Pol#2', 'face#0')
        """
        if self.kind == "baseline":
            return f"Run#{(self.run or 0) + 1}Pol#{self.number}"
        suffix = "" if self.run is None else f"_{self.run + 1:02d}"
        return f"{self.name}{suffix}#{self.number}"


class JointDesign(NamedTuple):
    """The design of all runs."""

    columns: tuple[JointColumn, ...]
    matrix: Floats
    """(n_kept, n_columns)"""
    times: Whole
    """(n_kept,) time index of each row"""

    def places(self, name: str) -> tuple[int, ...]:
        """Columns of a stimulus."""
        return tuple(i for i, c in enumerate(self.columns) if c.kind == "stimulus" and c.name == name)


class Baseline(NamedTuple):
    """What is in the design beside the stimuli."""

    degree: int | None = None
    """Degree of the polynomials (``-polort``); None for the rule of ``-polort A``, -1 for no polynomials"""
    confounds: tuple[RunConfounds, ...] = ()
    """Confounds of every run; empty for none"""
    confounds_per_run: bool = True
    """Whether each run has columns of its own for them"""


def joint_design(stimuli: Sequence[Stimulus], baseline: Baseline, timeline: Timeline) -> JointDesign:
    """Make the design of all runs.

    Parameters
    ----------
    stimuli
        In the order of their columns.
    baseline
        Polynomials and confounds.
    timeline
        The scans, and which of them are kept.

    Raises
    ------
    ValueError
        Numbers of runs or scans do not fit, or a response function cannot be had of the events.

    >>> from bidsglm.afni.responses import response
    >>> go = Stimulus("go", response("GAM"), (EventTrain(np.array([4.0])),))
    >>> found = joint_design([go], Baseline(), Timeline(2.0, (20,)))
    >>> [column.label for column in found.columns], found.matrix.shape, found.places("go")
    (['Run#1Pol#0', 'Run#1Pol#1', 'go#0'], (20, 3), (2,))
    """
    # the order of the columns is that of an .xmat.1D: baseline, stimuli, then -stim_base
    degree = automatic_degree(timeline) if baseline.degree is None else baseline.degree
    drifts = run_blocks([legendre_columns(n, degree) for n in timeline.n_scans])
    names = [
        JointColumn("baseline", "", d, r) for r in range(len(timeline.n_scans)) for d in range(degree + 1)
    ]
    blocks = [drifts]
    for stimulus in stimuli:
        # neither centred nor made orthogonal: -dmbase takes means from the baseline alone
        blocks.append(condition_columns(stimulus.response, stimulus.trains, timeline))
        names += [JointColumn("stimulus", stimulus.name, k) for k in range(blocks[-1].shape[1])]
    if baseline.confounds:
        found, values = _confounds(baseline, timeline)
        blocks.append(values)
        names += found
    # censoring comes last: polynomials and means are those of the whole run, as in 3dDeconvolve
    return JointDesign(tuple(names), np.hstack(blocks)[timeline.kept_rows], timeline.times)


def _confounds(baseline: Baseline, timeline: Timeline) -> tuple[list[JointColumn], Floats]:
    runs = baseline.confounds
    if tuple(len(run.values) for run in runs) != timeline.n_scans:
        raise ValueError("confounds need one row for each scan of every run")
    # afni_proc.py's -regress_motion_per_run; without it one set of columns runs on through all runs
    if baseline.confounds_per_run:
        names = [JointColumn("confound", name, 0, r) for r, run in enumerate(runs) for name in run.names]
    elif len({run.names for run in runs}) > 1:
        raise ValueError("one set of confounds through all runs needs the same names in every run")
    else:
        names = [JointColumn("confound", name) for name in runs[0].names]
    return names, demeaned([run.values for run in runs], baseline.confounds_per_run)
