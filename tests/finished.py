"""Output folders of finished participants, written without fitting anything."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

import bidsglm
from bidsglm.agreement.maps import BothMaps, agreement
from bidsglm.agreement.pairs import pair_rows
from bidsglm.data import ContrastMaps
from bidsglm.model import ContrastSpecification
from bidsglm.outputs.names import map_name, write_json
from bidsglm.outputs.unit_tables import ATTRIBUTION, PAIRS, agreement_schema, with_suffix
from bidsglm.packages import DEFAULT_PACKAGES, PACKAGES, REFERENCE, in_order
from bidsglm.pairs import Pair, every_pair, pairs_of

TASK, SPACE = "tap", "MNI152NLin2009cAsym"
NAME = f"task-{TASK}_space-{SPACE}"
SHAPE = (8, 9, 7)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
CONFIGURATION: Mapping[str, Any] = {
    "bidsglm": bidsglm.__version__,
    "nilearn": "0.14.1",
    "backends": ["spm", "nilearn"],
    "settings": "matched",
    "smoothing (mm)": 0.0,
    "model": "tap",
    "high-pass cut-off (s)": 128.0,
}
STEPS = ("scaling", "regressors", "filter", "noise")
Maps = dict[str, np.ndarray]
"""Backend -> effect (x, y, z), NaN outside its mask."""


RUN = {
    "label": "the run",
    "files": {"bold": "bold.nii.gz"},
    "n_scans": 100,
    "repetition_time": 2.0,
    "start_time": None,
    "high_pass": 128.0,
    "events": {"tap": 5},
    "confounds": [],
}
"""What a summary says of a run, but for its name"""


def brain(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """All voxels but those on the border."""
    inside = np.zeros(shape, dtype=bool)
    inside[1:-1, 1:-1, 1:-1] = True
    return inside


def effects(seed: int, mean: float = 1.0, shape: tuple[int, ...] = SHAPE) -> Maps:
    """Smooth enough noise around a mean; nilearn's is larger and a little different."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(tuple(n + 1 for n in shape)).astype(np.float32)
    spm = mean + (noise[1:, 1:, 1:] + noise[:-1, :-1, :-1] + noise[1:, :-1, 1:])
    inside = brain(shape)
    maps = {"spm": spm, "nilearn": 1.1 * spm + 0.05 * noise[1:, :-1, :-1]}
    return {name: np.where(inside, values, np.nan).astype(np.float32) for name, values in maps.items()}


