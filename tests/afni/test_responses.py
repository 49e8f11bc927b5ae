import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad

from bidsglm.afni.responses import block, block_peak, plateau_block, response, unit_block

FINE = np.arange(0, 60, 0.001)
"""s"""
PROGRAM = 5e-6
"""By which 3dDeconvolve's rounded e^4 moves a block's response."""
STEP = 1e-5
"""On the fine grid, of a maximum between two points."""


def values(notation, t=FINE, duration=0.0, number=0):
    return response(notation).functions[number](t, np.array(duration))


@pytest.mark.parametrize(
    "notation",
    [
        "GAM",
        "GAM(6,0.9)",
        "GAM(8.6,.547,5)",
        "BLOCK(5,1)",
        "BLOCK(0.1,1)",
        "BLOCK4(40,1)",
        "BLOCK5(5,1)",
        "UBLOCK(5,1)",
        "SPMG1(5)",
        "SPMG1(.5)",
    ],
)
def test_peak_is_one(notation):
    assert_allclose(values(notation).max(), 1, atol=STEP)


@pytest.mark.parametrize("duration", [0.3, 2.0, 30.0])
def test_married_blocks_have_the_peak_asked_for(duration):
    assert_allclose(values("dmBLOCK(1)", duration=duration).max(), 1, atol=STEP)
    assert_allclose(values("dmBLOCK(2.5)", duration=duration).max(), 2.5, atol=3 * STEP)
    assert_allclose(values(f"dmUBLOCK(-{duration})", duration=duration).max(), 1, atol=STEP)
    assert_allclose(values("dmBLOCK", duration=duration).max(), block_peak(np.array(duration)), atol=STEP)


def test_blocks_of_different_durations_keep_their_ratio_under_the_plateau_form():
    short, long = values("dmUBLOCK(-2)", duration=1.0), values("dmUBLOCK(-2)", duration=20.0)
    assert short.max() < 1 < long.max()
    assert_allclose(values("dmUBLOCK", duration=60.0, t=np.arange(0, 80, 0.01)).max(), 1, atol=1e-4)
    assert_allclose(values("dmUBLOCK", duration=1.0), values("UBLOCK(1)"))


@pytest.mark.parametrize("power", [4, 5])
def test_block_is_the_integral_of_the_impulse_s_response(power):
    def impulse(s, t):
        return (t - s) ** power * np.exp(power - (t - s)) / power**power

    notation = "BLOCK(6)" if power == 4 else "BLOCK5(6)"
    for t in (0.5, 4.0, 6.0, 9.0, 20.0):
        expected = quad(impulse, 0, min(t, 6), args=(t,))[0]
        assert_allclose(values(notation, np.array([t]))[0], expected, atol=PROGRAM)


def test_block_ends_fifteen_seconds_after_its_stimulus():
    assert values("BLOCK(5)", np.array([19.999]))[0] > 0
    assert values("BLOCK(5)", np.array([20.0]))[0] == 0


def test_a_height_scales_the_block():
    assert_allclose(values("BLOCK(5,3)"), 3 * values("BLOCK(5,1)"))
    assert_array_equal(values("UBLOCK(5,3)"), values("BLOCK(5,3)"))
    assert_array_equal(values("UBLOCK(5,-3)"), values("UBLOCK(5)"))
    assert_array_equal(values("BLOCK4(5,1)"), values("BLOCK(5,1)"))


def test_gamma_peaks_at_its_mean_and_ends():
    assert_allclose(FINE[values("GAM").argmax()], 8.6 * 0.547, atol=0.001)
    assert values("GAM", np.array([11.1]))[0] > 0
    assert values("GAM", np.array([11.101]))[0] == 0
    # 9.9 standard deviations behind the peak
    end = 6 * 0.9 + 9.9 * np.sqrt(6) * 0.9
    assert values("GAM(6,.9)", np.array([end - 1e-6, end + 1e-6])).astype(bool).tolist() == [True, False]


def test_gamma_of_the_default_numbers_goes_on_where_gamma_alone_ends():
    inside = FINE <= 11.1
    assert_array_equal(values("GAM")[inside], values("GAM(8.6,.547)")[inside])
    assert values("GAM(8.6,.547)", np.array([11.2]))[0] > 0


