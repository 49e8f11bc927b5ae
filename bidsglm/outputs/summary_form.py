"""The form of a finished unit's summary, as far as later runs and the group level rely on it."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

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


class Form(BaseModel):
    """An object of which more may be there."""

    model_config = ConfigDict(extra="allow", strict=True)


class ContrastForm(Form):
    """One of the contrasts."""

    name: Text
    label: Label
    test: Literal["t", "F"]
    thresholds: dict[Label, dict[Label, Number]] = {}


class FindingForm(BaseModel):
    """Something that the user should know of a design or of data; the fields are those of `Finding`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    severity: Literal["serious", "warning", "note"]
    code: Text
    title: Text
    text: Text
    remedy: Text
    columns: list[Text]
    backends: list[Text]
    runs: list[Text]
    size: Number


class RegressorForm(Form):
    """A regressor among the others of its design."""

    regressor: Text
    kind: Text
    vif: Number
    vif_with_constant_and_drifts: Number
    removed_by_filter: Number


class TestedForm(Form):
    """A contrast of one design."""

    contrast: Text
    contrast_name: Text
    estimable: int
    efficiency: Number


class DiagnosisForm(Form):
    """The diagnosis of a run's design by one package."""

    run: Text
    backend: Label
    rank: int
    n_columns: int
    condition_number: Number
    regressors: list[RegressorForm]
    contrasts: list[TestedForm]
    correlations: list[dict[Text, Text | Number]]


class AddOnForm(Form):
    """What was added to a fit."""

    digest: Text = ""
    files: list[Text] = []
    warnings: list[Text] = []
    error: Text = ""


class ConfigurationForm(Form):
    """How the unit was fitted."""

    settings: Literal["matched", "native"] = "matched"
    smoothing: Annotated[float, Field(alias="smoothing (mm)", ge=0)] = 0.0


class SummaryForm(Form):
    """The summary of a finished unit."""

    participant: Label
    entities: dict[Label, Text]
    prefix: Annotated[str, Field(min_length=1, max_length=255)]
    folder: Text
    backends: Annotated[list[Label], Field(min_length=1)]
    reference: Label = ""
    contrasts: list[ContrastForm]
    status: Text = "finished"
    bidsglm_version: Text = ""
    model: Text = ""
    automatic: bool = False
    configuration: ConfigurationForm | None = None
    effect_units: dict[Text, Text] = {}
    attribution: dict[str, Any] = {}
    attributions: dict[Label, dict[str, Any]] = {}
    findings: list[FindingForm] = []
    diagnosis: list[DiagnosisForm] = []
    supplements: dict[Text, AddOnForm] = {}
    runs: list[dict[str, Any]] = []
    errors: list[Text] = []
    warnings: list[Text] = []
    files: list[Text] = []


class PartForm(Form):
    """The summary of a unit that is not finished: it may have little more than its errors."""

    status: Text = ""
    digest: Text = ""
    errors: list[Text] = []
    warnings: list[Text] = []
    methods: list[Text] = []
    files: list[Text] = []
    supplements: dict[Text, AddOnForm] = {}


class GroupContrastForm(Form):
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
    effect_units: dict[str, str] | None = None


class GroupForm(Form):
    """The summary of a group's maps."""

    notes: list[str] = []
    methods: list[str] = []
    errors: list[str] = []
    files: list[str] = []
    contrasts: list[GroupContrastForm] = []


def typed(content: Mapping[str, Any], form: type[BaseModel]) -> dict[str, Any]:
    """An object of JSON with the types of its form.

    Raises
    ------
    ValueError
        Saying what is missing or of another kind.

    >>> contrast = {"label": "go", "name": "go", "test": "t", "thresholds": {"spm": {"fwe05": "inf"}}}
    >>> typed(contrast, ContrastForm)["thresholds"]
    {'spm': {'fwe05': inf}}
    """
    try:
        return form.model_validate(content).model_dump(by_alias=True, exclude_unset=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        if first["type"] == "missing":
            raise ValueError(f"has no {place!r}") from error
        raise ValueError(f"{place} is {str(first['input'])[:40]!r}") from error
