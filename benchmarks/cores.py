"""Wall and CPU time of a data set on one core and on several.

``python benchmarks/cores.py BIDS_DIR --work-dir DIR [--cores 2] [--repeats 3] [options of bidsglm]``

Fits the data set, that of ``benchmarks/first_level.py`` for instance (``--model`` gives its model), in
processes of their own, on one core and on several in turn. Prints the medians, and whether all maps and
tables hold the same. Wall time counts only where the machine has nothing else to do. Options that are not its
own go to bidsglm.
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

PROJECT = Path(__file__).resolve().parent.parent
TARGET = 0.6
"""Wall over CPU time on two cores"""
TELL_WHEN = (".html", "_summary.json")
"""Files that tell when they were made"""


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


def main() -> None:
    """Measure in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bids_dir")
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    own, options = parser.parse_known_args()
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
