"""Self-contained HTML page of a data set, from its records."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from bidsglm.pairs import Pair
from bidsglm.report import wording
from bidsglm.report.calibration import NOISE_TITLES
from bidsglm.report.group_answers import group_answers, group_recipes
from bidsglm.report.group_inference import extents
from bidsglm.report.group_report import GroupReport, GroupUnit
from bidsglm.report.group_tiles import plots, tiles
from bidsglm.report.group_verdict import lead_sentence
from bidsglm.report.pair_matrix import PairMatrix, pair_matrices
from bidsglm.report.references import cited
from bidsglm.report.rendering import environment, slug
from bidsglm.report.rows_table import rows_table
from bidsglm.report.stability_figure import stability_svg
from bidsglm.report.step_bars import leading_svg
from bidsglm.report.trust import TITLES as ANALYSIS_TITLES

T = TypeVar("T")
REFERENCES_OF_THE_VERDICT = ("Bowring et al., 2019",)


def group_page(report: GroupReport) -> str:
    """Render a data set's report as one HTML document; participants' pages are linked beside it.

    Parameters
    ----------
    report
        What stands on it; without units only who failed.
    """
    units, compared = report.units, report.compared
    texts = [text for unit in units for text in unit.methods]
    sections = _sections(report)
    places = {slug(name): name for name in sections}
    return (
        environment()
        .get_template("group.html")
        .render(
            report=report,
            sections=sections,
            matrices={unit.title: _matrices(unit) for unit in compared if unit.others},
            explained=[view for unit in units for view in unit.explained],
            recipes=_each(compared, group_recipes),
            answers={unit.title: group_answers(unit, places) for unit in compared},
            spreads=_each(compared, lambda unit: wording.spreads(unit.spread)),
            plots=plots(compared),
            tables=_each(compared, rows_table),
            numbers=_each(compared, tiles),
            lead_sentence=lead_sentence,
            extents=extents(report.packages),
            leading_svg=leading_svg,
            stability_svg=stability_svg,
            analysis_titles=ANALYSIS_TITLES,
            noise_titles=NOISE_TITLES,
            references=cited([*texts, *(REFERENCES_OF_THE_VERDICT if units else ())]),
        )
    )


def _each(units: Sequence[GroupUnit], made: Callable[[GroupUnit], T]) -> dict[tuple[str, Pair], T]:
    """Title and pair -> what is made of them."""
    return {(unit.title, view.pair): made(view) for unit in units for view in unit.views}


class _Matrices(NamedTuple):
    """Every package beside every other."""

    participants: tuple[PairMatrix, ...]
    group: tuple[PairMatrix, ...]


def _matrices(unit: GroupUnit) -> _Matrices:
    """Medians of the contrasts that the verdict is about."""
    out, units = unit.left_out.contrasts, unit.sizes.units
    found = (
        [row for row in rows if row["contrast"] not in out] or rows
        for rows in (unit.matrix, unit.maps_matrix)
    )
    return _Matrices(*(pair_matrices(rows, units) if rows else () for rows in found))


def _sections(report: GroupReport) -> list[str]:
    """Titles of the sections that have something to show."""
    units = report.units
    optional = {
        "Agreement": bool(report.compared),
        "Participants": bool(report.compared),
        "Group maps": any(unit.contrasts for unit in units),
        "Stability": any(unit.stability for unit in units),
        "Regions": any(unit.regions for unit in units),
        "Why they differ": any(unit.explained for unit in units),
        "Which to trust": any(unit.calibration for unit in units),
        "Questions": bool(report.compared),
        "Methods": any(unit.methods for unit in units),
        "Left out": any(entry.error for entry in report.participants),
    }
    return ["Summary", *(name for name, there in optional.items() if there), "Errors", "About"]
