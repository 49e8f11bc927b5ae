"""Sidecars of tables and maps that pages read back: what each says beside its columns, key by key."""

from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

from bidsglm.errors import ReadWriteError
from bidsglm.outputs.names import read_json
from bidsglm.outputs.typed import OPEN, Label, Text, typed

Count = Annotated[int, Field(ge=0)]


@OPEN
class RegionFacts(TypedDict, total=False):
    """Facts beside a table of regions: the atlas, and what the effects are measured in."""

    Atlas: Text
    AtlasLabels: Text
    AtlasDigest: Text
    EffectUnits: dict[Label, Text]
    session_id: object
    """Describes a column, where there are sessions"""


@OPEN
class CalibrationFacts(TypedDict):
    """Facts beside the tables of a calibration."""

    SimulatedDatasets: Count
    RandomSeed: Count
    SampledVoxels: Count
    MaskVoxels: Count
    FamilywiseThreshold: Text
    ContrastsLeftOut: list[Label]


@OPEN
class PermutationFacts(TypedDict):
    """Facts beside a map of p values by permutations."""

    Permutations: Count
    Tails: Text


Facts = TypeVar("Facts")


def read_sidecar(path: Path, form: type[Facts]) -> Facts:
    """Read the sidecar of a table or a map.

    Parameters
    ----------
    path
        Of the table, the map or the sidecar itself.
    form
        What it must say.

    Raises
    ------
    ReadWriteError
        When it is missing, cannot be read or is not as we write it.
    """
    path = path.with_suffix(".json")
    try:
        return typed(read_json(path), form)
    except ValueError as error:
        raise ReadWriteError(
            f"{path}: is not as bidsglm writes it ({error}); run the level that wrote it again (--overwrite)"
        ) from error
