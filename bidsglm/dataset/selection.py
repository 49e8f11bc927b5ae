"""Which preprocessed runs are wanted: the filters of command line, filter file and model, and the space."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bidsglm.dataset.index import Index, entities_of, find_files, same_label
from bidsglm.dataset.instead import elsewhere, found_instead
from bidsglm.errors import BidsglmError, DataError, NoInputError, NothingMatchedError, UsageError
from bidsglm.sentences import listing
from bidsglm.settings import Settings
from bidsglm.statsmodel.entities import ENTITY_KEYS, LONG_KEYS

LOG = logging.getLogger(__name__)

VOLUMES = [".nii.gz", ".nii"]
SERIES: Mapping[str, object] = {"suffix": "bold", "desc": "preproc", "extension": VOLUMES}
"""pybids filters for preprocessed runs; a model's Input.desc and the filter file's key bold replace them."""
DEFAULT_SPACE = "MNI152NLin2009cAsym"
"""fMRIPrep's standard output space."""

MODIFIERS = ("cohort", "resolution", "density")
"""What fMRIPrep's --output-spaces writes behind a space."""


class Bold(NamedTuple):
    """A preprocessed file and where it was found."""

    dataset: Index
    path: Path
    entities: Mapping[str, str]


def named_entities(bold: Bold) -> dict[str, str]:
    """Return the entities that go into the names of what is made from a run."""
    return {key: label for key, label in bold.entities.items() if key != "desc"}


def prefix(entities: Mapping[str, str]) -> str:
    """Write the start of a file name, entities in the order of BIDS.

    >>> prefix({"run": "01", "task": "rest", "subject": "02"})
    'sub-02_task-rest_run-01'
    """
    order = [*ENTITY_KEYS, *sorted(set(entities) - set(ENTITY_KEYS))]
    return "_".join(f"{ENTITY_KEYS.get(key, key)}-{entities[key]}" for key in order if key in entities)


def select_bolds(
    settings: Settings, model_inputs: Mapping[str, tuple[str, ...]], derivatives: Sequence[Index]
) -> list[Bold]:
    """Select the preprocessed runs of one participant that pass all filters.

    Those are of the command line, of the filter file, and of the model's Input (labels by entity).

    Raises
    ------
    NoInputError
        Nothing is preprocessed.
    NothingMatchedError
        No run passes a filter.
    UsageError
        Several spaces, none of them chosen.
    DataError
        Two data sets hold the same run.
    """
    return _in_space(settings, model_inputs, _chosen(settings, model_inputs, derivatives))


def _chosen(
    settings: Settings, model_inputs: Mapping[str, tuple[str, ...]], derivatives: Sequence[Index]
) -> list[Bold]:
    """Keep all runs that pass the filters, whatever their space."""
    own = settings.bids_filters.get("bold", {})
    kinds = model_inputs.get("desc", ("preproc",))
    bolds = _preprocessed(derivatives, {**SERIES, "desc": list(kinds), **own})
    if not bolds:
        raise _nothing(derivatives, own, kinds)
    if "echo" not in own and "echo" not in model_inputs:
        bolds = _without_echoes(bolds)
    if "part" not in own and "part" not in model_inputs:
        bolds = _magnitudes(bolds)
    command_line = {
        "session": ("--session-label", settings.session_labels),
        "task": ("--task-label", settings.task_labels),
        "run": ("--run-label", settings.run_labels),
    }
    for entity, (option, labels) in command_line.items():
        bolds = _matching(bolds, entity, labels, f"{option} {listing(labels)}")
    for key, labels in model_inputs.items():
        entity = LONG_KEYS.get(key, key)
        bolds = _matching(bolds, entity, labels, f"the model's Input.{key} {listing(labels)}")
    return bolds


def _nothing(derivatives: Sequence[Index], own: Mapping[str, object], kinds: Sequence[str]) -> BidsglmError:
    """Why a participant has no series that can be fitted, and what takes those that there are."""
    participant = derivatives[0].participant
    existing = _preprocessed(derivatives, SERIES) if own else []
    if existing:
        found = listing(prefix(named_entities(bold)) for bold in existing)
        return NothingMatchedError(
            f"--bids-filter-file: its key bold matches no preprocessed run of sub-{participant}; "
            f"there are {found}"
        )
    folders = " or ".join(str(dataset.root) for dataset in derivatives)
    instead = found_instead([dataset.root / f"sub-{participant}" for dataset in derivatives])
    other = next(filter(None, (elsewhere(dataset.root) for dataset in derivatives)), "")
    said = "; ".join(filter(None, (instead, other)))
    names = " or ".join(f"*_desc-{kind}_bold.nii.gz" for kind in kinds)
    return NoInputError(f"{folders}: no {names} of sub-{participant}; {said}")


