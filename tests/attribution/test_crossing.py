"""Regressors by either package's rules, against both packages' own."""

import warnings

import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import make_first_level_design_matrix

from bidsglm.attribution.crossing import Clock, Rules, crossed_regressors
from bidsglm.backends import spm12
from bidsglm.data import Condition, Modulator, Paradigm
from bidsglm.model import Floats, Hrf, ModelSpecification, SpmSettings
from bidsglm.spm.regressors import Microtime

REPRODUCED = 1e-11
"""Relative to the largest value: derivatives are differences of nearly equal kernels over 0.01."""
TIMINGS = [(2.0, 100, 16, 8, 7 / 16), (0.8, 200, 32, 1, 0.0), (1.35, 150, 16, 9, 0.5)]
HRFS = [Hrf("spm"), Hrf("spm", True, True), Hrf("glover", True, True)]
NILEARN, SPM = Rules(False, False, False), Rules(True, True, True)


def events(kind: str, n_scans: int, TR: float) -> Condition:
    rng = np.random.default_rng(0)
    onsets = np.sort(rng.uniform(-20, n_scans * TR + 5, 30))
    durations = {"impulses": np.zeros(30), "blocks": rng.uniform(0.1, 10, 30)}
    durations["mixed"] = durations["blocks"] * (rng.random(30) > 0.5)
    return Condition("go", onsets, durations[kind])


def nilearn_columns(condition: Condition, frame_times: Floats, hrf: Hrf) -> Floats:
    table = pd.DataFrame({"onset": condition.onsets, "duration": condition.durations, "trial_type": "go"})
    name = hrf.model + " + derivative" * hrf.derivative + " + dispersion" * hrf.dispersion
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        design = make_first_level_design_matrix(frame_times, table, hrf_model=name, drift_model=None)
    return design.to_numpy()[:, :-1]


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("kind", ["impulses", "blocks", "mixed"])
@pytest.mark.parametrize("hrf", HRFS)
def test_nilearns_rules_give_nilearns_regressors(timing: tuple, kind: str, hrf: Hrf) -> None:
    TR, n, T, T0, reference = timing
    condition, clock = events(kind, n, TR), Clock(Microtime(TR, n, T, T0), reference)
    other = Hrf("spm", hrf.derivative, hrf.dispersion)
    own = crossed_regressors([condition], clock, (hrf, other))[NILEARN].matrix
    expected = nilearn_columns(condition, clock.frame_times, hrf)
    np.testing.assert_allclose(own, expected, atol=REPRODUCED * np.abs(expected).max())


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("orthogonalize", [True, False])
def test_spms_rules_give_spms_regressors(timing: tuple, orthogonalize: bool) -> None:
    TR, n, T, T0, reference = timing
    heights = np.random.default_rng(1).standard_normal(30)
    plain = events("mixed", n, TR)
    condition = Condition(
        "go", plain.onsets, plain.durations, (Modulator("rt", heights, 2),), 1, orthogonalize
    )
    hrf = Hrf("spm", True)
    mixed = crossed_regressors([condition], Clock(Microtime(TR, n, T, T0), reference), (hrf, hrf))
    settings = SpmSettings(microtime_resolution=T, microtime_onset=T0)
    design = spm12.design(
        Paradigm(TR, n, None, (condition,), (), np.zeros((n, 0))),
        ModelSpecification("m", (), hrf=hrf, spm=settings),
    )
    assert mixed[SPM].names == design.names[:-1]
    np.testing.assert_array_equal(mixed[SPM].matrix, design.matrix[:, :-1])


def test_impulses_are_50_over_tr_times_higher_by_spms_drawing() -> None:
    TR = 2.0
    condition = Condition("go", np.arange(10.0, 180.0, 20.0), np.zeros(9))
    mixed = crossed_regressors([condition], Clock(Microtime(TR, 100), 7 / 16), (Hrf(), Hrf()))
    by_spm, by_nilearn = mixed[Rules(False, True, False)].matrix, mixed[NILEARN].matrix
    ratio = (by_spm * by_nilearn).sum() / (by_nilearn**2).sum()
    # nilearn's kernel starts a step late, which is longer on SPM's coarser grid
    assert ratio == pytest.approx(50 / TR, rel=0.01)


def test_sampling_makes_no_difference_where_both_take_the_same_bin() -> None:
    condition = events("blocks", 80, 2.0)
    mixed = crossed_regressors([condition], Clock(Microtime(2.0, 80, 16, 9), 0.5), (Hrf(), Hrf()))
    on_grid = mixed[Rules(True, True, False)].matrix
    np.testing.assert_allclose(on_grid, mixed[SPM].matrix, atol=1e-12)
