"""Checks of the regressors of a run against the high-pass filter."""

from collections.abc import Collection, Iterator

import numpy as np
import scipy

from bidsglm.diagnosis.advice import Finding, RunReview, Severity, listed, percent, times, verb
from bidsglm.diagnosis.afni_checks import have_cutoff, lower_degree
from bidsglm.diagnosis.design_parts import MOTION, primary_columns
from bidsglm.model import Floats

MUCH_REMOVED = 0.5
"""Share of a regressor's variance: its standard error grows by 1.4."""


NEARLY_ALL = 0.9
"""Share from which what the filter leaves is no longer the condition: its standard error is three times."""


KEPT = 0.8
"""Share of a regressor's variance that a recommended filter leaves; the ramp at a run's start alone costs a
tenth in short runs."""


ONLY_DRIFT = 0.98
"""Share of a confound that the filter removes."""


def slow_regressors(run: RunReview) -> Iterator[Finding]:
    """Find conditions slower than the high-pass filter."""
    for backend, columns in run.parts.items():
        removed = [r.removed_by_filter for r in run.diagnoses[backend].regressors]
        for name, places in primary_columns(columns, run.paradigm).items():
            # one finding for a condition, on the function that loses most
            # NaN is a column of zeros, of which no filter takes anything
            worst = max(places, key=lambda i: np.nan_to_num(removed[i]))
            if not removed[worst] > MUCH_REMOVED:
                continue
            cutoff = recommended_cutoff(columns.unfiltered[:, worst], run.paradigm.repetition_time)
            length = run.paradigm.n_scans * run.paradigm.repetition_time
            who, lost = listed([name]), removed[worst]
            severity: Severity = "serious" if lost > NEARLY_ALL else "warning"
            finding = Finding(
                severity,
                "slow-regressor",
                f"{who} is slower than the high-pass filter",
                f"The filter removes {percent(lost)} of the variance of the regressor {who}, which changes"
                f" too slowly in this run of {length:.0f} s. Its effect rests on the other"
                f" {percent(1 - lost)}: the standard error is {times((1 - lost) ** -0.5)} times what it"
                " would be without a filter, and how each package filters matters more than usual.",
                f"{_slower_filter(cutoff, run.parts.keys())} Better in the next study: change conditions more"
                " often.",
                (name,),
                size=lost,
            )
            yield run.seen(finding, backend)


def recommended_cutoff(regressor: Floats, repetition_time: float) -> float:
    """The shortest cut-off that keeps most of a regressor's variance, s; infinite for no filter.

    >>> block = np.tile(np.repeat([0.0, 1.0], 20), 3)
    >>> recommended_cutoff(block, 2.0)
    100.0
    """
    # the filter's cosines are the DCT's: each coefficient's square is what one of them takes
    power = scipy.fft.dct(regressor, norm="ortho")[1:] ** 2
    lost = np.cumsum(power) / max(power.sum(), np.finfo(float).tiny)
    first = int(np.argmax(lost > 1 - KEPT)) + 1
    # the slowest cosine alone takes too much, and a filter has it or is none
    if first == 1:
        return float("inf")
    # a filter has the cosines 1 ... trunc(2 n TR / cut-off)
    shortest = 2 * len(regressor) * repetition_time / first
    # up to the next ten: at the limit itself rounding would decide whether the cosine is in
    return float(10 * np.floor(shortest / 10 + 1))


def _slower_filter(cutoff: float, packages: Collection[str]) -> str:
    parts = [degree] if (degree := lower_degree(packages)) else []
    if not have_cutoff(packages):
        return " ".join(parts)
    key = (
        f"A cut-off of {cutoff:.0f} s (HighPassFilterCutoffHz {1 / cutoff:.4f}) would keep {percent(KEPT)}"
        " of it."
    )
    if not np.isfinite(cutoff):
        key = "No filter keeps it in a run as short as this: set HighPassFilterCutoffHz to 0 and say so."
    return " ".join([key, *parts])


def filtered_confounds(run: RunReview) -> Iterator[Finding]:
    """Find confounds of which the high-pass filter leaves nothing: the data are filtered twice."""
    for backend, found in run.diagnoses.items():
        # motion may be slow by itself; cosines and the like stand in the model to filter
        twice = tuple(
            r.name
            for r in found.regressors
            if r.kind == "confound" and not MOTION.fullmatch(r.name) and r.removed_by_filter >= ONLY_DRIFT
        )
        if not twice:
            continue
        most = max(r.removed_by_filter for r in found.regressors if r.name in twice)
        finding = Finding(
            "warning",
            "filtered-confounds",
            f"{listed(twice)} {verb(twice, 'repeats', 'repeat')} the high-pass filter",
            f"{verb(twice, 'This confound is', 'These confounds are')} nothing but slow drift, up to"
            f" {percent(most)} of which the filter removes already. What is left of"
            f" {verb(twice, 'it', 'them')} is rounding or the little that two kinds of cosines differ by;"
            " the data are filtered twice, and degrees of freedom are lost for nothing.",
            f"Take {listed(twice)} out of the model"
            f"{', or set HighPassFilterCutoffHz to 0' if have_cutoff(run.parts) else ''}.",
            twice,
            size=most,
        )
        yield run.seen(finding, backend)
