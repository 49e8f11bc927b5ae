"""Names of the derivatives, their sidecars and tables."""

import json
import math
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import bidsglm
from bidsglm import inputs
from bidsglm.errors import ReadWriteError
from bidsglm.outputs.writes import create_folder, write_bytes, write_shared, write_text

__all__ = [
    "NOT_AVAILABLE",
    "clusters_name",
    "create_folder",
    "json_text",
    "map_name",
    "read_json",
    "write_bytes",
    "write_dataset_files",
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
BIDS_VERSION = "1.10.0"
GENERATED_BY = {"GeneratedBy": [{"Name": "bidsglm", "Version": bidsglm.__version__}]}
"""In sidecars."""

BIDSIGNORE = """\
*.html
bidsglm.toml
model-*_smdl.json
logs
code
figures
group
*_boldref.*
*_desc-underlay_T1w.*
*_clusters.*
*_statmap.*
*_desc-dominantstep_dseg.*
*_design.*
*_metrics.*
*_summary.json
"""
"""What BIDS does not know yet: statistical maps, designs and metrics are in BEP041, not in the standard.

Folders stand without a slash behind them: the validator matches none that has one."""

README = """\
# bidsglm derivatives

First-level general linear models of the same data in several packages: in SPM12's way (`desc-spm`), in
nilearn's (`desc-nilearn`) and, where they were asked for, in AFNI's (`desc-afni`) and in FSL's (`desc-fsl`);
their differences (`desc-difference`, spm minus nilearn; `desc-<a>VS<b>`, a minus b) and how well they agree
(`desc-agreement_metrics.tsv`).
Open `sub-*.html` for a participant and `group.html` for the data set; `bidsglm.toml` holds the settings,
`model-*_smdl.json` the statistical model. After `--export-code`, `sub-*/code/` holds scripts that give the
maps without bidsglm: `spm_batch.m`, `nilearn_script.py`, `afni_script.tcsh`, `fsl_script.sh` with FEAT's
`design.fsf`.
"""


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


def write_dataset_files(output_dir: Path, links: Mapping[str, Path]) -> None:
    """Write what every BIDS derivative data set has at its root; the same text from any job.

    Parameters
    ----------
    output_dir
        Its root.
    links
        Name in BIDS URIs -> folder, of the data sets that it was made from.

    Raises
    ------
    CannotCreateError, ReadWriteError
        When the folder cannot be made or written to.
    """
    place = container(os.environ)
    made = {"Name": "bidsglm", "Version": bidsglm.__version__, **({"Container": place} if place else {})}
    description = {
        "Name": "bidsglm: first-level models of several packages compared",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [made],
        "SourceDatasets": [{"URL": path.resolve().as_uri()} for path in links.values()],
        "DatasetLinks": {name: path.resolve().as_uri() for name, path in links.items()},
    }
    create_folder(output_dir)
    write_shared(output_dir / "dataset_description.json", json_text(description))
    write_shared(output_dir / ".bidsignore", BIDSIGNORE)
    write_own_readme(output_dir / "README.md")


def write_own_readme(path: Path) -> None:
    """Write what the folder holds; a README.md that bidsglm did not write is kept."""
    if path.is_file():
        with suppress(OSError), path.open("rb") as file:
            if not README.encode().startswith(file.readline(200)):
                return
    write_shared(path, README)


IMAGE_VARIABLE = "BIDSGLM_IMAGE"
"""Set inside the image: its name and version."""

APPTAINER_VARIABLES = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")
"""Set by Apptainer, and by Singularity, inside whatever they run."""


def container(environment: Mapping[str, str]) -> dict[str, str] | None:
    """BIDS's `Container` of what generated a data set; None outside of one.

    Parameters
    ----------
    environment
        Environment variables.

    >>> container({"BIDSGLM_IMAGE": "bidsglm/bidsglm:0.1.0"})
    {'Type': 'docker', 'Tag': 'bidsglm/bidsglm:0.1.0'}
    >>> container({"BIDSGLM_IMAGE": "bidsglm/bidsglm:0.1.0", "APPTAINER_CONTAINER": "/a.sif"})["Type"]
    'apptainer'
    >>> container({}) is None
    True
    """
    tag = environment.get(IMAGE_VARIABLE)
    if not tag:
        return None
    by_apptainer = any(name in environment for name in APPTAINER_VARIABLES)
    return {"Type": "apptainer" if by_apptainer else "docker", "Tag": tag}


def spatial_reference(space: str) -> dict[str, str]:
    """What sidecars say of the space of a map; nothing where it has no name.

    >>> spatial_reference("T1w"), spatial_reference("")
    ({'SpatialReference': 'T1w'}, {})
    """
    return {"SpatialReference": space} if space else {}
