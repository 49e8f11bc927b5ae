"""What a participant's units would be fitted with, in words: nothing is read but headers and tables."""

from collections.abc import Iterator, Sequence

from bidsglm.data import Unit
from bidsglm.settings import Settings
from bidsglm.unit.memory import largest_need, size
from bidsglm.unit.models import Model, units_with_models
from bidsglm.unit.preparation import outline, run_label


def describe_participant(settings: Settings, participant: str, alone: bool) -> str:
    """What would be fitted, for --dry-run; nothing is written.

    Raises
    ------
    BidsglmError
        Whatever would stop the fit before its images are read.
    """
    units = list(units_with_models(settings, participant))
    lines = [line for unit, model in units for line in _lines(unit, model)]
    memory = f"  about {size(largest_need(units, settings, alone).n_bytes)} of memory"
    return "\n".join([f"sub-{participant}", *lines, memory])


def _lines(unit: Unit, model: Model) -> Iterator[str]:
    found = outline(unit, model.specification, model.backends)
    yield f"  {unit.prefix}: model {model.specification.name}, {' and '.join(found.columns)}"
    for prefix, run in zip(unit.run_prefixes, unit.runs, strict=True):
        facts = f"{run.n_scans} scans, TR {run.repetition_time:g} s"
        yield f"    {run_label(prefix)}: {run.bold.name}, {facts}"
    for backend, columns in found.columns.items():
        yield f"    {backend} regressors: {_listed(columns[0])}"
    yield from (f"    contrast {c.name} ({c.test})" for c in found.contrasts)
    yield from (f"    note: {note}" for note in found.notes)


def _listed(names: Sequence[str]) -> str:
    return f"{len(names)}: {', '.join(names)}"
