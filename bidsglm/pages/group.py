"""From the group's results on disk to group.html, which can so be written again at any time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bidsglm.errors import BidsglmError
from bidsglm.group.background import write_background
from bidsglm.group.members import Members, Summary, by_name, participants_of, unit_name
from bidsglm.group.numbers import GroupNumbers
from bidsglm.group.tables import GroupAgreement, Tables
from bidsglm.outputs.names import read_json, write_bytes, write_text
from bidsglm.outputs.region_tables import REGION_AGREEMENT
from bidsglm.outputs.schema import Row
from bidsglm.outputs.summaries import compared, unit_summaries
from bidsglm.outputs.summary_form import has_fit
from bidsglm.pages.about import about
from bidsglm.pages.calibration import group_calibration
from bidsglm.pages.group_maps import GroupMaps, group_maps
from bidsglm.pages.group_tables import medians_of_pairs, outlying, slope_in_percent, step_shares
from bidsglm.pages.reasons import left_out
from bidsglm.pages.regions import group_regions, scene_with_regions
from bidsglm.pages.unit import is_native
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.group_evidence import Sizes
from bidsglm.report.group_html import group_page
from bidsglm.report.group_methods import GroupFacts, group_paragraphs
from bidsglm.report.group_report import GroupReport, GroupUnit, ParticipantEntry
from bidsglm.report.group_tiles import plots
from bidsglm.report.left_out import ArbitraryContrasts
from bidsglm.report.strips import axes
from bidsglm.report.wording import median
from bidsglm.settings import Settings

UP_FROM_FIGURES = "../../"
KINDS = {"not run yet": "not run", "other settings": "other settings", "not fitted by": "other packages"}
"""What a problem says -> its kind; all others are failures."""


class UnitPlace(NamedTuple):
    """Where a participant's page shows a unit."""

    who: str
    """Participant, and session if there is one"""
    unit: str
    """Start of the group's file names"""
    page: str
    number: int
    """Counted from 1, as the page's anchors are"""


def _dataset_name(bids_dir: Path) -> str:
    """Name of the raw data set, else of its folder."""
    path = bids_dir / "dataset_description.json"
    try:
        name = read_json(path).get("Name") if path.exists() else None
    except BidsglmError:  # it may have changed since the participants were fitted
        name = None
    return str(name or bids_dir.resolve().name)


def write_group_page(
    settings: Settings, tables: Tables, numbers: GroupNumbers
) -> tuple[Path, tuple[BidsglmError, ...]]:
    """Write group.html from the collected tables, and its plots as files.

    Maps that cannot be read are among the errors on the page and of the result.

    Returns
    -------
    The page, and what could not be shown on it.

    Raises
    ------
    ReadWriteError
        When the page cannot be written.
    """
    members, output_dir = tables.members, tables.members.output_dir
    named = by_name(members.finished)
    for name, of_group in named.items():
        write_background(output_dir, name, of_group)
    entries = tuple(_entry(output_dir, label, problem) for label, problem in members.problems.items())
    places = _places(members, {entry.participant: entry.page for entry in entries if entry.page})
    units: list[GroupUnit] = []
    errors: list[BidsglmError] = []
    for name, of_group in named.items():
        agreed, pairs = tables.agreement.get(name), compared(of_group[0])
        if agreed is not None:
            unit = _compared(numbers, name, tables, (of_group, places))
        elif len(of_group[0]["backends"]) == 1:
            unit = _single(numbers, name, of_group)
        else:
            continue
        maps = GroupMaps()
        try:
            maps = group_maps(numbers, name, pairs)
        except BidsglmError as error:
            errors.append(error)
        unit = _with_maps(unit, maps, numbers.path(REGION_AGREEMENT, name))
        _write_plots(output_dir / "group" / "figures", name, unit)
        units.append(unit)
    page, dataset = output_dir / "group.html", _dataset_name(settings.bids_dir)
    report = GroupReport(dataset, about(), entries, tuple(units), members.notes, tuple(map(str, errors)))
    write_text(page, group_page(report))
    return page, tuple(errors)


def _entry(output_dir: Path, participant: str, problem: str) -> ParticipantEntry:
    page = f"sub-{participant}.html"
    kind = next((kind for words, kind in KINDS.items() if words in problem), "failed")
    said = problem.removeprefix(f"sub-{participant}: ")
    return ParticipantEntry(participant, page if (output_dir / page).exists() else "", said, kind)


