"""Models of other programs are read as far as they mean the same, and what stops them is named first."""

from copy import deepcopy
from typing import Any

import pytest

from bidsglm.errors import DataError
from bidsglm.model import NO_FILTER
from tests.statsmodel.model_documents import (
    COMPLETE,
    DATASET,
    SUBJECT,
    Change,
    Document,
    changed,
    in_hrf,
    in_model,
    in_node,
    in_top,
    parsed,
    run_node,
    without,
)


def software(**packages: object) -> Change:
    return in_model(Software=packages)


def in_spm(**keys: object) -> Change:
    return software(SPM=keys)


def refusal(*changes: Change) -> str:
    with pytest.raises(DataError) as caught:
        parsed(*changes)
    return str(caught.value)


@pytest.mark.parametrize("name", ["bidspm", "FitLins", "Custom"])
def test_other_programs_are_noted_once(name: str) -> None:
    upper = {**SUBJECT, "Model": {"Type": "glm", "X": [1], "Software": {name: {"Results": []}}}}
    found = parsed(software(**{name: {"any": 1}}), lambda d: d["Nodes"].append(upper))
    assert [note for note in found.notes if name in note] == [
        f"Software of other programs has no effect here: {name}."
    ]
    assert found.spm == parsed(software()).spm


@pytest.mark.parametrize("key", ["SPM12", "spm", "Nilern", "nilearn"])
def test_a_misspelt_package_is_no_other_program(key: str) -> None:
    assert "did you mean" in refusal(software(**{key: {}}))


def test_a_misspelt_setting_stays_an_error() -> None:
    assert "did you mean 'SerialCorrelation'" in refusal(in_spm(SerialCorelation="FAST"))


@pytest.mark.parametrize("key", ["Whitening", "whitening", "WHITENING"])
def test_whitening_is_serial_correlation(key: str) -> None:
    assert parsed(in_spm(**{key: "FAST"})).spm.serial_correlation == "FAST"
    assert "says another thing" in refusal(in_spm(**{key: "FAST", "SerialCorrelation": "AR(1)"}))


@pytest.mark.parametrize(
    ("words", "suffixes"),
    [
        ("none", ("",)),
        ("temporal", ("", "_derivative")),
        ("TemporalAndDispersion", ("", "_derivative", "_dispersion")),
        ("temporal and dispersion", ("", "_derivative", "_dispersion")),
    ],
)
def test_derivatives_in_the_words_of_bidspm(words: str, suffixes: tuple[str, ...]) -> None:
    assert parsed(in_spm(HRFderivatives=words)).hrf.suffixes == suffixes


def test_derivatives_without_an_spm_response_are_noted() -> None:
    found = parsed(
        in_spm(HRFderivatives="Temporal"), lambda d: d["Nodes"][0]["Model"]["HRF"].update(Model="glover")
    )
    assert any("HRFderivatives 'Temporal' has no effect beside glover" in note for note in found.notes)
    assert found.hrf.suffixes == ("",)


def emptied(key: str, value: object) -> Change:
    return lambda d: d["Nodes"][0]["Model"].update({key: value})


@pytest.mark.parametrize("value", [[], {}, None])
@pytest.mark.parametrize("key", ["Software", "Options", "HRF"])
def test_empty_parts_are_as_if_not_there(key: str, value: object) -> None:
    found = parsed(emptied(key, value))
    assert f"Without content, as if not there: {key}." in found.notes
    assert found.x == parsed().x


def test_empty_lists_of_a_node_and_of_the_model() -> None:
    found = parsed(in_node(Transformations=[], DummyContrasts={}, Contrasts=[]), in_top(Edges=[]))
    assert (found.transformations, found.contrasts, found.dummy_contrasts) == ((), (), ())


@pytest.mark.parametrize("labels", ["", [""], [], None])
def test_an_empty_label_is_no_restriction(labels: object) -> None:
    found = parsed(in_top(Input={"task": ["go"], "acquisition": labels, "Description": "all"}))
    assert found.inputs == {"task": ("go",)}
    assert "Input names no label of acquisition: no restriction." in found.notes


@pytest.mark.parametrize("given", [None, {}, []])
def test_input_may_be_missing(given: object) -> None:
    assert parsed(in_top(Input=given)).inputs == {}


def test_a_single_label_needs_no_list() -> None:
    assert parsed(in_top(Input={"task": "go"})).inputs == {"task": ("go",)}


def test_type_and_version_may_be_missing() -> None:
    upper = {**DATASET, "Model": {"X": [1]}}
    found = parsed(
        lambda d: d["Nodes"][0]["Model"].pop("Type"),
        lambda d: d["Nodes"].append(upper),
        lambda d: d.pop("BIDSModelVersion"),
    )
    assert "Model.Type is not given in nodes run, dataset: glm." in found.notes
    assert "BIDSModelVersion is not given: read as 1.0.0." in found.notes


