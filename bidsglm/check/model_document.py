"""A user's model as a document of the model language, and the tables that it reads."""

from collections.abc import Sequence

import numpy as np

from bidsglm.check.own_model import OwnModel
from bidsglm.data import Condition, Paradigm
from bidsglm.model import TRIAL_TYPE, ContrastSpecification, ModelSpecification

TASK = "own"
"""Label of the task; BIDS names need one"""


def document(model: OwnModel) -> dict[str, object]:
    """Write a model as a BIDS Stats Model."""
    specification = model.specification
    conditions = list(dict.fromkeys(TRIAL_TYPE + c.name for p in model.paradigms for c in p.conditions))
    confounds = list(dict.fromkeys(name for p in model.paradigms for name in p.confound_names))
    hrf: dict[str, object] = {"Variables": conditions, "Model": specification.hrf.notation}
    if specification.hrf.length is not None:
        hrf["Parameters"] = {"Length": specification.hrf.length, "Order": specification.hrf.order}
    cutoff = specification.high_pass
    run: dict[str, object] = {
        "Level": "Run",
        "Name": "run",
        "GroupBy": ["run", "subject"],
        "Transformations": {
            "Transformer": "pybids-transforms-v1",
            "Instructions": [{"Name": "Factor", "Input": ["trial_type"]}],
        },
        "Model": {
            "Type": "glm",
            "X": [*conditions, *confounds, 1],
            "HRF": hrf,
            "Options": {"HighPassFilterCutoffHz": 1 / cutoff if np.isfinite(cutoff) else 0},
            "Software": {"SPM": _spm(model), "Nilearn": _nilearn(specification)},
        },
    }
    if model.contrasts:
        run["Contrasts"] = [_contrast(each) for each in model.contrasts]
    else:
        run["DummyContrasts"] = {"Test": "t"}
    return {
        "Name": model.name,
        "BIDSModelVersion": "1.0.0",
        "Input": {"task": [TASK]},
        "Nodes": [
            run,
            {
                "Level": "Subject",
                "Name": "subject",
                "GroupBy": ["subject", "contrast"],
                "Model": {"Type": "meta", "X": [1]},
                "DummyContrasts": {"Test": "t"},
            },
        ],
    }


def _spm(model: OwnModel) -> dict[str, object]:
    settings = model.specification.spm
    threshold = settings.mask_threshold
    made: dict[str, object] = {
        "SerialCorrelation": settings.serial_correlation,
        "InclusiveMaskingThreshold": threshold if np.isfinite(threshold) else "-Inf",
        "MicrotimeResolution": settings.microtime_resolution,
        "MicrotimeOnset": settings.microtime_onset,
        "GlobalNormalization": settings.global_normalization,
    }
    conditions = {c.name: c for p in model.paradigms for c in p.conditions}
    modulated = [c for c in conditions.values() if c.modulators or c.time_modulation]
    if any(c.modulators for c in modulated):
        made["ParametricModulations"] = [
            {
                "Name": m.name,
                "Conditions": [TRIAL_TYPE + c.name],
                "Values": value_column(c, m.name),
                "PolynomialExpansion": m.order,
            }
            for c in modulated
            for m in c.modulators
        ]
    if any(c.time_modulation for c in modulated):
        made["TimeModulations"] = [
            {"Conditions": [TRIAL_TYPE + c.name], "Order": c.time_modulation}
            for c in modulated
            if c.time_modulation
        ]
    if modulated:
        made["Orthogonalize"] = modulated[0].orthogonalize
    return made


def _nilearn(specification: ModelSpecification) -> dict[str, object]:
    settings = specification.nilearn
    scaling = settings.signal_scaling
    return {
        "NoiseModel": settings.noise_model,
        "SignalScaling": list(scaling) if isinstance(scaling, tuple) else scaling,
        "SliceTimeRef": settings.slice_time_ref,
        "DriftModel": settings.drift_model,
    }


def _contrast(each: ContrastSpecification) -> dict[str, object]:
    rows = each.weights.tolist()
    weights = rows if each.test == "F" else rows[0]
    return {
        "Name": each.name,
        "ConditionList": list(each.conditions),
        "Weights": weights,
        "Test": each.test,
    }


def value_column(condition: Condition, modulator: str) -> str:
    """Column of events.tsv with a modulator's values."""
    return f"{condition.name}_{modulator}"


def events_text(paradigm: Paradigm) -> str:
    r"""Write events.tsv of a run, in the order of onsets.

    >>> go = Condition("go", np.array([2.5]), np.array([0.0]))
    >>> events_text(Paradigm(2.0, 9, None, (go,), (), np.empty((9, 0))))
    'onset\tduration\ttrial_type\n2.5\t0.0\tgo\n'
    """
    values = [value_column(c, m.name) for c in paradigm.conditions for m in c.modulators]
    rows = []
    for c in paradigm.conditions:
        own = {value_column(c, m.name): m.values.tolist() for m in c.modulators}
        for i, (onset, duration) in enumerate(zip(c.onsets.tolist(), c.durations.tolist(), strict=True)):
            cells = [repr(own[name][i]) if name in own else "n/a" for name in values]
            rows.append((onset, [repr(onset), repr(duration), c.name, *cells]))
    rows.sort(key=lambda row: row[0])
    return _table(["onset", "duration", "trial_type", *values], [cells for _, cells in rows])


def confounds_text(paradigm: Paradigm) -> str:
    """Write the confounds of a run."""
    rows = [[repr(value) for value in row] for row in paradigm.confounds.tolist()]
    return _table(paradigm.confound_names, rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join("\t".join(cells) + "\n" for cells in (header, *rows))
