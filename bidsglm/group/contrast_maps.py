"""Fits and writes one model of a group: the effects of a contrast, or of several that X names."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

from bidsglm.backends import BACKENDS
from bidsglm.backends.records import contrast_weights
from bidsglm.data import GroupDesign, Volume
from bidsglm.dataset.group_design import Designed, group_design
from bidsglm.dataset.group_faults import listed
from bidsglm.dataset.group_rows import DesignRow
from bidsglm.dataset.participants import Participants
from bidsglm.dataset.stacks import MapStack
from bidsglm.design_space import rank
from bidsglm.errors import DataError
from bidsglm.group.analyses import Analysis
from bidsglm.group.effects import FirstLevel, Taken, take
from bidsglm.group.fitted import FittedGroup, group_label, over
from bidsglm.group.inference import AskedInference, write_inference
from bidsglm.group.map_files import GroupWriter
from bidsglm.group.map_summary import GroupRecord, Origin, summaries
from bidsglm.group.members import Summary, named, participants_of
from bidsglm.group.reasons import Reasons, reasons
from bidsglm.group.stability import write_stability
from bidsglm.model import ContrastSpecification, GroupModel
from bidsglm.outputs.names import contrast_entities
from bidsglm.packages import PACKAGES, REFERENCE, title
from bidsglm.settings import Settings
from bidsglm.spm.second_level import dependent, is_estimable

FEWEST = 2
"""Participants between whom there is a variance."""


class DatasetNode(NamedTuple):
    """A Dataset node at work on the results of one task and space."""

    model: GroupModel
    name: str
    """Empty where it is the only one"""
    people: Participants
    writer: GroupWriter
    settings: Settings
    record: GroupRecord


class Inputs(NamedTuple):
    """What is in one model: the maps of a contrast, or of several that X names."""

    contrasts: Mapping[str, FirstLevel]
    """By the name that rows have; the empty one where there is one contrast"""
    name: str
    """For messages"""
    label: str
    """In file names; empty where there are several"""
    sessions: tuple[str, ...] = ("",)
    """Labels that rows have; the empty one where a participant's sessions are averaged"""

    @property
    def distinguished(self) -> tuple[str, ...]:
        """Contrasts that X may name."""
        return tuple(filter(None, self.contrasts))

    def rows(self, participants: Sequence[str]) -> tuple[DesignRow, ...]:
        """Maps of some participants, one contrast and session after the other."""
        return tuple(
            DesignRow(participant, name, session)
            for name in self.contrasts
            for session in self.sessions
            for participant in participants
        )

    def backends(self) -> tuple[str, ...]:
        """Packages that fitted all that take part, in the order of their table."""
        units = [unit for contrast in self.contrasts.values() for unit in contrast.units]
        return tuple(name for name in BACKENDS if all(name in unit["backends"] for unit in units))

    def having(self) -> frozenset[str]:
        """Participants who have all of the contrasts, in all of the sessions."""
        owners = [
            frozenset(participants_of(units_in(contrast.units, session)))
            for contrast in self.contrasts.values()
            for session in self.sessions
        ]
        return frozenset.intersection(*owners)


def units_in(units: Sequence[Summary], session: str) -> list[Summary]:
    """Those of a session; all for none."""
    return [unit for unit in units if not session or unit["entities"].get("session") == session]


