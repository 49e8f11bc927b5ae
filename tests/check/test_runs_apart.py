"""`bidsglm check`: contrasts that weigh runs apart and runs that were concatenated come out again."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.linalg import block_diag
from scipy.stats import norm
from scipy.stats import t as t_law

from bidsglm.check.tails import t_of_z, z_of_f, z_of_t
from bidsglm.spm.highpass import dct_basis

from .analysed import GO, STOP, Analysed, settings
from .dense_spm import Dense, fitted, scans_in, write_maps
from .spm_mat import TIME, Study, condition, records
from .test_ways_of_users import checked, edited, names_of, told

N = 90
SECOND = [condition("go", [6, 47, 88, 121], 12), condition("stop", [25, 66, 105], 0)]
WAYS = {"first alone": (1.0, 0.0), "difference": (1.0, -1.0), "unequal": (0.5, 1.5)}
"""Weights of go in both sessions"""


def inside(analysed: Analysed) -> np.ndarray:
    return np.asarray(nib.load(analysed.spm / "mask.nii").dataobj).ravel() > 0


def factors_of(analysed: Analysed) -> np.ndarray:
    """Grand mean scaling of every scan."""
    found = []
    for path in analysed.scans:
        values = np.asarray(nib.load(path).dataobj, dtype=np.float64)
        levels = []
        for t in range(values.shape[3]):
            volume = values[..., t]
            levels.append(volume[volume > volume.mean() / 8].mean())
        found += [100 / np.mean(levels)] * values.shape[3]
    return np.array(found)


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    """Two sessions; SPM's contrasts weigh them apart."""
    go = {"trial_type.go": 1.0}
    study = Study([[GO, STOP], SECOND], [N, N], contrasts=dict.fromkeys(WAYS, go), noise="none")
    analysed = Analysed(tmp_path_factory.mktemp("apart"), study)
    mask, rows = inside(analysed), (slice(0, N), slice(N, 2 * N))

    def weighed(spm: Any) -> None:
        names, X = names_of(spm), spm["xX"]["X"][0, 0]
        basis = dct_basis(N, TIME, 128.0)
        fit = fitted(
            Dense(X, rows, [basis] * 2, factors_of(analysed)),
            scans_in(analysed)[:, mask],
            range(len(names) - 2, len(names)),
        )
        for number, pair in enumerate(WAYS.values(), start=1):
            weights = np.zeros(len(names))
            for session, weight in enumerate(pair, start=1):
                weights[names.index(f"Sn({session}) go*bf(1)")] = weight
            spm["xCon"]["c"][0, number - 1] = weights[:, None]
            write_maps(analysed, number, fit, weights, mask)

    edited(analysed, weighed)
    return analysed


def of_runs(pair: tuple[float, float]) -> list[np.ndarray]:
    """Weights over nilearn's columns of either run: go is its first."""
    return [np.array([weight]) for weight in pair]


def attributed(found: dict[str, Any]) -> dict[str, Any]:
    return dict(found["attribution"])


@pytest.mark.parametrize("way", WAYS)
def test_a_contrast_that_weighs_runs_apart_in_both_is_the_same(way: str, apart: Analysed) -> None:
    nilearn = apart.nilearn(f"both {way}", contrast=of_runs(WAYS[way]), noise_model="ols")
    for kind in ("effect_size", "stat"):
        (nilearn / f"go_{kind}.nii.gz").rename(nilearn / f"{way.replace(' ', '')}_{kind}.nii.gz")
    found = checked(apart, nilearn)
    assert settings(found) == []
    assert all(each["is_reproduced"] for each in found["spm_reproduced"])
    assert {each["contrast"] for each in found["maps"]} == {way}
    assert attributed(found)["is_attributed"], attributed(found)
    assert attributed(found)["closes"]


def test_a_statistic_alone_tells_weights_of_runs(apart: Analysed) -> None:
    nilearn = apart.nilearn("t alone", contrast=of_runs((1.0, -1.0)), noise_model="ols", kinds=("stat",))
    found = checked(apart, nilearn)
    assert settings(found) == []
    (made,) = found["reproduced"].values()
    assert made["is_reproduced"]
    assert made["weights_by_run"] == [{"go": 0.5}, {"go": -0.5}]


def test_weights_of_runs_that_differ_are_told_with_both(apart: Analysed) -> None:
    found = checked(apart, apart.nilearn("other", contrast=of_runs((1.0, 2.0)), noise_model="ols"))
    (setting,) = settings(found)
    assert setting == "contrast: sessions of unequal"
    assert told(found, setting) == "go: 0.5 and 1 (go)"
    (model,) = [each for each in found["models"] if "nilearn" in each["model"]]
    assert "Contrasts that weigh runs apart are left out: go." in model["notes"]


def test_scans_in_percent_of_each_runs_mean_are_a_scaling_and_no_weights(
    apart: Analysed, tmp_path: Path
) -> None:
    paths = []
    for number, (path, factor) in enumerate(zip(apart.scans, (0.1234, 0.1357), strict=True)):
        image = nib.load(path)
        paths.append(tmp_path / f"scaled{number}.nii")
        values = (factor * image.get_fdata()).astype(np.float32)
        nib.Nifti1Image(values, image.affine, image.header).to_filename(paths[-1])
    found = checked(apart, apart.nilearn("scaled", contrast="go", scans=paths, noise_model="ols"))
    assert any(name.startswith("contrast: sessions") for name in settings(found))
    assert "scaling" in settings(found)
    (made,) = found["reproduced"].values()
    assert made["is_reproduced"]
    assert made["weights"] == {"go": 1.0}


