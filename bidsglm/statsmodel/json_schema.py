"""The model language as JSON Schema, for editors: made from the same classes that read a model."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from bidsglm.statsmodel import entities, values
from bidsglm.statsmodel.arguments import ARGUMENTS
from bidsglm.statsmodel.limits import HIGHEST_POLORT
from bidsglm.statsmodel.responses import FAMILIES
from bidsglm.statsmodel.schema import ADDRESS_KEY, Document

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TITLE = "BIDS Stats Model 1.0, as far as bidsglm speaks it"


def any_spelling(*words: str) -> JsonSchemaValue:
    r"""Words in whatever letter case, as few dialects of patterns can say shortly; editors offer the first.

    >>> any_spelling("ols")["anyOf"][1]["pattern"]
    '^\\s*([oO][lL][sS])\\s*$'
    """
    spelt = "|".join("".join(_either(letter) for letter in word) for word in words)
    return {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": rf"^\s*({spelt})\s*$"}]}


def _either(letter: str) -> str:
    return f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else re.escape(letter)


NUMBER = {
    "anyOf": [
        {"type": "number"},
        {"type": "string", "pattern": r"^\s*[-+]?[0-9]*\.?[0-9]+\s*(/\s*0*[1-9][0-9]*)?\s*$"},
    ]
}
LABEL = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]}
WRITTEN: Mapping[Callable[..., Any], JsonSchemaValue] = {
    values.model_version: {"type": "string", "pattern": r"^1\.0\b", "examples": ["1.0.0"]},
    values.variable: {"anyOf": [{"type": "string", "pattern": r"\S"}, {"const": 1}]},
    values.weight_rows: {
        "type": "array",
        "minItems": 1,
        "anyOf": [{"items": NUMBER}, {"items": {"type": "array", "items": NUMBER}}],
    },
    entities.filters: {
        "type": "object",
        "propertyNames": {"enum": sorted({*entities.ENTITIES, *entities.SHORT_ENTITIES})},
        "additionalProperties": {"anyOf": [LABEL, {"type": "array", "items": LABEL, "minItems": 1}]},
    },
    values.noise_model: {
        "anyOf": [
            {"enum": ["ar1", "ols"]},
            {"type": "string", "pattern": r"^\s*([oO][lL][sS]|[aA][rR][1-9][0-9]*)\s*$"},
        ]
    },
    values.mask_threshold: {"anyOf": [{"type": "number"}, any_spelling("-Inf", "-Infinity")]},
    values.signal_scaling: {"enum": [0, 1, False, [0, 1]]},
    values.drift_model: {"anyOf": [any_spelling("cosine", "polynomial"), {"type": "null"}]},
    values.orthogonalize: {"type": ["boolean", "object"], "additionalProperties": {"type": "boolean"}},
    values.polort: {
        "anyOf": [any_spelling("A"), {"type": "integer", "minimum": 0, "maximum": HIGHEST_POLORT}]
    },
    values.response_model: {"type": ["string", "object"], "additionalProperties": {"type": "string"}},
    values.one_column: {
        "anyOf": [
            {"type": "string", "minLength": 1},
            {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": 1},
        ]
    },
}
"""What a file may hold where a function reads the value."""

ALSO: Mapping[Callable[..., Any], JsonSchemaValue] = {values.dummies: {"type": "boolean"}}
"""What a file may hold beside what the class describes."""

EXAMPLES: Mapping[tuple[str, str], list[str]] = {
    ("HrfPart", "Model"): list(FAMILIES),
    ("NodePart", "GroupBy"): ["run", "session", "subject", "contrast"],
}
"""What editors offer; other spellings and names are allowed too."""

MEANINGS: Mapping[tuple[str, str], str] = {
    ("Document", "Input"): "Which runs: labels by entity, such as task; everything where it is absent.",
    ("Document", "Nodes"): "One node of Level Run, and those that go on with its contrasts.",
    ("Document", "Edges"): "Which node feeds which; without them, nodes follow each other.",
    ("NodePart", "GroupBy"): "What the node takes together: one analysis for each combination.",
    ("ModelPart", "X"): "Regressors in the order of the design: names, globs, and 1 for the intercept.",
    ("ModelPart", "Software"): "What only one package knows.",
    ("HrfPart", "Variables"): "What is convolved; each must be in X.",
    ("HrfPart", "Model"): "The response function.",
    ("ParametersPart", "Length"): "Seconds that a FIR, Fourier or gamma set covers.",
    ("ParametersPart", "Order"): "Number of bins, frequencies or functions of the set.",
    ("OptionsPart", "HighPassFilterCutoffHz"): "1 over the cut-off in seconds; 0 for no filter.",
    ("OptionsPart", "Mask"): "Entities of the mask file in place of the brain mask.",
    (
        "SpmPart",
        "InclusiveMaskingThreshold",
    ): 'Share of the global that a voxel must exceed; "-Inf" for none.',
    ("SpmPart", "Variance"): "Of groups of participants; unequal where it is absent, as in SPM.",
    ("NilearnPart", "Engine"): "What computes AR(1) fits; library for run_glm in every voxel.",
    (
        "AfniPart",
        "ResponseModel",
    ): 'In the notation of 3dDeconvolve: "BLOCK(20,1)", or one for each condition.',
    ("AfniPart", "Polort"): 'Degree of the polynomials, or "A" for the rule of afni_proc.py.',
    ("AfniPart", "Censor"): "Names and globs of confounds; scans where one is not 0 are left out.",
    ("FslPart", "HRF"): "Convolution of FEAT; after the model's HRF where it is absent.",
    ("ContrastPart", "ConditionList"): "Columns of X, or contrasts of the node below.",
    ("ContrastPart", "Weights"): 'One for each condition, or rows of them for F; fractions as text, "1/3".',
    ("DummyPart", "Contrasts"): "Columns that get a t contrast each; all conditions where it is absent.",
    ("EdgePart", "Filter"): "What goes on to the destination, such as some of the contrasts.",
}
"""What editors show beside a key."""


class _Generator(GenerateJsonSchema):
    """Describes what a file may hold, which is more than what the classes keep."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Keys are their own titles."""
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Defaults only where they say something."""
        plain = isinstance(schema.get("default"), str | int | float)
        return super().default_schema(schema) if plain else self.generate_inner(schema["schema"])

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        function = schema["function"]["function"]
        if function in WRITTEN:
            return dict(WRITTEN[function])
        inner = self.generate_inner(schema["schema"])
        if function.__qualname__.startswith("any_case"):
            return any_spelling(*inner["enum"])
        return {"anyOf": [dict(ALSO[function]), inner]} if function in ALSO else inner

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> JsonSchemaValue:
        return dict(WRITTEN[schema["function"]["function"]])


def json_schema() -> dict[str, Any]:
    """The schema of a model file.

    >>> schema = json_schema()
    >>> schema["required"], schema["additionalProperties"]
    (['Name', 'BIDSModelVersion', 'Nodes'], False)
    """
    made = Document.model_json_schema(schema_generator=_Generator)
    parts = made["$defs"]
    for (part, key), names in EXAMPLES.items():
        described = parts[part]["properties"][key]
        (described["items"] if described.get("type") == "array" else described)["examples"] = names
    for (part, key), text in MEANINGS.items():
        (made if part == "Document" else parts[part])["properties"][key]["description"] = text
    parts["TransformationsPart"]["properties"]["Instructions"]["items"] = _instruction()
    made["properties"][ADDRESS_KEY] = {
        "type": "string",
        "description": "Address of this schema, for editors.",
    }
    return {ADDRESS_KEY: DIALECT, **made, "title": TITLE}


def _instruction() -> JsonSchemaValue:
    """One of the instructions; their further arguments are checked when the model is read."""
    return {
        "type": "object",
        "required": ["Name", "Input"],
        "properties": {
            "Name": {"enum": sorted(ARGUMENTS)},
            "Input": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        },
    }


def json_schema_text() -> str:
    """The schema as it stands in docs/model.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
