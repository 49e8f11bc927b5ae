"""A user's model on disk: a model file, a small BIDS data set behind it, and scripts of both packages."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.check.data import ScanPlace
from bidsglm.check.model_document import TASK, confounds_text, document, events_text
from bidsglm.check.own_model import OwnModel
from bidsglm.data import Run, Unit
from bidsglm.errors import BidsglmError, DataError
from bidsglm.export.add_on import EXPORTS, SCRIPTS
from bidsglm.export.locations import DataRoot
from bidsglm.export.record import Averaged, Exported
from bidsglm.model import ContrastSpecification
from bidsglm.outputs.names import write_bytes, write_json, write_text
from bidsglm.outputs.writes import create_folder
from bidsglm.packages import title
from bidsglm.sentences import joined
from bidsglm.settings import Settings
from bidsglm.statsmodel.document_text import model_text
from bidsglm.statsmodel.specification import parse_model
from bidsglm.unit.preparation import Prepared, prepare

MODEL = "model_smdl.json"
FOLDERS = ("model", "model-spm", "model-nilearn")
"""Folders of models: of both analyses, or of one"""
RAW, PREPROCESSED = "bids", "bids/derivatives/own"
PARTICIPANT = "01"
FUNC = f"sub-{PARTICIPANT}/func"
SAME = 1e-6
"""Share of the largest value by which columns that were read back may differ"""
PACKAGES = ("spm", "nilearn")


class WrittenModel(NamedTuple):
    """A model that was written."""

    folder: str
    """In OUT"""
    scripts: tuple[str, ...]
    """Relative to OUT"""
    has_data: bool
    """Whether the scans stand in its data set, so that it can be fitted as it is"""
    difference: float
    """Largest one of its columns, read back, from the user's, as a share of their largest value"""
    notes: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether the file says the user's model."""
        return self.difference <= SAME


def write_model(
    output: Path, model: OwnModel, scans: Sequence[Sequence[ScanPlace]], mask: Path | None
) -> WrittenModel:
    """Write a model with what it reads, and read it back.

    Raises
    ------
    CannotCreateError, ReadWriteError
        A file cannot be written.
    """
    folder = output / model.name
    content = document(model)
    write_text(_made(folder) / MODEL, model_text(content) + "\n")
    bolds = [_whole_file(run) for run in scans]
    runs = _write_tables(folder, model, bolds, mask)
    notes = list(model.notes)
    try:
        prepared = _prepared(folder, content, model, runs)
    except BidsglmError as error:
        return WrittenModel(model.name, (), False, float("nan"), (*notes, f"It cannot be read back: {error}"))
    difference = _difference(prepared, model)
    if not difference <= SAME:
        notes.append(
            f"The columns that it gives differ from yours by {difference:.2g} of their largest value."
        )
    if any(bold is None for bold in bolds):
        notes.append(
            "The scans are not in its data set, and there are no scripts: both take one 4-D file for each run"
            f", all of it{'' if any(scans) else ' (--scans)'}."
        )
        return WrittenModel(model.name, (), False, difference, tuple(notes))
    linked = _link_scans(runs, folder)
    if not linked:
        notes.append(
            "Links cannot be made here: put the scans into its data set under the names of its runs."
        )
    scripts, unable = _write_scripts(folder, prepared)
    return WrittenModel(model.name, scripts, linked, difference, (*notes, *unable))


def _made(folder: Path) -> Path:
    create_folder(folder)
    return folder


def _whole_file(run: Sequence[ScanPlace]) -> Path | None:
    """The file that a session is all of; None where it is part of one, or several."""
    paths = {place.path for place in run}
    volumes = [place.volume for place in run]
    if len(paths) != 1 or volumes != list(range(1, len(run) + 1)) or len(run) < 2:
        return None
    return run[0].path


