"""Regions for the pages."""

import numpy as np

from bidsglm.agreement.roi_agreement import region_agreement
from bidsglm.outputs.region_tables import REGIONS
from bidsglm.report.group_rois import GroupRegions
from bidsglm.report.rois import ParticipantRegions

UNITS = {"spm": "% of spm_global", "nilearn": "% of voxel mean"}
EFFECTS = {
    "left insula": ([1.0, 0.8, 1.2, 0.9, 1.1], [1.0, -0.8, 1.2, 0.2, 0.5]),
    "cuneus": ([1.0, 1.3, 1.2, 0.9, 1.1], [1.1, 1.4, 1.3, 1.0, 1.1]),
    "a < b & c": ([0.2, -0.3, 0.1, 0.4, -0.2], [0.2, -0.2, 0.1, 0.3, -0.2]),
    "air": ([np.nan] * 5, [np.nan] * 5),
}
"""Region -> effects of five participants in SPM and in nilearn; the first changes its conclusion."""


def group_regions(contrasts: tuple[str, ...] = ("go",), **changes: object) -> GroupRegions:
    """Four regions over five participants."""
    rows = tuple(
        {
            "contrast": contrast,
            "region": number,
            "label": label,
            **region_agreement({"spm": np.array(spm), "nilearn": np.array(nilearn)}),
            "contrast_name": contrast,
        }
        for contrast in contrasts
        for number, (label, (spm, nilearn)) in enumerate(EFFECTS.items(), 1)
    )
    known: dict = {
        "atlas": "atlas.nii.gz",
        "rows": rows,
        "table_link": "group/roiAgreement.tsv",
        "values_link": "group/rois.tsv",
        "effect_units": UNITS,
    }
    return GroupRegions(**(known | changes))


def value_row(contrast: str, region: int, backend: str, **values: float) -> dict:
    """A row of a participant's table; what is not given is not defined."""
    texts = {"contrast": contrast, "region": region, "label": f"area {region}", "backend": backend}
    row = dict.fromkeys(REGIONS.names, float("nan")) | {"n_voxels": 9} | values
    return row | texts | {"contrast_name": contrast}


def participant_regions(n: int = 3, **changes: object) -> ParticipantRegions:
    """A t contrast and an F contrast of n regions; the last region differs most."""
    backends = ("spm", "nilearn")
    rows = [
        value_row(contrast, i, backend, **values)
        for contrast in ("go", "any")
        for i in range(1, n + 1)
        for place, backend in enumerate(backends)
        for values in [{"t": i + place * i / 10, "effect": 0.5} if contrast == "go" else {"F": 4.0 + i}]
    ]
    known: dict = {
        "atlas": "atlas.nii.gz",
        "table_link": "sub-01/func/rois.tsv",
        "backends": backends,
        "rows": tuple(rows),
        "effect_units": UNITS,
    }
    return ParticipantRegions(**(known | changes))
