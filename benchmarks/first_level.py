"""Time and memory of a participant's run against nilearn's FirstLevelModel on the same files.

``python benchmarks/first_level.py --work-dir DIR [--runs large contrasts long small tiny] [--repeats 3]
[--cases default fit four fast cores] [--markdown]``

Makes the data once for each work folder, fMRIPrep-like derivatives in int16 with 24 confounds:

- large: 97 x 115 x 97 voxels (about 230,000 in the mask) and 300 scans, three contrasts;
- contrasts: the same data, twelve contrasts;
- long: 1,200 scans of as many voxels, three contrasts;
- small: 48 x 56 x 48 voxels, 300 scans;
- tiny: three participants of 8 x 9 x 7 voxels and 60 scans in one command.

Measures in turn, each in a process of its own on one core, with one BLAS thread:

- nilearn: FirstLevelModel fit, the contrasts, four maps of each written;
- default: ``bidsglm ... participant``, everything: both packages, agreement, inference, attribution, page;
- fit: the same with ``--no-attribution``; what inference and page take, which nilearn's side does not do, is
  taken off;
- four: as fit, with ``--backends all``;
- cores: as default, on two cores, for its wall time;
- fast: as fit, SPM alone, with its FAST in place of AR(1);
- floor: what no analysis of the file can do without: decompressing it, and one product of data and design.

CPU time is user + system of the whole process. Ratios are those of paired runs: their median over the
repeats, and in brackets the smallest and the largest. ``--shrink N`` divides the axes of the grid, to try
the script itself. ``--markdown`` writes the tables of docs/performance.md. Options that are not its own go
to bidsglm.
"""

import argparse
import atexit
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from benchmarks.first_level_data import (  # noqa: E402
    CONTRASTS,
    LARGE,
    TR,
    TWELVE,
    Size,
    Weights,
    expression,
    make_dataset,
    model,
    participants,
)
from benchmarks.first_level_tables import Cost, markdown, plain  # noqa: E402

ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
ONE_CORE = ("--omp-nthreads", "1")
CASES: Mapping[str, tuple[str, ...]] = {
    "default": ONE_CORE,
    "cores": ("--omp-nthreads", "2"),
    "fit": (*ONE_CORE, "--no-attribution"),
    "four": (*ONE_CORE, "--no-attribution", "--backends", "all"),
    "fast": (*ONE_CORE, "--no-attribution", "--backends", "spm"),
}
"""Case -> arguments of bidsglm"""
BESIDE = ("nilearn", "floor")
"""Cases that are measured in any case"""
WATCHED = {
    "bidsglm.unit.fit:read_data": "reading",
    "bidsglm.participant:write_unit": "writing",
    "bidsglm.participant:write_participant_page": "page",
    "bidsglm.participant:_explanations": "attribution",
}
"""Module and function -> stage that its time is counted for"""
OF_BACKEND = ("designs", "mask_from", "estimate", "usable_runs", "contrast")


class Run(NamedTuple):
    """What is fitted."""

    title: str
    size: Size
    contrasts: Mapping[str, Weights] = CONTRASTS
    data: str = ""
    """Folder of the data, where they are another run's"""


RUNS = {
    "large": Run("230,000 voxels, 300 scans, three contrasts", LARGE),
    "contrasts": Run("230,000 voxels, 300 scans, twelve contrasts", LARGE, TWELVE, "large"),
    "long": Run("230,000 voxels, 1,200 scans, three contrasts", LARGE._replace(n_scans=1200)),
    "small": Run("48 x 56 x 48 voxels, 300 scans, three contrasts", Size((48, 56, 48))),
    "tiny": Run("three participants of 8 x 9 x 7 voxels, 60 scans, each", Size((8, 9, 7), 60, 3, effect=2.0)),
}


def run_nilearn(run: Run, folder: Path, output: Path) -> None:
    """Do what a user of nilearn would do."""
    import nibabel as nib
    import pandas as pd
    from nilearn.glm.first_level import FirstLevelModel

    for i, place in enumerate(participants(folder, run.size)):
        fitted = FirstLevelModel(
            TR, slice_time_ref=7 / 16, hrf_model="spm", high_pass=1 / 128, mask_img=place.mask
        ).fit(place.bold, pd.read_csv(place.events, sep="\t"), pd.read_csv(place.confounds, sep="\t"))
        for label, weights in run.contrasts.items():
            maps = fitted.compute_contrast(expression(weights), output_type="all")
            for name in ("effect_size", "effect_variance", "stat", "z_score"):
                nib.save(maps[name], output / f"{i}_{label}_{name}.nii.gz")


def run_floor(run: Run, folder: Path) -> dict[str, float]:
    """CPU seconds of decompressing the data, and of one product with a design of 37 columns."""
    from bidsglm.dataset.nifti import read_header, read_map, volumes

    rng, found = np.random.default_rng(0), {"decompression": 0.0, "product": 0.0}
    for place in participants(folder, run.size):
        started = time.process_time()
        for _ in volumes(read_header(place.bold)):
            pass
        found["decompression"] += time.process_time() - started
        n_voxels = int(read_map(place.mask)[0].sum())
        data = np.ones((n_voxels, run.size.n_scans), np.float32)
        design = rng.standard_normal((run.size.n_scans, 37)).astype(np.float32)
        started = time.process_time()
        data @ design
        found["product"] += time.process_time() - started
    return found


