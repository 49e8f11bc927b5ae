"""A model in words: what each of its nodes does, before any data are looked at."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from bidsglm.model import CONSTANT, TRIAL_TYPE, ModelSpecification
from bidsglm.packages import DEFAULT_PACKAGES, PACKAGES, title, titles
from bidsglm.statsmodel.contrasts import contrast_label
from bidsglm.statsmodel.globs import is_glob, matching
from bidsglm.statsmodel.schema import ContrastPart, Document, NodePart
from bidsglm.unit.methods import setting_rows

NEED_DATA = ("Response sampled at", "Confounds")
"""Settings that say something only of runs."""
WORDS = {"Run": "a design for each run", "Session": "runs of a session", "Subject": "runs of a participant"}


def document_lines(
    document: Document, model: ModelSpecification, backends: Sequence[str] = DEFAULT_PACKAGES
) -> Iterator[str]:
    """Lines that say what a model does."""
    if document.Description:
        yield document.Description
    inputs = [f"{key} {', '.join(labels)}" for key, labels in model.inputs.items()]
    yield f"Data: {'; '.join(inputs) or 'all runs that have events'}"
    for node in document.Nodes:
        yield ""
        if node.Level == "Run":
            yield from _run_lines(node, model, backends)
        else:
            yield from _upper_lines(node, document)
    if model.notes:
        yield ""
        yield "Notes"
        yield from (f"  {note}" for note in model.notes)


def _run_lines(node: NodePart, model: ModelSpecification, backends: Sequence[str]) -> Iterator[str]:
    together = "each session by itself" if model.by_session else "all runs of a participant together"
    together = f"{together}, and each session by itself" if model.both_ways else together
    yield f"Run node {node.Name}: {WORDS['Run']}, {together}"
    yield from _transformation_lines(node)
    yield "  columns, in this order:"
    convolved = _convolved(node)
    for origin, names in groupby(model.x, lambda name: _origin(name, convolved, model)):
        yield f"    {', '.join(names)}: {origin}"
    yield f"    {CONSTANT}: {_constant(backends)}"
    yield from ("  " + line for line in settings_lines(model, backends))
    yield from _contrast_lines(node, model.x)


def _instructions(node: NodePart) -> Sequence[Mapping[str, object]]:
    return node.Transformations.Instructions if node.Transformations is not None else ()


def _transformation_lines(node: NodePart) -> Iterator[str]:
    if found := _instructions(node):
        yield "  transformations: " + "; ".join(map(_instruction, found))


def _instruction(instruction: Mapping[str, object]) -> str:
    inputs = instruction.get("Input")
    names = ", ".join(map(str, inputs)) if isinstance(inputs, list) else str(inputs)
    more = {key: value for key, value in instruction.items() if key not in ("Name", "Input", "Description")}
    said = ", ".join(f"{key} {value}" for key, value in more.items())
    return f"{instruction.get('Name')} of {names}{f' ({said})' if said else ''}"


def _convolved(node: NodePart) -> tuple[str, ...]:
    """Names and globs that the node convolves."""
    found: list[object] = list(node.Model.HRF.Variables) if node.Model.HRF is not None else []
    for instruction in _instructions(node):
        if instruction.get("Name") == "Convolve":
            inputs = instruction.get("Input")
            found += inputs if isinstance(inputs, list) else [inputs]
    return tuple(str(name) for name in found)


def _origin(name: str, convolved: Sequence[str], model: ModelSpecification) -> str:
    several = "all that there are, " if is_glob(name) else ""
    if name.startswith(TRIAL_TYPE) or any(name == v or matching(v, [name]) for v in convolved):
        functions = len(model.hrf.suffixes)
        columns = f", {functions} columns for each" if functions > 1 else ""
        return f"{several}convolved with {model.hrf.model}{columns}"
    made = "as the transformations make them, or " if model.transformations else ""
    return f"{several}{made}as they stand in the confounds or in events.tsv"


def _constant(backends: Sequence[str]) -> str:
    """Where the constant is.

    >>> _constant(["spm", "nilearn"]), _constant(["fsl"])
    ('always, in each package', 'in place of it, FSL takes the means of data and columns')
    """
    without = [name for name in backends if PACKAGES[name].filters_columns]
    others = [name for name in backends if name not in without]
    if not without:
        return "always, in each package"
    means = f"in place of it, {titles(without)} takes the means of data and columns"
    return f"always, in {titles(others)}; {means}" if others else means


def settings_lines(model: ModelSpecification, backends: Sequence[str] = DEFAULT_PACKAGES) -> Iterator[str]:
    """What each package does; once where they do the same."""
    for row in setting_rows(model, (), backends):
        if row.name not in NEED_DATA:
            apart = "; ".join(f"{title(name)} {words}" for name, words in row.cells.items())
            yield f"{row.name}: {next(iter(row.cells.values())) if row.is_same(list(row.cells)) else apart}"


def _contrast_lines(node: NodePart, x: Sequence[str]) -> Iterator[str]:
    contrasts = [_contrast(part) for part in node.Contrasts or ()]
    if node.DummyContrasts is not None:
        named = node.DummyContrasts.Contrasts
        conditions = "condition" if node.Level == "Run" else "column"
        of = ", ".join(named) if named else f"each {conditions}"
        contrasts.append(f"a t contrast of {of}")
    elif not contrasts and node.Level != "Run":
        contrasts.append(f"a t contrast of {', '.join(x)}")
    yield "  contrasts:" if contrasts else "  contrasts: none"
    yield from (f"    {text}" for text in contrasts)


def _contrast(part: ContrastPart) -> str:
    """A contrast with its weights and its label in file names."""
    rows = "; ".join(weighted_sum(row, part.ConditionList) for row in part.Weights)
    test = "F" if part.Test == "F" else "t"
    return f"{part.Name} ({test}): {rows}; in file names contrast-{contrast_label(part.Name)}"


def weighted_sum(weights: Sequence[float], names: Sequence[str]) -> str:
    """Weights over names, for people to read.

    >>> weighted_sum([1.0, -0.5, 0.0], ["trial_type.a", "trial_type.b", "trial_type.c"])
    '1 × a − 0.5 × b'
    """
    terms = [
        f"{'−' if weight < 0 else '+'} {abs(weight):.3g} × {name.removeprefix(TRIAL_TYPE)}"
        for weight, name in zip(weights, names, strict=True)
        if weight
    ]
    return " ".join(terms).removeprefix("+ ")


def _upper_lines(node: NodePart, document: Document) -> Iterator[str]:
    groups = [name for name in node.GroupBy if node.Level == "Dataset" or name != "subject"]
    each = f", one for each {' and '.join(groups)}" if groups else ""
    if node.Level == "Dataset":
        yield f"Dataset node {node.Name}: over the participants{each}"
    else:
        yield f"{node.Level} node {node.Name}: {WORDS[node.Level]}, fixed effects{each}"
    for edge in document.Edges or ():
        if edge.Destination == node.Name:
            limits = [f"{key} {', '.join(map(str, values))}" for key, values in (edge.Filter or {}).items()]
            yield f"  from node {edge.Source}{': only ' + '; '.join(limits) if limits else ''}"
    yield from _transformation_lines(node)
    means = "the mean" if node.Model.X == [CONSTANT] else ", ".join(node.Model.X)
    yield f"  X: {means}"
    variance = node.Model.Software.SPM.Variance if node.Model.Software is not None else None
    if variance is not None and node.Level == "Dataset":
        yield f"  errors of the SPM backend: {variance} variances of groups"
    yield from _contrast_lines(node, ["the mean" if name == CONSTANT else name for name in node.Model.X])
