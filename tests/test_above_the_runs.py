"""Nodes above the runs, really fitted: contrasts of contrasts, branches, sessions and groups."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bidsglm.cli import main
from bidsglm.settings import Settings
from bidsglm.unit.models import units_with_models
from bidsglm.unit.summary import fit_digest
from tests import stop_signal

pytestmark = pytest.mark.usefixtures("plain_figures")

LABELS = ("01", "02", "03")
NAMES = {"stop": ["trial_type.stop"], "go": ["trial_type.go"]}


def contrast(name: str, conditions: list[Any], weights: list[Any], test: str = "t") -> dict[str, Any]:
    return {"Name": name, "ConditionList": conditions, "Weights": weights, "Test": test}


def node(level: str, name: str, group_by: list[str], x: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "Level": level,
        "Name": name,
        "GroupBy": group_by,
        "Model": {"Type": "glm", "X": x},
        **more,
    }


def edge(source: str, destination: str, **filters: list[Any]) -> dict[str, Any]:
    return {"Source": source, "Destination": destination, **({"Filter": filters} if filters else {})}


PASS = {"DummyContrasts": {"Test": "t"}}
BOTH = [[1, 0], [0, 1]]
CONDITIONS = ["trial_type.stop", "trial_type.go"]


def run_node() -> dict[str, Any]:
    model = {
        "Type": "glm",
        "X": [*CONDITIONS, "trans_?", 1],
        "HRF": {"Variables": CONDITIONS, "Model": "spm"},
        "Options": {"HighPassFilterCutoffHz": 0.0078125},
    }
    return {
        "Level": "Run",
        "Name": "run",
        "GroupBy": ["run", "session", "subject"],
        "Model": model,
        "Contrasts": [
            contrast("in one", CONDITIONS, [1, -1]),
            contrast("interest", CONDITIONS, BOTH, "F"),
        ],
        "DummyContrasts": {"Test": "t", "Contrasts": CONDITIONS},
    }


def document() -> dict[str, Any]:
    """Three branches: each session; weights over contrasts; what a filter leaves."""
    weighed = [
        contrast("over two", ["stop", "trial_type.go"], [1, -1]),
        contrast("any", ["go", "stop"], BOTH, "F"),
    ]
    return {
        "Name": "branches",
        "BIDSModelVersion": "1.0.0",
        "Input": {"task": ["stopsignal"]},
        "Nodes": [
            run_node(),
            node("Session", "each", ["session", "subject", "contrast"], [1], **PASS),
            node("Subject", "weighed", ["subject"], ["stop", "go"], Contrasts=weighed),
            node(
                "Subject",
                "turned",
                ["subject", "contrast"],
                [1],
                Contrasts=[contrast("turned", [1], [-1])],
            ),
            node("Dataset", "sessions", ["contrast", "session"], [1], **PASS),
            node("Dataset", "people", ["contrast"], [1], **PASS),
            node("Dataset", "signs", ["contrast"], [1], **PASS),
        ],
        "Edges": [
            edge("run", "each", contrast=["stop", "go"]),
            edge("run", "weighed"),
            edge("run", "turned", contrast=["go"]),
            edge("each", "sessions", contrast=["go"]),
            edge("weighed", "people"),
            edge("turned", "signs"),
        ],
    }


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Participants and group, fitted by both packages with the model of three branches."""
    root = tmp_path_factory.mktemp("branches")
    study, out, model = stop_signal.write_study(root, LABELS), root / "out", root / "m_smdl.json"
    model.write_text(json.dumps(document()))
    options = ["-q", "--no-attribution", "--model", str(model)]
    assert main([str(study), str(out), "participant", *options]) == 0
    assert main([str(study), str(out), "group", "-q"]) == 0
    return out


def read(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj)


def maps(out: Path, label: str, contrast: str, stat: str, desc: str, session: str = "") -> np.ndarray:
    folder = out / f"sub-{label}" / (f"ses-{session}/func" if session else "func")
    (path,) = folder.glob(f"*_contrast-{contrast}_stat-{stat}_desc-{desc}_statmap.nii.gz")
    return read(path)


def group_files(out: Path) -> set[str]:
    names = (path.name for path in (out / "group").glob("*_stat-t_desc-spm_statmap.nii.gz"))
    return {name.split("space-")[1].removesuffix("_stat-t_desc-spm_statmap.nii.gz") for name in names}


@pytest.mark.parametrize("desc", ["spm", "nilearn"])
@pytest.mark.parametrize("stat", ["effect", "variance", "t", "p"])
def test_contrast_of_contrasts_is_the_contrast_of_the_runs(results: Path, desc: str, stat: str) -> None:
    for label in LABELS:
        weighed = maps(results, label, "overTwo", stat, desc)
        assert np.isfinite(weighed).any()
        np.testing.assert_array_equal(weighed, maps(results, label, "inOne", stat, desc))


@pytest.mark.parametrize("desc", ["spm", "nilearn"])
def test_f_over_contrasts_is_the_f_of_the_runs(results: Path, desc: str) -> None:
    F = maps(results, "01", "any", "F", desc)
    np.testing.assert_allclose(F, maps(results, "01", "interest", "F", desc), rtol=1e-5)
    assert F.max() > 0


@pytest.mark.parametrize("desc", ["spm", "nilearn"])
def test_multiple_of_each_contrast_is_named_after_both(results: Path, desc: str) -> None:
    np.testing.assert_array_equal(
        maps(results, "02", "goTurned", "t", desc), -maps(results, "02", "go", "t", desc)
    )


def test_sessions_are_fitted_apart_and_together(results: Path) -> None:
    whole = maps(results, "01", "go", "t", "spm")
    apart = [maps(results, "01", "go", "t", "spm", session) for session in stop_signal.SESSIONS]
    assert not any(np.array_equal(whole, one) for one in apart)
    assert all(np.abs(one).max() > 0 for one in apart)


