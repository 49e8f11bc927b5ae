"""The model that bidsglm makes where the user gives none."""

import math
import re
from collections.abc import Mapping, Sequence

from bidsglm.errors import DataError, UsageError
from bidsglm.model import DEFAULT_HIGH_PASS, MOTION_PARAMETERS, TRIAL_TYPE, SpmSettings
from bidsglm.settings import Settings
from bidsglm.statsmodel.comparisons import comparisons, in_words
from bidsglm.statsmodel.contrasts import contrast_label
from bidsglm.statsmodel.limits import HIGHEST_AR_ORDER, MOST_AUTOMATIC_CONDITIONS
from bidsglm.statsmodel.nearest import hint
from bidsglm.statsmodel.presets import expanded
from bidsglm.statsmodel.responses import FAMILIES, SETS, hrf_family

SHORTEST_CUTOFF = 1.0
"""Seconds; what is shorter was given in Hz."""

NOISE_MODELS = {
    "ar1": ("AR(1)", "ar1"),
    "ar(1)": ("AR(1)", "ar1"),
    "fast": ("FAST", "ar1"),
    "ols": ("none", "ols"),
    "none": ("none", "ols"),
}
"""--noise-model for SPM and for nilearn; higher orders exist in nilearn alone, beside SPM's AR(1)."""


def automatic_model(
    task: str, trial_types: Sequence[str], settings: Settings, space: str | None = None
) -> dict[str, object]:
    """BIDS Stats Model with each trial type convolved, confounds and the constant.

    Each condition gets a contrast, and there are comparisons as ``--contrasts`` has them. What ``--settings
    native`` leaves to each package is left out, so that the document means the same when it is passed to
    ``--model`` with the same settings.

    Raises
    ------
    UsageError
        An override that means nothing.
    DataError
        No trial type.

    Examples
    --------
    >>> from pathlib import Path
    >>> settings = Settings(Path("in"), Path("out"), "participant")
    >>> node = automatic_model("nback", ["two", "zero"], settings)["Nodes"][0]
    >>> node["Model"]["X"][:3], node["Contrasts"][0]["Name"]
    (['trial_type.two', 'trial_type.zero', 'trans_x'], 'two - zero')
    """
    if not trial_types:
        raise DataError(f"task-{task}: its events name no trial_type: give a model with --model")
    types = sorted(set(trial_types))
    if len(types) > MOST_AUTOMATIC_CONDITIONS:
        raise DataError(
            f"task-{task}: its events name {len(types)} trial types, more than the "
            f"{MOST_AUTOMATIC_CONDITIONS} of an automatic model: give a model with --model"
        )
    conditions = [TRIAL_TYPE + name for name in types]
    compared, offered = comparisons(types, settings.contrasts), in_words(types, settings.contrasts)
    names = distinct_names([*types, *(comparison.name for comparison in compared)])
    usual = [name == trial_type for name, trial_type in zip(names, types, strict=False)]
    dummies = [condition for condition, plain in zip(conditions, usual, strict=True) if plain]
    renamed = [
        _contrast(names[i], [condition], [1]) for i, condition in enumerate(conditions) if not usual[i]
    ]
    between = [
        _contrast(name, [TRIAL_TYPE + each for each in comparison.conditions], comparison.weights)
        for name, comparison in zip(names[len(types) :], compared, strict=True)
    ]
    node = {
        "Level": "Run",
        "Name": "run",
        "GroupBy": ["run", "session", "subject"],
        "Transformations": {
            "Transformer": "pybids-transforms-v1",
            "Instructions": [{"Name": "Factor", "Input": ["trial_type"]}],
        },
        "Model": _model(conditions, settings),
        **({"DummyContrasts": {"Contrasts": dummies, "Test": "t"}} if dummies else {}),
        "Contrasts": renamed + between,
    }
    return {
        "Name": task,
        "BIDSModelVersion": "1.0.0",
        "Description": f"Made by bidsglm; edit it and pass it to --model. {offered}",
        "Input": {"task": [task], **({"space": [space]} if space else {})},
        "Nodes": [node],
    }


