"""The questions that started the project, each answered in its own words with the numbers of one analysis."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bidsglm.diagnosis.advice import Finding
from bidsglm.report.breakdowns import Breakdown, found
from bidsglm.report.drawing import Figure
from bidsglm.report.leading_steps import leading
from bidsglm.report.noise import NoiseReport, effect_on_t, noise_sentences
from bidsglm.report.steps import title
from bidsglm.report.units import Units, mean_sentence, scale_factor, spread_sentences
from bidsglm.report.wording import digits, lower_first

GLOBAL_SIGNAL = "global_signal"
"""fMRIPrep's name of it; its powers and derivatives begin alike."""
WITHOUT_EFFECT = "option-without-effect"
"""Code of the finding on a setting that a package ignores."""
BEFORE_THE_FIT = ("smoother", "scaling", "regressors", "response", "events", "sampling")
"""Steps that prepare data and design; the others belong to the fit."""


class Answer(NamedTuple):
    """A question, and what is to be said to it."""

    key: str
    """Name of its place on the page"""
    question: str
    sentences: tuple[str, ...]
    links: tuple[tuple[str, str], ...] = ()
    """Place on the page, and its words"""
    figures: tuple[Figure, ...] = ()
    elsewhere: str = ""
    """Address of another page"""


class Asked(NamedTuple):
    """A contrast that the answers speak of."""

    name: str
    label: str
    test: str
    breakdowns: Sequence[Breakdown] = ()


@dataclass(frozen=True)
class Facts:
    """What the answers rest on."""

    contrasts: Sequence[Asked]
    """Those that the design determines first"""
    units: Units = field(default_factory=Units)
    noise: NoiseReport = field(default_factory=NoiseReport)
    noise_figure: Figure | None = None
    findings: Sequence[Finding] = ()
    confounds: Sequence[str] = ()
    """Confounds of the model, by name"""
    trust: Sequence[str] = ()
    """What the calibration says; empty where there is none"""
    head: str = ""
    """Page with the recipes, where it is another"""
    sections: Mapping[str, str] = field(default_factory=dict)
    """Place -> title of what else is on the page"""


def answers(facts: Facts) -> tuple[Answer, ...]:
    """Answer every question that this analysis has something to say to.

    >>> answers(Facts(()))
    ()
    """
    if not facts.contrasts:
        return ()
    return (
        _code(facts),
        _technique(facts),
        *_variability(facts),
        *_noise(facts),
        _global_signal(facts),
        _equal(facts),
        _group(facts),
        _false_positives(facts),
    )


def _first(facts: Facts, test: str = "t") -> Asked | None:
    return next((each for each in facts.contrasts if each.test == test), None)


def _linked(facts: Facts, *places: str) -> tuple[tuple[str, str], ...]:
    return tuple((place, facts.sections[place]) for place in places if place in facts.sections)


def _code(facts: Facts) -> Answer:
    texts = [
        "No difference on this page comes from anybody's script: both packages got the same scans, events and"
        " confounds. nilearn was run itself, SPM12 by its equations, checked against SPM12's own results.",
    ]
    serious = [each for each in facts.findings if each.severity == "serious"]
    if serious:
        texts.append(
            f"But the model has a fault, and both packages inherit it: {lower_first(serious[0].title)}. That"
            " is a matter of the design, not of the code."
        )
    texts += [
        "A setting does not do what it seems to, which is easily taken for a fault of a package:"
        f" {lower_first(each.title)}."
        for each in facts.findings
        if each.code == WITHOUT_EFFECT
    ]
    texts.append(
        "If your own maps look otherwise, compare your code with the batch and the script that --export-code"
        " writes: they give the maps of this page."
    )
    return Answer("code", "Is my code at fault?", tuple(texts), _linked(facts, "why-they-differ", "code"))


