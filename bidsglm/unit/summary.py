"""The summary of a finished unit: what the page, the group level and a later run want to know of it."""

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import bidsglm
from bidsglm.data import Unit
from bidsglm.dataset.smoothers import voxel_sizes
from bidsglm.diagnosis.advice import Finding
from bidsglm.diagnosis.intensity_checks import without_unit
from bidsglm.messages import LOG
from bidsglm.model import Above, ModelSpecification
from bidsglm.outputs.summaries import earlier_summary
from bidsglm.outputs.summary_form import FindingForm
from bidsglm.packages import DEFAULT_PACKAGES, PACKAGES, REFERENCE
from bidsglm.pairs import base_of, pairs_of
from bidsglm.settings import Settings
from bidsglm.unit.configuration import chosen, plain
from bidsglm.unit.files import contrast_facts
from bidsglm.unit.fit import Fitted
from bidsglm.unit.methods import effect_units, paragraphs, setting_rows
from bidsglm.unit.preparation import run_label


def summary_path(output_dir: Path, unit: Unit) -> Path:
    """Where a unit's summary stands; a unit is finished when it says so."""
    return output_dir / unit.folder / f"{unit.prefix}_desc-bidsglm_summary.json"


def _run_facts(fitted: Fitted, index: int) -> dict[str, object]:
    """What the report says of a run's input."""
    unit, paradigm = fitted.prepared.unit, fitted.prepared.paradigms[index]
    run = unit.runs[index]
    return {
        "prefix": unit.run_prefixes[index],
        "label": run_label(unit.run_prefixes[index]),
        "files": {
            key: str(getattr(run, key))
            for key in ("bold", "events", "confounds", "mask")
            if getattr(run, key)
        },
        "sources": dict(run.sources),
        "n_scans": run.n_scans,
        "repetition_time": run.repetition_time,
        "start_time": run.start_time,
        "dropped": run.dropped,
        "high_pass": fitted.prepared.model.high_pass,
        "events": {condition.name: condition.onsets.size for condition in paradigm.of_events},
        "confounds": paradigm.confound_names,
    }


def _contrast_summary(fitted: Fitted, index: int) -> dict[str, object]:
    """What the report says of a contrast."""
    maps = {name: fit.maps[index] for name, fit in fitted.fits.items()}
    first = next(iter(maps.values()))
    facts = contrast_facts(first, fitted.prepared.unit)
    return {
        "name": first.specification.name,
        "label": first.specification.label,
        "test": first.specification.test,
        "conditions": facts["ContrastConditions"],
        "weights": facts["ContrastWeights"],
        "runs": facts["ContrastRuns"],
        "dof": {name: m.dof for name, m in maps.items()},
        "thresholds": {
            name: fit.inference.contrasts[index].thresholds._asdict() for name, fit in fitted.fits.items()
        },
    }


class Stamp(NamedTuple):
    """What a unit's summary says of the run that made it."""

    digest: str
    """Changes when anything changes that makes the results."""
    configuration: Mapping[str, Any]
    """See `bidsglm.unit.configuration`."""
    started: datetime
    reference: str = REFERENCE
    """Package that the others are compared with, as asked for"""


def _in_units(text: str, no_units: Mapping[str, str]) -> str:
    """Words on scaling without "percent" where effects are in no unit.

    >>> _in_units("Scaling: percent of each voxel's own mean.", {"nilearn": "arbitrary units"})
    "Scaling: 100 times the change over each voxel's own mean, or over 1 where that is less."
    """
    if not no_units:
        return text
    return re.sub(
        r"percent of (each \w+'s(?: own)? mean|the grand mean)",
        r"100 times the change over \1, or over 1 where that is less",
        text,
    )


