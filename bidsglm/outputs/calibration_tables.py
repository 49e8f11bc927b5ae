"""The tables of a calibration: rates of a unit, their curves, and those of all participants."""

from dataclasses import replace

from bidsglm.outputs.columns import Column
from bidsglm.outputs.group_tables import of_participants
from bidsglm.outputs.schema import Schema

REMEDY = "delete it and run the participant with --calibrate again"
_SINGLE = "for a single data set"
_NONE = "where the analysis could be made of no data set"

_CONDITIONS = (
    Column(
        "analysis",
        "label",
        "ols, nilearn-ar1: nilearn without and with AR(1); spm-ar1, spm-fast: SPM12; afni-ols, afni-arma11: "
        "AFNI without and with ARMA(1,1); fsl-film: FSL with FILM, without its spatial smoothing of "
        "autocorrelations (spm-none, fsl-ols: without serial correlation, in place of ols and afni-ols where "
        "neither nilearn nor AFNI was fitted)",
    ),
    Column(
        "noise",
        "label",
        "noise model of the simulation: white, ar1, surrogate, physiological",
        levels={
            "white": "independent scans",
            "ar1": "first-order autoregression with each voxel's coefficient",
            "surrogate": "the participant's residuals with new phases",
            "physiological": "thermal noise, 1/f fluctuations, heart beat and breathing",
        },
    ),
)
_CONTRAST = Column("contrast", "label", "label of the contrast")
_EFFECT_SIZE = Column(
    "effect_size",
    "number",
    "simulated effect (% signal change at the height of the response); 0 without signal",
    "%",
)
_WITHOUT_SIGNAL = f"for effect size 0, and {_NONE}"

CALIBRATION = Schema(
    "<p>_desc-calibration_metrics",
    (
        *_CONDITIONS,
        _EFFECT_SIZE,
        Column(
            "p_threshold",
            "number",
            "threshold on the uncorrected p value that the analysis gives (one-sided for t)",
        ),
        Column(
            "rate",
            "number",
            "share of voxels below the threshold: false positives for effect size 0, else true positives",
            missing=_NONE,
        ),
        Column(
            "ci_lower",
            "number",
            "lower limit of its 95 % interval, data sets being the independent units",
            missing=_SINGLE,
        ),
        Column("ci_upper", "number", "upper limit", missing=_SINGLE),
        Column("n_datasets", "integer", "simulated data sets that the analysis could be made of"),
        _CONTRAST,
        Column("n_voxels", "integer", "voxels in each data set that the rate is over"),
        Column(
            "n_stopped",
            "integer",
            "data sets of which the analysis could not be made, as where SPM finds no voxel to estimate the "
            "serial correlation from",
        ),
        Column(
            "fwe_rate",
            "number",
            "share of data sets without signal in which a voxel passes the familywise 0.05 threshold",
            missing="in all rows but that of effect size 0 and p < 0.05",
        ),
        Column("fwe_ci_lower", "number", "lower limit of its 95 % interval", missing="as fwe_rate"),
        Column("fwe_ci_upper", "number", "upper limit", missing="as fwe_rate"),
        Column(
            "auc",
            "number",
            "area under the ROC curve: voxels with this effect against data sets without signal",
            missing=_WITHOUT_SIGNAL,
        ),
        Column(
            "bias",
            "number",
            "mean of the estimated effects over the true one, minus 1; true is what the package's "
            "least squares find of the signal without noise",
            missing=_WITHOUT_SIGNAL,
        ),
        Column(
            "bias_ci_lower",
            "number",
            "lower limit of its 95 % interval, data sets being the independent units",
            missing=f"for effect size 0 and {_SINGLE}",
        ),
        Column(
            "bias_ci_upper",
            "number",
            "upper limit",
            missing=f"for effect size 0 and {_SINGLE}",
        ),
        Column(
            "spread",
            "number",
            "standard deviation of the estimated effects (% signal change)",
            "%",
            missing=_WITHOUT_SIGNAL,
        ),
    ),
    remedy=REMEDY,
)
CURVES = Schema(
    "<p>_desc-calibrationCurves_metrics",
    (
        *_CONDITIONS,
        _CONTRAST,
        _EFFECT_SIZE,
        Column("p", "number", "uncorrected p value"),
        Column(
            "rate",
            "number",
            "share of voxels with a smaller p value: against p it is the p-p plot for effect size 0; that of "
            "an effect size against that of effect size 0 is the ROC curve",
            missing=_NONE,
        ),
    ),
    remedy=REMEDY,
)
CALIBRATIONS = replace(of_participants("calibration", CALIBRATION), remedy=REMEDY)
