"""The records of summary.json: what later runs, pages and the group level rely on, key by key.

Each is a `TypedDict`: the type checker holds every reader to its keys, and `typed` holds every file to its
types. Keys that are not named here may be there too, and are kept.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypeGuard, TypeVar, cast

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

Label = Annotated[str, Field(pattern=r"^[0-9A-Za-z+]+$", max_length=255)]
"""As BIDS has them in file names."""
GroupLabel = Annotated[
    str, Field(pattern=r"^([a-z]+-)?[0-9A-Za-z+]+(_[a-z]+-[0-9A-Za-z+]+)*$", max_length=255)
]
"""A label, and entities of the group level behind it or in its place"""
Text = Annotated[str, Field(max_length=100_000)]
Weights = list[float] | list[list[float]]
"""Weights of a contrast: a row for t, rows for F"""
INFINITE = {math.inf: "inf", -math.inf: "-inf"}
"""As summaries spell what JSON has no number for"""


def _as_number(value: object) -> object:
    return next((number for number, text in INFINITE.items() if value == text), value)


Number = Annotated[float | None, BeforeValidator(_as_number)]
"""null where there is none"""
Real = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else _as_number(value))]
"""NaN for null"""
OPEN = with_config(ConfigDict(extra="allow", strict=True))
"""An object of which more may be there"""
CLOSED = with_config(ConfigDict(extra="forbid", strict=True))
"""An object of these keys alone"""


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


Record = TypeVar("Record")


ADAPTERS: dict[object, TypeAdapter[Any]] = {}
"""What validates each record, made once: making it takes longer than reading a summary"""


def _adapter(record: type[Record]) -> TypeAdapter[Record]:
    if record not in ADAPTERS:
        ADAPTERS[record] = TypeAdapter(record)
    return ADAPTERS[record]


def _in_order(found: object, given: object) -> object:
    """What was validated, in the order of the file: pydantic puts the keys that a record names first.

    >>> _in_order({"b": {"d": 1, "c": 2}, "a": 0}, {"a": 0, "b": {"c": 2, "d": 1}})
    {'a': 0, 'b': {'c': 2, 'd': 1}}
    """
    if isinstance(found, dict) and isinstance(given, Mapping):
        return {
            key: _in_order(found[key], value) if isinstance(value, dict | list) else found[key]
            for key, value in given.items()
        }
    if isinstance(found, list) and isinstance(given, list):
        return [
            _in_order(one, other) if isinstance(other, dict | list) else one
            for one, other in zip(found, given, strict=True)
        ]
    return found


def typed(content: Mapping[str, Any], record: type[Record]) -> Record:
    """An object of JSON with the types of a record.

    Raises
    ------
    ValueError
        Saying what is missing or of another kind.

    >>> contrast = {"label": "go", "name": "go", "test": "t", "thresholds": {"spm": {"fwe05": "inf"}}}
    >>> typed(contrast, ContrastForm)["thresholds"]
    {'spm': {'fwe05': inf}}
    """
    try:
        return cast(Record, _in_order(_adapter(record).validate_python(content), content))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        if first["type"] == "missing":
            raise ValueError(f"has no {place!r}") from error
        raise ValueError(f"{place} is {str(first['input'])[:40]!r}") from error


def weight_rows(weights: Weights) -> list[list[float]]:
    """Rows of a contrast's weights: one for t.

    >>> weight_rows([1.0, -1.0]), weight_rows([[1.0, 0.0], [0.0, 1.0]])
    ([[1.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]])
    """
    return [row for row in weights if isinstance(row, list)] or [
        [weight for weight in weights if not isinstance(weight, list)]
    ]
