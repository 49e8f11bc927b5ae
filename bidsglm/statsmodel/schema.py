"""The model language: BIDS Stats Models 1.0 as far as bidsglm speaks it, with strict keys and types.

The specification is https://bids-standard.github.io/stats-models; its own schema (bsmschema) lets unknown
keys pass and leaves HRF.Parameters and Software open, so every object is described here once more.
"""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from bidsglm.statsmodel.entities import filters
from bidsglm.statsmodel.limits import (
    FINEST_RESOLUTION,
    HIGHEST_HERTZ,
    HIGHEST_POLYNOMIAL,
    LATEST_DELAY,
    LONGEST_RESPONSE,
    LONGEST_TEXT,
    MOST_CONTRASTS,
    MOST_FUNCTIONS,
    MOST_INSTRUCTIONS,
    MOST_MODULATIONS,
    MOST_NAMES,
    MOST_NODES,
)
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.values import (
    Scaling,
    any_case,
    description,
    drift_model,
    dummies,
    few_contrasts,
    few_globs,
    hrf_derivatives,
    mask_threshold,
    model_version,
    noise_model,
    one_column,
    orthogonalize,
    polort,
    response_model,
    signal_scaling,
    variable,
    weight_rows,
)

ADDRESS_KEY = "$schema"
"""Key by which editors find the JSON Schema of a file; it says nothing of the model."""
LEVELS = ("Run", "Session", "Subject", "Dataset")


Variable = Annotated[str, BeforeValidator(variable), Field(max_length=LONGEST_TEXT)]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Few = AfterValidator(few_globs)
Names = Annotated[list[Text], Field(max_length=MOST_NAMES), Few]
Columns = Annotated[list[Variable], Field(max_length=MOST_NAMES), Few]
Filters = Annotated[dict[str, list[str]], BeforeValidator(filters)]


Tested = Annotated[Literal["t", "F", "pass"], BeforeValidator(any_case("t", "F", "pass"))]


class Part(BaseModel):
    """An object of the language; each may carry a Description."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    Description: Annotated[str | None, BeforeValidator(description)] = None

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, value: object) -> object:
        own = sorted(set(cls.model_fields) - {"Description"})
        for key in value if isinstance(value, dict) else ():
            if key not in cls.model_fields:
                near = hint(key, own) or hint(key, ["Description"])
                remedy = home(key) or near or f"; known are {', '.join(own)}"
                raise PydanticCustomError("unknown_key", "{text}", {"text": f"unknown key {key!r}{remedy}"})
        return value


class ParametersPart(Part):
    """HRF.Parameters."""

    Length: Annotated[float, Field(gt=0, le=LONGEST_RESPONSE)] | None = None
    Order: Annotated[int, Field(ge=1, le=MOST_FUNCTIONS)] | None = None
    fir_delays: (
        Annotated[list[Annotated[int, Field(ge=0, le=LATEST_DELAY)]], Field(max_length=MOST_FUNCTIONS)] | None
    ) = None


class HrfPart(Part):
    """Model.HRF."""

    Variables: Names
    Model: Text
    Parameters: ParametersPart | None = None


class OptionsPart(Part):
    """Model.Options."""

    HighPassFilterCutoffHz: Annotated[float, Field(ge=0, le=HIGHEST_HERTZ)] | None = None
    LowPassFilterCutoffHz: Annotated[float, Field(ge=0, le=HIGHEST_HERTZ)] | None = None
    ReplaceVariables: dict[str, object] | None = None
    Mask: Filters | None = None
    Aggregate: Literal["none", "mean", "pca"] | None = None


class ParametricPart(Part):
    """One of Software.SPM.ParametricModulations."""

    Name: Text
    Conditions: Annotated[Names, Field(min_length=1)]
    Values: Annotated[Text, BeforeValidator(one_column)]
    PolynomialExpansion: Annotated[int, Field(ge=1, le=HIGHEST_POLYNOMIAL)] = 1


class TimePart(Part):
    """One of Software.SPM.TimeModulations."""

    Conditions: Annotated[Names, Field(min_length=1)]
    Order: Annotated[int, Field(ge=1, le=HIGHEST_POLYNOMIAL)] = 1


class SpmPart(Part):
    """Model.Software.SPM."""

    SerialCorrelation: (
        Annotated[Literal["AR(1)", "FAST", "none"], BeforeValidator(any_case("AR(1)", "FAST", "none"))] | None
    ) = None
    InclusiveMaskingThreshold: Annotated[float, PlainValidator(mask_threshold)] | None = None
    HRFderivatives: (
        Annotated[Literal["none", "Temporal", "TemporalAndDispersion"], BeforeValidator(hrf_derivatives)]
        | None
    ) = None
    MicrotimeResolution: Annotated[int, Field(ge=1, le=FINEST_RESOLUTION)] = 16
    MicrotimeOnset: Annotated[int, Field(ge=1, le=FINEST_RESOLUTION)] | None = None
    GlobalNormalization: Annotated[
        Literal["None", "Scaling"], BeforeValidator(any_case("None", "Scaling"))
    ] = "None"
    ParametricModulations: Annotated[list[ParametricPart], Field(max_length=MOST_MODULATIONS)] = []
    TimeModulations: Annotated[list[TimePart], Field(max_length=MOST_MODULATIONS)] = []
    Orthogonalize: Annotated[bool | dict[str, bool], PlainValidator(orthogonalize)] = True
    Variance: Annotated[Literal["equal", "unequal"], BeforeValidator(any_case("equal", "unequal"))] | None = (
        None
    )


class NilearnPart(Part):
    """Model.Software.Nilearn."""

    NoiseModel: Annotated[str, PlainValidator(noise_model)] | None = None
    SignalScaling: Annotated[Scaling, PlainValidator(signal_scaling)] = 0
    SliceTimeRef: Annotated[float, Field(ge=0, le=1)] | None = None
    DriftModel: Annotated[Literal["cosine", "polynomial"] | None, PlainValidator(drift_model)] = "cosine"
    Engine: Annotated[Literal["shared", "library"], BeforeValidator(any_case("shared", "library"))] = "shared"


class AfniPart(Part):
    """Model.Software.AFNI."""

    ResponseModel: Annotated[str | dict[str, str], PlainValidator(response_model)] | None = None
    Polort: Annotated[int | Literal["A"], PlainValidator(polort)] | None = None
    Scale: bool = True
    MotionPerRun: bool = True
    Censor: Names = []
    NoiseModel: (
        Annotated[Literal["ARMA(1,1)", "none"], BeforeValidator(any_case("ARMA(1,1)", "none"))] | None
    ) = None


class FslPart(Part):
    """Model.Software.FSL."""

    HRF: (
        Annotated[
            Literal["double-gamma", "gamma", "gaussian"],
            BeforeValidator(any_case("double-gamma", "gamma", "gaussian")),
        ]
        | None
    ) = None
    TemporalDerivative: bool | None = None
    Prewhitening: bool | None = None


class SoftwarePart(Part):
    """Model.Software."""

    SPM: SpmPart = SpmPart()
    Nilearn: NilearnPart = NilearnPart()
    AFNI: AfniPart = AfniPart()
    FSL: FslPart = FslPart()


class ModelPart(Part):
    """Model of a node."""

    Type: Annotated[Literal["glm", "meta"], BeforeValidator(any_case("glm", "meta"))]
    X: Columns
    Formula: str | None = None
    HRF: HrfPart | None = None
    Options: OptionsPart | None = None
    Software: SoftwarePart | None = None


class TransformationsPart(Part):
    """Transformations of a node."""

    Transformer: Literal["pybids-transforms-v1"]
    Instructions: Annotated[list[dict[str, object]], Field(max_length=MOST_INSTRUCTIONS)]


class ContrastPart(Part):
    """One of a node's Contrasts."""

    Name: Text
    ConditionList: Annotated[Columns, Field(min_length=1)]
    Weights: Annotated[list[list[float]], BeforeValidator(weight_rows)]
    Test: Tested


