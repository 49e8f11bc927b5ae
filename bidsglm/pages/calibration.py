"""From a calibration's tables on disk to what the page shows."""

from collections.abc import Sequence
from pathlib import Path

from bidsglm.calibration.experiment import MOST_CONTRASTS
from bidsglm.calibration.tables import read_rows, table_path
from bidsglm.group.numbers import GroupNumbers
from bidsglm.model import CONSTANT
from bidsglm.outputs.calibration_tables import CALIBRATIONS, CURVES
from bidsglm.outputs.sidecars import CalibrationFacts, read_sidecar
from bidsglm.outputs.summary_form import SummaryForm
from bidsglm.report.calibration import CalibrationReport, ContrastCalibration
from bidsglm.report.calibration_figures import calibration_figures
from bidsglm.report.group_calibration import GroupCalibration


def read_calibration(output_dir: Path, summary: SummaryForm) -> CalibrationReport | None:
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
    facts = read_sidecar(path, CalibrationFacts)
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
        tuple(_left_out(summary, label, facts["ContrastsLeftOut"]) for label in facts["ContrastsLeftOut"]),
    )


def _left_out(summary: SummaryForm, label: str, left_out: Sequence[str]) -> str:
    """Name of a contrast that was not calibrated, with the reason.

    >>> contrasts = [{"label": "go", "name": "go"}, {"label": "m", "name": "motion", "conditions": ["rot_x"]}]
    >>> _left_out({"contrasts": contrasts, "runs": [{"confounds": ["rot_x"]}]}, "m", ["m"])
    'motion (a contrast of confounds, whose effects are in every simulated data set)'
    """
    contrast = next((each for each in summary["contrasts"] if each["label"] == label), None)
    if contrast is None:
        return label
    ours = {CONSTANT, *(name for run in summary["runs"] for name in run["confounds"])}
    if ours & set(contrast["conditions"]):
        return f"{contrast['name']} (a contrast of confounds, whose effects are in every simulated data set)"
    before = [each["label"] for each in summary["contrasts"]]
    done = [each for each in before[: before.index(label)] if each not in left_out]
    why = f"beyond the first {MOST_CONTRASTS}" if len(done) == MOST_CONTRASTS else "not estimable"
    return f"{contrast['name']} ({why})"


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
