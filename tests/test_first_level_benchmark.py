"""The benchmark of a participant's run: its tables, and that what it watches is still there."""

import json
from importlib import import_module

from benchmarks.first_level import OF_BACKEND, RUNS, WATCHED, of_size, timed, write_model
from benchmarks.first_level_data import TWELVE, Size, make_dataset, participants
from benchmarks.first_level_tables import Cost, markdown
from bidsglm.backends import BACKENDS


def costs(*cpu: float, **stages: float) -> list[Cost]:
    return [Cost(each, each + 1, 100 * each, stages) for each in cpu]


def test_ratios_are_of_pairs_and_have_their_spread():
    text = markdown("a run", {"nilearn": costs(10, 20, 40), "default": costs(5, 5, 30, page=2.0)})
    whole, page = (line for line in text.splitlines() if "everything" in line or "page |" in line)
    assert "| 5.0 | 0.50 (0.25-0.75) | 6.0 | 3,000 |" in whole
    assert "| 2.0 | 0.10 (0.05-0.20) |  |  |" in page


def test_what_nilearns_side_does_not_do_is_taken_off_the_fit():
    text = markdown("a run", {"nilearn": costs(10), "fit": costs(6, page=1.0, inference=2.0)})
    assert "| 3.0 | 0.30 |" in text


def test_of_several_participants_the_cost_of_each_is_told():
    text = markdown("tiny", {"nilearn": costs(9), "default": costs(6)}, 3)
    assert "| 3.0 |  |" in text
    assert "| 2.0 | 0.67 |" in text


def test_all_stages_that_are_watched_exist():
    for place in WATCHED:
        module, function = place.split(":")
        assert callable(getattr(import_module(module), function))
    for backend in BACKENDS.values():
        assert all(callable(getattr(backend, name)) for name in (*OF_BACKEND, "inference"))


def test_a_stage_inside_another_counts_once(monkeypatch):
    clock = iter([0.0, 1.0, 4.0, 5.5])
    monkeypatch.setattr("benchmarks.first_level.time.process_time", lambda: next(clock))
    stages: dict[str, float] = {}
    timed(timed(lambda: None, stages, "inner"), stages, "outer")()
    assert stages == {"inner": 3.0, "outer": 2.5}


def test_data_of_every_run_can_be_made_smaller_and_have_all_files(tmp_path):
    assert of_size(RUNS["large"], 6).size.shape == (16, 19, 16)
    size = Size((8, 9, 7), 20, 2)
    make_dataset(tmp_path, size)
    assert all(path.exists() for place in participants(tmp_path, size) for path in place)
    document = json.loads(write_model(tmp_path / "twelve.json", TWELVE, False).read_text())
    assert len({each["Name"] for each in document["Nodes"][0]["Contrasts"]}) == 12
