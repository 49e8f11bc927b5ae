"""Whether the members of a group were run alike: by the same packages and versions, with the same settings.

A group is of the packages that most of its participants were fitted by; what others were fitted by beside
these does not count, and who lacks one of them is left out. Then units are grouped into sets of equal
configuration (`bidsglm.unit.configuration`), each task and space apart. Results without that record, written
by an older version, are a set of their own for each version.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, cast

from bidsglm.errors import DataError, NothingMatchedError, UsageError
from bidsglm.group.members import (
    FEWEST_COMPARED,
    Members,
    Summary,
    by_name,
    named,
    participants_of,
)
from bidsglm.messages import LOG
from bidsglm.outputs.summaries import compared
from bidsglm.outputs.summary_form import ConfigurationForm
from bidsglm.packages import DEFAULT_PACKAGES, PACKAGES, REFERENCE, in_order, title, titles
from bidsglm.pairs import base_of, pairs_of
from bidsglm.settings import Settings
from bidsglm.statsmodel.specification import read_model
from bidsglm.unit.configuration import TWO_SIDED, Configuration, differences, model_entries


class RunAlike(NamedTuple):
    """Units that were run with the same settings and versions."""

    units: tuple[Summary, ...]

    @property
    def configuration(self) -> Configuration | None:
        """Settings and versions; None where an older version kept no record."""
        recorded: Configuration | None = self.units[0].get("configuration")
        return recorded

    @property
    def participants(self) -> tuple[str, ...]:
        """Each once."""
        return participants_of(self.units)

    def against(self, reference: "RunAlike") -> str:
        """What is different from another set, in words."""
        if self.configuration is None:
            version = self.units[0].get("bidsglm_version", "an unknown version")
            return f"run by bidsglm {version}, which kept no record of its settings"
        if reference.configuration is None:
            return f"run by bidsglm {self.configuration.get('bidsglm')}"
        found = differences(self.configuration, reference.configuration)
        return "; ".join(map(str, found))


def run_alike(units: Sequence[Summary]) -> tuple[RunAlike, ...]:
    """Sets of equal configuration, the largest first.

    >>> unit = {"participant": "01", "backends": ["spm", "nilearn"], "configuration": {"settings": "native"}}
    >>> other = unit | {"participant": "02", "configuration": {"settings": "matched"}}
    >>> [alike.participants for alike in run_alike([other, unit, unit | {"participant": "03"}])]
    [('01', '03'), ('02',)]
    """
    sets: dict[str, list[Summary]] = {}
    for unit in units:
        sets.setdefault(_key(unit), []).append(unit)
    found = [RunAlike(tuple(members)) for members in sets.values()]
    return tuple(sorted(found, key=lambda alike: -len(alike.participants)))


def packages_of(units: Sequence[Summary]) -> tuple[str, ...]:
    """Packages that a group is of: those of most participants, of two or more where anybody has so many.

    Among equals it is the larger set.

    >>> both = {"participant": "01", "backends": ["spm", "nilearn"]}
    >>> alone = {"participant": "03", "backends": ["spm"]}
    >>> packages_of([both, both | {"participant": "02"}, alone]), packages_of([alone])
    (('spm', 'nilearn'), ('spm',))
    """
    owners: dict[tuple[str, ...], set[str]] = {}
    for unit in units:
        owners.setdefault(in_order(unit["backends"]), set()).add(unit["participant"])
    return max(owners, key=lambda names: (len(names) >= FEWEST_COMPARED, len(owners[names]), len(names)))


def of_packages(unit: Summary, packages: Sequence[str]) -> Summary:
    """A unit's summary as if only some of its packages had fitted it: their numbers are the same then.

    >>> unit = {"backends": ["spm", "nilearn"], "configuration": {"backends": ["spm", "nilearn"]}}
    >>> of_packages(unit, ["nilearn"])["configuration"]
    {'backends': ['nilearn']}
    """
    if list(unit["backends"]) == list(packages):
        return unit
    units = {name: text for name, text in (unit.get("effect_units") or {}).items() if name in packages}
    restricted: Summary = {**unit, "backends": list(packages)}
    if unit.get("effect_units"):
        restricted["effect_units"] = units
    if recorded := unit.get("configuration"):
        others = [title(name) for name in PACKAGES if name not in (*DEFAULT_PACKAGES, *packages)]
        kept = {key: value for key, value in recorded.items() if key.partition(": ")[0] not in others}
        # settings of any package, under names of theirs
        restricted["configuration"] = cast(ConfigurationForm, {**kept, "backends": list(packages)})
    return restricted


def _fitted_by(
    units: Sequence[Summary], packages: Sequence[str]
) -> tuple[tuple[Summary, ...], dict[str, str]]:
    """Units of a group's packages; and of others, participant -> what they were not fitted by, in words."""
    lacking: dict[str, str] = {}
    found = []
    for unit in units:
        absent = [name for name in packages if name not in unit["backends"]]
        if absent:
            lacking[unit["participant"]] = f"not fitted by {titles(absent)}"
        else:
            found.append(_of_reference(of_packages(unit, packages)))
    return tuple(found), lacking


