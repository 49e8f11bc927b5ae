"""docs/model.md: each example is read, gives the columns that the page says, and holds what it shows."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bidsglm.cli import main
from bidsglm.settings import Settings
from bidsglm.unit.models import units_with_models
from bidsglm.unit.preparation import prepare
from tests import stop_signal
from tests.conftest import PROJECT

DOCS = PROJECT / "docs"
PAGE = (DOCS / "model.md").read_text(encoding="utf-8")
EXAMPLES = sorted((DOCS / "examples").glob("*_smdl.json"))
LINK = re.compile(r"^\[model-\w+_smdl\.json\]\(examples/(model-\w+_smdl\.json)\)", re.MULTILINE)
NATIVE = "model-native_smdl.json"
"""Written for --settings native."""


def sections() -> dict[str, str]:
    """Example -> what the page says of it, up to the next example or heading."""
    pieces = LINK.split(PAGE)
    return {name: text.split("\n## ")[0] for name, text in zip(pieces[1::2], pieces[2::2], strict=True)}


def shown_columns(text: str) -> tuple[str, ...]:
    """The columns that a section promises."""
    paragraph = re.search(r"^Columns: (.*?)\n\n", text + "\n\n", re.MULTILINE | re.DOTALL)
    assert paragraph, text
    return tuple(re.findall(r"`([^`]+)`", paragraph[1]))


def contained(part: object, whole: object) -> bool:
    """Whether an object stands in a document, at any depth, perhaps with more keys."""
    inside = whole.values() if isinstance(whole, dict) else whole if isinstance(whole, list) else ()
    return same(part, whole) or any(contained(part, value) for value in inside)


def same(part: object, whole: object) -> bool:
    """Whether a document says what a part of it says; a list of objects may have more of them."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and same(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list) and any(isinstance(item, dict) for item in part):
        return all(any(same(item, other) for other in whole) for item in part)
    return part == whole


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stop_signal.write_study(tmp_path_factory.mktemp("study"))


def settings(study: Path, model: Path) -> Settings:
    matching = "native" if model.name == NATIVE else "matched"
    return Settings(study, study.parent / "out", "participant", model=model, matching=matching)


def designs(study: Path, path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Backend and column names of every run's design; its contrasts are resolved on the way."""
    chosen = settings(study, path)
    for unit, model in units_with_models(chosen, "01"):
        for backend, found in prepare(unit, model.specification, chosen.backends).designs.items():
            for design in found:
                yield backend, design.names


def test_page_begins_with_a_whole_model_that_runs(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert first
    path = tmp_path / "pasted_smdl.json"
    path.write_text(first[1], encoding="utf-8")
    assert main([str(study), str(tmp_path / "out"), "participant", "--dry-run", "--model", str(path)]) == 0
    said = capsys.readouterr().out
    assert [f"contrast {name} (t)" in said for name in ("go", "stop", "stop - go")] == [True] * 3
    assert main(["model", "--check", str(path)]) == 0
    assert "Dataset node group: over the participants" in capsys.readouterr().out


def test_page_shows_every_example() -> None:
    assert sorted(sections()) == [path.name for path in EXAMPLES]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_gives_the_columns_of_the_page(study: Path, path: Path) -> None:
    expected = shown_columns(sections()[path.name])
    found = list(designs(study, path))
    assert {backend for backend, _ in found} == {"spm", "nilearn"}
    for _, names in found:
        assert tuple(name for name in names if not name.startswith("drift_")) == expected


def test_example_of_afni_and_fsl_gives_their_columns(study: Path) -> None:
    path = DOCS / "examples" / "model-afniAndFsl_smdl.json"
    chosen = replace(settings(study, path), backends=("spm", "nilearn", "afni", "fsl"))
    expected = shown_columns(sections()[path.name])
    for unit, model in units_with_models(chosen, "01"):
        prepared = prepare(unit, model.specification, chosen.backends)
        for design in prepared.designs["afni"]:
            *columns, constant = expected
            assert design.names == (*columns, *(f"drift_{d}" for d in (1, 2, 3)), constant)
        for design in prepared.designs["fsl"]:
            assert [n for n in design.names if not n.endswith("_derivative")] == [*expected[:-1]]
            assert {"trial_type.go_derivative", "trial_type.stop_derivative"} <= set(design.names)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_holds_what_the_page_shows(path: Path) -> None:
    snippets = re.findall(r"```json\n(.*?)```", sections()[path.name], re.DOTALL)
    assert snippets
    document = json.loads(path.read_text(encoding="utf-8"))
    assert [text for text in snippets if not contained(json.loads(text), document)] == []


def test_sessions_are_apart_or_together_as_the_page_says(study: Path) -> None:
    units = {
        name: [unit.prefix for unit, _ in units_with_models(settings(study, DOCS / "examples" / name), "01")]
        for name in ("model-sessions_smdl.json", "model-together_smdl.json", "model-simple_smdl.json")
    }
    assert len(units["model-sessions_smdl.json"]) == 2
    assert len(units["model-together_smdl.json"]) == len(units["model-simple_smdl.json"]) == 1


@pytest.mark.parametrize("name", ["modulation", "recoded"])
def test_example_is_fitted_to_the_end(
    study: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bidsglm.pages.contrasts.contrast_figures", lambda images: ())
    model = DOCS / "examples" / f"model-{name}_smdl.json"
    code = main([str(study), str(tmp_path), "participant", "-q", "--no-attribution", "--model", str(model)])
    assert code == 0
    contrasts = json.loads(model.read_text(encoding="utf-8"))["Nodes"][0]["Contrasts"]
    assert len(list(tmp_path.rglob("*stat-t_desc-spm_statmap.nii.gz"))) == len(contrasts)
