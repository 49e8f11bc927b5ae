"""What a user can continue from: the models of both analyses as files, with data sets and scripts."""

from collections.abc import Sequence
from pathlib import Path

from bidsglm.check.comparison import Checked
from bidsglm.check.data import ScanPlace
from bidsglm.check.model_files import WrittenModel, write_model
from bidsglm.check.nilearn_model import own_models
from bidsglm.check.reproduction import before_smoothing
from bidsglm.check.scans import relocated


def write_models(
    output: Path, found: Checked, scans: Sequence[Sequence[ScanPlace]], folder: Path | None
) -> tuple[tuple[WrittenModel, ...], tuple[str, ...]]:
    """Write the models of both analyses; one where one model can say both.

    Returns
    -------
    The models, and why there is none of an analysis.
    """
    models, notes = own_models(found)
    explicit = found.spm.explicit_mask
    mask = relocated([explicit], folder).found.get(explicit) if explicit and folder else None
    lost = [f"SPM's explicit mask {explicit} is not among the files, so no model has it."]
    shared = _shared_mask(found)
    made = []
    for model in models:
        of_nilearn = model.package == "nilearn"
        own = (found.nilearn.mask if of_nilearn else mask) or shared
        made.append(write_model(output, model, _before(scans, found) if of_nilearn else scans, own))
    return tuple(made), (*notes, *(lost if explicit and mask is None else ()))


def _shared_mask(found: Checked) -> Path | None:
    """SPM's own mask, where nilearn has a result at the same voxels: both models then take it."""
    differs = any(each.setting == "mask" for each in found.settings)
    if differs or not found.maps:
        return None
    # SPM8 writes pairs of .img and .hdr
    paths = (found.spm.folder / name for name in ("mask.nii", "mask.img"))
    return next((path for path in paths if path.is_file()), None)


def _before(scans: Sequence[Sequence[ScanPlace]], found: Checked) -> list[Sequence[ScanPlace]]:
    """Scans as nilearn had them."""
    unsmoothed = found.way is not None and found.way.attempt.unsmoothed
    return [before_smoothing(run) if unsmoothed and run else run for run in scans]
