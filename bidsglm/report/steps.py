"""The modelling steps in words, for people who have not read both packages, and their colours."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from bidsglm.attribution.steps import CENSORING, PARTS_OF_REGRESSORS, REGRESSORS

Sets = tuple[tuple[str, ...], ...]
ANY: Sets = ((),)
"""What is true whichever packages are compared"""
AFNI_AND_AR1: Sets = (("afni", "spm"), ("afni", "nilearn"))
"""The other package has cosines, AR(1) and a plain mean over runs"""
FSL_AND_AR1: Sets = (("fsl", "spm"), ("fsl", "nilearn"))
ONE_NUMBER: Sets = (("spm",), ("fsl",))
"""Those that scale the whole brain by one number"""
SPM_AND_VOXELWISE: Sets = (("spm", "nilearn"), ("spm", "afni"), ("spm", "fsl"))


class StepText(NamedTuple):
    """What a step is about."""

    title: str
    """As in "comes from the ..."."""
    does: Mapping[str, str]
    """Package -> what it does"""
    effects: Mapping[str, Sets]
    """What the difference does to maps: sentence -> sets of packages, of one of which all must be compared"""

    def effect(self, names: Iterable[str]) -> str:
        """What the difference does to the maps of some packages; no other is named.

        >>> text = StepText("x", {}, {"Always.": ANY, "SPM's t falls.": (("spm", "afni"), ("spm", "fsl"))})
        >>> text.effect(["spm", "fsl"]), text.effect(["afni", "fsl"])
        ("Always. SPM's t falls.", 'Always.')
        """
        there = set(names)
        return " ".join(text for text, sets in self.effects.items() if any(map(there.issuperset, sets)))


SAMPLED = (
    "convolves with a Gaussian sampled at the voxels, cut at four standard deviations; at the edge of the"
    " image the data are mirrored"
)
ALL_COUNT = "fits every scan"
STEP_TEXTS: Mapping[str, StepText] = MappingProxyType(
    {
        "smoother": StepText(
            "smoothing kernel",
            {
                "spm": "convolves with a Gaussian that is averaged over the voxels, which makes it wider:"
                " by a tenth where the FWHM is twice the voxel's size, by two fifths where it is the"
                " voxel's size; outside the image there is nothing",
                "nilearn": SAMPLED,
                "afni": f"{SAMPLED} (nilearn's kernel is used for it)",
                "fsl": f"{SAMPLED} (nilearn's kernel is used for it, not SUSAN)",
            },
            {
                "The narrower the kernel beside the voxels, the more effects and t change; most at the"
                " edge of the image. Settings and Methods give both widths in effect.": ANY,
            },
        ),
        "scaling": StepText(
            "intensity scaling",
            {
                "spm": "multiplies the whole run by one number that brings spm_global to 100: the mean of"
                " all voxels above an eighth of the image's mean, so that the mean within the brain lies"
                " above 100 where air and skull are darker",
                "nilearn": "expresses each voxel relative to its own mean over time",
                "afni": "divides each voxel by its own mean over the run and multiplies by 100, with 200 as"
                " the greatest value",
                "fsl": "multiplies the whole run by one number that brings the median of the brain to 10,000",
            },
            {
                "Effects have other units: those of a package with one number for the whole brain are"
                " larger or smaller by one factor, and in each voxel by its brightness.": (
                    ("spm",),
                    ("fsl",),
                ),
                "In a single run no t value changes; over several runs the weight of a run may.": ANY,
            },
        ),
        REGRESSORS: StepText(
            "task regressors",
            {
                "spm": "builds each regressor from microtime bins with its own response function, and takes"
                " one bin of each scan",
                "nilearn": "builds each regressor on its own fine grid with its own response function, and"
                " interpolates",
                "afni": "adds up responses to the events at their own times, without a grid",
                "fsl": "builds each regressor on a grid of 0.05 s with its own response function, and takes"
                " one bin of each scan",
            },
            {
                "Response function, event timing and sampling together; a constant factor moves effects"
                " only, a shift in time moves t as well.": ANY,
            },
        ),
        "response": StepText(
            "response function",
            {
                "spm": "takes the difference of two gamma densities (means 6 and 16 s), normalised to the"
                " sum of one",
                "nilearn": "takes SPM's response with slightly other constants, which starts one bin of"
                " its grid later",
                "afni": "gives the response a height: GAM and BLOCK(d,1) have the peak 1, so that an effect"
                " is the change at the peak; SPMG1 has 0.18 for an impulse and the peak 1 with a duration",
                "fsl": "takes the difference of two gamma densities (means 6 and 16 s), divided by its sum;"
                " with a temporal derivative, the difference between neighbouring scans of the filtered"
                " regressor",
            },
            {
                "The regressors have another shape and height. Effects change by the inverse ratio of the"
                " heights; t moves by the shape alone, and by a derivative that only one package has.": ANY,
            },
        ),
        "events": StepText(
            "placing of events",
            {
                "spm": "rounds onset and duration to microtime bins and adds one; when all durations are"
                " zero, the height is 1/dt, so that each event has an area of one second",
                "nilearn": "draws events on a grid of TR/50 with height 1; an event of no duration fills"
                " one bin",
                "afni": "takes each event at its own time and as long as the response's notation says;"
                " events before the first scan, or after the start of the last one, are left out",
                "fsl": "draws events on a grid of 0.05 s with height 1; an event of no duration fills one"
                " bin, and where two overlap the later one holds",
            },
            {
                "Short events get other heights, and effects change by their inverse ratio; t hardly moves"
                " unless events are left out, or overlap.": ANY,
            },
        ),
        "sampling": StepText(
            "sampling of the response",
            {
                "spm": "takes the microtime bin of the reference slice",
                "nilearn": "interpolates the response at the slice-time reference of each scan",
                "afni": "evaluates the response at the start of each scan, onsets less fMRIPrep's StartTime",
                "fsl": "takes the bin of 0.05 s in the middle of the scan; events are moved so that this is"
                " fMRIPrep's StartTime",
            },
            {"The regressor is shifted by a fraction of a scan.": ANY},
        ),
        CENSORING: StepText(
            "censoring of scans",
            {
                "spm": ALL_COUNT,
                "nilearn": ALL_COUNT,
                "afni": "leaves out the scans that Software.AFNI.Censor names, with their true gaps in time",
                "fsl": ALL_COUNT,
            },
            {
                "Effects and t move where the scans left out were unlike the others, as with movement;"
                " each one costs a degree of freedom. A confound that is 1 at one such scan and 0"
                " elsewhere (motion_outlier in fMRIPrep) does the same in any package.": ANY,
            },
        ),
        "filter": StepText(
            "high-pass filter",
            {
                "spm": "projects its cosines out of data and design after whitening",
                "nilearn": "adds slow cosines (or other drift terms) to the design, as columns like any"
                " other",
                "afni": "adds Legendre polynomials to the design of each run, one degree more for every 150"
                " s (-polort A): they have no cut-off",
                "fsl": "takes a straight line fitted around each scan off data and regressors before the"
                " fit; with 100 s half the power of a wave of 200 s passes, and no degrees of freedom go"
                " with it",
            },
            {
                "Between cosines of the same cut-off the change is small.": (("spm", "nilearn"),),
                "Polynomials take out less than cosines in long runs.": AFNI_AND_AR1,
                "FSL's line takes out less than cosines of the same number of seconds.": FSL_AND_AR1,
                "Where one package filters less, slow noise stays in the data and moves effects of slow"
                " or badly estimable regressors most.": ANY,
            },
        ),
        "noise": StepText(
            "noise model",
            {
                "spm": "estimates one covariance of the scans for the whole brain from the voxels that"
                " respond (pooled ReML), and whitens every voxel with it",
                "nilearn": "fits one AR(1) coefficient to each voxel, truncated to two decimals",
                "afni": "fits ARMA(1,1) to each voxel by restricted likelihood on a grid of steps of 0.1",
                "fsl": "takes each voxel's autocorrelations at many lags, smooths them among voxels of like"
                " brightness and brings them down to zero (FILM)",
            },
            {
                "For a response that is slow beside the scans, t is smaller the more autocorrelated the"
                " noise is taken to be.": ANY,
                "SPM's is smaller than a voxelwise model's where a voxel's own coefficient lies below"
                " SPM's one value, and larger where it lies above.": SPM_AND_VOXELWISE,
                "ARMA(1,1) follows noise that fades slowly, which AR(1) takes to fade fast.": AFNI_AND_AR1,
                "FILM sees more lags and shares them with the neighbours.": (("fsl",),),
                "Effects move little.": ANY,
            },
        ),
        "runs": StepText(
            "combination of runs",
            {
                "spm": "fits all runs in one model with one residual variance for all",
                "nilearn": "fits each run apart and combines them by fixed effects, each with its own"
                " residual variance",
                "afni": "fits all runs as one regression, with the same parameters for a condition in all"
                " runs",
                "fsl": "fits each run apart and weights it by the inverse of its variance",
            },
            {
                "The t of voxels whose noise differs between runs changes.": ANY,
                "Effects do too where runs are weighted.": (("afni",), ("fsl",)),
                "A plain mean counts each run alike.": (*AFNI_AND_AR1, *FSL_AND_AR1),
                "FSL counts a quiet run more.": (("fsl",),),
                "AFNI counts a run with more or clearer events more.": (("afni",),),
            },
        ),
    }
)
"""In the order of the ladder."""

STEP_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "none": "#b4bcc6",
        "smoother": "#8c6d31",
        "scaling": "#e0a800",
        REGRESSORS: "#1b9e77",
        CENSORING: "#e377c2",
        "filter": "#2f6fb7",
        "noise": "#d1495b",
        "runs": "#7b5ea7",
        "onsets": "#17879c",
        "durations": "#6a9a1f",
        "confounds": "#a65628",
        "contrast": "#5b6470",
    }
)
"""Colours of bars and of dominant-step maps; tell apart with the common colour vision deficiencies."""


GROUP_TITLES: Mapping[str, str] = MappingProxyType(
    {"effects": "participants' maps", "design": "group's design", "variance": "variance model"}
)
"""Titles of the steps of a group analysis"""
OWN_TITLES: Mapping[str, str] = MappingProxyType({"contrast": "contrast's weights"})
"""Titles of the steps that only a user's own two analyses have"""


def colour(step: str) -> str:
    """Colour of a step; the parts of the regressors share theirs.

    >>> colour("events") == colour("regressors")
    True
    """
    return STEP_COLOURS.get(REGRESSORS if step in PARTS_OF_REGRESSORS else step, STEP_COLOURS["none"])


PLURALS = frozenset({REGRESSORS, "effects", "onsets", "durations", "confounds", "contrast"})
"""Steps whose name is a plural."""


def makes(step: str) -> str:
    """Begin a sentence on what a step makes.

    >>> makes("noise"), makes("regressors")
    ('The noise model makes', 'The task regressors make')
    """
    return f"The {title(step)} {'make' if step in PLURALS else 'makes'}"


def title(step: str) -> str:
    """Name a step in a sentence.

    >>> title("noise"), title("mask")
    ('noise model', 'mask')
    """
    return STEP_TEXTS[step].title if step in STEP_TEXTS else {**GROUP_TITLES, **OWN_TITLES}.get(step, step)
