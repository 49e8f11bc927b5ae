"""Contrasts over contrasts become weights over regressors, through every node on their way."""

import numpy as np
import pytest

from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, ModelSpecification
from bidsglm.statsmodel.combined import with_combined
from bidsglm.statsmodel.resolution import LeftOut, Resolution
from tests.statsmodel.model_documents import SESSION, SUBJECT, Document, in_node, in_top, nodes, parsed

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


def test_a_name_that_is_no_contrast_is_an_error_that_names_the_nearest() -> None:
    model = parsed(nodes({**WEIGHED_SESSION, "Contrasts": [contrast("d", ["go", "stop"], [1, -1])]}))
    with pytest.raises(DataError, match=r"Nodes\[1\].*no contrast is named 'stop'; did you mean 'stopp'"):
        with_combined(model, resolved("go", "stopp"))


def test_a_filter_that_names_no_contrast_is_an_error() -> None:
    edges = [{"Source": "run", "Destination": "subject", "Filter": {"contrast": ["stop"]}}]
    model = parsed(nodes(SUBJECT), in_top(Edges=edges))
    with pytest.raises(DataError, match=r"Edges.*no contrast is named 'stop'; did you mean 'sto'"):
        with_combined(model, resolved("go", "sto"))
    assert with_combined(model, resolved("go", lost=("stop",))).notes == ()


def test_f_contrasts_have_no_effect_to_weigh() -> None:
    model = parsed(nodes({**WEIGHED_SESSION, "Contrasts": [contrast("d", ["go", "stop"], [1, -1])]}))
    any_of = ContrastSpecification("stop", "stop", ("trial_type.stop",), np.ones((1, 1)), "F")
    with pytest.raises(DataError, match="'stop' is an F contrast, which has no effect to weigh"):
        with_combined(model, Resolution((*resolved("go").contrasts, any_of), (), ()))


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        (("a", "b"), r"2 contrasts \(a, b\)"),
        (("a", "b", "c"), r"3 contrasts \(a, b, c\)"),
        (("a", "b", "c", "d"), r"4 contrasts \(a, b, c, \.\.\.\)"),
    ],
)
def test_a_node_that_does_not_tell_contrasts_apart_gets_one(names: tuple[str, ...], listed: str) -> None:
    model = parsed(nodes({**SUBJECT, "GroupBy": ["subject"]}), in_node(Contrasts=[], DummyContrasts=True))
    assert with_combined(model, resolved("a")).contrasts == resolved("a").contrasts
    with pytest.raises(DataError, match=listed):
        with_combined(model, resolved(*names))


def test_two_contrasts_of_one_name_are_an_error_with_its_place() -> None:
    model = parsed(nodes({**WEIGHED_SESSION, "Contrasts": [contrast("go", ["go", "stop"], [1, -1])]}))
    with pytest.raises(DataError, match=r"Nodes\[1\].*'go'"):
        with_combined(model, resolved("go", "stop"))


def test_a_name_is_taken_exactly_before_it_is_taken_without_its_prefix() -> None:
    session = {**WEIGHED_SESSION, "Model": {"Type": "glm", "X": ["go"]}}
    model = parsed(nodes({**session, "Contrasts": [contrast("d", ["go"], [1])]}))
    one = np.ones((1, 1))
    longer = ContrastSpecification("trial_type.go", "longer", ("x",), one)
    exact = ContrastSpecification("go", "exact", ("y",), one)
    assert with_combined(model, Resolution((longer, exact), (), ())).contrasts[-1].conditions == ("y",)
