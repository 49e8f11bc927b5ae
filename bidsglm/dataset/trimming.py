"""Whether a preprocessed series is the raw one: number of volumes, repetition time, start.

Onsets count from the first volume of the raw series. Where volumes were cut at the start they come too late
by the time that those took.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from bidsglm.data import Run
from bidsglm.dataset.index import (
    SPACE_ENTITIES,
    Index,
    entities_of,
    find_files,
    inherited_metadata,
    same_label,
)
from bidsglm.dataset.runs import (
    LONGEST_REPETITION_TIME,
    SAME_REPETITION_TIME,
    SHORTEST_REPETITION_TIME,
    RunHeader,
    read_header,
)
from bidsglm.dataset.selection import VOLUMES
from bidsglm.errors import DataError, ReadWriteError
from bidsglm.settings import Settings

MADE_OF_SEVERAL = frozenset({"echo", "part"})
"""Entities of raw files that become one preprocessed file."""
NOT_IN_RAW = frozenset({"desc", *SPACE_ENTITIES})


class RawSeries(NamedTuple):
    """What the raw series says of itself; None where it does not."""

    path: Path | None
    n_scans: int | None
    offset: float
    """s; when the series begins, by its header"""
    metadata: Mapping[str, Any]


def compared_with_raw(run: Run, header: RunHeader, raw: Index, settings: Settings) -> Run:
    """Check a run against its raw series, and note how many volumes were cut at its start.

    Raises
    ------
    DataError
        The series has fewer volumes than the raw one, or another repetition time, and the command line does
        not say why.
    """
    found = raw_series(raw, run)
    notes = [*run.notes]
    if settings.drop_first:
        notes.append(
            f"{run.bold.name}: {settings.drop_first} volumes were cut at the start (--drop-first): onsets"
            f" are moved {settings.drop_first * run.repetition_time:g} s earlier"
        )
    for difference in _differences(run, header, found, settings):
        if difference.fatal and not settings.allow_trimmed:
            raise DataError(f"{run.bold}: {difference.text}; {difference.remedy}")
        notes.append(f"{run.bold.name}: {difference.text}; {difference.taken}")
    return replace(run, notes=tuple(notes), dropped=settings.drop_first)


def raw_series(raw: Index, run: Run) -> RawSeries:
    """Find the raw series of a preprocessed run and read its header, as far as it is there."""
    metadata = inherited_metadata(raw, run.bold.name, run.entities)
    for path in find_files(raw, {"suffix": "bold", "extension": VOLUMES}):
        if _is_source(entities_of(raw, path), run.entities):
            try:
                header = read_header(path)
            except (ReadWriteError, DataError):
                # Data sets often come without their raw images: empty files, or links to nothing.
                return RawSeries(path, None, 0.0, metadata)
            return RawSeries(path, header.shape[3], header.offset, metadata)
    return RawSeries(None, None, 0.0, metadata)


def without_series(
    raw: Index, runs: Sequence[Run], together: frozenset[str], wanted: Sequence[tuple[str, Sequence[str]]]
) -> tuple[str, ...]:
    """Names of raw runs that belong to a unit, but have no preprocessed series.

    Parameters
    ----------
    raw
        The raw data set.
    runs
        Of the unit.
    together
        Entities in which its runs may differ.
    wanted
        Entities and the labels that the user asks for; no labels are all.
    """
    aside = together | MADE_OF_SEVERAL | NOT_IN_RAW
    shared = {k: v for k, v in runs[0].entities.items() if k not in aside}
    found = []
    for path in find_files(raw, {"suffix": "bold", "extension": VOLUMES}):
        own = entities_of(raw, path)
        asked = all(
            any(same_label(key, own.get(key, ""), label) for label in labels)
            for key, labels in wanted
            if labels and key in together
        )
        is_of_unit = {k: v for k, v in own.items() if k not in aside} == shared
        if asked and is_of_unit and not any(_is_source(own, run.entities) for run in runs):
            found.append(path.name)
    return tuple(found)


def _is_source(raw: Mapping[str, str], preprocessed: Mapping[str, str]) -> bool:
    """Whether a raw file has the entities of a preprocessed one, but for its space and what it joins."""
    wanted = {k: v for k, v in preprocessed.items() if k not in NOT_IN_RAW}
    own = {k: v for k, v in raw.items() if k not in MADE_OF_SEVERAL or k in wanted}
    return own.keys() == wanted.keys() and all(same_label(k, own[k], wanted[k]) for k in wanted)


class LengthDifference(NamedTuple):
    """What differs between the series."""

    text: str
    remedy: str
    taken: str
    """What is done where the fit goes on"""
    fatal: bool = True


def _differences(
    run: Run, header: RunHeader, raw: RawSeries, settings: Settings
) -> Iterator[LengthDifference]:
    yield from _other_length(run, raw, settings)
    yield from _other_repetition_time(run, raw)
    yield from _other_start(run, header, raw, settings)


def _other_length(run: Run, raw: RawSeries, settings: Settings) -> Iterator[LengthDifference]:
    if raw.path is None or raw.n_scans is None:
        return
    missing, dropped = raw.n_scans - run.n_scans, settings.drop_first
    counts = f"has {run.n_scans} volumes, the raw series {raw.path.name} has {raw.n_scans}"
    if missing < 0:
        yield LengthDifference(
            counts, "", "a series cannot grow: see whether it was made from that file", fatal=False
        )
    elif missing == dropped:
        return
    elif dropped:
        yield LengthDifference(
            f"{counts}, which is not {dropped} more (--drop-first {dropped})",
            f"give the number of volumes that were cut at the start"
            f"{'' if dropped > missing else ', and --allow-trimmed if others were cut elsewhere'}; runs that"
            " were cut differently are fitted apart (--run-label, --task-label)",
            "it is fitted as it is (--allow-trimmed)",
        )
    else:
        late = missing * run.repetition_time
        yield LengthDifference(
            f"{counts}: onsets in events.tsv count from the first raw volume, and would be {late:g} s late if"
            f" the {missing} volumes were cut at the start",
            f"give --drop-first {missing} if they were (onsets are then moved), or --allow-trimmed if they"
            " were cut at the end or the events are already right for the cut series",
            "onsets are taken as they are (--allow-trimmed)",
        )


def _other_repetition_time(run: Run, raw: RawSeries) -> Iterator[LengthDifference]:
    stated = raw.metadata.get("RepetitionTime")
    if (
        not isinstance(stated, int | float)
        or not SHORTEST_REPETITION_TIME <= stated <= LONGEST_REPETITION_TIME
    ):
        return
    if math.isclose(stated, run.repetition_time, rel_tol=SAME_REPETITION_TIME):
        return
    text = f"has a repetition time of {run.repetition_time:g} s, the raw series one of {stated:g} s"
    if raw.n_scans is not None:
        lasts, whole = run.n_scans * run.repetition_time, raw.n_scans * stated
        if abs(lasts - whole) <= max(stated, run.repetition_time):
            yield LengthDifference(
                f"{text}; both last {whole:g} s", "", "it was resampled in time", fatal=False
            )
            return
    yield LengthDifference(
        text,
        "onsets in seconds fit one of them only: correct the RepetitionTime (s) in the JSON file that is"
        " wrong, or give --allow-trimmed if the preprocessed series was given another one on purpose",
        f"{run.repetition_time:g} s was used (--allow-trimmed)",
    )


def _other_start(
    run: Run, header: RunHeader, raw: RawSeries, settings: Settings
) -> Iterator[LengthDifference]:
    """A start that the header or the JSON file tells, where the number of volumes does not."""
    if raw.n_scans is not None and raw.n_scans != run.n_scans:
        return
    later = header.offset - raw.offset if raw.n_scans is not None else 0.0
    if later >= run.repetition_time and not settings.drop_first:
        yield LengthDifference(
            f"begins {later:g} s later than the raw series by its header",
            "",
            f"if {round(later / run.repetition_time)} volumes were cut at the start, onsets are late by as"
            " much: give --drop-first",
            fatal=False,
        )
