"""The records of summary.json: what later runs, pages and the group level rely on, key by key.

Each is a `TypedDict`: the type checker holds every reader to its keys, and `typed` holds every file to its
types. Keys that are not named here may be there too, and are kept.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypeGuard, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

Label = Annotated[str, Field(pattern=r"^[0-9A-Za-z+]+$", max_length=255)]
"""As BIDS has them in file names."""
GroupLabel = Annotated[
    str, Field(pattern=r"^([a-z]+-)?[0-9A-Za-z+]+(_[a-z]+-[0-9A-Za-z+]+)*$", max_length=255)
]
"""A label, and entities of the group level behind it or in its place"""
Text = Annotated[str, Field(max_length=100_000)]
INFINITE = {math.inf: "inf", -math.inf: "-inf"}
"""As summaries spell what JSON has no number for"""


def _as_number(value: object) -> object:
    return next((number for number, text in INFINITE.items() if value == text), value)


Number = Annotated[float | None, BeforeValidator(_as_number)]
"""null where there is none"""
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
    conditions: NotRequired[list[Any]]
    weights: NotRequired[list[Any]]
    runs: NotRequired[list[Any]]
    dof: NotRequired[dict[str, Any]]


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
    size: Number


@OPEN
class RegressorForm(TypedDict):
    """A regressor among the others of its design."""

    regressor: Text
    kind: Text
    vif: Number
    vif_with_constant_and_drifts: Number
    removed_by_filter: Number


@OPEN
class TestedForm(TypedDict):
    """A contrast of one design."""

    contrast: Text
    contrast_name: Text
    estimable: int
    efficiency: Number


@OPEN
class DiagnosisForm(TypedDict):
    """The diagnosis of a run's design by one package."""

    run: Text
    backend: Label
    rank: int
    n_columns: int
    condition_number: Number
    regressors: list[RegressorForm]
    contrasts: list[TestedForm]
    correlations: list[dict[Text, Text | Number]]


@OPEN
class AddOnForm(TypedDict, total=False):
    """What was added to a fit."""

    digest: Text
    files: list[Text]
    warnings: list[Text]
    error: Text
    scripts: dict[str, Any]


ConfigurationForm = TypedDict(
    "ConfigurationForm",
    {
        "settings": Literal["matched", "native"],
        "smoothing (mm)": Annotated[float, Field(ge=0)],
        "backends": list[Any],
        "reference": Any,
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
    digest: NotRequired[Any]
    bidsglm_version: NotRequired[Text]
    model: NotRequired[Text]
    automatic: NotRequired[bool]
    configuration: NotRequired[ConfigurationForm | None]
    effect_units: NotRequired[dict[Text, Text]]
    attribution: NotRequired[dict[str, Any]]
    attributions: NotRequired[dict[Label, dict[str, Any]]]
    findings: NotRequired[list[FindingForm]]
    diagnosis: NotRequired[list[DiagnosisForm]]
    supplements: NotRequired[dict[Text, AddOnForm]]
    runs: NotRequired[list[dict[str, Any]]]
    estimates: NotRequired[dict[str, Any]]
    settings: NotRequired[Any]
    methods: NotRequired[Any]
    left_out: NotRequired[Any]
    exit_code: NotRequired[Any]
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
    dof: dict[str, list[Number]]
    thresholds: dict[str, dict[str, Number]]
    n_voxels: dict[str, int]
    effect_units: NotRequired[dict[str, str] | None]
    prefix: NotRequired[str]
    findings: NotRequired[list[FindingForm]]


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
        return _adapter(record).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        if first["type"] == "missing":
            raise ValueError(f"has no {place!r}") from error
        raise ValueError(f"{place} is {str(first['input'])[:40]!r}") from error
