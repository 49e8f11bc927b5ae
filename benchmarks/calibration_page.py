"""The page and figures of the calibration study, from its numbers; see calibration_study.py."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

from bidsglm.agreement.rates import TOLERANCE, IntervalEstimate, judgement
from bidsglm.report.calibration import TITLES, percent
from bidsglm.report.calibration_figures import LOOKS, SMALLEST
from bidsglm.report.drawing import FAINT, canvas, encoded, style

Cells = Sequence[Mapping[str, Any]]

NOISE_TITLES = {
    "physiological": "1/f noise, heart beat and breathing",
    "ar1": "AR(1) noise",
    "white": "white noise",
}
OLSZOWY = {0.645: (95, 69), 1.4: (76, 51), 2.0: (50, 30), 3.0: (37, 27)}
"""% of rest scans with a significant cluster, SPM AR(1) and FAST; two data sets at 2 s averaged."""
STRICT, LOOSE = 0.001, 0.05
CLEARLY = 0.5
"""Share of the second least inflation below which the least stands out."""
EFFECT = 0.5


def rows(cells: Cells, **wanted: object) -> list[dict[str, Any]]:
    """Rows of the cells and analyses that are wanted, each with its cell."""
    found = []
    for cell in cells:
        for row in cell["rows"]:
            whole = {**row, **cell["cell"], "n_scans": cell["n_scans"]}
            if all(whole[key] == value for key, value in wanted.items()):
                found.append(whole)
    return found


def mean(cells: Cells, name: str = "rate", **wanted: object) -> float:
    """Mean of a number over the designs of the wanted cells; NaN without any."""
    values = [row[name] for row in rows(cells, **wanted)]
    return fmean(values) if values else float("nan")


def span(cells: Cells, scale: Callable[[float], str], **wanted: object) -> str:
    """Mean over designs and the range of their means."""
    values = [row["rate"] for row in rows(cells, **wanted)]
    return f"{scale(fmean(values))} ({scale(min(values))} to {scale(max(values))})".replace("\xa0", " ")


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    text = [" | ".join(["", *header, ""]).strip(), "|---" * len(header) + "|"]
    text += [" | ".join(["", *line, ""]).strip() for line in lines]
    return "\n".join(text)


def times(value: float) -> str:
    """How many times a nominal rate."""
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def analyses(cells: Cells) -> list[str]:
    """Names of the analyses."""
    return list(dict.fromkeys(row["analysis"] for row in cells[0]["rows"]))


def values_of(cells: Cells, key: str) -> list[Any]:
    """Values of a part of the cells' names, in order."""
    return list(dict.fromkeys(cell["cell"][key] for cell in cells))


def rates_table(cells: Cells, threshold: float) -> str:
    """False-positive rates by noise and TR."""
    lines = []
    for noise in NOISE_TITLES:
        for tr in sorted(values_of(cells, "repetition_time")):
            place = {"noise": noise, "repetition_time": tr, "effect_size": 0.0, "p_threshold": threshold}
            cells_ = [span(cells, percent, analysis=a, **place) for a in analyses(cells)]
            lines.append([NOISE_TITLES[noise], f"{tr:g} s", *cells_])
    return table(["noise", "TR", *(TITLES[a] for a in analyses(cells))], lines)


def designs_table(cells: Cells, noise: str, threshold: float) -> str:
    """False-positive rates by design and TR, with the interval of each."""
    lines = []
    for tr in sorted(values_of(cells, "repetition_time")):
        for design in values_of(cells, "design"):
            place = {"repetition_time": tr, "design": design, "effect_size": 0.0, "p_threshold": threshold}
            found = [rows(cells, noise=noise, analysis=a, **place) for a in analyses(cells)]
            if all(found):
                lines.append([f"{tr:g} s", design, *(interval(each[0]) for each in found)])
    return table(["TR", "design", *(TITLES[a] for a in analyses(cells))], lines)


def interval(row: Mapping[str, Any]) -> str:
    """A rate with its interval, marked where it is known to be too high."""
    found = IntervalEstimate(row["rate"], row["ci_lower"], row["ci_upper"])
    text = f"{percent(found.value)} ({percent(found.lower)} to {percent(found.upper)})".replace("\xa0", " ")
    return f"**{text}**" if judgement(found, row["p_threshold"]) == "too many" else text


