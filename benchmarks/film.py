"""Time of FILM against nilearn's AR(1) on the same voxels.

``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/film.py [--voxels 20000]``

Noise of voxels of 2 mm in a ball, 300 scans, 30 columns (three conditions with derivatives and 24 confounds).
CPU seconds of one thread, best of the repeats, and scaled to a brain of 230,000 voxels; neither side reads or
writes an image. The filter of the data, which FEAT runs before, is given apart.
"""

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter

from bidsglm.data import Volume
from bidsglm.fsl.film import film
from bidsglm.fsl.highpass import filtered, filtered_columns, line_filter

N_SCANS, TR, CUTOFF = 300, 2.0, 100.0
N_TASK, N_CONFOUNDS = 6, 24
BRAIN = 230_000
CHUNK = 500
MM = 2.0


def ball(n_voxels: int) -> np.ndarray:
    """(x, y, z) mask of about that many voxels."""
    radius = (3 * n_voxels / (4 * np.pi)) ** (1 / 3)
    axis = np.arange(-int(radius) - 1, int(radius) + 2)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    return np.asarray(x**2 + y**2 + z**2 <= radius**2)


def noise(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n_scans, n_voxels) with autocorrelations that vary smoothly, and a grand mean of 10,000."""
    phi = np.clip(0.3 + 6 * gaussian_filter(rng.standard_normal(mask.shape), 5), -0.1, 0.8)[mask]
    base = np.clip(10_000 + 20_000 * gaussian_filter(rng.standard_normal(mask.shape), 3), 3_000, None)[mask]
    Y = np.empty((N_SCANS, phi.size), dtype=np.float32)
    state = np.zeros(phi.size)
    for scan in range(N_SCANS):
        state = phi * state + rng.standard_normal(phi.size)
        Y[scan] = base + 100 * state
    return Y


def design(rng: np.random.Generator, L: np.ndarray) -> np.ndarray:
    """Filtered columns."""
    task = gaussian_filter(rng.standard_normal((N_SCANS, N_TASK)), (2, 0))
    confounds = np.cumsum(rng.standard_normal((N_SCANS, N_CONFOUNDS)), axis=0) / 10
    return filtered_columns(np.hstack([task, confounds]), L)


def best(function: Callable[[], object], repeats: int) -> float:
    """Least CPU seconds of some repeats."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voxels", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    mask = ball(arguments.voxels)
    grid = Volume(mask.shape, np.diag([MM, MM, MM, 1]), mask)
    Y, L = noise(mask, rng), line_filter(N_SCANS, TR, CUTOFF)
    X, rows = design(rng, L), np.eye(N_TASK + N_CONFOUNDS)[:N_TASK]
    starts = range(0, Y.shape[1], CHUNK)
    parts = [filtered(Y[:, start : start + CHUNK], L) for start in starts]
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = {
        "line filter": best(lambda: [filtered(Y[:, s : s + CHUNK], L) for s in starts], arguments.repeats),
        "FILM": best(lambda: film(lambda: parts, X, rows, grid), arguments.repeats),
    }
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1024
    from nilearn.glm.first_level import run_glm

    with_mean = np.column_stack([X, np.ones(N_SCANS)])
    data = Y.astype(np.float64)
    seconds["nilearn's run_glm, AR(1)"] = best(lambda: run_glm(data, with_mean, "ar1"), arguments.repeats)
    for name, value in seconds.items():
        print(f"{name}: {value:.2f} s of {Y.shape[1]} voxels, {value / Y.shape[1] * BRAIN:.1f} s of a brain")
    print(f"FILM's memory beyond the data: {grown:.0f} MiB")


if __name__ == "__main__":
    main()
