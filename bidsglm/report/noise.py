"""Which noise each package assumes and what this does to t: sentences, and one figure."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bidsglm.attribution.differences import RMSD, SLOPE
from bidsglm.outputs.summary_form import CountsForm
from bidsglm.packages import PACKAGES
from bidsglm.report import svg
from bidsglm.report.attribution import percent
from bidsglm.report.breakdowns import Breakdown, found
from bidsglm.report.charts import Axes, Extent, frame
from bidsglm.report.drawing import Figure
from bidsglm.report.wording import Row, count, digits
from bidsglm.sentences import joined

LAGS = (1.0, 2.0, 5.0)
"""s, told in the sentences as the nearest whole number of scans."""
HARDLY = 0.01
"""Change of a slope that nobody need be told of."""
STEP = "noise"
BIN = 0.02
"""Width of a bar of coefficients"""
PANEL, HEAD, TALL = 490.0, 16.0, 230.0
"""Units of the picture: width of a panel, room above the axes and their height"""
NILEARN_COLOUR, SPM_COLOUR = PACKAGES["nilearn"].colour, PACKAGES["spm"].colour


class NoiseReport(NamedTuple):
    """What the table of autocorrelations and the fits say of the noise."""

    rows: Sequence[Row] = ()
    """One for each run and lag"""
    n_pooled: int = 0
    """Voxels that SPM estimated its covariance from"""

    def run(self, label: str) -> tuple[Row, ...]:
        """Rows of a run, by lag."""
        return tuple(row for row in self.rows if row["run"] == label)

    @property
    def runs(self) -> tuple[str, ...]:
        """Labels of the runs, in order."""
        return tuple(dict.fromkeys(str(row["run"]) for row in self.rows))


def shown_lags(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Rows of one run at the scans nearest to 1, 2 and 5 s, each once.

    >>> rows = [{"lag": lag, "seconds": 2.0 * lag} for lag in (1, 2, 3)]
    >>> [row["seconds"] for row in shown_lags(rows)]
    [2.0, 4.0]
    """
    nearest = [min(rows, key=lambda row: abs(float(row["seconds"]) - lag)) for lag in LAGS] if rows else []
    return tuple({int(row["lag"]): row for row in nearest}.values())


def noise_sentences(noise: NoiseReport) -> tuple[str, ...]:
    """Say how persistent each package takes the noise to be, in the first run; nothing without a table."""
    if not noise.runs:
        return ()
    label = noise.runs[0]
    lags = shown_lags(noise.run(label))
    where = f" (in {label}; the figure has all runs)" if len(noise.runs) > 1 else ""
    return (_spm(lags, where), _nilearn(lags[0]), *_sources(noise))


def _time(row: Row) -> str:
    return f"{float(row['seconds']):g} s"


def _decimals(value: float) -> str:
    return f"{value + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "−")


def _spm(lags: Sequence[Row], where: str) -> str:
    told = [f"{_decimals(float(row['spm']))} after {_time(row)}" for row in lags]
    return f"SPM takes the noise of every voxel to be equally autocorrelated: {joined(told)}{where}."


def _nilearn(row: Row) -> str:
    middle, lower, upper, below = (
        float(row[key])
        for key in ("nilearn_median", "nilearn_lower_quartile", "nilearn_upper_quartile", "share_below_spm")
    )
    return (
        f"nilearn has a coefficient of its own for each voxel: after {_time(row)} half of the voxels lie"
        f" between {_decimals(lower)} and {_decimals(upper)}, the median is {_decimals(middle)}, and"
        f" {percent(below)} of them are below SPM's {_decimals(float(row['spm']))}."
    )


def _sources(noise: NoiseReport) -> tuple[str, ...]:
    if not noise.n_pooled:
        return ()
    return (
        f"SPM's comes from the {count(noise.n_pooled)} voxels that pass an F test of all regressors"
        " (p < 0.001), nilearn's from the residuals of each voxel, whose autocorrelation the fit lowers.",
    )


def effect_on_t(breakdowns: Sequence[Breakdown], name: str, test: str = "t") -> str:
    """Say which way SPM's noise model moves the statistic and by how much; empty where it is not known.

    Parameters
    ----------
    breakdowns
        Of a contrast.
    name
        Of the contrast.
    test
        t or F

    Examples
    --------
    >>> from bidsglm.report.breakdowns import StepShare
    >>> steps = StepShare("noise", "a", "b", -0.206, -0.206), StepShare("filter", "a", "b", 0, 0.0)
    >>> print(effect_on_t([Breakdown("t", "slope-1", -0.206, steps)], "go"))
    SPM's noise model makes its t of go smaller: it lowers the slope on nilearn's by 0.206 (mean over the \
    settings of the other steps), and with all steps the slope is 0.794.
    """
    slope, size = found(breakdowns, test, SLOPE), found(breakdowns, test, RMSD)
    step = next((s for s in slope.coarse if s.step == STEP), None) if slope else None
    if slope is None or step is None or step.same:
        return ""
    rest = _of_rmsd(size)
    if abs(step.shapley) < HARDLY:
        return (
            f"SPM's noise model hardly changes the size of {test} of {name} over the brain: the slope on"
            f" nilearn's by {digits(step.shapley)}{rest}."
        )
    smaller = step.shapley < 0
    direction, verb = ("smaller", "lowers") if smaller else ("larger", "raises")
    return (
        f"SPM's noise model makes its {test} of {name} {direction}: it {verb} the slope on nilearn's by"
        f" {digits(abs(step.shapley))} (mean over the settings of the other steps), and with all steps the"
        f" slope is {digits(1 + slope.total)}{rest}."
    )


