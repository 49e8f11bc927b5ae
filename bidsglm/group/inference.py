"""What survives correction in the group's maps: by each package's own rules, and by permutations."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from bidsglm import packages
from bidsglm.agreement.coefficients import overlap
from bidsglm.backends import BACKENDS
from bidsglm.backends.nilearn_permutations import KINDS, PermutationPlan, permuted, reason_against
from bidsglm.backends.records import ALPHA, FORMING_P, Corrected, contrast_weights, tails
from bidsglm.data import ContrastMaps
from bidsglm.dataset.stacks import MapStack
from bidsglm.group.fitted import FittedGroup, group_facts, group_label
from bidsglm.group.map_files import GroupWriter
from bidsglm.group.map_summary import GroupRecord
from bidsglm.messages import LOG, progress_bar
from bidsglm.model import Floats, Mask
from bidsglm.outputs.names import map_name
from bidsglm.outputs.schema import Row
from bidsglm.outputs.unit_tables import with_suffix
from bidsglm.pairs import Pair
from bidsglm.settings import Settings
from bidsglm.unit.files import backend_facts
from bidsglm.unit.memory import machine_memory

SUFFIXES: Mapping[str, str] = {
    "voxelFWE": "FWE",
    "voxelFDR": "FDR",
    "clusterExtent": "Clusters",
    "permutationVoxel": "Permutation",
    "permutationMass": "PermutationMass",
    "permutationTFCE": "PermutationTFCE",
}
"""Correction -> end of the label behind desc- in its maps' names."""
SHARES = {("nilearn", "clusterExtent")}
"""Whose maps hold shares of active voxels in place of p."""
SECONDS_BETWEEN_LINES = 60
"""Time between lines of the log, while permutations run."""


class AskedInference(NamedTuple):
    """What is wanted beyond the packages' own corrections."""

    settings: Settings
    record: GroupRecord
    stacks: Mapping[str, MapStack]


def write_inference(fitted: FittedGroup, asked: AskedInference, part: GroupWriter) -> None:
    """Write corrected maps of every package and contrast, and note rows on how well they agree."""
    by_contrast: list[dict[str, list[Corrected]]] = [{} for _ in fitted.maps]
    for backend, level in fitted.levels.items():
        pairs = zip(level.maps, level.inference.contrasts, strict=True)
        for place, (maps, found) in enumerate(pairs):
            own = BACKENDS[backend].corrected(
                maps, found, level.mask, fitted.volume, asked.settings.two_sided
            )
            by_permutation = _permuted(fitted, backend, maps, asked)
            by_contrast[place][backend] = [*own, *by_permutation]
            for one in by_contrast[place][backend]:
                _write_map(fitted, backend, maps, one, part, asked.settings)
    for maps, corrected in zip(fitted.maps, by_contrast, strict=True):
        both = asked.settings.two_sided and maps.specification.test == "t"
        front = {**fitted.keys(maps), "two_sided": both}
        part.inference += [{**front, **row} for row in _rows(corrected, fitted)]


def _rows(corrected: Mapping[str, Sequence[Corrected]], fitted: FittedGroup) -> Iterator[Row]:
    """One row for each correction and tail."""
    kinds = dict.fromkeys(one.inference for found in corrected.values() for one in found)
    for inference in kinds:
        there = {b: one for b, found in corrected.items() for one in found if one.inference == inference}
        for tail in dict.fromkeys(tail for one in there.values() for tail in one.significant):
            sets = {b: one.significant[tail] for b, one in there.items() if tail in one.significant}
            row: Row = {"inference": inference, "tail": tail}
            row |= {f"n_{b}": int(voxels.sum()) for b, voxels in sets.items()}
            for pair in fitted.pairs:
                if set(pair) <= set(sets):
                    row |= with_suffix(_overlap(pair, sets, fitted), pair)
            yield row | {f"rule_{b}": one.rule for b, one in there.items()}


def _overlap(pair: Pair, sets: Mapping[str, Mask], fitted: FittedGroup) -> Row:
    """How far two packages find the same voxels."""
    one, base = (sets[name] for name in pair)
    shared = overlap(one, base, *(fitted.levels[name].mask for name in pair))
    return {"n_both": int((one & base).sum()), "dice": shared.dice, "jaccard": shared.jaccard}


