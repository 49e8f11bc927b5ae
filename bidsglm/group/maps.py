"""Group maps of every contrast from both packages, each with its own second level.

The effect maps of a contrast are read once into scratch files (`bidsglm.dataset.stacks`) and fitted some
voxels at a time, so that memory does not grow with the number of participants; one contrast after the other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bidsglm.dataset.group_rows import row_variables
from bidsglm.dataset.participants import numbered_columns, read_participants
from bidsglm.errors import BidsglmError, DataError
from bidsglm.group.analyses import Analysis, analyses, units_of, without_results
from bidsglm.group.contrast_maps import FEWEST, DatasetNode, Inputs, write_model
from bidsglm.group.effects import FirstLevel, first_levels
from bidsglm.group.map_files import GroupWriter
from bidsglm.group.map_summary import GroupRecord, finish
from bidsglm.group.members import Members, Summary, by_name, named, participants_of
from bidsglm.group.numbers import GroupNumbers
from bidsglm.group.tables import Tables
from bidsglm.model import GroupModel, ModelSpecification
from bidsglm.outputs.names import create_folder
from bidsglm.settings import Settings
from bidsglm.statsmodel.contrasts import contrast_label
from bidsglm.statsmodel.flow import stands_for
from bidsglm.statsmodel.globs import matching
from bidsglm.statsmodel.specification import parse_model, read_document, read_model
from bidsglm.unit.models import model_path

MEAN_OF_ALL = GroupModel(dummy_contrasts=())
"""Where a model has no Dataset node."""


def write_group_maps(members: Members, settings: Settings, tables: Tables, numbers: GroupNumbers) -> Members:
    """Write maps, tables and a summary for each task and space.

    What goes wrong with one of them is among the failures of the members returned; the others go on.

    Parameters
    ----------
    members
        Of each task and space, all fitted by the same packages.
    settings
        Of the group level.
    tables
        Of all participants; groups of a session or level get their part of them.
    numbers
        Keep what the tables of the maps say.
    """
    if settings.work_dir is not None:
        create_folder(settings.work_dir)
    for name, units in by_name(members.finished).items():
        space = str(units[0]["entities"].get("space", ""))
        writer = GroupWriter(numbers, name, space, tables.agreement.get(name))
        record = GroupRecord([], [], [], {})
        try:
            nodes = _group_models(settings, units, record.notes)
            for model in nodes:
                _one_model(model, len(nodes) == 1, units, writer, settings, record)
        except BidsglmError as error:
            record.add(error)
        finish(writer, record)
        for participant, failure in record.failures.items():
            members = members.with_failure(participant, failure)
        said = [*record.notes, *(f"{name}: {error}" for error in record.errors)]
        members = members._replace(
            failures=(*members.failures, *record.errors), notes=(*members.notes, *said)
        )
    return members


def _group_models(settings: Settings, units: Sequence[Summary], notes: list[str]) -> tuple[GroupModel, ...]:
    """Dataset nodes of the model; the mean over all without any."""
    model = _model(settings, units, notes)
    return model.group if model is not None and model.group else (MEAN_OF_ALL,)


def _model(settings: Settings, units: Sequence[Summary], notes: list[str]) -> ModelSpecification | None:
    """Model of the command line, else the one that stands among the results."""
    if settings.model is not None:
        return read_model(settings.model, settings)
    path = model_path(settings.output_dir, str(units[0].get("model", "")))
    if not path.exists():
        notes.append(f"{path.name} is not there: the group's model is the mean over participants.")
        return None
    return parse_model(read_document(path), str(path), replace(settings, smoothing_fwhm=None))


def _one_model(
    model: GroupModel,
    only: bool,
    units: Sequence[Summary],
    writer: GroupWriter,
    settings: Settings,
    record: GroupRecord,
) -> None:
    """All groups of a Dataset node; what is wrong with the node as a whole does not hinder the others."""
    everybody = participants_of(units)
    if len(everybody) == 1:
        note = (
            f"No group maps: there is only {named(everybody)}, and of one participant no variance"
            " between them."
        )
        record.note(note)
        return
    try:
        chosen = units_of(model, units)
        everything = _reaching(model, first_levels(chosen), record)
        plain = replace(model, x=_columns_of_x(model, everything))
        people = read_participants(settings.bids_dir, plain, participants_of(chosen))
        for why in dict.fromkeys(people.left_out.values()):
            who = [label for label, own in people.left_out.items() if own == why]
            are = "are" if len(who) > 1 else "is"
            record.note(f"{named(who)} {are} left out of the group maps: {why}.")
        for entity, labels in without_results(model, units).items():
            record.note(
                f"the filter of an edge to the Dataset node {model.name!r} names {entity} "
                f"{', '.join(labels)}, of which there are no results."
            )
        for doubt in people.codes(numbered_columns(model, people)):
            record.note(doubt)
        for column in model.columns:
            for slip in people.slips(column, [p for p in people.cells[column]]):
                record.add(DataError(slip))
        node = DatasetNode(model, "" if only else model.name, people, writer, settings, record)
        for analysis in analyses(model, chosen, people, writer.name):
            _one_group(analysis, node)
    except BidsglmError as error:
        record.add(error)


def _reaching(model: GroupModel, found: Sequence[FirstLevel], record: GroupRecord) -> tuple[FirstLevel, ...]:
    """Contrasts of the participants' models that reach a Dataset node."""
    for name in model.first_level or ():
        if not any(stands_for(name, own) for contrast in found for own in (contrast.name, contrast.label)):
            record.note(f"{model.name} is to have {name!r}, a contrast that no participant has.")
    return tuple(contrast for contrast in found if _reaches(contrast, model))


