import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsmschema.models import BIDSStatsModel

from bidsglm.errors import DataError, UsageError
from bidsglm.model import (
    MOTION_PARAMETERS,
    NO_FILTER,
    AfniSettings,
    FslSettings,
    Hrf,
    ModelSpecification,
    NilearnSettings,
    SpmSettings,
)
from bidsglm.settings import Settings
from bidsglm.statsmodel.automatic import automatic_model
from bidsglm.statsmodel.contrasts import LONGEST_LABEL
from bidsglm.statsmodel.resolution import resolve_contrasts
from bidsglm.statsmodel.specification import parse_model, read_model
from tests.statsmodel.model_documents import NATIVE, SETTINGS

ODD = ["Tapping/Left", "Tapping Left", "1", "false belief question", "a*", "ab", "[x]", "?", "-", "左"]
TRIAL_TYPES = {
    "one": ["go"],
    "two": ["B", "A"],
    "three": ["c", "a", "b"],
    "odd": ODD,
    "collisions with comparisons": ["a", "b", "a - b", "a - others"],
}


def specified(trial_types: list[str], settings: Settings = SETTINGS) -> ModelSpecification:
    return parse_model(automatic_model("nback", trial_types, settings), "automatic", settings, automatic=True)


def resolved(specification: ModelSpecification, trial_types: list[str]) -> dict[str, Any]:
    columns = [f"trial_type.{name}" for name in trial_types]
    return {
        c.name: c for c in resolve_contrasts(specification, [(*columns, *MOTION_PARAMETERS, "constant")])[0]
    }


def test_model_is_the_documented_one() -> None:
    specification = specified(["B", "A", "B"])
    assert specification == ModelSpecification(
        name="nback",
        x=("trial_type.A", "trial_type.B", *MOTION_PARAMETERS),
        inputs={"task": ("nback",)},
        by_session=True,
        hrf=Hrf("spm"),
        convolved=("trial_type.A", "trial_type.B"),
        high_pass=128.0,
        contrasts=specification.contrasts,
        dummy_contrasts=("trial_type.A", "trial_type.B"),
        spm=SpmSettings("AR(1)", 0.8),
        nilearn=NilearnSettings("ar1"),
        automatic=True,
        origin="automatic",
    )


def test_two_conditions_are_subtracted() -> None:
    contrasts = resolved(specified(["B", "A"]), ["A", "B"])
    assert list(contrasts) == ["A", "B", "A - B"]
    assert contrasts["A - B"].label == "AMinusB"
    np.testing.assert_array_equal(contrasts["A - B"].weights, [[1, -1]])


OTHERS = ["a - others", "b - others", "c - others"]
PAIRS = ["a - b", "a - c", "b - c"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [(None, OTHERS + PAIRS), ("pairs", OTHERS + PAIRS), ("others", OTHERS), ("none", [])],
)
def test_three_conditions_are_compared_as_chosen(choice: Any, expected: list[str]) -> None:
    contrasts = resolved(specified(["a", "b", "c"], replace(SETTINGS, contrasts=choice)), ["a", "b", "c"])
    assert list(contrasts) == ["a", "b", "c", *expected]
    if expected:
        np.testing.assert_array_equal(contrasts["b - others"].weights, [[-1 / 2, 1, -1 / 2]])
    if "a - c" in expected:
        assert contrasts["a - c"].conditions == ("trial_type.a", "trial_type.c")
        np.testing.assert_array_equal(contrasts["a - c"].weights, [[1, -1]])


@pytest.mark.parametrize(("n", "n_pairs"), [(6, 15), (7, 0)])
def test_pairs_are_offered_up_to_six_conditions(n: int, n_pairs: int) -> None:
    types = [f"c{i}" for i in range(n)]
    assert len(resolved(specified(types), types)) == n + n + n_pairs
    asked = resolved(specified(types, replace(SETTINGS, contrasts="pairs")), types)
    assert len(asked) == 2 * n + n * (n - 1) // 2


@pytest.mark.parametrize(
    ("n", "choice", "said"),
    [
        (1, None, "each condition (--contrasts pairs)"),
        (3, None, "each against the mean of the other 2, and the 3 pairs (--contrasts pairs)"),
        (3, "none", "each condition (--contrasts none)"),
        (7, None, "(--contrasts others; pairs are left out above 6 conditions)"),
        (7, "others", "each against the mean of the other 6 (--contrasts others)"),
    ],
)
def test_document_says_which_contrasts_were_chosen(n: int, choice: Any, said: str) -> None:
    document = automatic_model("nback", [f"c{i}" for i in range(n)], replace(SETTINGS, contrasts=choice))
    assert said in str(document["Description"])


def test_long_names_of_conditions_make_labels_that_file_systems_take() -> None:
    types = [f"{'a picture of a very long description of what is seen ' * 2}{i}" for i in range(4)]
    labels = {contrast.label for contrast in resolved(specified(types), types).values()}
    assert len(labels) == 4 + 4 + 6
    assert max(map(len, labels)) <= LONGEST_LABEL


