"""A synthetic head in MNI space and scans of it while its left hand taps.

Everything is drawn from generators that the caller seeds, so the same seed gives the same scans.
Signal follows Y = B (1 + T S / 100) with the baseline B, time courses T (n_scans, n_sources) and maps S in
per cent (n_sources, x, y, z), plus autocorrelated noise; the magnitude of a complex receiver signal makes the
noise Rician, as scanners do (Gudbjartsson and Patz 1995, doi:10.1002/mrm.1910340618).
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special, stats

from bidsglm.model import Floats, Mask

Volumes = NDArray[np.float32]

SHAPE = (40, 48, 40)
VOXEL_SIZE = 4.0
ORIGIN = (-78.0, -112.0, -72.0)
AFFINE: Floats = np.array(
    [
        [VOXEL_SIZE, 0, 0, ORIGIN[0]],
        [0, VOXEL_SIZE, 0, ORIGIN[1]],
        [0, 0, VOXEL_SIZE, ORIGIN[2]],
        [0, 0, 0, 1],
    ]
)
ANATOMY_SEED = 20
PULSE_FREQUENCY = 0.11
"""Hz; where a heart beat of 67 per minute lands when sampled every 2 s."""
RESIDUAL_MOTION = 0.2
"""Share of the motion's intensity change that realignment leaves behind."""
RECEIVER_NOISE = 6.0
"""SD in the real and the imaginary channel; grey matter is 1000."""


class Site(NamedTuple):
    """A place that answers to movement."""

    name: str
    centre: tuple[float, float, float]
    """MNI mm"""
    width: float
    """SD of the Gaussian, mm"""
    size: float
    """Per cent of the voxel's baseline at the plateau of a block, at the centre"""


SITES = (
    Site("right motor cortex", (38, -24, 56), 9, 2.0),
    Site("supplementary motor area", (4, -6, 62), 7, 1.2),
    Site("left cerebellum", (-20, -56, -26), 8, 1.0),
    Site("left motor cortex", (-38, -24, 56), 9, -0.5),
)


CONTROL = "right prefrontal cortex", (32.0, 40.0, 22.0), 9.0
"""A region that does not answer: name, MNI mm, width."""
REGION_RADIUS = 1.2
"""Radius of a site's region, in its width: where the answer is at least half of that at the centre."""


class Head(NamedTuple):
    """Maps of the head, each (x, y, z)."""

    grey: Floats
    """Share of the voxel that is grey matter; the same for the next two"""
    white: Floats
    csf: Floats
    baseline: Floats
    """Mean signal, grey matter about 1000, with receive field and signal loss"""
    brain: Mask


