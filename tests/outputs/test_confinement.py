"""Files of ours are removed, with the folders that this leaves empty, and nothing else."""

import logging
from pathlib import Path

import pytest

from bidsglm.outputs.confinement import remove_own


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def left(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_files_and_folders_that_become_empty_go(tmp_path: Path) -> None:
    make(
        tmp_path, "sub-01/func/a.tsv", "sub-01/figures/b.svg", "sub-01/figures/kept.svg", "sub-02/func/a.tsv"
    )
    remove_own(tmp_path, "sub-01", ["sub-01/func/a.tsv", "sub-01/figures/b.svg"])
    assert left(tmp_path) == {
        "sub-01",
        "sub-01/figures",
        "sub-01/figures/kept.svg",
        "sub-02",
        "sub-02/func",
        "sub-02/func/a.tsv",
    }


def test_what_is_gone_already_is_no_trouble_and_its_empty_folder_goes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sub-01/func").mkdir(parents=True)
    with caplog.at_level(logging.WARNING, logger="bidsglm"):
        remove_own(tmp_path, "sub-01", ["sub-01/func/gone.tsv"])
    assert not caplog.records
    assert left(tmp_path) == set()


@pytest.mark.parametrize(
    "name", ["sub-02/func/a.tsv", "../out.tsv", "sub-01/../sub-02/func/a.tsv", "README.md", 5]
)
def test_names_that_cannot_be_ours_stay_and_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: object
) -> None:
    make(tmp_path, "sub-02/func/a.tsv", "README.md", "sub-01/func/a.tsv")
    before = left(tmp_path)
    with caplog.at_level(logging.WARNING, logger="bidsglm"):
        remove_own(tmp_path, "sub-01", [name])
    assert left(tmp_path) == before
    assert "it stays" in caplog.text