def test_one_condition_has_one_contrast() -> None:
    assert list(resolved(specified(["go"]), ["go"])) == ["go"]


@pytest.mark.parametrize("trial_types", TRIAL_TYPES.values(), ids=TRIAL_TYPES)
def test_every_condition_and_comparison_survives_with_a_label_of_its_own(trial_types: list[str]) -> None:
    contrasts = resolved(specified(trial_types), trial_types)
    n = len(trial_types)
    n_pairs = n * (n - 1) // 2 if n <= 6 else 0
    assert len(contrasts) == n + {1: 0, 2: 1}.get(n, n + n_pairs)
    assert len({contrast.label for contrast in contrasts.values()}) == len(contrasts)
    alone = {c.conditions[0] for c in contrasts.values() if len(c.conditions) == 1}
    assert alone == {f"trial_type.{name}" for name in trial_types}


@pytest.mark.parametrize("trial_types", TRIAL_TYPES.values(), ids=TRIAL_TYPES)
@pytest.mark.parametrize("settings", [SETTINGS, NATIVE], ids=["matched", "native"])
def test_written_model_means_the_same_when_read_back(
    tmp_path: Path, trial_types: list[str], settings: Settings
) -> None:
    document = automatic_model("nback", trial_types, settings, space="T1w")
    BIDSStatsModel.model_validate(document)
    path = tmp_path / "model-nback_smdl.json"
    path.write_text(json.dumps(document))
    made = parse_model(document, str(path), settings, automatic=True)
    read = replace(read_model(path, settings), automatic=True)
    assert replace(made, contrasts=()) == replace(read, contrasts=())
    for one, other in zip(made.contrasts, read.contrasts, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
        assert replace(one, weights=other.weights) == other


INDEPENDENT = {
    "spm": SpmSettings("none"),
    "nilearn": NilearnSettings("ols"),
    "afni": AfniSettings(noise_model="none"),
    "fsl": FslSettings(prewhitening=False),
}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ({"hrf": "SPM + Derivative"}, {"hrf": Hrf("spm", derivative=True)}),
        ({"hrf": "glover"}, {"hrf": Hrf("glover")}),
        ({"high_pass": 49.0}, {"high_pass": 49.0}),
        ({"high_pass": 0.0}, {"high_pass": NO_FILTER, "afni": AfniSettings(polort=0)}),
        ({"high_pass": NO_FILTER}, {"high_pass": NO_FILTER, "afni": AfniSettings(polort=0)}),
        ({"noise_model": "fast"}, {"spm": SpmSettings("FAST")}),
        ({"noise_model": "AR(1)"}, {}),
        ({"noise_model": "none"}, INDEPENDENT),
        ({"noise_model": "ols"}, INDEPENDENT),
        ({"noise_model": "ar2"}, {"nilearn": NilearnSettings("ar2")}),
        ({"mask_threshold": -NO_FILTER}, {"spm": SpmSettings(mask_threshold=-NO_FILTER)}),
        ({"mask_threshold": 0.5}, {"spm": SpmSettings(mask_threshold=0.5)}),
        ({"confounds": ("csf", "a_comp_cor_0?")}, {"x": ("trial_type.go", "csf", "a_comp_cor_0?")}),
        ({"confounds": ()}, {"x": ("trial_type.go",)}),
        ({"smoothing_fwhm": 6.0}, {"smoothing_fwhm": 6.0}),
    ],
)
def test_override_changes_what_it_names(override: dict[str, Any], expected: dict[str, Any]) -> None:
    plain = specified(["go"])
    specification = specified(["go"], replace(SETTINGS, **override))
    assert replace(specification, notes=()) == replace(plain, **expected)


def test_native_settings_leave_packages_their_defaults_except_for_overrides() -> None:
    plain = specified(["go"], NATIVE)
    assert plain.nilearn == NilearnSettings(slice_time_ref=0.0, hrf=Hrf("glover"), high_pass=100.0)
    given = specified(["go"], replace(NATIVE, hrf="spm", high_pass=90.0))
    assert given.nilearn == NilearnSettings(slice_time_ref=0.0)
    assert given.high_pass == 90.0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"hrf": "sp"}, "--hrf 'sp' is unknown: give one of 'spm'"),
        ({"hrf": "fir"}, "--hrf 'fir' needs HRF.Parameters: write it into a model"),
        ({"high_pass": -1.0}, "--high-pass -1: give a cut-off in seconds"),
        (
            {"high_pass": 0.008},
            "--high-pass 0.008: give a cut-off in seconds, or 0 for no filter (0.008 Hz is a cut-off of 125",
        ),
        ({"noise_model": "arma"}, "--noise-model 'arma' is unknown"),
        ({"mask_threshold": float("nan")}, "--mask-threshold nan: give a share"),
    ],
)
def test_override_that_means_nothing_is_a_usage_error(override: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        automatic_model("nback", ["go"], replace(SETTINGS, **override))
    assert str(caught.value).startswith(message)


def test_events_without_trial_type_are_an_error() -> None:
    with pytest.raises(DataError, match="task-rest: its events name no trial_type"):
        automatic_model("rest", [], SETTINGS)
