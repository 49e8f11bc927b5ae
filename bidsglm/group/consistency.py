"""Whether the members of a group were run alike: with the same settings, by the same versions.

Units are grouped into sets of equal configuration (`bidsglm.unit.configuration`), each task and space apart.
Results without that record, written by an older version, are a set of their own for each version.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bidsglm.errors import DataError, NothingMatchedError
from bidsglm.group.members import BOTH, Members, Summary, by_name, named, participants_of
from bidsglm.messages import LOG
from bidsglm.model import Settings
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
    """Sets of equal configuration, the largest first; sets that can be compared before others.

    >>> unit = {"participant": "01", "backends": ["spm", "nilearn"], "configuration": {"settings": "native"}}
    >>> other = unit | {"participant": "02", "configuration": {"settings": "matched"}}
    >>> [alike.participants for alike in run_alike([other, unit, unit | {"participant": "03"}])]
    [('01', '03'), ('02',)]
    """
    sets: dict[str, list[Summary]] = {}
    for unit in units:
        sets.setdefault(_key(unit), []).append(unit)
    found = [RunAlike(tuple(members)) for members in sets.values()]
    return tuple(sorted(found, key=lambda s: (len(s.units[0]["backends"]) < BOTH, -len(s.participants))))


def _key(unit: Summary) -> str:
    recorded = unit.get("configuration")
    facts = recorded or [unit.get(name) for name in ("bidsglm_version", "model", "backends")]
    return json.dumps(facts, sort_keys=True)


def consistent_members(members: Members, settings: Settings) -> Members:
    """Members that were run alike; the others are named.

    Raises
    ------
    DataError
        When there are others and ``--allow-mixed`` is not given, or none was run with the model file given.
    """
    kept: list[Summary] = []
    others: list[tuple[str, RunAlike, str]] = []
    notes: list[str] = []
    for name, units in _of_the_model(members, settings).items():
        reference, *different = _ordered(run_alike(units), settings, name)
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
    for name, alike, why in others:
        for participant in alike.participants:
            found = found.with_problem(participant, f"left out of {name}, run with other settings: {why}")
    return found


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
        numbers = sorted({unit["runs"] for unit in units})
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
