"""What was done at the group level, sentence by sentence, for each set of packages and of variances."""

from typing import Any

import pytest

from bidsglm.errors import DataError
from bidsglm.group import map_summary
from bidsglm.group.map_summary import (
    ATTRIBUTION_METHODS,
    EQUAL_METHODS,
    NO_FLAME,
    UNEQUAL_METHODS,
    GroupRecord,
)

FIELDS = "familywise threshold by random field theory or Bonferroni, whichever is lower"


def contrast(*packages: str, label: str = "go", unequal: bool | None = None, **more: Any) -> Any:
    variance = {} if unequal is None else {"spm": {"VarianceModel": "unequal" if unequal else "equal"}}
    return {"label": label, "dof": {name: [9] for name in packages}, "variance": variance, **more}


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        (("spm",), f"The map is thresholded by SPM's {FIELDS}; p < 0.001 uncorrected and a false discovery"),
        (("nilearn",), "The map is thresholded by nilearn's familywise threshold by Bonferroni; p < 0.001"),
        (
            ("nilearn", "spm"),
            f"Each package's map is thresholded its own way: SPM's {FIELDS}, nilearn's by Bonferroni; "
            "p < 0.001 uncorrected and a false discovery rate of 0.05 in both.",
        ),
        (
            ("afni", "nilearn", "fsl"),
            "its own way: nilearn's, AFNI's and FSL's familywise threshold by Bonferroni; p < 0.001 "
            "uncorrected and a false discovery rate of 0.05 in all.",
        ),
    ],
)
def test_thresholds_are_told_of_each_package(packages: tuple[str, ...], said: str) -> None:
    text, *rest = map_summary.methods([contrast(*packages)])
    assert said in text
    assert rest == ([NO_FLAME] if "fsl" in packages else [])
    assert text.endswith(".")


def test_levels_of_packages_are_joined_and_weights_told() -> None:
    (text,) = map_summary.methods([contrast("spm", "nilearn", unequal=False)])
    assert (
        f"every participant with the same weight: SPM12's equations ({EQUAL_METHODS}), and nilearn's" in text
    )
    (text,) = map_summary.methods([contrast("spm")])
    assert f"with the same weight: SPM12's equations ({EQUAL_METHODS}). Covariates" in text
    (text,) = map_summary.methods([contrast("spm", "nilearn", "afni", unequal=True)])
    assert (
        "with the same weight in nilearn and AFNI, and in SPM with that of the variance of their group: "
        f"SPM12's equations ({UNEQUAL_METHODS}), nilearn's SecondLevelModel (errors of one variance), "
        "and AFNI's"
    ) in text
    (text,) = map_summary.methods([contrast("spm", unequal=True)])
    assert "with the same weight in SPM, and in SPM with" in text


def test_contrasts_with_variances_of_their_own_are_named_among_others() -> None:
    given = [
        contrast("spm", "nilearn", label="a", unequal=True),
        contrast("spm", "nilearn", label="b", unequal=False),
        contrast("spm", "nilearn", label="c", unequal=True),
        contrast("spm", "nilearn", label="a", unequal=True),
    ]
    assert f"({UNEQUAL_METHODS}; so in a, c, else with one variance)" in map_summary.methods(given)[0]
    assert "; so in" not in map_summary.methods([given[0], given[2]])[0]


def test_what_was_attributed_is_said_last() -> None:
    given = [contrast("spm", "fsl"), contrast("spm", "fsl", attributed=True)]
    assert map_summary.methods(given)[1:] == [NO_FLAME, ATTRIBUTION_METHODS]
    assert map_summary.methods(given[:1])[1:] == [NO_FLAME]
    assert map_summary.methods([]) == []


def test_notes_and_errors_are_kept_once() -> None:
    record = GroupRecord([], [], [], {})
    for _ in range(2):
        record.note("one")
        record.add(DataError("two"))
    record.note("three")
    record.add(DataError("four"))
    assert record.notes == ["one", "three"]
    assert [str(error) for error in record.errors] == ["two", "four"]
