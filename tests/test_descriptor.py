"""boutiques.json describes the command line as it is, and Boutiques can run it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bidsglm.cli import main
from bidsglm.demo.data_set import Recording, write_demo
from bidsglm.descriptor import descriptor, descriptor_text
from bidsglm.options import build_parser
from tests.conftest import PROJECT

DESCRIPTOR = PROJECT / "boutiques.json"
BIN = Path(sys.executable).parent
SAMPLES = {"File": "/data/a.json", "String": "1", "Flag": True, "Number": 2}


def bosh(*words: object, folder: Path) -> str:
    """What a Boutiques command printed; its records go to the folder."""
    environment = {
        **os.environ,
        "HOME": str(folder),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
    }
    done = subprocess.run(
        [str(BIN / "bosh"), *map(str, words)], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def invocation(folder: Path, **values: Any) -> Path:
    path = folder / "invocation.json"
    path.write_text(json.dumps(values))
    return path


def sample(described: dict[str, Any]) -> Any:
    value = described.get("value-choices", [SAMPLES[described["type"]]])[0]
    return [value] if described.get("list") else value


def test_descriptor_is_fresh() -> None:
    assert DESCRIPTOR.read_text() == descriptor_text(), "the options changed: run make boutiques"


def test_option_prints_the_descriptor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--bids-exec-spec"]) == 0
    assert capsys.readouterr().out == descriptor_text()


def test_descriptor_passes_the_checks_of_a_bids_app(tmp_path: Path) -> None:
    said = bosh("validate", "--bids", DESCRIPTOR, folder=tmp_path)
    assert "BIDS validation OK" in said


def test_every_input_makes_a_command_line_that_the_parser_takes(tmp_path: Path) -> None:
    inputs = {item["id"]: item for item in descriptor()["inputs"] if item["id"] != "output_dir"}
    values = {name: sample(item) for name, item in inputs.items()} | {"scheduler": "tcp://node7:8786"}
    path = invocation(tmp_path, **values)
    said = bosh("exec", "simulate", "-i", path, DESCRIPTOR, folder=tmp_path)
    words = said.split("; bidsglm ")[1].split()
    parsed = vars(build_parser().parse_args(words))
    assert parsed["participant_label"] == ["1"]
    assert parsed["n_procs"] == 2
    flags = [word for word in words if word.startswith("--")]
    assert len(flags) == len(inputs) - 3


def test_error_codes_are_those_of_the_design() -> None:
    assert [item["code"] for item in descriptor()["error-codes"]] == [1, 16, 17, 18, 64, 65, 66, 73, 74, 75]


def test_boutiques_runs_the_demo(tmp_path: Path) -> None:
    demo = write_demo(tmp_path / "demo", 1, Recording(n_runs=1, n_scans=40))
    path = invocation(
        tmp_path,
        bids_dir=str(demo.bids_dir),
        output_dir_name="out",
        analysis_level="participant",
        model=str(demo.model),
        backends=["spm"],
    )
    bosh("exec", "launch", "--no-container", "--skip-data-collection", DESCRIPTOR, path, folder=tmp_path)
    assert "SPM" in (tmp_path / "out" / "sub-01.html").read_text()
