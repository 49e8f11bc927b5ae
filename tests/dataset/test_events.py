import csv
from pathlib import Path

import numpy as np
import pytest

from bidsglm.data import Run
from bidsglm.dataset.events import event_values, events_of, read_events, trial_types, trial_types_of
from bidsglm.errors import DataError, ReadWriteError

N_REAL_FILES = 27
"""In the folder of odd real files; fewer would mean that the test looks elsewhere."""
REFUSED = {
    "facerecognition_run-05": "no column trial_type",
    "task-rest_run-002": "no column trial_type",
    "FaceShapeEmotion": "no column trial_type",
    "footnonauto": "no column trial_type",
    "sub-10777_task-trust_run-1": "line 21: onset is NaN",
    "sub-10836_task-ugr_run-1": "line 136: onset is NaN",
}
"""Real files that cannot be modelled as they are, and what is said about them."""


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "sub-01_task-t_events.tsv"
    path.write_bytes(text.encode(encoding))
    return path


def run_with(events: Path) -> Run:
    return Run({}, events.with_name("bold.nii.gz"), events, None, None, 10, 2.0, None)


@pytest.mark.parametrize(
    "text",
    [
        "onset\tduration\ttrial_type\n2\t1\tgo\n1e0\t.5\tgo\n",
        "\ufeffonset\tduration\ttrial_type\r\n2\t1\tgo\r\n1\t0.5\tgo",
        "onset\tduration\ttrial_type\n\n2\t1\tgo\n\t\t\n1.0\t5e-1\tgo\n\n",
        'onset\tduration\ttrial_type\t\n2\t1\t"go"\t\n 1 \t0.5\t go \n',
        "onset\tduration\ttrial_type\trt\n2\t1\tgo\n1\t0.5\tgo\t7\n",
        "onset\tduration\ttrial_type\tduration\n2\t1\tgo\t1\n1\t0.5\tgo\t0.5\n",
    ],
)
def test_the_way_a_table_is_written_does_not_matter(tmp_path: Path, text: str) -> None:
    table = read_events(write(tmp_path, text))
    events = events_of(table, "go")
    assert trial_types_of(table) == ("go",)
    np.testing.assert_array_equal(events.onsets, [1.0, 2.0])
    np.testing.assert_array_equal(events.durations, [0.5, 1.0])


def test_labels_stay_as_written_and_rows_without_one_do_not_count(tmp_path: Path) -> None:
    path = write(
        tmp_path, "onset\tduration\ttrial_type\nn/a\t0\tn/a\n1\t0\t01\n2\t0\tBlick/größer\n3\t0\t1\n"
    )
    assert trial_types_of(read_events(path)) == ("01", "1", "Blick/größer")


def test_duplicate_and_negative_onsets_are_kept_in_file_order(tmp_path: Path) -> None:
    path = write(tmp_path, "onset\tduration\ttrial_type\trt\n1\t1\tgo\t5\n-2\t0\tgo\t6\n1\t2\tgo\t7\n")
    table = read_events(path)
    events = events_of(table, "go")
    np.testing.assert_array_equal(events.onsets, [-2.0, 1.0, 1.0])
    np.testing.assert_array_equal(events.durations, [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(event_values(table, "rt", events, "go"), [6.0, 5.0, 7.0])


def test_only_modelled_events_must_be_complete(tmp_path: Path) -> None:
    table = read_events(write(tmp_path, "onset\tduration\ttrial_type\n1\t1\tgo\nn/a\tn/a\tmissed\n"))
    assert events_of(table, "go").onsets.size == 1
    with pytest.raises(DataError, match=r"events\.tsv: line 3: onset is n/a; give the onset"):
        events_of(table, "missed")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "empty"),
        ("onset,duration,trial_type\n1,1,go\n", "line 1: its columns are separated by commas, not by tabs"),
        ("onset;duration;trial_type\n1;1;go\n", ".*separated by semicolons"),
        ("Onset\tduration\n1\t1\n", r"no column onset .*\(Onset, duration\); did you mean 'Onset'\?; add it"),
        ("onset\ttrial_type\n1\tgo\n", "no column duration"),
        ("onset\tduration\ttrial_type\n1\t1\tgo\textra\n", "line 2: 4 cells under 3"),
        (
            "onset\tduration\ttrial_type\n1\t1\tgo\n5\t1",
            "line 3: ends after 2 of 3 cells, before its trial_type",
        ),
        (
            "onset\tduration\ttrial_type\ttrial_type\n1\t1\tgo\tstop\n",
            "line 1: two columns are called trial_type",
        ),
        ("onset\tduration\ttrial_type\n\n1\tn/a\tgo\n", "line 3: duration is n/a; .*0 for an impulse"),
        ("onset\tduration\ttrial_type\n1\t-1\tgo\n", "line 2: duration -1 s is negative"),
        ("onset\tduration\ttrial_type\ninf\t1\tgo\n", "line 2: onset is inf"),
        ("onset\tduration\ttrial_type\n1,5\t1\tgo\n", "line 2: onset is 1,5"),
    ],
)
def test_table_that_cannot_be_used_is_named_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataError, match=rf"{path.name}: {complaint}"):
        events_of(read_events(path), "go")


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="save it as UTF-8"):
        read_events(write(tmp_path, "onset\tduration\ttrial_type\n1\t1\tgrün\n", "latin-1"))


def test_absent_file_is_a_read_error(tmp_path: Path) -> None:
    with pytest.raises(ReadWriteError, match=r"none\.tsv"):
        read_events(tmp_path / "none.tsv")


def test_trial_types_are_those_of_all_runs(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
    runs = [
        run_with(write(tmp_path / name, f"onset\tduration\ttrial_type\n1\t1\t{name}\n2\t1\tc\n"))
        for name in "ba"
    ]
    assert trial_types(runs) == ("a", "b", "c")


def test_header_without_rows_means_no_events(tmp_path: Path) -> None:
    path = write(tmp_path, "onset\tduration\n")
    assert trial_types_of(read_events(path)) == ()
    with pytest.raises(DataError, match=rf"{path.name}: no events"):
        trial_types([run_with(path)])


def test_odd_real_files_are_read_or_refused_in_one_line(shared_dir: Path) -> None:
    folder = shared_dir / "real-data/events"
    with (folder / "INDEX.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == N_REAL_FILES
    refused: dict[str, str] = {}
    for row in rows:
        expected = set(row["trial_types"].split("|")) - {"", "n/a"}
        try:
            table = read_events(folder / row["file"])
            found = trial_types_of(table)
            for name in found:
                assert events_of(table, name).onsets.size > 0
        except DataError as error:
            refused[row["file"]] = str(error)
        else:
            # the index cuts long lists of trial types short
            assert expected <= set(found)
    assert len(refused) == len(REFUSED)
    for part, complaint in REFUSED.items():
        (file,) = [name for name in refused if part in name]
        assert file in refused[file]
        assert complaint in refused[file]
        assert "\n" not in refused[file]
