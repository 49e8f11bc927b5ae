"""Designs taken apart."""

from dataclasses import replace

import numpy as np
import pytest

from bidsglm.attribution.mixture import NILEARN, SPM, Mixtures, PureDesigns, mixtures
from bidsglm.attribution.steps import modelling_steps
from bidsglm.backends import nilearn_glm, spm12
from bidsglm.data import Condition, DesignMatrix, Paradigm
from bidsglm.model import Hrf, ModelSpecification, NilearnSettings, SpmSettings
from bidsglm.spm.regressors import microtime_onset

N_SCANS, TR = 100, 2.0


def paradigm() -> Paradigm:
    rng = np.random.default_rng(0)
    conditions = tuple(
        Condition(name, np.sort(rng.uniform(0, 190, 8)), np.full(8, 5.0)) for name in ("go", "drift_1")
    )
    return Paradigm(TR, N_SCANS, None, conditions, ("x", "drift_7"), rng.standard_normal((N_SCANS, 2)) + 5)


def mixed(model: ModelSpecification) -> Mixtures:
    run = paradigm()
    pure = PureDesigns(nilearn_glm.design(run, model), spm12.design(run, model))
    return mixtures([run], model, [pure], [7 / 16])


def test_pure_mixtures_are_the_packages_own_designs() -> None:
    model = ModelSpecification("m", ())
    found = mixed(model)
    assert found.apart
    run = found.runs[0]
    assert len(run.regressors) == 8
    own, other = nilearn_glm.design(paradigm(), model), spm12.design(paradigm(), model)
    np.testing.assert_array_equal(run.regressors[NILEARN].matrix, own.matrix[:, :2])
    np.testing.assert_array_equal(run.regressors[SPM].matrix, other.matrix[:, :2])
    np.testing.assert_array_equal(run.drifts[0], own.matrix[:, 4:-1])
    np.testing.assert_array_equal(run.drifts[1], other.high_pass_basis)
    np.testing.assert_array_equal(run.confounds.matrix, other.matrix[:, 2:4])


def test_a_continuous_variable_is_drawn_as_both_packages_draw_it() -> None:
    starts = np.arange(0.0, 200.0, 2.5)
    heights = np.cumsum(np.random.default_rng(3).standard_normal(starts.size))
    slow = Condition("slow", starts, np.full(starts.size, 2.5), amplitudes=heights, continuous=True)
    run, model = replace(paradigm(), conditions=(slow,)), ModelSpecification("m", ())
    pure = PureDesigns(nilearn_glm.design(run, model), spm12.design(run, model))
    found = mixtures([run], model, [pure], [7 / 16])
    # apart: the rules reproduce nilearn's own columns, of which nilearn's code was given events
    assert found.apart
    assert len(found.runs[0].regressors) == 8
    moved = [mix.matrix - pure.nilearn.matrix[:, :1] for mix in found.runs[0].regressors.values()]
    size = np.abs(pure.nilearn.matrix[:, 0]).max()
    # with a height at every moment no rule matters much
    assert max(np.abs(each).max() for each in moved) < 0.1 * size


def test_sets_without_a_common_grid_stay_whole() -> None:
    found = mixed(ModelSpecification("m", (), hrf=Hrf("fir", length=6.0, order=3)))
    assert not found.apart
    assert set(found.runs[0].regressors) == {NILEARN, SPM}


@pytest.mark.parametrize(("start", "onset", "expected"), [(None, None, 8), (1.0, None, 9), (1.0, 3, 3)])
def test_onset_is_the_one_of_the_spm_backend(start: float | None, onset: int | None, expected: int) -> None:
    model = ModelSpecification("m", (), spm=SpmSettings(microtime_onset=onset))
    assert microtime_onset(replace(paradigm(), start_time=start), model) == expected


def same_steps(model: ModelSpecification) -> set[str]:
    return {step.name for step in modelling_steps(model, mixed(model), 7 / 16, 8) if step.same}


@pytest.mark.parametrize(
    ("onset", "resolution", "moment"), [(1, 16, "0 TR"), (8, 16, "0.4375 TR"), (16, 16, "0.9375 TR")]
)
def test_sampling_is_said_in_the_time_of_spms_bin(onset: int, resolution: int, moment: str) -> None:
    model = ModelSpecification("m", (), spm=SpmSettings(microtime_resolution=resolution))
    (step,) = (s for s in modelling_steps(model, mixed(model), 0.25, onset) if s.name == "sampling")
    assert step.other == f"bin {onset} of {resolution}, {moment} after the scan's start"
    assert step.reference == "interpolated 0.25 TR after the scan's start"


def test_what_the_packages_do_alike_is_known() -> None:
    independent = NilearnSettings(noise_model="ols")
    plain = ModelSpecification("m", (), spm=SpmSettings("none"), nilearn=independent)
    assert same_steps(plain) == {"smoother", "filter", "noise", "runs"}
    assert same_steps(replace(plain, smoothing_fwhm=6.0)) == {"filter", "noise", "runs"}
    assert same_steps(ModelSpecification("m", ())) == {"smoother", "runs"}
    assert same_steps(ModelSpecification("m", (), high_pass=np.inf)) == {"smoother", "filter", "runs"}


def moved(design: DesignMatrix, off: float) -> DesignMatrix:
    """The regressor go a little higher at a scan, by a share of the largest value."""
    matrix = design.matrix.copy()
    place = design.names.index("trial_type.go")
    extent = max(
        np.abs(matrix[:, [design.names.index(f"trial_type.{n}") for n in ("go", "drift_1")]]).max(), 0
    )
    matrix[50, place] += off * extent
    return replace(design, matrix=matrix)


@pytest.mark.parametrize(("off", "apart"), [(0.0, True), (0.5e-8, True), (2e-8, False)])
@pytest.mark.parametrize("package", ["nilearn", "spm"])
def test_own_columns_stand_for_their_reproduction_which_must_meet_them(
    off: float, apart: bool, package: str
) -> None:
    model, run = ModelSpecification("m", ()), paradigm()
    pure = PureDesigns(nilearn_glm.design(run, model), spm12.design(run, model))
    given = pure._replace(**{package: moved(getattr(pure, package), off)})
    found = mixtures([run], model, [given], [7 / 16])
    assert found.apart == apart
    assert len(found.runs[0].regressors) == (8 if apart else 2)
    for rules, design in ((NILEARN, given.nilearn), (SPM, given.spm)):
        np.testing.assert_array_equal(found.runs[0].regressors[rules].matrix, design.matrix[:, :2])
        assert found.runs[0].regressors[rules].names == ("trial_type.go", "trial_type.drift_1")
    assert found.runs[0].repetition_time == TR
