"""Files of others: read whole up to a size, or refused in one line with what to do."""

import json
import os
import re
from pathlib import Path

import pytest

from bidsglm import inputs
from bidsglm.errors import LONGEST_LINE, DataError, NoInputError, ReadWriteError, foreseen, one_line
from bidsglm.inputs import (
    INPUT,
    Kind,
    absent_content,
    depth_exceeds,
    file_size,
    json_object,
    read_bytes,
    read_json,
    read_text,
)

OWN = Kind(NoInputError, ReadWriteError, "there is none; look again", "mend it")
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"


def test_a_file_is_read_up_to_its_largest_size_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    assert file_size(path) == 5
    with pytest.raises(DataError) as error:
        read_bytes(path, 4)
    assert str(error.value) == f"{path}: has 5 bytes, more than 4; correct it"


def test_what_is_no_file_is_named_and_never_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, words in (
        (tmp_path, "a folder"),
        (tmp_path / "pipe", "a pipe"),
        (Path(os.devnull), "a device"),
    ):
        with pytest.raises(ReadWriteError, match=f"is {words}, not a file; mend it"):
            file_size(path, OWN)
    assert absent_content(tmp_path / "pipe") == ""


def test_a_missing_file_is_the_error_of_its_kind(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="there is none; look again"):
        file_size(tmp_path / "a", OWN)
    with pytest.raises(ReadWriteError, match="there is no such file; copy it again"):
        file_size(tmp_path / "a")
    with pytest.raises(ReadWriteError, match="cannot be read"):
        file_size(tmp_path / ("a" * 300), OWN)


@pytest.mark.parametrize(
    ("content", "absent"),
    [
        (POINTER, True),
        (b"/annex/objects/SHA256E-s1--0.nii.gz\n", True),
        (POINTER.ljust(inputs.LARGEST_POINTER), True),
        (POINTER.ljust(inputs.LARGEST_POINTER + 1), False),
        (b" " + POINTER, False),
        (b"", False),
    ],
)
def test_a_pointer_has_no_content(tmp_path: Path, content: bytes, absent: bool) -> None:
    path = tmp_path / "bold.nii.gz"
    path.write_bytes(content)
    said = "its content is not here, only a pointer to it; fetch it (datalad get, git annex get) or remove it"
    assert absent_content(path) == said * absent
    if absent:
        with pytest.raises(ReadWriteError, match="only a pointer to it"):
            read_bytes(path)


def test_a_link_that_leads_nowhere_says_where(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("../annex/objects/b")
    with pytest.raises(ReadWriteError, match=r"the link leads nowhere \(\.\./annex/objects/b\); fetch it"):
        file_size(tmp_path / "a", OWN)


def test_text_is_utf_8_with_or_without_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    for mark in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(mark + "ä\n".encode())
        assert read_text(path) == "ä\n"
    path.write_bytes(b"one\ntwo\n\xe4\n")
    with pytest.raises(DataError) as error:
        read_text(path)
    assert str(error.value) == f"{path}: line 3: byte 9 is not UTF-8 text; save it as UTF-8"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,\n}', "line 2: not valid JSON ("),
        ("[1]", "holds no JSON object; correct it"),
        ('{"a": "\\ud800"}', "holds half a character (a lone surrogate); correct it"),
        ('{"a": ' + "[" * 50 + "1" + "]" * 50 + "}", "nested too deeply, over 50 levels; correct it"),
        ('{"a": ' + "[" * 100_000, "nested too deeply, over 50 levels; correct it"),
    ],
)
def test_json_that_cannot_be_used_is_one_line(text: str, said: str) -> None:
    with pytest.raises(DataError) as error:
        json_object(text, Path("a.json"))
    assert str(error.value).startswith(f"a.json: {said}")


def test_json_is_read_as_deep_and_with_numbers_as_long_as_the_limits(tmp_path: Path) -> None:
    deep = '{"a": ' + "[" * 49 + "1" + "]" * 49 + "}"
    assert json_object(deep, Path("a.json")) == json.loads(deep)
    assert json_object('{"a": "\\ud83d\\ude00"}', Path("a.json")) == {"a": "\N{GRINNING FACE}"}
    digits = "9" * inputs.WHOLE_DIGITS
    found = json_object(f'{{"whole": {digits}, "more": {digits}9}}', Path("a.json"))
    assert (type(found["whole"]), type(found["more"])) == (int, float)
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}')
    assert read_json(path, INPUT, 8) == {"a": 1}
    with pytest.raises(DataError, match="more than 7"):
        read_json(path, INPUT, 7)


def test_a_hook_may_refuse_with_the_file_in_front() -> None:
    def refuse(pairs: object) -> object:
        raise ValueError("a key stands there twice")

    with pytest.raises(DataError, match=r"^a\.json: a key stands there twice$"):
        json_object('{"a": 1}', Path("a.json"), object_pairs_hook=refuse)


def test_depth_is_counted_in_objects_and_lists() -> None:
    assert not depth_exceeds(1, 0)
    assert depth_exceeds([1], 0)
    assert not depth_exceeds([], 0)
    assert not depth_exceeds({"a": {"b": 1}}, 2)
    assert depth_exceeds({"a": {"b": [1]}}, 2)


def test_a_message_is_one_line_of_bounded_length() -> None:
    whole = "x" * LONGEST_LINE
    assert one_line(whole) == whole
    cut = one_line("a" * LONGEST_LINE + "b")
    half = LONGEST_LINE // 2
    assert cut == "a" * half + " ... " + "a" * (half - 1) + "b"
    assert one_line("  two \n lines\r\n") == "two lines"


def test_errors_of_the_machine_are_foreseen_and_others_are_not() -> None:
    found = foreseen(OSError(28, "No space left on device", "map.nii"))
    assert isinstance(found, ReadWriteError)
    assert foreseen(OSError(28, "No space left on device")) is None
    assert foreseen(OSError("nothing else")) is None
    memory = foreseen(MemoryError())
    assert memory is not None
    assert memory.exit_code == 75
    assert foreseen(KeyError("a")) is None


SLIPS = {
    "a comma with nothing behind it: take it out": ('{"a": 1,}', '{"a": [1, ]}', '{"a": [1\n,\n]}'),
    "JSON has no comments": ('// x\n{"a": 1}', '{"a": 1 /* x */}', '{\n# x\n"a": 1}', '{"a": // x\n 1}'),
    "names and text stand between double quotes": ("{'a': 1}", "{\u201ca\u201d: 1}", '{"a": \u2018b\u2019}'),
    "JSON writes None as null": ('{"a": None}', "[None, 1]"),
    "JSON writes True as true": ('{"a": True}',),
    "the file is empty": ("", " \n"),
    "it is UTF-16 text": ('{"a": 1}'.encode("utf-16-le").decode("ascii"),),
}


@pytest.mark.parametrize(("said", "text"), [(said, text) for said, texts in SLIPS.items() for text in texts])
def test_what_people_mostly_write_in_place_of_json_is_named(tmp_path: Path, said: str, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(DataError, match=re.escape(said)):
        read_json(path)


def test_words_within_text_are_no_slips(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": "x,] // None" "b"}')
    with pytest.raises(DataError, match="Expecting ',' delimiter"):
        read_json(path)