def unit_summary(fitted: Fitted, stamp: Stamp) -> dict[str, Any]:
    """Everything about a finished unit that the page, the group level and a later run want to know."""
    prepared = fitted.prepared
    first = next(iter(fitted.fits.values()))
    backends = tuple(fitted.fits)
    sizes = tuple(voxel_sizes(fitted.data.volume.affine).tolist())
    fitted_by = prepared.model, prepared.paradigms, backends, sizes
    no_units = without_unit(fitted.review.runs, prepared.model, backends)
    return {
        "status": "finished",
        "bidsglm_version": bidsglm.__version__,
        "digest": stamp.digest,
        "configuration": {**stamp.configuration, **({"effects in no unit": no_units} if no_units else {})},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - stamp.started).total_seconds(), 1),
        "participant": prepared.unit.participant,
        "entities": dict(prepared.unit.entities),
        "prefix": prepared.unit.prefix,
        "folder": prepared.unit.folder,
        "backends": backends,
        "reference": base_of(backends, stamp.reference),
        "model": prepared.model.name,
        "automatic": prepared.model.automatic,
        "runs": [_run_facts(fitted, i) for i in range(len(prepared.unit.runs))],
        "settings": [
            [row.name, *(_in_units(row.cell(name), no_units) for name in backends)]
            for row in setting_rows(*fitted_by)
        ],
        "methods": tuple(_in_units(text, no_units) for text in paragraphs(*fitted_by, stamp.reference)),
        "effect_units": {**effect_units(prepared.model, backends), **no_units},
        "contrasts": [_contrast_summary(fitted, i) for i in range(len(first.maps))],
        "left_out": [each._asdict() for each in fitted.left_out],
        "estimates": {
            name: {
                "n_voxels": int(fit.mask.sum()),
                "dof": fit.dof,
                "fwhm_mm": fit.inference.fwhm_mm,
                "noise": dict(fit.noise),
            }
            for name, fit in fitted.fits.items()
        },
        "warnings": list(dict.fromkeys((*prepared.model.notes, *fitted.notes))),
        "errors": [],
    }


def as_form(finding: Finding) -> FindingForm:
    """A finding as summaries have it; `as_finding` reads it back."""
    named = asdict(finding)
    return cast(FindingForm, {k: list(v) if isinstance(v, tuple) else v for k, v in named.items()})


def as_finding(form: FindingForm) -> Finding:
    """A finding from a summary.

    >>> finding = Finding("note", "code", "title", "text", "remedy", columns=("go",))
    >>> as_finding(as_form(finding)) == finding
    True
    """
    named: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in form.items()}
    return Finding(**named)


def fit_digest(unit: Unit, model: ModelSpecification, settings: Settings) -> str:
    """Changes when the model, the backends, bidsglm, an input file or the timing in its metadata change.

    By which of its names a folder is called changes nothing.
    """
    files = [f for run in unit.runs for f in (run.bold, run.events, run.confounds, run.mask) if f is not None]
    stamps = [(_name(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    timing = [(run.repetition_time, run.start_time, run.dropped) for run in unit.runs]
    fields = asdict(replace(model, group=(), origin="", above=Above(model.above.contrasts)))
    if not model.two_sided:  # as before there was a choice
        del fields["two_sided"]
    fields = {name: chosen(part) if isinstance(part, dict) else part for name, part in fields.items()}
    for name in PACKAGES.keys() - {*DEFAULT_PACKAGES, *settings.backends}:
        fields.pop(name, None)
    facts = [
        bidsglm.__version__,
        settings.backends,
        settings.matching,
        settings.attribution,
        fields,
        stamps,
        timing,
    ]
    if pairs_of(settings.backends, settings.reference) != pairs_of(settings.backends):
        facts.append(settings.reference)
    text = json.dumps(facts, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _name(file: Path) -> str:
    """One name of a file, from wherever it is called; a link of its own, as git-annex makes, stays.

    >>> _name(Path("a/../b.nii")) == str(Path("b.nii").absolute())
    True
    """
    return str(file.parent.resolve() / file.name)


def is_finished(unit: Unit, output_dir: Path, digest: str) -> bool:
    """Whether the same fit of the same data stands complete in the output folder."""
    summary = earlier_summary(summary_path(output_dir, unit))
    finished = summary.get("status") == "finished"
    same = finished and summary.get("digest") == digest
    if finished and not same:
        LOG.info(
            "%s: model, settings or input are not those of its results, which are replaced"
            " (another output folder keeps both)",
            unit.prefix,
        )
    return same and all(_has_content(f"{output_dir}/{name}") for name in summary.get("files", ["?"]))


def _has_content(path: str) -> bool:
    """Whether a file is there, and not the empty shell that a machine's crash makes of one."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size > 0
