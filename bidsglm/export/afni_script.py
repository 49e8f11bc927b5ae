"""A unit's model as a script of AFNI, in tcsh as afni_proc.py writes it: 3dDeconvolve and 3dREMLfit."""

import string
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bidsglm.afni.conditions import ConditionResponse, condition_responses
from bidsglm.afni.design import Baseline, Stimulus
from bidsglm.backends.afni_design import baseline_of, polynomial_degree, stimuli
from bidsglm.backends.afni_joint import DRIFT, ColumnPlace, JointRuns
from bidsglm.data import Paradigm, RunConfounds
from bidsglm.design_space import independent_rows
from bidsglm.export.afni_files import (
    TimingFile,
    censor_file,
    confound_files,
    symbolic,
    timing_files,
)
from bidsglm.export.labels import labels
from bidsglm.export.literals import number, rows_text
from bidsglm.export.record import Averaged, Exported
from bidsglm.export.templating import rendered
from bidsglm.model import CONSTANT, TRIAL_TYPE, Floats
from bidsglm.sentences import listing

SCRIPT = "afni_script.tcsh"
RESULTS = "afni"
SHOWN = 6
"""Columns named in a comment"""
LETTERS = string.ascii_lowercase
"""Inputs of 3dcalc"""


class WrittenStimulus(NamedTuple):
    """A condition's columns as the script has them."""

    file: TimingFile
    columns: tuple[str, ...]
    """Regressor names"""


class LinearTest(NamedTuple):
    """A contrast of the script."""

    contrast: Averaged
    label: str
    option: str
    """-gltsym or -glt with what follows it"""
    n_rows: int
    content: str
    """What its file holds; empty where the option says all"""


class Regression:
    """Input of 3dDeconvolve for a unit: stimuli, baseline, runs and what is left out."""

    def __init__(self, exported: Exported) -> None:
        paradigms, model = exported.prepared.paradigms, exported.prepared.model
        self.exported = exported
        self.joint = JointRuns(exported.prepared.designs["afni"])
        self.timeline = self.joint.timeline
        self.left_out = frozenset(self.joint.left_out)
        self.baseline = _without(baseline_of(paradigms, model), self.left_out)
        self.degree = polynomial_degree(paradigms, model)
        starts = {paradigm.start_time or 0.0 for paradigm in paradigms}
        self.subtract = starts.pop() if len(starts) == 1 else 0.0
        self.moved = bool(starts)
        self.stimuli = tuple(self._written())

    def _written(self) -> Iterator[WrittenStimulus]:
        paradigms = self.exported.prepared.paradigms
        responses = condition_responses(paradigms, self.exported.prepared.model)
        found = stimuli(paradigms, responses)
        names = labels(stimulus.name.removeprefix(TRIAL_TYPE) for stimulus in found)
        for stimulus in found:
            rest = _columns(stimulus, paradigms, responses)
            label = names[stimulus.name.removeprefix(TRIAL_TYPE)]
            for file in timing_files(stimulus, label, self.timeline, self.subtract):
                own, rest = rest[: file.columns], rest[file.columns :]
                if not all(ColumnPlace(name, None) in self.left_out for name in own):
                    yield WrittenStimulus(file, own)

    @cached_property
    def columns(self) -> tuple[ColumnPlace, ...]:
        """Columns in 3dDeconvolve's order."""
        runs = range(len(self.timeline.n_scans))
        drifts = [CONSTANT, *(f"{DRIFT}{d}" for d in range(1, self.degree + 1))][: self.degree + 1]
        found = [ColumnPlace(name, run) for run in runs for name in drifts]
        found += [ColumnPlace(name, None) for stimulus in self.stimuli for name in stimulus.columns]
        for run, confounds in enumerate(self.baseline.confounds):
            found += [
                ColumnPlace(name, run if self.baseline.confounds_per_run else None)
                for name in confounds.names
            ]
        return tuple(dict.fromkeys(found))

    @property
    def dependent(self) -> tuple[ColumnPlace, ...]:
        """Columns that depend on others and cannot be left out of the script."""
        return tuple(column for column in self.columns if column in self.left_out)

    def weights(self, contrast: Averaged) -> Floats:
        """Weights over the script's columns, without redundant rows."""
        specification = contrast.specification
        weights = self.joint.weights(specification, contrast.runs)
        if specification.test == "F":
            weights = weights[independent_rows(weights[:, self.joint.independent])]
        place = {column: i for i, column in enumerate(self.joint.columns)}
        return np.asarray(weights[:, [place[column] for column in self.columns]])


