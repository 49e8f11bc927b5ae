"""Every stage of every case against FSL 6.0.0's own numbers."""

from pathlib import Path

import numpy as np
import pytest

from bidsglm.fsl import contrasts, fixed_effects, zscores
from bidsglm.fsl.film import Film
from bidsglm.model import Floats

from .reference import (
    BOLD,
    COMMITTED,
    Case,
    committed_case,
    committed_values,
    design,
    design_names,
    design_path,
    shared_case,
    vest,
)

DESIGN = 1e-6
"""feat_model works in float32 and prints seven digits: 1e-7 of the largest value, some sums later."""
IMAGE = 5e-6
"""Of the image's largest value: FSL writes float32, and its own whitening rounds to some 1e-6."""
OF_RUNS = 1e-7
"""Sums of two images: float32 alone."""
TAIL = 5e-5
"""FSL takes z of F from an approximation of the tail."""
COMMITTED_RUNS = ("14_run1_n64", "14_run2_n95_deriv")
CASES = (*BOLD, "studyforrest")
COMMITTED_DESIGNS = 13


def difference(ours: Floats, theirs: Floats) -> float:
    """Largest difference over the largest value of FSL's."""
    assert np.shape(ours) == np.shape(theirs)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def maps(fit: Film, contrast: int) -> contrasts.TMaps:
    """T maps of a contrast, which is a row of the wanted combinations."""
    weights = np.eye(fit.fit.covariance.shape[0])[contrast]
    return contrasts.t_maps(weights, fit.fit.effects, fit.fit.covariance, fit.fit.variance)


# designs


def test_committed_designs_are_found() -> None:
    assert len(list(COMMITTED.glob("*/*.fsf"))) == COMMITTED_DESIGNS


@pytest.mark.parametrize("name", design_names())
def test_design_is_that_of_feat_model(name: str) -> None:
    path = design_path(name)
    assert (
        difference(design(path.with_name(f"{path.name}.fsf")), vest(path.with_name(f"{path.name}.mat")))
        <= DESIGN
    )


# a handful of voxels, committed


@pytest.mark.parametrize("name", COMMITTED_RUNS)
def test_committed_voxels_agree(name: str) -> None:
    case, theirs = committed_case(name), committed_values(name)
    assert [*case.percentiles, case.median] == [case.settings[key] for key in ("p2", "p98", "median")]
    assert (case.mask.sum(), case.film.mask.sum()) == (theirs["n_mask"], theirs["n_fitted"])
    columns = np.ravel_multi_index(np.transpose(theirs["voxels"]), case.grid.shape)
    mean = case.filtered[:, columns].astype(np.float64).mean(axis=0).astype(np.float32)
    np.testing.assert_array_equal(mean, np.float32(theirs["mean_func"]))
    for fit in (case.film, case.end_to_end):
        fitted = np.cumsum(fit.mask)[columns] - 1
        t = maps(fit, 0)
        ours = {
            "threshac1": fit.autocorrelation[:, fitted].T,
            "sigmasquareds": fit.fit.variance[fitted],
            "pe1": fit.fit.betas[0, fitted],
            "cope1": t.effect[fitted],
            "varcope1": t.variance[fitted],
            "tstat1": t.t[fitted],
            "zstat1": zscores.z_of_t(t.t, fit.dof)[fitted],
        }
        differences = {key: difference(values, np.array(theirs[key])) for key, values in ours.items()}
        assert max(differences.values()) <= IMAGE, differences


def test_committed_runs_combine_as_in_flameo() -> None:
    theirs = {key: np.array(values) for key, values in committed_values("03_fixed_effects").items()}
    run = fixed_effects.fixed_effects(theirs["cope"].T, theirs["varcope"].T)
    dof = fixed_effects.combined_dof(theirs["tdof"][0])
    assert dof == 217
    assert difference(run.effect, theirs["cope1"]) <= OF_RUNS
    assert difference(run.variance, theirs["varcope1"]) <= OF_RUNS
    assert difference(run.t, theirs["tstat1"]) <= 5 * OF_RUNS
    assert difference(zscores.z_of_t(run.t, dof), theirs["zstat1"]) <= IMAGE


def test_committed_scores_are_those_of_fsl() -> None:
    theirs = committed_values("03_run1_deriv_motion")
    ours = zscores.z_of_f(np.array(theirs["fstat1"]), 2, 119)
    assert difference(ours, np.array(theirs["zfstat1"])) <= TAIL
    for number in "123":
        z = zscores.z_of_t(np.array(theirs[f"tstat{number}"]), 119)
        assert difference(z, np.array(theirs[f"zstat{number}"])) <= IMAGE


# whole images, beside the checkout


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, shared_dir: Path) -> Case:
    if not (shared_dir / "fsl-reference").is_dir():
        pytest.skip("FSL's reference is not beside this checkout (see BIDSGLM_SHARED)")
    return shared_case(request.param, shared_dir)


def test_scaling_and_mask_are_equal(case: Case) -> None:
    assert [*case.percentiles, case.median] == [case.settings[key] for key in ("p2", "p98", "median")]
    np.testing.assert_array_equal(case.mask, case.image("mask") > 0)


def test_mean_of_filtered_data_is_equal_bit_by_bit(case: Case) -> None:
    ours = case.filtered.astype(np.float64).mean(axis=0).astype(np.float32)
    np.testing.assert_array_equal(ours, case.image("mean_func").astype(np.float32))


def test_voxels_and_degrees_of_freedom_are_equal(case: Case) -> None:
    np.testing.assert_array_equal(case.film.mask, case.image("stats/sigmasquareds") > 0)
    assert case.film.dof == int((case.folder / "stats" / "dof").read_text())


def test_autocorrelations_agree(case: Case) -> None:
    theirs = case.image("stats/threshac1")[case.film.mask].T
    assert difference(case.film.autocorrelation, theirs) <= IMAGE
    assert difference(case.end_to_end.autocorrelation, theirs) <= IMAGE


def test_parameters_agree(case: Case) -> None:
    mask = case.film.mask
    theirs = [case.image(f"stats/pe{i + 1}")[mask] for i in range(case.design.shape[1])]
    assert difference(case.film.fit.betas, np.array(theirs)) <= IMAGE
    assert difference(case.film.fit.variance, case.image("stats/sigmasquareds")[mask]) <= IMAGE


@pytest.mark.parametrize("kind", ["FSL's design", "end to end"])
def test_contrasts_agree(case: Case, kind: str) -> None:
    fit = case.film if kind == "FSL's design" else case.end_to_end
    for row in range(len(case.contrasts)):
        t = maps(fit, row)
        ours = {"cope": t.effect, "varcope": t.variance, "tstat": t.t, "zstat": zscores.z_of_t(t.t, fit.dof)}
        differences = {
            name: difference(values, case.image(f"stats/{name}{row + 1}")[fit.mask])
            for name, values in ours.items()
        }
        assert max(differences.values()) <= IMAGE, differences


def test_f_test_agrees(shared_dir: Path) -> None:
    case = shared_case("03_run1_deriv_motion", shared_dir)
    fit = case.film
    F = contrasts.f_map(np.eye(3)[:2], fit.fit.effects, fit.fit.covariance, fit.fit.variance)
    assert difference(F, case.image("stats/fstat1")[fit.mask]) <= IMAGE
    assert difference(zscores.z_of_f(F, 2, fit.dof), case.image("stats/zfstat1")[fit.mask]) <= TAIL
