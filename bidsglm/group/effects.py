"""The effect maps of the participants, streamed into a stack for each package."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bidsglm.dataset.group_rows import DesignRow
from bidsglm.dataset.masks import Grid, grid_of, is_same_grid
from bidsglm.dataset.nifti import read_header
from bidsglm.dataset.stacks import MapStack, OtherGridError
from bidsglm.errors import BidsglmError, DataError
from bidsglm.group.members import Summary
from bidsglm.outputs.names import map_name
from bidsglm.outputs.summary_form import ContrastForm


class FirstLevel(NamedTuple):
    """A contrast of the participants' models."""

    name: str
    label: str
    test: str
    units: tuple[Summary, ...]
    """Summaries of the participants who have it"""

    def by_participant(self) -> dict[str, list[Summary]]:
        """Units of each participant; several where sessions are fitted apart."""
        found: dict[str, list[Summary]] = {}
        for unit in self.units:
            found.setdefault(unit["participant"], []).append(unit)
        return found


class Taken(NamedTuple):
    """Which maps stand in the stacks, in order, and whose could not be read."""

    rows: tuple[DesignRow, ...]
    failures: Mapping[str, BidsglmError]
    """Participant -> why"""
    sources: Mapping[str, Sequence[str]]
    """Backend -> BIDS URIs"""
    twins: tuple[tuple[DesignRow, DesignRow], ...] = ()
    """Maps of two participants that are the same in every voxel"""

    @property
    def participants(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(row.participant for row in self.rows))


def first_levels(units: Iterable[Summary]) -> tuple[FirstLevel, ...]:
    """Contrasts of some units in the order in which they are met.

    >>> unit = {"participant": "01", "contrasts": [{"name": "go!", "label": "go", "test": "t"}]}
    >>> [(found.label, found.test, len(found.units)) for found in first_levels([unit, unit])]
    [('go', 't', 2)]
    """
    about: dict[str, ContrastForm] = {}
    owners: dict[str, list[Summary]] = {}
    for unit in units:
        for contrast in unit["contrasts"]:
            about.setdefault(contrast["label"], contrast)
            owners.setdefault(contrast["label"], []).append(unit)
    return tuple(FirstLevel(c["name"], k, c["test"], tuple(owners[k])) for k, c in about.items())


def _relative(unit: Summary, backend: str, label: str) -> str:
    return f"{unit['folder']}/{map_name(unit['prefix'], 'effect', backend, label)}.nii.gz"


def take(
    contrasts: Mapping[str, FirstLevel],
    rows: Sequence[DesignRow],
    output_dir: Path,
    stacks: Mapping[str, MapStack],
) -> Taken:
    """Read some effect maps, each the mean over sessions that were fitted apart.

    All packages' maps of a row, or none, get into the stacks.

    Parameters
    ----------
    contrasts
        Of the participants' models, by the name that the rows have.
    rows
        What is to be read.
    output_dir
        Where the maps are.
    stacks
        Backend -> what takes its maps.

    Whose maps have another grid than most are among the failures.

    Raises
    ------
    ReadWriteError
        When the scratch folder is full.
    """
    units = {name: contrast.by_participant() for name, contrast in contrasts.items()}
    taken: list[DesignRow] = []
    seen: dict[bytes, DesignRow] = {}
    twins: list[tuple[DesignRow, DesignRow]] = []
    failures: dict[str, BidsglmError] = {}
    sources: dict[str, list[str]] = {backend: [] for backend in stacks}
    usual = _usual_grid(contrasts, rows, output_dir, next(iter(stacks)))
    for stack in stacks.values():
        if usual is not None:
            stack.expect(usual)
    for row in rows:
        own, label = units[row.contrast][row.participant], contrasts[row.contrast].label
        own = [unit for unit in own if not row.session or unit["entities"].get("session") == row.session]
        names = {b: [_relative(unit, b, label) for unit in own] for b in stacks}
        try:
            paths = {b: [output_dir / name for name in names[b]] for b in stacks}
            _check_packages(paths)
            maps = {b: stacks[b].read(paths[b]) for b in stacks}
            _check_values(paths, maps)
        except BidsglmError as error:
            failures[row.participant] = error
            continue
        for backend in stacks:
            stacks[backend].add(maps[backend])
            sources[backend] += [f"bids::{name}" for name in names[backend]]
        taken.append(row)
        digest = blake2b(next(iter(maps.values())).tobytes(), digest_size=16).digest()
        if (other := seen.setdefault(digest, row)).participant != row.participant:
            twins.append((other, row))
    return Taken(tuple(taken), failures, sources, tuple(twins))


def _usual_grid(
    contrasts: Mapping[str, FirstLevel], rows: Sequence[DesignRow], output_dir: Path, backend: str
) -> Path | None:
    """A map on the grid that most participants have, the first of them among equals; None without any."""
    units = {name: contrast.by_participant() for name, contrast in contrasts.items()}
    examples: list[tuple[Grid, Path]] = []
    counts: list[int] = []
    for row in rows:
        unit = units[row.contrast][row.participant][0]
        path = output_dir / _relative(unit, backend, contrasts[row.contrast].label)
        try:
            grid = grid_of(read_header(path))
        except BidsglmError:  # said where the map itself is read
            continue
        known = next((i for i, (other, _) in enumerate(examples) if is_same_grid(grid, other)), len(counts))
        if known == len(counts):
            examples.append((grid, path))
            counts.append(0)
        counts[known] += 1
    return examples[counts.index(max(counts))][1] if counts else None


def _check_packages(paths: Mapping[str, Sequence[Path]]) -> None:
    """Check that all packages' maps of a participant are on one grid."""
    first, *others = (read_header(own[0]) for own in paths.values())
    for other in others:
        if not is_same_grid(grid_of(first), grid_of(other)):
            raise OtherGridError(
                f"{other.path}: its grid differs from that of {first.path}; run the participant again "
                "(--overwrite)"
            )


def _check_values(paths: Mapping[str, Sequence[Path]], maps: Mapping[str, NDArray[np.float32]]) -> None:
    """Check that a participant's maps hold anything: an empty one would empty the mask of the group."""
    for backend in paths:
        if not np.isfinite(maps[backend]).any():
            raise DataError(
                f"{paths[backend][0]}: has no value in any voxel; run the participant again (--overwrite)"
            )
