"""What every BIDS derivative data set has at its root: its description, what BIDS ignores, and a README."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import bidsglm
from bidsglm.outputs.names import json_text
from bidsglm.outputs.writes import create_folder, write_shared

BIDS_VERSION = "1.10.0"
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
