"""Second levels with any covariance against what SPM12 wrote, and against the models of groups."""

import numpy as np
import pytest
from scipy.linalg import toeplitz

from bidsglm.spm.components import Dense, Diagonal
from bidsglm.spm.covariance import components as serial_components
from bidsglm.spm.nonsphericity import LevelModel, analysis_mask, fitted, level_contrast
from bidsglm.spm.reml import reml
from tests.spm.test_group_variance import CASES, H_RTOL, UNEQUAL, assert_same_map, read_case

SUBJECTS = 14


def components(groups: np.ndarray) -> np.ndarray:
    return np.array([np.diag((groups == g).astype(float)) for g in np.unique(groups)])


@pytest.mark.parametrize("name", CASES)
def test_maps_of_every_case_are_spms(name):
    case = read_case(name)
    mask = case.map("mask") > 0
    unequal = components(case.groups) if case.groups is not None else None
    fit = fitted(case.images[:, mask].astype(float), LevelModel(case.design, (), unequal))
    np.testing.assert_array_equal(
        analysis_mask(case.images, [-np.inf] * len(case.images), [False] * len(case.images)),
        mask,
    )
    assert_same_map(fit.mean_square, case.map("ResMS")[mask])
    if name in UNEQUAL:
        np.testing.assert_allclose(fit.hyperparameters, case.summary["h"], rtol=H_RTOL)
    for i, contrast in enumerate(case.about["cons"], start=1):
        maps = level_contrast(fit, np.atleast_2d(np.array(contrast["w"], dtype=float)), "T")
        assert_same_map(maps.effect, case.map(f"con_{i:04d}")[mask])
        assert_same_map(maps.t, case.map(f"spmT_{i:04d}")[mask])


def paired(n_voxels: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two measures of each subject, strongly correlated and the second noisier; groups, design and data."""
    rng = np.random.default_rng(4)
    own = rng.normal(0, 2, (SUBJECTS, n_voxels))
    first = 5 + own + rng.normal(0, 1, own.shape)
    second = 6 + own + rng.normal(0, 3, own.shape)
    groups = np.repeat([0, 1], SUBJECTS)
    return groups, np.eye(2)[groups], np.vstack([first, second])


def repeated(groups: np.ndarray) -> np.ndarray:
    """Variances of both measures, and the covariance of the two of a subject."""
    across = np.kron(1 - np.eye(2), np.eye(SUBJECTS))
    return np.array([*components(groups), across])


def test_dependence_and_variances_of_repeated_measures_are_found():
    groups, design, images = paired(3000)
    fit = fitted(images, LevelModel(design, (), repeated(groups)))
    V = fit.covariance
    assert fit.n_pooled > 1000
    assert np.trace(V) == pytest.approx(len(images))
    # voxels are scaled by their residual variance, so only ratios are known: 5 : 13 : 4
    np.testing.assert_allclose(V[-1, -1] / V[0, 0], 13 / 5, rtol=0.15)
    np.testing.assert_allclose(V[0, SUBJECTS] / V[0, 0], 4 / 5, rtol=0.15)
    whitened = fit.model.runs[0].whitening.matrix
    np.testing.assert_allclose(whitened @ V @ whitened.T, np.eye(len(V)), atol=1e-5)


def test_dependence_makes_the_paired_difference_surer():
    groups, design, images = paired()
    weights = np.array([[-1.0, 1.0]])
    alone = level_contrast(fitted(images, LevelModel(design)), weights, "T")
    joint = level_contrast(fitted(images, LevelModel(design, (), repeated(groups))), weights, "T")
    assert np.median(joint.variance) < 0.75 * np.median(alone.variance)


def test_nuisances_do_not_choose_voxels():
    groups, _, images = paired()
    subjects = np.tile(np.eye(SUBJECTS), (2, 1))
    design = np.column_stack([np.eye(2)[groups], subjects])
    nuisance = tuple(range(2, design.shape[1]))
    few = fitted(images, LevelModel(design, nuisance, components(groups)))
    every = fitted(images, LevelModel(design, (), components(groups)))
    assert few.n_pooled != every.n_pooled
    p_less = fitted(images, LevelModel(design, nuisance, components(groups), selection_p=0.05))
    assert p_less.n_pooled > few.n_pooled


def test_components_in_full_are_those_by_their_diagonals():
    groups, design, images = paired()
    cross = images @ images.T / images.shape[1]
    dense = reml(cross, design, Dense(components(groups)))
    short = reml(cross, design, Diagonal.of_groups(groups, 2))
    np.testing.assert_allclose(dense.hyperparameters, short.hyperparameters, rtol=1e-10)


def test_components_of_any_form_give_what_those_of_serial_correlations_give():
    """ReML's numbers with Toeplitz components are SPM's (tests of the first level)."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(40, 500))
    for i in range(1, 40):
        noise[i] += 0.4 * noise[i - 1]
    rows = serial_components("AR(1)", 40, 2.0)
    cross, design = noise @ noise.T / 500, np.column_stack([np.arange(40.0), np.ones(40)])
    in_full = reml(cross, design, Dense(np.array([toeplitz(row) for row in rows])))
    np.testing.assert_allclose(in_full.hyperparameters, reml(cross, design, rows).hyperparameters, rtol=1e-8)


def test_a_known_covariance_is_taken_as_it_is():
    _, design, images = paired()
    V = np.diag(np.repeat([0.5, 1.5], SUBJECTS))
    fit = fitted(images, LevelModel(design, covariance=V))
    by_hand = np.array([images[:SUBJECTS].mean(axis=0), images[SUBJECTS:].mean(axis=0)])
    np.testing.assert_allclose(fit.betas, by_hand, rtol=1e-6)
    residual = (images - by_hand[(np.arange(len(images)) >= SUBJECTS).astype(int)]) ** 2
    np.testing.assert_allclose(
        fit.mean_square, (residual / np.diag(V)[:, None]).sum(axis=0) / (len(images) - 2), rtol=1e-6
    )


def test_other_modalities_add_a_thousandth_of_the_largest_variance():
    _, design, images = paired()
    plain = fitted(images, LevelModel(design)).mean_square
    more = fitted(images, LevelModel(design, adds_to_variance=True)).mean_square
    np.testing.assert_allclose(more - plain, 1e-3 * plain.max(), rtol=1e-9)


@pytest.mark.parametrize(
    ("thresholds", "implicit", "inside"),
    [
        (-np.inf, False, [True, True, True, False, False]),
        (-np.inf, True, [True, False, True, False, False]),
        (0.0, True, [True, False, False, False, False]),
        (1.5, False, [False, False, False, False, False]),
    ],
)
def test_masks_of_threshold_and_zeros(thresholds, implicit, inside):
    images = np.array([[1.0, 0.0, -2.0, np.nan, 4.0], [2.0, 1.0, 3.0, 1.0, 4.0]])
    found = analysis_mask(images, np.full(2, thresholds), np.full(2, implicit))
    assert found.tolist() == inside


def test_a_design_without_a_degree_of_freedom_is_refused():
    with pytest.raises(ValueError, match="degree of freedom"):
        fitted(np.ones((2, 1)), LevelModel(np.eye(2)))