def _of_rmsd(size: Breakdown | None) -> str:
    step = next((s for s in size.coarse if s.step == STEP), None) if size and not size.equal else None
    return f"; it makes {percent(size.share(step))} of the RMSD" if size and step else ""


def noise_figure(noise: NoiseReport, counts: Sequence[CountsForm]) -> Figure | None:
    """Draw SPM's autocorrelation beside nilearn's over voxels; none where there is nothing to draw.

    Parameters
    ----------
    noise
        With the table.
    counts
        For each run the coefficients of nilearn's fit and how many voxels have them; empty for none.
    """
    if not noise.rows:
        return None
    left, right = _coefficients(noise, counts), _lags(noise)
    alt = "Autocorrelation that SPM assumes for all voxels, beside nilearn's coefficients over voxels."
    return Figure(
        "desc-noise.svg",
        svg.document(2 * PANEL, HEAD + TALL + 50, alt, [*left, *right]),
        alt,
        (
            "Left: nilearn's AR(1) coefficient over the voxels; the line is the autocorrelation at one scan"
            " that SPM assumes for all of them, one line for each run. Right: autocorrelation by lag; SPM's"
            " as a line, nilearn's as its median and middle half over the voxels."
        ),
    )


def _coefficients(noise: NoiseReport, counts: Sequence[CountsForm]) -> list[str]:
    """How many voxels have which coefficient, with SPM's one value of each run."""
    values, weights = [], []
    for run in counts:
        for coefficients, n in zip(run["coefficients"], run["voxels"], strict=True):
            if len(coefficients):
                values.append(float(coefficients[0]))
                weights.append(float(n))
    own = [float(noise.run(label)[0]["spm"]) for label in noise.runs]
    # coefficients are multiples of 0.01, which lie between the edges
    edges = np.arange(min(values, default=0.0) - 0.025, max(values, default=0.0) + 2 * BIN, BIN)
    heights = np.histogram(values, edges, weights=weights)[0]
    top = float(heights.max(initial=0)) * 1.05 or 1.0
    ends = min([edges[0], *own]) - BIN, max([edges[-1], *own]) + BIN
    axes = Axes(Extent(75, HEAD, PANEL - 105, TALL), ends, (0.0, top))
    of = "voxels of all runs" if len(noise.runs) > 1 else "voxels"
    parts = frame(axes, "", "coefficient at one scan", of)
    lines = [(SPM_COLOUR, "", "SPM, all voxels")]
    if values:
        stairs = axes.stairs(edges, heights)
        parts.append(svg.path(stairs, stroke=NILEARN_COLOUR, fill=NILEARN_COLOUR, fill_opacity=0.6))
        lines.insert(0, (NILEARN_COLOUR, "", "nilearn, voxels"))
    for value in own:
        x = axes.x(value)
        parts.append(svg.line(x, HEAD, x, HEAD + TALL, stroke=SPM_COLOUR, stroke_width=2))
    return [*parts, *axes.legend(lines, right=True)]


def _lags(noise: NoiseReport) -> list[str]:
    """Autocorrelation by lag: SPM's, and the middle half of nilearn's voxels."""
    columns = ("spm", "nilearn_median", "nilearn_lower_quartile", "nilearn_upper_quartile")
    every = [float(row[key]) for row in noise.rows for key in columns]
    farthest = max(float(row["seconds"]) for row in noise.rows)
    ends = min([*every, 0.0]) - 0.03, max(every) + 0.05
    axes = Axes(Extent(PANEL + 75, HEAD, PANEL - 105, TALL), (0.0, farthest * 1.03), ends)
    parts = [*frame(axes, "", "lag (s)", "autocorrelation"), axes.slope(0, 0, opacity=0.5)]
    for label in noise.runs:
        rows = noise.run(label)
        seconds = [float(row["seconds"]) for row in rows]
        own, middle, lower, upper = ([float(row[key]) for row in rows] for key in columns)
        band = axes.line([*seconds, *reversed(seconds)], [*lower, *reversed(upper)])
        parts += [
            svg.path(f"{band}Z", fill=NILEARN_COLOUR, fill_opacity=0.2),
            svg.path(axes.line(seconds, own), stroke=SPM_COLOUR, stroke_width=2),
            svg.path(axes.line(seconds, middle), stroke=NILEARN_COLOUR, stroke_width=2),
            *(axes.point(*at, fill=SPM_COLOUR) for at in zip(seconds, own, strict=True)),
            *(axes.point(*at, fill=NILEARN_COLOUR) for at in zip(seconds, middle, strict=True)),
        ]
    lines = [(SPM_COLOUR, "", "SPM"), (NILEARN_COLOUR, "", "nilearn, median and middle half")]
    return [*parts, *axes.legend(lines, right=True)]
