"""Contrasts over the columns of a group's design."""

from pathlib import Path

import numpy as np
import pytest

from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, GroupModel
from bidsglm.statsmodel.group_contrasts import group_contrasts

PATH = Path("participants.tsv")
NAMES = (
    "sex.F",
    "sex.M",
    "site.a",
    "site.b",
    "site.c",
    "participant_id.1",
    "participant_id.2",
    "age",
    "mean",
)
GROUPS = [NAMES[:2], NAMES[2:5], NAMES[5:7]]


def found(**wanted: object) -> dict[str, tuple[tuple[str, ...], list[list[float]]]]:
    contrasts = group_contrasts(GroupModel(**wanted), NAMES, GROUPS, PATH)  # type: ignore[arg-type]
    return {c.name: (c.conditions, c.weights.tolist()) for c in contrasts}


def written(name: str, *conditions: str) -> ContrastSpecification:
    return ContrastSpecification(name, name, conditions, np.full((1, len(conditions)), 0.5))


def test_every_column_but_those_of_single_participants_is_tested_and_two_groups_are_compared() -> None:
    contrasts = found(dummy_contrasts=())
    columns = [name for name in NAMES if not name.startswith("participant_id.")]
    assert list(contrasts) == [*columns, "F - M"]
    assert contrasts["age"] == (("age",), [[1.0]])
    assert contrasts["F - M"] == (("sex.F", "sex.M"), [[1.0, -1.0]])


@pytest.mark.parametrize(
    ("asked", "columns"),
    [
        (("age",), ["age"]),
        (("constant",), ["mean"]),
        (("sex",), ["sex.F", "sex.M"]),
        (("s*.a", "site", "age", "age"), ["site.a", "site.b", "site.c", "age"]),
        (("weight",), []),
    ],
)
def test_dummies_are_columns_their_groups_or_patterns_each_once(
    asked: tuple[str, ...], columns: list[str]
) -> None:
    assert list(found(dummy_contrasts=asked)) == [*columns, "F - M"]


def test_without_dummies_there_are_only_the_contrasts_that_are_written_out() -> None:
    asked = written("half", "age", "constant")
    assert found(dummy_contrasts=None, contrasts=(asked,)) == {"half": (("age", "mean"), [[0.5, 0.5]])}


def test_what_is_written_out_stands_for_the_dummy_of_its_name() -> None:
    own = (written("age", "age"), written("F - M", "sex.M"))
    contrasts = found(dummy_contrasts=("age", "mean"), contrasts=own)
    assert contrasts == {
        "mean": (("mean",), [[1.0]]),
        "age": (("age",), [[0.5]]),
        "F - M": (("sex.M",), [[0.5]]),
    }


def test_a_contrast_over_a_column_that_is_not_there_names_the_nearest_and_all() -> None:
    with pytest.raises(DataError) as error:
        found(contrasts=(written("x", "age", "sexF"),))
    assert str(error.value).startswith(
        "participants.tsv: contrast 'x': the design has no column 'sexF'; did you mean 'sex.F'?; "
    )
