"""What there is to fit: participants, and the runs of each that belong together."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bidsglm.data import Unit
from bidsglm.dataset.index import (
    SPACE_ENTITIES,
    Index,
    entities_of,
    func_folder,
    inherited_files,
    nearest_file,
    read_index,
    uri,
)
from bidsglm.dataset.masks import grid_of, is_same_grid
from bidsglm.dataset.nifti import read_header
from bidsglm.dataset.roots import check_raw, derivative_roots
from bidsglm.dataset.runs import Files, check_alike, read_run
from bidsglm.dataset.selection import VOLUMES, Bold, named_entities, prefix, select_bolds
from bidsglm.dataset.trimming import compared_with_raw, without_series
from bidsglm.errors import DataError, NoInputError
from bidsglm.sentences import listing
from bidsglm.settings import Settings
from bidsglm.statsmodel.entities import LONG_KEYS
from bidsglm.statsmodel.nearest import nearest

LOG = logging.getLogger(__name__)

FITTED_TOGETHER = frozenset({"run", "direction"})
"""Runs that differ in nothing else (and sessions, if the model says so) make one unit."""
ANATOMICAL = "anat"
OF_THE_GRID = frozenset({"resolution", "density"})
"""What some programs write of an image's grid, and others leave out."""


def find_units(
    settings: Settings,
    model_inputs: Mapping[str, tuple[str, ...]],
    mask_entities: Mapping[str, str],
    participant: str,
    by_session: bool,
) -> tuple[Unit, ...]:
    """Find one participant's units of analysis, sorted by prefix: the runs that are fitted together.

    Parameters
    ----------
    settings, participant, by_session
        The filters and folders, a label without sub-, and whether sessions are fitted apart.
    model_inputs
        The model's Input: labels by entity.
    mask_entities
        The model's Options.Mask; empty for fMRIPrep's brain mask.

    Raises
    ------
    NoInputError
        The participant has no preprocessed data.
    NothingMatchedError
        No run passes the filters.
    UsageError
        Several spaces, none of them chosen.
    DataError
        A run lacks events or a repetition time, or runs of a unit differ in their grids.
    ReadWriteError
        A bold file cannot be read.
    """
    check_raw(settings)
    roots = derivative_roots(settings)
    raw = read_index(settings.bids_dir.absolute(), "raw", participant, settings.bids_database_dir)
    derivatives = [
        read_index(root, name, participant, settings.bids_database_dir)
        for name, root in roots.items()
        if (root / f"sub-{participant}").is_dir()
    ]
    if not derivatives:
        folders = " or ".join(map(str, roots.values()))
        raise NoInputError(
            f"{folders}: no folder sub-{participant}; run fMRIPrep on it or give --derivatives"
        )
    groups = _groups(select_bolds(settings, model_inputs, derivatives), by_session)
    with_events = _with_events(settings, model_inputs, raw, groups)
    units = [
        _unit(settings, mask_entities, raw, derivatives, members, by_session)
        for _, members in sorted(with_events.items())
    ]
    if "bold" in settings.bids_filters:
        return tuple(units)
    asked = [("session", settings.session_labels), ("run", settings.run_labels), *model_inputs.items()]
    return tuple(_told_of_absent(unit, raw, asked, _together(by_session)) for unit in units)


def _groups(bolds: Iterable[Bold], by_session: bool) -> dict[str, list[Bold]]:
    """Collect runs under the prefix of their unit."""
    groups: dict[str, list[Bold]] = {}
    for bold in bolds:
        groups.setdefault(prefix(_shared(bold, by_session)), []).append(bold)
    return groups


def _shared(bold: Bold, by_session: bool) -> dict[str, str]:
    apart = _together(by_session)
    return {key: label for key, label in named_entities(bold).items() if key not in apart}


def _together(by_session: bool) -> frozenset[str]:
    """Entities in which the runs of a unit may differ."""
    return FITTED_TOGETHER if by_session else FITTED_TOGETHER | {"session"}


