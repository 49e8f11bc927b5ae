"""How a unit was fitted, without what is its participant's own: what must agree before a group is formed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, NamedTuple

import bidsglm
from bidsglm.model import ModelSpecification, NilearnSettings
from bidsglm.packages import DEFAULT_PACKAGES, LIBRARIES, PACKAGES, in_order, title

Configuration = Mapping[str, Any]

MODEL_ENTRIES: Mapping[str, str] = MappingProxyType(
    {
        "x": "regressors (X)",
        "intercept": "intercept",
        "by_session": "sessions fitted apart",
        "hrf": "response function",
        "high_pass": "high-pass cut-off (s)",
        "mask_entities": "mask",
        "transformations": "transformations",
        "modulations": "parametric modulations",
        "time_modulations": "time modulations",
        "orthogonalize": "orthogonalisation",
        "contrasts": "contrasts",
        "dummy_contrasts": "dummy contrasts",
    }
)
"""Field of the model -> name for people."""
SHOWN = 60
"""Characters of a value in a message."""


class SettingDifference(NamedTuple):
    """An entry in which two configurations differ."""

    name: str
    value: object
    reference: object

    def __str__(self) -> str:
        """Words for a message."""
        return f"{self.name}: {_shown(self.value)} instead of {_shown(self.reference)}"


TWO_SIDED = "two-sided"


def configuration(model: ModelSpecification, matching: str, backends: Sequence[str]) -> dict[str, Any]:
    """Named settings and versions that make the numbers of a fit, as JSON holds them.

    Files, their dates and sizes, the participant, the number of runs and their timing are not in it: they
    differ between participants who were all treated alike.

    >>> model = ModelSpecification("go", ("trial_type.go",))
    >>> configuration(model, "matched", ("spm",))["SPM: mask_threshold"]
    0.8
    """
    facts: dict[str, Any] = {
        "bidsglm": bidsglm.__version__,
        **{name: version(name) for name in LIBRARIES if name in PACKAGES},
        "backends": list(backends),
        "settings": matching,
        "smoothing (mm)": model.smoothing_fwhm,
        "model": model.name,
        **model_entries(model, backends),
    }
    return _as_json(facts)


def model_entries(model: ModelSpecification, backends: Sequence[str] = DEFAULT_PACKAGES) -> dict[str, Any]:
    """Part of the configuration that a model file decides.

    >>> model = ModelSpecification("go", ("trial_type.go",), high_pass=100)
    >>> model_entries(model)["high-pass cut-off (s)"]
    100
    """
    fields = asdict(model)
    entries = {name: fields[key] for key, name in MODEL_ENTRIES.items()}
    if fields["above"]["contrasts"]:
        entries["contrasts over contrasts"] = fields["above"]["contrasts"]
    if model.two_sided:
        entries["thresholds"] = TWO_SIDED
    if model.both_ways:
        entries["sessions fitted apart"] = "both apart and together"
    entries["input"] = {key: labels for key, labels in fields["inputs"].items() if key != "subject"}
    for key in in_order({*DEFAULT_PACKAGES, *backends}):
        own = chosen(fields[key])
        entries |= {f"{title(key)}: {name}": value for name, value in own.items()}
    return _as_json(entries)


def chosen(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a package, without what is none and what results of before there was a choice do not name.

    >>> chosen({"engine": "shared", "drift_model": "cosine", "kept": None}), chosen({"engine": "library"})
    ({'drift_model': 'cosine'}, {'engine': 'library'})
    """
    default = NilearnSettings().engine
    return {key: each for key, each in fields.items() if key != "kept" and (key, each) != ("engine", default)}


def _as_json(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is read again from a JSON file; infinite numbers are none there."""
    return dict(json.loads(json.dumps(facts, default=plain), parse_constant=lambda _: None))


def plain(value: Any) -> Any:
    """What JSON has in place of an array or a path."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def differences(configured: Configuration, reference: Configuration) -> tuple[SettingDifference, ...]:
    """Entries in which a configuration differs from another.

    >>> print(*differences({"nilearn": "0.11", "model": "go"}, {"nilearn": "0.12", "model": "go"}))
    nilearn: 0.11 instead of 0.12
    """
    names = dict.fromkeys((*reference, *configured))
    pairs = ((name, configured.get(name), reference.get(name)) for name in names)
    return tuple(SettingDifference(*pair) for pair in pairs if pair[1] != pair[2])


def _shown(value: object) -> str:
    """A value for people; long ones by their beginning.

    >>> _shown(None), _shown(["spm"]), _shown("native")
    ('none', '["spm"]', 'native')
    """
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[:SHOWN] + " ..."
