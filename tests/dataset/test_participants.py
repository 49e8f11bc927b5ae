"""participants.tsv becomes the design of a group; nothing missing is filled in."""

import re
from pathlib import Path

import numpy as np
import pytest

from bidsglm.data import GroupDesign
from bidsglm.dataset.group_design import Designed, DesignRow, group_design
from bidsglm.dataset.participants import doubts, read_participants
from bidsglm.errors import DataError, NoInputError
from bidsglm.model import ContrastSpecification, GroupModel

LABELS = ("01", "02", "03", "04")
TABLE = (
    "participant_id\tage\tgroup\tscore\n"
    "sub-04\t50\tcontrol\t1\n"
    "sub-01\t20\tpatient\t1\n"
    "sub-02\t30\tpatient\t2\n"
    "sub-03\t40\tcontrol\tn/a\n"
)


def design_of(
    folder: Path, model: GroupModel, text: str = TABLE, labels: tuple[str, ...] = LABELS
) -> tuple[GroupDesign, dict[str, ContrastSpecification], dict[str, str]]:
    (folder / "participants.tsv").write_text(text)
    people = read_participants(folder, model, labels)
    kept = tuple(label for label in labels if label not in people.left_out)
    found = group_design(model, people, [DesignRow(label) for label in kept])
    return found.design, {c.name: c for c in found.contrasts}, {**people.left_out, **found.left_out}


def faults_of(folder: Path, model: GroupModel, text: str = TABLE) -> tuple[str, ...]:
    (folder / "participants.tsv").write_text(text)
    return designed(folder, model).faults


def designed(folder: Path, model: GroupModel) -> Designed:
    people = read_participants(folder, model, LABELS)
    return group_design(model, people, [DesignRow(label) for label in LABELS if label not in people.left_out])


def instructions(*items: tuple[str, dict[str, object]]) -> tuple[dict[str, object], ...]:
    return tuple({"Name": name, **arguments} for name, arguments in items)


def factor(column: str) -> tuple[dict[str, object], ...]:
    return instructions(("Factor", {"Input": [column]}))


def test_mean_needs_no_table(tmp_path: Path) -> None:
    people = read_participants(tmp_path, GroupModel(), LABELS)
    found = group_design(GroupModel(dummy_contrasts=()), people, [DesignRow(label) for label in LABELS])
    np.testing.assert_array_equal(found.design.matrix, np.ones((4, 1)))
    assert [c.name for c in found.contrasts] == ["mean"]


def test_covariate_is_in_the_order_of_the_participants_and_centred(tmp_path: Path) -> None:
    design, contrasts, left_out = design_of(tmp_path, GroupModel(x=("constant", "age"), dummy_contrasts=()))
    np.testing.assert_array_equal(design.matrix, [[1, -15], [1, -5], [1, 5], [1, 15]])
    assert list(contrasts) == ["mean", "age"]
    assert not left_out


def test_scale_divides_by_the_standard_deviation(tmp_path: Path) -> None:
    design, _, _ = design_of(
        tmp_path, GroupModel(x=("constant", "age"), instructions=instructions(("Scale", {"Input": ["age"]})))
    )
    np.testing.assert_allclose(design.matrix[:, 1].std(ddof=1), 1)


def test_missing_value_leaves_its_participant_out_and_is_never_filled(tmp_path: Path) -> None:
    design, _, left_out = design_of(tmp_path, GroupModel(x=("constant", "score")))
    np.testing.assert_allclose(design.matrix[:, 1], np.array([1, 2, 1]) - 4 / 3)
    assert left_out == {"03": "participants.tsv has no score of sub-03 (line 5)"}


def test_participant_without_a_line_is_left_out(tmp_path: Path) -> None:
    _, _, left_out = design_of(tmp_path, GroupModel(x=("constant", "age")), labels=(*LABELS, "09"))
    assert left_out == {"09": "not in participants.tsv"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "participant_id\tage\n1\t20\n2\t30\n",
            "has none of sub-01, sub-02, .* its participant_id are 1, 2; write",
        ),
        ("participant_id\tage\n", "has none of sub-01, .* its participant_id are none; write"),
        (
            "participant_id\tage\nsub-01\tn/a\nsub-02\tn/a\n",
            "everybody: .* no age of sub-01 .line 2.; complete",
        ),
    ],
)
def test_table_that_leaves_out_everybody_is_an_error(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"participants\.tsv: .*{said}"):
        design_of(tmp_path, GroupModel(x=("constant", "age")), text)
    assert doubts(tmp_path, [GroupModel(x=("constant", "age"))], LABELS)
    assert not doubts(tmp_path, [GroupModel(x=("constant", "age"))], LABELS[:1])


@pytest.mark.parametrize("x", [("group",), ("constant", "group")])
def test_text_of_two_values_is_two_groups_and_their_difference(tmp_path: Path, x: tuple[str, ...]) -> None:
    design, contrasts, _ = design_of(tmp_path, GroupModel(x=x, dummy_contrasts=()))
    assert design.names == ("group.control", "group.patient")
    np.testing.assert_array_equal(design.matrix, [[0, 1], [0, 1], [1, 0], [1, 0]])
    assert list(contrasts) == ["group.control", "group.patient", "control - patient"]
    assert contrasts["control - patient"].label == "controlMinusPatient"


