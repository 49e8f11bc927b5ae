"""Whatever a summary of strangers says, the group level writes and removes below the output folder only."""

import json
from pathlib import Path
from typing import Any

import pytest

from bidsglm.cli import main
from tests import finished


def outside(root: Path, out: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes() for path in root.rglob("*") if path.is_file() and not path.is_relative_to(out)
    }


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"prefix": "sub-01_task-/../../x"}, 74),
        ({"folder": "../.."}, 74),
        ({"files": ["{root}/thesis.txt", "../../thesis.txt", "../x.txt"]}, 0),
        ({"supplements": {"rois": {"digest": "a", "files": ["../x.txt"]}}}, 74),
        ({"contrasts": [{"name": "go", "label": "../../x", "test": "t"}]}, 74),
    ],
)
def test_hostile_summary_reaches_nothing_outside(tmp_path: Path, changes: dict[str, Any], code: int) -> None:
    out, bids = tmp_path / "results" / "out", tmp_path / "bids"
    for label in ("01", "02", "03"):
        finished.write_participant(out, label, {"go": finished.effects(int(label))})
        (bids / f"sub-{label}").mkdir(parents=True)
    (bids / "dataset_description.json").write_text('{"Name": "a", "BIDSVersion": "1.9.0"}')
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "results" / "x.txt").write_text("mine")
    (path,) = out.glob("sub-01/func/*_summary.json")
    text = json.dumps({**json.loads(path.read_text()), **changes}).replace("{root}", str(tmp_path))
    path.write_text(text)
    before = outside(tmp_path, out)
    assert main([str(bids), str(out), "group", "-q"]) == code
    assert outside(tmp_path, out) == before
    assert list((out / "group").glob("*stat-t*.nii.gz")), "the others make a group"
