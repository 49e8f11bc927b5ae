"""Everything there is to say about the designs of a unit, in plain language."""

from collections.abc import Sequence
from dataclasses import replace

from bidsglm.diagnosis import (
    afni_checks,
    column_checks,
    event_checks,
    rank_checks,
    setting_checks,
    timing_checks,
)
from bidsglm.diagnosis.advice import Finding, RunReview, Severity, listed, merged, place
from bidsglm.diagnosis.data_checks import data_findings
from bidsglm.diagnosis.data_review import DataReview
from bidsglm.diagnosis.filled_run import filled_run
from bidsglm.diagnosis.filter_checks import filtered_confounds, slow_regressors
from bidsglm.diagnosis.rank_checks import FILTER
from bidsglm.model import CONSTANT, ModelSpecification

__all__ = ["Finding", "RunReview", "Severity", "findings", "is_reported", "place"]

TOLD = frozenset(
    {
        "bright-volume",
        "events-after-run",
        "events-before-run",
        "events-end-early",
        "implausible-durations",
        "low-means",
        "mask-loses-voxels",
        "no-mean",
        "values-not-finite",
        "voxels-without-data",
        "voxels-without-residual",
    }
)
"""Findings on input that is probably wrong: their warnings stand on the terminal too."""


def is_reported(finding: Finding) -> bool:
    """Whether a finding is said while the program runs, not only on the page."""
    # a note asks for nothing, and would hide the warnings on a terminal
    return finding.code in TOLD and finding.severity != "note"


def findings(
    runs: Sequence[RunReview], model: ModelSpecification, data: DataReview | None = None
) -> tuple[Finding, ...]:
    """What a newcomer should know about the designs and data of a unit; severe findings first.

    Parameters
    ----------
    runs
        With the designs of each backend, and the contrasts.
    model
        With both packages' settings.
    data
        The unit's data.

    Returns
    -------
    The same finding of several runs or backends stands once, in the words of the worst.

    >>> findings([], ModelSpecification("m", ()))
    ()
    """
    if not runs:
        return ()
    # first, as conditions that fill the run explain overlaps and dependencies, which are then not told again
    filled = [finding for run in runs for finding in filled_run(run)]
    checks = (slow_regressors, *column_checks.CHECKS, filtered_confounds, *rank_checks.CHECKS)
    columns = [finding for run in runs for check in checks for finding in check(run)]
    columns = [finding for finding in columns if not _follows_from(finding, filled)]
    over_runs = (*setting_checks.CHECKS, *event_checks.CHECKS, *timing_checks.CHECKS, *afni_checks.CHECKS)
    events = [finding for check in over_runs for finding in check(runs, model)]
    of_data = data_findings(data, model) if data is not None else []
    found = merged([*of_data, *filled, *events, *column_checks.task_motion(runs), *columns])
    compared = len({name for run in runs for name in run.designs}) > 1
    return tuple(_with_filled_run(finding, found, compared) for finding in found)


def _follows_from(finding: Finding, filled: Sequence[Finding]) -> bool:
    """Whether it follows from conditions that fill the run, or is the same exactly, in a set such as FIR."""
    if finding.code == "overlapping-conditions":
        return any(set(finding.columns) <= set(other.columns) for other in filled)
    regressors = [name for name in finding.columns if name not in (CONSTANT, FILTER)]
    return finding.code == "dependent-columns" and any(
        all(name.startswith(other.columns) for name in regressors) for other in filled
    )


def _with_filled_run(finding: Finding, found: Sequence[Finding], compared: bool) -> Finding:
    """Say of a missing filter what it does to conditions that fill the run."""
    filled = [other for other in found if other.code == "filled-run"]
    if finding.code != "option-without-effect" or not filled or len(filled[0].columns) < 2:
        return finding
    more = (
        f" As {listed(filled[0].columns)} together fill the run, this moves the betas of each of them alone"
        " far more than it moves their differences"
        f"{': compare the agreement of both kinds of contrast' if compared else ''}."
    )
    return replace(finding, text=finding.text + more)
