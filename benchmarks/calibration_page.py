"""Page and figures of the calibration study, from its tables: ``python benchmarks/calibration_page.py``."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import calibration_sentences as sentences
from benchmarks.calibration_results import (
    CURVES,
    EFFECT,
    LOOSE,
    Rows,
    mean,
    read,
    select,
    values_of,
)
from bidsglm.agreement.rates import IntervalEstimate, judgement
from bidsglm.report.calibration import TITLES, percent
from bidsglm.report.calibration_figures import LOOKS, SMALLEST
from bidsglm.report.drawing import FAINT, canvas, encoded, legend_below, style
from bidsglm.report.trust import STRICT

DOCS = Path(__file__).resolve().parent.parent / "docs"
TEMPLATE = Path(__file__).with_name("calibration_page.md")
NOISE_TITLES = {
    "physiological": "1/f noise, heart beat and breathing",
    "ar1": "AR(1) noise",
    "white": "white noise",
}


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    text = [" | ".join(["", *header, ""]).strip(), "|---" * len(header) + "|"]
    text += [" | ".join(["", *line, ""]).strip() for line in lines]
    return "\n".join(text)


def by_noise_and_tr(rows: Rows, cell: Callable[[Mapping[str, Any]], str]) -> str:
    """A table with a line for each noise and TR, and a column for each analysis."""
    lines = []
    for noise in NOISE_TITLES:
        for tr in sentences.repetition_times(select(rows, noise=noise)):
            places = [
                {"noise": noise, "repetition_time": tr, "analysis": a} for a in sentences.analyses(rows)
            ]
            lines.append([NOISE_TITLES[noise], f"{tr:g} s", *map(cell, places)])
    return table(["noise", "TR", *(TITLES[a] for a in sentences.analyses(rows))], lines)


def rates_table(rows: Rows, threshold: float) -> str:
    """False-positive rates: mean over designs and the range of their means."""

    def cell(place: Mapping[str, Any]) -> str:
        found = select(rows, effect_size=0.0, p_threshold=threshold, **place)
        values = [row["rate"] for row in found]
        return f"{percent(sum(values) / len(values))} ({percent(min(values))} to {percent(max(values))})"

    return by_noise_and_tr(rows, cell)


def familywise_table(rows: Rows) -> str:
    """Share of data sets in which any voxel passes the familywise threshold."""
    return by_noise_and_tr(
        rows,
        lambda place: percent(mean(rows, "fwe_rate", effect_size=0.0, p_threshold=LOOSE, **place)),
    )


def sensitivity_table(rows: Rows) -> str:
    """Share found of a signal, area under the ROC curve, and spread of the effect."""

    def cell(place: Mapping[str, Any]) -> str:
        wanted = {"effect_size": EFFECT, "p_threshold": STRICT, **place}
        share, auc, spread = (mean(rows, name, **wanted) for name in ("rate", "auc", "spread"))
        return f"{percent(share)}; {auc:.3f}; {spread:.2f}"

    return by_noise_and_tr(rows, cell)


def designs_table(rows: Rows, noise: str, threshold: float) -> str:
    """False-positive rates by design and TR, with the interval of each."""
    lines = []
    for tr in sentences.repetition_times(rows):
        for design in values_of(rows, "design"):
            place = {"repetition_time": tr, "design": design, "effect_size": 0.0, "p_threshold": threshold}
            found = [select(rows, noise=noise, analysis=a, **place) for a in sentences.analyses(rows)]
            lines.append([f"{tr:g} s", design, *(interval(each[0]) for each in found)])
    return table(["TR", "design", *(TITLES[a] for a in sentences.analyses(rows))], lines)


def interval(row: Mapping[str, Any]) -> str:
    """A rate with its interval, marked where it is known to be too high."""
    found = IntervalEstimate(row["rate"], row["ci_lower"], row["ci_upper"])
    text = f"{percent(found.value)} ({percent(found.lower)} to {percent(found.upper)})"
    return f"**{text}**" if judgement(found, row["p_threshold"]) == "too many" else text


def sizes(rows: Rows) -> Iterator[tuple[str, str]]:
    """Numbers of data sets and voxels, by the name that the template has for them."""
    for name, noise in (("n_hard", "physiological"), ("n_simple", "white"), ("n_real", "surrogate")):
        (number,) = set(values_of(select(rows, noise=noise), "n_datasets"))
        yield name, f"{number:.0f}"
    simulated = select(rows, data="simulated", effect_size=0.0)
    yield "n_voxels", f"{simulated[0]['n_voxels']:,.0f}"
    yield "n_real_voxels", f"{select(rows, data='real', effect_size=0.0)[0]['n_voxels']:,.0f}"


def page(rows: Rows) -> str:
    """Text of calibration.md."""
    simulated = select(rows, data="simulated")
    real = select(rows, data="real")
    text = TEMPLATE.read_text(encoding="utf-8").format(
        statements="\n".join(f"{i}. {s}" for i, s in enumerate(sentences.statements(simulated), start=1)),
        short=sentences.in_short(simulated),
        more="\n".join(f"- {sentence}" for sentence in sentences.details(simulated, real)),
        film=sentences.film(simulated),
        strict=rates_table(simulated, STRICT),
        loose=rates_table(simulated, LOOSE),
        designs=designs_table(simulated, sentences.HARD, STRICT),
        familywise=familywise_table(simulated),
        sensitivity=sensitivity_table(simulated),
        real_strict=designs_table(real, "surrogate", STRICT),
        real_loose=designs_table(real, "surrogate", LOOSE),
        **dict(sizes(rows)),
    )
    return text.replace("\N{NO-BREAK SPACE}", " ")


def tr_figure(rows: Rows, path: Path) -> None:
    """Inflation by TR under each noise."""
    trs = sentences.repetition_times(rows)
    with style():
        drawing = canvas(10.0, 4.2)
        panels = drawing.subplots(1, len(NOISE_TITLES), sharey=True)
        for panel, noise in zip(panels, NOISE_TITLES, strict=True):
            panel.axhline(1, color=FAINT, linewidth=0.8)
            for name in sentences.analyses(rows):
                own = sentences.repetition_times(select(rows, noise=noise))
                found = [sentences.at(rows, tr, noise)[name].value / STRICT for tr in own]
                panel.plot(own, found, label=TITLES[name], markersize=5, **LOOKS[name])
            panel.set(yscale="log", xlabel="TR (s)", title=NOISE_TITLES[noise])
            panel.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
            panel.set_xticks(trs, [f"{tr:g}" for tr in trs], fontsize=8)
        panels[0].set_ylabel(f"observed / nominal rate at p < {STRICT:g}")
        legend_below(drawing, panels[0])
        path.write_bytes(encoded(drawing, "png"))


def pp_figure(curves: Rows, path: Path) -> None:
    """p-p plots under the hardest noise, all designs together."""
    trs = sentences.repetition_times(curves)
    with style():
        drawing = canvas(10.0, 3.7)
        panels = drawing.subplots(1, len(trs), sharey=True)
        for panel, tr in zip(panels, trs, strict=True):
            panel.plot([SMALLEST, 1], [SMALLEST, 1], color=FAINT, linewidth=0.8)
            for name in values_of(curves, "analysis"):
                points = select(curves, analysis=name, repetition_time=tr)
                look = {**LOOKS[name], "marker": None}
                shown = [max(point["rate"], SMALLEST / 10) for point in points]
                panel.plot([point["p"] for point in points], shown, label=TITLES[name], linewidth=1.6, **look)
            panel.set(xscale="log", yscale="log", xlim=(SMALLEST, 1), ylim=(SMALLEST, 1), xlabel="p")
            panel.set_title(f"TR {tr:g} s")
            panel.set_box_aspect(1)
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_major_formatter("{x:g}")
                axis.set_minor_formatter("")
        panels[0].set_ylabel("share of voxels with a smaller p")
        legend_below(drawing, panels[0])
        path.write_bytes(encoded(drawing, "png"))


def main() -> None:
    """Write the page and its figures."""
    rows = read()
    (DOCS / "calibration.md").write_text(page(rows), encoding="utf-8")
    tr_figure(select(rows, data="simulated"), DOCS / "calibration_tr.png")
    pp_figure(read(CURVES), DOCS / "calibration_pp.png")


if __name__ == "__main__":
    main()
