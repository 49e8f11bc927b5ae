"""boutiques.json describes the command line as it is, and Boutiques can run it."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bidsglm.cli import main
from bidsglm.descriptor import descriptor, descriptor_text
from bidsglm.options import build_parser
from tests import tiny
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
    return [value] * described.get("min-list-entries", 1) if described.get("list") else value


def test_descriptor_is_fresh() -> None:
    assert DESCRIPTOR.read_text() == descriptor_text(), "the options changed: run make boutiques"


def test_option_prints_the_descriptor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--bids-exec-spec"]) == 0
    assert capsys.readouterr().out == descriptor_text()


def test_descriptor_passes_the_checks_of_a_bids_app(tmp_path: Path) -> None:
    said = bosh("validate", "--bids", DESCRIPTOR, folder=tmp_path)
    assert "BIDS validation OK" in said


def test_every_input_makes_a_command_line_that_the_parser_takes(tmp_path: Path) -> None:
    left = ("output_dir", "output_dir_place")
    inputs = {item["id"]: item for item in descriptor()["inputs"] if item["id"] not in left}
    values = {name: sample(item) for name, item in inputs.items()} | {"scheduler": "tcp://node7:8786"}
    path = invocation(tmp_path, **values)
    said = bosh("exec", "simulate", "-i", path, DESCRIPTOR, folder=tmp_path)
    words = shlex.split(said.split("; bidsglm ")[1])
    parsed = vars(build_parser().parse_args(words))
    assert parsed["participant_label"] == ["1"]
    assert parsed["n_procs"] == 2
    flags = [word for word in words if word.startswith("--")]
    assert len(flags) == len(inputs) - 3


def test_error_codes_are_those_of_the_design() -> None:
    assert [item["code"] for item in descriptor()["error-codes"]] == [1, 16, 17, 18, 64, 65, 66, 73, 74, 75]


@pytest.mark.parametrize("form", ["output_dir", "output_dir_name"])
@pytest.mark.parametrize("name", ["out", "an out; put"])
def test_either_form_of_the_output_folder_alone_makes_a_whole_command(
    tmp_path: Path, form: str, name: str
) -> None:
    given = tmp_path / name
    given.mkdir()
    path = invocation(tmp_path, bids_dir=str(tmp_path), analysis_level="group", **{form: str(given)})
    said = bosh("exec", "simulate", "-i", path, DESCRIPTOR, folder=tmp_path)
    words = shlex.split(said.split("\n", 1)[1], comments=False)
    assert words[:3] == ["mkdir", "-p", f"{given};"]
    assert words[3:] == ["bidsglm", str(tmp_path), str(given), "group"]


def test_boutiques_launches_both_levels(tmp_path: Path) -> None:
    study = tiny.write_study(tmp_path, participants=("01", "02"))
    common = {"bids_dir": str(study), "no_attribution": True, "skip_bids_validation": True}
    first = {"output_dir_name": "out", "analysis_level": "participant", **common}
    second = {"output_dir": str(tmp_path / "out"), "analysis_level": "group", **common}
    launch = ("exec", "launch", "--no-container", "--skip-data-collection", DESCRIPTOR)
    bosh(*launch, invocation(tmp_path, **first), folder=tmp_path)
    assert "SPM" in (tmp_path / "out" / "sub-01.html").read_text()
    bosh(*launch, invocation(tmp_path, **second), folder=tmp_path)
    assert list((tmp_path / "out/group").glob("*_stat-t_desc-spm_statmap.nii.gz"))
