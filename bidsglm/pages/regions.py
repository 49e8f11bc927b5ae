"""From tables of regions on disk to what the pages show of them."""

from collections.abc import Sequence
from pathlib import Path

from bidsglm.dataset.atlas import places_on, read_atlas
from bidsglm.dataset.masks import Grid
from bidsglm.errors import BidsglmError
from bidsglm.group.numbers import GroupNumbers
from bidsglm.outputs.region_tables import (
    GROUP_REGIONS,
    REGION_AGREEMENT,
    REGIONS,
    region_agreement_schema,
)
from bidsglm.outputs.sidecars import RegionFacts, read_sidecar
from bidsglm.packages import DEFAULT_PACKAGES
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.group_rois import GroupRegions
from bidsglm.report.rois import ParticipantRegions
from bidsglm.report.volumes import Scene, packed_regions


def participant_regions(folder: Path, prefix: str, page_dir: Path) -> ParticipantRegions | None:
    """Regions of a unit; None where it has no table of them.

    Raises
    ------
    ReadWriteError
        When the table or its sidecar cannot be read.
    """
    path = folder / f"{prefix}_desc-rois_metrics.tsv"
    if not path.exists():
        return None
    agreement = folder / f"{prefix}_desc-roiAgreement_metrics.tsv"
    sidecar, rows = read_sidecar(path, RegionFacts), tuple(REGIONS.read(path))
    return ParticipantRegions(
        Path(sidecar.get("Atlas", "")).name,
        path.relative_to(page_dir).as_posix(),
        tuple(dict.fromkeys(str(row["backend"]) for row in rows)),
        rows,
        sidecar.get("EffectUnits", {}),
        agreement.relative_to(page_dir).as_posix() if agreement.exists() else "",
    )


def group_regions(
    numbers: GroupNumbers, name: str, pairs: Sequence[Pair] = (DEFAULT_PAIR,)
) -> GroupRegions | None:
    """Regions over the group under one start of file names; None where there is no table of them.

    Its rows have the columns of all pairs; it is of the first.

    Raises
    ------
    ReadWriteError
        When the tables or their sidecars cannot be read.
    """
    agreement, values = (numbers.path(schema, name) for schema in (REGION_AGREEMENT, GROUP_REGIONS))
    if not numbers.there(agreement):
        return None
    sidecar = read_sidecar(agreement, RegionFacts)
    units = sidecar.get("EffectUnits", {})
    schema = region_agreement_schema(tuple(units) or DEFAULT_PACKAGES, pairs)
    return GroupRegions(
        Path(sidecar.get("Atlas", "")).name,
        numbers.rows(schema, agreement),
        agreement.relative_to(numbers.output_dir).as_posix(),
        values.relative_to(numbers.output_dir).as_posix(),
        units,
        "session_id" in read_sidecar(values, RegionFacts),
    )


def scene_with_regions(behind: Scene, table: Path) -> dict[str, object]:
    """What the page holds of a scene, with the regions that the slice viewer names.

    Parameters
    ----------
    behind
        Shared by the maps of a unit.
    table
        Of the regions' values; its sidecar names the atlas. The viewer names nothing where there is no such
        table, or where the atlas is gone or has changed since.
    """
    return {**behind.packed(), **_atlas_in(behind, table.with_suffix(".json"))}


def _atlas_in(behind: Scene, sidecar: Path) -> dict[str, object]:
    try:
        facts = read_sidecar(sidecar, RegionFacts) if sidecar.exists() else RegionFacts()
        if "Atlas" not in facts:
            return {}
        labels = facts.get("AtlasLabels")
        atlas = read_atlas(Path(facts["Atlas"]), Path(labels) if labels else None)
    except BidsglmError:  # the table stands without it
        return {}
    if atlas.digest != facts.get("AtlasDigest"):
        return {}
    return packed_regions(places_on(atlas, Grid(behind.shape, behind.affine)), atlas.names)
