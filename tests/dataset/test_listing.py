"""Files of a participant: found as pybids finds them, without a look at anybody else's."""

import os
from pathlib import Path
from typing import Any

import pytest

from bidsglm.dataset.database import read_database
from bidsglm.dataset.index import pybids_filters
from bidsglm.dataset.layout import find_units
from bidsglm.dataset.listing import list_files
from tests.dataset import bids_tree as tree

FILTERS: tuple[dict[str, object], ...] = (
    {"suffix": "bold"},
    {"suffix": "bold", "extension": [".nii.gz", ".nii"]},
    {"suffix": "bold", "extension": "nii.gz", "desc": "preproc"},
    {"suffix": "bold", "extension": ".json"},
    {"run": 1},
    {"run": "01"},
    {"run": [2, 10]},
    {"run": None},
    {"run": "*"},
    {"run": [None, 1]},
    {"run": [None, "*"]},
    {"session": "ses-a", "task": ["rest", "t"]},
    {"session": 1},
    {"space": None, "suffix": "bold"},
    {"resolution": "2"},
    {"datatype": "anat"},
    {"datatype": "func", "suffix": "T1w"},
    {"cohort": "1"},
    {"desc": "PREPROC"},
    {"desc": "^pre", "regex_search": True},
    {"desc": ["ain$", "X"], "regex_search": True},
    {"run": "1", "regex_search": True},
    {"suffix": "events", "extension": ".tsv"},
    {"echo": "1"},
    {"task": []},
)
NAMES = (
    "sub-01/ses-a/func/sub-01_ses-a_task-t_run-01_bold.nii.gz",
    "sub-01/ses-a/func/sub-01_ses-a_task-t_run-1_space-MNI_res-2_desc-preproc_bold.nii.gz",
    "sub-01/ses-a/func/sub-01_ses-a_task-t_run-10_desc-preproc_bold.nii",
    "sub-01/ses-a/func/sub-01_ses-a_task-t_run-2_desc-preproc_bold.json",
    "sub-01/ses-a/func/sub-01_ses-a_task-t_run-2_echo-1_bold.nii.gz",
    "sub-01/ses-a/func/sub-01_ses-a_task-t_events.tsv",
    "sub-01/ses-a/anat/sub-01_ses-a_space-MNIInfant_cohort-1_desc-brain_mask.nii.gz",
    "sub-01/ses-a/anat/sub-01_ses-a_T1w.nii.gz",
    "sub-01/ses-a/fmap/sub-01_ses-a_epi.nii.gz",
    "sub-01/ses-1/func/deep/sub-01_ses-1_task-rest_bold.nii.gz",
    "sub-01/ses-1/func/.hidden_bold.nii.gz",
    "sub-01/ses-1/sub-01_ses-1_scans.tsv",
    "sub-01/func/sub-01_task-rest_bold.nii.gz",
    "sub-01/func/notes.txt",
    "sub-01/anat/sub-01_T1w.nii.gz",
    "sub-01/dwi/sub-01_dwi.nii.gz",
    "sub-01/sub-01_task-t_bold.json",
    "sub-01/README",
    "sub-011/func/sub-011_task-t_bold.nii.gz",
    "sub-02/func/sub-02_task-t_bold.nii.gz",
    "sourcedata/sub-01/func/sub-01_task-t_bold.nii.gz",
    "task-t_bold.json",
    "task-t_events.tsv",
    "participants.tsv",
    "atlas_dseg.nii",
    "CHANGES",
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tree.new_data_set(tmp_path_factory.mktemp("data"))
    for name in NAMES:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    (root / "linked").mkdir()
    (root / "linked" / "sub-01_task-linked_bold.nii.gz").write_text("")
    (root / "sub-01/func/more").symlink_to(root / "linked")
    (root / "sub-01/func/sub-01_task-gone_bold.nii.gz").symlink_to(root / "annexed")
    return root


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_files_are_those_that_pybids_finds(study: Path, tmp_path: Path, filters: dict[str, object]) -> None:
    wanted = pybids_filters(filters)
    expected = read_database(study, "01", False, tmp_path).files(wanted)
    assert list_files(study, "01").files(wanted) == expected


def test_filters_tell_files_apart(study: Path) -> None:
    found = {str(filters): list_files(study, "01").files(pybids_filters(filters)) for filters in FILTERS}
    assert len(set(map(tuple, found.values()))) > len(FILTERS) / 2
    assert sum(not paths for paths in found.values()) < 5


def test_label_of_a_folder_above_the_data_set_counts_for_no_file(tmp_path: Path) -> None:
    root = tree.new_data_set(tmp_path / "sub-99" / "func" / "study_task-old")
    tree.add_run(root, "sub-01_task-t")
    found = list_files(root, "01")
    assert [path.name for path in found.files({"task": "t", "suffix": "events"})] == [
        "sub-01_task-t_events.tsv"
    ]
    assert found.files({"task": "old"}) == found.files({"subject": "99"}) == []


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders, as they are looked into."""
    folders: list[Path] = []
    scandir = os.scandir

    def counting(path: Any = ".") -> Any:
        folders.extend([] if isinstance(path, int) else [Path(path)])
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counting)
    return folders


def test_nobody_elses_folder_is_looked_into_for_a_participant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree.new_data_set(tmp_path)
    labels = [f"{i:02d}" for i in range(1, 9)]
    for label in labels:
        tree.add_run(root, f"sub-{label}_task-t")
    for folder in (root, root / "derivatives/fmriprep"):
        os.utime(folder, (1e9, 1e9))
    chosen = tree.settings(root, derivatives=(root / "derivatives/fmriprep",))
    folders = counted(monkeypatch)
    for label in labels:
        find_units(chosen, {}, {}, label, by_session=True)
        seen, others = set(folders), [other for other in labels if other != label]
        assert not [path for path in seen if any(f"sub-{other}" in path.parts for other in others)]
        folders[:] = [path for path in folders if path in (root, root / "derivatives/fmriprep")]
    assert folders.count(root) == 1


def test_file_that_comes_to_the_root_is_found(tmp_path: Path) -> None:
    root = tree.new_data_set(tmp_path)
    tree.add_run(root, "sub-01_task-t")
    os.utime(root, (1e9, 1e9))
    assert not list_files(root, "01").files({"suffix": "bold", "extension": ".json"})
    (root / "task-t_bold.json").write_text("{}")
    assert list_files(root, "01").files({"suffix": "bold", "extension": ".json"})


def test_links_that_lead_back_are_looked_through_once(tmp_path: Path) -> None:
    func = tmp_path / "sub-01/func"
    func.mkdir(parents=True)
    (func / "sub-01_task-x_bold.nii.gz").touch()
    (func / "sub-01_task-y_bold.nii.gz").symlink_to("sub-01_task-y_bold.nii.gz")
    for i in range(12):
        (func / f"link{i}").symlink_to(func)
    assert [path.name for path in list_files(tmp_path, "01").paths] == [
        "sub-01_task-x_bold.nii.gz",
        "sub-01_task-y_bold.nii.gz",
    ]
