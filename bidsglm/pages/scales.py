"""From a unit's tables on units and noise to what its page says of them."""

from pathlib import Path

from bidsglm.outputs.names import number, read_table
from bidsglm.pages.reasons import Summary
from bidsglm.report.drawing import Figure
from bidsglm.report.maps import EFFECT_UNITS
from bidsglm.report.noise import Noise, noise_figure
from bidsglm.report.units import Units
from bidsglm.report.wording import Row

TEXTS = ("run", "contrast", "map", "contrast_name")
SCANS_APART = "Scaling"


def _rows(folder: Path, prefix: str, kind: str) -> tuple[Row, ...]:
    """Rows of a table; none where an earlier version or a single package wrote none."""
    path = folder / f"{prefix}_desc-{kind}_metrics.tsv"
    rows = read_table(path) if path.exists() else []
    return tuple({k: v if k in TEXTS else number(v) for k, v in row.items()} for row in rows)


def read_units(folder: Path, summary: Summary) -> Units:
    """What is known of the units of a unit's effects."""
    prefix = summary["prefix"]
    return Units(
        _rows(folder, prefix, "intensity"),
        _rows(folder, prefix, "scale"),
        summary.get("effect_units", EFFECT_UNITS),
        summary.get("configuration", {}).get("SPM: global_normalization") == SCANS_APART,
    )


def read_noise(folder: Path, summary: Summary) -> tuple[Noise, Figure | None]:
    """What is known of the noise that both packages assume, and its picture."""
    facts = {name: found.get("noise", {}) for name, found in summary["estimates"].items()}
    pooled = facts.get("spm", {}).get("n_voxels_pooled", 0)
    noise = Noise(_rows(folder, summary["prefix"], "autocorrelation"), int(pooled))
    return noise, noise_figure(noise, facts.get("nilearn", {}).get("autoregression", ()))
