"""Tiny units, fitted and exported without pages or maps on disk."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bidsglm.dataset.layout import find_units
from bidsglm.dataset.nifti_writing import map_bytes
from bidsglm.export.add_on import code_folder, exported_files, exported_unit
from bidsglm.export.record import Averaged, Exported
from bidsglm.outputs.names import write_bytes
from bidsglm.settings import Settings
from bidsglm.statsmodel.specification import parse_model
from bidsglm.unit.fit import Fitted, fit
from bidsglm.unit.preparation import prepare
from tests import tiny

Change = Callable[[Path], None]


@dataclass(frozen=True)
class Case:
    """A model and what is odd about the data it is fitted to."""

    model: dict[str, object]
    runs: tuple[str, ...] = ("run-1", "run-2")
    change: Change = lambda study: None
    """Applied to the study before it is read."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Of Settings."""
    backends: tuple[str, ...] = ("spm", "nilearn")


@dataclass(frozen=True)
class Unit:
    """A fitted unit and its code on disk."""

    fitted: Fitted
    exported: Exported
    folder: Path

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def inside(self, values: np.ndarray) -> np.ndarray:
        """Values of a map at the columns of the data."""
        return values[self.fitted.data.volume.voxels]


def taken_away(root: Path, case: Case) -> Unit:
    """Fit a case and write its code."""
    study = tiny.write_study(root, participants=("01",), runs=case.runs)
    case.change(study)
    settings = Settings(
        study, root / "out", "participant", backends=case.backends, export_code=True, **case.options
    )
    model = parse_model(case.model, "model.json", settings)
    (unit,) = find_units(settings, model.inputs, model.mask_entities, "01", model.by_session)
    fitted = fit(prepare(unit, model, case.backends))
    maps = next(iter(fitted.fits.values())).maps
    contrasts = tuple(Averaged(m.specification, m.runs) for m in maps)
    exported = exported_unit(settings, fitted.prepared, contrasts)
    folder = settings.output_dir / code_folder(unit)
    folder.mkdir(parents=True)
    for name, content in exported_files(exported).items():
        (folder / name).write_bytes(content)
    if "nilearn" in case.backends:
        mask = map_bytes(fitted.fits["nilearn"].mask, fitted.data.volume, 0, dtype=np.uint8)
        write_bytes(settings.output_dir / unit.folder / f"{unit.prefix}_desc-nilearn_mask.nii.gz", mask)
    return Unit(fitted, exported, folder)


def with_contrasts(document: dict, *contrasts: dict) -> dict:
    """A model document with other contrasts."""
    document["Nodes"][0]["Contrasts"] = list(contrasts)
    return document


def contrast(name: str, weights: dict[str, float]) -> dict[str, object]:
    return {"Name": name, "ConditionList": list(weights), "Weights": list(weights.values()), "Test": "t"}


def f_contrast(name: str, conditions: list[str], rows: list[list[float]]) -> dict[str, object]:
    return {"Name": name, "ConditionList": conditions, "Weights": rows, "Test": "F"}


def raw(study: Path, run: str) -> Path:
    """The events of a run."""
    return study / "sub-01" / "func" / f"sub-01_task-{tiny.TASK}_{run}_events.tsv"


def derived(study: Path) -> Path:
    return study / "derivatives" / "fmriprep" / "sub-01" / "func"


def lose_look_and_start_later(study: Path) -> None:
    """Run 2 has no `look`, and its slices are aligned to another moment."""
    lines = raw(study, "run-2").read_text().splitlines()
    raw(study, "run-2").write_text("\n".join(line for line in lines if "look" not in line) + "\n")
    for sidecar in derived(study).glob("*run-2*_desc-preproc_bold.json"):
        sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "StartTime": 0.5}))


def give_reaction_times(study: Path) -> None:
    """A column rt, and one that is the same for all events."""
    for run in ("run-1", "run-2"):
        header, *rows = raw(study, run).read_text().splitlines()
        times = np.random.default_rng(len(run)).uniform(0.3, 1.2, len(rows))
        lines = [f"{row}\t{time!r}\t0.1" for row, time in zip(rows, times.tolist(), strict=True)]
        raw(study, run).write_text("\n".join([f"{header}\trt\tflat", *lines]) + "\n")


HOSTILE = 'don\'t "go" 50% é'
"""A trial type that has to be quoted everywhere."""
DIGITS = "2 back"


def rename_trial_types(study: Path) -> None:
    text = raw(study, "run-1").read_text()
    raw(study, "run-1").write_text(text.replace("move", HOSTILE).replace("look", DIGITS), encoding="utf-8")


def lose_masks(study: Path) -> None:
    for mask in derived(study).glob("*_desc-brain_mask.nii.gz"):
        mask.unlink()


def shift_mask(study: Path) -> None:
    """The mask file lies on a finer grid than the images."""
    (mask,) = derived(study).glob("*_desc-brain_mask.nii.gz")
    fine = np.repeat(np.repeat(np.repeat(tiny.brain(), 2, 0), 2, 1), 2, 2)
    halves = np.diag([0.5, 0.5, 0.5, 1.0])
    halves[:3, 3] = -0.25
    tiny.write_image(mask, fine, tiny.AFFINE @ halves)


