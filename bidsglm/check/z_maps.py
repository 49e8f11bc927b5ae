"""Maps of t made of nilearn's z where it left no t: SPM has no z map to compare."""

from pathlib import Path

import nibabel as nib
import numpy as np

from bidsglm.check.data import load_image, support, values_of
from bidsglm.check.nilearn_folder import NilearnAnalysis, NilearnMap
from bidsglm.check.statistics import OPEN, dof_of
from bidsglm.check.tails import t_of_z
from bidsglm.outputs.writes import create_folder

FOLDER = "t_of_z"
"""In OUT"""


def with_t_of_z(nilearn: NilearnAnalysis, out: Path) -> NilearnAnalysis:
    """Add t maps of contrasts that have z alone, by the degrees of freedom of the designs.

    Raises
    ------
    BidsglmError
        A map is damaged, or a file cannot be written.
    """
    dof = dof_of(nilearn)
    if not np.isfinite(dof) or dof < 1:
        return nilearn
    made: list[NilearnMap] = []
    notes: list[str] = []
    for each in nilearn.maps:
        kinds = {m.kind for m in nilearn.maps if m.contrast == each.contrast}
        if each.kind != "z" or kinds & {"t", "F", OPEN}:
            continue
        if not _has_signs_of_effect(each, nilearn):
            notes.append(
                f"{each.path.name} has other signs than its effect, as z of an F contrast has; left out."
            )
            continue
        values, _ = values_of(each.path)
        t = np.where(support(values), t_of_z(np.nan_to_num(values), dof), 0.0)
        create_folder(out / FOLDER)
        path = out / FOLDER / f"{each.contrast}_t.nii.gz"
        nib.Nifti1Image(t, load_image(each.path).affine).to_filename(path)
        made.append(NilearnMap(path, "t", each.contrast, is_made=True))
        notes.append(
            f"{FOLDER}/{path.name} was made of {each.path.name}, as t with {dof:g} degrees of freedom."
        )
    return nilearn._replace(maps=(*nilearn.maps, *made), notes=(*nilearn.notes, *notes))


def _has_signs_of_effect(given: NilearnMap, nilearn: NilearnAnalysis) -> bool:
    path = nilearn.of_contrast(given.contrast, "effect")
    if path is None:
        return True
    (z, _), (effect, _) = values_of(given.path), values_of(path)
    return z.shape == effect.shape and bool(np.all(np.sign(z) * np.sign(effect) >= 0))
