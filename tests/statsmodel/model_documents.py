"""Model documents for the tests: a small complete one, and ways to change it."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from bidsglm.model import ModelSpecification
from bidsglm.settings import Settings
from bidsglm.statsmodel.specification import parse_model

Document = dict[str, Any]
Change = Callable[[Document], object]

SETTINGS = Settings(Path("in"), Path("out"), "participant")
NATIVE = Settings(Path("in"), Path("out"), "participant", matching="native")

COMPLETE: Document = {
    "Name": "go",
    "BIDSModelVersion": "1.0.0",
    "Input": {"task": ["go"]},
    "Nodes": [
        {
            "Level": "Run",
            "Name": "run",
            "GroupBy": ["run", "subject"],
            "Transformations": {
                "Transformer": "pybids-transforms-v1",
                "Instructions": [{"Name": "Factor", "Input": ["trial_type"]}],
            },
            "Model": {
                "Type": "glm",
                "X": ["trial_type.go", "trial_type.stop", "rot_x", 1],
                "HRF": {"Variables": ["trial_type.go", "trial_type.stop"], "Model": "spm"},
                "Options": {"HighPassFilterCutoffHz": 0.0078125},
                "Software": {
                    "SPM": {"SerialCorrelation": "AR(1)", "InclusiveMaskingThreshold": 0.8},
                    "Nilearn": {"NoiseModel": "ar1"},
                },
            },
            "Contrasts": [
                {
                    "Name": "go - stop",
                    "ConditionList": ["trial_type.go", "trial_type.stop"],
                    "Weights": [1, -1],
                    "Test": "t",
                }
            ],
        }
    ],
}
SUBJECT: Document = {
    "Level": "Subject",
    "Name": "subject",
    "GroupBy": ["subject", "contrast"],
    "Model": {"Type": "meta", "X": [1]},
    "DummyContrasts": {"Test": "t"},
}
SESSION: Document = {
    **SUBJECT,
    "Level": "Session",
    "Name": "session",
    "GroupBy": ["session", "subject", "contrast"],
}
DATASET: Document = {
    "Level": "Dataset",
    "Name": "dataset",
    "GroupBy": ["contrast"],
    "Model": {"Type": "glm", "X": [1]},
    "DummyContrasts": {"Test": "t"},
}


def changed(*changes: Change) -> Document:
    """A copy of the complete document after some changes."""
    document = deepcopy(COMPLETE)
    for change in changes:
        change(document)
    return document


def parsed(*changes: Change, settings: Settings = SETTINGS) -> ModelSpecification:
    return parse_model(changed(*changes), "m.json", settings)


def run_node(document: Document) -> Any:
    return document["Nodes"][0]


def model(document: Document) -> Any:
    return run_node(document)["Model"]


def in_top(**values: object) -> Change:
    return lambda document: document.update(values)


def in_node(**values: object) -> Change:
    return lambda document: run_node(document).update(values)


def in_model(**values: object) -> Change:
    return lambda document: model(document).update(values)


def in_hrf(**values: object) -> Change:
    return lambda document: model(document)["HRF"].update(values)


def in_options(**values: object) -> Change:
    return lambda document: model(document)["Options"].update(values)


def in_spm(**values: object) -> Change:
    return lambda document: model(document)["Software"]["SPM"].update(values)


def in_nilearn(**values: object) -> Change:
    return lambda document: model(document)["Software"]["Nilearn"].update(values)


def in_contrast(**values: object) -> Change:
    return lambda document: run_node(document)["Contrasts"][0].update(values)


def nodes(*more: Document, group_by: tuple[str, ...] = ("run", "subject")) -> Change:
    """The Run node, grouped so, and nodes above it."""

    def change(document: Document) -> None:
        run_node(document)["GroupBy"] = list(group_by)
        document["Nodes"] += deepcopy(list(more))

    return change


def instructions(*items: object) -> Change:
    return in_node(Transformations={"Transformer": "pybids-transforms-v1", "Instructions": list(items)})


def software(**packages: object) -> Change:
    return in_model(Software=packages)


def without(container: Callable[[Document], Any], key: str) -> Change:
    return lambda document: container(document).pop(key)
