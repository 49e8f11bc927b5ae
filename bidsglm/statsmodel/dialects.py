"""What models of other programs say: read as ours where it means the same, else noted, or refused.

The strict language is `bidsglm.statsmodel.schema`. Models that people have are written for FitLins, pybids
and bidspm: they carry keys of those programs, empty lists (MATLAB writes one for everything that is not
there), and names of earlier drafts.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from difflib import SequenceMatcher
from typing import Any

from bidsglm.statsmodel.old_form import is_old_form, spelling
from bidsglm.statsmodel.place import Place

Json = dict[str, Any]

PACKAGES = ("SPM", "Nilearn", "AFNI", "FSL")
"""Keys of Software that are ours, in whatever state of completion."""
MISSPELT = 0.75
"""Similarity from which a key of Software is one of ours with a slip (`Nilern`, `SPM12`)."""
MAY_BE_EMPTY = ("Transformations", "Contrasts", "DummyContrasts")
MAY_BE_EMPTY_IN_MODEL = ("HRF", "Options", "Software")
ALLOWED_EMPTY = ("Contrasts", "Input")
"""Parts whose emptiness needs no word."""
VERSION = "1.0.0"


def translated(document: Mapping[str, object], top: Place) -> tuple[Json, tuple[str, ...]]:
    """Rewrite a model document in the strict language, as far as that keeps its meaning.

    The document stays as it is; the notes are on what was left out or read as something else.

    Raises
    ------
    DataError
        What no rewriting can save, the first obstacle first: the form before 1.0, an unfilled template,
        instructions for another transformer, a formula, a low-pass filter.

    Examples
    --------
    >>> node = {"Level": "Run", "Name": "run", "GroupBy": ["run"], "Model": {"X": ["go"], "Software": []}}
    >>> new, _ = translated({"Name": "m", "Nodes": [node], "Input": {"task": [""]}}, Place("m.json"))
    >>> new["Nodes"][0]["Model"], "Input" in new
    ({'X': ['go'], 'Type': 'glm'}, False)
    """
    copy: Json = deepcopy(dict(document))
    _refuse(copy, top)
    if not all(isinstance(node, dict) for node in _listed(copy.get("Nodes"))):
        return copy, ()
    _masks(copy)
    notes = [*_whole(copy), *_responses(copy, top), *_empty(copy), *_software_lists(copy, top)]
    notes += [*_software(copy, top), *_dummies(copy, top), *_tests(copy, top)]
    return copy, tuple(notes)


def _nodes(document: Json) -> Iterator[tuple[int, Json]]:
    for i, node in enumerate(_listed(document.get("Nodes"))):
        if isinstance(node, dict):
            yield i, node


def _models(document: Json) -> Iterator[tuple[int, Json, Json]]:
    """Index, node and Model of each node that has one."""
    for i, node in _nodes(document):
        if isinstance(node.get("Model"), dict):
            yield i, node, node["Model"]


def _options(document: Json) -> Iterator[Json]:
    """Options of each Model that has them."""
    for _, _, model in _models(document):
        if isinstance(model.get("Options"), dict):
            yield model["Options"]


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _level(node: Json) -> str:
    return str(node.get("Level")).capitalize()


def _refuse(document: Json, top: Place) -> None:
    """Name the obstacle that counts: one that is not removed by correcting a key."""
    if is_old_form(document):
        key = next(key for key in document if spelling(key) == "Steps")
        raise top.at(key).fault(
            "the form before version 1.0: write Nodes (Level, Name, GroupBy, Model) and Edges instead, "
            "or let bidsglm model --upgrade OLD.json NEW.json write them where that is possible"
        )
    for i, node in _nodes(document):
        _refuse_transformer(node, top.at("Nodes", i, "Transformations"))
    for i, node, model in _models(document):
        place = top.at("Nodes", i, "Model")
        if model.get("Formula"):
            raise place.at("Formula").fault("not supported: leave it out and list the regressors in X")
        options = model.get("Options")
        if _level(node) == "Run" and isinstance(options, dict) and options.get("LowPassFilterCutoffHz"):
            raise place.at("Options", "LowPassFilterCutoffHz").fault(
                "not supported: SPM and nilearn's first level have no low-pass filter; leave it out"
            )
    _refuse_template(document, top)


def _refuse_transformer(node: Json, place: Place) -> None:
    given = node.get("Transformations")
    if not isinstance(given, dict):
        return
    name = given.get("Transformer")
    if name != OURS:
        said = f"{name!r} is another program's" if name else "missing or empty"
        raise place.at("Transformer").fault(
            f"{said}: only the instructions of {OURS!r} are carried out; rewrite them in its terms, "
            "or leave Transformations out"
        )


OURS = "pybids-transforms-v1"


def _refuse_template(value: object, place: Place) -> None:
    """Refuse what a template engine should have replaced."""
    if isinstance(value, str) and "{{" in value and "}}" in value:
        raise place.fault(f"{value!r} is a blank of a template: fill it in")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_template(item, place.at(key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _refuse_template(item, place.at(i))


def _whole(document: Json) -> Iterator[str]:
    """Complete what the schema wants and a model can do without."""
    if "Nodes" in document and not document.get("BIDSModelVersion"):
        document["BIDSModelVersion"] = VERSION
        yield f"BIDSModelVersion is not given: read as {VERSION}."
    elif type(document.get("BIDSModelVersion")) in (int, float) and document["BIDSModelVersion"] == 1:
        # converters of models before 1.0 write a number
        document["BIDSModelVersion"] = VERSION
    untyped = [node for _, node, model in _models(document) if model.get("Type") in (None, "")]
    for node in untyped:
        node["Model"]["Type"] = "glm"
    if untyped:
        yield f"Model.Type is not given in {_names(untyped)}: glm."
    if isinstance(document.get("Input"), dict):
        yield from _input(document["Input"])


def _input(filters: Json) -> Iterator[str]:
    filters.pop("Description", None)
    empty = [key for key, labels in filters.items() if not _filled(labels)]
    for key in empty:
        del filters[key]
    if empty:
        yield f"Input names no label of {', '.join(empty)}: no restriction."


def _filled(labels: object) -> bool:
    """Whether a filter names a label."""
    return (
        labels not in (None, "")
        and labels != []
        and not (isinstance(labels, list) and all(label in (None, "") for label in labels))
    )


def _empty(document: Json) -> Iterator[str]:
    """Take out parts that hold nothing."""
    found: list[str] = []
    for holder, keys in (
        (document, ("Edges", "Input")),
        *((node, MAY_BE_EMPTY) for _, node in _nodes(document)),
        *((options, ("Mask",)) for options in _options(document)),
        *((model, MAY_BE_EMPTY_IN_MODEL) for _, _, model in _models(document)),
    ):
        for key in keys:
            blank: list[object] = [None, [], {}, *([""] if key == "Mask" else [])]
            if key in holder and holder[key] in blank and not isinstance(holder[key], bool):
                del holder[key]
                found += [key] * (key not in ALLOWED_EMPTY)
    if found:
        yield f"Without content, as if not there: {', '.join(dict.fromkeys(found))}."


def _software_lists(document: Json, top: Place) -> Iterator[str]:
    """Read Software as the specification once showed it: a list of objects, one for each package."""
    listed = False
    for i, _, model in _models(document):
        parts = model.get("Software")
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            continue
        names = [name for part in parts for name in part]
        if twice := [name for name in names if names.count(name) > 1]:
            raise top.at("Nodes", i, "Model", "Software").fault(
                f"has {twice[0]!r} twice: leave one of them out"
            )
        model["Software"] = {name: value for part in parts for name, value in part.items()}
        listed = True
    if listed:
        yield "Software is a list: read as one object with a key for each package."


def _software(document: Json, top: Place) -> Iterator[str]:
    others: list[str] = []
    for i, _, model in _models(document):
        software = model.get("Software")
        if not isinstance(software, dict):
            continue
        place = top.at("Nodes", i, "Model", "Software")
        for key in [key for key in software if key not in (*PACKAGES, "Description")]:
            _refuse_misspelt(key, place)
            others.append(key)
            del software[key]
        if not software:
            del model["Software"]
        elif isinstance(software.get("SPM"), dict):
            yield from _whitening(software["SPM"], place.at("SPM"))
    if others:
        yield f"Software of other programs has no effect here: {', '.join(dict.fromkeys(others))}."


def _refuse_misspelt(key: str, place: Place) -> None:
    for ours in PACKAGES:
        if SequenceMatcher(None, key.lower(), ours.lower()).ratio() >= MISSPELT:
            raise place.fault(f"unknown key {key!r}; did you mean {ours!r}?")


def _whitening(spm: Json, place: Place) -> Iterator[str]:
    """Read Whitening, a former name of SerialCorrelation, in whatever letter case."""
    for key in [key for key in spm if key.lower() == "whitening"]:
        value = spm.pop(key)
        if spm.setdefault("SerialCorrelation", value) != value:
            raise place.at(key).fault("says another thing than SerialCorrelation: leave one of them out")
        yield f"Software.SPM.{key} is read as SerialCorrelation."


def _masks(document: Json) -> None:
    """Take the descriptions out of filters."""
    for options in _options(document):
        if isinstance(options.get("Mask"), dict):
            options["Mask"].pop("Description", None)


def _dummies(document: Json, top: Place) -> Iterator[str]:
    """Read DummyContrasts.Conditions, the former name of Contrasts."""
    former = False
    for i, node in _nodes(document):
        dummies = node.get("DummyContrasts")
        if isinstance(dummies, list) and dummies:
            node["DummyContrasts"] = {"Contrasts": dummies, "Test": "t"}
            yield "DummyContrasts as a list is read as its Contrasts, each a t test."
        if isinstance(dummies, dict) and "Conditions" in dummies:
            if "Contrasts" in dummies:
                raise top.at("Nodes", i, "DummyContrasts").fault(
                    "has Contrasts and its former name Conditions: leave one of them out"
                )
            dummies["Contrasts"] = dummies.pop("Conditions")
            former = True
    if former:
        yield "DummyContrasts.Conditions is read as Contrasts, its present name."


def _tests(document: Json, top: Place) -> Iterator[str]:
    """Read Type of a contrast, the former name of Test."""
    former = False
    for i, node in _nodes(document):
        place = top.at("Nodes", i)
        parts = [(node.get("DummyContrasts"), place.at("DummyContrasts"))]
        parts += [(each, place.at("Contrasts", j)) for j, each in enumerate(_listed(node.get("Contrasts")))]
        for part, here in parts:
            if not isinstance(part, dict) or "Type" not in part:
                continue
            value = part.pop("Type")
            if part.setdefault("Test", value) != value:
                raise here.fault("has Test and its former name Type: leave Type out")
            former = True
    if former:
        yield "Type of contrasts is read as Test, its present name."


CANONICAL = {
    "PeakDelay": 6,
    "PeakDispersion": 1,
    "UndershootDelay": 16,
    "UndershootDispersion": 1,
    "PeakUndershootRatio": 6,
}
"""Parameters of the double gamma in drafts of the specification, with SPM's values."""


