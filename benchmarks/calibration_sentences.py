"""What the calibration study says, in sentences that hold for its numbers."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from types import MappingProxyType

from benchmarks.calibration_results import EFFECT, LOOSE, Rows, mean, rate, select, values_of
from bidsglm.agreement.rates import IntervalEstimate
from bidsglm.report.calibration import TITLES, percent
from bidsglm.report.judgements import listed
from bidsglm.report.trust import STRICT

HARD = "physiological"
PUBLISHED: Mapping[str, int] = MappingProxyType(
    {"afni-arma11": 34, "spm-fast": 42, "fsl-film": 59, "spm-ar1": 61}
)
"""% of rest scans with a significant cluster (Olszowy et al. 2019, 4 mm smoothing), fewest first."""
SMOOTHED = "fsl-film-smoothed"
"""FILM as FSL has it, on the same voxels laid side by side."""
SMOOTHED_UNDER: Mapping[str, str] = MappingProxyType({"white": "white noise", HARD: "1/f noise"})
LEAST_SQUARES = ("ols", "afni-ols")


def times(value: float) -> str:
    """How many times a nominal rate."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def inflation(found: IntervalEstimate, p: float = STRICT) -> str:
    """Write a rate as a multiple of the nominal one, with its interval."""
    value, lower, upper = (times(each / p) for each in found)
    return f"{value} ({lower} to {upper})"


def analyses(rows: Rows) -> list[str]:
    """Names of the analyses that a calibration compares."""
    return [name for name in values_of(rows, "analysis") if name in TITLES]


def repetition_times(rows: Rows) -> list[float]:
    """TRs, shortest first."""
    return sorted(values_of(rows, "repetition_time"))


def at(rows: Rows, tr: float, noise: str = HARD, p: float = STRICT) -> dict[str, IntervalEstimate]:
    """Rates of all analyses at a TR."""
    return {name: rate(rows, p, analysis=name, noise=noise, repetition_time=tr) for name in analyses(rows)}


def overall(rows: Rows, noise: str = HARD, p: float = STRICT) -> dict[str, IntervalEstimate]:
    """Rates of all analyses over all TRs, each TR alike."""
    return {name: rate(rows, p, analysis=name, noise=noise) for name in analyses(rows)}


def statements(simulated: Rows) -> Iterator[str]:
    """Five short ones."""
    yield _shortest(simulated)
    yield _fewest(simulated)
    yield _longer(simulated)
    yield _simple_noises(simulated)
    yield _effects(simulated)


def ranked(found: Mapping[str, IntervalEstimate]) -> list[str]:
    """Analyses with a noise model, fewest false positives first."""
    names = [name for name in found if name not in LEAST_SQUARES]
    return sorted(names, key=lambda name: found[name].value)


def in_a_thousand(found: IntervalEstimate) -> str:
    """Voxels of 1,000 that are marked at p < 0.001, where one is allowed."""
    return times(found.value / STRICT)


def _shortest(rows: Rows) -> str:
    tr = repetition_times(rows)[0]
    found = at(rows, tr)
    told = listed([f"{TITLES[name]} {in_a_thousand(found[name])}" for name in ranked(found)])
    without = listed([in_a_thousand(found[name]) for name in LEAST_SQUARES if name in found])
    return (
        f"**At a short TR they differ most.** At {tr:g} s and p < {STRICT:g}, which allows 1 voxel in 1,000, "
        f"they mark: {told}; least squares, in its two designs, {without}."
    )


def _fewest(rows: Rows) -> str:
    found = overall(rows)
    names = ranked(found)
    best, others = names[:2], names[2:]
    apart = max(found[name].upper for name in best) < min(found[name].lower for name in others)
    told = listed([f"{TITLES[name]} {in_a_thousand(found[name])}" for name in best])
    rest = f"the other noise models {in_a_thousand(found[others[0]])} to {in_a_thousand(found[others[-1]])}"
    return (
        f"**{listed([TITLES[name] for name in best])} mark the fewest.** Over all TRs, of 1,000 voxels: "
        f"{told}, {rest}{'' if apart else ' (their intervals overlap)'}."
    )