def _compared(
    numbers: GroupNumbers,
    name: str,
    tables: Tables,
    members: tuple[Sequence[Summary], list[UnitPlace]],
) -> GroupUnit:
    """What the page says of one task and space, of every pair, without its maps."""
    of_group, places = members
    agreed, matrix = tables.agreement[name], medians_of_pairs(tables.matrix.get(name, ()))
    out = left_out(of_group)
    scales = [row for row in tables.scales.get(name, ()) if row["map"] == "effect"]
    level = median([r for r in scales if r["contrast"] not in out.contrasts] or scales, "by_level")
    regions = group_regions(numbers, name, agreed.pairs)
    units = of_group[0].get("effect_units") or {}
    first, *further = (
        replace(
            _unit(numbers, name, agreed.of(pair), places),
            shares=step_shares(tables.steps.get((name, pair), ())),
            level=level if pair.is_default else math.nan,
            native=any(map(is_native, of_group)),
            left_out=out,
            regions=regions.of(pair) if regions else None,
            pair=pair,
            packages=tuple(of_group[0]["backends"]),
            sizes=Sizes({}, math.nan)
            if agreed.pairs == (DEFAULT_PAIR,)
            else _sizes(pair, units, (matrix, out)),
        )
        for pair in agreed.pairs
    )
    return replace(first, others=tuple(further), matrix=matrix, calibration=group_calibration(numbers, name))


def _sizes(pair: Pair, units: Mapping[str, str], found: tuple[Sequence[Row], ArbitraryContrasts]) -> Sizes:
    """Units of the effects, and how they compare without them."""
    matrix, out = found
    own = [row for row in matrix if row["contrast"] not in out.contrasts] or matrix
    return Sizes(units, slope_in_percent(own, pair))


def _unit(numbers: GroupNumbers, name: str, agreed: GroupAgreement, places: list[UnitPlace]) -> GroupUnit:
    """What the page says of one pair in one task and space."""
    return GroupUnit(
        name.replace("_", " "),
        agreed.rows,
        agreed.path.relative_to(numbers.output_dir).as_posix(),
        places={place.who: (place.page, place.number) for place in places if place.unit == name},
        spread=agreed.summary,
        outlying=outlying(agreed.outliers),
    )


def _single(numbers: GroupNumbers, name: str, units: Sequence[Summary]) -> GroupUnit:
    """What the page says of one task and space that one package fitted."""
    people = tuple(f"sub-{participant}" for participant in participants_of(units))
    return GroupUnit(
        name.replace("_", " "),
        (),
        fitted_by=units[0]["backends"][0],
        fitted=people,
        regions=group_regions(numbers, name, ()),
        calibration=group_calibration(numbers, name),
        packages=tuple(units[0]["backends"]),
    )


def _with_maps(unit: GroupUnit, maps: GroupMaps, regions: Path) -> GroupUnit:
    """The same with the group's maps, where there are any, and with what was done in words."""
    facts = GroupFacts(
        unit.title,
        unit.people,
        maps.methods if maps.contrasts else (),
        tuple((contrast.name, contrast.definition) for contrast in maps.contrasts),
        maps.permutations,
        bool(unit.shares),
        unit.regions.atlas if unit.regions else "",
        unit.fitted_by,
        _tails(maps),
        maps.stability is not None,
        unit.packages,
        tuple(view.pair for view in unit.views),
    )
    whole = replace(
        unit,
        contrasts=maps.contrasts,
        scene=scene_with_regions(maps.scene, regions) if maps.scene else None,
        methods=group_paragraphs(facts),
        stability=maps.stability,
        notes=maps.notes,
        maps_table=maps.table,
        maps_matrix=maps.matrix,
    )
    if unit.fitted_by:
        return whole
    first, *further = (_of_pair(each, maps) for each in (whole, *unit.others))
    return replace(first, others=tuple(further), stability=maps.stability)


def _of_pair(unit: GroupUnit, maps: GroupMaps) -> GroupUnit:
    """What a pair's verdict rests on of the group's maps."""
    return replace(
        unit,
        contrasts=tuple(contrast.of_pair(unit.pair) for contrast in maps.contrasts),
        stability=maps.stability.of(unit.pair) if maps.stability else None,
    )


def _tails(maps: GroupMaps) -> str:
    """Which tails corrections look at, in words; empty where nothing was corrected."""
    corrected = [contrast.inference for contrast in maps.contrasts if contrast.inference is not None]
    if not corrected:
        return ""
    return "two-sided" if any(each.two_sided for each in corrected) else "in each tail by itself"


def _places(members: Members, pages: Mapping[str, str]) -> list[UnitPlace]:
    """Where the participants' pages show which unit."""
    found = []
    for participant, page in pages.items():
        try:
            shown = [s for s in unit_summaries(members.output_dir, participant) if has_fit(s)]
        except BidsglmError:  # named among the members' failures; its page is linked as a whole
            continue
        for number, summary in enumerate(shown, 1):
            session = summary["entities"].get("session")
            who = f"sub-{participant} ses-{session}" if session else f"sub-{participant}"
            found.append(UnitPlace(who, unit_name(summary), page, number))
    return found


def _write_plots(folder: Path, name: str, unit: GroupUnit) -> None:
    """Strip plots as files of their own; their links lead to the pages from there."""
    for view in unit.views:
        known = axes(view.pair)
        for plot in plots((replace(view, others=()),))[unit.title, view.pair]:
            for metric, drawing in plot.drawings.items():
                text = drawing.replace('href="sub-', f'href="{UP_FROM_FIGURES}sub-')
                path = folder / f"{name}_stat-{plot.map}_desc-{known[metric].stem}.svg"
                write_bytes(path, text.encode())