@pytest.mark.parametrize("mask", ["", None, {}, []])
def test_a_mask_without_content_is_none(mask: object) -> None:
    found = parsed(lambda d: d["Nodes"][0]["Model"].setdefault("Options", {}).update(Mask=mask))
    assert found.mask_entities == {}
    assert "Without content, as if not there: Mask." in found.notes


def test_software_may_be_a_list_of_packages() -> None:
    spm, others = {"SPM": {"SerialCorrelation": "FAST"}}, {"bidspm": {}, "Nilearn": {"NoiseModel": "ols"}}
    found = parsed(lambda d: d["Nodes"][0]["Model"].update(Software=[spm, others]))
    assert (found.spm.serial_correlation, found.nilearn.noise_model) == ("FAST", "ols")
    assert "Software is a list: read as one object with a key for each package." in found.notes
    assert "Nodes[0].Model.Software: has 'SPM' twice" in refusal(
        lambda d: d["Nodes"][0]["Model"].update(Software=[spm, spm])
    )


def test_former_name_of_dummy_contrasts() -> None:
    found = parsed(in_node(DummyContrasts={"Conditions": ["trial_type.go"], "Test": "t"}))
    assert found.dummy_contrasts == ("trial_type.go",)
    both = {"Conditions": ["trial_type.go"], "Contrasts": ["trial_type.go"], "Test": "t"}
    assert "leave one of them out" in refusal(in_node(DummyContrasts=both))


def test_dummy_contrasts_may_be_a_list() -> None:
    found = parsed(in_node(DummyContrasts=["trial_type.stop"]))
    assert found.dummy_contrasts == ("trial_type.stop",)
    assert any("DummyContrasts as a list" in note for note in found.notes)


@pytest.mark.parametrize("version", [1, 1.0])
def test_version_may_be_the_number_that_converters_write(version: float) -> None:
    assert parsed(in_top(BIDSModelVersion=version)).x == parsed().x


@pytest.mark.parametrize("version", [True, 2, 0.1])
def test_other_numbers_are_no_version(version: float) -> None:
    assert "BIDSModelVersion" in refusal(in_top(BIDSModelVersion=version))


def test_descriptions_of_any_kind_are_taken() -> None:
    found = parsed(
        in_top(Description=["one", "two"]),
        in_node(Description={"en": "text"}),
        lambda d: (
            d["Nodes"][0]["Model"]
            .setdefault("Options", {})
            .update(Mask={"desc": ["brain"], "suffix": ["mask"], "Description": "the brain"})
        ),
    )
    assert found.mask_entities == {"desc": "brain", "suffix": "mask"}


def test_levels_in_any_letter_case() -> None:
    assert parsed(in_node(Level="run")).x == parsed().x


def test_the_document_is_left_as_it_is() -> None:
    document = changed(software(bidspm={}), in_top(Input={"task": [""]}))
    before = deepcopy(document)
    parsed(lambda d: d.update(document))
    assert document == before


OTHER: Document = {"Transformer": "bidspm", "Instructions": [{"Name": "Concatenate", "Input": ["a", "b"]}]}
FIRST = {
    "steps": ([lambda d: d.update(Steps=d.pop("Nodes"))], "Steps: the form before version 1.0"),
    "blocks": ([lambda d: d.update(blocks=d.pop("Nodes"))], "blocks: the form before version 1.0"),
    "transformer": (
        [in_node(Transformations=OTHER), software(bidspm={}), in_model(Formula="1")],
        "Transformer",
    ),
    "no transformer": ([in_node(Transformations={"Instructions": [{"Name": "Scale"}]})], "missing or empty"),
    "blank transformer": ([in_node(Transformations={"Transformer": ""})], "missing or empty"),
    "formula": ([in_model(Formula="~ 1 + go", X=["nope", 1]), in_node(GroupBy=["what"])], "Formula"),
    "low-pass": ([in_model(Options={"LowPassFilterCutoffHz": 0.1}), in_node(GroupBy=["what"])], "LowPass"),
    "template": ([in_top(Name="{{ cookiecutter.name }}")], "Name: '{{ cookiecutter.name }}' is a blank"),
}


@pytest.mark.parametrize(("changes", "said"), FIRST.values(), ids=FIRST)
def test_the_obstacle_that_counts_is_named_first(changes: list[Change], said: str) -> None:
    assert said in refusal(*changes)


@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("DoubleGamma", "spm"),
        ("doublegamma+derivative", "spm + derivative"),
        ("hrf (with time derivative)", "spm + derivative"),
        ("Gamma functions", "gamma"),
        ("Finite Impulse Response", "fir"),
    ],
)
def test_other_names_of_the_same_response_are_said(name: str, usual: str) -> None:
    more: dict[str, Any] = {"Parameters": {"Length": 12, "Order": 6}} if usual in ("gamma", "fir") else {}
    hrf = {"Variables": ["trial_type.go"], "Model": name, **more}
    found = parsed(in_model(HRF=hrf), without(run_node, "Contrasts"))
    assert f"HRF.Model {name!r} is read as {usual!r}." in found.notes


