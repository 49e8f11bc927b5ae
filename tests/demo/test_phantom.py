"""The synthetic head stays the one that published numbers and pictures of the demo are of."""

import nibabel as nib
import numpy as np
import pytest
from scipy import integrate, stats

from bidsglm.demo import phantom
from bidsglm.model import Floats

SAME = 1e-5
"""Relative; far above what another computer's rounding makes of the maps."""
SAME_SCANS = 1e-4
"""The same of scans, which are float32."""


def fingerprint(values: Floats) -> list[float]:
    """Mean, SD and two sums over places, one quick and one slow."""
    flat = np.asarray(values, dtype=float).ravel()
    places = np.arange(flat.size)
    slow = flat * np.cos(2.3 * places / flat.size)
    return [flat.mean(), flat.std(), (flat * np.cos(0.7 * places)).mean(), slow.mean()]


def test_axes_of_the_images_are_those_of_the_positions() -> None:
    index = np.indices(phantom.SHAPE).reshape(3, -1).T
    places = nib.affines.apply_affine(phantom.AFFINE, index)
    np.testing.assert_allclose(phantom.positions().reshape(3, -1).T, places)
    assert phantom.SHAPE == (40, 48, 40)
    np.testing.assert_array_equal(phantom.AFFINE[:3], [[4, 0, 0, -78], [0, 4, 0, -112], [0, 0, 4, -72]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("grey", [0.12060248, 0.26176675, 0.00011224672, 0.042781627]),
        ("white", [0.15451237, 0.33133247, -7.0755505e-05, 0.059080713]),
        ("csf", [0.023312635, 0.096507841, -6.7124051e-05, 0.0092642187]),
        ("baseline", [308.33955, 371.35071, -0.034354251, 113.1538]),
        ("brain", [0.29611979, 0.45654448, -0.00027844534, 0.11048408]),
    ],
)
def test_head_is_the_published_one(name: str, expected: list[float]) -> None:
    np.testing.assert_allclose(fingerprint(getattr(phantom.head(), name)), expected, rtol=SAME, atol=1e-9)


def test_depth_is_none_on_the_surface_and_that_of_a_ball_everywhere() -> None:
    centre, radius = np.array([2.0, -16.0, 8.0]), 40.0
    distance = np.linalg.norm(np.moveaxis(phantom.positions(), 0, -1) - centre, axis=-1)
    np.testing.assert_allclose(phantom._depth(centre, [radius] * 3), radius - distance, atol=1e-9)
    # of an ellipsoid: its centre is as deep as the nearest surface, and the ends of its axes are the surface
    found = phantom._depth(centre, [20.0, 40.0, 60.0])
    places = phantom.positions().reshape(3, -1).T
    at = {tuple(place): value for place, value in zip(places, found.ravel(), strict=True)}
    assert at[2, -16, 8] == pytest.approx(20)
    ends = [at[22, -16, 8], at[2, 24, 8], at[2, -16, 68]]
    np.testing.assert_allclose(ends, 0, atol=1e-9)
    assert at[42, -16, 8] < 0


def test_tissues_fill_the_brain_and_no_share_is_negative() -> None:
    head = phantom.head()
    parts = np.stack([head.grey, head.white, head.csf])
    assert parts.min() > -1e-12
    assert parts.sum(axis=0).max() <= 1 + 1e-12
    assert parts.sum(axis=0)[head.brain].min() >= 0.4


def test_a_smooth_map_has_mean_0_sd_1_and_the_width_that_it_is_asked_for() -> None:
    found = phantom._smooth_noise(np.random.default_rng(5), 8.0)
    assert (found.mean(), found.std()) == (pytest.approx(0), pytest.approx(1))
    # noise smoothed by a Gaussian of SD s correlates over a distance d by exp(-d² / 4s²)
    lags = np.array([1, 2])
    r = [np.mean(found * np.roll(found, lag, axis=axis)) for lag in lags for axis in range(3)]
    np.testing.assert_allclose(r, np.repeat(np.exp(-((lags * 4.0) ** 2) / (4 * 8.0**2)), 3), atol=0.05)


