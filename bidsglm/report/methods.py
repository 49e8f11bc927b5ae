"""What a page says of how a unit was fitted: runs, the packages' settings, how maps were compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bidsglm.packages import PACKAGES, title, titles
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.report.wording import listed

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
    "computed": "how it was computed, each run",
    "n_columns": "columns of the design, all runs",
    "n_censored": "censored scans, each run",
    "ar_quartiles": "quartiles of a, the AR parameter of the ARMA(1,1)",
    "ma_quartiles": "quartiles of b, its MA parameter",
    "lambda_quartiles": "quartiles of λ, its correlation at a lag of one scan",
    "n_lags": "lags of the autocorrelations, before the taper ends them, each run",
}
"""What a backend reports of a fit -> name of the row on the page."""
IN_FULL = ("autoregression", "computation")
"""What the noise figure draws and what sidecars say, and no row does"""
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
    >>> agreement_text([DEFAULT_PAIR, Pair("x", "spm")]).split("squares line ")[1][:34]
    'of SPM on nilearn and of x on SPM,'
    """
    bases = dict.fromkeys(pair.reference for pair in pairs)
    lines = " and ".join(
        f"of {titles(pair.first for pair in pairs if pair.reference == base)} on {title(base)}"
        for base in bases
    )
    return (
        f"Agreement of the {'two ' * (len(pairs) == 1)}packages' maps was measured over the voxels of both"
        f" analysis masks{' of a pair' * (len(pairs) > 1)} by Pearson and Spearman correlation,"
        " the concordance correlation"
        f" coefficient (Lin, 1989), the slope of the total least squares line {lines}, the root mean square"
        " difference and the limits of agreement (Bland & Altman, 1986). Thresholded maps (p < 0.001"
        " uncorrected, and a false discovery rate of 0.05; Benjamini & Hochberg, 1995) were compared by Dice"
        " and Jaccard overlap within both masks and by the share of suprathreshold voxels outside the other"
        f" package's mask (Bowring et al., 2019). Differences are {listed([pair.minus for pair in pairs])}."
    )


def thresholds_text(backends: Sequence[str], two_sided: bool) -> str:
    """Paragraph on what counts as significant.

    >>> print(thresholds_text(["spm"], False))
    Voxels were tested at p < 0.001 uncorrected, at a false discovery rate of 0.05 (Benjamini & Hochberg, \
1995) and at a familywise error of 0.05 (in SPM by the lower of the thresholds of random field theory and \
Bonferroni). Tests of t were one-sided, each tail by itself.
    """
    ways = {True: "the lower of the thresholds of random field theory and Bonferroni", False: "Bonferroni"}
    of_rule = {rule: [name for name in backends if PACKAGES[name].random_fields == rule] for rule in ways}
    rules = ", ".join(f"in {titles(names)} by {ways[rule]}" for rule, names in of_rule.items() if names)
    sides = (
        "two-sided, with half of the error in each tail" if two_sided else "one-sided, each tail by itself"
    )
    return (
        "Voxels were tested at p < 0.001 uncorrected, at a false discovery rate of 0.05 (Benjamini &"
        f" Hochberg, 1995) and at a familywise error of 0.05 ({rules}). Tests of t were {sides}."
    )


def mask_text(runs: Sequence[RunInput]) -> str:
    """Say which mask files there were.

    >>> run = RunInput("run-1", {"mask": "a/sub-01_run-1_desc-brain_mask.nii.gz"}, 100, 2.0)
    >>> mask_text([run]), mask_text([])
    ('The mask files were those that end in desc-brain_mask.nii.gz.', 'There was no mask file.')
    """
    names = [run.files["mask"].rsplit("/", 1)[-1] for run in runs if run.files.get("mask")]
    ends = dict.fromkeys("_".join(name.split("_")[-2:]) for name in names)
    return (
        f"The mask files were those that end in {' or '.join(ends)}." if ends else "There was no mask file."
    )


def attribution_text(samples: Mapping[Pair, str]) -> str:
    """Paragraph on how the difference is divided.

    Parameters
    ----------
    samples
        Pair whose difference is divided -> on which voxels; empty for all of them.

    >>> attribution_text({DEFAULT_PAIR: "on a random sample of 5 of 9 voxels"}).partition("step's ")[2]
    'Shapley value (Shapley, 1953), on a random sample of 5 of 9 voxels.'
    >>> attribution_text({DEFAULT_PAIR: "", Pair("x", "spm"): "on 2 voxels"}).partition("1953)")[2]
    ', x and SPM on 2 voxels.'
    """
    several = len(samples) > 1
    told = [f"{titles(pair)} {text}" if several else text for pair, text in samples.items() if text]
    sample = "; ".join(told)
    return (
        "The difference between the packages' maps was divided among the modelling steps that each does in"
        " its own way: the maps of every combination of their settings were computed, and from them each"
        f" step's Shapley value (Shapley, 1953){f', {sample}' if sample else ''}."
    )


def calibration_text(n_datasets: int, n_voxels: int, seed: int) -> str:
    """Paragraph on the simulations.

    >>> calibration_text(5, 5000, 0)[:67]
    'False positives were measured on 5 simulated data sets without sign'
    """
    return (
        f"False positives were measured on {n_datasets} simulated data set{'s' * (n_datasets != 1)} without"
        f" signal, and true positives on as many with a known one, for each of four kinds of noise, on this"
        f" participant's design and {n_voxels:,} of its voxels (random seed {seed}). Rates are shares of"
        " voxels; the data set is the unit of their 95 % intervals."
    )
