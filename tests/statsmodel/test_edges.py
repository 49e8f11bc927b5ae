"""Rules of the language at their edges: what holds for other nodes, what may be null, what is equal."""

from copy import deepcopy
from typing import Any

import pytest

from bidsglm.errors import DataError
from bidsglm.model import Hrf
from bidsglm.statsmodel import arguments, dialects
from bidsglm.statsmodel.automatic import automatic_model
from bidsglm.statsmodel.limits import MOST_AUTOMATIC_CONDITIONS
from bidsglm.statsmodel.responses import with_derivatives
from bidsglm.statsmodel.software import REPEATED
from bidsglm.statsmodel.specification import parse_model
from tests.statsmodel.model_documents import COMPLETE, SETTINGS, SUBJECT

DATASET: dict[str, Any] = {
    "Level": "Dataset",
    "Name": "dataset",
    "GroupBy": ["contrast"],
    "Model": {"Type": "glm", "X": [1]},
    "DummyContrasts": {"Test": "t"},
}


def document(*above: dict[str, Any], **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = deepcopy(COMPLETE)
    found["Nodes"][0] |= changes
    found["Nodes"] += deepcopy(list(above))
    return found


@pytest.mark.parametrize(
    ("of_run", "of_node", "expected"),
    [
        (None, None, None),
        ("equal", None, "equal"),
        (None, "unequal", "unequal"),
        ("equal", "unequal", "unequal"),
    ],
)
def test_variances_of_the_runs_node_hold_where_the_group_says_nothing(
    of_run: str | None, of_node: str | None, expected: str | None
) -> None:
    made = document(SUBJECT, DATASET)
    for node, variance in ((made["Nodes"][0], of_run), (made["Nodes"][2], of_node)):
        if variance:
            node["Model"].setdefault("Software", {}).setdefault("SPM", {})["Variance"] = variance
    (group,) = parse_model(made, "m.json", SETTINGS).group
    assert group.variance == expected


@pytest.mark.parametrize(("key", "value"), [("Output", ["a"]), ("OutputPrefix", "a"), ("OutputSuffix", "a")])
@pytest.mark.parametrize("column", ["trial_type", "side"])
def test_levels_of_factor_take_no_other_names(key: str, value: object, column: str) -> None:
    made = document()
    made["Nodes"][0]["Transformations"]["Instructions"][0] |= {"Input": [column], key: value}
    with pytest.raises(DataError, match=f"'{key}' of Factor is not supported: .*use Rename"):
        parse_model(made, "m.json", SETTINGS)


@pytest.mark.parametrize("key", ["Conditions", "Contrasts"])
def test_the_former_name_of_dummy_contrasts_is_told_where_it_stands(key: str) -> None:
    made = document(DummyContrasts={"Test": "t", key: ["trial_type.go"]})
    found = parse_model(made, "m.json", SETTINGS)
    said = "DummyContrasts.Conditions is read as Contrasts, its present name."
    assert (said in found.notes) is (key == "Conditions")
    assert found.dummy_contrasts == ("trial_type.go",)


@pytest.mark.parametrize("n_nodes", [1, 2])
def test_nodes_are_named_one_or_several(n_nodes: int) -> None:
    nodes = [{"Name": f"n{i}"} for i in range(n_nodes)]
    assert dialects._names(nodes) == ("node n0" if n_nodes == 1 else "nodes n0, n1")
    assert dialects._names([]) == ""


def test_what_is_optional_may_be_null() -> None:
    rule = arguments._optional(lambda value: "is wrong")
    assert rule(None) == ""
    assert rule(0) == "is wrong"


@pytest.mark.parametrize(("n_types", "refused"), [(MOST_AUTOMATIC_CONDITIONS, False), (201, True)])
def test_automatic_models_have_up_to_two_hundred_conditions(n_types: int, refused: bool) -> None:
    types = [f"t{i:03d}" for i in range(n_types)]
    if refused:
        with pytest.raises(DataError, match="name 201 trial types, more than the 200 of an automatic"):
            automatic_model("go", types, SETTINGS)
    else:
        model = automatic_model("go", types, SETTINGS)["Nodes"][0]["Model"]
        assert len([name for name in model["X"] if str(name).startswith("trial_type.")]) == n_types


@pytest.mark.parametrize(("apart", "noted"), [(0.0, False), (0.5 * REPEATED, False), (2 * REPEATED, True)])
def test_two_ways_to_write_one_sampling_time_are_the_same(apart: float, noted: bool) -> None:
    made = document()
    made["Nodes"][0]["Model"]["Software"] = {
        "SPM": {"MicrotimeOnset": 9, "MicrotimeResolution": 16},
        "Nilearn": {"SliceTimeRef": 0.5 + apart},
    }
    found = parse_model(made, "m.json", SETTINGS)
    assert any(note.startswith("The sampling times differ: 0.5 TR in SPM") for note in found.notes) is noted


@pytest.mark.parametrize(
    ("derivative", "dispersion", "words", "expected", "noted"),
    [
        (False, False, "none", (False, False), False),
        (False, False, "Temporal", (True, False), True),
        (False, False, "TemporalAndDispersion", (True, True), True),
        (True, False, "Temporal", (True, False), False),
        (True, False, "TemporalAndDispersion", (True, True), True),
        (True, True, "TemporalAndDispersion", (True, True), False),
        (True, True, "Temporal", (True, True), True),
        (True, True, "none", (True, True), False),
    ],
)
def test_derivatives_are_added_and_never_taken_away(
    derivative: bool, dispersion: bool, words: str, expected: tuple[bool, bool], noted: bool
) -> None:
    found = with_derivatives(Hrf("spm", derivative, dispersion), words)
    assert found.hrf is not None
    assert (found.hrf.derivative, found.hrf.dispersion) == expected
    assert bool(found.notes) is noted
