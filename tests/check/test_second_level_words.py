"""What an SPM.mat of a second level says, in the field's words, for each kind of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bidsglm.check.second_level import (
    GroupCovariate,
    GroupErrors,
    GroupFactor,
    GroupGlobals,
    GroupMask,
    SpmGroup,
)
from bidsglm.check.second_level_words import (
    centring,
    covariates_in_words,
    design_name,
    globals_in_words,
    has_equal_variance,
    is_independent,
    mask_in_words,
    rows_in_words,
    variance_in_words,
)

N = 6
HALVES = np.array([1.0, 1, 1, 2, 2, 2])
THIRDS = np.array([1.0, 1, 2, 2, 3, 3])
FREE = GroupErrors(None, None, np.array([]), 0.001)
NOWHERE = GroupMask(np.full(N, -np.inf), "", False, ())
PLAIN = GroupGlobals("", "", "", np.ones(N))


def group(**more: Any) -> SpmGroup:
    given: dict[str, Any] = {
        "path": Path("SPM.mat"),
        "version": "",
        "title": "",
        "matrix": np.ones((N, 1)),
        "names": ("mean",),
        "blocks": (),
        "nuisances": (),
        "factors": (),
        "covariates": (),
        "errors": FREE,
        "mask": NOWHERE,
        "globals": PLAIN,
        "scans": (),
        "contrasts": (),
        "beta_maps": (),
        "variance_map": "",
        "mask_map": "",
        "dof": float("nan"),
    }
    return SpmGroup(**{**given, **more})


def one_hot(levels: np.ndarray) -> np.ndarray:
    return np.equal.outer(levels, np.unique(levels)).astype(float)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("One sample t-test", "one-sample t-test"),
        ("Two-sample t-test", "two-sample t-test"),
        ("PAIRED T-TEST", "paired t-test"),
        ("One-way ANOVA - within subject", "one-way ANOVA within subject"),
        ("ANOVA", "one-way ANOVA"),
        ("Multiple Regression", "multiple regression"),
        ("Full factorial", "full factorial"),
        ("Flexible factorial", "flexible factorial"),
        ("My own", "My own"),
    ],
)
def test_designs_have_their_usual_name(title: str, name: str) -> None:
    assert design_name(group(title=title, matrix=np.eye(N)[:, :2])) == name


PAIRS = np.array([1.0, 2, 3, 1, 2, 3])


@pytest.mark.parametrize(
    ("X", "blocks", "name"),
    [
        (np.ones((N, 1)), (), "one-sample t-test"),
        (np.full((N, 1), 2.0), (), "one-sample t-test"),
        (np.arange(N)[:, None], (), "multiple regression"),
        (one_hot(HALVES), (), "two-sample t-test"),
        (one_hot(THIRDS), (), "one-way ANOVA"),
        (np.column_stack([one_hot(HALVES), np.arange(N)]), (), "two-sample t-test"),
        (np.column_stack([np.ones(N), np.arange(N)]), (), "multiple regression"),
        (np.column_stack([np.ones(N), HALVES - 1]), (), "multiple regression"),
        (np.column_stack([one_hot(HALVES), one_hot(PAIRS)]), (2, 3, 4), "paired t-test"),
        (
            np.column_stack([one_hot(THIRDS), one_hot(np.tile([1.0, 2], 3))]),
            (3, 4),
            "one-way ANOVA within subject",
        ),
    ],
)
def test_designs_without_a_name_are_known_by_their_columns(
    X: np.ndarray, blocks: tuple[int, ...], name: str
) -> None:
    assert design_name(group(matrix=X, blocks=blocks)) == name


def errors(*components: np.ndarray, covariance: np.ndarray | None = None) -> GroupErrors:
    return GroupErrors(np.stack(components) if components else None, covariance, np.array([]), 0.005)


A, B = (np.diag((level == HALVES).astype(float)) for level in (1, 2))
TIED = np.equal.outer(PAIRS, PAIRS) - np.eye(N)
FACTORS = (GroupFactor("time", PAIRS), GroupFactor("group", HALVES))


@pytest.mark.parametrize(
    ("given", "equal", "independent", "words"),
    [
        (errors(), True, True, "equal variance, independent images: ordinary least squares"),
        (
            errors(covariance=np.eye(N)),
            True,
            True,
            "equal variance, independent images: ordinary least squares",
        ),
        (errors(covariance=A + 2 * B), False, True, "a covariance that was given, not estimated"),
        (
            errors(covariance=np.eye(N) + 0.1 * TIED),
            True,
            False,
            "a covariance that was given, not estimated",
        ),
        (
            errors(A, B),
            False,
            True,
            "unequal variance over the levels of group (2 variances, not estimated yet), independent"
            " images: estimated by"
            " ReML over the voxels of p < 0.005",
        ),
        (
            errors(A, B, covariance=0.8 * A + 1.2 * B),
            False,
            True,
            "unequal variance over the levels of group (0.800 and 1.20 of the mean variance),"
            " independent images: estimated"
            " by ReML over the voxels of p < 0.005",
        ),
        (
            errors(np.eye(N), TIED),
            True,
            False,
            "equal variance, dependent images (1 covariance): estimated by ReML over the voxels of p < 0.005",
        ),
        (
            errors(A, B, TIED, 2 * TIED),
            False,
            False,
            "unequal variance over the levels of group (2 variances, not estimated yet), dependent"
            " images (2 covariances):"
            " estimated by ReML over the voxels of p < 0.005",
        ),
    ],
)
def test_variances_are_told(given: GroupErrors, equal: bool, independent: bool, words: str) -> None:
    found = group(errors=given, factors=FACTORS)
    assert (has_equal_variance(found), is_independent(found)) == (equal, independent)
    assert variance_in_words(found) == words


@pytest.mark.parametrize("n", [6, 7])
def test_many_variances_are_told_by_their_span(n: int) -> None:
    parts = [np.diag((np.arange(n) == i).astype(float)) for i in range(n)]
    V = np.diag(1 + np.arange(n) / 10)
    words = variance_in_words(group(errors=errors(*parts, covariance=V)))
    shown = (
        "1.00, 1.10, 1.20, 1.30, 1.40 and 1.50 of the mean variance"
        if n == 6
        else "7 variances, 1.00 to 1.60"
    )
    assert words.startswith(f"unequal variance ({shown}), independent images")


RAW = np.array([1.0, 2, 6, 4, 4, 10])


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (RAW, "not centred"),
        (RAW + 1e-6, "not centred"),
        (RAW - RAW.mean(), "centred on its mean (4.50)"),
        (RAW - 4, "centred on 4.00"),
        (RAW - np.where(HALVES == 1, 3, 6), "centred on its means in the levels of group"),
        (RAW - np.array([1.0, 2, 3, 1, 2, 3]), "centred on its means in the levels of time"),
        (RAW**2, "changed in another way than by centring"),
    ],
)
def test_centring_shows_in_the_values(column: np.ndarray, words: str) -> None:
    assert centring(GroupCovariate("age", RAW, column[:, None]), FACTORS) == words
    apart = np.column_stack([np.where(HALVES == 1, column, 0), np.where(HALVES == 2, column, 0)])
    assert centring(GroupCovariate("age", RAW, apart), FACTORS) == words
    both = group(
        covariates=(GroupCovariate("age", RAW, apart), GroupCovariate("", RAW, RAW[:, None])), factors=FACTORS
    )
    assert (
        covariates_in_words(both) == f"age ({words}, a column for each of 2 levels); covariate (not centred)"
    )


def test_no_covariates_are_none() -> None:
    assert covariates_in_words(group()) == "none"


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (NOWHERE, "no threshold; implicit mask off; no explicit mask"),
        (
            GroupMask(np.full(N, 0.5), "absolute", True, ("a.nii", "b.nii")),
            "values above 0.500 (absolute); implicit mask on: zeros of whole-number images are no"
            " data; explicit mask"
            " a.nii and b.nii",
        ),
        (
            GroupMask(np.linspace(0.5, 1, N), "", False, ()),
            "values above 0.500 to 1.00; implicit mask off; no explicit mask",
        ),
    ],
)
def test_masks_are_told(mask: GroupMask, words: str) -> None:
    assert mask_in_words(group(mask=mask)) == words


@pytest.mark.parametrize(
    ("given", "nuisances", "words"),
    [
        (PLAIN, (), "none"),
        (
            GroupGlobals("mean voxel value", "<no grand Mean scaling>", "no normalisation", np.ones(N)),
            (0,),
            "calculation: mean voxel value; no grand Mean scaling; no normalisation; mean in the design",
        ),
        (GroupGlobals("", "", "", np.full(N, 2.0)), (), "images times 2.00 to 2.00"),
        (GroupGlobals("", "", "", np.linspace(1, 2, N)), (), "images times 1.00 to 2.00"),
    ],
)
def test_globals_are_told(given: GroupGlobals, nuisances: tuple[int, ...], words: str) -> None:
    assert globals_in_words(group(globals=given, nuisances=nuisances)) == words


def test_all_settings_stand_in_their_order() -> None:
    found = dict(rows_in_words(group(factors=FACTORS, dof=4.0, version="SPM12 (7771)")))
    assert list(found) == [
        "design",
        "images",
        "columns",
        "factors",
        "covariates",
        "variance",
        "mask",
        "globals",
        "residual degrees of freedom",
        "written by",
    ]
    assert (found["images"], found["factors"]) == ("6", "time, 3 levels; group, 2 levels")
    assert (found["residual degrees of freedom"], found["written by"]) == ("4.00", "SPM12 (7771)")
    bare = dict(rows_in_words(group()))
    assert "residual degrees of freedom" not in bare
    assert (bare["factors"], bare["written by"]) == ("none", "not stated")
