"""Wall and CPU time of a data set on one core and on several.

``python benchmarks/cores.py [BIDS_DIR] --work-dir DIR [--cores 2] [--repeats 3] [options of bidsglm]``

Fits the data set, that of ``benchmarks/first_level.py`` for instance (``--model`` gives its model), in
processes of their own, on one core and on several in turn. Prints the medians, and whether all maps and
tables hold the same. Wall time counts only where the machine has nothing else to do. Options that are not its
own go to bidsglm.

Beside them stands the floor: plain work that waits for nothing (products of matrices, decompression, Python
alone), by one process and by as many as there are cores, each doing the same. What these do not reach
together, nothing does on that machine: cores of a virtual machine may be two threads of one core, or be lent
to others.
"""

import argparse
import gzip
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

PROJECT = Path(__file__).resolve().parent.parent
TARGET = 0.6
"""Wall over CPU time on two cores"""
TELL_WHEN = (".html", "_summary.json")
"""Files that tell when they were made"""


SECONDS = 3.0
"""CPU time of the plain work of a process, about"""


class Cost(NamedTuple):
    """What a process needed."""

    cpu: float
    """s, user and system"""
    wall: float
    peak_mib: float


def content(path: Path) -> bytes:
    """What a file holds: ISA-L does not compress the same content to the same bytes every time."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def measure(output: Path, n_cores: int, arguments: Sequence[str]) -> tuple[Cost, dict[str, str]]:
    """Fit on some cores; what it cost, and digests of the files by name."""
    shutil.rmtree(output, ignore_errors=True)
    data, *options = arguments
    words = [data, str(output), "participant", "--skip-bids-validation", "-q", f"--n-procs={n_cores}"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "bidsglm", *words, *options], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    if status:
        raise SystemExit(f"bidsglm failed on {n_cores} cores")
    files = {
        str(path.relative_to(output)): sha256(content(path)).hexdigest()
        for path in sorted(output.glob("sub-*/**/*"))
        if path.is_file() and not path.name.endswith(TELL_WHEN)
    }
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024), files


def product() -> None:
    """Multiply two matrices."""
    matrix = np.ones((600, 600))
    matrix @ matrix


def decompression() -> None:
    """Decompress what is as large as some volumes."""
    gzip.decompress(COMPRESSED)


def python() -> None:
    """Count."""
    for _ in range(1_000_000):
        pass


PLAIN = {each.__name__: each for each in (product, decompression, python)}
COMPRESSED = gzip.compress(bytes(range(256)) * 40_000, 1)


def work(name: str, times: int) -> None:
    """Do plain work."""
    for _ in range(times):
        PLAIN[name]()


def times_of(name: str) -> int:
    """How often plain work is done in its time."""
    started = time.process_time()
    work(name, 5)
    return max(1, round(5 * SECONDS / (time.process_time() - started)))


def at_once(name: str, times: int, n_processes: int) -> tuple[float, float]:
    """CPU and wall time of processes that all do the same plain work."""
    command = [sys.executable, __file__, "--plain", name, str(times)]
    environment = {**os.environ, **{f"{each}_NUM_THREADS": "1" for each in ("OMP", "OPENBLAS", "MKL")}}
    environment["PYTHONPATH"] = str(PROJECT)
    started, cpu = time.monotonic(), 0.0
    processes = [subprocess.Popen(command, env=environment) for _ in range(n_processes)]
    for process in processes:
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"plain work failed: {name}")
        cpu += usage.ru_utime + usage.ru_stime
    return cpu, time.monotonic() - started


def print_floor(n_cores: int) -> None:
    """Measure plain work by one process and by as many as there are cores."""
    print(f"{'plain work':>13} {'processes':>9} {'CPU (s)':>8} {'wall (s)':>9} {'wall/CPU':>9}")
    for name in PLAIN:
        times = times_of(name)
        for n_processes in (1, n_cores):
            cpu, wall = at_once(name, times, n_processes)
            print(f"{name:>13} {n_processes:9} {cpu:8.1f} {wall:9.1f} {wall / cpu:9.2f}", flush=True)


def main() -> None:
    """Measure in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bids_dir", nargs="?", help="data set; the floor alone without one")
    parser.add_argument("--work-dir", type=Path, default=Path("cores"))
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--plain", nargs=2, help=argparse.SUPPRESS)
    own, options = parser.parse_known_args()
    if own.plain:
        work(own.plain[0], int(own.plain[1]))
        return
    print_floor(own.cores)
    if own.bids_dir is None:
        return
    folder = own.work_dir.resolve()
    costs: dict[int, list[Cost]] = {1: [], own.cores: []}
    files: dict[int, dict[str, str]] = {}
    for _ in range(own.repeats):
        for n_cores, measured in costs.items():
            cost, files[n_cores] = measure(folder / f"on_{n_cores}", n_cores, [own.bids_dir, *options])
            measured.append(cost)
    print(f"{'cores':>5} {'CPU (s)':>8} {'wall (s)':>9} {'wall/CPU':>9} {'peak (MiB)':>11}")
    for n_cores, measured in costs.items():
        cpu, wall, peak = (statistics.median(cost[i] for cost in measured) for i in range(3))
        ratio = statistics.median(cost.wall / cost.cpu for cost in measured)
        print(f"{n_cores:5} {cpu:8.1f} {wall:9.1f} {ratio:9.2f} {peak:11.0f}")
    pairs = zip(costs[1], costs[own.cores], strict=True)
    saved = statistics.median(several.wall / one.wall for one, several in pairs)
    print(f"wall on {own.cores} cores / on one: {saved:.2f}  (target of wall / CPU on two: {TARGET})")
    differing = [name for name, digest in files[1].items() if files[own.cores].get(name) != digest]
    print(f"{len(files[1])} files, of which {len(differing)} differ: {', '.join(differing[:5]) or 'none'}")


if __name__ == "__main__":
    main()