def distinct_names(names: Sequence[str]) -> list[str]:
    """Contrast names whose labels differ; a name keeps its place and, where it can, its spelling.

    >>> distinct_names(["tap left", "tap/left", "?"])
    ['tap left', 'tap/left 2', 'contrast 3']
    """
    taken: set[str] = set()
    result = []
    for i, name in enumerate(names):
        candidate = name if any(c.isalnum() for c in name) else f"contrast {i + 1}"
        count, final = 1, candidate
        while contrast_label(final) in taken:
            count += 1
            final = f"{candidate} {count}"
        taken.add(contrast_label(final))
        result.append(final)
    return result


def _contrast(name: str, conditions: Sequence[str], weights: Sequence[object]) -> dict[str, object]:
    return {"Name": name, "ConditionList": list(conditions), "Weights": list(weights), "Test": "t"}


def _model(conditions: Sequence[str], settings: Settings) -> dict[str, object]:
    """Model of the Run node."""
    confounds = MOTION_PARAMETERS if settings.confounds is None else expanded(settings.confounds)
    x = dict.fromkeys([*conditions, *confounds])
    model: dict[str, object] = {"Type": "glm", "X": [*x, 1]}
    native = settings.matching == "native"
    if settings.hrf is not None or not native:
        model["HRF"] = {"Variables": list(conditions), "Model": _hrf(settings.hrf)}
    if settings.high_pass is not None or not native:
        model["Options"] = {"HighPassFilterCutoffHz": _hertz(settings.high_pass)}
    model["Software"] = _software(settings)
    return model


def _software(settings: Settings) -> Mapping[str, object]:
    spm, nilearn = _noise_models(settings.noise_model)
    threshold = settings.mask_threshold
    if threshold is None:
        threshold = SpmSettings().mask_threshold
    if math.isnan(threshold) or threshold == math.inf:
        raise UsageError(f"--mask-threshold {threshold}: give a share of the global, or -inf")
    return {
        "SPM": {
            "SerialCorrelation": spm,
            "InclusiveMaskingThreshold": "-Inf" if threshold == -math.inf else threshold,
        },
        "Nilearn": {"NoiseModel": nilearn},
    }


def _hrf(name: str | None) -> str:
    if name is None:
        return "spm"
    family = hrf_family(name)
    known = [text for text, hrf in FAMILIES.items() if hrf.model not in SETS]
    if family is None:
        raise UsageError(
            f"--hrf {name!r} is unknown: give one of {', '.join(map(repr, known))}{hint(name, known)}"
        )
    if family.model in SETS:
        raise UsageError(
            f"--hrf {name!r} needs HRF.Parameters: write it into a model and pass this by --model"
        )
    return next(text for text, hrf in FAMILIES.items() if hrf == family)


def _hertz(seconds: float | None) -> float:
    """Cut-off frequency in Hz, 0 for no filter."""
    cutoff = DEFAULT_HIGH_PASS if seconds is None else seconds
    if cutoff == 0:
        return 0.0
    if not cutoff > SHORTEST_CUTOFF:
        meant = f" ({cutoff:g} Hz is a cut-off of {1 / cutoff:g} s)" if cutoff > 0 else ""
        raise UsageError(f"--high-pass {cutoff:g}: give a cut-off in seconds, or 0 for no filter{meant}")
    return 1 / cutoff


def _noise_models(name: str | None) -> tuple[str, str]:
    word = (name or "ar1").strip().lower()
    if word in NOISE_MODELS:
        return NOISE_MODELS[word]
    if re.fullmatch(r"ar[1-9][0-9]?", word) and int(word[2:]) <= HIGHEST_AR_ORDER:
        return "AR(1)", word
    raise UsageError(
        f"--noise-model {name!r} is unknown: give ar1, fast, ols, or ar2 to ar{HIGHEST_AR_ORDER} for nilearn"
    )
