"""Conditions with names as long as sentences, as some data sets have them, by the automatic model."""

import json
from pathlib import Path

import pytest

from bidsglm.cli import main
from tests import tiny

LONG = (
    "picture of an object that was studied before and is recognised with high confidence by the participant"
)
CONDITIONS = tuple(f"{LONG}, {answer}" for answer in ("hit", "miss", "false alarm"))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, plain_figures: None) -> Path:
    study = tiny.write_study(tmp_path_factory.mktemp("study"))
    rows = [f"{4 + 12 * i}\t4\t{CONDITIONS[i % 3]}" for i in range(10)]
    for events in study.glob("sub-*/func/*_events.tsv"):
        events.write_text("\n".join(["onset\tduration\ttrial_type", *rows]) + "\n")
    out = study.parent / "out"
    assert main([str(study), str(out), "participant", "-q", "--no-attribution"]) == 0
    assert main([str(study), str(out), "group", "-q"]) == 0
    return out


def test_every_contrast_has_files_that_say_its_whole_name(results: Path) -> None:
    others = [f"{name} - others" for name in CONDITIONS]
    a, b, c = sorted(CONDITIONS)
    expected = {*CONDITIONS, *others, f"{a} - {b}", f"{a} - {c}", f"{b} - {c}"}
    sidecars = list((results / "sub-01").rglob("*_contrast-*_stat-t_desc-spm_statmap.json"))
    assert {json.loads(path.read_text())["ContrastName"] for path in sidecars} == expected
    assert len(sidecars) == len(expected)


def test_names_are_those_that_file_systems_take_and_the_same_for_everybody(results: Path) -> None:
    names = [path.name for path in results.rglob("*")]
    assert max(len(name.encode()) for name in names) <= 255
    maps = {
        participant: {
            path.name.partition("_")[2] for path in (results / f"sub-{participant}").rglob("*_statmap.nii.gz")
        }
        for participant in ("01", "02")
    }
    assert maps["01"] == maps["02"]
    (group,) = results.glob("group/*_desc-group_summary.json")
    assert len(json.loads(group.read_text())["contrasts"]) == 9
