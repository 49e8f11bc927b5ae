"""How time grows with the number of scans, stage by stage.

``python benchmarks/long_runs.py --work-dir DIR [--scans 150 300 600 1200 2400] [--cases two fast four]``

Makes runs of 18 x 20 x 18 voxels (about 1,900 in the mask, 24 confounds, a scan every 2 s) as BIDS data sets,
once for each work folder, and fits each in a process of its own with one BLAS thread:
``bidsglm ... participant`` with the page, the inference and the attribution.

- two: the two packages of the default;
- fast: the same, with SPM's FAST in place of AR(1);
- four: ``--backends all``.

CPU seconds are user + system. The exponent is that of a power of the number of scans between the last two
lengths; what is small beside the start of a process has none.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from benchmarks import first_level  # noqa: E402
from benchmarks.first_level_data import Size, make_dataset  # noqa: E402

SHAPE = (18, 20, 18)
SCANS = (150, 300, 600, 1200, 2400)
CASES = {"two": [], "fast": [], "four": ["--backends", "all"]}
LEAST = 0.2
"""CPU seconds of a stage whose growth means something"""


def run(case: str, folder: Path) -> None:
    """Fit, and print the CPU seconds of the stages as JSON."""
    import bidsglm.cli
    import bidsglm.participant
    import bidsglm.unit.explanation
    import bidsglm.unit.fit
    import bidsglm.unit.pair_explanation
    from bidsglm.backends import BACKENDS

    stages: dict[str, float] = {}

    def watch(module: object, function: str, stage: str) -> None:
        setattr(module, function, first_level.timed(getattr(module, function), stages, stage))

    for name, backend in BACKENDS.items():
        for function in ("designs", "mask_from", "estimate", "usable_runs", "contrast"):
            watch(backend, function, name)
        watch(backend, "inference", "inference")
    watch(bidsglm.unit.fit, "read_data", "reading")
    watch(bidsglm.unit.explanation, "explain", "attribution")
    watch(bidsglm.unit.pair_explanation, "explain_pair", "further attributions")
    watch(bidsglm.participant, "write_participant_page", "page")
    output = folder / f"output-{case}"
    output.mkdir(exist_ok=True)
    model = first_level.fast_model(folder, output) if case == "fast" else folder / "model_smdl.json"
    command = [str(folder / "bids"), str(output / "out"), "participant", "--skip-bids-validation"]
    command += first_level.ONE_CORE
    code = bidsglm.cli.main([*command, "--model", str(model), "--overwrite", *CASES[case]])
    stages["whole"] = time.process_time()
    stages["peak (MiB)"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (output / "stages.json").write_text(json.dumps(stages))
    sys.exit(code)


def measure(case: str, folder: Path) -> dict[str, float]:
    """Stages of a process of its own."""
    environment = {**os.environ, **first_level.ONE_THREAD, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, __file__, "--work-dir", str(folder), "--run", case]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found: dict[str, float] = json.loads((folder / f"output-{case}" / "stages.json").read_text())
    return found


def growth(before: tuple[int, float], after: tuple[int, float]) -> str:
    """Exponent between two lengths.

    >>> growth((600, 1.0), (1200, 4.0)), growth((600, 0.01), (1200, 0.04))
    ('2.0', '')
    """
    (n, short), (m, long) = before, after
    if min(short, long) < LEAST:
        return ""
    return f"{math.log(long / short) / math.log(m / n):.1f}"


def table(case: str, found: dict[int, dict[str, float]]) -> str:
    """Markdown of a case: stages by numbers of scans."""
    lengths = sorted(found)
    lines = [
        f"| {case} | " + " | ".join(map(str, lengths)) + " | exponent |",
        "|---" * (len(lengths) + 2) + "|",
    ]
    for stage in found[lengths[0]]:
        values = [found[n].get(stage, 0.0) for n in lengths]
        ends = list(zip(lengths, values, strict=True))[-2:]
        exponent = growth(*ends) if len(ends) > 1 else ""
        digits = 0 if "MiB" in stage else 1
        lines.append(f"| {stage} | " + " | ".join(f"{v:.{digits}f}" for v in values) + f" | {exponent} |")
    return "\n".join(lines)


def main() -> None:
    """Make the data, measure, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--scans", type=int, nargs="+", default=list(SCANS))
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--run", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.work_dir.resolve()
    if options.run:
        run(options.run, folder)
    folders = {n: folder / str(n) for n in options.scans}
    for n, place in folders.items():
        place.mkdir(parents=True, exist_ok=True)
        make_dataset(place, Size(SHAPE, n))
    for case in options.cases:
        print(table(case, {n: measure(case, place) for n, place in folders.items()}) + "\n", flush=True)


if __name__ == "__main__":
    main()
