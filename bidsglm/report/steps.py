"""The modelling steps in words, for people who have not read both packages, and their colours."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from bidsglm.attribution.steps import PARTS_OF_REGRESSORS, REGRESSORS
from bidsglm.packages import DEFAULT_PAIR


class StepText(NamedTuple):
    """What a step is about."""

    title: str
    """As in "comes from the ..."."""
    reference: str
    """What the reference package does."""
    other: str
    """What the package does that is compared with it."""
    consequence: str
    """What the difference does to maps."""

    @property
    def does(self) -> Mapping[str, str]:
        """Package -> what it does."""
        return dict(zip(DEFAULT_PAIR, (self.other, self.reference), strict=True))


STEP_TEXTS: Mapping[str, StepText] = MappingProxyType(
    {
        "smoother": StepText(
            "smoothing kernel",
            "convolves with a Gaussian sampled at the voxels, cut at four standard deviations; at the edge of"
            " the image the data are mirrored",
            "convolves with a Gaussian that is averaged over the voxels, which makes it wider: by a tenth"
            " where the"
            " FWHM is twice the voxel's size, by two fifths where it is the voxel's size; outside the image"
            " there"
            " is nothing",
            "The narrower the kernel beside the voxels, the more effects and t change; most at the edge of"
            " the"
            " image. Settings and Methods give both widths in effect.",
        ),
        "scaling": StepText(
            "intensity scaling",
            "expresses each voxel relative to its own mean over time",
            "multiplies the whole run by one number that brings spm_global to 100: the mean of all voxels"
            " above an"
            " eighth of the image's mean, so that the mean within the brain lies above 100 where air and"
            " skull"
            " are darker",
            "Effects have other units: SPM's are larger by one factor for the whole brain, and in each voxel"
            " by its"
            " brightness. In a single run no t value changes; over several runs the weight of a run may.",
        ),
        REGRESSORS: StepText(
            "task regressors",
            "builds each regressor on its own fine grid with its own response function, and interpolates",
            "builds each regressor from microtime bins with its own response function, and takes one bin of"
            " each scan",
            "Response function, event timing and sampling together; a constant factor moves effects only, a"
            " shift in time moves t as well.",
        ),
        "response": StepText(
            "response function",
            "has a canonical response with slightly other constants, which starts one bin of its grid later",
            "takes the difference of two gamma densities, normalised to the sum of one",
            "The regressors have slightly another shape and height.",
        ),
        "events": StepText(
            "placing of events",
            "draws events on a grid of TR/50 with height 1; an event of no duration fills one bin",
            "rounds onset and duration to microtime bins and adds one; when all durations are zero, the"
            " height is 1/dt, so that each event has an area of one second",
            "Short events get other heights, and effects change by their inverse ratio; t hardly moves.",
        ),
        "sampling": StepText(
            "sampling of the response",
            "interpolates the response at the slice-time reference of each scan",
            "takes the microtime bin of the reference slice",
            "A shift of the regressor by a fraction of a scan.",
        ),
        "filter": StepText(
            "high-pass filter",
            "adds slow cosines (or other drift terms) to the design, as columns like any other",
            "projects its cosines out of data and design after whitening",
            "With the same cut-off a small change. When one package has no filter, slow noise stays in the"
            " data and moves effects of slow or badly estimable regressors most.",
        ),
        "noise": StepText(
            "noise model",
            "fits one AR(1) coefficient to each voxel, truncated to two decimals",
            "estimates one covariance of the scans for the whole brain from the voxels that respond (pooled"
            " ReML), and whitens every voxel with it",
            "For a response that is slow beside the scans, t is smaller the more autocorrelated the noise is"
            " taken"
            " to be: SPM's is smaller than nilearn's where a voxel's own coefficient lies below SPM's one"
            " value,"
            " and larger where it lies above. Effects move little.",
        ),
        "runs": StepText(
            "combination of runs",
            "fits each run apart and combines them by fixed effects, each with its own residual variance",
            "fits all runs in one model with one residual variance for all",
            "The t of voxels whose noise differs between runs changes; with the same columns in each run,"
            " effects do not.",
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
        "filter": "#2f6fb7",
        "noise": "#d1495b",
        "runs": "#7b5ea7",
    }
)
"""Colours of bars and of dominant-step maps; tell apart with the common colour vision deficiencies."""


GROUP_TITLES: Mapping[str, str] = MappingProxyType(
    {"effects": "participants' maps", "design": "group's design", "variance": "variance model"}
)
"""Titles of the steps of a group analysis"""


def colour(step: str) -> str:
    """Colour of a step; the parts of the regressors share theirs.

    >>> colour("events") == colour("regressors")
    True
    """
    return STEP_COLOURS.get(REGRESSORS if step in PARTS_OF_REGRESSORS else step, STEP_COLOURS["none"])


PLURALS = frozenset({REGRESSORS, "effects"})
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
    return STEP_TEXTS[step].title if step in STEP_TEXTS else GROUP_TITLES.get(step, step)