def _columns(
    stimulus: Stimulus, paradigms: Sequence[Paradigm], responses: Mapping[str, ConditionResponse]
) -> tuple[str, ...]:
    """Regressor names of a stimulus' columns: each of its weights with each response function."""
    conditions = [c for paradigm in paradigms for c in paradigm.conditions]
    condition = next(c for c in conditions if stimulus.name in c.weight_names)
    modulated = any(train.modulation.shape[1] for train in stimulus.trains)
    weights = condition.weight_names if modulated else (stimulus.name,)
    suffixes = responses[condition.prefix + condition.name].suffixes
    return tuple(weight + suffix for weight in weights for suffix in suffixes)


def _without(baseline: Baseline, left_out: frozenset[ColumnPlace]) -> Baseline:
    """Leave out confounds that the fit has not."""
    kept = []
    for run, confounds in enumerate(baseline.confounds):
        where = run if baseline.confounds_per_run else None
        some = [ColumnPlace(name, where) not in left_out for name in confounds.names]
        names = tuple(name for name, stays in zip(confounds.names, some, strict=True) if stays)
        kept.append(RunConfounds(names, confounds.values[:, some]))
    return baseline._replace(confounds=tuple(kept))


def afni_script(exported: Exported) -> dict[str, bytes]:
    """File name -> content of the script and of the tables that it reads."""
    found = Regression(exported)
    confounds, censor = confound_files(found.baseline), censor_file(found.timeline)
    tests = [_test(found, contrast, label) for contrast, label in _labelled(exported.contrasts)]
    files = {_timing_name(stimulus.file): stimulus.file.content for stimulus in found.stimuli}
    files |= {_ortvec(i, len(confounds))["file"]: text for i, text in enumerate(confounds) if text}
    files |= {_test_name(test.label): test.content for test in tests if test.content}
    if censor:
        files["afni_censor.1D"] = censor
    script = rendered(
        "afni_script.tcsh.jinja",
        **_data(exported),
        **_model(found),
        ortvecs=[_ortvec(i, len(confounds)) for i, text in enumerate(confounds) if text],
        tests=[_said(test, place) for test, place in zip(tests, _places(found, tests), strict=True)],
    )
    return {SCRIPT: script, **{name: content.encode() for name, content in files.items()}}


def _timing_name(file: TimingFile) -> str:
    return f"afni_stim_{file.label}.1D"


def _ortvec(index: int, n_files: int) -> dict[str, str]:
    """File of confounds and its label."""
    run = f"_r{index + 1:02d}" if n_files > 1 else ""
    return {"file": f"afni_confounds{run}.1D", "label": f"confounds{run}"}


def _labelled(contrasts: Sequence[Averaged]) -> Iterator[tuple[Averaged, str]]:
    names = labels(contrast.specification.label for contrast in contrasts)
    for contrast in contrasts:
        yield contrast, f"con_{names[contrast.specification.label]}"


def _test_name(label: str) -> str:
    return f"afni_{label}.txt"


def _test(found: Regression, contrast: Averaged, label: str) -> LinearTest:
    """Write a contrast by names where it is over stimuli only, else as a matrix."""
    weights = found.weights(contrast)
    n_before = len(found.timeline.n_scans) * (found.degree + 1)
    addresses = [address for stimulus in found.stimuli for address in stimulus.file.addresses]
    own = slice(n_before, n_before + len(addresses))
    others = np.delete(weights, own, axis=1)
    name = _test_name(label)
    if others.any():
        return LinearTest(
            contrast, label, f"-glt {len(weights)} {name}", len(weights), rows_text(weights, number)
        )
    rows = [symbolic(row, addresses) for row in weights[:, own]]
    if len(rows) == 1:
        return LinearTest(contrast, label, f"-gltsym 'SYM: {rows[0]}'", 1, "")
    return LinearTest(contrast, label, f"-gltsym {name}", len(rows), "".join(f"{row}\n" for row in rows))


def _places(found: Regression, tests: Sequence[LinearTest]) -> list[int]:
    """First volume of each test in a bucket: Full_Fstat, then Coef and Tstat of every column and an Fstat."""
    start = 1 + sum(2 * stimulus.file.columns + 1 for stimulus in found.stimuli)
    sizes = [2 * test.n_rows + 1 for test in tests]
    return [start + sum(sizes[:i]) for i in range(len(sizes))]