def test_runs_of_a_session_are_not_compared_with_those_of_all(results: Path) -> None:
    assert "participants have 1 to 2 runs" not in (results / "group.html").read_text()


def test_each_dataset_node_takes_what_its_edges_bring(results: Path) -> None:
    space = next((results / "group").glob("*_stat-t_desc-spm*")).name.split("space-")[1].split("_")[0]
    assert group_files(results) == {
        *(f"{space}_ses-{session}_contrast-go_node-sessions" for session in stop_signal.SESSIONS),
        f"{space}_contrast-overTwo_node-people",
        f"{space}_contrast-goTurned_node-signs",
    }


@pytest.mark.parametrize("desc", ["spm", "nilearn"])
def test_group_maps_are_means_of_their_branch(results: Path, desc: str) -> None:
    for session in stop_signal.SESSIONS:
        (path,) = (results / "group").glob(
            f"*_ses-{session}_contrast-go_node-sessions_stat-effect_desc-{desc}*.gz"
        )
        expected = np.mean([maps(results, one, "go", "effect", desc, session) for one in LABELS], axis=0)
        np.testing.assert_allclose(read(path), expected, rtol=1e-5, atol=1e-6)
    (path,) = (results / "group").glob(f"*_contrast-overTwo_node-people_stat-effect_desc-{desc}*.gz")
    expected = np.mean([maps(results, one, "inOne", "effect", desc) for one in LABELS], axis=0)
    np.testing.assert_allclose(read(path), expected, rtol=1e-5, atol=1e-6)


BAD = {
    "unknown contrast": (
        lambda d: d["Nodes"][2]["Model"].update(X=["stop", "goo"]) or d["Nodes"][2].pop("Contrasts"),
        "Nodes[2].Model.X[1]: no contrast is named 'goo'; did you mean 'go'?",
    ),
    "unknown filter": (
        lambda d: d["Edges"][0].update(Filter={"contrast": ["stopp"]}) or d["Edges"][3].pop("Filter"),
        "Edges[0].Filter.contrast: no contrast is named 'stopp'; did you mean 'stop'?",
    ),
    "weights of F": (
        lambda d: (
            d["Nodes"][2]["Model"].update(X=["stop", "interest"]),
            d["Nodes"][2].update(Contrasts=[contrast("a", ["stop", "interest"], [1, 1])]),
        ),
        "Nodes[2].Contrasts[0]: 'interest' is an F contrast, which has no effect to weigh",
    ),
    "several in a mean": (
        lambda d: d["Nodes"][1].update(GroupBy=["session", "subject"]),
        "Nodes[1].GroupBy: without 'contrast' the node would average 2 contrasts (stop, go)",
    ),
    "several runs": (
        lambda d: d["Nodes"][0].update(GroupBy=["subject"]),
        "Nodes[0].GroupBy: the Run node does not group by 'run', but sub-01",
    ),
    "taken name": (
        lambda d: d["Nodes"][2]["Contrasts"][0].update(Name="in one"),
        "Nodes[2].Contrasts[0]: a second contrast named 'in one'",
    ),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_what_the_nodes_cannot_have_is_refused_before_anything_is_fitted(
    tmp_path: Path, change: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    study, model = stop_signal.write_study(tmp_path), tmp_path / "m_smdl.json"
    made = document()
    change(made)
    model.write_text(json.dumps(made))
    options = ["--dry-run", "--model", str(model)]
    assert main([str(study), str(tmp_path / "out"), "participant", *options]) == 65
    assert message in capsys.readouterr().err


def test_column_that_the_group_will_lack_is_said_before_anybody_is_fitted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, model = stop_signal.write_study(tmp_path), tmp_path / "m_smdl.json"
    made = document()
    made["Nodes"][5]["GroupBy"] = ["contrast", "sight"]
    model.write_text(json.dumps(made))
    (study / "participants.tsv").write_text("participant_id\tsite\nsub-01\tnorth\n")
    assert main([str(study), str(tmp_path / "out"), "participant", "--dry-run", "--model", str(model)]) == 0
    said = capsys.readouterr().err
    assert "the group level will not run: " in said
    assert "participants.tsv: has no column 'sight'; did you mean 'site'?" in said


def test_another_filter_before_a_dataset_node_asks_for_no_new_fit(tmp_path: Path) -> None:
    study = stop_signal.write_study(tmp_path)

    def digest(**filters: list[str]) -> str:
        made = document()
        made["Edges"][4] = edge("weighed", "people", **filters)
        path = tmp_path / "m_smdl.json"
        path.write_text(json.dumps(made))
        settings = Settings(study, tmp_path / "out", "participant", model=path)
        unit, model = next(units_with_models(settings, "01"))
        return fit_digest(unit, model.specification, settings)

    assert digest() == digest(contrast=["over two"])


def test_results_from_before_the_choice_of_an_engine_are_not_fitted_again(tmp_path: Path) -> None:
    study, path, texts = stop_signal.write_study(tmp_path), tmp_path / "m_smdl.json", []
    path.write_text(json.dumps(document()))
    settings = Settings(study, tmp_path / "out", "participant", model=path)
    unit, model = next(units_with_models(settings, "01"))

    class Sha256:
        def __init__(self, text: bytes) -> None:
            texts.append(text)

        def hexdigest(self) -> str:
            return ""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashlib, "sha256", Sha256)
        for engine in ("shared", "library"):
            own = replace(model.specification.nilearn, engine=engine)
            fit_digest(unit, replace(model.specification, nilearn=own), settings)
    assert [b'"engine"' in text for text in texts] == [False, True]
