"""A preprocessed series that is not the raw one is refused, or taken as the command line says."""

import json
from pathlib import Path

import numpy as np
import pytest

from bidsglm.data import Run
from bidsglm.dataset.layout import find_units
from bidsglm.dataset.tables import paradigms
from bidsglm.errors import DataError
from bidsglm.model import ModelSpecification
from tests.dataset import bids_tree as tree

NAME = "sub-01_task-t"
MODEL = ModelSpecification("m", ("trial_type.go", "trans_x"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six preprocessed volumes."""
    root = tree.new_data_set(tmp_path)
    tree.add_run(root, NAME)
    return root


def add_raw(root: Path, n_scans: int, name: str = NAME, **metadata: object) -> Path:
    path = root / "sub-01/func" / f"{name}_bold.nii.gz"
    tree.write_image(path, n_scans=n_scans)
    path.with_suffix("").with_suffix(".json").write_text(json.dumps({"RepetitionTime": 2.0, **metadata}))
    return path


def run(root: Path, **more: object) -> Run:
    (unit,) = find_units(tree.settings(root, **more), {}, {}, "01", True)
    return unit.runs[0]


def onsets(root: Path, **more: object) -> list[float]:
    (unit,) = find_units(tree.settings(root, **more), {}, {}, "01", True)
    return paradigms(unit, MODEL).paradigms[0].conditions[0].onsets.tolist()


def test_shorter_series_is_refused_with_both_counts_and_both_remedies(root: Path) -> None:
    add_raw(root, 9)
    with pytest.raises(DataError, match=r"6 volumes.* 9: .* 6 s late.*--drop-first 3.*--allow-trimmed"):
        run(root)


def test_volumes_cut_at_the_start_move_onsets_by_their_time(root: Path) -> None:
    add_raw(root, 9)
    assert onsets(root, drop_first=3) == [-6.0]
    assert "6 s earlier" in run(root, drop_first=3).notes[0]


def test_onsets_stay_where_the_events_are_already_right(root: Path) -> None:
    add_raw(root, 9)
    assert onsets(root, allow_trimmed=True) == [0.0]
    assert "(--allow-trimmed)" in run(root, allow_trimmed=True).notes[0]


def test_another_number_than_was_cut_is_refused_unless_the_rest_was_cut_elsewhere(root: Path) -> None:
    add_raw(root, 9)
    with pytest.raises(DataError, match="not 2 more"):
        run(root, drop_first=2)
    with pytest.raises(DataError, match="not 4 more"):
        run(root, drop_first=4)
    assert onsets(root, drop_first=2, allow_trimmed=True) == [-4.0]


def test_confounds_as_long_as_the_raw_series_lose_the_same_volumes(root: Path) -> None:
    add_raw(root, 8)
    table = root / "derivatives/fmriprep/sub-01/func" / f"{NAME}_desc-confounds_timeseries.tsv"
    table.write_text("trans_x\n" + "".join(f"{i}\n" for i in range(8)))
    (unit,) = find_units(tree.settings(root, drop_first=2), {}, {}, "01", True)
    np.testing.assert_array_equal(paradigms(unit, MODEL).paradigms[0].confounds[:, 0], np.arange(2, 8))


def test_other_repetition_time_is_refused_with_both(root: Path) -> None:
    add_raw(root, 6, RepetitionTime=1.6)
    with pytest.raises(DataError, match=r"2 s, the raw series one of 1\.6 s"):
        run(root)
    assert run(root, allow_trimmed=True).repetition_time == 2.0


def test_series_that_was_resampled_in_time_is_noted(root: Path) -> None:
    add_raw(root, 12, RepetitionTime=1.0)
    with pytest.raises(DataError, match="6 volumes"):
        run(root)
    add_raw(root, 3, RepetitionTime=4.0)
    assert any("resampled in time" in note for note in run(root).notes)


def test_series_as_long_as_the_raw_one_says_nothing(root: Path) -> None:
    add_raw(root, 6)
    assert run(root).notes == ()


def test_raw_series_that_is_not_here_cannot_be_compared(root: Path) -> None:
    add_raw(root, 6).write_bytes(b"")
    assert run(root).notes == ()


def test_any_echo_of_a_combined_series_is_its_raw_one(root: Path) -> None:
    add_raw(root, 7, f"{NAME}_echo-1")
    with pytest.raises(DataError, match="echo-1_bold"):
        run(root)


def test_another_run_is_not_its_raw_series(root: Path) -> None:
    add_raw(root, 9, f"{NAME}_run-2")
    add_raw(root, 9, f"{NAME}_acq-x")
    assert not any("9" in note for note in run(root).notes)


def test_raw_run_without_a_preprocessed_series_is_told(tmp_path: Path) -> None:
    root = tree.new_data_set(tmp_path)
    for name in ("sub-01_task-t_run-1", "sub-01_task-t_run-02"):
        tree.add_run(root, name)
        add_raw(root, 6, name.replace("run-02", "run-2_echo-1"))
    assert not any("preprocessed" in note for note in run(root).notes)
    for name in ("sub-01_task-t_run-3", "sub-01_task-t_acq-fast_run-3", "sub-01_task-rest_run-3"):
        add_raw(root, 6, name)
    (note,) = (note for note in run(root).notes if "preprocessed" in note)
    assert note.startswith("sub-01_task-t_run-3_bold.nii.gz: of this raw run there is no preprocessed series")
    for chosen in ({"run_labels": ("1", "2")}, {"bids_filters": {"bold": {"task": "t"}}}):
        assert not any("preprocessed" in note for note in run(root, **chosen).notes)
    (unit,) = find_units(tree.settings(root), {"run": ("1", "2")}, {}, "01", True)
    assert not any("preprocessed" in note for note in unit.runs[0].notes)


@pytest.mark.parametrize("by_session", [True, False])
def test_raw_session_without_a_preprocessed_series_is_told_where_sessions_are_one_model(
    tmp_path: Path, by_session: bool
) -> None:
    root = tree.new_data_set(tmp_path)
    tree.add_run(root, "sub-01_ses-a_task-t")
    later = root / "sub-01/ses-b/func/sub-01_ses-b_task-t_bold.nii.gz"
    tree.write_image(later)
    (unit,) = find_units(tree.settings(root), {}, {}, "01", by_session)
    assert [note.startswith(later.name) for note in unit.runs[0].notes] == [True] * (not by_session)
