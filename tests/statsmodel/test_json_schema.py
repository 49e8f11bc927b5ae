"""docs/model.schema.json is made from the classes that read a model, and refuses what they refuse."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bidsglm.statsmodel.automatic import automatic_model
from bidsglm.statsmodel.json_schema import json_schema_text
from bidsglm.statsmodel.parsed import parsed_document
from tests.conftest import PROJECT
from tests.statsmodel.model_documents import COMPLETE, SETTINGS, Change, changed
from tests.statsmodel.test_schema import UNKNOWN_KEYS, WRONG_VALUES

DOCS = PROJECT / "docs"
PUBLISHED = DOCS / "model.schema.json"
EXAMPLES = sorted((DOCS / "examples").glob("*_smdl.json"))


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_published_schema_is_fresh() -> None:
    assert json_schema_text() == PUBLISHED.read_text(encoding="utf-8"), (
        "python -m bidsglm model --schema > docs/model.schema.json"
    )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_of_the_manual_are_valid(validator: Any, path: Path) -> None:
    assert list(validator.iter_errors(json.loads(path.read_text(encoding="utf-8")))) == []


def test_model_may_name_its_schema(validator: Any) -> None:
    named = {"$schema": "https://example.org/model.schema.json", **COMPLETE}
    assert list(validator.iter_errors(named)) == []
    assert parsed_document(named, "m.json") == parsed_document(COMPLETE, "m.json")


def test_models_that_are_read_are_valid(validator: Any) -> None:
    automatic = automatic_model("nback", ["two", "zero", "rest"], SETTINGS)
    assert list(validator.iter_errors(automatic)) == []
    assert list(validator.iter_errors(COMPLETE)) == []


@pytest.mark.parametrize("change", [c for c, _ in UNKNOWN_KEYS.values()], ids=UNKNOWN_KEYS)
def test_unknown_keys_are_refused(validator: Any, change: Change) -> None:
    assert not validator.is_valid(changed(change))


@pytest.mark.parametrize("change", [c for c, _ in WRONG_VALUES.values()], ids=WRONG_VALUES)
def test_wrong_values_are_refused(validator: Any, change: Change) -> None:
    assert not validator.is_valid(changed(change))


def test_editors_get_names_to_offer_and_words_to_show(validator: Any) -> None:
    hrf = validator.schema["$defs"]["HrfPart"]["properties"]["Model"]
    assert "spm + derivative" in hrf["examples"]
    assert hrf["description"] == "The response function."