def _key(unit: Summary) -> str:
    recorded = unit.get("configuration")
    facts = recorded or [unit.get(name) for name in ("bidsglm_version", "model", "backends")]
    return json.dumps(facts, sort_keys=True)


def _of_reference(unit: Summary) -> Summary:
    """The same with what the packages were compared with among its settings, where it makes a difference."""
    pairs = compared(unit)
    recorded = unit.get("configuration")
    if len(pairs) < 2 or not recorded:
        return unit
    return {**unit, "configuration": {**recorded, "reference": _reference(unit)}}


def _reference(unit: Summary) -> str:
    return base_of(unit["backends"], str(unit.get("reference") or REFERENCE))


def _check_reference(name: str, units: Sequence[Summary], settings: Settings) -> None:
    """Refuse a reference that the participants' packages were not compared with."""
    own, asked, there = _reference(units[0]), settings.reference, units[0]["backends"]
    pairs = compared(units[0])
    # with SPM and nilearn alone either is as good: their pair runs one way
    other = asked not in there or pairs_of(there, asked) != pairs
    if settings.reference_asked and pairs and other:
        raise UsageError(
            f"--reference {asked}: {name} was compared with {own} in each participant; leave it "
            f"out, or run the participants again with --reference {asked}"
        )


def consistent_members(members: Members, settings: Settings) -> Members:
    """Members that were run alike; the others are named.

    Raises
    ------
    DataError
        When there are others and ``--allow-mixed`` is not given, or none was run with the model file given.
    UsageError
        When the packages were compared with another reference than the command line's.
    """
    kept: list[Summary] = []
    others: list[tuple[str, RunAlike, str]] = []
    notes: list[str] = []
    lacking: list[tuple[str, Mapping[str, str]]] = []
    for name, units in _of_the_model(members, settings).items():
        fitted, without = _fitted_by(units, packages := packages_of(units))
        if without:
            lacking.append((name, without))
            notes.append(_without(name, packages, without))
        reference, *different = _ordered(run_alike(fitted), settings, name)
        _check_reference(name, reference.units, settings)
        kept += reference.units
        notes += _remarks(name, reference)
        others += [(name, alike, alike.against(reference) or "another model") for alike in different]
    said = [f"{name}: {named(alike.participants)} ({why})" for name, alike, why in others]
    if said and not settings.allow_mixed:
        raise DataError(
            f"{members.output_dir}: participants were run with other settings or versions than the largest "
            f"set of them: {'; '.join(said)}. Run them again, or go on with the largest set only "
            "(--allow-mixed)"
        )
    for note in (*notes, *(f"left out, run with other settings: {text}" for text in said)):
        LOG.warning("%s", note)
    notes += [f"Left out, because they were run with other settings: {text}." for text in said]
    found = members._replace(finished=tuple(kept), notes=(*members.notes, *notes))
    problems = [(p, f"left out of {name}, {why}") for name, absent in lacking for p, why in absent.items()]
    problems += [
        (p, f"left out of {name}, run with other settings: {why}")
        for name, alike, why in others
        for p in alike.participants
    ]
    for participant, problem in problems:
        found = found.with_problem(participant, problem)
    return found


