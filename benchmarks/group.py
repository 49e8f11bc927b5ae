"""Time and memory of the group level against the number of participants.

``python benchmarks/group.py --work-dir DIR [--participants 10 100 1000] [--large]``

Writes output folders of so many finished participants without fitting anything (one contrast; tables, and an
effect map from each package), then runs ``bidsglm ... group`` on each in a process of its own with one BLAS
thread. CPU time is user + system of the whole process, the report among it; memory its largest resident set.
Maps are 8 x 9 x 7 voxels, or with ``--large`` 91 x 109 x 91 of which 222,483 are in the mask: those of 20
participants, which the others link to. Scratch is what the maps of one contrast take on disk while they are
fitted: 4 bytes for each participant, package and voxel in the mask.

On two shared cores of a virtual machine (November 2026), wall time left out since the machine was busy:

| participants | CPU (s), small maps | peak (MiB) | CPU (s), 2 mm | peak (MiB) | scratch (MiB) |
|---|---|---|---|---|---|
| 10 | 4.8 | 214 | 10.8 | 363 | 17 |
| 100 | 6.3 | 220 | 14.6 | 369 | 170 |
| 1000 | 13.8 | 242 | 53.3 | 381 | 1697 |
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from tests.finished import AFFINE, effects, write_dataset, write_image, write_participant  # noqa: E402

LARGE = (91, 109, 91)
LARGE_AFFINE = np.array([[2.0, 0, 0, -90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
PROTOTYPES = 20
"""Participants whose large maps are really different."""
CONTRAST = "go"
BACKENDS = ("spm", "nilearn")
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


class Cost(NamedTuple):
    """What a process needed."""

    cpu: float
    wall: float
    peak_mib: float


def head() -> np.ndarray:
    """(x, y, z) an ellipsoid of some 230,000 voxels."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in LARGE), indexing="ij")
    return np.asarray((x / 0.78) ** 2 + (y / 0.82) ** 2 + (z / 0.76) ** 2 < 1)


def write_prototypes(folder: Path) -> None:
    """Write large effect maps of some participants, unless they are there."""
    if (folder / "done").exists():
        return
    inside = head()
    for seed in range(PROTOTYPES):
        noise = np.random.default_rng(seed).standard_normal((2, *LARGE)).astype(np.float32)
        for backend, values in zip(BACKENDS, (0.2 + noise[0], 0.22 + noise[0] + noise[1] / 10), strict=True):
            values = np.where(inside, values, np.nan).astype(np.float32)
            write_image(folder / f"{seed}_{backend}.nii.gz", values, LARGE_AFFINE)
    (folder / "done").touch()


def write_outputs(root: Path, n: int, prototypes: Path | None) -> tuple[Path, Path]:
    """Write n finished participants; returns the raw data set and the output folder."""
    shutil.rmtree(root, ignore_errors=True)
    bids, out = write_dataset(root, []), root / "out"
    for i in range(n):
        folder = write_participant(out, f"{i + 1:04d}", {CONTRAST: effects(i)}, affine=AFFINE)
        if prototypes is not None:
            for path in folder.glob("*_stat-effect_*.nii.gz"):
                backend = "nilearn" if "desc-nilearn" in path.name else "spm"
                path.unlink()
                path.hardlink_to(prototypes / f"{i % PROTOTYPES}_{backend}.nii.gz")
    return bids, out


def measured(command: list[str], scratch: Path) -> Cost:
    """Run a command to its end."""
    started = time.perf_counter()
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(PROJECT), "TMPDIR": str(scratch)}
    process = subprocess.Popen(command, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"failed: {' '.join(command)}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(cpu, time.perf_counter() - started, usage.ru_maxrss / 1024)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--participants", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--large", action="store_true", help="maps of 2 mm")
    arguments = parser.parse_args()
    prototypes = arguments.work_dir / "prototypes" if arguments.large else None
    if prototypes is not None:
        write_prototypes(prototypes)
    n_voxels = int(head().sum()) if arguments.large else 6 * 7 * 5
    print("| participants | CPU (s) | CPU per participant (ms) | wall (s) | peak (MiB) | scratch (MiB) |")
    print("|---|---|---|---|---|---|", flush=True)
    for n in arguments.participants:
        root = arguments.work_dir / f"{'large' if arguments.large else 'small'}-{n}"
        bids, out = write_outputs(root, n, prototypes)
        command = [sys.executable, "-m", "bidsglm", str(bids), str(out), "group", "-qq"]
        cost = measured(command, arguments.work_dir)
        scratch = 2 * 4 * n * n_voxels / 2**20
        print(
            f"| {n} | {cost.cpu:.1f} | {1000 * cost.cpu / n:.0f} | {cost.wall:.1f} | {cost.peak_mib:.0f} "
            f"| {scratch:.0f} |",
            flush=True,
        )
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
