"""The container that the program runs in, for the provenance of its results."""

from collections.abc import Mapping

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