MOVE, LOOK = "trial_type.move", "trial_type.look"
BOTH = f_contrast("either", [MOVE, LOOK], [[1, 0], [0, 1], [1, -1]])

CASES: Mapping[str, Case] = {
    "plain": Case(
        with_contrasts(
            tiny.model(X=["trial_type.*", "trans_*", 1]),
            contrast("move - look", {MOVE: 1, LOOK: -1}),
            contrast("a third", {MOVE: 1 / 3, "constant": 0.5}),
            BOTH,
        ),
        runs=("",),
    ),
    "runs that differ": Case(
        with_contrasts(
            tiny.model(
                X=["trial_type.*", "trans_x", 1],
                HRF={"Variables": ["trial_type.*"], "Model": "spm + derivative"},
                Software={
                    "SPM": {"SerialCorrelation": "FAST", "InclusiveMaskingThreshold": "-Inf"},
                    "Nilearn": {"NoiseModel": "ols", "DriftModel": "polynomial"},
                },
            ),
            contrast("move", {MOVE: 1}),
            contrast("look only in one", {LOOK: 1}),
            f_contrast("shape", [MOVE, MOVE + "_derivative"], [[1, 0], [0, 1]]),
        ),
        change=lose_look_and_start_later,
    ),
    "finite impulse response": Case(
        with_contrasts(
            tiny.model(
                HRF={"Variables": ["trial_type.*"], "Model": "fir", "Parameters": {"Length": 6, "Order": 3}},
                Options={"HighPassFilterCutoffHz": 0},
                Software={
                    "SPM": {"SerialCorrelation": "none", "GlobalNormalization": "Scaling"},
                    "Nilearn": {"SignalScaling": [0, 1]},
                },
            ),
            f_contrast("move", [f"{MOVE}_delay_{i}" for i in range(3)], np.eye(3).tolist()),
            contrast("second bin", {f"{MOVE}_delay_1": 1}),
        ),
        runs=("",),
        options={"smoothing_fwhm": 5.0},
    ),
    "modulators": Case(
        with_contrasts(
            tiny.model(
                X=["trial_type.*", 1],
                Software={
                    "SPM": {
                        "ParametricModulations": [
                            {"Name": "rt", "Conditions": [MOVE], "Values": "rt", "PolynomialExpansion": 2}
                        ],
                        "TimeModulations": [{"Conditions": [LOOK], "Order": 1}],
                        "Orthogonalize": {MOVE: False},
                        "MicrotimeOnset": 3,
                    }
                },
            ),
            contrast("faster", {f"{MOVE}_x_rt^1": 1}),
            contrast("later", {f"{LOOK}_x_time^1": 1}),
        ),
        change=give_reaction_times,
    ),
    "modulator without variance": Case(
        with_contrasts(
            tiny.model(
                X=["trial_type.*", 1],
                Software={
                    "SPM": {
                        "ParametricModulations": [
                            {"Name": name, "Conditions": [MOVE], "Values": name} for name in ("flat", "rt")
                        ]
                    }
                },
            ),
            contrast("move", {MOVE: 1}),
        ),
        change=give_reaction_times,
        backends=("spm",),
    ),
    "transformed": Case(
        {
            **(
                transformed := with_contrasts(
                    tiny.model(
                        X=["trial_type.look", "strength", "mean_shift", 1],
                        HRF={"Variables": ["trial_type.look", "strength"], "Model": "spm"},
                    ),
                    contrast("stronger", {"strength": 1}),
                )
            ),
            "Nodes": [
                {
                    **transformed["Nodes"][0],
                    "Transformations": {
                        "Transformer": "pybids-transforms-v1",
                        "Instructions": [
                            {"Name": "Factor", "Input": ["trial_type"]},
                            {"Name": "Product", "Input": ["trial_type.move", "rt"], "Output": ["strength"]},
                            {"Name": "Copy", "Input": ["trans_x"], "Output": ["mean_shift"]},
                        ],
                    },
                }
            ],
        },
        change=give_reaction_times,
    ),
    "variable over time": Case(
        with_contrasts(
            tiny.model(
                X=["trial_type.*", "trans_x", "trans_y", 1],
                HRF={"Variables": ["trial_type.*", "trans_x"], "Model": "spm + derivative"},
            ),
            contrast("moved", {"trans_x": 1}),
            contrast("move", {MOVE: 1}),
        ),
    ),
    "names": Case(
        with_contrasts(
            tiny.model(
                X=[f"trial_type.{HOSTILE}", f"trial_type.{DIGITS}", 1],
            ),
            contrast('it\'s 100%\nof "them" é', {f"trial_type.{HOSTILE}": 1}),
        ),
        runs=("run-1",),
        change=rename_trial_types,
        options={"matching": "native"},
    ),
    "no mask files": Case(tiny.model(), runs=("",), change=lose_masks),
    "mask on another grid": Case(tiny.model(), runs=("",), change=shift_mask),
}