def _without_echoes(bolds: Sequence[Bold]) -> list[Bold]:
    """Leave out single echoes; fMRIPrep writes them (--me-output-echos) beside their combination.

    Raises
    ------
    NoInputError
        Several echoes of a run that nobody has combined.
    """
    echoes: dict[str, list[Bold]] = {}
    for bold in bolds:
        if "echo" in bold.entities:
            echoes.setdefault(_without_echo(bold), []).append(bold)
    kept = [bold for bold in bolds if "echo" not in bold.entities]
    combined = {_without_echo(bold) for bold in kept}
    for name, single in echoes.items():
        if name not in combined and len(single) > 1:
            labels = [bold.entities["echo"] for bold in single]
            raise NoInputError(
                f"{single[0].dataset.root}: of {name} there are only single echoes "
                f"({', '.join(f'echo-{label}' for label in labels)}), no combination of them; choose one by "
                f'--bids-filter-file with {{"bold": {{"echo": "{labels[0]}"}}}}, or give combined series'
            )
        kept += single if name not in combined else []
    return kept


def _magnitudes(bolds: Sequence[Bold]) -> list[Bold]:
    """Leave out phase images, which hold angles, and real and imaginary parts.

    Raises
    ------
    NoInputError
        Nothing but such parts.
    """
    kept = [bold for bold in bolds if bold.entities.get("part", "mag") == "mag"]
    if not kept:
        found = listing(prefix(named_entities(bold)) for bold in bolds)
        raise NoInputError(
            f"{bolds[0].dataset.root}: of sub-{bolds[0].dataset.participant} there are only parts of complex "
            f"images ({found}), and a model is of the magnitude; preprocess that (part-mag)"
        )
    left_out = [bold.path.name for bold in bolds if bold not in kept]
    if left_out:
        LOG.warning("%s: not magnitudes and left out: %s", bolds[0].dataset.root, listing(left_out, 2))
    return kept


def _without_echo(bold: Bold) -> str:
    return prefix({key: label for key, label in named_entities(bold).items() if key != "echo"})


def _preprocessed(derivatives: Sequence[Index], filters: Mapping[str, object]) -> list[Bold]:
    found = [
        Bold(dataset, path, entities_of(dataset, path))
        for dataset in derivatives
        for path in _named_as_bids(dataset, find_files(dataset, filters), filters)
    ]
    seen: dict[str, Bold] = {}
    for bold in found:
        twin = seen.setdefault(prefix(named_entities(bold)), bold)
        if twin is not bold:
            raise DataError(
                f"{twin.path} and {bold.path}: the same run twice; move one away, or give one of two folders "
                "(--derivatives)"
            )
    return found


def _named_as_bids(dataset: Index, paths: Sequence[Path], filters: Mapping[str, object]) -> list[Path]:
    """Leave out copies that people keep: other names, other folders, a .nii beside its .nii.gz."""
    kept = [path for path in paths if _is_named_as_bids(dataset, path, filters)]
    kept = [path for path in kept if path.suffix == ".gz" or path.with_name(f"{path.name}.gz") not in kept]
    left_out = [str(path.relative_to(dataset.root)) for path in paths if path not in kept]
    if kept and left_out:
        LOG.warning("%s: taken for copies and left out: %s", dataset.root, listing(left_out, 2))
    return kept or list(paths)


def _is_named_as_bids(dataset: Index, path: Path, filters: Mapping[str, object]) -> bool:
    own = rf"sub-{re.escape(dataset.participant)}(_[A-Za-z]+-[0-9A-Za-z+]+)*_[A-Za-z0-9]+\.nii(\.gz)?"
    return re.fullmatch(own, path.name) is not None and ("datatype" in filters or path.parent.name == "func")


