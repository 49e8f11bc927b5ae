"""From a unit's tables on units and noise to what its page says of them."""

from pathlib import Path

from bidsglm.outputs.scale_tables import AUTOCORRELATION, INTENSITY, SCALE
from bidsglm.outputs.summary_form import NoiseForm, SummaryForm
from bidsglm.report.contrast_images import EFFECT_UNITS
from bidsglm.report.drawing import Figure
from bidsglm.report.noise import NoiseReport, noise_figure
from bidsglm.report.units import Units

SCANS_APART = "Scaling"


def read_units(folder: Path, summary: SummaryForm) -> Units:
    """What is known of the units of a unit's effects."""
    prefix = summary["prefix"]
    return Units(
        INTENSITY.rows_in(folder, prefix),
        SCALE.rows_in(folder, prefix),
        summary.get("effect_units", EFFECT_UNITS),
        (summary.get("configuration") or {}).get("SPM: global_normalization") == SCANS_APART,
    )


def read_noise(folder: Path, summary: SummaryForm) -> tuple[NoiseReport, Figure | None]:
    """What is known of the noise that both packages assume, and its picture."""
    facts = {name: found.get("noise", NoiseForm()) for name, found in summary["estimates"].items()}
    pooled = facts.get("spm", NoiseForm()).get("n_voxels_pooled", 0)
    noise = NoiseReport(AUTOCORRELATION.rows_in(folder, summary["prefix"]), pooled)
    return noise, noise_figure(noise, facts.get("nilearn", NoiseForm()).get("autoregression", ()))
