"""Tables of a calibration, read back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from bidsglm.calibration.add_on import NAME
from bidsglm.errors import ReadWriteError
from bidsglm.outputs.calibration_tables import CALIBRATION
from bidsglm.outputs.schema import Row, Schema
from bidsglm.outputs.summary_form import SummaryForm
from bidsglm.simulation.noise import NOISES


def read_rows(path: Path, schema: Schema = CALIBRATION) -> list[Row]:
    """Rows of a table of a calibration.

    Raises
    ------
    ReadWriteError
        When it cannot be read, or is not whole.
    """
    rows = schema.read(path)
    if not _is_complete(rows):
        raise ReadWriteError(f"{path}: lacks rows; {schema.remedy}")
    return rows


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


def table_path(output_dir: Path, summary: SummaryForm) -> Path | None:
    """Where the table of a unit's calibration stands; None without one."""
    if not summary.get("supplements", {}).get(NAME, {}).get("files"):
        return None
    return output_dir / str(summary["folder"]) / f"{summary['prefix']}_desc-calibration_metrics.tsv"