def _matching(bolds: list[Bold], entity: str, labels: Sequence[str], source: str) -> list[Bold]:
    if not labels:
        return bolds
    short = ENTITY_KEYS.get(entity, entity)
    wanted = [str(label).removeprefix(f"{short}-") for label in labels]
    kept = [
        bold for bold in bolds if any(same_label(entity, label, _label(bold, entity)) for label in wanted)
    ]
    if not kept:
        there = sorted({_label(bold, entity) for bold in bolds})
        raise NothingMatchedError(
            f"{source}: matches no preprocessed run of sub-{bolds[0].dataset.participant} in "
            f"{bolds[0].dataset.root}; there are {_labels(short, there)}"
        )
    return kept


def _label(bold: Bold, entity: str) -> str:
    """Label of a file; what every preprocessed run has at the end of its name and path is among them.

    >>> from bidsglm.dataset.listing import Listing
    >>> dataset = Index(Path("x"), "x", "01", Listing(Path("x"), ()))
    >>> bold = Bold(dataset, Path("x/a_bold.nii.gz"), {"run": "1"})
    >>> [_label(bold, name) for name in ("run", "suffix", "datatype", "extension", "task")]
    ['1', 'bold', 'func', '.nii.gz', '']
    """
    ending = "".join(bold.path.suffixes[-2:]) if bold.path.suffix == ".gz" else bold.path.suffix
    stem = bold.path.name.removesuffix(ending)
    every = {"suffix": stem.rpartition("_")[2], "datatype": "func", "extension": ending}
    return bold.entities.get(entity, every.get(entity, ""))


def _in_space(
    settings: Settings, model_inputs: Mapping[str, tuple[str, ...]], bolds: list[Bold]
) -> list[Bold]:
    """Apply the rule of --space: what was asked for, else the only one there is, else fMRIPrep's standard."""
    if settings.space:
        kept = [bold for bold in bolds if any(_is_in(bold, space) for space in settings.space)]
        if not kept:
            raise NothingMatchedError(
                f"--space {listing(settings.space)}: matches no preprocessed run of "
                f"sub-{bolds[0].dataset.participant}; {_spaces(bolds)}"
            )
        return kept
    spaces = {bold.entities.get("space", "") for bold in bolds}
    asked = "space" in model_inputs or "space" in settings.bids_filters.get("bold", {})
    if asked or len(spaces) == 1:
        return bolds
    if DEFAULT_SPACE in spaces:
        return [bold for bold in bolds if bold.entities.get("space") == DEFAULT_SPACE]
    raise UsageError(
        f"{bolds[0].dataset.root}: sub-{bolds[0].dataset.participant} has several spaces, "
        f"{_labels('space', sorted(spaces))}; choose with --space"
    )


def _spaces(bolds: Iterable[Bold]) -> str:
    """Which spaces there are, and when --space is to be omitted."""
    there = sorted({_written_space(bold) for bold in bolds})
    said = f"there are {_labels('space', there)}"
    if there == [""]:
        return f"{said}, which is how fMRIPrep names the space of the scans; omit --space"
    if len(there) == 1:
        return f"{said}; omit --space, as there is no other"
    if "" in there:
        return (
            f"{said}; give one of them, or for files without space no --space but --bids-filter-file with "
            '{"bold": {"space": null}}'
        )
    default = any(space.partition(":")[0] == DEFAULT_SPACE for space in there)
    return f"{said}; give one of them" + (f", or omit --space for {DEFAULT_SPACE}" if default else "")


def _written_space(bold: Bold) -> str:
    """A file's space as fMRIPrep's --output-spaces writes it."""
    named = [f"{ENTITY_KEYS[key]}-{bold.entities[key]}" for key in MODIFIERS if key in bold.entities]
    return ":".join([bold.entities.get("space", ""), *named])


def _is_in(bold: Bold, space: str) -> bool:
    """Whether a file is in a space written as fMRIPrep's --output-spaces: MNI152NLin6Asym:res-2."""
    name, *modifiers = space.removeprefix("space-").split(":")
    wanted = {"space": name} | {
        LONG_KEYS.get(key, key): label for key, _, label in (item.partition("-") for item in modifiers)
    }
    return all(bold.entities.get(key, "") == label for key, label in wanted.items())


def _labels(short: str, labels: Iterable[str]) -> str:
    return listing([f"{short}-{label}" if label else f"files without {short}" for label in labels])
