"""The demo data set: left-hand finger tapping against rest, raw and as fMRIPrep would have left it.

Its over-parameterised model (movement, rest and a constant) is the mistake that makes the betas of two
packages look unlike each other; its other model is the same design done well. The files that do not depend
on the data lie in files/.
"""

import gzip
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bidsglm.demo import phantom
from bidsglm.demo.confound_table import confounds
from bidsglm.errors import CannotCreateError
from bidsglm.model import Floats
from bidsglm.process.workers import hand_over, worker_pool

FILES = Path(__file__).with_name("files")
SEED = 27231
REPETITION_TIME = 2.0
START_TIME = 1.0
"""fMRIPrep aligns the slices to the middle of the volume."""
BLOCK = 20.0
"""Seconds of movement, and of rest before it."""
STORED_UNIT = 4.0
"""Signal per step of the stored integers: about half the noise's SD, so that the files compress well."""
TASK = "task-tapping"
SPACE = "space-MNI152NLin2009cAsym"
SPATIAL_REFERENCE = "MNI152NLin2009cAsym, 4 mm"


@dataclass(frozen=True)
class Demo:
    """Where the parts of a demo data set are."""

    bids_dir: Path
    derivatives: Path
    model: Path
    """Movement and the six motion parameters"""
    overparameterised_model: Path
    """Movement and rest"""
    truth: Path
    """Folder of sub-XX_desc-movement_truth.nii.gz: the true activation in per cent of the baseline"""
    atlas: Path
    """Labelled image of the places that answer, and of one that does not; its labels file is beside it"""


class Recording(NamedTuple):
    """How much of each participant is recorded."""

    n_runs: int = 2
    n_scans: int = 110
    """2 s apart; 110 end with a block"""
    seed: int = SEED


DEFAULT_RECORDING = Recording()


def write_demo(
    output_dir: Path, participants: int = 4, recording: Recording = DEFAULT_RECORDING, n_procs: int = 1
) -> Demo:
    """Write the demo data set into a new or empty folder, or over an earlier demo.

    Parameters
    ----------
    output_dir
        Becomes the root of a BIDS data set with derivatives/fmriprep inside.
    participants
        How many; the data of one do not depend on the number of others.
    recording
        The same seed gives the same bytes.
    n_procs
        Participants written at the same time.

    Raises
    ------
    CannotCreateError
        When the folder holds something else or cannot be written.
    """
    demo = layout_of(output_dir)
    with _prepared(output_dir):
        _write_atlas(demo.atlas)
        labels = [f"sub-{number:02d}" for number in range(1, participants + 1)]
        _write_table(pd.DataFrame({"participant_id": labels}), output_dir / "participants.tsv")
        _write_participants(demo, labels, recording, min(n_procs, participants))
    return demo


def renew_demo(output_dir: Path, participant: str, recording: Recording = DEFAULT_RECORDING) -> Demo:
    """Bring an earlier demo's models up to date and keep its data; write a participant where there is none.

    Raises
    ------
    CannotCreateError
        When the folder holds something else or cannot be written.
    """
    demo = layout_of(output_dir)
    if not (demo.derivatives / f"sub-{participant}").is_dir():
        return write_demo(output_dir, 1, recording)
    with _prepared(output_dir):
        return demo


def layout_of(root: Path) -> Demo:
    """Where the parts of a demo data set with this root are."""
    return Demo(
        bids_dir=root,
        derivatives=root / "derivatives" / "fmriprep",
        model=root / "models" / "model-movement_smdl.json",
        overparameterised_model=root / "models" / "model-overparameterised_smdl.json",
        truth=root / "truth",
        atlas=root / "atlas" / "tpl-MNI152NLin2009cAsym_atlas-demo_dseg.nii.gz",
    )


@contextmanager
def _prepared(root: Path) -> Iterator[None]:
    """Make the folder and copy what does not depend on the data; whatever cannot be written is one error."""
    try:
        _claim(root)
        _copy_files(root)
        yield
    except OSError as error:
        raise CannotCreateError(
            f"{root}: cannot write the demo ({error.strerror}); name another folder"
        ) from error


def _claim(root: Path) -> None:
    """Make the folder; refuse one with other people's files in it."""
    root.mkdir(parents=True, exist_ok=True)
    name = "dataset_description.json"
    ours = (root / name).is_file() and (root / name).read_bytes() == (FILES / name).read_bytes()
    if not ours and any(root.iterdir()):
        raise CannotCreateError(
            f"{root}: the folder is not empty and holds no demo; name a new or empty folder"
        )


def _copy_files(root: Path) -> None:
    """Copy contents only: the installed files may be read-only."""
    for source in FILES.rglob("*"):
        target = root / source.relative_to(FILES)
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())


def _write_atlas(path: Path) -> None:
    """Regions to look at: the image, and the names in a file that goes with it."""
    labels, names = phantom.regions()
    _write_image(labels, path)
    table = pd.DataFrame({"index": range(1, len(names) + 1), "name": names})
    _write_table(table, path.with_name(path.name.replace(".nii.gz", ".tsv")))


