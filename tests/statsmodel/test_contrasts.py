import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from bidsglm.errors import DataError
from bidsglm.model import Hrf, ModelSpecification, ParametricModulation, TimeModulation
from bidsglm.statsmodel.contrasts import LONGEST_LABEL, contrast_label
from bidsglm.statsmodel.resolution import resolve_contrasts
from bidsglm.statsmodel.specification import parse_model, read_document
from tests.statsmodel.model_documents import SETTINGS, Change, in_contrast, in_node, parsed, run_node

COLUMNS = ("trial_type.go", "trial_type.stop", "rot_x", "constant")
GO = {"Name": "go", "ConditionList": ["trial_type.go"], "Weights": [1], "Test": "t"}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("movement - rest", "movementMinusRest"),
        ("a>b", "aGreaterB"),
        ("a > b", "aGreaterB"),
        ("a+b", "aPlusB"),
        ("A \u2212 B", "AMinusB"),
        ("-go", "MinusGo"),
        ("faceGreaterHouse", "faceGreaterHouse"),
        ("goXValue2", "goXValue2"),
        ("false belief question", "falseBeliefQuestion"),
        ("Tapping/Left", "TappingLeft"),
        ("trial_type.go", "trialTypeGo"),
        ("1", "1"),
        ("a__b..c", "aBC"),
        ("Größe", "GroU00DFe"),
        ("é", "e"),
        ("<script>", "scriptGreater"),
        ("???>", "Greater"),
    ],
)
def test_labels_are_letters_and_digits(name: str, label: str) -> None:
    assert contrast_label(name) == label
    assert label.isascii()
    assert label.isalnum()


def test_labels_of_long_names_stay_apart_and_short() -> None:
    stem = "remembered with high confidence, shown in the second half of the second session, " * 3
    labels = [contrast_label(stem + word) for word in ("left", "right")]
    assert [len(label) for label in labels] == [LONGEST_LABEL, LONGEST_LABEL]
    assert labels[0] != labels[1]
    assert labels == [contrast_label(stem + word) for word in ("left", "right")]
    assert labels[0].startswith("rememberedWithHighConfidenceShown")
    # 8 digits, as users find them in the names of files that they made earlier
    assert labels[0][-8:] == hashlib.sha256((stem + "left").encode()).hexdigest()[:8]
    assert labels[0].isalnum()


@pytest.mark.parametrize("name", ["", " ", "???", "_._"])
def test_name_that_leaves_no_label_is_an_error(name: str) -> None:
    with pytest.raises(DataError, match="has neither letter nor digit"):
        contrast_label(name)


