"""Contrasts over contrasts become weights over regressors, through every node on their way."""

import numpy as np
import pytest

from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, ModelSpecification
from bidsglm.statsmodel.combined import with_combined
from bidsglm.statsmodel.contrasts import LeftOut, Resolution
from tests.statsmodel.model_documents import SESSION, SUBJECT, Document, in_top, nodes, parsed

WEIGHED_SESSION: Document = {
    "Level": "Session",
    "Name": "session",
    "GroupBy": ["session", "subject"],
    "Model": {"Type": "glm", "X": ["go", "stop"]},
}


def contrast(name: str, conditions: list[object], weights: list[object], test: str = "t") -> Document:
    return {"Name": name, "ConditionList": conditions, "Weights": weights, "Test": test}


def resolved(*names: str, lost: tuple[str, ...] = ()) -> Resolution:
    """A contrast of each condition, as a participant's runs give them."""
    one = np.ones((1, 1))
    found = tuple(ContrastSpecification(name, name, (f"trial_type.{name}",), one) for name in names)
    return Resolution(found, tuple(LeftOut(name, name, "t", "no run has it") for name in lost), ())


def weights(found: Resolution) -> dict[str, list[list[float]]]:
    return {c.name: c.weights.tolist() for c in found.contrasts}


def test_contrasts_of_one_node_may_be_weighed_by_the_next() -> None:
    lower = {**WEIGHED_SESSION, "Contrasts": [contrast("d", ["go", "stop"], [1, -1])]}
    upper = {
        **SUBJECT,
        "GroupBy": ["subject"],
        "Model": {"Type": "glm", "X": ["d"]},
        "Contrasts": [contrast("half", ["d"], ["1/2"])],
    }
    model = parsed(nodes(lower, upper))
    found = with_combined(model, resolved("go", "stop"))
    assert weights(found)["d"] == [[1, -1]]
    assert weights(found)["half"] == [[0.5, -0.5]]
    assert found.contrasts[-1].conditions == ("trial_type.go", "trial_type.stop")


def test_weights_of_contrasts_that_share_regressors_add_up() -> None:
    model = parsed(nodes({**WEIGHED_SESSION, "Contrasts": [contrast("sum", ["go", "stop"], [2, 1])]}))
    both = ContrastSpecification("stop", "stop", ("trial_type.go", "trial_type.stop"), np.array([[1.0, 3]]))
    go = resolved("go").contrasts[0]
    found = with_combined(model, Resolution((go, both), (), ()))
    assert weights(found)["sum"] == [[3, 3]]


def test_rows_of_f_are_weighed_each() -> None:
    rows: list[object] = [[1, 0], [1, 1]]
    model = parsed(nodes({**WEIGHED_SESSION, "Contrasts": [contrast("any", ["go", "stop"], rows, "F")]}))
    found = with_combined(model, resolved("stop", "go"))
    assert found.contrasts[-1].test == "F"
    assert found.contrasts[-1].conditions == ("trial_type.go", "trial_type.stop")
    assert weights(found)["any"] == [[1, 0], [1, 1]]


def test_multiples_are_of_what_reaches_the_node() -> None:
    turned = {**SUBJECT, "Contrasts": [contrast("turned", [1], [-1])]}
    edges = [{"Source": "run", "Destination": "subject", "Filter": {"contrast": ["stop"]}}]
    found = with_combined(parsed(nodes(turned), in_top(Edges=edges)), resolved("go", "stop"))
    assert list(weights(found)) == ["go", "stop", "stop: turned"]
    assert found.contrasts[-1].label == "stopTurned"
    found = with_combined(parsed(nodes(turned)), resolved("go", "stop"))
    assert list(weights(found)) == ["go", "stop", "go: turned", "stop: turned"]


def test_names_of_contrasts_are_understood_beside_a_mean() -> None:
    beside = {**SUBJECT, "Contrasts": [contrast("d", ["trial_type.go", "stop"], [1, -1])]}
    assert weights(with_combined(parsed(nodes(beside)), resolved("go", "stop")))["d"] == [[1, -1]]


def test_what_is_over_a_contrast_that_is_left_out_is_left_out_with_the_reason() -> None:
    model = parsed(nodes({**WEIGHED_SESSION, "Contrasts": [contrast("d", ["go", "stop"], [1, -1])]}))
    found = with_combined(model, resolved("go", lost=("stop",)))
    assert list(weights(found)) == ["go"]
    assert [(one.name, one.reason) for one in found.left_out[1:]] == [
        ("d", "it is over 'stop', which is left out")
    ]
    assert found.notes == ("Contrast 'd' is left out: it is over 'stop', which is left out.",)


def test_weights_that_cancel_are_an_error() -> None:
    model = parsed(nodes({**WEIGHED_SESSION, "Contrasts": [contrast("d", ["go", "stop"], [1, -1])]}))
    twice = resolved("go").contrasts[0]
    same = ContrastSpecification("stop", "stop", twice.conditions, twice.weights)
    with pytest.raises(DataError, match="the weights of 'd' over the regressors are all zero"):
        with_combined(model, Resolution((twice, same), (), ()))


def test_nothing_is_made_of_plain_means() -> None:
    found = resolved("go", "stop")
    assert with_combined(parsed(nodes(SESSION, SUBJECT)), found) == found
    assert with_combined(ModelSpecification("m", ()), found) == found
