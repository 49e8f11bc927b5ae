"""Maps that belong to an analysis: in its folder, in any of the formats that SPM has written."""

from pathlib import Path

from bidsglm.check.spm_records import SpmAnalysis

ENDINGS = (".nii", ".nii.gz", ".img")
"""SPM12 and SPM25, packed since, SPM8 and before"""


def own_file(folder: Path, name: str) -> Path | None:
    """File of a folder by its name, packed or of another version's ending; None where there is none.

    The name is that in SPM.mat, or has no ending. A link that leads out of the folder is none of its files.
    """
    stem = name.removesuffix(".gz").removesuffix(".nii").removesuffix(".img")
    if not stem:
        return None
    root = folder.resolve()
    for candidate in dict.fromkeys((name, *(stem + ending for ending in ENDINGS))):
        path = folder / candidate
        if path.is_file() and path.resolve().is_relative_to(root):
            return path
    return None


def maps_notes(spm: SpmAnalysis) -> tuple[str, ...]:
    """What is to be said where a first level of SPM has no maps."""
    if not spm.is_estimated:
        return ("SPM.mat was specified, not estimated: SPM has no maps yet. Estimate the model in SPM.",)
    if not spm.contrasts:
        return ("SPM.mat holds no contrast: there are no maps to compare. Define contrasts in SPM.",)
    names = [name for c in spm.contrasts for name in (c.effect_map, c.stat_map)]
    if any(own_file(spm.folder, name) for name in names):
        return ()
    return (
        f"{spm.folder} holds none of SPM's maps, such as {names[0]}; give the folder with SPM.mat and maps.",
    )