def write_model(inputs: Inputs, analysis: Analysis, part: GroupWriter, node: DatasetNode) -> None:
    """Fit and write one model of the effects of a group."""
    record, settings = node.record, node.settings
    left_out = _left_out(inputs, analysis, node)
    wanted = [p for p in analysis.members if p not in left_out]
    with ExitStack() as open_stacks:
        stacks = {b: open_stacks.enter_context(MapStack(settings.work_dir)) for b in inputs.backends()}
        taken = Taken(inputs.rows(wanted), {}, {})
        if len(wanted) >= FEWEST:
            taken = take(inputs.contrasts, inputs.rows(wanted), settings.output_dir, stacks)
        record.failures.update(taken.failures)
        for one, other in taken.twins:
            record.note(
                f"{inputs.name}: the effect maps of sub-{one.participant} and sub-{other.participant} are "
                "the same in every voxel: were data or results copied from one to the other?"
            )
        left_out |= {p: str(error) for p, error in taken.failures.items()}
        where = f" of {analysis.words}" if analysis.words else ""
        _note_left_out(f"{inputs.name}{where}", left_out, node)
        if len(taken.participants) < FEWEST:
            record.note(_too_few(f"{inputs.name}{where}", taken.participants))
            return
        designed = group_design(node.model, node.people, taken.rows, inputs.distinguished)
        for fault in designed.faults:
            record.add(DataError(fault))
        _check_enough(designed.design, inputs.name)
        possible = _estimable(designed, f"{inputs.name}{where}", node)
        if not possible:
            return
        design = designed.design._replace(two_sided=settings.two_sided)
        fitted = _fitted(inputs, design, possible, stacks, taken)
        _check_labels(fitted, part.name, record)
        _note_smoothness(fitted, f"{inputs.name}{where}", record)
        part.contrast(fitted)
        write_inference(fitted, AskedInference(settings, record, stacks), part)
        write_stability(fitted, stacks, settings, record, part)
        origin = Origin(part.name, analysis.words, node.name)
        found = reasons(fitted, stacks) if settings.attribution else Reasons()
        part.attribution += found.rows
        if found.note:
            record.note(f"{inputs.name}{where}: {found.note}.")
        record.contrasts.extend(summaries(fitted, left_out, origin, found))
    by_participant = [c.by_participant().values() for c in inputs.contrasts.values()]
    averaged = inputs.sessions == ("",)
    if averaged and any(len(units) > 1 for each in by_participant for units in each):
        record.note(f"{inputs.name}: sessions fitted apart are averaged within participants first.")


def _left_out(inputs: Inputs, analysis: Analysis, node: DatasetNode) -> dict[str, str]:
    """Participant -> why they are not in the maps of a contrast."""
    having = inputs.having()
    left_out = dict(node.people.left_out) if not analysis.words else {}
    left_out |= {
        p: analysis.why_without(p) or _lacking(p, inputs, analysis)
        for p in analysis.members
        if p not in having
    }
    rows = inputs.rows([p for p in analysis.members if p in having])
    return {**left_out, **group_design(node.model, node.people, rows, inputs.distinguished).left_out}


def _lacking(participant: str, inputs: Inputs, analysis: Analysis) -> str:
    """What a participant lacks, and why, if their results say so."""
    lacking, session = next(
        (contrast, session)
        for contrast in inputs.contrasts.values()
        for session in inputs.sessions
        if participant not in participants_of(units_in(contrast.units, session))
    )
    if session:
        return f"has no results of {lacking.name} in ses-{session}"
    what = "has no such contrast" if "" in inputs.contrasts else f"has no contrast {lacking.name!r}"
    reasons = (
        each["reason"]
        for unit in analysis.units
        for each in unit.get("left_out", ())
        if unit["participant"] == participant and each["label"] == lacking.label
    )
    reason = next(reasons, "")
    return f"{what}: {reason}" if reason else what


def _too_few(name: str, labels: Sequence[str]) -> str:
    if not labels:
        return f"{name}: no group maps, no participant has it."
    return f"{name}: no group maps, only {named(labels)} has it, and of one there is no variance."


def _check_enough(design: GroupDesign, name: str) -> None:
    n, n_independent = len(design.matrix), rank(design.matrix)
    if n <= n_independent:
        raise DataError(
            f"the group model of {name} cannot be fitted: {n} participants are too few for "
            f"{n_independent} independent columns ({', '.join(design.names)}); take some out of the Dataset "
            "node's X"
        )