def _write_tables(
    folder: Path, model: OwnModel, bolds: Sequence[Path | None], mask: Path | None
) -> tuple[Run, ...]:
    """Write events and confounds of all runs; returns the runs."""
    facts = {"Name": model.name, "BIDSVersion": "1.9.0"}
    write_json(_made(folder / RAW) / "dataset_description.json", {**facts, "DatasetType": "raw"})
    by = [{"Name": "bidsglm check"}]
    derived = {**facts, "DatasetType": "derivative", "GeneratedBy": by}
    write_json(_made(folder / PREPROCESSED) / "dataset_description.json", derived)
    runs = []
    for number, (paradigm, bold) in enumerate(zip(model.paradigms, bolds, strict=True), start=1):
        stem = f"sub-{PARTICIPANT}_task-{TASK}_run-{number}"
        raw, derived_folder = (
            _made(folder / place / f"sub-{PARTICIPANT}/func") for place in (RAW, PREPROCESSED)
        )
        write_text(raw / f"{stem}_events.tsv", events_text(paradigm))
        write_json(raw / f"{stem}_bold.json", {"RepetitionTime": paradigm.repetition_time, "TaskName": TASK})
        confounds = None
        if paradigm.confound_names:
            confounds = derived_folder / f"{stem}_desc-confounds_timeseries.tsv"
            write_text(confounds, confounds_text(paradigm))
        write_json(
            derived_folder / f"{stem}_desc-preproc_bold.json", {"RepetitionTime": paradigm.repetition_time}
        )
        runs.append(
            Run(
                {"subject": PARTICIPANT, "task": TASK, "run": str(number)},
                bold or derived_folder / f"{stem}_desc-preproc_bold.nii",
                raw / f"{stem}_events.tsv",
                confounds,
                mask,
                paradigm.n_scans,
                paradigm.repetition_time,
                None,
            )
        )
    return tuple(runs)


def _prepared(folder: Path, content: dict[str, object], model: OwnModel, runs: tuple[Run, ...]) -> Prepared:
    """Read the model file back with its tables, as a fit does."""
    settings = Settings(folder / RAW, folder, "participant")
    specification = parse_model(content, str(folder / MODEL), settings)
    prefix = f"sub-{PARTICIPANT}_task-{TASK}"
    prefixes = tuple(f"{prefix}_run-{i + 1}" for i in range(len(runs)))
    entities = {"subject": PARTICIPANT, "task": TASK}
    unit = Unit(PARTICIPANT, entities, prefix, FUNC, runs, prefixes)
    try:
        return prepare(unit, specification, PACKAGES)
    except DataError:  # what one package lacks must not keep the other from it
        return prepare(unit, specification, (model.package,))


def _difference(prepared: Prepared, model: OwnModel) -> float:
    """How far columns that were read back are from the user's; NaN where they are other ones."""
    made = prepared.designs.get(model.package, ())
    worst = 0.0
    for own, design in zip(model.matrices, made, strict=True):
        columns = design.matrix[:, : own.shape[1]]
        if columns.shape != own.shape:
            return float("nan")
        # confounds lose their means in one of the programs, which the constant takes up
        apart = (columns - columns.mean(axis=0)) - (own - own.mean(axis=0))
        worst = max(worst, float(np.abs(apart).max(initial=0.0) / max(np.abs(own).max(initial=0.0), 1e-300)))
    return worst if made else float("nan")


def _link_scans(runs: Sequence[Run], folder: Path) -> bool:
    """Let the data set's names lead to the scans; whether that can be done here."""
    place = folder / PREPROCESSED / FUNC
    for number, run in enumerate(runs, start=1):
        stem = f"sub-{PARTICIPANT}_task-{TASK}_run-{number}"
        ends = "".join(run.bold.suffixes[-2:]) if run.bold.name.endswith(".nii.gz") else run.bold.suffix
        links = {f"{stem}_desc-preproc_bold{ends}": run.bold}
        if run.mask is not None:
            whole = ".nii.gz" if run.mask.name.endswith(".nii.gz") else ".nii"
            links[f"{stem}_desc-brain_mask{whole}"] = run.mask
        try:
            for name, target in links.items():
                (place / name).unlink(missing_ok=True)
                os.symlink(target.resolve(), place / name)
        except OSError:
            return False
    return True


def _write_scripts(folder: Path, prepared: Prepared) -> tuple[tuple[str, ...], list[str]]:
    """Write the scripts of the packages that can express the model; returns their names, and who cannot."""
    root = prepared.unit.runs[0].bold.parent.resolve()
    code = folder / "code"
    contrasts = tuple(Averaged(c, _runs_of(prepared, c)) for c in prepared.contrasts)
    exported = Exported(prepared, contrasts, DataRoot(root, root.as_posix()), True, ".")
    names = []
    for package in prepared.designs:
        for name, content in EXPORTS[package](exported).items():
            write_bytes(_made(code) / name, content)
        names.append(f"{folder.name}/code/{SCRIPTS[package]}")
    missing = [title(name) for name in PACKAGES if name not in prepared.designs]
    unable = [f"{joined(missing)} cannot express this model, so there is no script of it."] if missing else []
    return tuple(names), unable


def _runs_of(prepared: Prepared, contrast: ContrastSpecification) -> tuple[int, ...]:
    first = next(iter(prepared.designs.values()))
    return tuple(i for i, design in enumerate(first) if set(contrast.conditions) <= set(design.names))
