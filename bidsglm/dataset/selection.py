"""Which preprocessed runs are wanted: the filters of command line, filter file and model, and the space."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bidsglm.dataset.index import Index, entities_of, find_files, same_label
from bidsglm.dataset.roots import listing
from bidsglm.errors import DataError, NoInputError, NothingMatchedError, UsageError
from bidsglm.model import Settings

VOLUMES = [".nii.gz", ".nii"]
DEFAULT_SPACE = "MNI152NLin2009cAsym"
"""fMRIPrep's standard output space."""

ENTITY_KEYS = {
    "subject": "sub",
    "sample": "sample",
    "session": "ses",
    "task": "task",
    "tracksys": "tracksys",
    "acquisition": "acq",
    "nucleus": "nuc",
    "volume": "voi",
    "ceagent": "ce",
    "staining": "stain",
    "tracer": "trc",
    "reconstruction": "rec",
    "direction": "dir",
    "run": "run",
    "modality": "mod",
    "echo": "echo",
    "flip": "flip",
    "inv": "inv",
    "mt": "mt",
    "part": "part",
    "proc": "proc",
    "hemi": "hemi",
    "space": "space",
    "cohort": "cohort",
    "recording": "recording",
    "chunk": "chunk",
    "atlas": "atlas",
    "segmentation": "seg",
    "resolution": "res",
    "density": "den",
    "label": "label",
}
"""Long and short names of the entities in the order in which BIDS writes them."""
LONG_KEYS = {short: long for long, short in ENTITY_KEYS.items()}


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

    Parameters
    ----------
    settings
        The filters of the command line and the filter file.
    model_inputs
        The model's Input: labels by entity.
    derivatives
        The participant's files in every data set of preprocessed data.

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
    default = {"suffix": "bold", "desc": "preproc", "extension": VOLUMES}
    bolds = _preprocessed(derivatives, default)
    participant = derivatives[0].participant
    if not bolds:
        folders = " or ".join(str(dataset.root) for dataset in derivatives)
        raise NoInputError(
            f"{folders}: no *_desc-preproc_bold.nii.gz of sub-{participant}; run fMRIPrep on it"
        )
    if own:
        existing = bolds
        bolds = _preprocessed(derivatives, {**default, **own})
        if not bolds:
            found = listing(prefix(named_entities(bold)) for bold in existing)
            raise NothingMatchedError(
                f"--bids-filter-file: its key bold matches no preprocessed run of sub-{participant}; "
                f"there are {found}"
            )
    command_line = {
        "session": ("--session-label", settings.session_labels),
        "task": ("--task-label", settings.task_labels),
        "run": ("--run-label", settings.run_labels),
    }
    for entity, (option, labels) in command_line.items():
        bolds = _matching(bolds, entity, labels, f"{option} {listing(labels)}")
    for key, labels in model_inputs.items():
        entity = {"res": "resolution", "den": "density"}.get(key, LONG_KEYS.get(key, key))
        bolds = _matching(bolds, entity, labels, f"the model's Input.{key} {listing(labels)}")
    return bolds


def _preprocessed(derivatives: Sequence[Index], filters: Mapping[str, object]) -> list[Bold]:
    found = [
        Bold(dataset, path, entities_of(dataset, path))
        for dataset in derivatives
        for path in find_files(dataset, filters)
    ]
    seen: dict[str, Bold] = {}
    for bold in found:
        twin = seen.setdefault(prefix(named_entities(bold)), bold)
        if twin is not bold:
            raise DataError(
                f"{twin.path} and {bold.path}: the same run twice; give one of them (--derivatives)"
            )
    return found


def _matching(bolds: list[Bold], entity: str, labels: Sequence[str], source: str) -> list[Bold]:
    if not labels:
        return bolds
    short = ENTITY_KEYS.get(entity, entity)
    wanted = [str(label).removeprefix(f"{short}-") for label in labels]
    kept = [
        bold
        for bold in bolds
        if any(same_label(entity, label, bold.entities.get(entity, "")) for label in wanted)
    ]
    if not kept:
        there = sorted({bold.entities.get(entity, "") for bold in bolds})
        raise NothingMatchedError(
            f"{source}: matches no preprocessed run of sub-{bolds[0].dataset.participant} in "
            f"{bolds[0].dataset.root}; there are {_labels(short, there)}"
        )
    return kept


def _in_space(
    settings: Settings, model_inputs: Mapping[str, tuple[str, ...]], bolds: list[Bold]
) -> list[Bold]:
    """Apply the rule of --space: what was asked for, else the only one there is, else fMRIPrep's standard."""
    if settings.space:
        kept = [bold for bold in bolds if any(_is_in(bold, space) for space in settings.space)]
        if not kept:
            raise NothingMatchedError(
                f"--space {listing(settings.space)}: matches no preprocessed run of "
                f"sub-{bolds[0].dataset.participant}; there are "
                f"{_labels('space', sorted({bold.entities.get('space', '') for bold in bolds}))}"
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


def _is_in(bold: Bold, space: str) -> bool:
    """Whether a file is in a space written as fMRIPrep's --output-spaces: MNI152NLin6Asym:res-2."""
    name, *modifiers = space.removeprefix("space-").split(":")
    wanted = {"space": name} | {
        LONG_KEYS.get(key, key): label for key, _, label in (item.partition("-") for item in modifiers)
    }
    return all(bold.entities.get(key, "") == label for key, label in wanted.items())


def _labels(short: str, labels: Iterable[str]) -> str:
    return listing([f"{short}-{label}" if label else f"files without {short}" for label in labels])
