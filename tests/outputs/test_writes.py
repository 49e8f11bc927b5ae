"""Files get their final names whole, together where they belong together, and nothing else stays."""

import errno
import os
from pathlib import Path

import pytest

from bidsglm.errors import CannotCreateError, ReadWriteError
from bidsglm.outputs import writes
from bidsglm.outputs.confinement import confined_to, is_confined, is_own_name, lies_below, remove_own
from bidsglm.outputs.unchanged import TRIES, Snapshot, snapshot, until_unchanged


def there(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_files_written_together_get_their_names_together_and_the_last_content(tmp_path: Path) -> None:
    writes.write_text(tmp_path / "a", "old")
    with writes.together() as batch:
        for text in ("one", "two"):
            writes.write_text(tmp_path / "a", text)
        writes.write_bytes(tmp_path / "sub" / "b", iter([b"b"]))
        assert (tmp_path / "a").read_text() == "old"
        assert not (tmp_path / "sub" / "b").exists()
        # the first content of a lies nowhere any more
        assert len(there(tmp_path)) == 3
        batch.commit()
        assert there(tmp_path) == {"a": b"two", "sub/b": b"b"}
    assert there(tmp_path) == {"a": b"two", "sub/b": b"b"}
    writes.write_text(tmp_path / "c", "at once")
    assert (tmp_path / "c").exists()


def test_a_failure_among_files_that_belong_together_leaves_none_of_them(tmp_path: Path) -> None:
    writes.write_text(tmp_path / "a", "old")

    def fails() -> None:
        with writes.together():
            writes.write_text(tmp_path / "a", "new")
            writes.write_text(tmp_path / "b", "new")
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert there(tmp_path) == {"a": b"old"}


@pytest.mark.parametrize("first", [None, "b"])
def test_one_file_may_get_its_name_before_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str | None
) -> None:
    order: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append(Path(b).name), replace(a, b)))
    with writes.together() as batch:
        for name in ("a", "b", "c"):
            writes.write_text(tmp_path / name, name)
        batch.commit(tmp_path / first if first else None)
    assert order == (["b", "a", "c"] if first else ["a", "b", "c"])


def test_a_name_that_cannot_be_given_leaves_nothing_half_done(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with writes.together() as batch:
        for name in ("b", "c"):
            writes.write_text(tmp_path / name, name)
        with pytest.raises(ReadWriteError, match="b: cannot be written"):
            batch.commit()
    assert there(tmp_path) == {}


@pytest.mark.parametrize(
    ("number", "error", "remedy"),
    [
        (errno.EACCES, CannotCreateError, "choose an output folder you may write to"),
        (errno.EROFS, CannotCreateError, "choose an output folder you may write to"),
        (errno.ENOSPC, ReadWriteError, "free space or check permissions"),
    ],
)
def test_why_a_file_cannot_be_written_decides_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception], remedy: str
) -> None:
    def refused(self: Path, content: bytes) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refused)
    with pytest.raises(error, match=rf"a: cannot be written \({os.strerror(number)}\); {remedy}"):
        writes.write_text(tmp_path / "a", "text")


def test_a_file_of_every_job_is_written_once_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "README"
    writes.write_shared(path, "text")
    before = path.stat().st_ino
    writes.write_shared(path, "text")
    assert path.stat().st_ino == before
    path.write_text("other")
    writes.write_shared(path, "text")
    assert path.read_text() == "text"


def test_a_file_of_every_job_that_cannot_be_read_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "README"
    path.write_text("text")
    before = path.stat().st_ino

    def fails(self: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fails)
        writes.write_shared(path, "text")
    assert path.stat().st_ino != before


def test_nothing_is_written_through_a_link_that_leads_out(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    (out / "own").mkdir(parents=True)
    elsewhere.mkdir()
    (out / "link").symlink_to(elsewhere)
    (out / "inside").symlink_to(out / "own")
    (out / "circle").symlink_to(out / "circle")
    with confined_to(out):
        for folder in (out, out / "own", out / "inside", elsewhere):
            assert is_confined(folder)
            writes.write_text(folder / "a", "a")
        for folder in (out / "link", out / "link" / "deeper", out / "circle"):
            assert not is_confined(folder)
        with pytest.raises(CannotCreateError, match="link: leads out of the output folder by a link"):
            writes.write_text(out / "link" / "b", "b")
    assert is_confined(out / "link")
    assert there(elsewhere) == {"a": b"a"}


def test_links_in_a_circle_lie_nowhere(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert not lies_below(tmp_path, tmp_path / "circle" / "a")
    assert lies_below(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("sub-01/a.tsv", True),
        ("sub-01_task-x_mask.nii.gz", True),
        ("sub-01/.hidden", False),
        ("sub-01//a", False),
        ("sub-01.html", False),
        ("sub-01/report.html", True),
        ("", False),
    ],
)
def test_names_that_could_be_ours(name: str, own: bool) -> None:
    assert is_own_name(name, "sub-01") is own


def test_a_file_behind_a_link_that_leads_out_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.tsv").write_text("a")
    (tmp_path / "out" / "sub-01").mkdir(parents=True)
    (tmp_path / "out" / "sub-01" / "func").symlink_to(elsewhere)
    remove_own(tmp_path / "out", "sub-01", ["sub-01/func/a.tsv"])
    assert there(elsewhere) == {"a.tsv": b"a"}
    assert "'sub-01/func/a.tsv': is listed among the files of sub-01, but is not one of them" in caplog.text


def test_a_folder_among_the_files_cannot_be_removed_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sub-01" / "a").mkdir(parents=True)
    remove_own(tmp_path, "sub-01", ["sub-01/a"])
    assert (tmp_path / "sub-01" / "a").is_dir()
    assert "cannot be removed" in caplog.text


def test_a_file_is_made_until_what_it_is_made_from_is_unchanged(tmp_path: Path) -> None:
    source, made = tmp_path / "source", []
    source.write_text("0")

    def make() -> None:
        made.append(source.read_text())
        if len(made) < 3:
            source.write_text("0" * (1 + len(made)))

    until_unchanged(make, lambda: snapshot([source, tmp_path / "none"]))
    assert made == ["0", "00", "000"]
    assert list(snapshot([source, tmp_path / "none"])) == [source]


def test_what_never_rests_is_made_a_number_of_times() -> None:
    made: list[int] = []

    def look() -> Snapshot:
        return {Path("a"): (len(made), 0)}

    until_unchanged(lambda: made.append(1), look)
    assert len(made) == TRIES

    def fails() -> None:
        made.append(1)
        raise ValueError("never whole")

    with pytest.raises(ValueError, match="never whole"):
        until_unchanged(fails, look)
    assert len(made) == 2 * TRIES


def test_an_error_counts_when_nothing_has_changed_meanwhile() -> None:
    made: list[int] = []
    states = iter([1, 2, 2])

    def fails_once() -> None:
        made.append(1)
        if len(made) == 1:
            raise ValueError("half written")

    until_unchanged(fails_once, lambda: {Path("a"): (next(states), 0)})
    assert len(made) == 2

    def fails() -> None:
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        until_unchanged(fails, dict)