def details(simulated: Rows, real: Rows) -> Iterator[str]:
    """More than the five, a sentence or two each."""
    yield " ".join(order(simulated))
    yield lengths(simulated)
    yield under_white(simulated)
    yield power(simulated)
    if real:
        yield real_noise(real)


def order(rows: Rows) -> Iterator[str]:
    """How the analyses follow each other, against what was published: pair by pair, as far as known."""
    found = overall(rows)
    pairs = list(combinations(PUBLISHED, 2))
    kept = [(a, b) for a, b in pairs if found[a].upper < found[b].lower]
    turned = [(b, a) for a, b in pairs if found[b].upper < found[a].lower]
    unclear = [pair for pair in pairs if pair not in kept and pair[::-1] not in turned]
    yield f"The published order comes out in {len(kept)} of {len(pairs)} pairs."
    yield (
        f"In rest data it was, fewest false positives first, {listed([TITLES[name] for name in PUBLISHED])} "
        "(Olszowy et al. 2019)."
    )
    ours = sorted(PUBLISHED, key=lambda name: found[name].value)
    told = listed([f"{TITLES[name]} {inflation(found[name])}" for name in ours])
    yield f"Here it is, over all TRs and times nominal, {told}."
    if turned:
        yield f"The other way round: {_told(turned, 'before')}."
    if unclear:
        yield f"Not told apart by their intervals: {_told(unclear, 'and')}."


def _told(pairs: list[tuple[str, str]], word: str) -> str:
    return "; ".join(f"{TITLES[a]} {word} {TITLES[b]}" for a, b in pairs)


def _longer(rows: Rows) -> str:
    shortest, *_, longest = repetition_times(rows)
    before, after = at(rows, shortest), at(rows, longest)
    unclear = [TITLES[name] for name in analyses(rows) if after[name].upper >= before[name].lower]
    right = [TITLES[name] for name in analyses(rows) if after[name].lower <= STRICT <= after[name].upper]
    but = f" (not clearly {listed(unclear)})" if unclear else ""
    nominal = f"the nominal rate is within the interval of {listed(right)}" if right else "none is nominal"
    return (
        f"**A longer TR helps.** At {longest:g} s every analysis marks fewer than at {shortest:g} s{but}, "
        f"and {nominal}."
    )


def _simple_noises(rows: Rows) -> str:
    trs = repetition_times(select(rows, noise="ar1"))
    both = [row for row in rows if row["repetition_time"] in trs]
    hard, ar1 = overall(both), overall(both, "ar1")
    flattered = [name for name in ranked(hard) if ar1[name].upper < hard[name].lower]
    told = listed(
        [f"{TITLES[n]} marks {in_a_thousand(ar1[n])} in place of {in_a_thousand(hard[n])}" for n in flattered]
    )
    return (
        f"**Simulated AR(1) noise flatters.** Without slow noise, heart beat and breathing {told} "
        f"(TR {seconds(trs)})."
        if flattered
        else "**Simulated AR(1) noise flatters none here.** No analysis finds clearly fewer under it."
    )


def seconds(trs: list[float]) -> str:
    """Repetition times in words.

    >>> seconds([0.645, 3.0])
    '0.645 and 3 s'
    """
    return f"{listed([f'{tr:g}' for tr in trs])} s"


def _effects(rows: Rows) -> str:
    place = {"noise": HARD, "effect_size": EFFECT, "p_threshold": STRICT}
    biases = [abs(mean(rows, "bias", analysis=name, **place)) for name in analyses(rows)]
    spreads = [mean(rows, "spread", analysis=name, **place) for name in analyses(rows)]
    return (
        "**The effects agree; their p values do not.** On average every analysis is within "
        f"{percent(max(biases))} of the true effect, and they scatter alike ({min(spreads):.2f} to "
        f"{max(spreads):.2f} % signal): a group analysis of effects loses little by the choice."
    )


