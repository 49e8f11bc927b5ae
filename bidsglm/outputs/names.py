"""Names of the derivatives, and their text as JSON and in tables."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import bidsglm
from bidsglm import inputs
from bidsglm.errors import ReadWriteError
from bidsglm.outputs.writes import create_folder, write_bytes, write_text

__all__ = [
    "NOT_AVAILABLE",
    "clusters_name",
    "create_folder",
    "json_text",
    "map_name",
    "read_json",
    "write_bytes",
    "write_json",
    "write_text",
]

OWN = inputs.Kind(
    ReadWriteError,
    ReadWriteError,
    "cannot be read (there is no such file); run the participant again",
    "run the participant again",
    "cannot be read (line {line}: {what}); {remedy}",
    "is not a JSON object; {remedy}",
)
"""A file among the results: damaged or changed, it is that participant's failure."""
LARGEST_OWN = 2**28
"""Bytes: a summary tells of a thousand contrasts, a table has a row for each of them and region."""

NOT_AVAILABLE = "n/a"
"""As BIDS writes what there is none of."""
GENERATED_BY = {"GeneratedBy": [{"Name": "bidsglm", "Version": bidsglm.__version__}]}
"""In sidecars."""


def json_text(content: Mapping[str, Any], infinite: Mapping[float, str] | None = None) -> str:
    """Text of a JSON file.

    Parameters
    ----------
    content
        Its object.
    infinite
        How infinity is spelled, which JSON has no number for; None for null, as for NaN.

    >>> print(json_text({"a": float("nan"), "b": float("inf")}, {math.inf: "inf"}), end="")
    {
      "a": null,
      "b": "inf"
    }
    """
    return json.dumps(_plain(content, infinite or {}), indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any, infinite: Mapping[float, str]) -> Any:
    """What JSON can hold of a value.

    >>> _plain({"a": [1.0, float("nan")]}, {})
    {'a': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {str(k): _plain(v, infinite) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_plain(v, infinite) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return infinite.get(value)
    return str(value) if isinstance(value, Path) else value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """`write_bytes` for a JSON object."""
    write_text(path, json_text(content))


def read_json(path: Path) -> dict[str, Any]:
    """Read one of our own JSON files.

    Raises
    ------
    ReadWriteError
        When it is missing, unreadable or not an object.
    """
    return inputs.read_json(path, OWN, LARGEST_OWN)


def cell_text(value: object) -> str:
    """One cell of a BIDS table.

    >>> [cell_text(v) for v in ("a", 2, 0.1, float("nan"), None, True)]
    ['a', '2', '0.1', 'n/a', 'n/a', 'true']
    """
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return NOT_AVAILABLE if math.isnan(value) else repr(value)
    if value is None:
        return NOT_AVAILABLE
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(str(value).split())


def read_text(path: Path) -> str:
    """Read one of our own text files.

    Raises
    ------
    ReadWriteError
        When it is missing or cannot be read.
    """
    return inputs.read_text(path, LARGEST_OWN, OWN)


def contrast_entities(label: str) -> str:
    """Entities of a file name that say which contrast it is.

    Parameters
    ----------
    label
        Of a participant's contrast, and behind it the entities of the group's; those alone where several
        contrasts of the participants stand in one model.

    >>> contrast_entities("go"), contrast_entities("go_groupcontrast-age")
    ('contrast-go', 'contrast-go_groupcontrast-age')
    >>> contrast_entities("groupcontrast-any")
    'groupcontrast-any'
    """
    return label if "-" in label.partition("_")[0] else f"contrast-{label}"


def map_name(prefix: str, stat: str, desc: str, contrast: str | None = None) -> str:
    """Name of a statistical map, without extension.

    >>> map_name("sub-01_task-x", "t", "spm", "go")
    'sub-01_task-x_contrast-go_stat-t_desc-spm_statmap'
    >>> map_name("sub-01_task-x", "resms", "nilearn")
    'sub-01_task-x_stat-resms_desc-nilearn_statmap'
    """
    middle = f"_{contrast_entities(contrast)}" if contrast else ""
    return f"{prefix}{middle}_stat-{stat}_desc-{desc}_statmap"


def clusters_name(prefix: str, desc: str, contrast: str) -> str:
    """Name of the table of a contrast's clusters, without extension.

    >>> clusters_name("sub-01_task-x", "spm", "go")
    'sub-01_task-x_contrast-go_desc-spm_clusters'
    """
    return f"{prefix}_{contrast_entities(contrast)}_desc-{desc}_clusters"


def spatial_reference(space: str) -> dict[str, str]:
    """What sidecars say of the space of a map; nothing where it has no name.

    >>> spatial_reference("T1w"), spatial_reference("")
    ({'SpatialReference': 'T1w'}, {})
    """
    return {"SpatialReference": space} if space else {}
