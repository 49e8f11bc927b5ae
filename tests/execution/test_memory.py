"""--mem: the estimate, and what follows from it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bidsglm.calibration.experiment import SAMPLE
from bidsglm.cli import main
from bidsglm.data import Unit
from bidsglm.execution.memory import Demand, MemoryBound, demand
from bidsglm.settings import Settings
from bidsglm.unit.memory import CALIBRATED, WORKER, Need
from bidsglm.unit.models import Model, units_with_models
from tests import tiny

KIB = 1024
"""Bytes of the unit of largest resident sets on Linux"""
PEAK_OF_CHILD = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_participants_start_only_beside_those_that_leave_them_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bidsglm.execution.memory.demand", lambda *_: Demand(Need(3_000)))
    bound = MemoryBound(Settings(tmp_path, tmp_path, "participant", mem=7_000, n_procs=4))
    assert bound.may_start("01", [])
    assert bound.may_start("02", ["01"])
    assert not bound.may_start("03", ["01", "02"])
    free = MemoryBound(Settings(tmp_path, tmp_path, "participant", n_procs=4))
    assert free.may_start("03", ["01", "02"])


@pytest.mark.parametrize("n_procs", ["1", "2"])
def test_participant_who_does_not_fit_is_one_line_and_in_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], n_procs: str
) -> None:
    study = tiny.write_study(tmp_path)
    out = tmp_path / "out"
    command = [str(study), str(out), "participant", "-q", "--mem", "100M", "--n-procs", n_procs]
    assert main([*command, "--participant-label", "01", "02"]) == 75
    said = capsys.readouterr().err
    for label in ("01", "02"):
        assert re.search(rf"sub-{label}: needs about \d+ MB of memory, more than --mem 100 MB", said)
        assert "more than --mem 100 MB" in (out / f"sub-{label}.html").read_text()
    assert re.search(r"desc-preproc_bold.nii.gz is 9 x 10 x 8 x 70 by its header", said)
    assert not list(out.rglob("*statmap*"))


def test_calibration_and_its_processes_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    base = Settings(study, tmp_path / "out", "participant", attribution=False, n_procs=4)
    plain, calibrated = (
        [demand(replace(base, calibrate=n), "01", alone).need.n_bytes for alone in (False, True)]
        for n in (None, 10)
    )
    assert CALIBRATED == SAMPLE
    assert plain[0] == plain[1] <= calibrated[0]
    assert calibrated[1] - calibrated[0] > 3 * WORKER
    command = [str(study), str(tmp_path / "out"), "participant", "-q", "--mem", "1G", "--n-procs", "4"]
    assert main([*command, "--calibrate", "10"]) == 75
    assert "more than --mem 1.0 GB" in capsys.readouterr().err


@pytest.mark.parametrize("options", [(), ("--mem", "2G")])
def test_files_of_a_participant_are_listed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    study = tiny.write_study(tmp_path)
    listed = []

    def counted(settings: Settings, label: str) -> Iterator[tuple[Unit, Model]]:
        listed.append(label)
        return units_with_models(settings, label)

    for room in ("participant", "execution.memory"):
        monkeypatch.setattr(f"bidsglm.{room}.units_with_models", counted)
    command = [str(study), str(tmp_path / "out"), "participant", "-q", "--backends", "spm", *options]
    assert main(command) == 0
    assert listed == ["01", "02"]


def test_whole_small_run_takes_less_than_estimated(tmp_path: Path) -> None:
    study = tiny.write_study(tmp_path, participants=("01",), runs=("run-1", "run-2"))
    out, backends = tmp_path / "out", ("spm", "nilearn", "afni", "fsl")
    command = [sys.executable, "-m", "bidsglm", str(study), str(out), "participant", "-q", "--n-procs", "2"]
    # from a small process: a new program's peak begins with that of the process that starts it
    measured = [sys.executable, "-c", PEAK_OF_CHILD, *command, "--backends", *backends]
    peak = int(subprocess.run(measured, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1])
    settings = Settings(study, out, "participant", backends=backends, n_procs=2)
    assert peak * KIB <= demand(settings, "01").need.n_bytes


@pytest.mark.parametrize("text", ["0", "-1", "8X", "G", "8GG", "", "500B", "nan"])
def test_bad_size_is_a_usage_error(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bids", "out", "participant", f"--mem={text}"]) == 64
    assert "is not a size such as 8G" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["node7", "tcp://node7", "tcp://:8786", "file:///x", "node7:port"])
def test_bad_address_is_a_usage_error(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bids", "out", "participant", "--scheduler", text]) == 64
    assert "is not an address" in capsys.readouterr().err


def test_boilerplate_only_prints_and_writes_the_methods_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny.write_study(tmp_path)
    model = tmp_path / "model.json"
    model.write_text(json.dumps(tiny.model()))
    out = tmp_path / "out"
    assert main([str(study), str(out), "participant", "-q", "-m", str(model), "--boilerplate-only"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# Methods\n\nData and design were taken from a BIDS data set")
    assert printed.count("# Methods") == 1, "the same model for both participants is told once"
    assert "- Friston KJ, Holmes AP" in printed
    (written,) = [path for path in out.rglob("*") if path.is_file()]
    assert written == out / "logs" / "CITATION.md"
    assert written.read_text() == printed