class DummyPart(Part):
    """A node's DummyContrasts."""

    Contrasts: Columns | None = None
    Test: Tested


class NodePart(Part):
    """One of the Nodes."""

    Level: Annotated[Literal["Run", "Session", "Subject", "Dataset"], BeforeValidator(any_case(*LEVELS))]
    Name: Text
    GroupBy: Names
    Transformations: TransformationsPart | None = None
    Model: ModelPart
    Contrasts: (
        Annotated[list[ContrastPart], BeforeValidator(few_contrasts), Field(max_length=MOST_CONTRASTS)] | None
    ) = None
    DummyContrasts: Annotated[DummyPart | None, BeforeValidator(dummies)] = None


class EdgePart(Part):
    """One of the Edges."""

    Source: Text
    Destination: Text
    Filter: dict[str, list[object]] | None = None


class Document(Part):
    """A whole model file."""

    Name: Text
    BIDSModelVersion: Annotated[str, PlainValidator(model_version)]
    Input: Filters | None = None
    Nodes: Annotated[list[NodePart], Field(max_length=MOST_NODES)]
    Edges: Annotated[list[EdgePart], Field(max_length=MOST_NODES)] | None = None


HOMES: tuple[tuple[type[Part], str], ...] = (
    (Document, "the top of the file"),
    (NodePart, "a node, beside Level"),
    (ModelPart, "Model"),
    (HrfPart, "Model.HRF"),
    (ParametersPart, "Model.HRF.Parameters"),
    (OptionsPart, "Model.Options"),
    (SoftwarePart, "Model.Software"),
    (SpmPart, "Model.Software.SPM"),
    (NilearnPart, "Model.Software.Nilearn"),
    (TransformationsPart, "Transformations"),
    (ContrastPart, "one of Contrasts"),
    (EdgePart, "one of Edges"),
)
"""Where a key belongs that stands somewhere else; the first place that has it."""


def home(key: str) -> str:
    """Where a key belongs, as the end of a message; nothing for a key of no place.

    >>> home("GroupBy"), home("Colour")
    ('; it belongs to a node, beside Level', '')
    """
    places = (place for part, place in HOMES if key in part.model_fields)
    place = next(places, "")
    return f"; it belongs to {place}" if place else ""
