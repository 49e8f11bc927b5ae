import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bidsglm.errors import CannotCreateError, ReadWriteError
from bidsglm.outputs import names as outputs
from bidsglm.outputs.dataset_files import write_dataset_files


def test_missing_numbers_are_null_in_json(tmp_path: Path) -> None:
    outputs.write_json(tmp_path / "j.json", {"a": np.float64("nan"), "b": [np.inf, np.int64(3)]})
    assert json.loads((tmp_path / "j.json").read_text()) == {"a": None, "b": [None, 3]}


def test_failed_write_leaves_the_earlier_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "map.nii.gz"
    outputs.write_bytes(path, b"earlier")

    def full_disk(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(ReadWriteError, match=r"map\.nii\.gz.*No space left"):
        outputs.write_bytes(path, b"later")
    assert path.read_bytes() == b"earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["map.nii.gz"]


def test_a_file_in_pieces_that_fails_in_between_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    outputs.write_bytes(path, iter([b"a\n", b"b\n"]))
    assert path.read_bytes() == b"a\nb\n"

    def pieces() -> Iterator[bytes]:
        yield b"later"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        outputs.write_bytes(path, pieces())
    assert path.read_bytes() == b"a\nb\n"
    assert [p.name for p in tmp_path.iterdir()] == ["table.tsv"]


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotCreateError, match="file/below"):
        outputs.create_folder(tmp_path / "file" / "below")


def test_root_files_are_the_same_from_every_job(tmp_path: Path) -> None:
    for out in ("one", "one", "two"):
        write_dataset_files(tmp_path / out, {"raw": tmp_path})
    names = {p.name for p in (tmp_path / "one").iterdir()}
    assert names == {"dataset_description.json", ".bidsignore", "README.md"}
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    description = json.loads((tmp_path / "one" / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Name"] == "bidsglm"


def test_readme_of_somebody_else_stays_and_our_own_is_renewed(tmp_path: Path) -> None:
    for text, kept in (
        ("# My study\nnotes\n", True),
        ("# bidsglm derivatives\n\nolder text\n", False),
        ("", False),
    ):
        (tmp_path / "README.md").write_text(text)
        write_dataset_files(tmp_path, {})
        assert ((tmp_path / "README.md").read_text() == text) is kept


def test_folder_that_is_a_file_is_the_error_and_not_what_cleaning_up_ran_into(tmp_path: Path) -> None:
    (tmp_path / "code").write_text("a file")
    with pytest.raises(CannotCreateError, match="cannot create this folder"):
        outputs.write_bytes(tmp_path / "code" / "x" / "spm_batch.m", b"")
