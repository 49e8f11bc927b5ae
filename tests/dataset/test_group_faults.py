"""What keeps the design of a group from telling what was asked."""

from pathlib import Path

import numpy as np
import pytest

from bidsglm.dataset import group_faults as faults
from bidsglm.dataset.group_design import DesignRow, group_design
from bidsglm.dataset.participants import read_participants
from bidsglm.errors import DataError
from bidsglm.model import GroupModel

LABELS = ("01", "02", "03", "04", "05", "06")
TABLE = (
    "participant_id\tage\tmonths\tgroup\tsite\ttwin\tbad\n"
    "sub-01\t20\t240\tpatient\ta\t1\t1e40\n"
    "sub-02\t31\t372\tpatient\tb\t1\t1\n"
    "sub-03\t42\t504\tpatient\ta\t2\t1\n"
    "sub-04\t53\t636\tcontrol\tb\t2\t1\n"
    "sub-05\t60\t720\tcontrol\ta\t3\t1\n"
    "sub-06\t75\t900\tcontrol\tb\t3\t1\n"
)
FACTOR = {"Name": "Factor", "Input": ["group"]}


def found_in(
    folder: Path, table: str = TABLE, labels: tuple[str, ...] = LABELS, **model: object
) -> list[str]:
    """Faults of a design, without the table's folder."""
    (folder / "participants.tsv").write_text(table)
    asked = GroupModel(**model)  # type: ignore[arg-type]
    people = read_participants(folder, asked, labels)
    rows = [DesignRow(label) for label in labels if label not in people.left_out]
    return [text.replace(f"{folder}/", "") for text in group_design(asked, people, rows).faults]


def refusal(folder: Path, **model: object) -> str:
    with pytest.raises(DataError) as error:
        found_in(folder, **model)
    return str(error.value).replace(f"{folder}/", "")


def test_a_design_without_faults_has_none(tmp_path: Path) -> None:
    assert found_in(tmp_path, x=("group", "age"), instructions=(), dummy_contrasts=()) == []
    assert found_in(tmp_path, x=("constant", "age"), dummy_contrasts=()) == []


def test_covariates_that_are_one_cannot_be_told_apart(tmp_path: Path) -> None:
    assert found_in(tmp_path, x=("constant", "age", "months"), dummy_contrasts=()) == [
        "participants.tsv: age and months depend on each other for the participants here: their effects "
        "cannot be told apart; take one out of X"
    ]


def test_a_participant_who_alone_tells_an_effect_is_named(tmp_path: Path) -> None:
    marked = TABLE.replace("\ttwin", "\trare").replace("\t1\t1e40", "\t1\t0")
    for old in ("1", "2", "3"):
        marked = marked.replace(f"\t{old}\t1\n", "\t0\t1\n")
    assert found_in(tmp_path, marked, x=("constant", "rare"), dummy_contrasts=()) == [
        "participants.tsv: only sub-01 determines the effect of rare: the model fits its map exactly, "
        "whatever it holds; take the column out of X, or leave the participant out"
    ]


def test_one_combination_of_columns_is_said_where_no_column_is_alone() -> None:
    people = read_participants(Path("none"), GroupModel(), ("01", "02", "03", "04"))
    matrix = np.array([[1.0, 1, 0], [1, 0, 1], [0, 1, 0], [0, 1, 0]])
    rows = [DesignRow(label) for label in ("01", "02", "03", "04")]
    said = list(faults.alone(("a", "b", "c"), matrix, rows, people))
    assert [f"only sub-0{i} tells the effect of one combination of columns" in said[i - 1] for i in (1, 2)]
    assert len(said) == 2
    twice = [*rows[:3], DesignRow("01", "2")]
    assert list(faults.alone(("a", "b", "c"), matrix, twice, people)) == []
    assert list(faults.alone(("a", "b", "c"), matrix[:3], rows[:3], people)) == []