def sensitivity_table(cells: Cells) -> str:
    """Share found of a signal, area under the ROC curve, bias and spread."""
    lines = []
    for noise in values_of(cells, "noise"):
        for tr in sorted(values_of(cells, "repetition_time")):
            place = {
                "noise": noise,
                "repetition_time": tr,
                "effect_size": EFFECT,
                "p_threshold": STRICT,
            }
            parts = []
            for name in analyses(cells):
                found = {key: mean(cells, key, analysis=name, **place) for key in ("rate", "auc", "spread")}
                share = percent(found["rate"]).replace("\xa0", " ")
                parts.append(f"{share}; {found['auc']:.3f}; {found['spread']:.2f}")
            lines.append([NOISE_TITLES.get(noise, noise), f"{tr:g} s", *parts])
    return table(["noise", "TR", *(TITLES[a] for a in analyses(cells))], lines)


def familywise_table(cells: Cells) -> str:
    """Share of data sets in which any voxel passes the familywise threshold."""
    lines = []
    for noise in NOISE_TITLES:
        for tr in sorted(values_of(cells, "repetition_time")):
            place = {"noise": noise, "repetition_time": tr, "effect_size": 0.0, "p_threshold": LOOSE}
            found = [mean(cells, "fwe_rate", analysis=a, **place) for a in analyses(cells)]
            lines.append(
                [NOISE_TITLES[noise], f"{tr:g} s", *(percent(x).replace("\xa0", " ") for x in found)]
            )
    return table(["noise", "TR", *(TITLES[a] for a in analyses(cells))], lines)


def _inflation(cells: Cells, analysis: str, noise: str, tr: float, threshold: float = STRICT) -> float:
    place = {"noise": noise, "repetition_time": tr, "effect_size": 0.0, "p_threshold": threshold}
    return mean(cells, analysis=analysis, **place) / threshold


def findings(simulated: Cells, real: Cells) -> Iterator[str]:
    """What the numbers say, in sentences that hold for them."""
    trs = sorted(values_of(simulated, "repetition_time"))
    names = analyses(simulated)

    def by_tr(name: str) -> str:
        parts = [f"{times(_inflation(simulated, name, 'physiological', tr))} at TR {tr:g} s" for tr in trs]
        return f"{TITLES[name]} {', '.join(parts)}"

    listed = "; ".join(by_tr(name) for name in names)
    yield (
        f"Under 1/f noise with heart beat and breathing, false positives at p < {STRICT:g} are this many "
        f"times what the threshold allows: {listed}."
    )
    yield _order(simulated, trs)
    ar1 = {name: fmean(_inflation(simulated, name, "ar1", tr, LOOSE) for tr in trs) * LOOSE for name in names}
    text = ", ".join(f"{TITLES[name]} {percent(value)}" for name, value in ar1.items())
    yield (
        f"Under AR(1) noise the rates at p < {LOOSE:g}, over all TRs, are: {text}. Noise that the models "
        "assume says little about noise that they do not, so a test on AR(1) noise alone flatters them."
    )
    shortest = _inflation(simulated, "spm-ar1", "ar1", trs[0])
    if shortest > TOLERANCE:
        yield (
            f"Even so SPM's AR(1) finds {times(shortest)} times what p < {STRICT:g} allows under AR(1) "
            f"noise at TR {trs[0]:g} s: its two components are linear about a coefficient of 0.2 and the "
            "same for all voxels, and at such a TR coefficients are larger and vary."
        )
    white = {
        name: fmean(_inflation(simulated, name, "white", tr, LOOSE) for tr in trs) * LOOSE for name in names
    }
    text = ", ".join(f"{TITLES[name]} {percent(value)}" for name, value in white.items())
    yield (
        f"Under white noise they are: {text}. nilearn's AR(1) takes a coefficient for every voxel from its "
        "residuals, in which the filter leaves a slightly negative one where there was none; SPM allows for "
        "what the filter took."
    )
    yield _lengths(simulated, trs[0])
    yield _power(simulated, trs)
    if real:
        yield _on_real(real)


