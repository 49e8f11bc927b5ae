"""The record of the summary of a group's maps, key by key; see `summary_form` for that of a unit."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from bidsglm.outputs.summary_form import FindingForm, Weights
from bidsglm.outputs.typed import OPEN, GroupLabel, Label, Number, Real, Text


@OPEN
class GroupWeightsForm(TypedDict):
    """A contrast over the columns of a group's design."""

    columns: list[Text]
    weights: Weights


@OPEN
class VarianceForm(TypedDict):
    """What a package takes the errors' variances over participants to be, in names as BIDS has them."""

    VarianceModel: Literal["equal", "unequal"]
    VarianceReason: NotRequired[Text]
    GroupVariances: NotRequired[dict[Text, float]]
    """Group of participants -> its variance, of a mean of 1"""
    Hyperparameters: NotRequired[list[float]]
    PooledVoxels: NotRequired[int]


@OPEN
class GroupContrastForm(TypedDict):
    """A contrast over participants."""

    label: GroupLabel
    contrast: Label | Literal[""]
    """Label of a contrast of the participants' models; empty where several stand in one model"""
    name: str
    group_contrast: str
    test: Literal["t", "F"]
    participants: list[str]
    n: int
    left_out: dict[str, str]
    dof: dict[str, list[Real]]
    thresholds: dict[str, dict[str, Number]]
    n_voxels: dict[str, int]
    effect_units: NotRequired[dict[str, str] | None]
    prefix: NotRequired[str]
    findings: NotRequired[list[FindingForm]]
    design: GroupWeightsForm
    n_maps: NotRequired[int]
    """More than participants where they have several each"""
    group: NotRequired[Text]
    """Session and level of a column of the participants; empty for all"""
    node: NotRequired[Text]
    """Name of the Dataset node; empty where there is one"""
    masks: NotRequired[dict[Label, Text]]
    """Package -> start of its mask's file name"""
    fwhm_mm: NotRequired[list[Real] | None]
    variance: NotRequired[dict[Label, VarianceForm]]
    attributed: NotRequired[bool]


@OPEN
class GroupForm(TypedDict, total=False):
    """The summary of a group's maps."""

    notes: list[str]
    methods: list[str]
    errors: list[str]
    files: list[str]
    contrasts: list[GroupContrastForm]
