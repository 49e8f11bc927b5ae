"""Whether a script may read a run's own events.tsv, or needs one that is written for it."""

from pathlib import Path

import numpy as np
import pytest

from bidsglm.data import Condition, Modulator, Paradigm
from bidsglm.export.nilearn_tables import events_suffice, naming

EVENTS = "onset\tduration\ttrial_type\n3.0\t1.0\tgo\n1.0\t2.0\tgo\n5.0\t1.0\tother\n"
GO = Condition("go", np.array([1.0, 3.0]), np.array([2.0, 1.0]))


def paradigm(*confounds: str) -> Paradigm:
    return Paradigm(2.0, 10, None, (GO,), confounds, np.zeros((10, len(confounds))))


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.tsv"
    path.write_text(EVENTS, encoding="utf-8")
    return path


def test_events_of_the_model_are_read_where_they_stand(events: Path) -> None:
    assert events_suffice(events, [GO], naming([paradigm("x")], [""]), ["go"])


def test_condition_named_like_a_confound_keeps_its_prefix_and_needs_a_table_of_its_own(events: Path) -> None:
    names = naming([paradigm("go")], [""])
    assert names.column("trial_type.go") == "trial_type.go"
    assert not events_suffice(events, [GO], names, ["go"])


def test_modulated_or_changed_events_need_a_table_of_their_own(events: Path) -> None:
    modulated = Condition("go", GO.onsets, GO.durations, (Modulator("rt", np.ones(2)),))
    moved = Condition("go", GO.onsets + 1, GO.durations)
    names = naming([paradigm("x")], [""])
    assert not events_suffice(events, [modulated], names, ["go"])
    assert not events_suffice(events, [moved], names, ["go"])


@pytest.mark.parametrize("name", ["NA", "null", "None", "nan"])
def test_condition_may_be_named_as_other_programs_write_a_missing_value(tmp_path: Path, name: str) -> None:
    path = tmp_path / "events.tsv"
    path.write_text(EVENTS.replace("go", name), encoding="utf-8")
    condition = Condition(name, GO.onsets, GO.durations)
    names = naming([Paradigm(2.0, 10, None, (condition,), (), np.zeros((10, 0)))], [""])
    assert events_suffice(path, [condition], names, [name])
