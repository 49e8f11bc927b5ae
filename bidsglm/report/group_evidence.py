"""What the verdict on a group rests on: its tables, the leading steps, and the sizes of effects."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.judgements import RegionFacts
from bidsglm.report.left_out import ArbitraryContrasts
from bidsglm.report.wording import Row


class Lead(NamedTuple):
    """The step that makes most of the difference of a map, over participants and contrasts."""

    map: str
    """effect, t or F"""
    step: str
    share: float
    """Share of the RMSD, median over participants"""
    n_leading: int
    """Maps of participants in which this step leads"""
    n: int
    """Maps of participants attributed"""
    n_contrasts: int = 1
    """Contrasts that they are of"""
    per_session: bool = False
    """Whether sessions of a participant count each"""


class Sizes(NamedTuple):
    """What tells effects in different units apart."""

    units: Mapping[str, str] = {}
    """Package -> unit of its effects; empty where that is the usual one of each"""
    percent: float = math.nan
    """Slope of the participants' effects, both in percent of each voxel's mean: median; NaN where unknown"""


@dataclass(frozen=True)
class Evidence:
    """What the verdict rests on."""

    participants: tuple[str, ...]
    """Compared, as the page names them"""
    rows: tuple[Row, ...]
    """Agreement of the participants' maps"""
    group_rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """Contrast -> agreement of its group maps"""
    regions: RegionFacts | None = None
    leads: tuple[Lead, ...] = ()
    outlying: tuple[str, ...] = ()
    """Participants flagged"""
    level: float = math.nan
    """Median over participants of the brain's mean after SPM's scaling, over 100; NaN where it is
    not known"""
    stability: str = ""
    """What leaving out one participant changes, and whether the package changes more"""
    left_out: ArbitraryContrasts = field(default_factory=ArbitraryContrasts)
    """Contrasts that the design makes arbitrary"""
    pair: Pair = DEFAULT_PAIR
    """What is compared"""
    sizes: Sizes = field(default_factory=Sizes)
    """How the sizes of the effects compare beyond their maps"""
