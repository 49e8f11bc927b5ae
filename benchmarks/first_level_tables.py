"""What the runs of `first_level` cost, in tables: seconds, ratios of pairs with their spread, memory."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

NOT_NILEARNS = ("inference", "page")
"""Stages of bidsglm that nilearn's side does not do"""


class Cost(NamedTuple):
    """What a process needed."""

    cpu: float
    wall: float
    peak_mib: float
    stages: Mapping[str, float]
    """CPU seconds of parts of it."""
    pages: float = 0.0
    """MB of its pages"""


class MeasuredRow(NamedTuple):
    """A line of the table."""

    words: str
    case: str
    seconds: Callable[[Cost], float]
    wall: bool = False
    """It is all that its process does, whose wall time is given"""
    peak: bool = False


def stage(name: str) -> Callable[[Cost], float]:
    """CPU seconds of a stage."""
    return lambda cost: cost.stages.get(name, 0.0)


def cpu(cost: Cost) -> float:
    """CPU seconds of the process."""
    return cost.cpu


def fit(cost: Cost) -> float:
    """CPU seconds without what nilearn's side does not do."""
    return cost.cpu - sum(cost.stages.get(stage, 0.0) for stage in NOT_NILEARNS)


ROWS = (
    MeasuredRow("nilearn: fit, contrasts, maps written", "nilearn", cpu, True, True),
    MeasuredRow("**the default run**, everything", "default", cpu, True, True),
    MeasuredRow("of it: SPM", "default", stage("spm")),
    MeasuredRow("of it: nilearn", "default", stage("nilearn")),
    MeasuredRow("of it: inference", "default", stage("inference")),
    MeasuredRow("of it: attribution", "default", stage("attribution")),
    MeasuredRow("of it: page", "default", stage("page")),
    MeasuredRow("the default run on two cores", "cores", cpu, True, True),
    MeasuredRow("**maps and agreement of both**, without the last three", "fit", fit, peak=True),
    MeasuredRow("of it: SPM", "fit", stage("spm")),
    MeasuredRow("of it: nilearn", "fit", stage("nilearn")),
    MeasuredRow("of it: reading", "fit", stage("reading")),
    MeasuredRow("of it: writing", "fit", stage("writing")),
    MeasuredRow("**maps and agreement of all four**", "four", fit, peak=True),
    MeasuredRow("of it: AFNI", "four", stage("afni")),
    MeasuredRow("of it: FSL", "four", stage("fsl")),
    MeasuredRow("SPM with FAST, its part", "fast", stage("spm")),
    MeasuredRow("floor: decompressing the data", "floor", stage("decompression")),
    MeasuredRow("floor: one product of data and design", "floor", stage("product")),
)


def paired(row: MeasuredRow, costs: Mapping[str, Sequence[Cost]]) -> list[float]:
    """A line's CPU time by nilearn's of the same repeat.

    >>> costs = {"nilearn": [Cost(10, 0, 0, {}), Cost(20, 0, 0, {})], "floor": [Cost(1, 0, 0, {"a": 5})] * 2}
    >>> paired(MeasuredRow("", "floor", stage("a")), costs)
    [0.5, 0.25]
    """
    pairs = zip(costs["nilearn"], costs[row.case], strict=True)
    return [row.seconds(cost) / base.cpu for base, cost in pairs]


def with_spread(ratios: Sequence[float]) -> str:
    """Median, and the ends where there are several.

    >>> with_spread([0.5, 0.25, 0.3]), with_spread([0.5])
    ('0.30 (0.25-0.50)', '0.50')
    """
    middle = f"{statistics.median(ratios):.2f}"
    return f"{middle} ({min(ratios):.2f}-{max(ratios):.2f})" if len(ratios) > 1 else middle


def cells(costs: Mapping[str, Sequence[Cost]], n_participants: int) -> list[list[str]]:
    """Lines of the table, of the cases that were measured: medians, for each participant."""
    found = []
    for row in ROWS:
        if not (measured := costs.get(row.case)):
            continue
        seconds = statistics.median(row.seconds(cost) for cost in measured) / n_participants
        ratio = "" if row.case == "nilearn" else with_spread(paired(row, costs))
        wall = f"{statistics.median(cost.wall for cost in measured) / n_participants:.1f}" * row.wall
        peak = f"{max(cost.peak_mib for cost in measured):,.0f}" * row.peak
        found.append([row.words, f"{seconds:.2f}" if seconds < 1 else f"{seconds:.1f}", ratio, wall, peak])
    return found


HEADER = ["what", "CPU (s)", "times nilearn's CPU", "wall (s)", "peak (MiB)"]


def markdown(title: str, costs: Mapping[str, Sequence[Cost]], n_participants: int = 1) -> str:
    """Section of docs/performance.md."""
    lines = [HEADER, ["---"] * len(HEADER), *cells(costs, n_participants)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"### {title[0].upper()}{title[1:]}\n\n{table}\n\n{below(costs, n_participants)}\n"


def plain(title: str, costs: Mapping[str, Sequence[Cost]], n_participants: int = 1) -> str:
    """The same for a terminal."""
    lines = [[cell.replace("*", "") for cell in line] for line in (HEADER, *cells(costs, n_participants))]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
    table = "\n".join("  ".join(f"{c:<{w}}" for c, w in zip(line, widths, strict=True)) for line in lines)
    return f"{title}\n{table}\n{below(costs, n_participants)}\n"


def below(costs: Mapping[str, Sequence[Cost]], n_participants: int) -> str:
    """How often it was measured, and what a page takes on disk."""
    n = len(costs["nilearn"])
    times = f"Medians of {n} paired runs, ratios with the smallest and the largest." if n > 1 else "One pair."
    pages = [cost.pages / n_participants for cost in costs.get("default", ())]
    return times + (f" A page has {statistics.median(pages):.1f} MB." if pages else "")