def _write_map(
    fitted: FittedGroup,
    backend: str,
    maps: ContrastMaps,
    one: Corrected,
    part: GroupWriter,
    settings: Settings,
) -> None:
    """Write the values of a correction: of the upper tail, or of both where both are tested."""
    is_share = (backend, one.inference) in SHARES
    both = settings.two_sided and len(one.values) > 1
    values = one.values["upper"]
    if both:
        values = (np.maximum if is_share else np.minimum)(values, one.values["lower"])
    permuted = one.inference in KINDS
    what = "share of active voxels" if is_share else "corrected p"
    stat, outside = ("tdp", 0.0) if is_share else ("p", 1.0)
    facts = {
        "StatisticType": stat,
        "Sources": fitted.sources[backend],
        **backend_facts("nilearn" if permuted else backend),
        **group_facts(fitted, maps),
        "Effects": backend,
        "Description": f"{what}, {'both tails' if both else 'upper tail'}: {one.rule}",
        "Inference": one.inference,
        "Tails": "both" if both else "upper",
        "Alpha": ALPHA,
        **({"FormingP": FORMING_P} if one.inference in ("clusterExtent", "permutationMass") else {}),
        **({"Permutations": settings.permutations, "RandomSeed": settings.random_seed} if permuted else {}),
    }
    name = map_name(part.name, stat, f"{backend}{SUFFIXES[one.inference]}", group_label(fitted.label, maps))
    part.image(name, values, fitted.volume, outside, facts)


def _permuted(
    fitted: FittedGroup, backend: str, maps: ContrastMaps, asked: AskedInference
) -> list[Corrected]:
    """Corrections by permutations, where they are asked for and make a test."""
    settings, record = asked.settings, asked.record
    if not settings.permutations:
        return []
    weights = contrast_weights(maps.specification, fitted.design)
    name = f"{fitted.name}: " if fitted.name else ""
    reason = _unpermuted(fitted, maps) or reason_against(fitted.design, weights)
    if reason:
        record.note(f"{name}no permutations of {maps.specification.name!r}: {reason}.")
        return []
    stack = asked.stacks[backend]
    place = stack.volume.voxels[fitted.volume.voxels]
    memory = settings.mem or machine_memory() // 2
    plan = PermutationPlan(
        settings.permutations, settings.random_seed, settings.two_sided, settings.n_processes, float(memory)
    )
    what = f"{name}{settings.permutations} permutations of {packages.title(backend)}'s effects"
    with _progress(what, len(plan.batches)) as advance:
        where = fitted.levels[backend].mask[place], stack.volume
        found = permuted(stack, fitted.design, weights, where, plan, advance)
    if found.left_out:
        record.note(
            f"{name}only voxels by permutations of {packages.title(backend)}'s effects, no clusters: "
            f"{found.left_out}; give more by --mem."
        )
    t = np.zeros(place.size)
    t[place] = found.t
    moved = {kind: np.ones(place.size) for kind in found.p}
    for kind, p in found.p.items():
        moved[kind][place] = p
    return [_by_tail(kind, p, t, settings) for kind, p in moved.items()]


def _by_tail(kind: str, p: Floats, t: Floats, settings: Settings) -> Corrected:
    """A two-sided test as one entry for each tail, or for the upper tail alone."""
    rule = f"familywise p by {settings.permutations} permutations (nilearn's): {KINDS[kind]}"
    found = {}
    for tail in tails("t" if settings.two_sided else "F", settings.two_sided):
        own = np.where(tail.sign * t > 0, p, 1.0) if settings.two_sided else p
        found[tail] = own, own < ALPHA
    return Corrected.of(kind, rule, found)


def _unpermuted(fitted: FittedGroup, maps: ContrastMaps) -> str:
    """Why a contrast is of no kind that is permuted; empty where it is."""
    if maps.specification.test == "F":
        return "only t contrasts are permuted"
    if len(fitted.rows) > len(fitted.participants):
        return "a participant's contrasts are not exchangeable with those of others"
    return ""


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal; in the log a line every minute."""
    LOG.info("%s", what)
    last, done = time.monotonic(), 0
    with progress_bar(total, "permutations, hundreds") as move:

        def advance() -> None:
            nonlocal last, done
            done += 1
            move()
            if time.monotonic() - last > SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                LOG.info("%s: %.0f %%", what, 100 * done / total)

        yield advance
