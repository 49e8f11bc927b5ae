"""The modelling steps on the way from nilearn's result to SPM's.

A corner of the attribution is one choice of setting for each step: nilearn's in all of them gives
nilearn's maps, SPM's in all of them SPM's. A step is named here; what its two settings are in an
analysis stands in its `Step`. What a mixed corner means:

- *smoother*: whose smoothed series are fitted.
- *scaling*: the factor of a voxel's series, 100 over the voxel's mean or over the run's global. Where a
  package scales every scan apart, the scaled series are fitted.
- *response*: whose functions the events are convolved with, sampled by its own rule at the step of the
  grid in use, and whose orthogonalisation follows.
- *events*: whose grid the events are drawn on, in whose height and length.
- *sampling*: SPM takes the grid's value nearest to the scan's time, nilearn interpolates at its own.
- *filter*: with nilearn's, its drift terms are columns of the design, whitened with it; with SPM's, the
  whitened data and design are projected on the complement of SPM's cosines.
- *noise*: with nilearn's, each voxel is whitened by its own truncated AR(1) coefficient, taken from the
  residuals on the corner's regressors and drifts, and its residual sum of squares is divided by scans
  minus columns (minus projected cosines). With SPM's, all voxels are whitened by one V and the divisor is
  tr(RV). V belongs to the corner's smoother, regressors and drifts: it is SPM's own V plus the change that
  they make in a V estimated, as SPM does, from a smaller pool of voxels in SPM's scaling. Regressors that
  differ by less than a hundredth share a V.
- *runs*: with nilearn's, every run has its own residual mean square and the variances of the effects are
  added; with SPM's, one residual mean square is pooled over all runs.

The degrees of freedom of a corner go with noise and runs: scans minus rank, summed over runs, or SPM's
effective ones. They matter for p and z alone, as the mask does.

The packages' roundings are no step: nilearn's scaled signals and SPM's parameters are float32. They
change maps by some 1e-7 of their range; closures are taken on maps that are rounded likewise.
"""

from dataclasses import dataclass

STEPS = ("smoother", "scaling", "response", "events", "sampling", "filter", "noise", "runs")
"""In the order of the ladder."""
REGRESSORS = "regressors"
"""Response, events and sampling together."""
PARTS_OF_REGRESSORS = ("response", "events", "sampling")
COARSE_STEPS = ("smoother", "scaling", REGRESSORS, "filter", "noise", "runs")
"""The steps of the dominant-step map; label i + 1 stands for step i, 0 for none."""


@dataclass(frozen=True)
class Step:
    """One modelling step and what each package does in it."""

    name: str
    nilearn: str
    """In a few words."""
    spm: str
    same: bool
    """Both settings give the same numbers, so the step costs nothing."""
