"""CPU time of what every participant costs beside the fit: the index, a dry run, resuming a finished folder.

``python benchmarks/participants.py --work-dir DIR [--counts 10 100 1000] [--repeats 3] [--markdown]``

Makes data sets of tiny participants (9 x 10 x 8 voxels, 70 scans) and finishes one of each truly; the others
get its results under their own names, with the digests of their own input, as fits would leave them. Then it
measures, each in a process of its own with one BLAS thread, user + system time with that of its children:

- index: finding the runs of every participant (`find_units`), without the start of Python;
- dry run: ``python -m bidsglm ... participant --dry-run`` of all;
- resume: ``python -m bidsglm ... participant`` over the finished folder.

BIDS validation, which is another program's time, is left out of both. The floor is the start of Python
with numpy, which every command has. Seconds are medians over the repeats, in brackets the smallest and the
largest; ``--markdown`` writes the table of docs/performance.md.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests")]
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
IMAGES = (".nii.gz", ".png")
"""Contents that name no participant: links will do."""


class Place(NamedTuple):
    """A data set and its results."""

    study: Path
    output: Path
    labels: tuple[str, ...]

    def command(self, *options: str) -> list[str]:
        """Command line of the participant level."""
        run = [sys.executable, "-m", "bidsglm", str(self.study), str(self.output), "participant"]
        return [*run, "--skip-bids-validation", "-q", *options]


def cpu_seconds(command: list[str]) -> tuple[float, str]:
    """Run a program; its user + system time and its output."""
    before = os.times()
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(PROJECT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return spent, done.stdout


def renamed(source: Path, target: Path, old: str, new: str) -> None:
    """Copy a folder with a participant's label replaced in names and texts; images become links."""
    for path in sorted(source.rglob("*")):
        place = target / str(path.relative_to(source)).replace(old, new)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        elif path.name.endswith(IMAGES):
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, place)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(path.read_text().replace(old, new))


def data_set(work_dir: Path, n_participants: int) -> Place:
    """Write a data set and finish it: one participant truly, the others as copies."""
    from tiny import write_study

    labels = tuple(f"{i + 1:04d}" for i in range(n_participants))
    root = work_dir / str(n_participants)
    place = Place(root / "bids", root / "out", labels)
    if (root / "ready").exists():
        return place
    shutil.rmtree(root, ignore_errors=True)
    write_study(root, labels[:1])
    first = f"sub-{labels[0]}"
    for label in labels[1:]:
        for folder in (place.study, place.study / "derivatives" / "fmriprep"):
            renamed(folder / first, folder / f"sub-{label}", first, f"sub-{label}")
    cpu_seconds(place.command("--participant-label", labels[0]))
    for label in labels[1:]:
        renamed(place.output / first, place.output / f"sub-{label}", first, f"sub-{label}")
        finish(place, label)
        page = place.output / f"{first}.html"
        (place.output / f"sub-{label}.html").write_text(page.read_text().replace(first, f"sub-{label}"))
    (root / "ready").touch()
    return place


def finish(place: Place, label: str) -> None:
    """Write a participant's own digest and label into the copied summaries."""
    from bidsglm.cli import _settings
    from bidsglm.options import build_parser
    from bidsglm.unit.models import units_with_models
    from bidsglm.unit.summary import fit_digest, summary_path

    settings = _settings(build_parser().parse_args(place.command()[3:]))
    for unit, model in units_with_models(settings, label):
        path = summary_path(place.output, unit)
        summary = json.loads(path.read_text())
        summary["participant"] = summary["entities"]["subject"] = label
        summary["digest"] = fit_digest(unit, model.specification, settings)
        path.write_text(json.dumps(summary, indent=2))


def index_seconds(place: Place) -> float:
    """CPU seconds of finding everybody's runs, in this process."""
    from bidsglm.cli import _settings
    from bidsglm.dataset.layout import find_units
    from bidsglm.dataset.roots import derivative_roots
    from bidsglm.options import build_parser

    settings = _settings(build_parser().parse_args(place.command()[3:]))
    settings = replace(settings, derivatives=tuple(derivative_roots(settings).values()))  # as a run does
    find_units(settings, {}, {}, place.labels[0], by_session=True)
    start = time.process_time()
    for label in place.labels:
        find_units(settings, {}, {}, label, by_session=True)
    return time.process_time() - start


def with_spread(values: list[float]) -> str:
    """Median, and the ends where there are several.

    >>> with_spread([1.0, 3.0, 2.0]), with_spread([20.0])
    ('2.0 (1.0-3.0)', '20.0')
    """
    digits = 1 if max(values) >= 1 else 2
    middle, low, high = (f"{v:.{digits}f}" for v in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({low}-{high})" if len(values) > 1 else middle


HEADER = ("participants", "finding the files (s)", "dry run (s)", "resuming (s)", "resuming each (ms)")


def row(place: Place, repeats: int) -> tuple[str, ...]:
    """What so many participants cost."""
    costs: list[tuple[float, float, float]] = []
    for _ in range(repeats):
        dry, resumed = (cpu_seconds(place.command(*options))[0] for options in (("--dry-run",), ()))
        costs.append((index_seconds(place), dry, resumed))
        print(len(place.labels), costs[-1], file=sys.stderr, flush=True)
    found = [list(each) for each in zip(*costs, strict=True)]
    each = 1e3 * statistics.median(found[2]) / len(place.labels)
    return str(len(place.labels)), *map(with_spread, found), f"{each:.0f}"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="CPU time of a participant beside the fit.")
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--markdown", action="store_true", help="the table as docs/performance.md has it")
    arguments = parser.parse_args()
    start = [cpu_seconds([sys.executable, "-c", "import numpy"])[0] for _ in range(arguments.repeats)]
    lines: list[tuple[str, ...]] = [HEADER]
    for count in arguments.counts:
        with contextlib.redirect_stdout(sys.stderr):
            place = data_set(arguments.work_dir.resolve(), count)
        lines.append(row(place, arguments.repeats))
    if arguments.markdown:
        lines.insert(1, ("---",) * len(HEADER))
        print("\n".join(f"| {' | '.join(line)} |" for line in lines))
    else:
        widths = [max(len(line[i]) for line in lines) for i in range(len(HEADER))]
        for line in lines:
            print("  ".join(f"{text:>{width}}" for text, width in zip(line, widths, strict=True)))
    print(f"\nThe start of Python with numpy takes {with_spread(start)} s.")


if __name__ == "__main__":
    main()
