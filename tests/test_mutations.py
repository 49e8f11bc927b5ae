"""The script that counts which mistakes the tests notice makes mistakes where something is computed."""

import ast
from pathlib import Path

import pytest

from benchmarks import mutate


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a + b", {"a - b", "a"}),
        ("a @ b", set()),
        ("a ** 2", {"a * 2"}),
        ("a < b", {"a <= b", "a > b"}),
        ("a | b", {"a & b", "a"}),
        ("str | int | None", set()),
        ("a and b", {"a or b", "a"}),
        ("not a", {"a"}),
        ("-a", {"a"}),
        ("3", {"4"}),
        ("True", {"False"}),
        ("0.5", {"0.75"}),
        ("'words'", set()),
    ],
)
def test_mistakes_of_an_expression(before: str, after: set[str]) -> None:
    node = ast.parse(before, mode="eval").body
    assert {ast.unparse(other) for other in mutate.rewritten(node)} == after


def test_annotations_docstrings_and_f_strings_stay_as_they_are() -> None:
    tree = ast.parse('def f(x: int | None = 1) -> "a + b":\n    """1 + 1"""\n    return f"{x + 1}"\n')
    assert [ast.unparse(node) for node in mutate.expressions(tree) if [*mutate.rewritten(node)]] == ["1"]


def test_strictness_of_zip_is_no_mistake_to_make() -> None:
    tree = ast.parse("zip(a, b, strict=True)")
    assert not [node for node in mutate.expressions(tree) if [*mutate.rewritten(node)]]


def test_every_mistake_of_a_file_is_a_program_and_changes_its_line() -> None:
    path = Path("bidsglm/spm/reml.py")
    source = (mutate.PROJECT / path).read_bytes()
    found = [*mutate.mistakes(path)]
    assert len(found) > 100
    for mistake in found[::25]:
        changed = source[: mistake.start] + mistake.after.encode() + source[mistake.stop :]
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source)), str(mistake)
        assert source[: mistake.start].count(b"\n") + 1 == mistake.line


def test_mistakes_are_drawn_evenly_over_rooms_and_the_same_for_a_seed() -> None:
    paths = mutate.chosen_files(["spm", "agreement"])
    found = mutate.drawn(paths, 20, 3)
    assert [mutate.room_of(mistake.path) for mistake in found].count("spm") == 10
    assert found == mutate.drawn(paths, 20, 3) != mutate.drawn(paths, 20, 4)


def test_mistakes_that_change_nothing_are_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = [Path("bidsglm/spm/reml.py")]
    known = mutate.drawn(path, 1, 5)[0]
    text = f"{known.change}  # for no reason\n# a line of words\n"
    (tmp_path / "equivalent.txt").write_text(text, encoding="utf-8")
    monkeypatch.setattr(mutate, "EQUIVALENT", tmp_path / "equivalent.txt")
    assert mutate.equivalent() == {known.change}
    assert known.change not in {found.change for found in mutate.drawn(path, 10_000, 5)}


def test_each_mistake_that_changes_nothing_can_still_be_made_and_has_its_reason() -> None:
    lines = mutate.EQUIVALENT.read_text(encoding="utf-8").splitlines()
    listed = [line.rpartition("  # ") for line in lines if not line.startswith("#")]
    assert all(change and reason for change, _, reason in listed)
    files = {Path(change.partition(" | ")[0]) for change, _, _ in listed}
    possible = {mistake.change for path in files for mistake in mutate.mistakes(path)}
    assert [change for change, _, _ in listed if change not in possible] == []
