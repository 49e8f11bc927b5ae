import pytest

from bidsglm.errors import DataError
from bidsglm.statsmodel.parsed import parsed_document
from tests.statsmodel.model_documents import (
    Change,
    changed,
    in_contrast,
    in_hrf,
    in_model,
    in_nilearn,
    in_node,
    in_options,
    in_spm,
    in_top,
    model,
    run_node,
    without,
)

UNKNOWN_KEYS = {
    "top": (in_top(Node=[]), "m.json: unknown key 'Node'; did you mean 'Nodes'?"),
    "input": (in_top(Input={"tsk": ["go"]}), "Input: unknown entity 'tsk'; did you mean 'task'?"),
    "node": (in_node(Contrast=[]), "Nodes[0]: unknown key 'Contrast'; did you mean 'Contrasts'?"),
    "edge": (in_top(Edges=[{"Sourc": "run"}]), "Edges[0]: unknown key 'Sourc'; did you mean 'Source'?"),
    "transformations": (
        in_node(Transformations={"transformer": "pybids-transforms-v1", "Instructions": []}),
        "Nodes[0].Transformations: unknown key 'transformer'; did you mean 'Transformer'?",
    ),
    "model": (in_model(HFR={}), "Nodes[0].Model: unknown key 'HFR'; did you mean 'HRF'?"),
    "hrf": (in_hrf(Variable=[]), "Nodes[0].Model.HRF: unknown key 'Variable'; did you mean 'Variables'?"),
    "parameters": (
        in_hrf(Parameters={"length": 20}),
        "Nodes[0].Model.HRF.Parameters: unknown key 'length'; did you mean 'Length'?",
    ),
    "options": (
        in_options(HighPassFilterCutoff=128),
        "Options: unknown key 'HighPassFilterCutoff'; did you mean 'HighPassFilterCutoffHz'?",
    ),
    "mask": (in_options(Mask={"dsc": ["brain"]}), "Options.Mask: unknown entity 'dsc'; did you mean 'desc'?"),
    "software": (
        in_model(Software={"nilearn": {}}),
        "Software: unknown key 'nilearn'; did you mean 'Nilearn'?",
    ),
    "spm": (
        in_spm(SerialCorelation="FAST"),
        "Software.SPM: unknown key 'SerialCorelation'; did you mean 'SerialCorrelation'?",
    ),
    "nilearn": (
        in_nilearn(noise_model="ar1"),
        "Nilearn: unknown key 'noise_model'; did you mean 'NoiseModel'?",
    ),
    "modulation": (
        in_spm(ParametricModulations=[{"Name": "rt", "Condition": ["trial_type.go"], "Values": ["rt"]}]),
        "SPM.ParametricModulations[0]: unknown key 'Condition'; did you mean 'Conditions'?",
    ),
    "time": (
        in_spm(TimeModulations=[{"Conditions": ["trial_type.go"], "order": 1}]),
        "SPM.TimeModulations[0]: unknown key 'order'; did you mean 'Order'?",
    ),
    "contrast": (
        in_contrast(Conditions=[]),
        "Nodes[0].Contrasts[0]: unknown key 'Conditions'; did you mean 'ConditionList'?",
    ),
    "dummies": (
        in_node(DummyContrasts={"Test": "t", "Conditions": []}),
        "Nodes[0].DummyContrasts: unknown key 'Conditions'; did you mean 'Contrasts'?",
    ),
    "far from all": (in_contrast(Zebra=1), "known are ConditionList, Name, Test, Weights"),
}

