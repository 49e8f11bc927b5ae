"""Hostile summaries and config.json: one participant's failure, one line, and always a product.json."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bidsglm.brainlife.run import run
from bidsglm.cli import main
from bidsglm.outputs.summary_form import SummaryForm
from bidsglm.outputs.typed import typed
from tests import finished
from tests.hostile.row import nested
from tests.statsmodel.model_documents import DATASET, changed, nodes

Spoil = Callable[[Path], object]


def with_text(text: str | bytes) -> Spoil:
    return lambda path: path.write_bytes(text if isinstance(text, bytes) else text.encode())


def with_values(**values: Any) -> Spoil:
    def spoil(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return spoil


def without(key: str) -> Spoil:
    def spoil(path: Path) -> None:
        content = json.loads(path.read_text())
        del content[key]
        path.write_text(json.dumps(content))

    return spoil


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


SUMMARIES: dict[str, tuple[Spoil, str]] = {
    "empty": (with_text(""), "cannot be read"),
    "cut off": (with_text('{"status": "finished",'), "cannot be read"),
    "nested deeply": (with_text(nested(100_000)), "nested too deeply"),
    "a list": (with_text("[]"), "not a JSON object"),
    "no UTF-8": (with_text(b'{"a": "\xff"}'), "save it as UTF-8"),
    "half a character": (with_text('{"a": "\\ud800"}'), "half a character"),
    "a pipe": (as_pipe, "is a pipe"),
    **{
        f"without {key}": (without(key), f"has no {key!r}")
        for key in ("prefix", "folder", "contrasts", "entities")
    },
    **{
        f"{key} is {value!r:.30}": (with_values(**{key: value}), "is not as bidsglm")
        for key, value in (
            ("prefix", 5),
            ("prefix", ""),
            ("folder", None),
            ("participant", ["01"]),
            ("participant", "../../x"),
            ("participant", "02"),
            ("entities", []),
            ("entities", {"session": {"a": 1}}),
            ("entities", {"subject": 1}),
            ("backends", "spm"),
            ("backends", []),
            ("backends", [["spm"]]),
            ("backends", ["../spm"]),
            ("contrasts", {}),
            ("contrasts", [5]),
            ("contrasts", [{"name": 1, "label": "go", "test": "t"}]),
            ("contrasts", [{"name": "go", "label": "../go", "test": "t"}]),
            ("contrasts", [{"name": "go", "label": "go", "test": "x"}]),
            ("runs", 5),
            ("configuration", 5),
            ("configuration", {"settings": []}),
            ("configuration", {"smoothing (mm)": "wide"}),
            ("effect_units", {"spm": {}}),
            ("attribution", "closes"),
            ("supplements", [1]),
            ("supplements", {"rois": {"files": 5}}),
            ("model", {}),
            ("automatic", "yes"),
        )
    },
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return finished.write_group(tmp_path_factory.mktemp("results"), 1)


@pytest.mark.parametrize("name", SUMMARIES)
def test_hostile_summary_is_that_participants_failure(
    name: str, results: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, said = SUMMARIES[name]
    out = shutil.copytree(results[1], tmp_path / "out")
    (summary,) = (out / "sub-01").rglob("*_summary.json")
    spoil(summary)
    assert main([str(results[0]), str(out), "group", "--dry-run", "-q"]) == 66
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("bidsglm: ")]
    assert summary.name in line
    assert said in line
    assert "run the participant" in line or "UTF-8" in line
    assert "unexpected" not in line


def test_one_hostile_summary_does_not_stop_the_group(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], plain_figures: None
) -> None:
    bids, out = finished.write_group(tmp_path, 3)
    finished.change_summary(out, "02", contrasts=[{"name": {}, "label": [], "test": 5}])
    assert main([str(bids), str(out), "group"]) == 74
    (line,) = [line for line in capsys.readouterr().err.splitlines() if " ERROR " in line]
    assert "sub-02" in line
    assert (out / "group.html").exists()


def test_summary_that_bidsglm_writes_is_in_form(results: tuple[Path, Path]) -> None:
    (path,) = (results[1] / "sub-01").rglob("*_summary.json")
    assert typed(json.loads(path.read_text()), SummaryForm)["status"] == "finished"


CONFIGS: dict[str, tuple[str | bytes, int, str]] = {
    "empty": ("", 65, "line 1"),
    "a list": ("[]", 65, "no JSON object"),
    "nested deeply": (nested(100_000), 65, "nested too deeply"),
    "no UTF-8": (b'{"bids": "\xff"}', 65, "save it as UTF-8"),
    "half a character": ('{"bids": "\\ud800"}', 65, "half a character"),
    "NUL in a folder": ('{"bids": "a\\u0000b"}', 64, "bids must be text"),
    "folder as object": ('{"bids": {"a": 1}}', 64, "bids must be text"),
    "folder as list of lists": ('{"bids": [["a"]]}', 64, "bids must be text"),
    "no folder": ('{"bids": ""}', 64, "lacks bids"),
    "folder that is not there": ('{"bids": "/nowhere"}', 66, "/nowhere"),
    "unknown key": ('{"bids": "in", "eval": 1}', 64, "eval"),
    "option of an object": ('{"bids": "in", "hrf": {"a": 1}}', 64, "hrf must be text"),
    "smoothing of 1e308": ('{"bids": "in", "smoothing_fwhm": 1e308}', 64, "must not exceed 100"),
    "smoothing of 400 digits": (
        '{"bids": "in", "smoothing_fwhm": 1' + "0" * 400 + "}",
        64,
        "must not exceed",
    ),
    "calibration of 1e9": ('{"bids": "in", "calibrate": 1000000000}', 64, "must not exceed"),
    "words of another option": ('{"bids": "in", "hrf": "--help"}', 64, "--help"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_hostile_config_is_one_line_and_a_product(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, code, said = CONFIGS[name]
    (tmp_path / "config.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert run(tmp_path) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "unexpected" not in line
    shown = json.loads((tmp_path / "product.json").read_text())["brainlife"]
    assert [item["type"] for item in shown] == ["error"]
    assert said in shown[0]["msg"]


def test_product_is_written_although_the_results_are_hostile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out = finished.write_group(tmp_path, 1)
    shutil.copytree(out, tmp_path / "output")
    (summary,) = (tmp_path / "output").rglob("*_summary.json")
    for value in ([], {}, 5, [[]], "x"):
        summary.write_text(
            json.dumps({**json.loads(summary.read_text()), "contrasts": value, "errors": value})
        )
        (tmp_path / "config.json").write_text('{"bids": "/nowhere"}')
        assert run(tmp_path) == 66
        assert json.loads((tmp_path / "product.json").read_text())["meta"]
        (tmp_path / "product.json").unlink()
    assert "unexpected" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("cell", "said"), [("1e400", "no number"), ("1e29", "implausibly large"), ("1_0", "no number")]
)
def test_hostile_covariate_is_named(
    cell: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], plain_figures: None
) -> None:
    bids, out = finished.write_group(tmp_path, 3, age=[cell, 20, 30])
    node = {**DATASET, "Model": {"Type": "glm", "X": [1, "age"]}}
    (out / "model-tap_smdl.json").write_text(json.dumps(changed(nodes(node))))
    assert main([str(bids), str(out), "group"]) == 65
    (line,) = [line for line in capsys.readouterr().err.splitlines() if " ERROR " in line]
    assert "participants.tsv" in line
    assert "age" in line
    assert said in line