BAD = {
    "count": (in_contrast(Weights=[1]), "contrast 'go - stop': 1 Weights for 2 conditions in ConditionList"),
    "count F": (in_contrast(Weights=[[1, 0, 0]], Test="F"), "3 Weights for 2 conditions"),
    "ragged": (
        in_contrast(Weights=[[1, 0], [1]], Test="F"),
        "contrast 'go - stop': rows of Weights differ in length",
    ),
    "rows of t": (
        in_contrast(Weights=[[1, 0], [0, 1]]),
        'a t contrast has one row of Weights, not 2: use Test "F"',
    ),
    "zero": (in_contrast(Weights=[0, "0/3"]), "contrast 'go - stop': all Weights are zero"),
    "zero F": (in_contrast(Weights=[[0, 0], [0, 0]], Test="F"), "contrast 'go - stop': all Weights are zero"),
    "condition twice": (
        in_contrast(ConditionList=["trial_type.go"] * 2),
        "ConditionList names a regressor twice",
    ),
    "no label": (in_contrast(Name="?"), "the contrast name '?' has neither letter nor digit: rename it"),
    "name twice": (
        lambda d: run_node(d)["Contrasts"].append({**GO, "Name": "go - stop"}),
        "Contrasts[1]: a second contrast named 'go - stop': rename it",
    ),
    "label twice": (
        lambda d: run_node(d)["Contrasts"].append({**GO, "Name": "go-stop"}),
        "'go - stop' and 'go-stop' would share the files of label 'goMinusStop': rename one",
    ),
    "dummy F": (in_node(DummyContrasts={"Test": "F"}), 'DummyContrasts.Test: must be "t"'),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_contrasts_are_errors_that_name_them(change: Change, message: str) -> None:
    with pytest.raises(DataError) as caught:
        parsed(change)
    assert str(caught.value).startswith("m.json: Nodes[0].")
    assert message in str(caught.value)


def test_fractions_and_rows_become_weights() -> None:
    rows = [["1/3", "-1/3"], [0, 0.5]]
    contrast = parsed(in_contrast(Weights=rows, Test="F")).contrasts[0]
    assert contrast.test == "F"
    np.testing.assert_array_equal(contrast.weights, [[1 / 3, -1 / 3], [0, 0.5]])


def test_flat_weights_of_an_f_contrast_are_one_row() -> None:
    assert parsed(in_contrast(Test="F")).contrasts[0].weights.shape == (1, 2)


def test_pass_is_estimated_as_t() -> None:
    assert parsed(in_contrast(Test="pass")).contrasts[0].test == "t"


def test_contrast_may_name_the_intercept() -> None:
    specification = parsed(in_contrast(ConditionList=["trial_type.go", 1]))
    assert resolve_contrasts(specification, [COLUMNS])[0][0].conditions == ("trial_type.go", "constant")


def test_regressor_of_some_run_is_enough() -> None:
    contrasts, left_out, notes = resolve_contrasts(
        parsed(), [("trial_type.go", "constant"), ("trial_type.stop", "constant")]
    )
    assert left_out == ()
    assert [contrast.name for contrast in contrasts] == ["go - stop"]
    assert notes == ()


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("trial_type.stp", "no run has a regressor 'trial_type.stp'; did you mean 'trial_type.stop'?"),
        ("stop", "no run has a regressor 'stop'; did you mean 'trial_type.stop'?"),
        ("zebra", "m.json: contrast 'go - stop': no run has a regressor 'zebra'"),
    ],
)
def test_contrast_over_a_regressor_that_is_not_there_is_an_error(missing: str, message: str) -> None:
    specification = parsed(in_contrast(ConditionList=["trial_type.go", missing]))
    with pytest.raises(DataError) as caught:
        resolve_contrasts(specification, [COLUMNS])
    assert message in str(caught.value)


def test_automatic_model_drops_what_a_participant_lacks_with_a_note() -> None:
    dummies = in_node(DummyContrasts={"Test": "t", "Contrasts": ["trial_type.go", "trial_type.stop"]})
    specification = replace(parsed(dummies), automatic=True)
    contrasts, _, notes = resolve_contrasts(specification, [("trial_type.go", "constant")])
    assert [contrast.name for contrast in contrasts] == ["go"]
    assert notes == (
        "Contrast 'go - stop' is left out: no run has 'trial_type.stop'.",
        "Contrast 'stop' is left out: no run has 'trial_type.stop'.",
    )