@pytest.mark.parametrize("noise", ["none", "AR(1)"])
@pytest.mark.parametrize("factors", ["shared", "by run"])
def test_concatenated_runs_come_out(noise: str, factors: str, tmp_path: Path) -> None:
    go = condition("go", [10, 50, 90, 130, 200, 240, 290, 330], 12)
    study = Study([[go, STOP]], [2 * N], contrasts={"go": {"trial_type.go": 1.0}}, noise=noise)
    analysed = Analysed(tmp_path / "study", study)
    concatenate(analysed, noise, factors == "by run")
    found = checked(analysed, analysed.nilearn("one", contrast="go"))
    assert [each["what"] for each in found["spm_reproduced"]] == ["effect", "t"]
    assert all(each["is_reproduced"] for each in found["spm_reproduced"]), found["spm_reproduced"]
    assert "high-pass" in settings(found)
    (pair,) = [each for each in found["settings_that_differ"] if each["setting"] == "high-pass"]
    assert "each of 2 concatenated runs" in pair["spm"]
    assert "high_pass=" not in pair["remedy"]
    assert "concatenated" in found["attribution"]["reason"]


def concatenate(analysed: Analysed, noise: str = "none", by_run: bool = False) -> None:
    """Make halves of a session runs of their own, as spm_fmri_concatenate does, and estimate anew."""
    rows, basis = (slice(0, N), slice(N, 2 * N)), dct_basis(N, TIME, 128.0)
    factors = factors_of(analysed)
    if by_run:
        factors[N:] *= 1.02
    mask = inside(analysed)

    def change(spm: Any) -> None:
        design, ones = spm["xX"][0, 0], np.ones((N, 1))
        design["X"] = np.hstack([design["X"][:, :-1], block_diag(ones, ones)])
        names = [*names_of(spm), "Sn(2) constant"]
        design["name"] = np.array(names, dtype=object)
        design["K"] = records(
            [{"HParam": 128.0, "row": np.arange(N) + 1.0 + N * i, "X0": basis} for i in range(2)]
        )
        spm["xGX"][0, 0]["gSF"] = factors[:, None]
        weights = np.zeros(len(names))
        weights[0] = 1
        spm["xCon"]["c"][0, 0] = weights[:, None]
        dense = Dense(design["X"], rows, [basis] * 2, factors, noise)
        fit = fitted(dense, scans_in(analysed)[:, mask], (len(names) - 2, len(names) - 1))
        write_maps(analysed, 1, fit, weights, mask)

    edited(analysed, change)


def test_concatenated_runs_without_their_grand_means_say_why(tmp_path: Path) -> None:
    study = Study([[GO, STOP]], [2 * N], contrasts={"go": {"trial_type.go": 1.0}}, noise="none")
    analysed = Analysed(tmp_path / "study", study)
    concatenate(analysed)
    edited(analysed, lambda spm: spm["xGX"][0, 0].__setitem__("gSF", np.ones((3, 1))))
    found = checked(analysed, analysed.nilearn("one", contrast="go"))
    assert found["spm_reproduced"] == []
    (note,) = [note for note in found["notes"] if "concatenated" in note]
    assert "gSF" in note


def test_a_design_with_filters_and_constants_of_each_run_is_the_same(tmp_path: Path) -> None:
    study = Study([[GO, STOP]], [2 * N], contrasts={"go": {"trial_type.go": 1.0}}, noise="none")
    analysed = Analysed(tmp_path / "study", study)
    concatenate(analysed)
    nilearn = analysed.nilearn("plain", contrast="go", noise_model="ols", drift_model=None)
    table = pd.read_csv(nilearn / "design_run1.csv", index_col=0)
    basis = dct_basis(N, TIME, 128.0)
    for run in range(2):
        for k, column in enumerate(basis.T):
            table[f"run{run + 1}_cos{k + 1}"] = np.concatenate(
                [np.zeros(N * run), column, np.zeros(N * (1 - run))]
            )
        table[f"run{run + 1}_mean"] = np.repeat([float(run == 0), float(run == 1)], N)
    table = table.drop(columns="constant")
    nilearn = analysed.nilearn("blocks", contrast="go", noise_model="ols", design_matrices=[table])
    found = checked(analysed, nilearn)
    assert settings(found) == []
    assert all(each["is_reproduced"] for each in found["reproduced"].values())


def test_a_width_beyond_the_usual_ones_is_found_on_a_tiny_grid(tmp_path: Path) -> None:
    study = Study([[GO, STOP]], [N], contrasts={"go": {"trial_type.go": 1.0}})
    analysed = Analysed(tmp_path / "study", study)
    found = checked(analysed, analysed.nilearn("wide", contrast="go", smoothing_fwhm=24))
    assert settings(found) == ["smoothing"]
    assert "smoothing_fwhm=24" in told(found, "smoothing")


@pytest.mark.parametrize("dof", [12.0, 230.0])
def test_tails_are_those_of_scipys_distributions(dof: float) -> None:
    t = np.array([-9.0, -1.3, 0.0, 0.4, 2.0, 11.0])
    np.testing.assert_allclose(z_of_t(t, dof), np.sign(t) * norm.isf(t_law.sf(np.abs(t), dof)), rtol=1e-6)
    np.testing.assert_allclose(t_of_z(z_of_t(t, dof), dof), t, rtol=1e-6)
    np.testing.assert_allclose(z_of_f(t[3:] ** 2, 1.0, dof), norm.isf(2 * t_law.sf(t[3:], dof)), rtol=1e-6)
