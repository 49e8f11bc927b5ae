"""Checks of what AFNI does otherwise than readers of the other packages expect."""

from collections.abc import Collection, Iterator, Sequence

from bidsglm.afni.conditions import ConditionResponse, condition_responses, deviations
from bidsglm.diagnosis.advice import Finding, RunReview, listed
from bidsglm.model import NO_FILTER, ModelSpecification

PEAK = 0.1754
"""Largest value of SPMG1, at 5 s."""
FAMILY = ("SPMG1", "SPMG2", "SPMG3")


def fitted_by_afni(runs: Sequence[RunReview]) -> bool:
    """Whether AFNI is among the packages."""
    return any("afni" in run.designs for run in runs)


def low_responses(runs: Sequence[RunReview], model: ModelSpecification) -> Iterator[Finding]:
    """Find conditions whose response has another peak than 1, and other response models than asked for."""
    if not fitted_by_afni(runs):
        return
    found = condition_responses([run.paradigm for run in runs], model)
    # SPMG1 is scaled to a peak of 1 only where it has a duration
    low = tuple(name for name, chosen in found.items() if _is_low(chosen))
    if low:
        yield Finding(
            "note",
            "low-response",
            f"AFNI's regressor of {listed(low)} has a peak of {PEAK}, not of 1",
            f"SPMG1 without a duration is one impulse's response, and its peak is {PEAK}: AFNI's effects of"
            f" {listed(low)} are {1 / PEAK:.1f} times the per cent signal change at the peak. Only the scale"
            " differs: t, F and p do not change.",
            "Compare t maps, or divide these effects by that factor; GAM in Software.AFNI.ResponseModel has a"
            " peak of 1.",
            low,
            ("afni",),
        )
    for text in deviations(found):
        # one finding for each reason, which several conditions may share
        names = tuple(name for name, chosen in found.items() if chosen.deviates and chosen.deviates in text)
        yield Finding(
            "warning",
            "other-response",
            f"AFNI cannot convolve {listed(names)} as the model asks",
            f"{text}. Its response is AFNI's BLOCK shape, which has no undershoot.",
            "Give the events one duration, or name one of AFNI's response models in"
            " Software.AFNI.ResponseModel.",
            names,
            ("afni",),
        )


def _is_low(chosen: ConditionResponse) -> bool:
    # a duration in the notation widens the response and scales it to a peak of 1
    return chosen.response.model.name in FAMILY and not chosen.response.model.numbers


def have_cutoff(packages: Collection[str]) -> bool:
    """Whether the high-pass cut-off does something in any of some packages."""
    return any(name != "afni" for name in packages)


def lower_degree(packages: Collection[str]) -> str:
    """How a filter is made slower in AFNI, where it is among some packages."""
    return (
        "In AFNI a lower degree of its polynomials (Software.AFNI.Polort) keeps more of it."
        if "afni" in packages
        else ""
    )


def polynomials(runs: Sequence[RunReview], model: ModelSpecification) -> Iterator[Finding]:
    """Find a high-pass cut-off that AFNI has no setting for."""
    if not fitted_by_afni(runs) or model.high_pass == NO_FILTER:
        return
    # degree 0 is the constant, so that the drifts count the degree
    degrees = sorted({sum(n.startswith("drift_") for n in run.designs["afni"].names) for run in runs})
    yield Finding(
        "note",
        "no-cut-off",
        "AFNI has polynomials in place of a high-pass cut-off",
        f"The cut-off of {model.high_pass:g} s has no effect in AFNI: its baseline is polynomials up to"
        f" degree {' or '.join(map(str, degrees))} in each run.",
        "Nothing to do; Software.AFNI.Polort sets the degree.",
        ("HighPassFilterCutoffHz",),
        ("afni",),
    )


CHECKS = (low_responses, polynomials)
"""Each is of all runs together."""
