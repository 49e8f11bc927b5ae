"""What a model file would do, in words, and with data: on the runs of a participant, drawn too."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from bidsglm.authoring.words import document_lines
from bidsglm.dataset.participants import doubts, read_participants
from bidsglm.dataset.roots import find_participants
from bidsglm.errors import DataError, NothingMatchedError, UsageError
from bidsglm.model import CONSTANT
from bidsglm.outputs.writes import write_bytes
from bidsglm.packages import title
from bidsglm.report.designs import design_figure
from bidsglm.settings import Settings
from bidsglm.statsmodel.dialects import translated
from bidsglm.statsmodel.parsed import parsed_document
from bidsglm.statsmodel.place import Place
from bidsglm.statsmodel.specification import read_document
from bidsglm.unit.models import Model, model_from_file, model_of_file, refusals, units_with_models
from bidsglm.unit.preparation import Prepared, prepare, run_label


def explain_model(settings: Settings, with_data: bool, figure: Path | None) -> str:
    """Say what the model of the settings would do; with data, on those of the first participant asked for.

    Raises
    ------
    BidsglmError
        Whatever would stop the fit before its images are read.
    """
    path = settings.model
    assert path is not None
    model, _, backends = _expressible(settings)
    if figure is not None and figure.suffix.lower() != ".svg":
        raise UsageError(f"{figure}: the picture is SVG; name it so: {figure.with_suffix('.svg')}")
    strict, _ = translated(read_document(path), Place(str(path)))
    document = parsed_document(strict, str(path))
    lines = [f"{path}: model {model.name}, can be fitted with {' and '.join(backends)}"]
    lines += document_lines(document, model, backends)
    if with_data:
        lines += ["", *_data_lines(settings, figure)]
    return "\n".join(lines)


def _expressible(settings: Settings) -> Model:
    """Judge the model by every package asked for; where too few are left, say what each cannot express."""
    try:
        return model_of_file(settings)
    except DataError:
        if len(found := refusals(settings)) < 2:
            raise
        said = "; ".join(f"{title(name)}: {reason}" for name, reason in found.items())
        raise DataError(f"{settings.model}: {said}") from None


def _data_lines(settings: Settings, figure: Path | None) -> Iterator[str]:
    participants = find_participants(settings)
    chosen = participants if settings.participant_labels else participants[:1]
    others = len(participants) - len(chosen)
    yield f"With the data of {', '.join(f'sub-{label}' for label in chosen)}" + (
        f" ({others} more: --participant-label)" if others else ""
    )
    drawn = False
    for label in chosen:
        for unit, model in units_with_models(settings, label):
            prepared = prepare(unit, model.specification, model.backends)
            if figure is not None and not drawn:
                _draw(prepared, figure)
                drawn = True
            yield from _unit_lines(prepared)
    yield from _group_lines(settings, participants)
    if not drawn and figure is not None:
        raise NothingMatchedError(f"{settings.bids_dir}: no run to draw; widen the filters")
    if figure is not None:
        yield f"{figure}: the design of the first run"


def _group_lines(settings: Settings, participants: Sequence[str]) -> Iterator[str]:
    """Who would be in each group analysis by participants.tsv, and what stands against it."""
    model = model_from_file(settings)
    nodes = model.group if model else ()
    for node in nodes:
        if doubts(settings.bids_dir, (node,), participants):
            continue
        asked = node if node.by_contrast else replace(node, x=(CONSTANT,))
        people = read_participants(settings.bids_dir, asked, participants)
        yield f"  node {node.name}: {len(participants) - len(people.left_out)} participants"
        yield from (f"    sub-{label} is left out: {why}" for label, why in people.left_out.items())
    yield from (
        f"  the group level will not run: {doubt}" for doubt in doubts(settings.bids_dir, nodes, participants)
    )


def _draw(prepared: Prepared, path: Path) -> None:
    designs = {backend: found[0] for backend, found in prepared.designs.items()}
    picture = design_figure(designs, run_label(prepared.unit.run_prefixes[0]))
    write_bytes(path, picture.content)


def _unit_lines(prepared: Prepared) -> Iterator[str]:
    unit = prepared.unit
    yield f"  {unit.prefix}: {len(unit.runs)} run{'s' * (len(unit.runs) > 1)} fitted together"
    for i, (prefix, run, paradigm) in enumerate(
        zip(unit.run_prefixes, unit.runs, prepared.paradigms, strict=True)
    ):
        yield f"    {run_label(prefix)}: {run.n_scans} scans, TR {run.repetition_time:g} s"
        events = ", ".join(f"{c.name} {c.onsets.size}" for c in paradigm.conditions)
        yield f"      events: {events or 'none'}"
        for backend, designs in prepared.designs.items():
            design = designs[i]
            cosines = design.high_pass_basis.shape[1]
            removed = f", and {cosines} cosines projected out" if cosines else ""
            yield f"      {backend}: {len(design.names)} columns{removed}: {', '.join(design.names)}"
    for contrast in prepared.contrasts:
        having = [i for i, names in enumerate(_names(prepared)) if set(contrast.conditions) <= set(names)]
        runs = "" if len(having) == len(unit.runs) else f", in {len(having)} of {len(unit.runs)} runs"
        yield f"    contrast {contrast.name} ({contrast.test}){runs}"
    yield from (f"    note: {note}" for note in prepared.all_notes)


def _names(prepared: Prepared) -> list[tuple[str, ...]]:
    """Columns of each run."""
    return [design.names for design in next(iter(prepared.designs.values()))]
