"""From a calibration's tables on disk to what the page shows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bidsglm.calibration.supplement import NAME
from bidsglm.compare.noise import NOISES
from bidsglm.dataset.outputs import number, read_json, read_table
from bidsglm.errors import ReadWriteError
from bidsglm.report.calibration import CalibrationReport, ContrastCalibration
from bidsglm.report.calibration_figures import calibration_figures
from bidsglm.report.wording import Row

Summary = Mapping[str, Any]
ALWAYS = ("analysis", "noise", "contrast", "effect_size", "rate")
"""Columns of both tables."""
TEXTS = ("analysis", "noise", "contrast", "participant_id", "session_id")


def read_rows(path: Path) -> list[Row]:
    """Rows of a table of a calibration.

    Raises
    ------
    ReadWriteError
        When it cannot be read, or is not whole.
    """
    try:
        rows = [{k: v if k in TEXTS else number(v) for k, v in row.items()} for row in read_table(path)]
        whole = all(row.keys() == rows[0].keys() >= set(ALWAYS) for row in rows) and _is_complete(rows)
    except (ValueError, ReadWriteError):
        if not path.exists():
            raise
        whole = False
    if not whole:
        raise ReadWriteError(f"{path}: is damaged; delete it and run the participant with --calibrate again")
    return list[Row](rows)


def _is_complete(rows: Sequence[Mapping[str, object]]) -> bool:
    """Whether there are rows, and as many of a contrast for every analysis under every noise model.

    >>> _is_complete([{"contrast": "go", "analysis": "ols", "noise": noise} for noise in NOISES])
    True
    >>> _is_complete([{"contrast": "go", "analysis": "ols", "noise": "white"}])
    False
    """
    counts = Counter((row["contrast"], row["analysis"], row["noise"]) for row in rows)
    analyses = {analysis for _, analysis, _ in counts}
    return bool(rows) and all(
        len({counts[contrast, analysis, noise] for analysis in analyses for noise in NOISES}) == 1
        for contrast in {contrast for contrast, _, _ in counts}
    )


def table_path(output_dir: Path, summary: Summary) -> Path | None:
    """Where the table of a unit's calibration stands; None without one."""
    if not summary.get("supplements", {}).get(NAME, {}).get("files"):
        return None
    return output_dir / str(summary["folder"]) / f"{summary['prefix']}_desc-calibration_metrics.tsv"


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
    curves = read_rows(path.with_name(path.name.replace("_desc-calibration_", "_desc-calibrationCurves_")))
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