def _responses(document: Json, top: Place) -> Iterator[str]:
    """Read HRF.Parameters of drafts of the specification, where they say what HRF.Model says too."""
    for i, _, model in _models(document):
        hrf = model.get("HRF")
        parameters = hrf.get("Parameters") if isinstance(hrf, dict) else None
        if not isinstance(hrf, dict) or not isinstance(parameters, dict):
            continue
        place = top.at("Nodes", i, "Model", "HRF", "Parameters")
        read = [key for key in parameters if key in (*CANONICAL, "Derivatives", "Delays")]
        for key in read:
            value = parameters.pop(key)
            if key == "Delays":
                parameters.setdefault("fir_delays", value)
            elif key == "Derivatives":
                hrf["Model"] = _with_derivatives(hrf.get("Model"), value, place.at(key))
            elif value != CANONICAL[key]:
                raise place.at(key).fault(
                    f"is {value!r}, but the double gamma here has SPM's values "
                    f"({', '.join(f'{name} {own}' for name, own in CANONICAL.items())}): leave it out"
                )
        if read:
            if not parameters:
                del hrf["Parameters"]
            yield f"HRF.Parameters {', '.join(read)}: read as HRF.Model {hrf.get('Model')!r}."


def _with_derivatives(name: object, order: object, place: Place) -> object:
    """Name of a response with derivatives up to an order."""
    if type(order) is not int or not 0 <= order < len(ORDERS):
        raise place.fault("must be 0, 1 (derivative) or 2 (derivative and dispersion)")
    if not isinstance(name, str):
        return name
    if name.count("+") not in (0, order):
        raise place.fault(f"says another thing than Model {name!r}: leave it out")
    return name.partition("+")[0].strip() + ORDERS[order]


ORDERS = ("", " + derivative", " + derivative + dispersion")
"""What HRF.Model writes for each number of derivatives."""


def _names(nodes: Sequence[Json]) -> str:
    return (
        "node " * (len(nodes) == 1)
        + "nodes " * (len(nodes) > 1)
        + ", ".join(str(node.get("Name")) for node in nodes)
    )
