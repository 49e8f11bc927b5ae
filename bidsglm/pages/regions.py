"""From tables of regions on disk to what the pages show of them."""

from pathlib import Path

from bidsglm.agreement.roi_agreement import Cell
from bidsglm.errors import ReadWriteError
from bidsglm.outputs.names import number, read_json, read_table
from bidsglm.report.group_rois import GroupRegions
from bidsglm.report.rois import ParticipantRegions

TEXTS = ("participant_id", "session_id", "contrast", "label", "backend", "contrast_name")
TRUTHS = {"true": True, "false": False, "n/a": None}


def _cell(key: str, text: str) -> Cell:
    """A cell as it was before it was written.

    >>> _cell("same_conclusion", "false"), _cell("region", "7"), _cell("bias", "0.5"), _cell("label", "7")
    (False, 7, 0.5, '7')
    """
    if key in TEXTS:
        return text
    if key == "same_conclusion":
        return TRUTHS[text]
    if key.endswith("_conclusion"):
        return None if text == "n/a" else text
    return int(text) if text.isdigit() else number(text)


def _rows(path: Path) -> tuple[dict[str, Cell], ...]:
    """Rows of a table of regions.

    Raises
    ------
    ReadWriteError
        When it cannot be read, or holds a word where a number should stand.
    """
    try:
        return tuple({key: _cell(key, text) for key, text in row.items()} for row in read_table(path))
    except (KeyError, ValueError) as error:
        raise ReadWriteError(f"{path}: is damaged ({error}); make it again with --atlas") from error


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
    sidecar, rows = read_json(path.with_suffix(".json")), _rows(path)
    return ParticipantRegions(
        Path(str(sidecar.get("Atlas", ""))).name,
        path.relative_to(page_dir).as_posix(),
        tuple(dict.fromkeys(str(row["backend"]) for row in rows)),
        rows,
        sidecar.get("EffectUnits", {}),
    )


def group_regions(output_dir: Path, name: str) -> GroupRegions | None:
    """Regions over the group under one start of file names; None where there is no table of them.

    Raises
    ------
    ReadWriteError
        When the tables or their sidecars cannot be read.
    """
    agreement, values = (
        output_dir / "group" / f"{name}_desc-{kind}_metrics.tsv" for kind in ("roiAgreement", "rois")
    )
    if not agreement.exists():
        return None
    sidecar = read_json(agreement.with_suffix(".json"))
    return GroupRegions(
        Path(str(sidecar.get("Atlas", ""))).name,
        _rows(agreement),
        agreement.relative_to(output_dir).as_posix(),
        values.relative_to(output_dir).as_posix(),
        sidecar.get("EffectUnits", {}),
        "session_id" in read_json(values.with_suffix(".json")),
    )