WRONG_VALUES = {
    "version as number": (in_top(BIDSModelVersion=1.0), 'BIDSModelVersion: must be "1.0.0", not 1.0'),
    "version 2": (in_top(BIDSModelVersion="2.0"), 'BIDSModelVersion: must be "1.0.0", not "2.0"'),
    "no name": (without(lambda d: d, "Name"), "m.json: 'Name' is missing"),
    "empty name": (in_top(Name=""), "Name: must have at least 1 character"),
    "nodes no list": (in_top(Nodes={}), "Nodes: must be a list, not {}"),
    "node no object": (in_top(Nodes=[3]), "Nodes[0]: must be an object, not 3"),
    "level": (
        in_node(Level="Runs"),
        "Nodes[0].Level: must be 'Run', 'Session', 'Subject' or 'Dataset', not \"Runs\"",
    ),
    "no group": (without(run_node, "GroupBy"), "Nodes[0]: 'GroupBy' is missing"),
    "no x": (without(model, "X"), "Nodes[0].Model: 'X' is missing"),
    "x of text": (in_model(X="trial_type.go"), "Nodes[0].Model.X: must be a list"),
    "x with zero": (
        in_model(X=["trial_type.go", 0]),
        "X[1]: must be the name of a regressor, or 1 for the intercept, not 0",
    ),
    "x with true": (in_model(X=[True]), "X[0]: must be the name of a regressor"),
    "x with blank": (in_model(X=[" "]), "X[0]: must be the name of a regressor"),
    "label of a number with fraction": (
        in_top(Input={"run": [1.5]}),
        "Input: the labels of 'run' must be text, not 1.5",
    ),
    "no label": (in_top(Input={"task": []}), "Input: 'task' must list at least one label"),
    "empty label": (in_top(Input={"task": [""]}), "Input: 'task' must list at least one label"),
    "input no object": (in_top(Input=["go"]), "Input: must be an object"),
    "negative cut-off": (
        in_options(HighPassFilterCutoffHz=-1),
        "HighPassFilterCutoffHz: must be greater than or equal to 0, not -1",
    ),
    "cut-off as text": (
        in_options(HighPassFilterCutoffHz="128"),
        'HighPassFilterCutoffHz: must be a number, not "128"',
    ),
    "length zero": (in_hrf(Parameters={"Length": 0}), "Parameters.Length: must be greater than 0, not 0"),
    "order with fraction": (
        in_hrf(Parameters={"Order": 2.5}),
        "Parameters.Order: must be a whole number, not 2.5",
    ),
    "order zero": (
        in_hrf(Parameters={"Order": 0}),
        "Parameters.Order: must be greater than or equal to 1, not 0",
    ),
    "delay negative": (
        in_hrf(Parameters={"fir_delays": [-1]}),
        "fir_delays[0]: must be greater than or equal to 0, not -1",
    ),
    "correlation": (in_spm(SerialCorrelation="AR1"), "must be 'AR(1)', 'FAST' or 'none', not \"AR1\""),
    "threshold": (in_spm(InclusiveMaskingThreshold="none"), 'must be a number or "-Inf", not "none"'),
    "threshold true": (in_spm(InclusiveMaskingThreshold=True), 'must be a number or "-Inf", not true'),
    "resolution": (
        in_spm(MicrotimeResolution=0),
        "MicrotimeResolution: must be greater than or equal to 1, not 0",
    ),
    "normalization": (in_spm(GlobalNormalization="yes"), "must be 'None' or 'Scaling', not \"yes\""),
    "orthogonalize": (in_spm(Orthogonalize="no"), "must be true, false, or an object"),
    "orthogonalize object": (in_spm(Orthogonalize={"trial_type.go": 1}), "must be true, false, or an object"),
    "two columns": (
        in_spm(ParametricModulations=[{"Name": "a", "Conditions": ["trial_type.go"], "Values": ["a", "b"]}]),
        'ParametricModulations[0].Values: must be text, not ["a", "b"]',
    ),
    "no condition": (
        in_spm(TimeModulations=[{"Conditions": []}]),
        "TimeModulations[0].Conditions: must have at least 1 item",
    ),
    "noise": (in_nilearn(NoiseModel="ar0"), 'must be "ols", "ar1", "ar2" or a higher order, not "ar0"'),
    "scaling true": (in_nilearn(SignalScaling=True), "must be 0, 1, [0, 1] or false, not true"),
    "scaling list": (in_nilearn(SignalScaling=[1, 0]), "must be 0, 1, [0, 1] or false, not [1, 0]"),
    "reference": (in_nilearn(SliceTimeRef=1.5), "SliceTimeRef: must be less than or equal to 1, not 1.5"),
    "drift": (in_nilearn(DriftModel="none"), 'must be "cosine", "polynomial" or null, not "none"'),
    "test": (in_contrast(Test="skip"), "Contrasts[0].Test: must be 't', 'F' or 'pass', not \"skip\""),
    "fraction": (
        in_contrast(Weights=["1/0", 1]),
        '"1/0" is no weight: give a number or a fraction such as "1/3"',
    ),
    "weight true": (in_contrast(Weights=[True, 1]), "true is no weight"),
    "weight text": (in_contrast(Weights=["one", 1]), '"one" is no weight'),
    "weight null": (in_contrast(Weights=[None, 1]), "null is no weight"),
    "weights mixed": (in_contrast(Weights=[[1, 0], 1]), "Weights: mixes numbers and rows"),
    "weights empty": (in_contrast(Weights=[]), "Weights: must be a list of numbers or a list of such rows"),
    "conditions empty": (in_contrast(ConditionList=[]), "ConditionList: must have at least 1 item"),
    "transformer": (
        in_node(Transformations={"Transformer": "mine", "Instructions": []}),
        "Transformer: must be 'pybids-transforms-v1', not \"mine\"",
    ),
}