def positions() -> Floats:
    """World coordinates of the voxels' centres, (3, x, y, z) mm.

    >>> positions()[:, 0, 0, 0]
    array([ -78., -112.,  -72.])
    """
    axes = [start + VOXEL_SIZE * np.arange(n) for start, n in zip(ORIGIN, SHAPE, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"))


def _depth(centre: Sequence[float], semi_axes: Sequence[float]) -> Floats:
    """Approximate depth below the surface of an ellipsoid, mm; negative outside."""
    offset = positions() - np.reshape(centre, (3, 1, 1, 1))
    radius = np.sqrt(np.sum((offset / np.reshape(semi_axes, (3, 1, 1, 1))) ** 2, axis=0))
    return np.asarray((1 - radius) * min(semi_axes))


def _inside(depth: Floats, softness: float = 1.5) -> Floats:
    """Share of a voxel that lies inside, from the depth of its centre (mm)."""
    return np.asarray(special.expit(depth / softness))


def _smooth_noise(rng: np.random.Generator, width: float) -> Floats:
    """Random map of SD 1 whose patches are about `width` mm (SD of the kernel) wide."""
    noise = ndimage.gaussian_filter(rng.standard_normal(SHAPE), width / VOXEL_SIZE, mode="wrap")
    return np.asarray((noise - noise.mean()) / noise.std())


def _blob(centre: Sequence[float], width: float) -> Floats:
    """Gaussian of height 1 around a point."""
    offset = positions() - np.reshape(centre, (3, 1, 1, 1))
    return np.asarray(np.exp(-np.sum(offset**2, axis=0) / (2 * width**2)))


def _brain_depth() -> Floats:
    z, y = positions()[2], positions()[1]
    base = z + 34 - 0.2 * (y + 18)
    cerebrum = np.minimum(_depth((0, -18, 8), (66, 84, 66)), base)
    cerebellum = _depth((0, -64, -32), (50, 30, 24))
    stem = _depth((0, -30, -42), (12, 14, 30))
    return np.asarray(np.maximum(np.maximum(cerebrum, cerebellum), stem))


def _tissues(depth: Floats) -> tuple[Floats, Floats, Floats]:
    """Grey, white and CSF shares of the brain from the depth below its surface."""
    rng = np.random.default_rng(ANATOMY_SEED)
    gyri, sulci = _smooth_noise(rng, 4.5), _smooth_noise(rng, 4)
    brain = _inside(depth)
    fissure = _inside(1.5 - np.abs(positions()[0])) * _inside(depth) * _inside(positions()[2] - 28)
    fluid = _inside(6 * (sulci - 1.3)) * _inside(11 - depth)
    for side in (-1, 1):
        fluid = np.maximum(fluid, _inside(_depth((9 * side, -18, 16), (6, 32, 10))))
    csf = brain * np.maximum(fluid, fissure)
    core = _inside(depth - 11 - 6 * gyri)
    for side in (-1, 1):
        core = core * (1 - _inside(_depth((25 * side, 0, 4), (9, 20, 12))))
        core = core * (1 - _inside(_depth((12 * side, -18, 8), (9, 14, 9))))
    white = (brain - csf) * core
    return brain - csf - white, white, csf


def _receive_field() -> Floats:
    """Brighter near the coil elements around the head, dimmer in its middle and at the neck."""
    x, y, z = positions()
    return np.asarray(0.85 + 0.3 * ((x / 78) ** 2 + ((y + 18) / 94) ** 2) / 2 + 0.12 * z / 78 - 0.08 * y / 94)


def _signal_loss() -> Floats:
    """Share of signal left beside the air of the sinuses and ear canals."""
    loss = 0.92 * _blob((0, 42, -22), 13)
    for side in (-1, 1):
        loss = np.maximum(loss, 0.6 * _blob((50 * side, -32, -28), 9))
    return 1 - loss


@cache
def head() -> Head:
    """Head of all participants, whose scans are in template space.

    >>> maps = head()
    >>> bool(maps.baseline[maps.brain].mean() > 5 * maps.baseline[0].mean())
    True
    """
    depth = _brain_depth()
    grey, white, csf = _tissues(depth)
    brain = grey + white + csf
    surface = np.maximum(_depth((0, -18, 6), (75, 93, 76)), _depth((0, -34, -72), (48, 56, 60)))
    outside = _inside(surface) * (1 - brain)
    meninges = outside * _inside(depth + 1.5)
    scalp = outside * _inside(3.5 - surface, 1.0)
    face = outside * _inside(-depth - 22)
    bone = outside - np.minimum(outside, meninges + scalp + face)
    tissue = 1000 * grey + 820 * white + 1350 * csf + 600 * meninges + 420 * scalp + 300 * face + 80 * bone
    baseline = tissue * _receive_field() * _signal_loss()
    inside = np.asarray(ndimage.binary_fill_holes(depth > 0), dtype=np.bool_)
    return Head(grey, white, csf, baseline, inside)


def activation(sizes: Sequence[float]) -> Floats:
    """Change of signal by movement, (x, y, z) in per cent of the baseline.

    Parameters
    ----------
    sizes
        Per cent at the centre of each of SITES.

    Examples
    --------
    >>> float(activation([site.size for site in SITES]).max().round(1))
    2.0
    """
    blobs = (size * _blob(site.centre, site.width) for site, size in zip(SITES, sizes, strict=True))
    return np.asarray(sum(blobs) * head().brain)


def regions() -> tuple[NDArray[np.int16], tuple[str, ...]]:
    """Labelled image (x, y, z) of the sites, 1 for the first, and of one that does not answer; their names.

    >>> labels, names = regions()
    >>> names[0], int(labels.max()) == len(names)
    ('right motor cortex', True)
    """
    places = [(site.name, site.centre, site.width) for site in SITES] + [CONTROL]
    labels = np.zeros(SHAPE, np.int16)
    for number, (_, centre, width) in enumerate(places, 1):
        offset = positions() - np.reshape(centre, (3, 1, 1, 1))
        inside = np.sum(offset**2, axis=0) <= (REGION_RADIUS * width) ** 2
        labels[inside & head().brain] = number
    return labels, tuple(name for name, _, _ in places)


def response(onsets: Floats, duration: float, times: Floats) -> Floats:
    """Block response of height 1 at its plateau.

    A gamma density with its mode at 5 s minus a sixth of one with its mode at 15 s (Glover 1999), integrated
    over each block.

    Parameters
    ----------
    onsets
        (n_blocks,) s.
    duration
        Of every block, s.
    times
        (n_scans,) s, when each scan is taken.

    Examples
    --------
    >>> response(np.array([0.0]), 60.0, np.array([0.0, 40.0])).round(3)
    array([0., 1.])
    """

    def step(t: Floats) -> Floats:
        return np.asarray((stats.gamma.cdf(t, 6) - stats.gamma.cdf(t, 16) / 6) / (5 / 6))

    since = times[:, None] - onsets
    return np.asarray((step(since) - step(since - duration)).sum(axis=1))


def head_motion(n_scans: int, rng: np.random.Generator) -> Floats:
    """Slow wandering and one sudden nod, (n_scans, 6): translations in mm, rotations in rad.

    >>> head_motion(100, np.random.default_rng(0)).shape
    (100, 6)
    """
    scale = np.array([0.015, 0.02, 0.03, 3e-4, 2e-4, 2e-4])
    walk = np.cumsum(rng.standard_normal((n_scans, 6)) * scale, axis=0)
    nod = rng.integers(n_scans // 4, 3 * n_scans // 4)
    walk[nod:] += np.array([0.05, 0.1, 0.35, 4e-3, 0, 0]) * rng.choice([-1, 1])
    return np.asarray(walk - walk[0])


def _motion_maps(baseline: Floats) -> Floats:
    """Per cent change of signal for each unit of the six motion parameters, (6, x, y, z)."""
    slope = -np.stack([np.gradient(baseline, VOXEL_SIZE, axis=axis) for axis in range(3)])
    arm = positions() - np.reshape((0, -18, 6), (3, 1, 1, 1))
    turn = np.cross(arm, slope, axis=0)
    return np.asarray(100 * RESIDUAL_MOTION * np.concatenate([slope, turn]) / np.maximum(baseline, 50))


def _autocorrelated(coefficients: Floats, n_scans: int, rng: np.random.Generator) -> Volumes:
    """Stationary AR(1) noise of SD 1, (n_scans, x, y, z), smooth in space, from each voxel's coefficient."""
    noise = rng.standard_normal((n_scans, *SHAPE), dtype=np.float32)
    ndimage.gaussian_filter(noise, (0, 0.6, 0.6, 0.6), output=noise)
    noise /= noise.std()
    rho = coefficients.astype(np.float32)
    innovation = np.sqrt(1 - rho**2)
    for i in range(1, n_scans):
        noise[i] = rho * noise[i - 1] + innovation * noise[i]
    return noise


def _sources(maps: Head, motion: Floats, times: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Time courses (n_scans, n_sources) and their maps in per cent: drift, breathing, pulse, motion."""
    phase = np.pi * (np.arange(len(times)) + 0.5) / len(times)
    drifts = np.stack([np.linspace(-1, 1, len(times)), np.cos(phase), np.cos(2 * phase)], axis=1)
    drift_maps = np.stack([0.7 * _smooth_noise(rng, 20) for _ in range(3)])
    breathing = ndimage.gaussian_filter1d(rng.standard_normal(len(times)), 1.5)
    pulse = np.sin(2 * np.pi * (PULSE_FREQUENCY * times + rng.uniform()))
    courses = np.column_stack([drifts, breathing / breathing.std(), pulse, motion])
    physiology = np.stack([0.3 * maps.grey + 0.1 * maps.white + 0.2 * maps.csf, 0.8 * maps.csf])
    return courses, np.concatenate([drift_maps, physiology, _motion_maps(maps.baseline)])


def scans(task: Floats, effect: Floats, motion: Floats, times: Floats, rng: np.random.Generator) -> Volumes:
    """One run of scans, (n_scans, x, y, z), grey matter about 1000.

    Parameters
    ----------
    task
        (n_scans,) response to the task, 1 at its plateau.
    effect
        (x, y, z) per cent change of signal where the response is 1.
    motion
        (n_scans, 6) as head_motion gives it.
    times
        (n_scans,) s, when each scan is taken.
    rng
        Generator of all noise.

    Notes
    -----
    The autocorrelation is 0.1 in white matter, 0.35 in grey matter and 0.6 in CSF, and varies by 0.1 (SD)
    over centimetres: the single covariance that SPM pools over the brain is right almost nowhere.
    """
    maps = head()
    courses, source_maps = _sources(maps, motion, times, rng)
    courses = np.column_stack([courses, task]).astype(np.float32)
    spread = np.concatenate([source_maps, effect[None]]).reshape(courses.shape[1], -1).astype(np.float32)
    rho = 0.1 * maps.white + 0.35 * maps.grey + 0.6 * maps.csf + 0.1 * _smooth_noise(rng, 12)
    noise = _autocorrelated(np.clip(rho, 0, 0.8), len(times), rng)
    noise *= (0.4 + 0.1 * maps.white + 0.4 * maps.grey + 1.0 * maps.csf).astype(np.float32)
    noise += (courses @ spread).reshape(noise.shape)
    signal = maps.baseline.astype(np.float32) * (1 + noise / 100)
    signal += RECEIVER_NOISE * rng.standard_normal(signal.shape, dtype=np.float32)
    other = RECEIVER_NOISE * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.asarray(np.hypot(signal, other))
