"""A variable over time is convolved by each package's response, on each package's grid."""

import numpy as np
import pytest
from nilearn.glm.first_level.hemodynamic_models import spm_hrf

from bidsglm.attribution.crossing import Clock, Rules, crossed_regressors
from bidsglm.backends import nilearn_glm, spm12
from bidsglm.backends.nilearn_events import drawn_events
from bidsglm.data import Condition, Paradigm
from bidsglm.model import Floats, Hrf, ModelSpecification
from bidsglm.spm.hrf import basis_functions
from bidsglm.spm.regressors import Microtime

CANONICAL = Hrf()
N, TR, START = 120, 1.5, 0.6
FINE = TR / 400
"""s; the oracle's step"""
COARSE = 0.01
"""Of a column's range: what the steps of TR/16 and TR/50 leave out."""
REPRODUCED = 1e-11
"""Relative to the largest value: derivatives are differences of nearly equal kernels."""
ALIKE = 0.9999
"""Correlation of two packages that convolve the same values with nearly the same response."""


@pytest.fixture
def displacement() -> Condition:
    values = np.abs(np.random.default_rng(3).standard_normal(N))
    values[0] = 0.0
    return Condition("fd", np.arange(N) * TR, np.full(N, TR), amplitudes=values, prefix="", continuous=True)


def paradigm(*conditions: Condition) -> Paradigm:
    return Paradigm(TR, N, START, conditions, (), np.zeros((N, 0)))


def design_column(module, condition: Condition, hrf: Hrf = CANONICAL, name: str = "fd") -> Floats:
    go = Condition("go", np.arange(5) * 30.0, np.full(5, 10.0))
    found = module.design(paradigm(go, condition), ModelSpecification("m", ("fd",), hrf=hrf))
    return found.matrix[:, found.names.index(name)]


def oracle(condition: Condition, kernel: Floats, scans: Floats) -> Floats:
    """Linear interpolation, convolution in fine steps, one sample for each scan."""
    times = np.arange(0, N * TR, FINE)
    values = np.interp(times, condition.onsets, condition.heights)
    return np.interp(scans, times, np.convolve(values, kernel)[: times.size])


def test_spm_convolves_the_interpolated_values(displacement: Condition) -> None:
    kernel = basis_functions(Hrf(), FINE)[:, 0]
    bin_of_scan = np.floor(START / (TR / 16) + 0.5)
    expected = oracle(displacement, kernel, np.arange(N) * TR + bin_of_scan * TR / 16)
    np.testing.assert_allclose(design_column(spm12, displacement), expected, atol=COARSE * np.ptp(expected))


def test_nilearn_convolves_the_interpolated_values(displacement: Condition) -> None:
    # nilearn's response is one step late, and its steps are TR/50
    kernel = np.r_[np.zeros(8), spm_hrf(TR, 400)]
    expected = oracle(displacement, kernel / kernel.sum(), np.arange(N) * TR + START)
    np.testing.assert_allclose(
        design_column(nilearn_glm, displacement), expected, atol=COARSE * np.ptp(expected)
    )


@pytest.mark.parametrize("suffix", ["", "_derivative", "_dispersion"])
def test_the_functions_of_a_response_apply_to_it_as_to_events(displacement: Condition, suffix: str) -> None:
    columns = [
        design_column(module, displacement, Hrf("spm", True, True), "fd" + suffix)
        for module in (spm12, nilearn_glm)
    ]
    assert np.corrcoef(*columns)[0, 1] > (ALIKE if not suffix else 0.95)


def test_a_constant_gives_the_same_as_one_long_event() -> None:
    constant = Condition("one", np.arange(N) * TR, np.full(N, TR), amplitudes=np.ones(N), continuous=True)
    block = Condition("one", np.zeros(1), np.full(1, N * TR))
    for module in (spm12, nilearn_glm):
        pair = [design_column(module, each, name="trial_type.one") for each in (constant, block)]
        np.testing.assert_allclose(pair[0], pair[1], atol=REPRODUCED)


def test_what_is_zero_throughout_keeps_its_column() -> None:
    zero = Condition(
        "fd", np.arange(N) * TR, np.full(N, TR), amplitudes=np.zeros(N), prefix="", continuous=True
    )
    # nilearn lifts the singular values of a singular design by rounding
    np.testing.assert_allclose(design_column(nilearn_glm, zero), 0.0, atol=REPRODUCED)
    np.testing.assert_array_equal(design_column(spm12, zero), 0.0)


@pytest.mark.parametrize("hrf", [Hrf(), Hrf("spm", True, True)])
def test_attribution_mixes_the_rules_of_both_packages(displacement: Condition, hrf: Hrf) -> None:
    clock = Clock(Microtime(TR, N, 16, int(np.floor(START / (TR / 16) + 0.5)) + 1), START / TR)
    mixed = crossed_regressors([displacement], clock, (hrf, hrf))
    for rules, module in ((Rules(False, False, False), nilearn_glm), (Rules(True, True, True), spm12)):
        found = module.design(paradigm(displacement), ModelSpecification("m", ("fd",), hrf=hrf))
        own = found.matrix[:, : len(hrf.suffixes)]
        np.testing.assert_allclose(mixed[rules].matrix, own, atol=REPRODUCED * np.abs(own).max())


def test_events_for_nilearn_cover_the_run_without_gap_or_overlap(displacement: Condition) -> None:
    drawn = drawn_events(displacement, START + np.arange(N) * TR)
    assert not drawn.continuous
    np.testing.assert_allclose(np.diff(drawn.onsets), drawn.durations[:-1], rtol=1e-9)
    events = Condition("go", np.zeros(1), np.ones(1))
    assert drawn_events(events, np.arange(N) * TR) is events
