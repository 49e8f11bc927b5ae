"""Data sets as people keep them: what is found in each, or what is said of it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import pytest

from bidsglm.data import Unit
from bidsglm.dataset.layout import find_units
from bidsglm.dataset.roots import find_participants
from bidsglm.errors import BidsglmError, DataError
from tests.dataset import bids_tree as tree

FMRIPREP = "derivatives/fmriprep"
RUN = "sub-01_task-t"
UNIT = f"{RUN}_{tree.MNI}"


def units(root: Path, label: str = "01", **more: object) -> tuple[Unit, ...]:
    return find_units(tree.settings(root, **more), {}, {}, label, True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tree.new_data_set(tmp_path / "study")


def only_one(root: Path) -> None:
    tree.add_run(root, RUN)


def session_without_functional_data(root: Path) -> None:
    only_one(root)
    (root / FMRIPREP / "sub-01/ses-2/anat").mkdir(parents=True)


def linked_participant(root: Path) -> None:
    only_one(root)
    away = root.parent / "elsewhere"
    shutil.move(root / FMRIPREP / "sub-01", away)
    (root / FMRIPREP / "sub-01").symlink_to(away)


def annexed(root: Path) -> None:
    """Files are links into .git/annex, and their content is there."""
    only_one(root)
    objects = root / ".git/annex/objects"
    objects.mkdir(parents=True)
    for path in sorted((root / FMRIPREP / "sub-01/func").iterdir()):
        shutil.move(path, objects / f"MD5E-{path.name}")
        path.symlink_to(os.path.relpath(objects / f"MD5E-{path.name}", path.parent))
    (root / ".datalad").mkdir()


def copied_by_a_mac(root: Path) -> None:
    """AppleDouble files beside everything, as exFAT drives have them."""
    only_one(root)
    for path in sorted(root.rglob("*")):
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\26\7")
    (root / ".DS_Store").write_bytes(b"\0")


def uncompressed(root: Path) -> None:
    bold = tree.add_run(root, RUN)
    nib.save(nib.load(bold), bold.with_suffix(""))
    bold.unlink()


def uncompressed_beside(root: Path) -> None:
    bold = tree.add_run(root, RUN)
    nib.save(nib.load(bold), bold.with_suffix(""))


def copies(root: Path) -> None:
    bold = tree.add_run(root, RUN)
    (bold.parent / "old").mkdir()
    for name in (
        f"old_{bold.name}",
        bold.name.replace(".nii", " (1).nii"),
        f"old/{bold.name}",
        f"{bold.name}.bak",
    ):
        shutil.copy(bold, bold.parent / name)


def without_json(root: Path) -> None:
    bold = tree.add_run(root, RUN)
    bold.with_name(bold.name.replace(".nii.gz", ".json")).unlink()


def without_description(root: Path) -> None:
    only_one(root)
    (root / FMRIPREP / "dataset_description.json").unlink()


def reference_image(root: Path) -> None:
    bold = tree.add_run(root, RUN)
    tree.write_image(bold.with_name(f"{RUN}_{tree.MNI}_boldref.nii.gz"), n_scans=0)


def circle_of_links(root: Path) -> None:
    only_one(root)
    (root / FMRIPREP / "sub-01/loop").symlink_to(root / FMRIPREP / "sub-01")
    (root / FMRIPREP / "loop").symlink_to(root)


def native_t1w_and_mni(root: Path) -> None:
    for space in ("", "space-T1w", tree.MNI):
        tree.add_run(root, RUN, space=space)


def events_of_the_participant(root: Path) -> None:
    tree.add_run(root, RUN, events=None)
    (root / "sub-01").mkdir()
    (root / f"sub-01/{RUN}_events.tsv").write_text(tree.EVENTS)


def excel_events(root: Path) -> None:
    tree.add_run(root, RUN, events="\ufeff" + tree.EVENTS.replace("\n", "\r\n"))


def surfaces_beside(root: Path) -> None:
    bold = tree.add_run(root, RUN)
    for name in ("hemi-L_space-fsaverage5_bold.func.gii", "space-fsLR_den-91k_bold.dtseries.nii"):
        (bold.parent / f"{RUN}_{name}").write_text("")


@pytest.mark.parametrize(
    "build",
    [
        session_without_functional_data,
        linked_participant,
        annexed,
        copied_by_a_mac,
        uncompressed,
        uncompressed_beside,
        copies,
        without_json,
        without_description,
        reference_image,
        circle_of_links,
        native_t1w_and_mni,
        events_of_the_participant,
        excel_events,
        surfaces_beside,
    ],
)
def test_one_run_is_found_once_with_its_mask_and_events(root: Path, build: Callable[[Path], None]) -> None:
    build(root)
    assert find_participants(tree.settings(root)) == ("01",)
    (unit,) = units(root)
    (run,) = unit.runs
    assert unit.prefix == UNIT
    assert run.bold.name.startswith(f"{UNIT}_desc-preproc_bold.nii")
    assert run.bold.parent.name == "func"
    assert (run.repetition_time, run.n_scans) == (2.0, 6)
    assert run.mask
    assert run.mask.name == f"{UNIT}_desc-brain_mask.nii.gz"
    assert run.events
    assert run.events.name == f"{RUN}_events.tsv"


def test_compressed_series_is_taken_where_both_forms_are_there(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uncompressed_beside(root)
    assert units(root)[0].runs[0].bold.suffix == ".gz"
    assert "taken for copies and left out: sub-01/func/" in caplog.text


@pytest.mark.parametrize(
    ("runs", "space", "asked", "found"),
    [
        (["ses-1_task-t", "ses-2_task-t"], tree.MNI, (), ["ses-1_task-t", "ses-2_task-t"]),
        (["task-NBack_run-01", "task-NBack_run-2"], tree.MNI, (), ["task-NBack"]),
        (["ses-PRE_task-t_acq-2+3"], tree.MNI, (), ["ses-PRE_task-t_acq-2+3"]),
        (["task-t_rec-a", "task-t_rec-b"], tree.MNI, (), ["task-t_rec-a", "task-t_rec-b"]),
        (["task-1"], "space-MNIPediatricAsym_cohort-2", ("MNIPediatricAsym:cohort-2",), ["task-1"]),
        (["task-t"], f"{tree.MNI}_res-native", (), ["task-t"]),
        (["task-t_dir-AP_run-1", "task-t_dir-PA_run-2"], "space-T1w", ("T1w",), ["task-t"]),
    ],
)
def test_names_with_every_kind_of_entity_make_units(
    root: Path, runs: list[str], space: str, asked: tuple[str, ...], found: list[str]
) -> None:
    for run in runs:
        tree.add_run(root, f"sub-CTRL01_{run}", space=space)
    assert find_participants(tree.settings(root)) == ("CTRL01",)
    made = units(root, "CTRL01", space=asked)
    assert [unit.prefix for unit in made] == [f"sub-CTRL01_{name}_{space}" for name in found]
    assert all(run.mask and f"_{space}_desc-brain" in run.mask.name for unit in made for run in unit.runs)


def test_participants_may_have_sessions_or_none(root: Path) -> None:
    for name in ("sub-01_ses-1_task-t", "sub-02_task-t", "sub-10_ses-1_task-t", "sub-1_task-t"):
        tree.add_run(root, name)
    assert find_participants(tree.settings(root)) == ("01", "02", "1", "10")
    assert [units(root, label)[0].folder for label in ("01", "02", "1")] == [
        "sub-01/ses-1/func",
        "sub-02/func",
        "sub-1/func",
    ]


@pytest.mark.parametrize("name", ["stüdy [2] of*", "a study?", "link"])
def test_paths_may_hold_anything_and_be_links(tmp_path: Path, name: str) -> None:
    root = tree.new_data_set(tmp_path / ("real" if name == "link" else name))
    tree.add_run(root, RUN)
    if name == "link":
        (tmp_path / name).symlink_to(root)
    assert units(tmp_path / name)[0].runs[0].mask


def test_derivatives_outside_may_be_given_by_a_relative_path(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_one(root)
    shutil.move(root / FMRIPREP, root.parent / "prep")
    monkeypatch.chdir(root.parent)
    (unit,) = units(root, derivatives=(Path("prep/"),))
    assert unit.runs[0].sources["bold"].startswith("bids:prep:sub-01/func/")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("sub-01_task-T_events.tsv", r"there is sub-01_task-T_events\.tsv"),
        (f"{RUN}_events.csv", r"there is sub-01_task-t_events\.csv"),
        (f"{RUN}_acq-mb_events.tsv", r"there is sub-01_task-t_acq-mb_events\.tsv"),
        ("", "BIDS_DIR has no folder sub-01"),
    ],
)
def test_missing_events_name_what_there_is_instead(root: Path, raw: str, said: str) -> None:
    tree.add_run(root, RUN, events=None)
    if raw:
        (root / "sub-01/func").mkdir(parents=True)
        (root / "sub-01/func" / raw).write_text(tree.EVENTS)
    with pytest.raises(BidsglmError, match=f"no events for it.*{said}"):
        units(root)


def test_damaged_mask_is_known_before_anything_is_fitted(root: Path) -> None:
    bold = tree.add_run(root, RUN)
    mask = bold.with_name(f"{UNIT}_desc-brain_mask.nii.gz")
    mask.write_bytes(b"")
    with pytest.raises(BidsglmError, match=mask.name):
        units(root)


@pytest.mark.parametrize("database", [False, True])
@pytest.mark.parametrize(
    ("place", "name", "proper"),
    [
        ("derivatives/fmriprep/sub-01/func", f"sub-01_task-t_{tree.MNI}_desc-preproc_bold", ".nii.gz"),
        ("derivatives/fmriprep/sub-01/func", f"sub-01_task-t_{tree.MNI}_desc-brain_mask", ".nii.gz"),
        ("derivatives/fmriprep/sub-01/func", f"sub-01_task-t_{tree.MNI}_desc-preproc_bold", ".json"),
        ("derivatives/fmriprep/sub-01/func", "sub-01_task-t_desc-confounds_timeseries", ".tsv"),
        ("sub-01/func", "sub-01_task-t_events", ".tsv"),
        ("", "task-t_bold", ".json"),
    ],
)
def test_ending_in_capitals_is_told_of_and_a_copy_is_not(
    root: Path, place: str, name: str, proper: str, database: bool
) -> None:
    tree.add_run(root, "sub-01_task-t")
    right = root / place / f"{name}{proper}"
    right.write_bytes(right.read_bytes() if right.exists() else b"{}")
    wrong = right.with_name(f"{name}{proper.upper()}")
    more = {"bids_database_dir": root / "index"} if database else {}
    wrong.touch()
    assert len(units(root)) == 1
    right.rename(wrong)
    with pytest.raises(DataError, match=rf"{wrong.name}: BIDS writes endings .* rename it to {right.name}$"):
        units(root, **more)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("", "sub-01_task-t_run-2_events.tsv.gz"),
        ("", "sub-01_task-t_run-2_events.csv"),
        ("ses-1/func/", "sub-01_ses-1_task-t_run-2_events.tsv"),
    ],
)
def test_what_is_there_in_place_of_events_is_named(root: Path, place: str, name: str) -> None:
    tree.add_run(root, f"{RUN}_run-2", events=None)
    (root / "sub-01" / (place or "func")).mkdir(parents=True)
    (root / "sub-01" / (place or "func") / name).touch()
    if not place:
        tree.add_run(root, f"{RUN}_run-1")
    with pytest.raises(DataError, match=rf"run-2_events.tsv is missing \(there is {place}{name}\)"):
        units(root)
