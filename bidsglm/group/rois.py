"""Regions over the group: every participant's values beside each other, and whether the package matters.

A participant's own table is taken where it was made with the atlas asked for; else the regions are read from
the participant's maps, which gives the same numbers.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bidsglm.dataset.atlas import Atlas
from bidsglm.errors import BidsglmError, ReadWriteError
from bidsglm.group.members import (
    Members,
    Summary,
    by_name,
    identity,
    named,
    participants_of,
)
from bidsglm.group.numbers import GroupNumbers
from bidsglm.group.roi_effects import RegionEffects
from bidsglm.messages import LOG
from bidsglm.outputs.names import GENERATED_BY
from bidsglm.outputs.region_tables import (
    GROUP_REGIONS,
    REGION_AGREEMENT,
    REGIONS,
    region_agreement_schema,
)
from bidsglm.outputs.sidecars import RegionFacts, read_sidecar
from bidsglm.outputs.summaries import compared
from bidsglm.outputs.summary_form import AddOnForm
from bidsglm.regions.values import (
    ADD_ON,
    RegionReader,
    Row,
    atlas_facts,
)

MOST_NOTES = 20
"""Different warnings shown; with many participants every one may have a share of its own."""


class _Source(NamedTuple):
    """Which atlas, and what stands of it already."""

    digest: str
    facts: Mapping[str, object]
    """For sidecars"""
    reader: RegionReader | None
    """None without --atlas: only tables that stand there can be used"""
    notes: tuple[str, ...] = ()


def write_regions(members: Members, atlas: Atlas | None, numbers: GroupNumbers) -> Members:
    """Write the group's tables of regions, by the start of its file names; nothing where nobody has any.

    A participant whose maps or table are damaged is named in the members' failures and left out.

    Parameters
    ----------
    members
        Of each task and space, all fitted by the same packages; with one, its own tests stand alone.
    atlas
        Of the command line; without one the tables that the participants have are used.
    numbers
        Keep how the packages agree.

    Returns
    -------
    The members with what is doubtful about their regions among the notes

    Raises
    ------
    CannotCreateError, ReadWriteError
        When a table cannot be written.
    """
    for name, units in by_name(members.finished).items():
        if atlas is not None:
            source = _Source(atlas.digest, atlas_facts(atlas), RegionReader(atlas))
        else:
            there = _common(members, units)
            if there is None:
                _remove(numbers, name)
                continue
            source = there
        members = _write(members, name, units, source, numbers)
    return members


def _entry(unit: Summary) -> AddOnForm:
    """What a unit's summary says of its own table of regions; nothing where it has none."""
    entry = unit.get("supplements", {}).get(ADD_ON, AddOnForm())
    return entry if entry.get("files") else {}


def _common(members: Members, units: Sequence[Summary]) -> _Source | None:
    """The atlas that most of the units' tables were made with; None where there are no tables."""
    digests = Counter(str(_entry(unit)["digest"]) for unit in units if _entry(unit))
    if not digests:
        return None
    digest = digests.most_common(1)[0][0]
    first = next(unit for unit in units if _entry(unit).get("digest") == digest)
    try:
        sidecar = read_sidecar(_path(members.output_dir, first), RegionFacts)
    except ReadWriteError:  # only what is said of the atlas is lost
        sidecar = {}
    facts = {key: value for key, value in sidecar.items() if key.startswith("Atlas")}
    others = [unit for unit in units if _entry(unit).get("digest") != digest]
    note = (
        f"regions: {named(participants_of(others))} have no values of {facts.get('Atlas', 'this atlas')}; "
        "give --atlas to the group to have them read from the maps"
    )
    return _Source(digest, facts, None, (note,) if others else ())


def _remove(numbers: GroupNumbers, name: str) -> None:
    """Take away an earlier run's tables, which the other results no longer go with."""
    for schema in (GROUP_REGIONS, REGION_AGREEMENT):
        path = numbers.path(schema, name)
        if path.exists():
            LOG.info("%s: removed, it is of an earlier run; give --atlas to have it again", path)
        numbers.remove(path)