def _reaches(contrast: FirstLevel, model: GroupModel) -> bool:
    def is_among(names: Sequence[str]) -> bool:
        return any(stands_for(name, own) for name in names for own in (contrast.name, contrast.label))

    if is_among(model.made):
        return True
    if is_among(model.foreign):
        return False
    return model.first_level is None or is_among(model.first_level)


def _columns_of_x(model: GroupModel, contrasts: Sequence[FirstLevel]) -> tuple[str, ...]:
    """X without the names of contrasts, where contrasts are in one model."""
    if model.by_contrast:
        return model.x
    return tuple(x for x in model.x if not any(stands_for(x, contrast.name) for contrast in contrasts))


def _one_group(analysis: Analysis, node: DatasetNode) -> None:
    """All contrasts of a group of participants."""
    if len(analysis.members) < FEWEST:
        node.record.add(
            DataError(
                f"{node.people.path}: {' '.join(filter(None, ('the group', analysis.words)))} is one "
                f"participant, {named(analysis.members)}: of one there is no variance, so it has no maps"
            )
        )
        return
    part = node.writer.part(analysis)
    for inputs in _models(analysis, node):
        try:
            write_model(inputs, analysis, part, node)
        except BidsglmError as error:
            node.record.add(error)


def _models(analysis: Analysis, node: DatasetNode) -> Iterator[Inputs]:
    """What goes into one model each: a contrast, or all that X names."""
    model, record = node.model, node.record
    found = []
    for contrast in _reaching(model, first_levels(analysis.units), GroupRecord([], [], [], {})):
        if contrast.test == "t":
            found.append(contrast)
        else:
            note = f"{contrast.name} is an F contrast: it has no effect map, so no group maps."
            record.note(note)
    sessions = _sessions(model, analysis.units)
    if not model.by_contrast:
        meant = [c for c in found if _is_in_x(c.name, model.x)]
        if meant:
            yield Inputs({c.name: c for c in meant}, " and ".join(c.name for c in meant), "", sessions)
            return
        if len(found) > 1:
            raise DataError(
                f"the Dataset node {model.name!r} does not group by contrast, and its X names none of the "
                f"{len(found)} that reach it ({', '.join(c.name for c in found[:3])} ...): add 'contrast' to "
                "its GroupBy"
            )
    suffix = f"_node-{contrast_label(node.name)}" if node.name else ""
    for contrast in found:
        yield Inputs({"": contrast}, contrast.name, contrast.label + suffix, sessions)


def _is_in_x(contrast: str, x: Sequence[str]) -> bool:
    """Whether X names a contrast, by itself or as a level of what tells maps apart."""
    levels = ("contrast", f"contrast.{contrast}")
    return any(stands_for(name, contrast) or matching(name, levels) for name in x)


def _sessions(model: GroupModel, units: Sequence[Summary]) -> tuple[str, ...]:
    """Sessions that a model tells apart in its rows; the empty one where it takes their mean.

    >>> units = [{"entities": {"session": label}} for label in ("a", "b", "c")]
    >>> _sessions(GroupModel(x=("session.a", "session.b")), units), _sessions(GroupModel(), units)
    (('a', 'b'), ('',))
    """
    there = sorted({str(unit["entities"]["session"]) for unit in units if unit["entities"].get("session")})
    record = [name for name in row_variables(model) if name.partition(".")[0] == "session"]
    if not record or not there or model.by_session:
        return ("",)
    meant = tuple(s for s in there if any(matching(name, [f"session.{s}"]) for name in model.x))
    # a single level beside a mean is one of all sessions
    return tuple(there) if "session" in model.x or len(meant) < FEWEST else meant
