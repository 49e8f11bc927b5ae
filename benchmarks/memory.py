"""Peak memory of whole runs, beside the estimate: the table of docs/hpc.md.

``python benchmarks/memory.py --work-dir DIR [--only large]``

Makes runs of int16 with 24 confounds once for each work folder, fits each row of the table by ``bidsglm ...
participant`` on two cores, in a process of its own with one BLAS thread, and prints the table: the largest
resident set of the process in MiB, and by how much the estimate of ``--dry-run`` is above it. ``--only``
names grids (`small`, `large`). tests/unit/test_memory.py holds the estimate to these numbers.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from benchmarks.first_level import ONE_THREAD  # noqa: E402
from benchmarks.first_level_data import DERIVATIVES, Size, make_dataset, model  # noqa: E402

TWO, FOUR = ("spm", "nilearn"), ("spm", "nilearn", "afni", "fsl")
GRIDS = {"small": (60, 70, 60), "large": (97, 115, 97)}
VOXELS = {"small": "52,776", "large": "230,711"}
"""Grid -> voxels of its mask"""


class Fit(NamedTuple):
    """A row of the table."""

    n_scans: int = 100
    """Of each run"""
    n_runs: int = 1
    n_contrasts: int = 3
    backends: tuple[str, ...] = TWO
    attribution: bool = True
    grid: str = "small"


FITS = (
    Fit(attribution=False),
    Fit(400, attribution=False),
    Fit(n_runs=8, attribution=False),
    Fit(n_contrasts=40, attribution=False),
    Fit(backends=FOUR, attribution=False),
    Fit(attribution=False, grid="large"),
    Fit(),
    Fit(400),
    Fit(n_runs=8),
    Fit(n_runs=4, n_contrasts=12),
    Fit(n_contrasts=40),
    Fit(backends=FOUR),
    Fit(400, backends=FOUR),
    Fit(n_runs=4, backends=FOUR),
    Fit(n_contrasts=40, backends=FOUR),
    Fit(grid="large"),
    Fit(n_contrasts=40, grid="large"),
    Fit(backends=FOUR, grid="large"),
)


def data_of(folder: Path, fit: Fit) -> Path:
    """Folder with the data of a fit; each of several runs is the same file under another name."""
    one = folder / f"{fit.grid}_{fit.n_scans}"
    make_dataset(one, Size(GRIDS[fit.grid], fit.n_scans))
    if fit.n_runs == 1:
        return one / "bids"
    several = folder / f"{one.name}_{fit.n_runs}" / "bids"
    if not several.exists():
        shutil.copytree(one / "bids", several, symlinks=True)
        derivatives = several / DERIVATIVES.relative_to("bids")
        for path in [*several.glob("sub-*/func/*"), *derivatives.glob("sub-*/func/*")]:
            for run in range(1, fit.n_runs + 1):
                name = path.name.replace("_task-bench", f"_task-bench_run-{run}")
                # the raw images are links to the preprocessed ones, which are renamed too
                target = path.resolve() if path.is_symlink() else path
                if target.exists():
                    os.link(target, path.with_name(name))
            path.unlink()
    return several


def command_of(fit: Fit, bids: Path, folder: Path) -> list[str]:
    """Words behind ``bidsglm``."""
    values = (1, 0, -1, 2)
    weights = [w for w in product(values, values, values) if any(w)][: fit.n_contrasts]
    document = folder / "model_smdl.json"
    document.write_text(json.dumps(model({f"c{i}": w for i, w in enumerate(weights)})))
    words = [str(bids), str(folder / "out"), "participant", "--model", str(document), "-q"]
    words += ["--skip-bids-validation", "--omp-nthreads", "2", "--backends", *fit.backends]
    return words if fit.attribution else [*words, "--no-attribution"]


def peak_of(fit: Fit, work_dir: Path) -> tuple[float, float]:
    """Largest resident set of a fit, and the estimate (MiB)."""
    # in a process of its own, or its memory would count for the processes that this one starts
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        bids = pool.submit(data_of, work_dir, fit).result()
    folder = work_dir / "output"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    program = [sys.executable, "-m", "bidsglm", *command_of(fit, bids, folder)]
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(PROJECT)}
    dry = [*program, "--dry-run"]
    planned = subprocess.run(dry, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    process = subprocess.Popen(program, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{fit}: ended with {status}")
    return usage.ru_maxrss / 1024, estimate_of(planned.stdout)


def estimate_of(planned: str) -> float:
    """MiB that a dry run announces.

    >>> round(estimate_of("... about 447 MB of memory ..."))
    426
    """
    found = re.search(r"about ([\d.]+) ([MG]B) of memory", planned)
    if found is None:
        raise SystemExit(f"the dry run names no memory:\n{planned}")
    return float(found[1]) * {"MB": 1e6, "GB": 1e9}[found[2]] / 2**20


def row_of(fit: Fit, peak: float, estimate: float) -> str:
    """A line of the table."""
    cells = (
        " × ".join(map(str, GRIDS[fit.grid])),
        VOXELS[fit.grid],
        f"{fit.n_runs} × {fit.n_scans}",
        fit.n_contrasts,
        len(fit.backends),
        "yes" if fit.attribution else "no",
        f"{peak:.0f}",
        f"{100 * (estimate / peak - 1):+.0f} %",
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Peak memory of whole runs, beside the estimate.")
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=GRIDS, default=tuple(GRIDS))
    options = parser.parse_args()
    options.work_dir.mkdir(parents=True, exist_ok=True)
    for fit in FITS:
        if fit.grid in options.only:
            print(row_of(fit, *peak_of(fit, options.work_dir)), flush=True)


if __name__ == "__main__":
    main()