def _told_of_absent(
    unit: Unit, raw: Index, asked: Iterable[tuple[str, Sequence[str]]], together: frozenset[str]
) -> Unit:
    """Note at the first run of a unit which raw runs have no preprocessed series: nobody else misses them."""
    wanted = [(LONG_KEYS.get(key, key), labels) for key, labels in asked]
    notes = [
        f"{name}: of this raw run there is no preprocessed series, it has no part here; preprocess it, or "
        "choose runs by --run-label"
        for name in without_series(raw, unit.runs, together, wanted)
    ]
    first, *others = unit.runs
    return replace(unit, runs=(replace(first, notes=(*first.notes, *notes)), *others)) if notes else unit


def _events(settings: Settings, raw: Index, bold: Bold) -> Path | None:
    filters = {"suffix": "events", "extension": ".tsv", **settings.bids_filters.get("events", {})}
    return nearest_file(raw, bold.path.name, bold.entities, filters)


def _with_events(
    settings: Settings,
    model_inputs: Mapping[str, tuple[str, ...]],
    raw: Index,
    groups: dict[str, list[Bold]],
) -> dict[str, list[tuple[Bold, Path]]]:
    """Units with the events of their runs; a resting-state task that nobody asked for is left out."""
    asked = bool(settings.task_labels) or "task" in model_inputs
    asked = asked or "task" in settings.bids_filters.get("bold", {})
    found: dict[str, list[tuple[Bold, Path]]] = {}
    missing: list[Bold] = []
    for name, bolds in groups.items():
        events = [_events(settings, raw, bold) for bold in bolds]
        without = [bold for bold, path in zip(bolds, events, strict=True) if path is None]
        if without and (asked or len(without) < len(bolds)):
            raise _no_events(raw, without[0])
        missing += without
        if not without:
            found[name] = [(b, path) for b, path in zip(bolds, events, strict=True) if path is not None]
    if not found:
        raise _no_events(raw, missing[0])
    for bold in missing:
        LOG.warning("%s: left out, the task has no events.tsv", bold.path.name)
    return found


def _no_events(raw: Index, bold: Bold) -> DataError:
    entities = {key: label for key, label in named_entities(bold).items() if key not in SPACE_ENTITIES}
    folder = raw.root / f"sub-{raw.participant}"
    expected = raw.root / func_folder(raw.participant, entities) / f"{prefix(entities)}_events.tsv"
    return DataError(
        f"{bold.path}: no events for it, {expected} is missing{_instead_of_events(folder, expected)}; add "
        "the file or exclude the run (--task-label, --run-label or --bids-filter-file)"
    )


def _instead_of_events(subject: Path, expected: Path) -> str:
    """What the raw data have in place of a run's events, as the middle of a message."""
    if not subject.is_dir():
        return f" (BIDS_DIR has no folder {subject.name})"
    found = sorted(expected.parent.glob("*events*")) or sorted(subject.glob("ses-*/func/*events*"))
    # the run's own name with another ending comes before the names of other runs
    name = next((path.name for path in found if path.name.startswith(expected.stem)), "")
    name = name or nearest(expected.name, [path.name for path in found])
    near = next((path for path in found if path.name == name), None)
    if near is None:
        return ""
    return f" (there is {near.name if near.parent == expected.parent else near.relative_to(subject)})"


def _confounds(settings: Settings, indexes: Sequence[Index], bold: Bold) -> tuple[Index, Path] | None:
    """Find the confounds of a run; fMRIPrep before 20.2 called them regressors."""
    for suffix in ("timeseries", "regressors"):
        own = settings.bids_filters.get("confounds", {})
        filters = {"suffix": suffix, "desc": "confounds", "extension": ".tsv", **own}
        for index in indexes:
            path = nearest_file(index, bold.path.name, bold.entities, filters)
            if path is not None:
                return index, path
    return None


_Found = tuple[Index, Path]


