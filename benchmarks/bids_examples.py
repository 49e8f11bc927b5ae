"""The automatic model on every task data set of a local clone of bids-examples.

    git clone https://github.com/bids-standard/bids-examples
    python benchmarks/bids_examples.py bids-examples

The images of bids-examples are empty. So every run of a few participants gets what fMRIPrep would have made
of it, a small image of noise, a mask and confounds, in a temporary copy, and a dry run says whether the
automatic model can be fitted: events are read, designs made, contrasts resolved. A line is printed for each
data set, and the count.
"""

import argparse
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np

PARTICIPANTS = 2
"""Of each data set; the others have the same names and columns."""
SPACE = "space-MNI152NLin2009cAsym"
SHAPE = (6, 6, 6)
REPETITION_TIME = 2.0
"""s, where no JSON file says."""
TAIL = 20.0
"""s of scans behind the last event."""
SHORTEST = 60
"""Scans; some examples have a handful of events only."""
MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
BOLD = re.compile(r"(?P<stem>sub-[^_]+_(?:ses-[^_]+_)?task-(?P<task>[^_]+)(?:_[^_]+)*?)_bold\.nii(\.gz)?$")


class Result(NamedTuple):
    """How a dry run on one data set ended."""

    name: str
    exit_code: int
    said: str


def task_data_sets(clone: Path) -> Iterator[Path]:
    """Data sets with functional runs and events of them."""
    for folder in sorted(path for path in clone.iterdir() if (path / "dataset_description.json").is_file()):
        events = [*folder.glob("*events.tsv"), *folder.glob("sub-*/**/func/*_events.tsv")]
        if events and any(_runs(folder)):
            yield folder


def _runs(folder: Path) -> Iterator[Path]:
    for subject in sorted(folder.glob("sub-*")):
        for path in sorted(subject.rglob("func/*_bold.nii*")):
            if BOLD.search(path.name) and "echo-" not in path.name:
                yield path


def prepared(folder: Path, root: Path) -> list[str]:
    """Copy the text of a data set, and add what fMRIPrep makes of some participants; returns their labels."""
    shutil.copytree(folder, root, ignore=shutil.ignore_patterns("derivatives", ".git"), copy_function=_copied)
    derivative = root / "derivatives/fmriprep"
    derivative.mkdir(parents=True)
    about = {"Name": "fMRIPrep", "BIDSVersion": "1.9.0", "GeneratedBy": [{"Name": "fMRIPrep"}]}
    (derivative / "dataset_description.json").write_text(json.dumps({**about, "DatasetType": "derivative"}))
    runs = list(_runs(folder))
    labels = list(dict.fromkeys(path.relative_to(folder).parts[0] for path in runs))[:PARTICIPANTS]
    for number, path in enumerate(runs):
        relative = path.relative_to(folder)
        if relative.parts[0] in labels:
            _write_run(folder, derivative / relative.parent, path, number)
    return labels


def _copied(source: str, target: str) -> str:
    """Copy a file; images stay empty, as they are in bids-examples."""
    if source.endswith((".nii", ".nii.gz")):
        Path(target).touch()
        return target
    return str(shutil.copy2(source, target))


def _write_run(folder: Path, place: Path, bold: Path, seed: int) -> None:
    found = BOLD.search(bold.name)
    assert found is not None
    repetition_time = _repetition_time(folder, bold, found["task"])
    n_scans = max(SHORTEST, math.ceil((_end(folder, bold, found) + TAIL) / repetition_time))
    rng = np.random.default_rng(seed)
    place.mkdir(parents=True, exist_ok=True)
    values = (1000 + 10 * rng.standard_normal((*SHAPE, n_scans))).astype(np.float32)
    _save(place / f"{found['stem']}_{SPACE}_desc-preproc_bold.nii.gz", values, repetition_time)
    _save(place / f"{found['stem']}_{SPACE}_desc-brain_mask.nii.gz", np.ones(SHAPE, np.uint8), 0)
    table = np.vstack(
        ["\t".join(f"{v:.6f}" for v in row) for row in rng.standard_normal((n_scans, len(MOTION)))]
    )
    lines = ["\t".join(MOTION), *table.ravel()]
    (place / f"{found['stem']}_desc-confounds_timeseries.tsv").write_text("\n".join(lines) + "\n")


def _save(path: Path, values: np.ndarray, repetition_time: float) -> None:
    image = nib.Nifti1Image(values, np.diag([3.0, 3.0, 3.0, 1.0]))
    image.header.set_xyzt_units("mm", "sec")
    if values.ndim == 4:
        image.header.set_zooms((3.0, 3.0, 3.0, repetition_time))
    nib.save(image, path)


def _repetition_time(folder: Path, bold: Path, task: str) -> float:
    names = [bold.name.split(".")[0] + ".json", f"task-{task}_bold.json"]
    for path in (bold.with_name(names[0]), folder / names[1], folder / "bold.json"):
        if path.is_file():
            stated = json.loads(path.read_text(encoding="utf-8-sig")).get("RepetitionTime")
            if stated:
                return float(stated)
    return REPETITION_TIME


def _end(folder: Path, bold: Path, found: re.Match[str]) -> float:
    """Second at which the last event ends."""
    own = bold.with_name(f"{found['stem']}_events.tsv")
    path = own if own.is_file() else folder / f"task-{found['task']}_events.tsv"
    if not path.is_file():
        return 0.0
    rows = [
        line.split("\t") for line in path.read_text(encoding="utf-8-sig").splitlines()[1:] if line.strip()
    ]
    return max((sum(map(_number, row[:2])) for row in rows), default=0.0)


def _number(text: str) -> float:
    try:
        return float(text) if math.isfinite(float(text)) else 0.0
    except ValueError:
        return 0.0


def dry_run(folder: Path) -> Result:
    """Try the automatic model on a data set."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / folder.name
        labels = prepared(folder, root)
        command = [
            sys.executable,
            "-m",
            "bidsglm",
            str(root),
            str(Path(scratch) / "out"),
            "participant",
            "--dry-run",
            "--skip-bids-validation",
        ]
        done = subprocess.run(
            [*command, "--participant-label", *labels], capture_output=True, text=True, check=False
        )
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        return Result(folder.name, done.returncode, lines[-1].replace(scratch, "") if lines else "")


def main() -> int:
    """Print a line for each data set, and how many of how many can be fitted; 0 when all can."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("clone", type=Path, help="local clone of bids-examples")
    results = []
    for folder in task_data_sets(parser.parse_args().clone):
        results.append(dry_run(folder))
        code = results[-1].exit_code
        print(f"{'ok' if code == 0 else code}\t{folder.name}\t{results[-1].said}", flush=True)
    n_good = sum(result.exit_code == 0 for result in results)
    print(f"{n_good} of {len(results)} task data sets: the automatic model can be fitted")
    return 0 if n_good == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
