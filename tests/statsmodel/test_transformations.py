import inspect
from fnmatch import fnmatchcase

import pytest

from bidsglm.errors import DataError
from bidsglm.model import Hrf
from bidsglm.statsmodel.arguments import ARGUMENTS, RULES
from bidsglm.statsmodel.transformations import COMMON
from tests.statsmodel.model_documents import (
    Change,
    Document,
    in_hrf,
    in_model,
    in_node,
    instructions,
    model,
    parsed,
    run_node,
    without,
)

FACTOR: Document = {"Name": "Factor", "Input": ["trial_type"]}
CONVOLVE: Document = {"Name": "Convolve", "Input": ["trial_type.go", "trial_type.stop"], "Model": "spm"}
NO_HRF = without(model, "HRF")


def test_known_instructions_and_arguments_are_those_of_pybids() -> None:
    from bids.modeling import transformations

    names = {
        name for name in transformations.__all__ if name != "TransformerManager" and not name.endswith("_")
    }
    assert names == set(ARGUMENTS)
    for name in names:
        parameters = list(inspect.signature(getattr(transformations, name)._transform).parameters)
        # the first two are the object and its variables
        assert set(parameters[2:]) == set(ARGUMENTS[name])


def test_factor_of_trial_type_is_implied_and_the_rest_is_kept_in_order() -> None:
    scale, lag = (
        {"Name": "Scale", "Input": ["rot_x"]},
        {"Name": "Lag", "Input": "rot_x", "Output": "rot_x_lag"},
    )
    both = {"Name": "Factor", "Input": ["trial_type", "hand"]}
    specification = parsed(instructions(scale, both, {**lag, "Description": "one scan"}))
    assert specification.transformations == (scale, {"Name": "Factor", "Input": ["hand"]}, lag)


def test_factor_keeps_its_place_after_an_instruction_on_trial_type() -> None:
    rename = {"Name": "Replace", "Input": ["trial_type"], "Replace": {"Go": "go"}}
    assert parsed(instructions(rename, FACTOR)).transformations == (rename, FACTOR)


@pytest.mark.parametrize(
    ("convolve", "hrf"),
    [
        (CONVOLVE, Hrf("spm")),
        ({**CONVOLVE, "Model": "SPM", "Derivative": True}, Hrf("spm", derivative=True)),
        ({**CONVOLVE, "derivative": True, "Dispersion": True}, Hrf("spm", derivative=True, dispersion=True)),
        ({**CONVOLVE, "Model": "glover"}, Hrf("glover")),
        ({**CONVOLVE, "Model": "fir", "FirDelays": [0, 1, 2]}, Hrf("fir", fir_delays=(0, 1, 2))),
        ({**CONVOLVE, "Model": "fir", "fir_delays": [0, 2]}, Hrf("fir", fir_delays=(0, 2))),
        ({"Name": "Convolve", "Input": ["trial_type.*"]}, Hrf("spm")),
    ],
)
def test_convolve_becomes_an_hrf_request(convolve: Document, hrf: Hrf) -> None:
    specification = parsed(NO_HRF, instructions(FACTOR, convolve))
    assert specification.hrf == hrf
    assert specification.transformations == ()
    assert not any("HRF" in note for note in specification.notes)


def test_functions_that_convolve_makes_do_not_count_as_conditions() -> None:
    x = [
        "trial_type.go",
        "trial_type.go_derivative",
        "trial_type.stop",
        "trial_type.stop_derivative",
        "rot_x",
        1,
    ]
    specification = parsed(NO_HRF, in_model(X=x), instructions(FACTOR, {**CONVOLVE, "Derivative": True}))
    assert specification.x == ("trial_type.go", "trial_type.stop", "rot_x")


def test_conditions_of_any_name_come_from_transformations() -> None:
    threshold = {"Name": "Threshold", "Input": ["gain"], "Binarize": True, "Output": ["trials"]}
    convolve = {"Name": "Convolve", "Input": ["trials", "gain"]}
    x = in_model(X=["trials", "gain", 1])
    plain = without(run_node, "Contrasts")
    made = parsed(NO_HRF, x, plain, in_node(DummyContrasts=True), instructions(threshold, convolve))
    assert made.transformations == (threshold,)
    assert made.dummy_contrasts == ("trial_type.*", "trials", "gain")
    assert made.convolved == ("trials", "gain")


def test_two_convolve_instructions_may_share_the_conditions() -> None:
    one, two = {**CONVOLVE, "Input": ["trial_type.go"]}, {**CONVOLVE, "Input": "trial_type.stop"}
    assert parsed(NO_HRF, instructions(FACTOR, one, two)).hrf == Hrf("spm")


def test_convolve_may_repeat_the_hrf_of_the_model() -> None:
    assert parsed(instructions(FACTOR, CONVOLVE)).hrf == Hrf("spm")


@pytest.mark.parametrize(
    ("late", "x"),
    [
        ({"Name": "Rename", "Input": ["trial_type.go"], "Output": ["go"]}, "go"),
        ({"Name": "Copy", "Input": ["trial_type.go"], "OutputSuffix": "_too"}, "trial_type.go_too"),
        ({"Name": "Delete", "Input": ["trial_type.stop"]}, "trial_type.go"),
        ({"Name": "Select", "Input": ["trial_type.go", "rot_x"]}, "trial_type.go"),
    ],
)
def test_instructions_that_only_name_may_follow_convolve(late: Document, x: str) -> None:
    plain = without(run_node, "Contrasts")
    made = parsed(NO_HRF, in_model(X=[x, "rot_x", 1]), plain, instructions(FACTOR, CONVOLVE, late))
    assert made.transformations == (late,)
    assert any(fnmatchcase(x, name) for name in made.convolved)


