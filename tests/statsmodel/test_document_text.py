"""Model files as text: the same content, in lines that people can read."""

import json

import pytest

from bidsglm.statsmodel.document_text import WIDTH, model_text
from tests.statsmodel.model_documents import COMPLETE, DATASET, SUBJECT, changed, nodes


@pytest.mark.parametrize("value", [COMPLETE, changed(nodes(SUBJECT, DATASET)), [], {}, [{"a": []}, "ä"]])
def test_the_text_is_the_document(value: object) -> None:
    assert json.loads(model_text(value)) == value


def test_what_fits_on_a_line_stands_on_one_and_no_line_is_longer() -> None:
    fits = ["x" * (WIDTH - 4)]
    assert len(model_text(fits)) == WIDTH
    assert model_text(["x" * (WIDTH - 3)]) == f'[\n  "{"x" * (WIDTH - 3)}"\n]'
    # the same list one level deeper has less room
    assert model_text([fits, 1]) == f'[\n  [\n    "{"x" * (WIDTH - 4)}"\n  ],\n  1\n]'
    assert max(map(len, model_text(COMPLETE).splitlines())) <= WIDTH


def test_lines_are_indented_by_their_depth() -> None:
    text = model_text({"a": {"b": ["x" * 60, "y" * 60]}, "ä": 1})
    assert text.splitlines() == [
        "{",
        '  "a": {',
        '    "b": [',
        f'      "{"x" * 60}",',
        f'      "{"y" * 60}"',
        "    ]",
        "  },",
        '  "ä": 1',
        "}",
    ]
