"""Entities of BIDS: their long and short names, and what a model filters by them."""

from bidsglm.inputs import as_list
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.values import shown

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
ENTITIES = (
    *("subject", "session", "acquisition", "ceagent", "reconstruction", "direction", "resolution", "density"),
    *("task", "run", "echo", "part", "chunk", "space", "cohort", "desc", "label", "atlas"),
    *("suffix", "datatype", "extension"),
)
"""Those that a model may name."""
SHORT_ENTITIES = {
    "description": "desc",
    **{ENTITY_KEYS[name]: name for name in ENTITIES if ENTITY_KEYS.get(name, name) != name},
}
"""Other names of them; of desc, whose usual name is its short one, the long name in BIDS."""


def entity(name: str) -> str:
    """Long name of a BIDS entity.

    >>> entity("ses"), entity("task"), entity("description")
    ('session', 'task', 'desc')
    """
    long_name = SHORT_ENTITIES.get(name, name)
    if long_name not in ENTITIES:
        raise ValueError(f"unknown entity {name!r}{hint(name, ENTITIES)}")
    return long_name


def filters(value: object) -> object:
    """BIDS filters with long entity names and lists of labels without prefix.

    >>> filters({"sub": ["sub-01"], "run": [1]})
    {'subject': ['01'], 'run': ['1']}
    """
    if not isinstance(value, dict):
        return value
    return {entity(key): _labels(labels, key) for key, labels in value.items()}


def _labels(value: object, key: str) -> list[str]:
    labels = [_label(item, key) for item in as_list(value)]
    if not all(labels) or not labels:
        raise ValueError(f"{key!r} must list at least one label, none of them empty")
    return labels


def _label(value: object, key: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"the labels of {key!r} must be text, not {shown(value)}")
    return str(value).removeprefix(f"{ENTITY_KEYS.get(key, key)}-")
