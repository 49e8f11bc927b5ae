"""nilearn's AR(1) with models made once is run_glm's number, and run_glm itself where it would not be."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from nilearn.glm import ARModel, first_level
from scipy.optimize import brentq

from bidsglm.attribution.autoregression import NEAR_EDGE
from bidsglm.attribution.voxelnoise import lag_one
from bidsglm.backends import nilearn_engine, nilearn_glm, nilearn_shared
from bidsglm.data import DesignMatrix, TimeSeries
from bidsglm.model import ContrastSpecification, Floats, ModelSpecification

N_SCANS, N_VOXELS, SAMPLE = 90, 700, 150
MODEL = ModelSpecification("m", ("a", "b"))
LIBRARY = replace(MODEL, nilearn=replace(MODEL.nilearn, engine="library"))
DIFFERENCE = ContrastSpecification("a - b", "aMinusB", ("a", "b"), np.array([[1.0, -1.0]]))
BOTH = ContrastSpecification("both", "both", ("a", "b"), np.eye(2), "F")
CLOSE = 1e-9


@pytest.fixture(autouse=True)
def _few_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nilearn_engine, "SAMPLE", SAMPLE)
    monkeypatch.setattr(nilearn_shared, "CHUNK", 256)


def design(n_scans: int = N_SCANS, n_confounds: int = 6) -> DesignMatrix:
    rng = np.random.default_rng(n_scans)
    slow = rng.standard_normal((n_scans, n_confounds)).cumsum(axis=0)
    tasks = np.sin(np.arange(n_scans)[:, None] / np.array([3.0, 4.0]))
    names = ("a", "b", *(f"confound_{i}" for i in range(n_confounds)), "constant")
    return DesignMatrix(names, np.hstack([tasks, slow, np.ones((n_scans, 1))]), np.empty((n_scans, 0)))


def noise(n_scans: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n_scans, N_VOXELS))
    rho = rng.uniform(-0.3, 0.9, N_VOXELS)
    for scan in range(1, n_scans):
        values[scan] += rho * values[scan - 1]
    return values


def run(of: DesignMatrix, kind: str = "float32", seed: int = 0) -> TimeSeries:
    n_scans = len(of.matrix)
    means = np.random.default_rng(seed + 100).uniform(400, 4000, N_VOXELS)
    values = means + 12 * noise(n_scans, seed) + 8 * of.matrix[:, :1]
    stored = values.astype("int16" if kind == "scaled" else kind)
    slope, intercept = (0.37, 52.5) if kind == "scaled" else (1.0, 0.0)
    return TimeSeries(stored, slope, intercept, np.full(n_scans, 1000.0))


def fitted(
    designs: list[DesignMatrix], series: list[TimeSeries], model: ModelSpecification
) -> nilearn_glm.NilearnEstimate:
    return nilearn_glm.estimate(designs, series, np.ones(N_VOXELS, dtype=bool), model)


def computation(estimate: nilearn_glm.NilearnEstimate) -> list[Mapping[str, Any]]:
    found = estimate.noise["computation"]
    assert isinstance(found, list)
    return found


def coefficients(estimate: nilearn_glm.NilearnEstimate) -> list[Floats]:
    return [np.stack(fit.coefficients)[fit.labels] for fit in estimate.fits]


def assert_same(ours: nilearn_glm.NilearnEstimate, theirs: nilearn_glm.NilearnEstimate) -> None:
    """Coefficients equal in every voxel, all else to rounding."""
    np.testing.assert_array_equal(ours.mask, theirs.mask)
    assert ours.dof == theirs.dof
    for mine, given in zip(coefficients(ours), coefficients(theirs), strict=True):
        np.testing.assert_array_equal(mine, given)
    pairs = [*zip(ours.betas, theirs.betas, strict=True)]
    pairs.append((ours.residual_mean_square, theirs.residual_mean_square))
    runs = tuple(range(len(ours.fits)))
    for contrast in (DIFFERENCE, BOTH):
        own, other = (nilearn_glm.contrast(each, contrast, runs) for each in (ours, theirs))
        assert own.dof == other.dof
        pairs += [(own.stat, other.stat), (own.z, other.z), (own.p, other.p)]
        if own.effect is not None and other.effect is not None:
            pairs += [(own.effect, other.effect)]
    for mine, given in pairs:
        np.testing.assert_allclose(mine, given, rtol=0, atol=CLOSE * np.nanmax(np.abs(given)))


def assert_shared(
    designs: list[DesignMatrix], series: list[TimeSeries], model: ModelSpecification = MODEL
) -> nilearn_glm.NilearnEstimate:
    ours = fitted(designs, series, model)
    assert [each["Engine"] for each in computation(ours)] == ["shared"] * len(designs)
    assert all(each["CheckedVoxels"] == SAMPLE for each in computation(ours))
    assert all(each["LargestDifference"] <= CLOSE for each in computation(ours))
    assert_same(
        ours, fitted(designs, series, replace(model, nilearn=replace(model.nilearn, engine="library")))
    )
    return ours


@pytest.mark.parametrize("scaling", [0, (0, 1), False])
@pytest.mark.parametrize("kind", ["int16", "scaled", "float32", "float64"])
def test_numbers_are_those_of_the_library(kind: str, scaling: Any) -> None:
    model = replace(MODEL, nilearn=replace(MODEL.nilearn, signal_scaling=scaling))
    of = design()
    assert_shared([of], [run(of, kind)], model)


def twice(of: DesignMatrix) -> DesignMatrix:
    """A column again, and one of zeros."""
    X = np.hstack([of.matrix[:, [2]], np.zeros((len(of.matrix), 1)), of.matrix])
    return DesignMatrix(("again", "zero", *of.names), X, of.high_pass_basis)


def without_constant_column(of: DesignMatrix) -> DesignMatrix:
    """Its constant is the sum of two columns."""
    half = (np.arange(len(of.matrix)) < 30)[:, None].astype(float)
    X = np.hstack([of.matrix[:, :-1], half, 1 - half])
    return DesignMatrix((*of.names[:-1], "x", "y"), X, of.high_pass_basis)


def of_many_sizes(of: DesignMatrix) -> DesignMatrix:
    """Squares of rotations beside signals: rounding of the pseudo-inverse shows in its ninth digit."""
    scales = np.where(np.arange(len(of.names)) % 2, 1e5, 1e-5)
    return replace(of, matrix=of.matrix * scales)


def nearly_twice(of: DesignMatrix) -> DesignMatrix:
    """A column again but for a millionth."""
    X = of.matrix.copy()
    X[:, 3] = X[:, 2] + 1e-6 * X[:, 3]
    return replace(of, matrix=X)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("changed", [twice, without_constant_column, of_many_sizes])
def test_designs_of_any_rank_and_scale_give_the_library_s_numbers(
    changed: Callable[[DesignMatrix], DesignMatrix],
) -> None:
    of = changed(design())
    assert_shared([of], [run(of)])


@pytest.mark.parametrize("hundredths", [-20, 0, 31, 85])
def test_covariances_are_those_of_nilearns_model(hundredths: int) -> None:
    X = design().matrix
    theirs = ARModel(X, hundredths / 100).normalized_cov_beta
    ours = nilearn_shared.SharedModels(X).model(hundredths).covariance
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-11 * theirs.max())


@pytest.mark.parametrize("scaling", [0, (0, 1), False])
def test_nilearns_pseudo_inverse_gives_the_same_parameters(
    scaling: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = replace(MODEL, nilearn=replace(MODEL.nilearn, signal_scaling=scaling))
    of = design()
    assert nilearn_shared.SharedModels(of.matrix).is_even
    assert not nilearn_shared.SharedModels(of_many_sizes(of).matrix).is_even
    assert not nilearn_shared.SharedModels(twice(of).matrix).is_even
    from_sums = assert_shared([of], [run(of)], model)
    monkeypatch.setattr(nilearn_shared, "EVEN", 0.0)
    by_inverse = assert_shared([of], [run(of)], model)
    assert_same(from_sums, by_inverse)
    assert not np.array_equal(from_sums.betas[0], by_inverse.betas[0])


def test_means_of_raw_signals_do_not_take_the_digits_of_what_is_left() -> None:
    model = replace(MODEL, nilearn=replace(MODEL.nilearn, signal_scaling=False))
    of = design()
    series = run(of, "float64")
    far = replace(series, stored=np.asarray(series.stored, dtype=float) + 2e5)
    ours = assert_shared([of], [far], model)
    assert computation(ours)[0]["LibraryVoxels"] == 0


def test_a_design_whose_rounding_shows_is_the_library_s() -> None:
    # run_glm on some of the voxels differs from run_glm on all of them by more
    of = nearly_twice(design())
    ours, theirs = (fitted([of], [run(of)], model) for model in (MODEL, LIBRARY))
    assert computation(ours)[0]["Engine"] == "library"
    np.testing.assert_array_equal(ours.betas[0], theirs.betas[0])


@pytest.mark.parametrize("n_scans", [11, 16, 40])
def test_short_runs_too(n_scans: int) -> None:
    of = design(n_scans)
    assert_shared([of], [run(of)])


def test_runs_are_computed_each_by_itself() -> None:
    designs = [design(), design(70, n_confounds=3)]
    assert_shared(designs, [run(each, seed=i) for i, each in enumerate(designs)])


def test_voxels_without_data_and_without_numbers_change_nothing() -> None:
    of = design()
    series = run(of)
    series.stored[:, :5] = 512.3
    series.stored[:, 5:10] = np.nan
    series.stored[7, 10:15] = np.inf
    for told in (None, np.arange(N_VOXELS) < 10):
        ours = assert_shared([of], [replace(series, without_data=told)])
        assert not ours.mask[:10].any()
        assert ours.mask[10:].all()


def test_voxels_that_the_design_explains_are_the_library_s() -> None:
    of, n = design(), 5
    model = replace(MODEL, nilearn=replace(MODEL.nilearn, signal_scaling=False))
    series = run(of, "float64")
    series.stored[:, :n] = 800 + 3 * of.matrix[:, :n] + 1e-4 * noise(N_SCANS, 8)[:, :n]
    ours = fitted([of], [series], model)
    assert computation(ours)[0]["LibraryVoxels"] == n
    alone = replace(series, stored=series.stored[:, :n])
    theirs = nilearn_glm.estimate([of], [alone], np.ones(n, bool), model)
    np.testing.assert_array_equal(ours.betas[0][:, :n], theirs.betas[0])
    np.testing.assert_array_equal(ours.residual_mean_square[:n], theirs.residual_mean_square)


def with_coefficient(of: DesignMatrix, wanted: float, n: int) -> Floats:
    """Series whose residuals have that coefficient as nearly as float64 allows."""
    rng = np.random.default_rng(3)
    Q = np.linalg.qr(of.matrix)[0]
    made = []
    for _ in range(n):
        rough = rng.standard_normal(len(of.matrix))
        smooth = np.convolve(rng.standard_normal(len(of.matrix) + 8), np.ones(9), "valid")
        alternating = rough * np.resize([1.0, -1.0], len(of.matrix)) + np.resize([3.0, -3.0], len(of.matrix))
        ends = [part - Q @ (Q.T @ part) for part in (alternating, smooth)]

        def off(share: float, low: Floats = ends[0], high: Floats = ends[1]) -> float:
            return float(lag_one(((1 - share) * low + share * high)[:, None])[0] - wanted)

        share = brentq(off, 0.0, 1.0, xtol=1e-16, rtol=1e-15)
        made.append((1 - share) * ends[0] + share * ends[1])
    return np.stack(made, axis=1)


@pytest.mark.parametrize("wanted", [0.23, -0.07])
def test_voxels_at_the_edge_of_a_bin_have_the_library_s_number(wanted: float) -> None:
    of, n = design(), 40
    model = replace(MODEL, nilearn=replace(MODEL.nilearn, signal_scaling=False))
    series = run(of, "float64")
    series.stored[:, :n] = 1000 + 12 * with_coefficient(of, wanted, n)
    values = series.values(slice(None))
    residuals = values - of.matrix @ (np.linalg.pinv(of.matrix) @ values)
    assert np.abs(lag_one(residuals[:, :n]) - wanted).max() < NEAR_EDGE
    ours = fitted([of], [series], model)
    assert computation(ours)[0]["Engine"] == "shared"
    assert computation(ours)[0]["LibraryVoxels"] == n
    # the library, given these voxels alone
    alone = replace(series, stored=series.stored[:, :n])
    theirs = nilearn_glm.estimate([of], [alone], np.ones(n, bool), model)
    np.testing.assert_array_equal(coefficients(ours)[0][:n], coefficients(theirs)[0])
    np.testing.assert_array_equal(ours.betas[0][:, :n], theirs.betas[0])


Fit = Callable[..., Any]


def _moved(part: str, original: Fit, *given: Any) -> Any:
    """The engine with an error."""
    found, doubtful = original(*given)
    if part == "betas":
        found.betas[0] *= 1 + 1e-6
    elif part == "dispersion":
        found.dispersion *= 1 + 1e-6
    elif part == "coefficient":
        found.labels[:] = np.roll(found.labels, 1)
    else:
        found.covariances = {name: C * (1 + 1e-6) for name, C in found.covariances.items()}
    return found, doubtful


@pytest.mark.parametrize("part", ["betas", "dispersion", "coefficient", "covariances"])
def test_an_engine_that_is_wrong_is_not_taken(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    of = design()
    series = run(of)
    theirs = fitted([of], [series], LIBRARY)
    monkeypatch.setattr(nilearn_engine, "fit_columns", partial(_moved, part, nilearn_shared.fit_columns))
    ours = fitted([of], [series], MODEL)
    (how,) = computation(ours)
    assert (how["Engine"], how["CheckedVoxels"]) == ("library", SAMPLE)
    assert how["LargestDifference"] is None if part == "coefficient" else how["LargestDifference"] > CLOSE
    assert "by run_glm: models made once" in ours.noise["computed"][0]  # type: ignore[index]
    np.testing.assert_array_equal(ours.betas[0], theirs.betas[0])
    for contrast in (DIFFERENCE, BOTH):
        own, other = (nilearn_glm.contrast(each, contrast, (0,)) for each in (ours, theirs))
        np.testing.assert_array_equal(own.stat, other.stat)


def test_a_nilearn_with_other_rules_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    # as another version may have them: coefficients in fiftieths
    of = design()
    series = run(of)
    monkeypatch.setattr(first_level, "run_glm", partial(first_level.run_glm, bins=50))
    ours = fitted([of], [series], MODEL)
    assert computation(ours)[0]["Engine"] == "library"
    fiftieths = coefficients(ours)[0] * 50
    np.testing.assert_allclose(fiftieths, np.rint(fiftieths), atol=1e-12)
    assert_same(ours, fitted([of], [series], LIBRARY))


def no_constant(of: DesignMatrix) -> DesignMatrix:
    return replace(of, names=of.names[:-1], matrix=of.matrix[:, :-1])


@pytest.mark.parametrize(
    ("of", "model"),
    [
        (design(), LIBRARY),
        (no_constant(design()), MODEL),
        (design(), nilearn_glm.with_noise_model(MODEL, "ols")),
        (design(), nilearn_glm.with_noise_model(MODEL, "ar2")),
    ],
)
def test_the_library_fits_what_it_must(
    of: DesignMatrix, model: ModelSpecification, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*given: object) -> None:
        raise AssertionError("shared models were used")

    monkeypatch.setattr(nilearn_engine, "fit_columns", never)
    ours = fitted([of], [run(of)], model)
    assert ours.mask.all()
    if model.nilearn.noise_model == "ar1":
        assert computation(ours) == [{"Engine": "library"}]
        assert ours.noise["computed"] == ["by run_glm"]
    else:
        assert "computation" not in ours.noise


def test_a_run_of_few_voxels_is_the_library_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nilearn_engine, "SAMPLE", N_VOXELS)
    of = design()
    assert computation(fitted([of], [run(of)], MODEL)) == [{"Engine": "library"}]


def test_the_sample_is_the_same_every_time() -> None:
    of = design()
    first, second = (fitted([of], [run(of)], MODEL) for _ in range(2))
    assert computation(first) == computation(second)
    np.testing.assert_array_equal(first.betas[0], second.betas[0])


def test_many_fits_of_a_design_make_its_models_and_check_them_once(monkeypatch: pytest.MonkeyPatch) -> None:
    of, model = design(), nilearn_glm.with_noise_model(MODEL, "ar1")
    checked = []
    original = nilearn_engine.difference

    def counted(*given: Any) -> float:
        checked.append(given)
        return original(*given)

    monkeypatch.setattr(nilearn_engine, "difference", counted)
    for seed in range(3):
        assert_same(fitted([of], [run(of, seed=seed)], model), fitted([of], [run(of, seed=seed)], LIBRARY))
    assert len(checked) == 1
    # another design has models of its own
    assert_same(
        fitted([design(70)], [run(design(70))], model), fitted([design(70)], [run(design(70))], LIBRARY)
    )
    assert len(checked) == 2


def test_models_that_failed_the_check_are_not_taken_by_later_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    of, model = design(), nilearn_glm.with_noise_model(MODEL, "ar1")
    with monkeypatch.context() as patch:
        patch.setattr(nilearn_engine, "fit_columns", partial(_moved, "betas", nilearn_shared.fit_columns))
        fitted([of], [run(of)], model)
    assert computation(fitted([of], [run(of, seed=1)], model))[0]["Engine"] == "library"


def test_a_single_fit_keeps_nothing() -> None:
    assert MODEL.nilearn.kept is None