def test_gamma_alone_says_what_to_write() -> None:
    hrf = {"Variables": ["trial_type.go"], "Model": "Gamma"}
    assert "needs 'Length' (s) and 'Order'; it is SPM's set" in refusal(in_model(HRF=hrf))


NO_CUTOFF = in_model(Options={})


@pytest.mark.parametrize("cosines", ["cosine*", "cosine??", "cosine00", "cos*", "*"])
def test_cosines_in_x_are_the_filter_where_no_cutoff_is_given(cosines: str) -> None:
    x = in_model(X=["trial_type.go", "trial_type.stop", cosines, 1])
    found = parsed(x, NO_CUTOFF)
    assert (found.high_pass, found.own_cosines) == (NO_FILTER, True)
    assert any("they are the high-pass filter, no other" in note for note in found.notes)
    both = parsed(x, in_model(Options={"HighPassFilterCutoffHz": 0.01}))
    assert (both.high_pass, both.own_cosines) == (100.0, False)


def test_without_cosines_the_default_filter_stays() -> None:
    assert parsed(NO_CUTOFF).high_pass == 128.0


def test_complete_document_has_no_note_of_another_dialect() -> None:
    assert not any("read as" in note or "no effect" in note for note in parsed().notes)
    assert changed() == COMPLETE


@pytest.mark.parametrize(
    ("own", "words", "suffixes", "note"),
    [
        ("spm", "Temporal", ("", "_derivative"), "the response has its derivatives, in all packages."),
        ("spm + derivative", "temporal", ("", "_derivative"), ""),
        ("spm + derivative", "none", ("", "_derivative"), ""),
        (
            "spm + derivative",
            "TemporalAndDispersion",
            ("", "_derivative", "_dispersion"),
            "the response has its derivatives, in all packages.",
        ),
    ],
)
def test_derivatives_of_two_sources_are_the_larger_set(
    own: str, words: str, suffixes: tuple[str, ...], note: str
) -> None:
    found = parsed(in_spm(HRFderivatives=words), in_hrf(Model=own))
    assert found.hrf is not None
    assert found.hrf.suffixes == suffixes
    assert [each.partition(": ")[2] for each in found.notes if "HRFderivatives" in each] == [note] * bool(
        note
    )


def test_type_of_a_contrast_is_its_former_test() -> None:
    def former(document: Document) -> None:
        (contrast,) = document["Nodes"][0]["Contrasts"]
        contrast["Type"] = contrast.pop("Test")
        document["Nodes"][0]["DummyContrasts"] = {"Type": "t"}

    found = parsed(former)
    assert (found.contrasts[0].test, found.dummy_contrasts) == ("t", ("trial_type.*",))
    assert "Type of contrasts is read as Test, its present name." in found.notes

    def both(document: Document) -> None:
        document["Nodes"][0]["Contrasts"][0]["Type"] = "F"

    with pytest.raises(DataError, match=r"Nodes\[0\].Contrasts\[0\]: has Test and its former name Type"):
        parsed(both)


def response(model: str, **parameters: object) -> Change:
    return in_hrf(Model=model, Parameters=parameters)


@pytest.mark.parametrize(
    ("change", "suffixes"),
    [
        (response("DoubleGamma", PeakDelay=6, PeakUndershootRatio=6.0), ("",)),
        (response("spm", Derivatives=1), ("", "_derivative")),
        (response("spm + derivative", Derivatives=1, UndershootDelay=16), ("", "_derivative")),
        (response("DoubleGamma", Derivatives=2), ("", "_derivative", "_dispersion")),
        (response("fir", Delays=[0, 1]), ("_delay_0", "_delay_1")),
    ],
)
def test_parameters_of_drafts_are_read_where_they_mean_a_response_that_is_here(
    change: Change, suffixes: tuple[str, ...]
) -> None:
    found = parsed(change)
    assert found.hrf.suffixes == suffixes
    assert any(note.startswith("HRF.Parameters ") for note in found.notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            response("DoubleGamma", PeakDelay=5),
            "Parameters.PeakDelay: is 5, but the double gamma here has SPM's",
        ),
        (response("spm", Derivatives=3), "Parameters.Derivatives: must be 0, 1 "),
        (response("spm + derivative", Derivatives=2), "Derivatives: says another thing than Model"),
    ],
)
def test_other_parameters_of_drafts_are_refused(change: Change, message: str) -> None:
    assert message in refusal(change)


def test_letter_case_of_words_does_not_matter() -> None:
    def capitals(document: Document) -> None:
        document["Nodes"][0]["Model"]["Type"] = "GLM"
        document["Nodes"][0]["Contrasts"][0]["Test"] = "T"

    assert parsed(capitals).contrasts[0].test == "t"