BAD = {
    "unknown": (
        instructions({"Name": "Factr", "Input": ["a"]}),
        "[0]: unknown instruction 'Factr'; did you mean 'Factor'?",
    ),
    "of another transformer": (
        instructions({"Name": "Power", "Input": ["a"], "Value": 2}),
        "[0]: unknown instruction 'Power': pybids-transforms-v1 has none; use Product of the variable with",
    ),
    "outputs": (
        instructions({"Name": "Scale", "Input": ["a", "b"], "Output": ["c"]}),
        "[0]: 'Output' of Scale must name one variable for each of Input",
    ),
    "no name": (instructions({"Input": ["a"]}), "[0]: 'Name' is missing"),
    "no input": (instructions({"Name": "Scale"}), "[0]: 'Input' of Scale must name the variables"),
    "wrong input": (
        instructions({"Name": "Scale", "Input": [1]}),
        "[0]: 'Input' of Scale must name the variables",
    ),
    "key of nodes": (
        instructions({"Name": "Scale", "Input": ["a"], "GroupBy": ["run"]}),
        "[0]: unknown key 'GroupBy' of Scale; it belongs to a node, beside Level",
    ),
    "unknown key": (
        instructions({"Name": "Scale", "Input": ["a"], "Demaen": True}),
        "[0]: unknown key 'Demaen' of Scale; did you mean 'Demean'?",
    ),
    "constraint": (
        instructions({**FACTOR, "Constraint": "drop_one"}),
        "[0]: 'Constraint' of Factor is not supported for trial_type",
    ),
    "conflict of two": (
        lambda d: (NO_HRF(d), instructions(CONVOLVE, {**CONVOLVE, "Derivative": True})(d)),
        "[1]: asks for another HRF than an earlier Convolve",
    ),
    "conflict with HRF": (
        lambda d: (in_hrf(Model="glover")(d), instructions(CONVOLVE)(d)),
        "Nodes[0].Model.HRF: asks for another response than the Convolve instruction",
    ),
    "not in X": (
        lambda d: (NO_HRF(d), instructions({**CONVOLVE, "Input": ["trial_type.go", "trial_type.stp"]})(d)),
        "'trial_type.stp' is not in X; did you mean 'trial_type.stop'?",
    ),
    "late": (
        lambda d: (NO_HRF(d), instructions(CONVOLVE, {"Name": "Scale", "Input": ["trial_type.go"]})(d)),
        "[1]: Scale works on 'trial_type.go' after its Convolve: put it before",
    ),
    "late under a new name": (
        lambda d: (
            NO_HRF(d),
            instructions(
                CONVOLVE,
                {"Name": "Rename", "Input": ["trial_type.go"], "Output": ["go"]},
                {"Name": "Scale", "Input": ["go"]},
            )(d),
        ),
        "[2]: Scale works on 'go' after its Convolve: put it before",
    ),
    "group": (
        instructions({"Name": "Group", "Input": ["a", "b"]}),
        "[0]: Group is not supported: leave it out, and list its variables",
    ),
    "output": (
        lambda d: (NO_HRF(d), instructions({**CONVOLVE, "Output": ["a"]})(d)),
        "[0]: 'Output' of Convolve must name one variable for each of Input",
    ),
    "delays": (
        lambda d: (NO_HRF(d), instructions({**CONVOLVE, "Model": "fir", "FirDelays": [0.5]})(d)),
        "[0]: 'FirDelays' of Convolve must be a list of whole numbers",
    ),
    "flag": (
        lambda d: (NO_HRF(d), instructions({**CONVOLVE, "Derivative": "yes"})(d)),
        "[0]: 'Derivative' of Convolve must be true or false",
    ),
    "dispersion alone": (
        lambda d: (NO_HRF(d), instructions({**CONVOLVE, "Dispersion": True})(d)),
        "unknown HRF 'spm + dispersion'",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_instructions_are_errors_that_name_their_place(change: Change, message: str) -> None:
    with pytest.raises(DataError) as caught:
        parsed(change)
    assert str(caught.value).startswith("m.json: Nodes[0].")
    assert message in str(caught.value)


def test_every_instruction_takes_the_common_arguments() -> None:
    kept = parsed(
        instructions({"Name": "Sum", "Input": ["a", "b"], "Output": "c", "Weights": [1, 2]})
    ).transformations
    assert kept[0]["Output"] == "c"
    assert "output" in COMMON


CHOICES = {
    ("Assign", "input_attr"): ("amplitude", "onset", "duration"),
    ("Assign", "target_attr"): ("amplitude", "onset", "duration"),
    ("Factor", "constraint"): ("none", "drop_one", "mean_zero"),
    ("Lag", "mode"): ("nearest", "reflect", "constant"),
    ("Replace", "attribute"): ("value", "onset", "duration"),
    ("Scale", "replace_na"): ("before", "after", "off"),
}


@pytest.mark.parametrize(("name", "key"), CHOICES)
def test_argument_that_is_one_of_some_words_takes_these_and_no_others(name: str, key: str) -> None:
    rule = RULES[name][key]
    for word in CHOICES[name, key]:
        assert rule(word) == ""
        assert word in rule("sideways"), "the message lists what may stand there"
    for wrong in ("sideways", "", 1, True, ["value"]):
        assert rule(wrong).startswith("must be one of "), wrong


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, rules in RULES.items() for key in rules])
def test_no_argument_takes_what_is_neither_word_number_nor_list(name: str, key: str) -> None:
    assert RULES[name][key]({"a": {"b": []}})