def test_numbers_are_groups_where_a_contrast_names_them(tmp_path: Path) -> None:
    difference = ContrastSpecification("d", "d", ("score.1", "score.2"), np.array([[1.0, -1.0]]))
    model = GroupModel(x=("constant", "score"), contrasts=(difference,))
    design, contrasts, _ = design_of(tmp_path, model, TABLE.replace("n/a", "3"))
    assert design.names == ("score.1", "score.2", "score.3")
    np.testing.assert_array_equal(design.matrix, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert list(contrasts) == ["d"]


def test_factor_has_the_levels_that_x_names(tmp_path: Path) -> None:
    weights = np.array([[1.0, -1.0]])
    names = ("group.patient", "group.control")
    difference = ContrastSpecification("p-c", "pMinusC", names, weights)
    model = GroupModel(x=names, instructions=factor("group"), contrasts=(difference,))
    design, contrasts, _ = design_of(tmp_path, model)
    assert design.names == names
    np.testing.assert_array_equal(design.matrix[:, 0], [1, 1, 0, 0])
    assert list(contrasts) == ["p-c"]


def test_glob_takes_all_levels(tmp_path: Path) -> None:
    design, _, _ = design_of(tmp_path, GroupModel(x=("group.*",), instructions=factor("group")))
    assert design.names == ("group.control", "group.patient")


def test_participants_of_a_third_group_are_left_out_and_named(tmp_path: Path) -> None:
    text = TABLE.replace("40\tcontrol", "40\tsibling")
    model = GroupModel(x=("group.patient", "group.control"), instructions=factor("group"))
    design, _, left_out = design_of(tmp_path, model, text)
    assert design.matrix.shape == (3, 2)
    assert left_out == {"03": "group is sibling, a group that is not in X"}


def test_dummy_contrasts_may_name_columns(tmp_path: Path) -> None:
    model = GroupModel(x=("constant", "age"), dummy_contrasts=("age",))
    assert list(design_of(tmp_path, model)[1]) == ["age"]
    model = GroupModel(x=("group",), dummy_contrasts=("group",))
    assert list(design_of(tmp_path, model)[1]) == ["group.control", "group.patient", "control - patient"]


BAD = {
    "no such column": (("constant", "aeg"), (), "has no column 'aeg'; did you mean 'age'?"),
    "no mean": (("age",), (), "has no mean: add 1 to X"),
    "factor itself": (("group",), ("group",), "'group' is a factor: X must name its levels"),
    "no such level": (
        ("group.pateint", "group.control"),
        ("group",),
        "nobody has the level 'group.pateint' of X; did you mean 'group.patient'?",
    ),
}


@pytest.mark.parametrize(("x", "factored", "message"), BAD.values(), ids=BAD)
def test_x_that_the_table_cannot_give_is_an_error(
    tmp_path: Path, x: tuple[str, ...], factored: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError) as caught:
        design_of(
            tmp_path, GroupModel(x=x, instructions=tuple(one for name in factored for one in factor(name)))
        )
    assert str(caught.value).startswith(f"{tmp_path / 'participants.tsv'}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("patient patient patient patient", "1 value: patient"),
        ("a b c d", "4 values: a, b, c, d"),
        ("20 30 old 40", "'old' is no number"),
    ],
)
def test_text_that_is_no_groups_is_an_error(tmp_path: Path, column: str, said: str) -> None:
    lines = [f"sub-{label}\t{cell}" for label, cell in zip(LABELS, column.split(), strict=True)]
    text = "\n".join(["participant_id\tkind", *lines])
    with pytest.raises(DataError, match="neither a covariate") as caught:
        design_of(tmp_path, GroupModel(x=("constant", "kind")), text)
    assert said in str(caught.value)


def test_contrast_over_a_column_that_the_groups_do_not_have_is_an_error(tmp_path: Path) -> None:
    contrast = ContrastSpecification("d", "d", ("group.patients",), np.ones((1, 1)))
    with pytest.raises(DataError, match=r"no column 'group.patients'; did you mean 'group.patient'\?"):
        design_of(tmp_path, GroupModel(x=("group",), contrasts=(contrast,)))


def test_missing_table_and_double_lines_are_errors(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="needs its column 'age'"):
        read_participants(tmp_path, GroupModel(x=("constant", "age")), LABELS)
    with pytest.raises(DataError, match="line 6: sub-01 stands there twice"):
        design_of(tmp_path, GroupModel(x=("constant", "age")), TABLE + "sub-01\t21\tpatient\t1\n")


FILTERED = TABLE.replace("sub-03\t40", "sub-05\t60\tcontrol\t2\nsub-03\t40")


def test_filter_leaves_out_participants_of_other_levels_by_name(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text(FILTERED)
    model = GroupModel(x=("constant", "age"), levels={"group": ("control",)})
    people = read_participants(tmp_path, model, (*LABELS, "05"))
    assert people.cells["age"] == {"03": "40", "04": "50", "05": "60"}
    assert set(people.left_out) == {"01", "02"}
    assert people.left_out["01"] == "group is patient, which the filter of the edge does not let through"


def test_filter_finds_numbers_by_their_value_and_misses_nobody_in_silence(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text(FILTERED)
    people = read_participants(tmp_path, GroupModel(levels={"score": ("2.0",)}), (*LABELS, "05"))
    assert list(people.cells["score"]) == ["02", "05"]
    assert people.left_out["03"] == "participants.tsv has no score of sub-03 (line 6)"


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ({"group": ("patients",)}, "nobody has group 'patients'.* did you mean 'patient'"),
        ({"gruop": ("patient",)}, "has no column 'gruop'; did you mean 'group'.* the filter of its edge"),
    ],
)
def test_filter_that_nobody_passes_is_told_before_anything_is_fitted(
    tmp_path: Path, levels: dict[str, tuple[str, ...]], message: str
) -> None:
    (tmp_path / "participants.tsv").write_text(TABLE)
    (found,) = doubts(tmp_path, (GroupModel(levels=levels),), LABELS)
    assert re.search(message, found)
