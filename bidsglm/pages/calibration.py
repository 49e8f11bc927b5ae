"""From a calibration's tables on disk to what the page shows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bidsglm.calibration.tables import read_rows, table_path
from bidsglm.group.numbers import GroupNumbers
from bidsglm.outputs.calibration_tables import CALIBRATIONS, CURVES
from bidsglm.outputs.names import read_json
from bidsglm.report.calibration import CalibrationReport, ContrastCalibration
from bidsglm.report.calibration_figures import calibration_figures
from bidsglm.report.group_calibration import GroupCalibration

Summary = Mapping[str, Any]


def read_calibration(output_dir: Path, summary: Summary) -> CalibrationReport | None:
    """What the calibration of a unit says; None without one.

    Raises
    ------
    ReadWriteError
        When a table is missing or cannot be read.
    """
    path = table_path(output_dir, summary)
    if path is None:
        return None
    rows = read_rows(path)
    curves_path = path.with_name(path.name.replace("_desc-calibration_", "_desc-calibrationCurves_"))
    curves = read_rows(curves_path, CURVES)
    facts = read_json(path.with_suffix(".json"))
    names = {contrast["label"]: contrast["name"] for contrast in summary["contrasts"]}
    contrasts = []
    for label in dict.fromkeys(str(row["contrast"]) for row in rows):
        own = tuple(row for row in rows if row["contrast"] == label)
        bare = ContrastCalibration(names.get(label, label), label, own)
        figures = calibration_figures(bare, [row for row in curves if row["contrast"] == label])
        contrasts.append(ContrastCalibration(bare.name, label, own, figures))
    return CalibrationReport(
        facts["SimulatedDatasets"],
        facts["SampledVoxels"],
        facts["MaskVoxels"],
        facts["RandomSeed"],
        tuple(contrasts),
        path.relative_to(output_dir).as_posix(),
        tuple(names.get(label, label) for label in facts["ContrastsLeftOut"]),
    )


def group_calibration(numbers: GroupNumbers, name: str) -> GroupCalibration | None:
    """What the page says of the calibrations; None without any.

    Raises
    ------
    ReadWriteError
        When the table cannot be read.
    """
    path = numbers.path(CALIBRATIONS, name)
    if not numbers.there(path):
        return None
    return GroupCalibration(numbers.rows(CALIBRATIONS, path), path.relative_to(numbers.output_dir).as_posix())
