"""Models in the form before 1.0 (Steps, AutoContrasts) in that of BIDS Stats Models 1.0."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from bidsglm.inputs import as_list
from bidsglm.statsmodel.old_form import OldStep, is_old_form, own_name, spelt, steps
from bidsglm.statsmodel.place import Place

GROUPS = {
    "Run": ["run", "subject"],
    "Session": ["session", "subject", "contrast"],
    "Subject": ["subject", "contrast"],
    "Dataset": ["contrast"],
}
KEPT = ("Options", "Software", "Formula")
"""Keys of a Run step's Model that 1.0 has too."""

Node = dict[str, Any]


class _Reach(NamedTuple):
    """Contrasts that leave a node."""

    names: tuple[str, ...]
    complete: bool
    """Whether there are no others; DummyContrasts without names make more"""


def upgraded(document: Mapping[str, object], origin: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Model of the old form in that of 1.0.

    Fixed effects over the runs of a participant, which the old form left out between Run and Dataset, get a
    Subject node; a weighted sum of contrasts that the Dataset step asked for is made there. X gets the
    intercept that the programs added.

    The notes, on what was added or changed, are for the person who goes on with the model.

    Raises
    ------
    DataError
        No Steps, or something in them that has no counterpart; names the place.

    Examples
    --------
    >>> run = {"Level": "run", "Model": {"X": ["trial_type.go"]}, "AutoContrasts": True}
    >>> old = {"Name": "go", "Steps": [run, {"Level": "dataset", "AutoContrasts": True}]}
    >>> nodes = upgraded(old, "go.json")[0]["Nodes"]
    >>> [node["Name"] for node in nodes], nodes[0]["Model"]["X"]
    (['run', 'subject', 'dataset'], ['trial_type.go', 1])
    """
    top = Place(origin)
    if not is_old_form(document):
        raise top.fault("has no Steps: it is not of the form before 1.0 (bidsglm model --check explains it)")
    old = spelt(document)
    notes: list[str] = []
    nodes, edges = _nodes(list(steps(old["Steps"], top)), notes)
    about = {"Description": str(old["Description"])} if old.get("Description") else {}
    inputs = _inputs(old.get("Input"), top)
    made = {
        "Name": str(old.get("Name") or "model"),
        "BIDSModelVersion": "1.0.0",
        **about,
        **({"Input": inputs} if inputs else {}),
        "Nodes": nodes,
        **({"Edges": edges} if edges else {}),
    }
    dropped = sorted(set(old) - {"Steps", "Description", "Input", "Name", "Bidsmodelversion"})
    notes += [f"{key} is left out: it has no place in 1.0." for key in dropped]
    return made, tuple(notes)


def _inputs(value: object, top: Place) -> dict[str, list[str]]:
    """Input with the entities in small letters and labels as text, in lists; what is empty says nothing."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise top.at("Input").fault("must be an object")
    found = {key.lower(): as_list(labels) for key, labels in value.items()}
    return {key: [str(label) for label in labels] for key, labels in found.items() if labels}


def _nodes(listed: Sequence[OldStep], notes: list[str]) -> tuple[list[Node], list[dict[str, Any]]]:
    """Nodes, and the edges from each to the next with what goes along them."""
    run, *upper = listed
    if upper and upper[0].level == "Dataset":
        notes.append("A Subject node was added: fixed effects over the runs of each participant.")
        upper = [OldStep("Subject", {"DummyContrasts": True}, upper[0].place), *upper]
    nodes = [_run_node(run, notes)]
    reach = _reach(nodes[0])
    edges = []
    for step, following in pairwise([*upper, None]):
        assert step is not None
        if step.level == "Dataset":
            node, wanted = _dataset_node(step, notes)
        else:
            above = _sums(following) if following is not None and following.level == "Dataset" else []
            node, wanted = _middle_node(step, [*_sums(step), *above], reach, notes)
        limits = bool(wanted) and (not reach.complete or set(wanted) != set(reach.names))
        names = {"Source": nodes[-1]["Name"], "Destination": node["Name"]}
        edges.append({**names, **({"Filter": {"contrast": wanted}} if limits else {})})
        nodes.append(node)
        own = _reach(node)
        passed = _Reach(tuple(wanted), True) if wanted else reach
        reach = own if "contrast" not in node["GroupBy"] else passed
    return nodes, edges


def _reach(node: Node) -> _Reach:
    """Contrasts of a node by their names."""
    dummies = node.get("DummyContrasts")
    named = [own_name(str(name)) for name in (dummies or {}).get("Contrasts", ())]
    written = [contrast["Name"] for contrast in node.get("Contrasts", ())]
    return _Reach(tuple(_merged(named, written)), dummies is None or "Contrasts" in dummies)


def _run_node(step: OldStep, notes: list[str]) -> Node:
    model, x = step.model, step.x
    if not x:
        raise step.place.at("Model").fault("has no X: 1.0 needs the list of regressors")
    if 1 not in x:
        x = [*x, 1]
        notes.append("The intercept (1) was added to X: the programs of the old form added it themselves.")
    made = {"Type": "glm", "X": x, **_hrf(model, step.place)}
    made |= {key: model[key] for key in KEPT if model.get(key)}
    dropped = sorted(set(model) - {"X", "HRF", "HrfVariables", "Contrasts", "Test", *made})
    notes += [f"{key} of the Run step's Model is left out: it has no place in 1.0." for key in dropped]
    node = {"Level": "Run", "Name": "run", "GroupBy": GROUPS["Run"], **_transformations(step), "Model": made}
    automatic = step.automatic
    if step.contrasts:
        node["Contrasts"] = step.contrasts
    if automatic:
        named = {"Contrasts": automatic} if isinstance(automatic, list) else {}
        node["DummyContrasts"] = {**named, "Test": "t"}
    return node


def _hrf(model: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Model.HRF; the variables once stood beside it."""
    found = model.get("HRF")
    given = {"Model": found} if isinstance(found, str) else found or {}
    if not isinstance(given, dict):
        raise place.at("Model", "HRF").fault("must be an object with Variables and Model")
    given = spelt(given)
    # SPELLINGS makes an X of variables, which here are those of the HRF
    variables = given.pop("X", None) or model.get("HrfVariables")
    if not variables:
        return {}
    return {"HRF": {"Variables": variables, "Model": given.pop("Model", "spm"), **given}}


def _transformations(step: OldStep) -> dict[str, Any]:
    found = step.instructions
    transformer = {"Transformer": "pybids-transforms-v1", "Instructions": found}
    return {"Transformations": transformer} if found else {}


def _passes_on(contrast: Mapping[str, Any]) -> bool:
    """Whether a contrast is one of the level below, unchanged."""
    return contrast["ConditionList"] == [contrast["Name"]] and contrast["Weights"] in ([1], [[1]])


def _sums(step: OldStep) -> list[dict[str, Any]]:
    """Contrasts of a step that weight contrasts of the level below."""
    return [] if step.models_participants else [each for each in step.contrasts if not _passes_on(each)]


def _wanted(step: OldStep) -> list[str]:
    """Contrasts of the level below that a step continues with; none for all."""
    automatic = step.automatic
    named = [own_name(name) for name in automatic] if isinstance(automatic, list) else []
    return [] if automatic is True else _merged(named, (each["Name"] for each in step.contrasts))


def _middle_node(
    step: OldStep, sums: Sequence[dict[str, Any]], reach: _Reach, notes: list[str]
) -> tuple[Node, list[str]]:
    """Session or Subject node: fixed effects of each contrast, or weighted sums of several."""
    node = {"Level": step.level, "Name": step.level.lower(), "GroupBy": GROUPS[step.level]}
    wanted = _wanted(step)
    if not sums:
        return {**node, "Model": {"Type": "meta", "X": [1]}, "DummyContrasts": {"Test": "t"}}, wanted
    own = {each["Name"] for each in sums}
    kept = [name for name in wanted if name not in own] or (reach.names if step.automatic is True else ())
    used = _merged(kept, *(map(own_name, each["ConditionList"]) for each in sums))
    if step.automatic is True and not reach.complete:
        notes.append(
            f"The {step.level} node passes on {', '.join(used)} and its own contrasts only: a node that "
            "weights contrasts must name them."
        )
        kept = used
    written = [{**each, "ConditionList": [own_name(name) for name in each["ConditionList"]]} for each in sums]
    grouped = [key for key in GROUPS[step.level] if key != "contrast"]
    made = {**node, "GroupBy": grouped, "Model": {"Type": "meta", "X": used}, "Contrasts": written}
    return {**made, **({"DummyContrasts": {"Contrasts": list(kept), "Test": "t"}} if kept else {})}, []


def _dataset_node(step: OldStep, notes: list[str]) -> tuple[Node, list[str]]:
    """Dataset node, and the contrasts of the participants that reach it."""
    node = {"Level": "Dataset", "Name": "dataset", "GroupBy": GROUPS["Dataset"], **_transformations(step)}
    if step.models_participants:
        kept = {"Contrasts": step.contrasts} if step.contrasts else {"DummyContrasts": {"Test": "t"}}
        return {**node, "Model": {"Type": "glm", "X": step.x}, **kept}, []
    tested = [each["Name"] for each in step.contrasts if each["Test"] == "F"]
    if tested:
        notes.append(f"{tested[0]}: the F test of one mean became its t test at the Dataset level.")
    made = {**node, "Model": {"Type": "glm", "X": [1]}, "DummyContrasts": {"Test": "t"}}
    return made, _wanted(step)


def _merged(*lists: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for names in lists for name in names))