@pytest.mark.parametrize(("change", "message"), UNKNOWN_KEYS.values(), ids=UNKNOWN_KEYS)
def test_unknown_key_is_an_error_that_names_place_and_nearest(change: Change, message: str) -> None:
    with pytest.raises(DataError) as caught:
        parsed_document(changed(change), "m.json")
    assert str(caught.value).startswith("m.json: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(("change", "message"), WRONG_VALUES.values(), ids=WRONG_VALUES)
def test_wrong_value_is_an_error_that_names_place_and_what_is_allowed(change: Change, message: str) -> None:
    with pytest.raises(DataError) as caught:
        parsed_document(changed(change), "m.json")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_description_may_stand_in_every_object_of_the_specification() -> None:
    said = {"Description": "why"}
    document = changed(
        in_top(**said),
        in_node(**said),
        in_model(**said),
        in_hrf(**said),
        in_options(**said),
        in_contrast(**said),
    )
    assert parsed_document(document, "m.json").Nodes[0].Model.Description == "why"


def test_letter_case_of_words_does_not_matter() -> None:
    document = changed(
        in_spm(SerialCorrelation="fast", GlobalNormalization="none"),
        in_nilearn(NoiseModel="AR1", DriftModel="Cosine"),
    )
    software = parsed_document(document, "m.json").Nodes[0].Model.Software
    assert software is not None
    assert (software.SPM.SerialCorrelation, software.SPM.GlobalNormalization) == ("FAST", "None")
    assert (software.Nilearn.NoiseModel, software.Nilearn.DriftModel) == ("ar1", "cosine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["Nodes"][0].update(HRF={}), "Nodes[0]: unknown key 'HRF'; it belongs to Model"),
        (lambda d: d["Nodes"][0].update(X=[]), "Nodes[0]: unknown key 'X'; it belongs to Model"),
        (
            lambda d: d["Nodes"][0]["Model"].update(HighPassFilterCutoffHz=0.01),
            "Nodes[0].Model: unknown key 'HighPassFilterCutoffHz'; it belongs to Model.Options",
        ),
        (lambda d: d.update(Level="Run"), "unknown key 'Level'; it belongs to a node, beside Level"),
    ],
)
def test_key_at_a_wrong_place_is_sent_to_its_own(change: Change, message: str) -> None:
    with pytest.raises(DataError) as caught:
        parsed_document(changed(change), "m.json")
    assert message in str(caught.value)
