"""What a page says of how a unit was fitted: runs, the packages' settings, how maps were compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bidsglm.packages import DEFAULT_PAIR, Pair, title, titles

ESTIMATES = {
    "serial_correlation": "noise model",
    "n_voxels_without_residual": "voxels that the design fits without a residual",
    "n_voxels_not_pooled": "voxels left out of the pool, as the design fits them exactly",
    "model": "noise model",
    "rank": "rank of the design without the filter's cosines",
    "n_cosines": "cosines of the high-pass filter, each run",
    "n_drift_columns": "drift regressors, each run",
    "trace": "trace of RV, by which residual squares are divided",
    "hyperparameters": "hyperparameters of V (ReML), each run",
    "n_voxels_pooled": "voxels pooled to estimate V",
    "f_threshold": "F above which a voxel is pooled",
    "f_dof": "degrees of freedom of this F",
    "autocorrelation_quartiles": "quartiles of the voxels' autocorrelation, each run",
}
"""What a backend reports of a fit -> name of the row on the page."""
NOISE_MODELS = {"ols": "independent", **{f"ar{order}": f"AR({order})" for order in range(1, 10)}}
"""nilearn's keyword -> the model's usual name."""


@dataclass(frozen=True)
class RunInput:
    """One run's files and facts, for the table of inputs."""

    label: str
    """For example `run-1`, or `bold` when the run has no label."""
    files: Mapping[str, str]
    """bold, events, confounds, mask -> path or BIDS URI"""
    n_scans: int
    repetition_time: float
    start_time: float | None = None
    """fMRIPrep's StartTime in seconds."""
    events: Mapping[str, int] = field(default_factory=dict)
    """Condition -> number of events."""
    confounds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tables: str = ""
    """Start of the names of its design tables, with their folder."""


class SettingRow(NamedTuple):
    """A setting, or what was estimated, as each backend has it."""

    name: str
    cells: Mapping[str, str]
    """Backend -> words"""

    def cell(self, backend: str) -> str:
        """Words of a backend; a dash where it has no such setting."""
        return self.cells.get(backend, "–")

    def is_same(self, backends: Sequence[str]) -> bool:
        """Whether several backends do the same."""
        return len(backends) > 1 and len({self.cell(name) for name in backends}) == 1


def agreement_text(pairs: Sequence[Pair] = (DEFAULT_PAIR,)) -> str:
    """Paragraph on the agreement of the packages' maps.

    >>> agreement_text()[-34:]
    'Differences are SPM minus nilearn.'
    """
    others, reference = titles(pair.first for pair in pairs), title(pairs[0].reference)
    return (
        f"Agreement of the {'two ' * (len(pairs) == 1)}packages' maps was measured over the voxels of both"
        " analysis masks by Pearson and Spearman correlation, the concordance correlation coefficient (Lin,"
        f" 1989), the slope of the total least squares line of {others} on {reference}, the root mean square"
        " difference and the limits of agreement (Bland & Altman, 1986). Thresholded maps (p < 0.001"
        " uncorrected, and a false discovery rate of 0.05; Benjamini & Hochberg, 1995) were compared by Dice"
        " and Jaccard overlap within both masks and by the share of suprathreshold voxels outside the other"
        " package's mask (Bowring et al., 2019). Differences are"
        f" {', '.join(pair.minus for pair in pairs)}."
    )