def test_activation_is_a_sum_of_gaussians_inside_the_brain() -> None:
    sizes = [1.0, -2.0, 3.0, 0.5]
    found, head = phantom.activation(sizes), phantom.head()
    x, y, z = phantom.positions()
    expected = np.zeros(phantom.SHAPE)
    for site, size in zip(phantom.SITES, sizes, strict=True):
        distance = (x - site.centre[0]) ** 2 + (y - site.centre[1]) ** 2 + (z - site.centre[2]) ** 2
        expected += size * np.exp(-0.5 * distance / site.width**2)
    np.testing.assert_allclose(found, np.where(head.brain, expected, 0))


def test_sites_are_the_published_ones() -> None:
    assert [tuple(site) for site in phantom.SITES] == [
        ("right motor cortex", (38, -24, 56), 9, 2.0),
        ("supplementary motor area", (4, -6, 62), 7, 1.2),
        ("left cerebellum", (-20, -56, -26), 8, 1.0),
        ("left motor cortex", (-38, -24, 56), 9, -0.5),
    ]
    assert phantom.CONTROL == ("right prefrontal cortex", (32.0, 40.0, 22.0), 9.0)


def test_regions_are_balls_around_the_sites_inside_the_brain() -> None:
    labels, names = phantom.regions()
    places = [(site.centre, site.width) for site in phantom.SITES] + [phantom.CONTROL[1:]]
    assert len(names) == len(places) == labels.max()
    for number, (centre, width) in enumerate(places, 1):
        distance = np.linalg.norm(np.moveaxis(phantom.positions(), 0, -1) - centre, axis=-1)
        # at 1.2 widths a Gaussian is at half its height
        np.testing.assert_array_equal(labels == number, (distance <= 1.2 * width) & phantom.head().brain)


def test_response_is_the_integral_of_two_gamma_densities() -> None:
    def density(t: float) -> float:
        # modes at 5 and 15 s; their difference has an area of 5/6
        return float((stats.gamma.pdf(t, 6) - stats.gamma.pdf(t, 16) / 6) / (5 / 6))

    onsets, times = np.array([3.0, 30.0]), np.array([0.0, 7.0, 14.5, 25.0, 33.0, 41.0])
    expected = [
        sum(integrate.quad(lambda u, t=t, o=o: density(t - o - u), 0, 12.0, limit=200)[0] for o in onsets)
        for t in times
    ]
    np.testing.assert_allclose(phantom.response(onsets, 12.0, times), expected, atol=1e-7)


def test_head_wanders_by_its_steps_and_nods_once() -> None:
    n = 4000
    motion = phantom.head_motion(n, np.random.default_rng(2))
    np.testing.assert_array_equal(motion[0], 0)
    steps = np.diff(motion, axis=0)
    (nod,) = np.flatnonzero(np.abs(steps[:, 2]) > 0.2)
    others = np.delete(steps, nod, axis=0)
    np.testing.assert_allclose(others.std(axis=0), [0.015, 0.02, 0.03, 3e-4, 2e-4, 2e-4], rtol=0.06)
    size = np.array([0.05, 0.1, 0.35, 4e-3, 0, 0])
    spread = 5 * np.array([0.015, 0.02, 0.03, 3e-4, 2e-4, 2e-4])
    assert (np.abs(steps[nod] - np.sign(steps[nod, 2]) * size) < spread).all()


def test_nods_fall_into_the_middle_half_in_both_directions() -> None:
    steps = [
        np.diff(phantom.head_motion(40, np.random.default_rng(seed)), axis=0)[:, 2] for seed in range(200)
    ]
    scans = {int(np.abs(each).argmax()) + 1 for each in steps}
    assert (min(scans), max(scans)) == (10, 29)
    up = np.mean([each[np.abs(each).argmax()] > 0 for each in steps])
    assert 0.3 < up < 0.7


def test_noise_is_stationary_with_each_voxels_own_autocorrelation() -> None:
    coefficients = np.broadcast_to(np.linspace(0, 0.8, phantom.SHAPE[0])[:, None, None], phantom.SHAPE)
    noise = phantom._autocorrelated(coefficients, 12, np.random.default_rng(4)).astype(float)
    np.testing.assert_allclose(noise.std(axis=(1, 2, 3)), 1, atol=0.03)
    # at the edges the smoothing finds the voxels there twice
    np.testing.assert_allclose(noise[-3:, 2:-2].std(axis=(0, 2, 3)), 1, atol=0.1)
    lagged = (noise[1:] * noise[:-1]).mean(axis=(0, 2, 3))
    np.testing.assert_allclose(lagged[2:-2], coefficients[2:-2, 0, 0], atol=0.06)
    # neighbours of noise smoothed by a kernel of SD 0.6 voxels, as scipy samples it
    kernel = np.exp(-0.5 * (np.arange(-2, 3) / 0.6) ** 2)
    near = (kernel[1:] * kernel[:-1]).sum() / (kernel**2).sum()
    np.testing.assert_allclose((noise[:, :, 1:] * noise[:, :, :-1]).mean(), near, atol=0.02)


