"""Which model each unit of a participant is fitted with."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from bidsglm.backends import BACKENDS
from bidsglm.data import Unit
from bidsglm.dataset.components import check_components
from bidsglm.dataset.events import task_trial_types, trial_types
from bidsglm.dataset.layout import find_units
from bidsglm.errors import DataError
from bidsglm.model import ModelSpecification
from bidsglm.settings import Settings
from bidsglm.statsmodel.automatic import automatic_model
from bidsglm.statsmodel.comparisons import in_words
from bidsglm.statsmodel.presets import expanded
from bidsglm.statsmodel.specification import parse_model, read_document, read_model
from bidsglm.unit.expressible import able

LONGEST_MODEL_LABEL = 200
"""Characters; a file name has room for 255 bytes, those of a temporary name too."""


class Model(NamedTuple):
    """A model and the document it was read from."""

    specification: ModelSpecification
    document: Mapping[str, Any]
    backends: tuple[str, ...]
    """Packages of the command line that can express it"""


def model_from_file(settings: Settings) -> ModelSpecification | None:
    """The model file of the command line, checked against every backend; None when there is none.

    Raises
    ------
    DataError, NoInputError, UsageError
        When the file cannot be used, or a backend cannot express its model.
    """
    if settings.model:
        return model_of_file(settings).specification
    # Options that make no model are known before anything is fitted.
    _automatic_model(settings, "of any task", ("any",))
    return None


def model_of_file(settings: Settings) -> Model:
    """The model file of the command line, which there is, and who can express it; errors as above."""
    assert settings.model is not None
    model = read_model(settings.model, settings)
    return _expressible(model, read_document(settings.model), settings.backends)


def _expressible(model: ModelSpecification, document: Mapping[str, Any], backends: Sequence[str]) -> Model:
    """Ask every backend whether it can express a model; a refusal names the model's file."""
    try:
        found = able(backends, lambda name: BACKENDS[name].check(model))
    except DataError as error:
        raise DataError(f"{model.origin}: {error}") from error
    return Model(replace(model, notes=(*model.notes, *found.notes)), document, found.names)


_trial_types = lru_cache(task_trial_types)
"""Those of the whole data set, so that all participants get the same model"""


def refusals(settings: Settings) -> dict[str, str]:
    """Why packages of the command line cannot express its model file."""
    assert settings.model is not None
    model, found = read_model(settings.model, settings), {}
    for name in settings.backends:
        try:
            BACKENDS[name].check(model)
        except DataError as error:
            found[name] = str(error)
    return found


def _automatic(settings: Settings, unit: Unit) -> Model:
    """The automatic model of a unit's task.

    Raises
    ------
    DataError, ReadWriteError, UsageError
        When the events cannot be used, or the overrides make no model that every backend can express.
    """
    task = unit.entities["task"]
    # Where no file of the task can be used, the unit's own say why.
    types = _trial_types(settings.bids_dir, task) or trial_types(unit.runs)
    for run in unit.runs:
        check_components(run, expanded(settings.confounds or ()))
    return _automatic_model(settings, task, types)


def model_of_task(settings: Settings, task: str) -> Model:
    """The automatic model of a task; errors as where it is fitted."""
    return _automatic_model(settings, task, _trial_types(settings.bids_dir, task))


def _automatic_model(settings: Settings, task: str, types: Sequence[str]) -> Model:
    """The automatic model of some trial types, checked against every backend."""
    document = automatic_model(task, types, settings)
    model = parse_model(document, "the automatic model", settings, automatic=True)
    model = replace(model, notes=(in_words(types, settings.contrasts), *model.notes))
    return _expressible(model, document, settings.backends)


Units = tuple[tuple[Unit, Model], ...]
"""Units of a participant, each with its model"""


def units_with_models(settings: Settings, participant: str) -> Iterator[tuple[Unit, Model]]:
    """Units of a participant, each with its model."""
    if settings.model:
        model = model_of_file(settings)
        spec = model.specification
        seen: set[str] = set()
        for apart in (False, True) if spec.both_ways else (spec.by_session,):
            for unit in find_units(settings, spec.inputs, spec.mask_entities, participant, apart):
                if unit.prefix not in seen:  # without sessions in the data both ways are one
                    yield unit, model
                seen.add(unit.prefix)
    else:
        for unit in find_units(settings, {}, {}, participant, by_session=True):
            yield unit, _automatic(settings, unit)


def model_path(output_dir: Path, name: str) -> Path:
    """Where a model of that name stands among the results.

    >>> model_path(Path("out"), "finger tapping").name
    'model-fingertapping_smdl.json'
    """
    label = re.sub(r"[^0-9A-Za-z]", "", name)[:LONGEST_MODEL_LABEL] or "model"
    return output_dir / f"model-{label}_smdl.json"