@pytest.mark.parametrize(
    ("own", "other", "together"),
    [
        ([[1, 1, 0, 0], [0, 0, 1, 1]], [[1, 1, 0, 0], [0, 0, 1, 1]], True),
        ([[1, 1, 0, 0], [0, 0, 1, 1]], [[1, 0, 1, 0], [0, 1, 0, 1]], False),
        # linked over a third group only
        ([[1, 1, 0, 0], [0, 0, 1, 1]], [[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], False),
        ([[1, 1, 1, 1]], [[1, 0, 1, 0], [0, 1, 0, 1]], False),
        ([[1, 1, 0, 0], [0, 0, 1, 1]], [[1, 1, 1, 1]], False),
    ],
)
def test_groups_are_told_apart_when_participants_link_them(
    own: list[list[int]], other: list[list[int]], together: bool
) -> None:
    columns = {f"sex.{i}": np.array(row, dtype=float) for i, row in enumerate(own)}
    columns |= {f"site.{i}": np.array(row, dtype=float) for i, row in enumerate(other)}
    marks = {name: name.partition(".")[0] for name in columns}
    people = read_participants(Path("none"), GroupModel(), ("01",))
    said = list(faults.uncrossed(marks, columns, people))
    assert len(said) == together
    if together:
        assert (
            "columns 'sex' and 'site' go together for the participants here (sex.0 only with site.0)"
            in said[0]
        )


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            {"x": ("group",), "instructions": (FACTOR,)},
            "'group' is a factor: X must name its levels, such as 'group.control', or all by 'group.*'",
        ),
        (
            {"x": ("group.patients",), "instructions": (FACTOR,)},
            "nobody has the level 'group.patients' of X; did you mean 'group.patient'?; there are "
            "group.control, group.patient",
        ),
        (
            {"x": ("ages",)},
            "has no column 'ages'; did you mean 'age'?; add it, or take it out of the Dataset node",
        ),
        ({"x": ("bad",)}, "column 'bad' is up to 1e+40, implausibly large"),
        (
            {"x": ("age",), "instructions": ({"Name": "Scale", "Input": ["agee"]},)},
            """Scale of ["agee"] cannot be applied: there is no 'agee'; did you mean 'age'?""",
        ),
    ],
)
def test_what_x_cannot_have_is_said_with_what_there_is(
    tmp_path: Path, model: dict[str, object], said: str
) -> None:
    assert said in refusal(tmp_path, dummy_contrasts=(), **model)


def test_columns_in_a_sentence() -> None:
    assert faults.listed(["a"]) == "a"
    assert faults.listed(["a", "b"]) == "a and b"
    assert faults.listed(["participant_id.1", "participant_id.2"]) == "participant_id.*"


def test_covariates_are_centred_and_products_of_marks_are_marks(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text(TABLE)
    both = {"Name": "Factor", "Input": ["group", "site"]}
    product = {"Name": "Product", "Input": ["group.patient", "site.a"], "Output": ["both"]}
    squared = {"Name": "Product", "Input": ["age", "age"], "Output": ["square"]}
    asked = GroupModel(
        x=("constant", "age", "square", "both"), instructions=(both, product, squared), dummy_contrasts=()
    )
    people = read_participants(tmp_path, asked, LABELS)
    design = group_design(asked, people, [DesignRow(label) for label in LABELS]).design
    columns = dict(zip(design.names, design.matrix.T, strict=True))
    age = np.array([20.0, 31, 42, 53, 60, 75])
    np.testing.assert_allclose(columns["age"], age - age.mean(), atol=1e-12)
    np.testing.assert_allclose(columns["square"], age**2)
    np.testing.assert_array_equal(columns["both"], [1, 0, 1, 0, 0, 0])


def test_a_constant_covariate_stays_as_it_is_and_is_a_fault(tmp_path: Path) -> None:
    same = TABLE.replace("\t1e40", "\t1")
    assert any(
        "bad" in fault for fault in found_in(tmp_path, same, x=("constant", "bad", "age"), dummy_contrasts=())
    )