def _said(test: LinearTest, place: int) -> Mapping[str, object]:
    specification = test.contrast.specification
    maps = [("effect", place), ("t", place + 1)]
    if specification.test == "F":
        maps = [("F", place + 2 * test.n_rows)]
    return {
        "option": test.option,
        "label": test.label,
        "name": specification.name,
        "contrast": specification.label,
        "maps": maps,
    }


def _data(exported: Exported) -> dict[str, object]:
    """Where the images are, and what their scaled copies are called."""
    unit, model, root = exported.prepared.unit, exported.prepared.model, exported.root
    scale, fwhm = model.afni.scale, model.smoothing_fwhm
    runs = []
    for i, run in enumerate(unit.runs):
        own = f".r{i + 1:02d}"
        link = f"{RESULTS}/bold{own}{_suffix(run.bold.name)}"
        smoothed = f"{RESULTS}/blur{own}.nii"
        data = smoothed if fwhm else link
        runs.append(
            {
                "label": exported.run_labels[i],
                "bold": root.below(run.bold),
                "link": link,
                "smoothed": smoothed,
                "data": data,
                "mean": f"{RESULTS}/mean{own}.nii",
                "input": f"{RESULTS}/scaled{own}.nii" if scale else data,
            }
        )
    masks = _masks(exported)
    return {
        **exported.header,
        "runs": runs,
        "scale": scale,
        "fwhm": number(fwhm) if fwhm else "",
        "masks": masks,
        "own_mask": any(mask["here"] for mask in masks),
        "mask_steps": list(_mask_steps([str(mask["link"]) for mask in masks])),
    }


def _suffix(name: str) -> str:
    return ".nii.gz" if name.endswith(".gz") else ".nii"


def _masks(exported: Exported) -> list[dict[str, object]]:
    """Mask files, or bidsglm's own mask where they lie on another grid or there are none."""
    unit = exported.prepared.unit
    files = exported.masks
    if not files or not exported.one_mask_grid:
        own = f"{exported.maps}/{unit.prefix}_desc-afni_mask.nii.gz"
        return [{"here": True, "path": own, "link": f"{RESULTS}/mask_of_bidsglm.nii.gz"}]
    return [
        {
            "here": False,
            "path": exported.root.below(mask),
            "link": f"{RESULTS}/mask{i + 1:02d}{_suffix(mask.name)}",
        }
        for i, mask in enumerate(files)
    ]


def _mask_steps(links: Sequence[str]) -> Iterator[dict[str, object]]:
    """Calls of 3dcalc that give the voxels of all masks; it takes as many inputs as there are letters."""
    before: list[str] = []
    while links:
        some = [*before, *links[: len(LETTERS) - len(before)]]
        links = links[len(some) - len(before) :]
        before = [f"{RESULTS}/mask_{len(links)}.nii"]
        inputs = list(zip(LETTERS, some, strict=False))
        yield {
            "inputs": inputs,
            "expression": "*".join(f"step({letter})" for letter, _ in inputs),
            "prefix": before[0] if links else f"{RESULTS}/mask.nii",
        }


def _model(found: Regression) -> dict[str, object]:
    model = found.exported.prepared.model
    n_censored = int(np.count_nonzero(~found.timeline.kept_rows))
    zero = np.abs(found.joint.matrix).max(axis=0) == 0
    empty = {c for c, is_zero in zip(found.joint.columns, zero, strict=True) if is_zero}
    reml = model.afni.noise_model != "none"
    return {
        "repetition_time": number(found.timeline.repetition_time),
        "degree": found.degree,
        "subtract": number(found.subtract) if found.subtract else "",
        "moved": found.moved,
        "censored": f"-censor: leaves out {n_censored} scan{'s' * (n_censored > 1)}" if n_censored else "",
        "left_out": _listed(found, found.left_out - set(found.dependent)),
        "dependent": _listed(found, set(found.dependent)),
        "all_zero": bool(empty & set(found.dependent)),
        "reml": reml,
        "bucket": "REML_bucket.nii" if reml else "OLS_bucket.nii",
        "stimuli": [
            {
                "option": stimulus.file.option,
                "file": _timing_name(stimulus.file),
                "response": stimulus.file.response,
                "label": stimulus.file.label,
            }
            for stimulus in found.stimuli
        ],
    }


def _listed(found: Regression, columns: set[ColumnPlace] | frozenset[ColumnPlace]) -> str:
    return listing((str(column) for column in found.joint.columns if column in columns), SHOWN)