def short(cells: Cells, real: Cells) -> str:
    """What to do, as far as the hardest noise tells, and whether the real run says so too."""
    trs = sorted(values_of(cells, "repetition_time"))
    worst = {
        name: max(_inflation(cells, name, "physiological", tr) for tr in trs) for name in analyses(cells)
    }
    ranked = sorted(worst, key=lambda name: worst[name])
    best, others = ranked[0], ranked[1:]
    advice = (
        f"where single participants are thresholded, prefer {TITLES[best]}: at its worst TR it finds "
        f"{times(worst[best])} times what p < {STRICT:g} allows, the others "
        f"{' to '.join(sorted({times(worst[n]) for n in (others[0], others[-1])}, key=float))} times. Read "
        "their maps as more significant than they are, the more so the shorter the TR and the longer the "
        "blocks."
        if worst[best] < CLEARLY * worst[others[0]]
        else "no analysis stands out; where single participants are thresholded, calibrate your own design."
    )
    return (
        f"In short: {advice}{_doubt(real, best, others[0])} For group analyses of effects it matters little: "
        "the effects are unbiased in all four, and only their standard errors differ."
    )


def _doubt(real: Cells, best: str, second: str) -> str:
    """What the real run says of the advice, where it does not bear it out."""
    if not real:
        return ""
    found = {n: mean(real, p_threshold=STRICT, analysis=n, effect_size=0.0) / STRICT for n in (best, second)}
    if found[best] < CLEARLY * found[second]:
        return ""
    return (
        f" The real run (TR 2 s) does not bear this out: there {TITLES[best]} finds {times(found[best])} "
        f"times what is allowed, {TITLES[second]} {times(found[second])} times. Calibrate your own design."
    )


def _order(cells: Cells, trs: Sequence[float]) -> str:
    ar1 = [_inflation(cells, "spm-ar1", "physiological", tr) for tr in trs]
    fast = [_inflation(cells, "spm-fast", "physiological", tr) for tr in trs]
    falls = all(a > b for a, b in pairwise(ar1))
    above = sum(a > f for a, f in zip(ar1, fast, strict=True))
    published = "; ".join(f"TR {tr:g} s {a} and {f} %" for tr, (a, f) in OLSZOWY.items())
    return (
        f"SPM's AR(1) is above its FAST at {above} of {len(trs)} TRs, and its inflation "
        f"{'falls with every step to a longer TR' if falls else 'does not fall with every step of the TR'}. "
        "This is the order that Olszowy et al. (2019) found in rest data, where the share of scans with a "
        f"significant cluster was, for AR(1) and FAST, {published}."
        if falls and above == len(trs)
        else f"SPM's AR(1) is above its FAST at {above} of {len(trs)} TRs; Olszowy et al. (2019) found in "
        f"rest data, for the share of scans with a significant cluster under AR(1) and FAST, {published}."
    )


def _lengths(cells: Cells, tr: float) -> str:
    place = {"noise": "physiological", "repetition_time": tr, "effect_size": 0.0, "p_threshold": STRICT}
    found = {
        design: mean(cells, analysis="spm-ar1", design=design, **place) / STRICT
        for design in values_of(cells, "design")
    }
    text = ", ".join(f"{design} {times(value)}" for design, value in found.items())
    return (
        f"The design matters as much as the package. SPM's AR(1) at TR {tr:g} s under the same noise, times "
        f"the allowed rate: {text}."
    )


def _power(cells: Cells, trs: Sequence[float]) -> str:
    place = {"noise": "physiological", "effect_size": EFFECT, "p_threshold": STRICT}
    areas = {name: mean(cells, "auc", analysis=name, **place) for name in analyses(cells)}
    biases = [abs(mean(cells, "bias", analysis=name, **place)) for name in analyses(cells)]
    text = ", ".join(f"{TITLES[name]} {value:.3f}" for name, value in areas.items())
    return (
        f"What an inflated analysis finds more of a true signal it pays for with false positives: over all "
        f"TRs, the area under the ROC curve for a signal of {EFFECT:g} % is {text}. The effects themselves "
        f"are estimated without bias by all four (at most {percent(max(biases))} off on average)."
    )


def _on_real(cells: Cells) -> str:
    parts = []
    for name in analyses(cells):
        place = {"analysis": name, "effect_size": 0.0}
        strict = mean(cells, p_threshold=STRICT, **place) / STRICT
        loose = mean(cells, p_threshold=LOOSE, **place)
        parts.append(
            f"{TITLES[name]} {percent(loose)} at p < {LOOSE:g} and {times(strict)} times at p < {STRICT:g}"
        )
    return (
        "On noise with the spectrum and the spatial covariance of a real run (TR 2 s, 156 scans, 6 mm "
        f"voxels), over six designs: {'; '.join(parts)}."
    )


