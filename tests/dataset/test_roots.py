from pathlib import Path

import pytest

from bidsglm.dataset.roots import dataset_links, find_participants
from bidsglm.errors import InvalidBidsError, NoInputError, NothingMatchedError
from tests.dataset import bids_tree as tree


def test_participants_are_those_with_preprocessed_functional_data(tmp_path: Path) -> None:
    root = tree.new_data_set(tmp_path)
    tree.add_run(root, "sub-02_task-t")
    tree.add_run(root, "sub-01_ses-a_task-t")
    (root / "sub-03/func").mkdir(parents=True)
    (root / "derivatives/fmriprep/sub-04/anat").mkdir(parents=True)
    (root / "derivatives/fmriprep/sub-02.html").write_text("")
    assert find_participants(tree.settings(root)) == ("01", "02")
    assert find_participants(tree.settings(root, participant_labels=("02",))) == ("02",)


def test_label_that_does_not_exist_is_named_with_some_that_do(tmp_path: Path) -> None:
    root = tree.new_data_set(tmp_path)
    tree.add_run(root, "sub-01_task-t")
    with pytest.raises(NothingMatchedError, match=r"--participant-label 99: .* there are 01"):
        find_participants(tree.settings(root, participant_labels=("01", "99")))


def test_absent_data_set_is_no_input(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="no such folder"):
        find_participants(tree.settings(tmp_path / "none"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "missing"),
        ("{", "line 1: not valid JSON"),
        ("[]", "no JSON object"),
        ('{"Name": "x"}', "lacks BIDSVersion"),
    ],
)
def test_broken_description_is_refused_unless_validation_is_skipped(
    tmp_path: Path, content: str | None, complaint: str
) -> None:
    root = tree.new_data_set(tmp_path)
    tree.add_run(root, "sub-01_task-t")
    path = root / "dataset_description.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidBidsError, match=f"dataset_description.json: .*{complaint}"):
        find_participants(tree.settings(root))
    assert find_participants(tree.settings(root, skip_bids_validation=True)) == ("01",)


def test_preprocessed_data_in_place_of_the_raw_ones_are_recognised(tmp_path: Path) -> None:
    root = tree.new_data_set(tmp_path)
    tree.add_run(root, "sub-01_task-t")
    fmriprep = root / "derivatives/fmriprep"
    about = '{"Name": "x", "BIDSVersion": "1.9.0", "DatasetType": "derivative"}'
    (fmriprep / "dataset_description.json").write_text(about)
    with pytest.raises(NoInputError, match="give the raw data set as BIDS_DIR and this folder by --derivat"):
        find_participants(tree.settings(fmriprep))


def test_without_derivatives_the_remedy_is_named(tmp_path: Path) -> None:
    tree.describe(tmp_path)
    with pytest.raises(NoInputError, match="run fMRIPrep or give --derivatives"):
        find_participants(tree.settings(tmp_path))


@pytest.mark.parametrize("generated_by", [[{"Name": "fMRIPrep"}], []])
def test_another_folder_is_taken_when_it_looks_like_fmriprep(
    tmp_path: Path, generated_by: list[dict[str, str]]
) -> None:
    root = tree.new_data_set(tmp_path)
    tree.add_run(root, "sub-01_task-t")
    tree.describe(root / "derivatives/fmriprep", GeneratedBy=generated_by)
    (root / "derivatives/fmriprep").rename(root / "derivatives/preprocessed")
    tree.describe(root / "derivatives/bidsglm", GeneratedBy=[{"Name": "bidsglm"}])
    assert dataset_links(tree.settings(root)) == {
        "raw": root,
        "preprocessed": root / "derivatives/preprocessed",
    }


def test_given_folder_may_hold_the_preprocessed_data_one_level_below(tmp_path: Path) -> None:
    root = tree.new_data_set(tmp_path)
    tree.add_run(root, "sub-01_task-t")
    links = dataset_links(tree.settings(root, derivatives=(root / "derivatives",)))
    assert links["fmriprep"] == root / "derivatives/fmriprep"


def test_folders_of_one_name_get_different_names_in_uris(tmp_path: Path) -> None:
    folders = tuple(tmp_path / place / "fmriprep" for place in ("a", "b"))
    for folder in folders:
        (folder / "sub-01/func").mkdir(parents=True)
    links = dataset_links(tree.settings(tmp_path, derivatives=folders))
    assert links == {"raw": tmp_path, "fmriprep": folders[0], "fmriprep2": folders[1]}