def _mask(
    settings: Settings, mask_entities: Mapping[str, str], indexes: Sequence[Index], bold: Bold
) -> tuple[_Found | None, tuple[str, ...]]:
    """Find the mask on the run's grid, or what the model's Options.Mask names, wherever it lies; notes."""
    own = {**mask_entities, **settings.bids_filters.get("mask", {})}
    filters = _mask_filters(own)
    free = frozenset({"desc", *own})
    # Tissue maps lie in anat, from where no run inherits: what is asked for by name is looked for there too.
    queries = (filters, {**filters, "datatype": ANATOMICAL}) if own else (filters,)
    for query in queries:
        for index in indexes:
            path = nearest_file(index, bold.path.name, bold.entities, query, free)
            if path is not None and _same_space(_space_of(index, path), bold.entities, free):
                return (index, path), ()
    others = [found for query in queries for found in _of_other_grids(indexes, bold, query, free)]
    grid = grid_of(read_header(bold.path)) if others else None
    for index, path in others:
        if grid is not None and is_same_grid(grid_of(read_header(path)), grid):
            return (index, path), ()
    near = f"{others[0][1].name}, which lies on another grid" if others else ""
    if own:
        wanted = listing(f"{key}={label}" for key, label in own.items())
        raise DataError(
            f"{bold.path}: no mask with {wanted} in the same space{f' (but {near})' if near else ''}; "
            "correct Options.Mask in the model or the key mask of --bids-filter-file"
        )
    said = f"{bold.path.name}: not taken as its mask: {near}; resample that, or name another in Options.Mask"
    return None, (said,) * bool(near)


def _of_other_grids(
    indexes: Sequence[Index], bold: Bold, query: Mapping[str, object], free: frozenset[str]
) -> list[_Found]:
    """Masks of a run whose names differ from its in nothing but the grid: one has res, the other has not."""
    wide = free | OF_THE_GRID
    return [
        (index, path)
        for index in indexes
        for path in inherited_files(index, bold.path.name, bold.entities, query, wide)
        if _same_space(_space_of(index, path), bold.entities, wide)
    ]


def _mask_filters(own: Mapping[str, object]) -> dict[str, object]:
    """What a mask's name holds: of fMRIPrep's brain mask, where the model's own words name no other image."""
    usual = {"suffix": "mask", "desc": "brain", "extension": VOLUMES}
    if "label" in own or own.get("suffix", "mask") != "mask":
        del usual["desc"]
    return {**usual, **own}


def _space_of(index: Index, path: Path) -> Mapping[str, str]:
    """Entities of a mask; fMRIPrep's anatomical images without a space are in that of the T1w image."""
    found = entities_of(index, path)
    return {"space": "T1w", **found} if path.parent.name == ANATOMICAL else found


def _same_space(mask: Mapping[str, str], bold: Mapping[str, str], free: frozenset[str]) -> bool:
    return all(mask.get(key) == bold.get(key) for key in SPACE_ENTITIES if key not in free)


def _files(
    settings: Settings,
    mask_entities: Mapping[str, str],
    raw: Index,
    derivatives: Sequence[Index],
    member: tuple[Bold, Path],
) -> Files:
    bold, events = member
    indexes = [bold.dataset, *(index for index in derivatives if index is not bold.dataset)]
    mask, notes = _mask(settings, mask_entities, indexes, bold)
    found = {"events": (raw, events), "confounds": _confounds(settings, indexes, bold), "mask": mask}
    paths = {key: item[1] if item else None for key, item in found.items()}
    sources = {key: uri(*item) for key, item in found.items() if item}
    return Files(
        bold.dataset,
        bold.path,
        bold.entities,
        paths["events"],
        paths["confounds"],
        paths["mask"],
        sources,
        notes,
    )


def _unit(
    settings: Settings,
    mask_entities: Mapping[str, str],
    raw: Index,
    derivatives: Sequence[Index],
    members: Sequence[tuple[Bold, Path]],
    by_session: bool,
) -> Unit:
    read = [read_run(_files(settings, mask_entities, raw, derivatives, member), raw) for member in members]
    check_alike(read)
    runs = tuple(compared_with_raw(run, header, raw, settings) for run, header in read)
    entities = _shared(members[0][0], by_session)
    return Unit(
        participant=entities["subject"],
        entities=entities,
        prefix=prefix(entities),
        folder=func_folder(entities["subject"], entities),
        runs=runs,
        run_prefixes=tuple(prefix(run.entities) for run in runs),
        raw=raw.root,
    )