def _write_participants(demo: Demo, labels: Sequence[str], recording: Recording, n_procs: int) -> None:
    """Write all participants, some at the same time."""
    if n_procs == 1:
        for label in labels:
            _write_participant(demo, label, recording)
        return
    with worker_pool(n_procs) as pool:
        writing = [hand_over(pool, _write_participant, demo, label, recording) for label in labels]
        for future in writing:
            future.result()


def _write_participant(demo: Demo, label: str, recording: Recording) -> None:
    """All runs of one participant, who answers to movement in their own measure."""
    rng = np.random.default_rng([recording.seed, int(label.removeprefix("sub-"))])
    sizes = [site.size * (1 + 0.15 * rng.standard_normal()) for site in phantom.SITES]
    gain = rng.uniform(0.8, 1.3)
    effect = phantom.activation(sizes)
    _write_image(effect.astype(np.float32), demo.truth / f"{label}_desc-movement_truth.nii.gz")
    for run in range(1, recording.n_runs + 1):
        _write_run(
            demo, f"{label}_{TASK}_run-{run}", effect, gain * rng.uniform(0.97, 1.03), recording.n_scans, rng
        )


def _write_run(
    demo: Demo, name: str, effect: Floats, gain: float, n_scans: int, rng: np.random.Generator
) -> None:
    """One run, raw and preprocessed.

    The gain of the scanner goes into the header's slope, as scanners' converters do.
    """
    label = name.split("_")[0]
    raw, preprocessed = demo.bids_dir / label / "func", demo.derivatives / label / "func"
    times = np.asarray(REPETITION_TIME * np.arange(n_scans) + START_TIME, dtype=np.float64)
    events = _events(REPETITION_TIME * n_scans)
    task = phantom.response(events.onset[events.trial_type == "movement"].to_numpy(), BLOCK, times)
    motion = phantom.head_motion(n_scans, rng)
    stored = np.rint(phantom.scans(task, effect, motion, times, rng) / STORED_UNIT).astype(np.int16)
    slope = round(STORED_UNIT * gain, 3)
    bold = preprocessed / f"{name}_{SPACE}_desc-preproc_bold.nii.gz"
    _write_image(np.moveaxis(stored, 0, -1), bold, slope)
    _link(bold, raw / f"{name}_bold.nii.gz")
    _write_table(events, raw / f"{name}_events.tsv")
    _write_sidecars(preprocessed, name)
    _write_image(
        phantom.head().brain.astype(np.uint8), preprocessed / f"{name}_{SPACE}_desc-brain_mask.nii.gz"
    )
    table, descriptions = confounds(stored * np.float32(slope), motion, REPETITION_TIME)
    _write_table(table, preprocessed / f"{name}_desc-confounds_timeseries.tsv")
    _write_json(descriptions, preprocessed / f"{name}_desc-confounds_timeseries.json")


def _events(end: float) -> pd.DataFrame:
    """Blocks of rest and movement in turn until the run's end (s)."""
    onsets = np.arange(0, end, BLOCK)
    names = np.where(np.arange(len(onsets)) % 2, "movement", "rest")
    return pd.DataFrame({"onset": onsets, "duration": np.minimum(BLOCK, end - onsets), "trial_type": names})


def _write_sidecars(folder: Path, name: str) -> None:
    source = f"bids:raw:{name.split('_')[0]}/func/{name}_bold.nii.gz"
    common = {"Sources": [source], "SpatialReference": SPATIAL_REFERENCE}
    bold = json.loads((FILES / f"{TASK}_bold.json").read_text()) | common
    bold |= {"StartTime": START_TIME, "SliceTimingCorrected": True, "SkullStripped": False}
    mask = common | {"Type": "Brain", "Description": "Where the simulated brain is"}
    _write_json(bold, folder / f"{name}_{SPACE}_desc-preproc_bold.json")
    _write_json(mask, folder / f"{name}_{SPACE}_desc-brain_mask.json")


def _write_json(content: object, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def _write_table(table: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, sep="\t", index=False, na_rep="n/a", float_format="%.10g", lineterminator="\n")


def _write_image(data: NDArray[np.generic], path: Path, slope: float = 1.0) -> None:
    """Write an image; the same data always give the same bytes, since the gzip header holds no time."""
    header = nib.Nifti1Header()
    header.set_data_shape(data.shape)
    header.set_data_dtype(data.dtype)
    header.set_sform(phantom.AFFINE, code="mni")
    header.set_qform(phantom.AFFINE, code="mni")
    header.set_zooms((phantom.VOXEL_SIZE,) * 3 + (REPETITION_TIME,) * (data.ndim - 3))
    header.set_xyzt_units("mm", "sec")
    header.set_slope_inter(slope, 0)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    no_extension = bytes(4)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = header.binaryblock + no_extension + data.tobytes(order="F")
    path.write_bytes(gzip.compress(content, compresslevel=4, mtime=0))


def _link(source: Path, path: Path) -> None:
    """Give a file a second name, or copy it where the file system has no hard links."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        os.link(source, path)
    except OSError:
        shutil.copyfile(source, path)