def _path(output_dir: Path, unit: Summary) -> Path:
    return output_dir / str(unit["folder"]) / f"{unit['prefix']}_desc-rois_metrics.tsv"


class _Gathering:
    """The units' rows, one unit after the other, and what is kept of them."""

    def __init__(self, members: Members, units: Sequence[Summary], source: _Source) -> None:
        self.members = members
        self.units = units
        self.source = source
        self.backends = tuple(units[0]["backends"])
        self.pairs = compared(units[0])
        self.effects = RegionEffects(_t_contrasts(units), self.backends, self.pairs)
        self.said: dict[str, list[str]] = {}

    def rows(self) -> Iterator[Row]:
        """Rows of all units that can be read; the others are noted among the members' failures."""
        for unit in self.units:
            if self.source.reader is None and _entry(unit).get("digest") != self.source.digest:
                continue
            try:
                found, warnings = _unit_rows(self.members.output_dir, unit, self.source)
            except BidsglmError as error:
                self.members = self.members.with_failure(unit["participant"], error)
                continue
            found = [row for row in found if row["backend"] in self.backends]
            self.effects.add(unit["participant"], found)
            for text in warnings:
                self.said.setdefault(text, []).append(unit["participant"])
            front = identity(unit)
            yield from ({**front, **row} for row in found)


def _write(
    members: Members, name: str, units: Sequence[Summary], source: _Source, numbers: GroupNumbers
) -> Members:
    """Write both tables; returns the members with failures and notes."""
    header = GROUP_REGIONS.header(identity(unit) for unit in units)
    facts = {**source.facts, "EffectUnits": dict(units[0].get("effect_units", {})), **GENERATED_BY}
    gathering = _Gathering(members, units, source)
    # all participants' rows may be many, and only the file needs them
    GROUP_REGIONS.write(numbers.path(GROUP_REGIONS, name), gathering.rows(), facts, header)
    schema = region_agreement_schema(gathering.backends, gathering.pairs)
    path = numbers.path(schema, name)
    numbers.write(schema, path, gathering.effects.agreement(), facts)
    notes = (*source.notes, *_notes(gathering.said, len(units)))
    for note in notes:
        LOG.warning("%s", note)
    members = gathering.members
    return members._replace(notes=(*members.notes, *notes))


def _unit_rows(output_dir: Path, unit: Summary, source: _Source) -> tuple[Sequence[Row], Sequence[str]]:
    """A unit's values and what is doubtful about them, from its table or from its maps.

    Raises
    ------
    ReadWriteError
        When the table or a map is missing or damaged.
    """
    entry = _entry(unit)
    if entry.get("digest") == source.digest and (source.reader is None or _path(output_dir, unit).exists()):
        return REGIONS.read(_path(output_dir, unit)), entry.get("warnings", ())
    assert source.reader is not None
    found = source.reader.read(output_dir, unit)
    return found.rows, found.warnings


def _t_contrasts(units: Iterable[Summary]) -> dict[str, str]:
    """Label -> name of all contrasts that have effects, in order."""
    return {c["label"]: c["name"] for unit in units for c in unit["contrasts"] if c["test"] == "t"}


def _notes(said: Mapping[str, Sequence[str]], n_units: int) -> tuple[str, ...]:
    """Warnings of the units, each once, with whom it is about unless that is everybody."""
    notes = [f"{_of(who, n_units)}: {text}" for text, who in said.items()]
    more = len(notes) - MOST_NOTES
    return (*notes[:MOST_NOTES], *((f"regions: {more} more warnings, in the summaries",) if more > 0 else ()))


def _of(who: Sequence[str], n_units: int) -> str:
    return "regions" if len(who) == n_units else f"regions of {named(tuple(dict.fromkeys(who)))}"