def write_image(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> None:
    """Write a map as the participant level does: float32, compressed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(values, affine)
    image.set_sform(affine, 4)
    nib.save(image, path)


def write_participant(
    out: Path,
    label: str,
    contrasts: Mapping[str, Maps],
    session: str = "",
    affine: np.ndarray = AFFINE,
    **changes: Any,
) -> Path:
    """Write summary, tables and effect maps; changes replace parts of the summary. Returns its folder."""
    sub, ses = f"sub-{label}", f"ses-{session}" if session else ""
    prefix = "_".join(filter(None, (sub, ses, NAME)))
    folder = "/".join(filter(None, (sub, ses, "func")))
    for contrast, maps in contrasts.items():
        for backend, values in maps.items():
            name = map_name(prefix, "effect", backend, contrast)
            write_image(out / folder / f"{name}.nii.gz", values, affine)
    backends = in_order(next(iter(contrasts.values()), DEFAULT_PACKAGES))
    reference = str(changes.get("reference") or REFERENCE)
    _write_tables(out / folder / prefix, contrasts, (backends, reference))
    session_entity = {"session": session} if session else {}
    summary = {
        "status": "finished",
        "bidsglm_version": bidsglm.__version__,
        "configuration": {**CONFIGURATION, "backends": list(backends)},
        "participant": label,
        "entities": {"subject": label, "task": TASK, "space": SPACE, **session_entity},
        "prefix": prefix,
        "folder": folder,
        "backends": list(backends),
        "model": "tap",
        "runs": [{**RUN, "prefix": prefix}],
        "methods": ["A first level."],
        "effect_units": {name: PACKAGES[name].unit for name in backends},
        "contrasts": [{"name": name, "label": name, "test": "t"} for name in contrasts],
        "attribution": {"closes": True},
        "errors": [],
        **changes,
    }
    write_json(out / folder / f"{prefix}_desc-bidsglm_summary.json", summary)
    return out / folder


def _write_tables(stem: Path, contrasts: Mapping[str, Maps], compared: tuple[Sequence[str], str]) -> None:
    pairs = pairs_of(*compared)
    agreed = [row for name, maps in contrasts.items() for row in _agreement(name, maps, pairs)]
    agreement_schema(*pairs).write(Path(f"{stem}_desc-agreement_metrics.tsv"), agreed)
    attributed = [row for name, maps in contrasts.items() for row in _attribution(name, maps)]
    ATTRIBUTION.write(Path(f"{stem}_desc-attribution_metrics.tsv"), attributed)
    if len(pairs) > 1:
        every = every_pair(*compared)
        rows = [row for name, maps in contrasts.items() for row in _every(name, maps, every)]
        PAIRS.write(Path(f"{stem}_desc-pairs_metrics.tsv"), rows)


def _both(name: str, maps: Maps, pair: Pair) -> BothMaps:
    """Two packages' maps, of a t that is three times the effect."""
    specification = ContrastSpecification(name, name, (name,), np.ones((1, 1)))
    found = []
    for values in (maps[package] for package in pair):
        inside = np.isfinite(values).ravel()
        t = np.where(inside, 3 * values.ravel(), 0).astype(float)
        p = np.where(inside, np.exp(-np.abs(t)), 1.0)
        effect = values.ravel().astype(float)
        found.append(ContrastMaps(specification, (0,), effect, effect**2, t, t, p, (60.0,)))
    one, other = (np.isfinite(maps[package]).ravel() for package in pair)
    return BothMaps(*found, (one, other), pair)


def _agreement(name: str, maps: Maps, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    coordinates = np.argwhere(np.ones(next(iter(maps.values())).shape)).astype(float)
    rows: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        for row in agreement(_both(name, maps, pair), coordinates):
            rows.setdefault(str(row["map"]), {"contrast_name": name}).update(with_suffix(row, pair))
    return list(rows.values())


def _every(name: str, maps: Maps, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    percent = {package: np.ones(values.size) for package, values in maps.items()}
    front = {"contrast": name, "contrast_name": name}
    rows = (row for pair in pairs for row in pair_rows(_both(name, maps, pair), percent))
    return [{**row, **front} for row in rows if row["map"] != "z"]


def _attribution(name: str, maps: Maps) -> list[dict[str, Any]]:
    size = float(np.nanstd(maps["spm"] - maps["nilearn"]))
    shares = (0.1, 0.2, 0.1, 0.6)
    return [
        {
            "contrast": name,
            "map": "t",
            "metric": "rmsd",
            "step": step,
            "nilearn": "its own",
            "spm": "its own",
            "ladder": size,
            "shapley": share * size,
            "total": size,
            "closure_nilearn": 0.0,
            "closure_spm": 0.0,
            "part_of": "",
            "contrast_name": name,
        }
        for step, share in zip(STEPS, shares, strict=True)
    ]


def write_dataset(root: Path, participants: Sequence[str], **columns: Sequence[object]) -> Path:
    """Write a raw data set without images: description, and participants.tsv where there are columns."""
    bids = root / "bids"
    bids.mkdir(parents=True, exist_ok=True)
    (bids / "dataset_description.json").write_text('{"Name": "made", "BIDSVersion": "1.9.0"}')
    if columns:
        rows = zip((f"sub-{label}" for label in participants), *columns.values(), strict=True)
        lines = (["participant_id", *columns], *rows)
        text = "".join("\t".join(map(str, line)) + "\n" for line in lines)
        (bids / "participants.tsv").write_text(text)
    return bids


def write_group(root: Path, n: int, **columns: Sequence[object]) -> tuple[Path, Path]:
    """Write n participants with a contrast `go`; returns the raw data set and the output folder."""
    labels = [f"{i:02d}" for i in range(1, n + 1)]
    bids, out = write_dataset(root, labels, **columns), root / "out"
    for seed, label in enumerate(labels):
        write_participant(out, label, {"go": effects(seed)})
    return bids, out


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a table."""
    header, *lines = (line.split("\t") for line in path.read_text().splitlines())
    return [dict(zip(header, line, strict=True)) for line in lines]


def change_summary(out: Path, label: str, **changes: Any) -> None:
    """Replace parts of the summary of a participant; None takes a part away."""
    (path,) = (out / f"sub-{label}").rglob("*_summary.json")
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
