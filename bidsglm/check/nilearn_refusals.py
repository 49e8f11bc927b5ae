"""Results of nilearn that cannot be compared with an analysis by SPM: of another level, or without values."""

from bidsglm.check.data import support, values_of
from bidsglm.check.nilearn_folder import NilearnAnalysis
from bidsglm.check.second_level import SpmGroup
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.errors import DataError


def check_nilearn(spm: SpmAnalysis | SpmGroup, nilearn: NilearnAnalysis) -> None:
    """Refuse results of another level than SPM's, and maps that hold nothing.

    Raises
    ------
    ReadWriteError, DataError
        Naming the folder, the table or the map.
    """
    if isinstance(spm, SpmGroup):
        _check_second_level(spm, nilearn)
    else:
        _check_first_level(spm, nilearn)
    for each in nilearn.maps:
        values, _ = values_of(each.path)
        if not support(values).any():
            raise DataError(f"{each.path}: has no value other than 0 in any voxel; compute the map again")


def _check_first_level(spm: SpmAnalysis, nilearn: NilearnAnalysis) -> None:
    """A first level of nilearn calls its column of ones a constant, a second level an intercept."""
    lengths = {session.n_scans for session in spm.sessions}
    for design in nilearn.designs:
        timed = design.frame_times is not None or bool(design.drifts)
        if "intercept" in design.names and not timed and len(design.matrix) not in lengths:
            raise DataError(
                f"{design.path}: is the design of a second level of nilearn (an intercept, "
                f"{len(design.matrix)} rows), and {spm.path} is of a first level; give results of one level"
            )


def _check_second_level(group: SpmGroup, nilearn: NilearnAnalysis) -> None:
    """A first level shows by times of scans, drifts, or a script that fits one."""
    timed = any(d.frame_times is not None or d.drifts for d in nilearn.designs)
    if timed or nilearn.repetition_time is not None or nilearn.script is not None:
        raise DataError(
            f"{nilearn.folder}: holds results of a first level of nilearn (times of scans, drifts or "
            f"FirstLevelModel), and {group.path} is of a second level; give results of one level"
        )