def write_model(path: Path, contrasts: Mapping[str, Weights], fast: bool) -> Path:
    """Write the model of a run."""
    document = model(contrasts)
    if fast:
        document["Nodes"][0]["Model"]["Software"] = {"SPM": {"SerialCorrelation": "FAST"}}
    path.write_text(json.dumps(document))
    return path


def fast_model(folder: Path, output: Path) -> Path:
    """Write the model with SPM's FAST in place of AR(1)."""
    return write_model(output / "fast_smdl.json", CONTRASTS, True)


_stack: list[float] = []
"""CPU seconds of the parts of the stages that run"""


def timed(function: Callable[..., Any], stages: dict[str, float], name: str) -> Callable[..., Any]:
    """Add the CPU time of a function to a stage, without that of the stages inside it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        started = time.process_time()
        _stack.append(0.0)
        try:
            return function(*args, **kwargs)
        finally:
            spent = time.process_time() - started
            stages[name] = stages.get(name, 0.0) + spent - _stack.pop()
            if _stack:
                _stack[-1] += spent

    return call


def watch(stages: dict[str, float]) -> None:
    """Count the CPU time of all stages."""
    from importlib import import_module

    from bidsglm.backends import BACKENDS

    places = [(import_module(place.split(":")[0]), place.split(":")[1], s) for place, s in WATCHED.items()]
    for name, backend in BACKENDS.items():
        places += [(backend, function, name) for function in OF_BACKEND]
        places.append((backend, "inference", "inference"))
    for module, function, stage in places:
        setattr(module, function, timed(getattr(module, function), stages, stage))


def run_bidsglm(run: Run, folder: Path, output: Path, case: str, arguments: list[str]) -> None:
    """Fit, and write the CPU seconds of the stages beside the results."""
    import bidsglm.cli

    stages: dict[str, float] = {}
    if case != "cores":  # where stages run side by side, CPU time is not that of one of them
        watch(stages)
    document = write_model(output / "model_smdl.json", run.contrasts, case == "fast")
    command = [str(folder / "bids"), str(output / "out"), "participant", "--skip-bids-validation"]
    sys.argv = ["bidsglm", *command, "--model", str(document), *CASES[case], *arguments]
    atexit.register(lambda: (output / "stages.json").write_text(json.dumps(stages)))
    bidsglm.cli.run()  # as a process of its own begins and ends


def measure(name: str, case: str, options: argparse.Namespace, arguments: list[str]) -> Cost:
    """Run a case in a process of its own."""
    output = options.work_dir / "output"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    own = ["--work-dir", str(options.work_dir), "--shrink", str(options.shrink)]
    command = [sys.executable, str(Path(__file__)), *own, "--one", name, case, *arguments]
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(PROJECT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    if status:
        raise SystemExit(f"{name}, {case} failed:\n{errors}")
    path = output / "stages.json"
    stages = json.loads(path.read_text()) if path.exists() else {}
    pages = sum(page.stat().st_size for page in output.glob("out/sub-*.html")) / 1e6
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, stages, pages)


def one(options: argparse.Namespace, arguments: list[str]) -> None:
    """Do what a process of its own is for: make the data, or one case."""
    name, case = options.one
    run = of_size(RUNS[name], options.shrink)
    folder, output = options.work_dir / (run.data or name), options.work_dir / "output"
    if case == "data":
        make_dataset(folder, run.size, (options.slope, 3.0) if options.slope else None)
    elif case == "nilearn":
        run_nilearn(run, folder, output)
    elif case == "floor":
        (output / "stages.json").write_text(json.dumps(run_floor(run, folder)))
    else:
        run_bidsglm(run, folder, output, case, arguments)


def of_size(run: Run, shrink: int) -> Run:
    """The run, or a smaller one to try the script with; what is tiny stays."""
    return run if shrink == 1 or run.size.n_participants > 1 else run._replace(size=run.size.shrunk(shrink))


def compare(name: str, options: argparse.Namespace, arguments: list[str]) -> dict[str, list[Cost]]:
    """Measure the cases of a run in turn, in every repeat."""
    # in a process of its own, or its memory would count for the processes that this one starts
    data = ["--work-dir", str(options.work_dir), "--shrink", str(options.shrink), "--one", name, "data"]
    slope = ["--slope", str(options.slope)] if options.slope else []
    subprocess.run([sys.executable, __file__, *data, *slope], check=True)
    costs: dict[str, list[Cost]] = {case: [] for case in (*BESIDE, *options.cases)}
    for _ in range(options.repeats):
        for case, measured in costs.items():
            measured.append(measure(name, case, options, [] if case in BESIDE else arguments))
            print(name, case, measured[-1], file=sys.stderr, flush=True)
    return costs


def main() -> None:
    """Make the data, measure in turn, print the tables."""
    parser = argparse.ArgumentParser(
        description="Time and memory of a run against nilearn's.", allow_abbrev=False
    )
    parser.add_argument("--work-dir", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--runs", nargs="+", choices=RUNS, default=["large"])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=["default", "fit"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--slope", type=float, help="store a slope (and an intercept of 3) in the header")
    parser.add_argument("--shrink", type=int, default=1, help="divide the axes of the grid")
    parser.add_argument("--markdown", action="store_true", help="tables as docs/performance.md has them")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options, arguments = parser.parse_known_args()
    options.work_dir.mkdir(parents=True, exist_ok=True)
    if options.one:
        one(options, arguments)
        return
    for name in options.runs:
        run = of_size(RUNS[name], options.shrink)
        costs = compare(name, options, arguments)
        write = markdown if options.markdown else plain
        print(write(run.title, costs, run.size.n_participants), flush=True)


if __name__ == "__main__":
    main()