def _technique(facts: Facts) -> Answer:
    texts = [
        "Both packages use one technique: least squares on whitened data. They do not differ in how they"
        " solve it, but in what goes into it and in the noise they whiten for."
    ]
    parts = [each.breakdowns for each in facts.contrasts]
    for name in ("effect", "t", "F"):
        lead = leading(parts, name)
        if lead is None or (name == "F" and len(texts) > 2):
            continue
        place = "comes before any fit" if lead.step in BEFORE_THE_FIT else "belongs to the fit"
        texts.append(
            f"Of the difference between the {name} maps, {lead.qualified} comes from the {title(lead.step)},"
            f" which {place}."
        )
    return Answer(
        "technique", "Is it the regression technique?", tuple(texts), _linked(facts, "why-they-differ")
    )


def _variability(facts: Facts) -> Iterator[Answer]:
    first = _first(facts)
    texts = spread_sentences(facts.units, first.label, first.name) if first else ()
    if texts:
        yield Answer("variability", "Why are nilearn's betas less variable?", texts)


def _noise(facts: Facts) -> Iterator[Answer]:
    texts = list(noise_sentences(facts.noise))
    first = _first(facts) or _first(facts, "F")
    if not texts or first is None:
        return
    if moved := effect_on_t(first.breakdowns, first.name, first.test):
        texts.append(moved)
    figures = (facts.noise_figure,) if facts.noise_figure else ()
    yield Answer("noise", "Which noise does each package assume?", tuple(texts), (), figures)


def _global_signal(facts: Facts) -> Answer:
    own = [name for name in facts.confounds if name.startswith(GLOBAL_SIGNAL)]
    texts = []
    if own:
        texts.append(f"Only because the model says so: {own[0]} is among its confounds, in both packages.")
    else:
        texts.append("No. Neither package adds the global signal to the design.")
    if facts.units.scans_apart:
        texts.append(
            "But SPM's global normalisation is on (Scaling): it divides each scan by its own global, which"
            " takes out global changes much as a regressor would."
        )
    else:
        texts.append(
            "SPM multiplies a whole run by one number, and nilearn divides a voxel by its mean over the run:"
            " neither takes out anything that changes over time."
        )
    first = _first(facts)
    centre = mean_sentence(facts.units, first.label, first.name) if first else ""
    if centre and not own:
        texts.append(
            "So what all voxels share stays in the betas, and their mean over the brain need not be 0. "
            + centre
        )
    elif centre:
        texts.append(centre)
    return Answer("global-signal", "Does one of them do global signal regression?", tuple(texts))


def _equal(facts: Facts) -> Answer:
    texts = [
        f"Step by step: “What to do” at the head of {'the full page' if facts.head else 'the page'} has, for"
        " each"
        " step that matters here, the keys of the model, the lines of nilearn and the boxes of SPM's batch."
    ]
    first = _first(facts)
    factor = scale_factor(facts.units, first.label) if first else math.nan
    if math.isfinite(factor):
        texts.append(
            'One scale for all voxels ("SignalScaling": [0, 1]) leaves a factor of '
            f"{digits(factor)} between the effects, as SPM's 100 is not the mean within the mask."
        )
    if first and (noise := found(first.breakdowns, "t")) and not noise.equal:
        texts.append(
            "Two noise models cannot be made equal: name the one you use, or take none in both to see the"
            " cause."
        )
    return Answer(
        "equal", "How do I make them equal?", tuple(texts), _linked(facts, "summary"), (), facts.head
    )


def _group(facts: Facts) -> Answer:
    texts = [
        "This page is about one participant. The group level writes group.html, which judges both packages'"
        " group maps and regions by stated rules.",
        "One factor that all participants share changes no group t. SPM's factor is each participant's own,"
        " so that its group maps weigh participants a little otherwise; never mix effects of both packages.",
    ]
    if "regions" not in facts.sections:
        texts.append("--atlas adds the values of an atlas' regions, in both packages.")
    return Answer(
        "group", "Does it matter for my group and my regions?", tuple(texts), _linked(facts, "regions")
    )


def _false_positives(facts: Facts) -> Answer:
    question = "Which of them has more false positives?"
    if facts.trust:
        return Answer("false-positives", question, tuple(facts.trust), _linked(facts, "which-to-trust"))
    return Answer(
        "false-positives",
        question,
        (
            "That two maps agree or not says nothing of it. --calibrate 20 simulates data without"
            " activation on this very design, and adds each package's rate of false positives to this page.",
        ),
    )
