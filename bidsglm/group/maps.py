"""Group maps of every contrast from both packages, each with its own second level.

The effect maps of a contrast are read once into scratch files (`bidsglm.dataset.stacks`) and fitted some
voxels at a time, so that memory does not grow with the number of participants; one contrast after the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bidsglm.backends import BACKENDS
from bidsglm.backends.records import contrast_weights
from bidsglm.dataset.participants import Participants, group_design, read_participants
from bidsglm.dataset.stacks import MapStack, OtherGridError
from bidsglm.errors import BidsglmError, DataError
from bidsglm.group.effects import FirstLevel, Taken, first_levels, take
from bidsglm.group.map_files import Fitted, GroupWriter, group_label, over
from bidsglm.group.map_summary import Told, finish, summaries
from bidsglm.group.members import Members, Summary, by_name, named, participants_of
from bidsglm.messages import LOG
from bidsglm.model import (
    ContrastSpecification,
    GroupDesign,
    GroupModel,
    ModelSpecification,
    Settings,
    Volume,
)
from bidsglm.outputs.names import create_folder
from bidsglm.spm.second_level import is_estimable
from bidsglm.statsmodel.contrasts import contrast_label
from bidsglm.statsmodel.specification import parse_model, read_document, read_model
from bidsglm.unit.models import model_path

MEAN_OF_ALL = GroupModel(dummy_contrasts=())
"""Where a model has no Dataset node."""
FEWEST = 2
"""Participants between whom there is a variance."""


def write_group_maps(members: Members, settings: Settings) -> Members:
    """Write maps, tables and a summary for each task and space.

    What goes wrong with one of them is among the failures of the members returned; the others go on.
    """
    if settings.work_dir is not None:
        create_folder(settings.work_dir)
    for name, units in by_name(members.compared).items():
        space = str(units[0]["entities"].get("space", ""))
        writer = GroupWriter(members.output_dir, name, space)
        told = Told([], [], [], {})
        try:
            for model, only in _group_models(settings, units, told.notes):
                _one_model(model, only, units, writer, settings, told)
        except BidsglmError as error:
            told.errors.append(error)
        finish(writer, told)
        for participant, failure in told.failures.items():
            members = members.with_failure(participant, failure)
        said = [*told.notes, *(f"{name}: {error}" for error in told.errors)]
        members = members._replace(failures=(*members.failures, *told.errors), notes=(*members.notes, *said))
    return members


def _group_models(
    settings: Settings, units: Sequence[Summary], notes: list[str]
) -> Iterator[tuple[GroupModel, bool]]:
    """Dataset nodes of the model, each with whether it is the only one; the mean over all without any."""
    model = _model(settings, units, notes)
    nodes = model.group if model is not None and model.group else (MEAN_OF_ALL,)
    for node in nodes:
        yield node, len(nodes) == 1


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
    told: Told,
) -> None:
    """All contrasts of a Dataset node."""
    everybody = participants_of(units)
    people = read_participants(settings.bids_dir, model, everybody)
    for label, why in people.left_out.items():
        told.notes.append(f"sub-{label} is left out of the group maps: {why}.")
    found = first_levels(units)
    for name in set(model.first_level) - {name for c in found for name in (c.name, c.label)}:
        told.notes.append(f"The filter of {model.name} names {name!r}, a contrast that no participant has.")
    if len(everybody) == 1:
        told.notes.append(
            f"No group maps: there is only {named(everybody)}, and of one participant no variance"
            " between them."
        )
        return
    for contrast in found:
        if model.first_level and not {contrast.name, contrast.label} & set(model.first_level):
            continue
        if contrast.test != "t":
            told.notes.append(f"{contrast.name} is an F contrast: it has no effect map, so no group maps.")
            continue
        node = "" if only else _capital(contrast_label(model.name))
        task = _Task(model, people, everybody, writer, settings)
        try:
            _one_contrast(contrast, contrast.label + node, task, told)
        except OtherGridError:
            raise
        except BidsglmError as error:
            if str(error) not in map(str, told.errors):
                told.errors.append(error)


def _capital(label: str) -> str:
    return label[0].upper() + label[1:]


class _Task(NamedTuple):
    """What all contrasts of a Dataset node have in common."""

    model: GroupModel
    people: Participants
    everybody: tuple[str, ...]
    writer: GroupWriter
    settings: Settings


def _one_contrast(contrast: FirstLevel, label: str, task: _Task, told: Told) -> None:
    """Fit and write one contrast of the participants' models."""
    left_out = _left_out(contrast, task)
    wanted = [p for p in contrast.by_participant() if p not in left_out]
    with ExitStack() as open_stacks:
        stacks = {b: open_stacks.enter_context(MapStack(task.settings.work_dir)) for b in BACKENDS}
        taken = Taken(tuple(wanted), {}, {})
        if len(wanted) >= FEWEST:
            taken = take(contrast, wanted, task.settings.output_dir, stacks)
        told.failures.update(taken.failures)
        left_out |= {p: str(error) for p, error in taken.failures.items()}
        _note_left_out(contrast, left_out, task, told)
        if len(taken.participants) < FEWEST:
            told.notes.append(_too_few(contrast, taken.participants))
            return
        design, contrasts, _ = group_design(task.model, task.people, taken.participants)
        _check_enough(design, contrast)
        possible = _estimable(design, contrasts, contrast, told)
        if not possible:
            return
        fitted = _fitted(contrast, label, design, possible, stacks, taken)
        _check_labels(fitted, told)
        task.writer.contrast(fitted)
        _permute(fitted, stacks, task, told)
        told.contrasts.extend(summaries(fitted, left_out, contrast.units[0]))
    if any(len(units) > 1 for units in contrast.by_participant().values()):
        told.notes.append(f"{contrast.name}: sessions fitted apart are averaged within participants first.")