def test_plain_spm_response_has_its_own_height():
    assert_allclose(values("SPMG1").max(), 0.1754, atol=1e-4)
    assert_allclose(FINE[values("SPMG1").argmax()], 5.0, atol=0.02)


def test_second_function_of_spm_is_the_derivative_of_the_first():
    assert_allclose(
        np.gradient(values("SPMG2"), 0.001)[1:24_000], values("SPMG2", number=1)[1:24_000], atol=1e-6
    )


def test_third_function_of_spm_is_the_difference_to_a_wider_response_over_its_widening():
    power, scale, height = 4.94057, 1.01, 0.00869011
    t = FINE[1:24_000]
    wide = height * t**power * np.exp(-t / scale) - 1.274527e-13 * t**15 * np.exp(-t)
    expected = (values("SPMG1", t) - wide) / 0.01
    assert_allclose(values("SPMG3", t, number=2), expected, atol=1e-9)
    # the wider response has the same area within the window, and is lower at the peak
    assert values("SPMG3", np.array([5.0]), number=2)[0] > 0


@pytest.mark.parametrize(("notation", "number"), [("SPMG2(4)", 1), ("SPMG3(4)", 2), ("SPMG1(4)", 0)])
def test_functions_of_spm_with_a_duration_are_running_sums_of_largest_value_one(notation, number):
    grid = np.arange(0, 40, 0.01)
    narrow = values(notation.split("(")[0], grid, number=number)
    summed = np.convolve(narrow, np.ones(401))[: len(grid)]
    assert_allclose(values(notation, grid, number=number), summed / np.abs(summed).max(), atol=1e-9)


def test_tents_share_their_window_and_end_at_its_edges():
    functions = response("TENT(-2,10,7)").functions
    t = np.linspace(-2, 10, 97)
    heights = np.array([h(t, np.array(0.0)) for h in functions])
    assert_allclose(heights.sum(axis=0), 1)
    knots = np.array([h(np.arange(-2.0, 11, 2), np.array(0.0)) for h in functions])
    assert_array_equal(knots, np.eye(7))
    assert not any(h(np.array([-2.1, 10.1]), np.array(0.0)).any() for h in functions)


@pytest.mark.parametrize(
    "notation", ["GAM", "GAM(6,0.9)", "GAM(8.6,.547,5)", "BLOCK(5)", "dmBLOCK(1)", "SPMG1", "SPMG3(5)"]
)
def test_nothing_responds_before_the_event(notation):
    for h in response(notation).functions:
        assert not h(np.array([-1e-3, -5.0, -1e4]), np.array(5.0)).any()


@pytest.mark.parametrize("notation", ["GAM", "GAM(8.6,.547,5)", "dmUBLOCK(-1)", "SPMG3(5)", "TENT(0,14,8)"])
def test_responses_reach_other_processes(notation):
    found = pickle.loads(pickle.dumps(response(notation)))
    for ours, sent in zip(response(notation).functions, found.functions, strict=True):
        assert_array_equal(sent(FINE, np.array(3.0)), ours(FINE, np.array(3.0)))


def test_blocks_are_of_the_fourth_power_and_of_height_one_unless_it_is_said():
    t, d = np.arange(0, 30, 0.1), np.array(6.0)
    assert_array_equal(block(t, d), block(t, d, 4))
    assert_array_equal(block_peak(d), block_peak(d, 4))
    assert_array_equal(unit_block(t, d), unit_block(t, d, 1.0, 4))
    assert_array_equal(plateau_block(t, d), plateau_block(t, d, 99.9))
    assert np.abs(block(t, d) - block(t, d, 5)).max() > 0.1


@pytest.mark.parametrize(
    ("plain", "numbers"),
    [("UBLOCK(5)", "UBLOCK(5,0)"), ("dmBLOCK", "dmBLOCK(0)"), ("dmUBLOCK", "dmUBLOCK(0)")],
)
def test_a_number_of_zero_is_none(plain, numbers):
    assert_array_equal(values(plain, duration=7.0), values(numbers, duration=7.0))
