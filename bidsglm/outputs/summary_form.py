"""The records of summary.json: what later runs, pages and the group level rely on, key by key.

Each is a `TypedDict`: the type checker holds every reader to its keys, and `typed` holds every file to its
types. Keys that are not named here may be there too, and are kept.
"""

from typing import Annotated, Literal, NotRequired, TypeGuard

from pydantic import Field
from typing_extensions import TypedDict

from bidsglm.outputs.typed import CLOSED, OPEN, Label, Number, Real, Text

Weights = list[float] | list[list[float]]
"""Weights of a contrast: a row for t, rows for F"""


@OPEN
class ContrastForm(TypedDict):
    """One of the contrasts."""

    name: Text
    label: Label
    test: Literal["t", "F"]
    thresholds: NotRequired[dict[Label, dict[Label, Number]]]
    conditions: NotRequired[list[Text]]
    weights: NotRequired[Weights]
    runs: NotRequired[list[Text]]
    """Labels of the runs that estimate it"""
    dof: NotRequired[dict[Label, list[Real]]]


@OPEN
class RunForm(TypedDict):
    """A run that was fitted."""

    prefix: Text
    label: Text
    files: dict[Text, Text]
    n_scans: int
    repetition_time: float
    start_time: Number
    high_pass: Number
    events: dict[Text, int]
    """Condition -> how many"""
    confounds: list[Text]


@OPEN
class CountsForm(TypedDict):
    """How many voxels of a run have which coefficients of the noise."""

    coefficients: list[list[float]]
    voxels: list[int]


@OPEN
class NoiseForm(TypedDict, total=False):
    """What a package found of the noise; most of it is for people to read, as it stands."""

    n_voxels_pooled: int
    autoregression: list[CountsForm]


@OPEN
class EstimateForm(TypedDict):
    """What a package's fit found."""

    n_voxels: int
    dof: Real
    fwhm_mm: list[Real] | None
    noise: NotRequired[NoiseForm]


@OPEN
class ReachForm(TypedDict, total=False):
    """How far the attribution of a pair's differences reaches."""

    closes: bool
    in_blocks: bool
    n_sample: int
    n_voxels: int
    notes: list[Text]


@OPEN
class LeftOutForm(TypedDict):
    """A contrast that was not made."""

    name: Text
    label: Label
    reason: Text


@CLOSED
class FindingForm(TypedDict):
    """Something that the user should know of a design or of data; the fields are those of `Finding`."""

    severity: Literal["serious", "warning", "note"]
    code: Text
    title: Text
    text: Text
    remedy: Text
    columns: list[Text]
    backends: list[Text]
    runs: list[Text]
    size: Real


@OPEN
class RegressorForm(TypedDict):
    """A regressor among the others of its design."""

    regressor: Text
    kind: Text
    vif: Real
    vif_with_constant_and_drifts: Real
    removed_by_filter: Real


@OPEN
class TestedForm(TypedDict):
    """A contrast of one design."""

    contrast: Text
    contrast_name: Text
    estimable: int
    efficiency: Real


@OPEN
class DiagnosisForm(TypedDict):
    """The diagnosis of a run's design by one package."""

    run: Text
    backend: Label
    rank: int
    n_columns: int
    condition_number: Real
    regressors: list[RegressorForm]
    contrasts: list[TestedForm]
    correlations: list[dict[Text, Text | Real]]


@OPEN
class AddOnForm(TypedDict, total=False):
    """What was added to a fit."""

    digest: Text
    files: list[Text]
    warnings: list[Text]
    error: Text
    scripts: dict[Label, Text]
    """Package -> its script"""


ConfigurationForm = TypedDict(
    "ConfigurationForm",
    {
        "settings": Literal["matched", "native"],
        "smoothing (mm)": Annotated[float, Field(ge=0)],
        "backends": list[Text | None],
        "reference": Text | None,
    },
    total=False,
)
"""How the unit was fitted; two of its keys have blanks, and some the names of settings"""
OPEN(ConfigurationForm)


@OPEN
class SummaryForm(TypedDict):
    """The summary of a finished unit."""

    participant: Label
    entities: dict[Label, Text]
    prefix: Annotated[str, Field(min_length=1, max_length=255)]
    folder: Text
    backends: Annotated[list[Label], Field(min_length=1)]
    contrasts: list[ContrastForm]
    reference: NotRequired[Label]
    status: NotRequired[Text]
    digest: NotRequired[Text]
    bidsglm_version: NotRequired[Text]
    model: NotRequired[Text]
    automatic: NotRequired[bool]
    configuration: NotRequired[ConfigurationForm | None]
    effect_units: NotRequired[dict[Text, Text]]
    attribution: NotRequired[ReachForm]
    attributions: NotRequired[dict[Label, ReachForm]]
    findings: NotRequired[list[FindingForm]]
    diagnosis: NotRequired[list[DiagnosisForm]]
    supplements: NotRequired[dict[Text, AddOnForm]]
    runs: NotRequired[list[RunForm]]
    estimates: NotRequired[dict[Label, EstimateForm]]
    settings: NotRequired[list[list[Text]]]
    """The name of a setting, and each package's in words"""
    methods: NotRequired[list[Text]]
    left_out: NotRequired[list[LeftOutForm]]
    exit_code: NotRequired[int]
    errors: NotRequired[list[Text]]
    warnings: NotRequired[list[Text]]
    files: NotRequired[list[Text]]


@OPEN
class PartForm(TypedDict, total=False):
    """The summary of a unit that is not finished: it may have little more than its errors."""

    status: Text
    digest: Text
    errors: list[Text]
    warnings: list[Text]
    methods: list[Text]
    files: list[Text]
    supplements: dict[Text, AddOnForm]


AnySummary = SummaryForm | PartForm


def is_finished(summary: AnySummary) -> TypeGuard[SummaryForm]:
    """Whether a unit's last run went well.

    >>> is_finished({"status": "failed"})
    False
    """
    return summary.get("status") == "finished"


def has_fit(summary: AnySummary) -> TypeGuard[SummaryForm]:
    """Whether there is a fit to show, of the last run or of an earlier one.

    >>> has_fit({"status": "failed", "estimates": {}})
    True
    """
    return "estimates" in summary


def weight_rows(weights: Weights) -> list[list[float]]:
    """Rows of a contrast's weights: one for t.

    >>> weight_rows([1.0, -1.0]), weight_rows([[1.0, 0.0], [0.0, 1.0]])
    ([[1.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]])
    """
    return [row for row in weights if isinstance(row, list)] or [
        [weight for weight in weights if not isinstance(weight, list)]
    ]
