"""What the group level did, in citable sentences made from what was done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bidsglm.agreement.spread import CONFIDENCE, FAR, FEWEST, MAD_TO_SD, RESAMPLES
from bidsglm.packages import PACKAGES, titles
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.methods import agreement_text
from bidsglm.report.wording import listed, lower_first

COUNTED: Mapping[int, str] = {2: "two", 3: "three", 4: "four"}


@dataclass(frozen=True)
class GroupFacts:
    """What was done with one task and space."""

    title: str
    participants: tuple[str, ...]
    """Compared, with prefix"""
    maps: tuple[str, ...] = ()
    """Sentences of the second level, as its summary has them; empty without group maps"""
    contrasts: tuple[tuple[str, str], ...] = ()
    """Name, and what was fitted over participants"""
    permutations: str = ""
    """What the permuted maps are; empty where there are none"""
    attributed: bool = False
    atlas: str = ""
    """File name of the atlas; empty without regions"""
    fitted_by: str = ""
    """The only backend that fitted it; empty where both did"""
    corrected: str = ""
    """The tails that corrections look at; empty where nothing was corrected"""
    stable: bool = False
    """Whether participants were left out and drawn anew"""
    packages: tuple[str, ...] = tuple(DEFAULT_PAIR)
    """That fitted it"""
    pairs: tuple[Pair, ...] = (DEFAULT_PAIR,)
    """What is compared"""


def group_paragraphs(facts: GroupFacts) -> tuple[str, ...]:
    """Citable description of what was done with the participants' results.

    Parameters
    ----------
    facts
        Of one task and space.

    >>> print(group_paragraphs(GroupFacts("task-x", ("sub-01", "sub-02")))[0][:64])
    First-level results of 2 participants (sub-01 and sub-02; task-x
    """
    texts = (
        [_participants(facts)]
        if facts.fitted_by
        else [_participants(facts), agreement_text(facts.pairs), _spread(facts)]
    )
    if facts.maps:
        texts.append(_maps(facts))
    if facts.attributed:
        texts.append(ATTRIBUTION_TEXT)
    if facts.atlas:
        texts.append(_regions(facts.atlas))
    return tuple(filter(None, texts))


def _participants(facts: GroupFacts) -> str:
    n = len(facts.participants)
    who = f"{listed(facts.participants)}; " if n <= 5 else ""
    if facts.fitted_by:
        return (
            f"First-level results of {n} participant{'s' * (n != 1)} ({who}{facts.title}) were taken from "
            f"{PACKAGES[facts.fitted_by].reference}. The first level is described in the report of each"
            " participant."
        )
    return (
        f"First-level results of {n} participant{'s' * (n != 1)} ({who}{facts.title}) from"
        f" {COUNTED[len(facts.packages)]} packages were compared:"
        f" {_joined([PACKAGES[name].reference for name in facts.packages])}."
        " The first level is described in the report of each participant."
    )


def _spread(facts: GroupFacts) -> str:
    if len(facts.participants) < 2:
        return ""
    return (
        "Metrics of the participants' maps are summarised by their median and quartiles, with a"
        f" {100 * CONFIDENCE:.0f} % bootstrap percentile interval of the median ({RESAMPLES:,} resamples of"
        f" the participants' values). Among {FEWEST} participants or more, one is called outlying who lies"
        f" further than {FAR} robust standard deviations ({MAD_TO_SD} times the median absolute deviation;"
        " Iglewicz & Hoaglin, 1993) from the median."
    )


def _maps(facts: GroupFacts) -> str:
    fitted = "; ".join(f"{name}: {lower_first(what)}" for name, what in facts.contrasts)
    text = f"{' '.join(facts.maps)} The group models were: {fitted}."
    if facts.corrected and not facts.fitted_by:
        whose = "" if len(facts.packages) == 2 else f"in {titles(DEFAULT_PAIR)} "
        text += f" {CORRECTED_TEXT.format(tails=facts.corrected, whose=whose)}"
    if facts.stable:
        text += f" {STABILITY_TEXT}"
    if facts.permutations:
        text += f" In addition, {facts.permutations}."
    if facts.fitted_by:
        return text
    whose = "both" if len(facts.packages) == 2 else "all"
    return (
        f"{text} The group maps of {whose} packages were compared by the same metrics as the participants'."
    )


def _joined(texts: Sequence[str]) -> str:
    """Join what has commas of its own.

    >>> _joined(["a", "b"]), _joined(["a", "b", "c"])
    ('a, and b', 'a; b; and c')
    """
    return ", and ".join(texts) if len(texts) < 3 else f"{'; '.join(texts[:-1])}; and {texts[-1]}"


CORRECTED_TEXT = (
    "Voxels were counted at a corrected p < 0.05, {tails}, by each package's own rules, which the table of"
    " what survives names: by the familywise error and the false discovery rate (Benjamini & Hochberg,"
    " 1995) of voxels, and {whose}by clusters formed at p < 0.001 (random field theory; all-resolution"
    " inference, Rosenblatt et al., 2018)."
)
STABILITY_TEXT = (
    "Stability over participants was judged by leaving out each of them (Cook & Weisberg, 1982) and by 100"
    " bootstrap samples of the participants (Efron & Tibshirani, 1993), in each package and between them."
)
ATTRIBUTION_TEXT = (
    "The difference between packages' maps of a participant was divided among the modelling steps"
    " that each does in its own way: the maps of every combination of their settings were computed, and from"
    " them each step's Shapley value (Shapley, 1953). Reported are the median and quartiles over participants"
    " of each step's share of the root mean square difference, and the number of participants in whom it is"
    " the largest."
)


def _regions(atlas: str) -> str:
    return (
        f"Effects were averaged over the voxels of each region of {atlas}. Over participants, the packages'"
        " values of a region were compared by the intraclass correlations ICC(A,1) and ICC(C,1) (McGraw &"
        " Wong, 1996), by limits of agreement (Bland & Altman, 1986) and by the paired difference; the"
        " conclusion of a region is that of a two-sided one-sample t test at p < 0.05, with its direction, in"
        " each package."
    )
