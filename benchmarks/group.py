"""Time and memory of the group level against the number of participants.

``python benchmarks/group.py --work-dir DIR [--participants 10 100 1000] [--contrasts 12] [--large]``

Writes output folders of so many finished participants without fitting anything (tables of agreement,
attribution and of 100 regions, and for each contrast an effect map from each package), then runs
``bidsglm ... group`` on each in a process of its own with one BLAS thread. CPU time is user + system of the
whole process, stability and page among it; memory its largest resident set. Maps are 8 x 9 x 7 voxels, or
with ``--large`` 91 x 109 x 91 of which 222,483 are in the mask. Twenty participants are made, the others link
to their files. Scratch is what the maps of one contrast take on disk while they are fitted: 4 bytes for each
participant, package and voxel in the mask.

What came out is in docs/performance.md.
"""

import argparse
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from bidsglm.outputs.names import map_name  # noqa: E402
from bidsglm.outputs.region_tables import REGIONS as REGION_VALUES  # noqa: E402
from tests.finished import (  # noqa: E402
    AFFINE,
    NAME,
    effects,
    write_dataset,
    write_image,
    write_participant,
)

LARGE = (91, 109, 91)
LARGE_AFFINE = np.array([[2.0, 0, 0, -90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
PROTOTYPES = 20
"""Participants whose files are really different."""
REGIONS = 100
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


def large_maps(seed: int, inside: np.ndarray) -> dict[str, np.ndarray]:
    """Effect maps of 2 mm."""
    noise = np.random.default_rng(seed).standard_normal((2, *LARGE)).astype(np.float32)
    pair = (0.2 + noise[0], 0.22 + noise[0] + noise[1] / 10)
    return {
        backend: np.where(inside, values, np.nan).astype(np.float32)
        for backend, values in zip(BACKENDS, pair, strict=True)
    }


def write_prototype(out: Path, number: int, names: Sequence[str], large: bool) -> Path:
    """Write a participant's tables and maps; returns its folder."""
    label = f"{number + 1:04d}"
    seeds = {name: 1000 * number + place for place, name in enumerate(names)}
    prefix = f"sub-{label}_{NAME}"
    regions = f"sub-{label}/func/{prefix}_desc-rois_metrics.tsv"
    about = {"supplements": {"rois": {"digest": "made", "files": [regions], "warnings": []}}}
    maps = {name: effects(seed) for name, seed in seeds.items()}
    folder = write_participant(out, label, maps, affine=AFFINE, **about)
    values = np.random.default_rng(number).standard_normal((len(names), REGIONS, 2, 2))
    REGION_VALUES.write(
        out / regions,
        [
            {
                "contrast": name,
                "region": region + 1,
                "label": f"region {region + 1}",
                "backend": backend,
                "n_voxels": 100,
                "effect": values[i, region, k, 0],
                "t": values[i, region, k, 1],
                "effect_sd": 1.0,
                "F": math.nan,
                "n_atlas_voxels": 120,
                "fraction": 0.8,
                "contrast_name": name,
            }
            for i, name in enumerate(names)
            for region in range(REGIONS)
            for k, backend in enumerate(BACKENDS)
        ],
        {"Atlas": "made.nii.gz"},
    )
    inside = head() if large else None
    for name, seed in seeds.items() if inside is not None else ():
        for backend, found in large_maps(seed, inside).items():
            stem = map_name(prefix, "effect", backend, name)
            write_image(folder / f"{stem}.nii.gz", found, LARGE_AFFINE)
    return folder


def clone(folder: Path, old: str, new: str) -> None:
    """Give another participant the files of a prototype, and a summary of their own."""
    target = Path(str(folder).replace(f"sub-{old}", f"sub-{new}"))
    target.mkdir(parents=True)
    for path in folder.iterdir():
        own = target / path.name.replace(f"sub-{old}", f"sub-{new}")
        if path.name.endswith("_summary.json"):
            text = path.read_text().replace(f"sub-{old}", f"sub-{new}")
            own.write_text(text.replace(f'"participant": "{old}"', f'"participant": "{new}"'))
        else:
            own.hardlink_to(path)


def write_outputs(root: Path, n: int, names: Sequence[str], large: bool) -> tuple[Path, Path]:
    """Write n finished participants; returns the raw data set and the output folder."""
    shutil.rmtree(root, ignore_errors=True)
    bids, out = write_dataset(root, []), root / "out"
    folders = [write_prototype(out, i, names, large) for i in range(min(n, PROTOTYPES))]
    for i in range(PROTOTYPES, n):
        clone(folders[i % PROTOTYPES], f"{i % PROTOTYPES + 1:04d}", f"{i + 1:04d}")
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
    parser.add_argument("--contrasts", type=int, default=12)
    parser.add_argument("--large", action="store_true", help="maps of 2 mm")
    arguments = parser.parse_args()
    names = [f"contrast{i + 1}" for i in range(arguments.contrasts)]
    n_voxels = int(head().sum()) if arguments.large else 6 * 7 * 5
    print("| participants | CPU (s) | wall (s) | peak (MiB) | scratch (MiB) | page (MB) |")
    print("|---|---|---|---|---|---|", flush=True)
    for n in arguments.participants:
        root = arguments.work_dir / f"{'large' if arguments.large else 'small'}-{n}"
        bids, out = write_outputs(root, n, names, arguments.large)
        command = [sys.executable, "-m", "bidsglm", str(bids), str(out), "group", "-qq"]
        cost = measured(command, arguments.work_dir)
        scratch = 2 * 4 * n * n_voxels / 2**20
        page = (out / "group.html").stat().st_size / 1e6
        print(
            f"| {n} | {cost.cpu:.1f} | {cost.wall:.1f} | {cost.peak_mib:.0f} | {scratch:.0f} | {page:.1f} |",
            flush=True,
        )
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
