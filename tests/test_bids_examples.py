"""The benchmark on bids-examples: what it makes of empty images, and how it counts."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import PROJECT
from tests.dataset import bids_tree as tree


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bids_examples", PROJECT / "benchmarks/bids_examples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def clone(root: Path) -> Path:
    """Data sets of empty images: one with events, one whose events name no condition, one at rest."""
    for name, events in (("good", tree.EVENTS), ("plain", "onset\tduration\n1\t1\n"), ("rest", None)):
        tree.describe(root / name)
        func = root / name / "sub-01/func"
        func.mkdir(parents=True)
        (func / "sub-01_task-t_bold.nii.gz").write_bytes(b"")
        if events:
            (func / "sub-01_task-t_events.tsv").write_text(events)
    (root / "notes").mkdir()
    return root


def test_task_data_sets_are_tried_and_counted(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bids_examples.py", str(clone(tmp_path))])
    assert benchmark.main() == 1
    good, plain, count = capsys.readouterr().out.splitlines()
    assert good.startswith("ok\tgood\t")
    assert plain.startswith("65\tplain\t")
    assert "no column trial_type" in plain
    assert count.startswith("1 of 2 task data sets")
    assert not list(tmp_path.rglob("derivatives"))
