"""Settings that no design shows: scaling, noise model, smoothing, scans, mask."""

from collections.abc import Iterator, Sequence

import numpy as np

from bidsglm.check.map_weights import Reproduction
from bidsglm.check.nilearn_folder import NilearnAnalysis
from bidsglm.check.reproduction import UNRELATED
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.model import Floats
from bidsglm.report.check import SettingPair

SAME_NOISE = {"AR(1)": "ar1", "none": "ols"}


def scaling(spm: SpmAnalysis, nilearn: NilearnAnalysis, way: Reproduction | None) -> Iterator[SettingPair]:
    """Units of the effects; without scaling, nilearn's differ by one factor a run, which is no difference."""
    if way is not None:
        found = way.attempt.scaling
    else:
        stated = nilearn.stated.get("signal_scaling", False)
        found = stated if stated is False or stated == 0 else "grand mean"
    ours = (
        "a factor for every scan: 100 / its global (Scaling)"
        if spm.scaling == "Scaling"
        else "grand mean: 100 / session mean, the same factor for all voxels"
    )
    if found == "unknown" or (found is False and spm.scaling != "Scaling"):
        return
    theirs = "all voxels in percent of the mean over time and voxels"
    if found is False:
        theirs = "none (signal_scaling=False)"
    elif found == 0:
        theirs = "each voxel in percent of its own mean (signal_scaling=0, the default)"
    yield SettingPair(
        "scaling",
        ours,
        theirs,
        "effects are in other units, voxel by voxel; t of one run does not change",
        "nilearn: signal_scaling=False, then effects differ by one factor a session; "
        "SPM: Global normalisation None",
    )


def noise(spm: SpmAnalysis, nilearn: NilearnAnalysis, way: Reproduction | None) -> Iterator[SettingPair]:
    """Serial correlations, as far as nilearn's are known."""
    found = way.attempt.noise if way else nilearn.given.get("noise_model")
    if found is None or SAME_NOISE.get(spm.noise) == found:
        return
    remedy = SAME_NOISE.get(spm.noise)
    yield SettingPair(
        "serial correlations",
        spm.noise,
        str(found),
        "t differs everywhere; effects a little",
        f"nilearn: noise_model={remedy!r}"
        if remedy
        else "SPM: serial correlations AR(1), nilearn: noise_model='ar1'",
    )


def data(spm: SpmAnalysis, way: Reproduction | None) -> Iterator[SettingPair]:
    """Scans and their smoothing, as the reproduction of nilearn's maps tells them."""
    if way is None:
        return
    attempt, own = way.attempt, spm.smoothed[0] if spm.smoothed else 0.0
    name = spm.scans[0].path.replace("\\", "/").rsplit("/", 1)[-1] if spm.scans else "the scans"
    if attempt.unsmoothed:
        by = f"smoothing_fwhm={attempt.smoothed_by:g} in nilearn" if attempt.smoothed_by else "not smoothed"
        equal = bool(attempt.smoothed_by) and (not own or abs(attempt.smoothed_by - own) < 0.01)
        yield SettingPair(
            "smoothing",
            f"{name}, smoothed before the model" + (f" ({own:g} mm)" if own else ""),
            f"{name[1:]}, {by}",
            "the same width, by other programs: maps differ at the edge of the volume"
            if equal
            else "the data are not equally smooth: everything differs",
            "give nilearn the files that SPM was given, and no smoothing_fwhm",
            matters=not equal,
        )
        yield SettingPair(
            "scans",
            name,
            name[1:],
            "the files differ by SPM's smoothing",
            "give nilearn the files that SPM was given",
            matters=not equal,
        )
    elif attempt.smoothed_by:
        width = f"{own:g} mm, by SPM in the scans" if own else "as the scans are"
        total = f": about {np.hypot(own, attempt.smoothed_by):.1f} mm" if own else ""
        yield SettingPair(
            "smoothing",
            width,
            f"smoothing_fwhm={attempt.smoothed_by:g} on the same scans{total}",
            "nilearn smooths scans once more: everything differs",
            "nilearn: no smoothing_fwhm",
        )


def other_scans(made: Sequence[Reproduction], related: float | None) -> SettingPair | None:
    """Say that maps are not of SPM's scans: nothing that can be computed of these is like them.

    Without scans the correlation of both programs' effect maps (`related`) tells it.
    """
    tried = [abs(each.r) for each in made]
    if any(each.is_found for each in made):
        return None
    r = max(tried) if tried else related
    if r is None or abs(r) >= UNRELATED:
        return None
    return SettingPair(
        "scans",
        "those in SPM.mat",
        f"others: the best that these give has r = {r:.2f} with nilearn's effect map",
        "the maps are of other data, whatever the designs say",
        "give both the same files of the same participant",
    )


def mixed_scans(spm: SpmAnalysis, order: Sequence[int]) -> SettingPair:
    """Say that nilearn's designs were fitted to the scans of other sessions."""
    names = [spm.scans[s.rows][0].path.replace("\\", "/").rsplit("/", 1)[-1] for s in spm.sessions]
    return SettingPair(
        "scans",
        f"in the order of the sessions: {', '.join(names)}",
        f"in another order than its events and confounds: {', '.join(names[i] for i in order)}",
        "each design was fitted to the scans of another session: nothing in the maps is right",
        "sort files, events and confounds alike in nilearn, such as with sorted() of all three",
    )


def masks_differ(spm: SpmAnalysis, masks: tuple[Floats, Floats] | None) -> Iterator[SettingPair]:
    """Voxels that have a result."""
    if masks is None:
        return
    ours, theirs = masks[0] > 0, masks[1] > 0
    if np.array_equal(ours, theirs):
        return
    threshold = (
        f"above {spm.mask_threshold:g} of the global in every scan"
        if np.isfinite(spm.mask_threshold)
        else "no threshold"
    )
    explicit = f"explicit mask {spm.explicit_mask}, " if spm.explicit_mask else ""
    yield SettingPair(
        "mask",
        f"{explicit}{threshold}, {int(ours.sum())} voxels",
        f"{int(theirs.sum())} voxels, {int((ours & theirs).sum())} of them in SPM's",
        "voxels of one map are empty in the other; within both masks nothing changes",
        "nilearn: mask_img=the mask.nii of SPM's folder; SPM: an explicit mask and threshold -Inf",
    )