def _left_out(contrast: FirstLevel, task: _Task) -> dict[str, str]:
    """Participant -> why they are not in the maps of a contrast."""
    having = contrast.by_participant()
    left_out = dict(task.people.left_out)
    left_out |= {p: "has no such contrast" for p in task.everybody if p not in having}
    _, _, ungrouped = group_design(task.model, task.people, [p for p in having if p not in left_out])
    return {**left_out, **ungrouped}


def _too_few(contrast: FirstLevel, labels: Sequence[str]) -> str:
    if not labels:
        return f"{contrast.name}: no group maps, no participant has it."
    return f"{contrast.name}: no group maps, only {named(labels)} has it, and of one there is no variance."


def _check_enough(design: GroupDesign, contrast: FirstLevel) -> None:
    n, rank = len(design.matrix), int(np.linalg.matrix_rank(design.matrix))
    if n <= rank:
        raise DataError(
            f"the group model of {contrast.name} cannot be fitted: {n} participants are too few for "
            f"{rank} independent columns ({', '.join(design.names)}); take some out of the Dataset node's X"
        )


def _estimable(
    design: GroupDesign, contrasts: Sequence[ContrastSpecification], first: FirstLevel, told: Told
) -> list[ContrastSpecification]:
    """Contrasts over participants that their design can estimate; the others are noted."""
    possible = []
    for contrast in contrasts:
        if is_estimable(design.matrix, contrast_weights(contrast, design)):
            possible.append(contrast)
        else:
            told.notes.append(
                f"{first.name}: the group contrast {contrast.name!r} is left out: the participants' values "
                f"of {', '.join(contrast.conditions)} cannot tell it."
            )
    return possible


def _fitted(
    contrast: FirstLevel,
    label: str,
    design: GroupDesign,
    contrasts: Sequence[ContrastSpecification],
    stacks: Mapping[str, MapStack],
    taken: Taken,
) -> Fitted:
    """Both packages' second levels, over the voxels of either."""
    levels = {b: BACKENDS[b].second_level(stacks[b], design, contrasts, stacks[b].volume) for b in BACKENDS}
    first = stacks["spm"].volume
    volume = Volume(first.shape, first.affine, first.voxels | stacks["nilearn"].voxels)
    moved = {b: over(volume, levels[b], stacks[b].volume) for b in BACKENDS}
    return Fitted(
        label, contrast.name, contrast.label, taken.participants, design, volume, moved, taken.sources
    )


def _check_labels(fitted: Fitted, told: Told) -> None:
    """Refuse contrasts that would write over each other's files."""
    taken = {entry["label"]: f"{entry['name']!r} ({entry['group_contrast']})" for entry in told.contrasts}
    for maps in fitted.levels["spm"].maps:
        label, this = group_label(fitted.label, maps), f"{fitted.name!r} ({maps.specification.name})"
        if label in taken:
            raise DataError(
                f"{this} over participants would share the files contrast-{label} with {taken[label]}: "
                "rename one in the model"
            )
        taken[label] = this


def _permute(fitted: Fitted, stacks: Mapping[str, MapStack], task: _Task, told: Told) -> None:
    """Write familywise p maps of permutations, where they are asked for and make a test."""
    n = task.settings.permutations
    if not n:
        return
    from bidsglm.backends.nilearn_permutations import permuted_p, reason_against

    for backend, stack in stacks.items():
        volume = stack.volume
        place = volume.voxels[fitted.volume.voxels]
        mask = fitted.levels[backend].mask[place]
        for maps in fitted.levels[backend].maps:
            weights = contrast_weights(maps.specification, fitted.design)
            reason = reason_against(fitted.design, weights)
            if reason:
                note = f"{fitted.name}: no permutations of {maps.specification.name!r}: {reason}."
                told.notes.extend([note] if note not in told.notes else [])
                continue
            LOG.info("%s: %d permutations of %s's effects", fitted.label, n, backend)
            seeded = n, task.settings.random_seed
            p = np.ones(place.size)
            p[place] = permuted_p(stack, fitted.design, weights, mask, volume, seeded)
            task.writer.permuted(fitted, backend, maps, p, n)


def _note_left_out(contrast: FirstLevel, left_out: Mapping[str, str], task: _Task, told: Told) -> None:
    """Say who is not in the maps of a contrast, beside those whom participants.tsv leaves out of all."""
    for label, why in left_out.items():
        if label not in task.people.left_out:
            told.notes.append(f"{contrast.name}: sub-{label} is left out of the group maps: {why}.")
