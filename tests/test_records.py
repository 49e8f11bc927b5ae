"""Records of the shared vocabulary: what they hold where nothing is said."""

from dataclasses import fields
from pathlib import Path
from typing import Literal

import pytest

from bidsglm import cli
from bidsglm.data import Run
from bidsglm.model import Hrf, ModelSpecification
from bidsglm.settings import Settings
from bidsglm.statsmodel.specification import parse_model

BARE = Settings(Path("bids"), Path("out"), "participant")


def test_settings_by_themselves_are_those_of_a_command_line_without_options(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[Settings] = []
    monkeypatch.setattr(cli, "_run", lambda settings: given.append(settings) or 0)
    cli.main(["bids", "out", "participant"])
    for field in fields(Settings):
        assert getattr(given[0], field.name) == getattr(BARE, field.name), field.name


def test_specification_by_itself_is_that_of_a_model_which_says_nothing() -> None:
    run = {"Level": "Run", "Name": "run", "GroupBy": ["run", "session", "subject"]}
    document = {
        "Name": "m",
        "BIDSModelVersion": "1.0.0",
        "Nodes": [{**run, "Model": {"Type": "glm", "X": ["rot_x"]}}],
    }
    made, bare = parse_model(document, "m.json", BARE), ModelSpecification("m", ("rot_x",))
    for field in fields(ModelSpecification):
        if field.name not in ("notes", "origin"):
            assert getattr(made, field.name) == getattr(bare, field.name), field.name


@pytest.mark.parametrize("name", ["spm", "glover"])
def test_response_of_which_nothing_more_is_said_is_one_function(name: Literal["spm", "glover"]) -> None:
    assert Hrf(name).suffixes == ("",)
    assert Hrf(name) == Hrf(name, derivative=False, dispersion=False)
    assert Hrf() == Hrf("spm")


def test_run_of_which_nothing_is_said_begins_with_its_first_raw_volume_and_needs_no_note() -> None:
    run = Run({}, Path("bold.nii"), None, None, None, 9, 2.0, None)
    assert (run.dropped, run.notes, run.sources) == (0, (), {})