def _estimable(designed: Designed, name: str, node: DatasetNode) -> list[ContrastSpecification]:
    """Contrasts over participants that their design can estimate; others that the model names are errors.

    Only the test of each column that a node asks for without naming it is noted: of groups beside a mean, of
    two columns of groups, or beside an effect of each participant, no column can be told by itself.
    """
    possible = []
    asked = {contrast.name for contrast in node.model.contrasts} | set(node.model.dummy_contrasts or ())
    design = designed.design
    together = [design.names[i] for i in dependent(design.matrix)]
    for contrast in designed.contrasts:
        if is_estimable(design.matrix, contrast_weights(contrast, design)):
            possible.append(contrast)
            continue
        why = (
            f"the group contrast {contrast.name!r} of {name} is left out: the participants' values of "
            f"{', '.join(contrast.conditions)} do not determine it, because {_because(together)}"
        )
        if contrast.name in asked:
            remedy = f"correct it, or the Dataset node {node.model.name!r}"
            node.record.add(DataError(f"{node.people.path}: {why}; {remedy}"))
        else:
            node.record.note(f"{why}.")
    if not possible and not designed.faults and not asked:
        node.record.add(
            DataError(
                f"{node.people.path}: no group contrast of {name} can be estimated, because "
                f"{_because(together)}; "
                f"name Contrasts in the Dataset node {node.model.name!r}"
            )
        )
    return possible


def _because(together: Sequence[str]) -> str:
    """Why columns cannot be told apart.

    >>> _because(["age"]), _because(["mean", "sex.F", "sex.M"])
    ('age does not vary', 'mean, sex.F and sex.M depend on each other')
    """
    if len(together) == 1:
        return f"{together[0]} does not vary"
    return f"{listed(together)} depend on each other"


def _fitted(
    inputs: Inputs,
    design: GroupDesign,
    contrasts: Sequence[ContrastSpecification],
    stacks: Mapping[str, MapStack],
    taken: Taken,
) -> FittedGroup:
    """Every package's second level, over the voxels of any."""
    levels = {b: BACKENDS[b].second_level(stacks[b], design, contrasts, stacks[b].volume) for b in stacks}
    volumes = [stack.volume for stack in stacks.values()]
    anywhere = np.logical_or.reduce([volume.voxels for volume in volumes])
    volume = Volume(volumes[0].shape, volumes[0].affine, anywhere)
    moved = {b: over(volume, levels[b], stacks[b].volume) for b in stacks}
    alone = inputs.contrasts.get("")
    name, label = (alone.name, alone.label) if alone else ("", "")
    first = next(iter(inputs.contrasts.values())).units[0]
    return FittedGroup(
        inputs.label,
        name,
        label,
        taken.rows,
        design,
        volume,
        moved,
        taken.sources,
        str(first.get("reference") or REFERENCE),
        first.get("effect_units") or {},
    )


def _check_labels(fitted: FittedGroup, prefix: str, record: GroupRecord) -> None:
    """Refuse contrasts that would write over each other's files."""
    taken = {
        entry["label"]: f"{entry['name']!r} ({entry['group_contrast']})"
        for entry in record.contrasts
        if entry["prefix"] == prefix
    }
    for maps in fitted.maps:
        label, this = group_label(fitted.label, maps), f"{fitted.name!r} ({maps.specification.name})"
        if label in taken:
            raise DataError(
                f"{this} over participants would share the files {contrast_entities(label)} with "
                f"{taken[label]}: rename one in the model"
            )
        taken[label] = this


def _note_smoothness(fitted: FittedGroup, name: str, record: GroupRecord) -> None:
    """Say where a package's inference lacks the smoothness that random field theory needs."""
    for package, level in fitted.levels.items():
        if PACKAGES[package].random_fields and level.inference.fwhm_mm is None:
            record.note(
                f"{name}: the smoothness of the field cannot be estimated from {len(fitted.rows)} maps:"
                f" {title(package)}'s familywise threshold is Bonferroni's, and its clusters have no p."
            )


def _note_left_out(name: str, left_out: Mapping[str, str], node: DatasetNode) -> None:
    """Say who is not in the maps of a contrast, beside those whom participants.tsv leaves out of all."""
    for label, why in left_out.items():
        if label not in node.people.left_out:
            node.record.note(f"{name}: sub-{label} is left out of the group maps: {why}.")