def test_motion_maps_are_the_changes_of_a_moved_image() -> None:
    baseline = 2000 + 5 * phantom.positions()[0] - 3 * phantom.positions()[1] + phantom.positions()[2]
    found = phantom._motion_maps(baseline)
    x, y, z = phantom.positions()
    slope = np.array([5.0, -3.0, 1.0])
    arm = np.stack([x, y + 18, z - 6])
    for axis, unit in enumerate(np.eye(3)):
        # what is moved by a little shows what lay behind it; a fifth stays after realignment
        np.testing.assert_allclose(found[axis], -20 * slope[axis] / baseline)
        turned = np.cross(np.broadcast_to(unit[:, None, None, None], arm.shape), arm, axis=0)
        change = -20 * np.einsum("i,ixyz->xyz", slope, turned) / baseline
        np.testing.assert_allclose(found[3 + axis], change, atol=1e-9)


def test_motion_changes_little_where_there_is_next_to_no_signal() -> None:
    dark = 1.0 + 0.02 * phantom.positions()[0]
    np.testing.assert_allclose(phantom._motion_maps(dark)[0], -20 * 0.02 / 50)


def test_scans_of_a_seed_are_the_published_ones() -> None:
    rng, times = np.random.default_rng(7), 2.0 * np.arange(16) + 1
    motion = phantom.head_motion(16, rng)
    found = phantom.scans(np.sin(times), phantom.activation([1, 2, 3, 4]), motion, times, rng)
    assert (found.shape, found.dtype) == ((16, *phantom.SHAPE), np.float32)
    expected = [
        [310.72817, 368.01848, -0.032270999, 113.80892],
        [6.4972529, 3.5281759, -0.0042387399, 2.258422],
        [310.72817, 368.09274, 0.00033730638, 101.07429],
        [17.245866, 51.183654, -0.042887109, 6.4822348],
        [17.794321, 42.288027, 0.030361317, 6.8850552],
        [5.0533002, 30.847519, 0.0076244641, 2.0434735],
    ]
    rows = [fingerprint(each) for each in (found.mean(axis=0), found.std(axis=0), found)]
    lag = ((found[1:] - found[:-1]) ** 2).mean(axis=0, dtype=float)
    rows += [
        fingerprint(lag * part) for part in (phantom.head().grey, phantom.head().white, phantom.head().csf)
    ]
    np.testing.assert_allclose(rows, expected, rtol=SAME_SCANS, atol=2e-5)


def test_slow_courses_are_a_line_and_two_cosines_and_the_pulse_has_its_frequency() -> None:
    times = 2.0 * np.arange(50) + 1
    motion = np.arange(300.0).reshape(50, 6)
    courses, maps = phantom._sources(phantom.head(), motion, times, np.random.default_rng(0))
    middle = (np.arange(50) + 0.5) / 50
    np.testing.assert_allclose(courses[:, 0], np.linspace(-1, 1, 50))
    np.testing.assert_allclose(courses[:, 1:3], np.cos(np.pi * np.outer(middle, [1, 2])))
    assert courses[:, 3].std() == pytest.approx(1)
    wave = np.column_stack([np.sin(2 * np.pi * 0.11 * times), np.cos(2 * np.pi * 0.11 * times)])
    amplitudes, rest = np.linalg.lstsq(wave, courses[:, 4], rcond=None)[:2]
    assert np.linalg.norm(amplitudes) == pytest.approx(1)
    assert rest == pytest.approx(0, abs=1e-9)
    np.testing.assert_array_equal(courses[:, 5:], motion)
    head = phantom.head()
    np.testing.assert_allclose(maps[:3].std(axis=(1, 2, 3)), 0.7)
    np.testing.assert_allclose(maps[3], 0.3 * head.grey + 0.1 * head.white + 0.2 * head.csf)
    np.testing.assert_allclose(maps[4], 0.8 * head.csf)
    np.testing.assert_array_equal(maps[5:], phantom._motion_maps(head.baseline))
