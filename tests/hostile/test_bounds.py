"""Every number and list of the model language has an upper bound; disks that fail are named."""

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from annotated_types import Le, Lt, MaxLen
from pydantic import PlainValidator
from pydantic.fields import FieldInfo

from bidsglm.cli import main
from bidsglm.dataset.nifti import read_header, volumes
from bidsglm.errors import ReadWriteError, one_line
from bidsglm.inputs import read_json, read_text
from bidsglm.statsmodel import schema
from bidsglm.statsmodel.schema import Part
from tests import tiny

OWN_RULES = {"Weights", "Input", "Mask", "Filter"}
"""Lists that a rule of their own counts, or that are filters of labels, which the model's file bounds."""


def parts() -> Iterator[tuple[str, str, FieldInfo]]:
    for part in vars(schema).values():
        if isinstance(part, type) and issubclass(part, Part) and part is not Part:
            for name, field in part.model_fields.items():
                yield part.__name__, name, field


def holds(annotation: Any, kinds: tuple[type, ...]) -> bool:
    if annotation in kinds or getattr(annotation, "__origin__", None) in kinds:
        return True
    return any(holds(argument, kinds) for argument in get_args(annotation) if not isinstance(argument, str))


def constraints(annotation: Any, metadata: list[Any]) -> set[type]:
    found = {type(item) for item in metadata}
    for item in metadata:
        found |= {type(inner) for inner in getattr(item, "metadata", ())}
    for argument in get_args(annotation):
        inner = list(getattr(argument, "__metadata__", ()))
        found |= constraints(getattr(argument, "__origin__", argument) if inner else argument, inner)
        found |= {type(deep) for field in inner for deep in getattr(field, "metadata", ())}
    return found


FIELDS = list(parts())


@pytest.mark.parametrize(
    ("part", "name", "field"), FIELDS, ids=[f"{part}.{name}" for part, name, _ in FIELDS]
)
def test_every_number_and_list_has_an_upper_bound(part: str, name: str, field: FieldInfo) -> None:
    found = constraints(field.annotation, list(field.metadata))
    if PlainValidator in found:  # a function of its own, with rows in the table
        return
    if holds(field.annotation, (int, float)) and name not in OWN_RULES:
        assert found & {Le, Lt}, f"{part}.{name} has no upper bound: give it one with its reason"
    if holds(field.annotation, (list,)) and name not in OWN_RULES:
        assert MaxLen in found, f"{part}.{name} may be of any length: give it a bound with its reason"


class StaleFile:
    """What a network drive gives when its server has forgotten the file."""

    def __enter__(self) -> "StaleFile":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def read(self, *_: object) -> bytes:
        raise OSError(errno.ESTALE, "Stale file handle")

    readinto = read


def test_stale_handles_of_texts_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sub-01_events.tsv"
    path.write_text("x" * 40_000)
    monkeypatch.setattr(Path, "open", lambda *_, **__: StaleFile())
    for reader in (read_text, read_json):
        with pytest.raises(ReadWriteError, match=r"sub-01_events\.tsv: cannot be read \(Stale file handle\)"):
            reader(path)


def test_stale_handles_of_images_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bold.nii.gz"
    tiny.write_image(path, tiny.brain())
    header = read_header(path)
    monkeypatch.setattr("bidsglm.dataset.nifti._open", lambda _: StaleFile())
    with pytest.raises(ReadWriteError, match=r"bold\.nii\.gz: cannot be read \(Stale file handle\)"):
        list(volumes(header))


def test_folders_whose_disk_fails_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))

    def stale(*_: object, **__: object) -> None:
        raise OSError(errno.ESTALE, "Stale file handle", str(study / "sub-01"))

    monkeypatch.setattr("bidsglm.participant.units_with_models", stale)
    code = main([str(study), str(tmp_path / "out"), "participant", "--backends", "spm"])
    said = capsys.readouterr().err
    assert code == 74
    assert f"{study / 'sub-01'}: Stale file handle" in said
    assert "unexpected" not in said


def test_messages_are_one_line_that_a_terminal_can_show() -> None:
    said = one_line("a\nb\r\n\x1b[2Jc\udcff" + "x" * 10_000)
    assert said.isprintable()
    assert said.startswith(r"a b \x1b[2Jc\udcff")
    assert len(said) < 2_000