def _without(name: str, packages: Sequence[str], lacking: Mapping[str, str]) -> str:
    """Who is left out for lack of a package, in one line.

    >>> _without("task-x", ["spm", "nilearn"], {"03": "not fitted by nilearn"})
    'task-x is of the participants whom SPM and nilearn fitted. Left out: sub-03 (not fitted by nilearn).'
    """
    people: dict[str, list[str]] = {}
    for participant, why in lacking.items():
        people.setdefault(why, []).append(participant)
    said = "; ".join(f"{named(tuple(who))} ({why})" for why, who in people.items())
    return f"{name} is of the participants whom {titles(packages)} fitted. Left out: {said}."


def _of_the_model(members: Members, settings: Settings) -> dict[str, list[Summary]]:
    """Finished units by name; of the tasks that the model file of the command line is for."""
    units = members.finished
    if settings.model is not None:
        inputs = read_model(settings.model, settings).inputs
        tasks, subjects = inputs.get("task", ()), inputs.get("subject", ())
        units = tuple(unit for unit in units if not subjects or unit["participant"] in subjects)
        wanted = [not tasks or unit["entities"].get("task") in tasks for unit in units]
        for name in by_name(unit for unit, fits in zip(units, wanted, strict=True) if not fits):
            LOG.info("%s: not a task of %s", name, settings.model)
        units = tuple(unit for unit, fits in zip(units, wanted, strict=True) if fits)
        if not units:
            raise NothingMatchedError(
                f"{settings.model}: is for {', '.join((*tasks, *subjects))}, of which there are no results "
                f"in {members.output_dir}"
            )
    return by_name(units)


def _remarks(name: str, alike: RunAlike) -> list[str]:
    """What to say of participants who may be together but are not wholly equal, or cannot be told apart."""
    remarks = []
    if alike.configuration is None:
        version = alike.units[0].get("bidsglm_version", "of an unknown version")
        remarks.append(
            f"{name}: written by bidsglm {version}, which kept no record of its settings: whether all "
            "participants were run alike cannot be checked (run them again with --overwrite to be sure)."
        )
    for of_session in (True, False):
        units = [unit for unit in alike.units if bool(unit["entities"].get("session")) is of_session]
        numbers = sorted({unit["n_runs"] for unit in units})
        if len(numbers) > 1:
            remarks.append(f"{name}: participants have {numbers[0]} to {numbers[-1]} runs.")
    return remarks


def _ordered(found: Sequence[RunAlike], settings: Settings, name: str) -> Sequence[RunAlike]:
    """Sets in order; those that were run with the model file of the command line come first.

    Raises
    ------
    DataError
        When none was.
    """
    if settings.model is None:
        return found
    unlike = [_unlike_model(alike, settings.model, settings) for alike in found]
    if all(unlike):
        raise DataError(
            f"{settings.model}: {name} was run with another model ({'; '.join(unlike[0])}); run the "
            "participant level with this one, or leave --model out"
        )
    return sorted(found, key=lambda alike: bool(unlike[found.index(alike)]))


def _unlike_model(alike: RunAlike, path: Path, settings: Settings) -> list[str]:
    """In what a set differs from a model file, read with the set's own settings."""
    recorded = alike.configuration
    if recorded is None:
        return []
    own = replace(
        settings,
        matching=recorded["settings"],
        smoothing_fwhm=recorded["smoothing (mm)"],
        two_sided=recorded.get("thresholds") == TWO_SIDED,
    )
    wanted = model_entries(read_model(path, own))
    return [str(d) for d in differences({key: recorded.get(key) for key in wanted}, wanted)]