def in_short(simulated: Rows) -> str:
    """What to do."""
    trs = repetition_times(simulated)
    each = [at(simulated, tr) for tr in trs]
    worst = {name: max((found[name] for found in each), key=lambda rate: rate.value) for name in each[0]}
    first, second, *_ = ranked(worst)
    return (
        f"Where single participants are thresholded, the risk is least with {TITLES[first]}, then "
        f"{TITLES[second]}: at the worst TR they mark {in_a_thousand(worst[first])} and "
        f"{in_a_thousand(worst[second])} voxels in 1,000 at p < {STRICT:g}. Read the others' maps as more "
        "significant than they are, the more so the shorter the TR and the longer the blocks. Calibrate your "
        "own design."
    )


def real_noise(rows: Rows) -> str:
    """Whether the real run says so too."""
    found = overall(rows, "surrogate")
    names = ranked(found)
    told = ", ".join(f"{TITLES[name]} {inflation(found[name])}" for name in names)
    apart = found[names[0]].upper < found[names[-1]].lower
    return (
        f"On surrogates of one real run (TR 2 s) the multiples are {told}: its intervals "
        f"{'tell the first from the last' if apart else 'are too wide to tell these apart'}."
    )


def film(rows: Rows) -> str:
    """What FILM's spatial smoothing of autocorrelations, which the study leaves out, would change."""
    parts = []
    for noise, title in SMOOTHED_UNDER.items():
        with_it, without = (rate(rows, analysis=name, noise=noise) for name in (SMOOTHED, "fsl-film"))
        overlap = with_it.upper >= without.lower and without.upper >= with_it.lower
        word = "more" if with_it.value > without.value else "fewer"
        direction = "intervals overlap" if overlap else word
        parts.append(f"{inflation(with_it)} in place of {inflation(without)} under {title} ({direction})")
    return (
        "Laid side by side as voxels of 3 mm and smoothed as FSL does, the same voxels have these multiples "
        f"of the nominal rate at p < {STRICT:g}, mean over TRs: {'; '.join(parts)}."
    )


def lengths(rows: Rows) -> str:
    """How the design matters, for the analysis that is most and the one that is least used for it."""
    tr = repetition_times(rows)[0]
    parts = []
    for name in ("spm-ar1", "afni-arma11"):
        found = {
            design: rate(rows, analysis=name, noise=HARD, repetition_time=tr, design=design).value / STRICT
            for design in values_of(rows, "design")
        }
        parts.append(f"{TITLES[name]}: " + ", ".join(f"{d} {times(v)}" for d, v in found.items()))
    return (
        f"The design matters as much as the package. At TR {tr:g} s, under the same noise, times nominal: "
        f"{'; '.join(parts)}."
    )


def under_white(rows: Rows) -> str:
    """Rates under white noise, which every noise model knows."""
    found = overall(rows, "white", LOOSE)
    trs = seconds(repetition_times(select(rows, noise="white")))
    told = ", ".join(f"{TITLES[name]} {percent(value.value)}" for name, value in found.items())
    return f"Under white noise the rates at p < {LOOSE:g}, at TR {trs}, are: {told}."


def power(rows: Rows) -> str:
    """Area under the ROC curve."""
    place = {"noise": HARD, "effect_size": EFFECT, "p_threshold": STRICT}
    told = ", ".join(
        f"{TITLES[name]} {mean(rows, 'auc', analysis=name, **place):.3f}" for name in analyses(rows)
    )
    return (
        "What an inflated analysis finds more of a true signal it pays for with false positives. The area "
        f"under the ROC curve for a signal of {EFFECT:g} % is {told}."
    )