def _tr_figure(cells: Cells, path: Path) -> None:
    trs = sorted(values_of(cells, "repetition_time"))
    with style():
        drawing = canvas(10.0, 3.6)
        panels = drawing.subplots(1, len(NOISE_TITLES), sharey=True)
        for panel, noise in zip(panels, NOISE_TITLES, strict=True):
            panel.axhline(1, color=FAINT, linewidth=0.8)
            for name in analyses(cells):
                found = [_inflation(cells, name, noise, tr) for tr in trs]
                panel.plot(trs, found, label=TITLES[name], markersize=5, **LOOKS[name])
            panel.set(yscale="log", xlabel="TR (s)", title=NOISE_TITLES[noise])
            panel.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
            panel.set_xticks(trs, [f"{tr:g}" for tr in trs], fontsize=8)
        panels[0].set_ylabel(f"times the promised rate at p < {STRICT:g}")
        panels[0].legend(frameon=False, fontsize=8)
        path.write_bytes(encoded(drawing, "png"))


def _pp_figure(cells: Cells, path: Path) -> None:
    """p-p plots under the hardest noise, all designs together."""
    trs = sorted(values_of(cells, "repetition_time"))
    with style():
        drawing = canvas(10.0, 3.2)
        panels = drawing.subplots(1, len(trs), sharey=True)
        for panel, tr in zip(panels, trs, strict=True):
            panel.plot([SMALLEST, 1], [SMALLEST, 1], color=FAINT, linewidth=0.8)
            for name in analyses(cells):
                p, rates = _pooled_curve(cells, name, tr)
                panel.plot(p, rates, label=TITLES[name], linewidth=1.6, **{**LOOKS[name], "marker": None})
            panel.set(xscale="log", yscale="log", xlim=(SMALLEST, 1), ylim=(SMALLEST, 1), xlabel="p")
            panel.set_title(f"TR {tr:g} s")
            panel.set_box_aspect(1)
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_major_formatter("{x:g}")
                axis.set_minor_formatter("")
        panels[0].set_ylabel("share of voxels with a smaller p")
        panels[-1].legend(frameon=False, fontsize=8, loc="lower right")
        path.write_bytes(encoded(drawing, "png"))


def _pooled_curve(cells: Cells, analysis: str, tr: float) -> tuple[list[float], list[float]]:
    sums: dict[float, list[float]] = {}
    for cell in cells:
        if (cell["cell"]["noise"], cell["cell"]["repetition_time"]) == ("physiological", tr):
            for name, p, rate in cell["curves"]:
                if name == analysis:
                    sums.setdefault(p, []).append(rate)
    points = sorted(sums)
    return points, [max(fmean(sums[p]), SMALLEST / 10) for p in points]


TEMPLATES = (
    Path(__file__).with_name("calibration_page.md"),
    Path(__file__).with_name("calibration_page_real.md"),
)


def write_page(cells: Cells, folder: Path, sizes: Mapping[str, int]) -> Path:
    """Write calibration.md and its figures; returns the page.

    Parameters
    ----------
    cells
        Numbers of all settings.
    folder
        Where it goes.
    sizes
        Number of voxels, and of data sets by noise model.
    """
    simulated = [cell for cell in cells if cell["cell"]["data"] == "simulated"]
    real = [cell for cell in cells if cell["cell"]["data"] == "real"]
    _tr_figure(simulated, folder / "calibration_tr.png")
    _pp_figure(simulated, folder / "calibration_pp.png")
    on_real = {
        name: designs_table(real, "surrogate", p)
        for name, p in (("strict", STRICT), ("loose", LOOSE))
        if real
    }
    page, real_part = (path.read_text(encoding="utf-8") for path in TEMPLATES)
    text = page.format(
        short=short(simulated, real),
        findings="\n".join(f"- {text}".replace("\xa0", " ") for text in findings(simulated, real)),
        strict=rates_table(simulated, STRICT),
        loose=rates_table(simulated, LOOSE),
        designs=designs_table(simulated, "physiological", STRICT),
        familywise=familywise_table(simulated),
        sensitivity=sensitivity_table(simulated),
        real=real_part.format(**on_real) if real else "",
        n_voxels=sizes["voxels"],
        n_simulated=sizes["physiological"],
        n_simple=sizes["white"],
        n_real=sizes["surrogate"],
    )
    path = folder / "calibration.md"
    path.write_text(text, encoding="utf-8")
    return path