class Elsewhere:
    """A data set in which somebody has these conditions."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __call__(self, name: str) -> bool:
        return name in self.names


@pytest.mark.parametrize(
    "regressor",
    [
        "trial_type.error",
        "trial_type.error_derivative",
        "trial_type.error_x_rt^1",
        "trial_type.error_x_rt^1_derivative",
        "trial_type.error_x_time^1",
    ],
)
def test_regressor_of_a_condition_that_others_have_is_left_out_with_a_reason(regressor: str) -> None:
    specification = replace(
        parsed(in_contrast(ConditionList=["trial_type.go", regressor])),
        x=("trial_type.*",),
        hrf=Hrf("spm", derivative=True),
        modulations=(ParametricModulation("rt", ("error",), "rt"),),
        time_modulations=(TimeModulation(("error",), 1),),
    )
    contrasts, left_out, notes = resolve_contrasts(specification, [COLUMNS], Elsewhere("trial_type.error"))
    assert contrasts == ()
    assert [(each.name, each.reason) for each in left_out] == [("go - stop", f"no run has '{regressor}'")]
    assert notes[0] == f"Contrast 'go - stop' is left out: no run has '{regressor}'."


def test_dummy_of_a_condition_that_others_have_is_left_out() -> None:
    resolution = resolve_contrasts(with_dummies("trial_type.error"), [COLUMNS], Elsewhere("trial_type.error"))
    assert [each.name for each in resolution.left_out] == ["error"]


@pytest.mark.parametrize(
    ("regressor", "x"),
    [("trial_type.error", ("trial_type.go", "trial_type.stop")), ("trial_type.erorr", ("trial_type.*",))],
    ids=["not in X", "misspelt"],
)
def test_condition_that_x_does_not_name_or_nobody_has_is_an_error(regressor: str, x: tuple[str, ...]) -> None:
    specification = replace(parsed(in_contrast(ConditionList=["trial_type.go", regressor])), x=x)
    with pytest.raises(DataError, match=f"no run has a regressor '{regressor}'; did you mean"):
        resolve_contrasts(specification, [COLUMNS], Elsewhere("trial_type.error"))


def names(specification: ModelSpecification, columns: Sequence[str]) -> list[str]:
    return [contrast.name for contrast in resolve_contrasts(specification, [columns])[0]]


def with_dummies(*patterns: str, hrf: Hrf | None = None) -> ModelSpecification:
    return ModelSpecification(
        "m", ("trial_type.*",), hrf=hrf or Hrf(), dummy_contrasts=patterns, origin="m.json"
    )


@pytest.mark.parametrize("dummies", [True, {"Test": "t"}, {"Test": "pass", "Contrasts": None}])
def test_dummies_of_everything_are_the_conditions_without_confounds_and_constant(dummies: object) -> None:
    assert names(parsed(in_node(DummyContrasts=dummies, Contrasts=[])), COLUMNS) == ["go", "stop"]


@pytest.mark.parametrize("dummies", [False, None])
def test_no_dummies_where_none_are_wanted(dummies: object) -> None:
    assert names(parsed(in_node(DummyContrasts=dummies)), COLUMNS) == ["go - stop"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("trial_type.*", ["go", "stop", "go_on"]),
        ("trial_type.go", ["go"]),
        ("trial_type.go*", ["go", "go_on"]),
        ("trial_type.go_d*", ["go_derivative"]),
        ("trial_type.go_x_rt^1", ["go_x_rt^1"]),
        ("rot_?", ["rot_x"]),
        ("constant", ["constant"]),
        ("*", ["go", "stop", "go_on", "rot_x"]),
    ],
)
def test_dummies_with_derivatives_and_modulators_are_the_main_effects(
    pattern: str, expected: list[str]
) -> None:
    modulated = replace(
        with_dummies(pattern, hrf=Hrf("spm", derivative=True)),
        modulations=(ParametricModulation("rt", ("g*",), "rt", 2),),
        time_modulations=(TimeModulation(("stop",), 1),),
    )
    stems = ["go", "go_x_rt^1", "go_x_rt^2", "stop", "stop_x_time^1", "go_on"]
    columns = [f"trial_type.{stem}{suffix}" for stem in stems for suffix in modulated.hrf.suffixes]
    assert names(modulated, [*columns, "rot_x", "constant"]) == expected


@pytest.mark.parametrize("pattern", ["trial_type.*", "trial_type.go", "trial_type.go_delay_*"])
def test_dummies_of_a_set_are_its_functions(pattern: str) -> None:
    columns = ["trial_type.go_delay_0", "trial_type.go_delay_1", "constant"]
    specification = with_dummies(pattern, hrf=Hrf("fir", length=4.0, order=2))
    assert names(specification, columns) == ["go_delay_0", "go_delay_1"]


def test_dummies_of_conditions_without_prefix_are_their_main_effects() -> None:
    columns = ["gain", "gain_derivative", "trans_x", "trans_x_derivative1", "constant"]
    assert names(with_dummies("trial_type.*", "gain", hrf=Hrf("spm", derivative=True)), columns) == ["gain"]
    delays = Hrf("fir", fir_delays=(0, 1))
    assert names(with_dummies("gain", hrf=delays), ["gain_delay_0", "gain_delay_1", "x"]) == [
        "gain_delay_0",
        "gain_delay_1",
    ]


def test_dummies_of_modulated_sets_are_the_main_effects() -> None:
    specification = replace(
        with_dummies("trial_type.*", hrf=Hrf("gamma", length=32.0, order=1)),
        modulations=(ParametricModulation("rt", ("go",), "rt"),),
    )
    assert names(specification, ["trial_type.go_gamma_1", "trial_type.go_x_rt^1_gamma_1"]) == ["go_gamma_1"]


def test_dummy_that_is_written_out_too_is_not_repeated() -> None:
    assert names(parsed(in_node(DummyContrasts=True, Contrasts=[GO])), COLUMNS) == ["stop", "go"]


def test_dummy_keeps_its_prefix_where_another_contrast_has_its_name() -> None:
    other = {**GO, "Weights": [-1]}
    assert names(parsed(in_node(DummyContrasts=True, Contrasts=[other])), COLUMNS) == [
        "trial_type.go",
        "stop",
        "go",
    ]


def test_dummy_of_an_odd_name_is_taken_literally() -> None:
    columns = ["trial_type.a*", "trial_type.ab", "constant"]
    assert names(with_dummies("trial_type.a*"), columns) == ["a*"]


def test_dummies_without_regressor_are_errors() -> None:
    with pytest.raises(
        DataError, match=r"m\.json: DummyContrasts: no run has a regressor 'trial_type.g'; did you mean"
    ):
        resolve_contrasts(with_dummies("trial_type.g"), [COLUMNS])


def test_dummies_of_a_model_without_conditions_are_noted() -> None:
    contrasts, _, notes = resolve_contrasts(with_dummies("trial_type.*"), [("rot_x", "constant")])
    assert contrasts == ()
    assert notes == ("The model defines no contrast that this design has: no contrast maps.",)


def test_labels_that_collide_after_expansion_are_errors() -> None:
    with pytest.raises(DataError, match="contrasts 'a b' and 'a/b' would share the files of label 'aB'"):
        resolve_contrasts(with_dummies("trial_type.*"), [("trial_type.a b", "trial_type.a/b")])


@pytest.fixture
def reference(shared_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module that writes the models of the reference cases."""
    monkeypatch.syspath_prepend(str(shared_dir / "spm12-reference"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield import_module("common")
    sys.modules.pop("common")


def test_models_of_all_reference_cases_resolve_to_the_contrasts_they_list(
    shared_dir: Path, reference: ModuleType
) -> None:
    cases = sorted((shared_dir / "spm12-reference").glob("*/spec.json"))
    assert len(cases) >= 27
    for case in cases:
        spec = read_document(case)
        layout, first = [], 0
        for run in range(len(spec["sessions"])):  # type: ignore[arg-type]
            columns = reference.run_columns(spec, run)[0]
            layout.append((first, columns))
            first += len(columns)
        listed = reference.run_level_contrasts(spec, layout)[0]
        document = reference.model_json(spec, "task", listed)
        specification = parse_model(document, str(case), SETTINGS)
        contrasts, _, notes = resolve_contrasts(
            specification, [(*columns, "constant") for _, columns in layout]
        )
        assert [contrast.label for contrast in contrasts] == [item["Name"] for item in listed]
        assert all(contrast.name == contrast.label for contrast in contrasts)
        assert notes == ()
        bases = len(reference.suffixes(spec["bases"]))
        assert len(specification.hrf.suffixes) == bases
        assert specification.nilearn.slice_time_ref == (spec["fmri_t0"] - 1) / spec["fmri_t"]  # type: ignore[operator]


def test_a_glob_of_x_that_finds_nothing_has_no_dummy_contrast() -> None:
    specification = ModelSpecification(
        "m", ("trial_type.go", "gain*"), dummy_contrasts=("trial_type.*", "gain*"), convolved=("*",)
    )
    found = resolve_contrasts(specification, [("trial_type.go", "constant")])
    assert [contrast.name for contrast in found.contrasts] == ["go"]
