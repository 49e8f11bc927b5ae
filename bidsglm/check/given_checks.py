"""What the user gave, looked at before anything is computed or written: levels, maps, tables."""

from bidsglm.check.data import values_of
from bidsglm.check.map_pairs import support
from bidsglm.check.nilearn_folder import NilearnAnalysis
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.errors import DataError


def check_maps(nilearn: NilearnAnalysis) -> None:
    """Refuse maps of nilearn that hold nothing.

    Raises
    ------
    ReadWriteError, DataError
        Naming the map.
    """
    for each in nilearn.maps:
        values, _ = values_of(each.path)
        if not support(values).any():
            raise DataError(f"{each.path}: has no value other than 0 in any voxel; compute the map again")


def check_first_level(spm: SpmAnalysis, nilearn: NilearnAnalysis) -> None:
    """Refuse results of a group beside a first level.

    A first level of nilearn calls its column of ones a constant, a second level an intercept.

    Raises
    ------
    DataError
        Naming the table.
    """
    lengths = {session.n_scans for session in spm.sessions}
    for design in nilearn.designs:
        timed = design.frame_times is not None or bool(design.drifts)
        if "intercept" in design.names and not timed and len(design.matrix) not in lengths:
            raise DataError(
                f"{design.path}: is the design of a second level of nilearn (an intercept, "
                f"{len(design.matrix)} rows), and {spm.path} is of a first level; give results of one level"
            )
