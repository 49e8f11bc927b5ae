"""Page of all limits and thresholds, from the program's constants: ``python benchmarks/limits_page.py``.

A constant takes part if it is a number, or some numbers, of a module of ``SECTIONS``, and the line behind it
says what it is.
"""

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

PAGE = PROJECT / "docs" / "reference" / "limits.md"
HEAD = """# Limits and thresholds

What is refused, from where a finding is reported, and at which numbers a sentence on a page says one thing or
another. None is an option: each holds for every run of this version, and a change is named in
[the changes](changes.md). Names are those of the constants in the source, below `bidsglm.`. This page is made
from there by `benchmarks/limits_page.py`, and a test holds it to the code.
"""


class Section(NamedTuple):
    """A table of the page."""

    title: str
    words: str
    modules: tuple[str, ...]


SECTIONS = (
    Section(
        "Limits of files",
        "A file beyond ends its participant, or the run, with one line that names it. What differs by "
        "less than a tolerance is the same.",
        (
            "inputs",
            "dataset.nifti",
            "dataset.tsv",
            "dataset.tables",
            "dataset.design_size",
            "dataset.runs",
            "dataset.masks",
            "dataset.sampling",
            "dataset.atlas",
            "dataset.atlas_labels",
            "dataset.group_design",
            "dataset.filter_file",
            "dataset.destination",
            "dataset.validation",
            "maps.reading",
            "maps.comparing",
            "outputs.names",
        ),
    ),
    Section(
        "Limits of a model",
        "What is beyond is refused, with its place in the model ([the language](../model.md)).",
        (
            "statsmodel.limits",
            "statsmodel.queries",
            "statsmodel.automatic",
            "statsmodel.contrasts",
            "statsmodel.comparisons",
            "unit.models",
        ),
    ),
    Section("Limits of options", "What is beyond is refused, with exit code 64.", ("option_values",)),
    Section(
        "From where a finding is reported",
        "Findings about design and data stand on the participant's page and in its summary.",
        (
            "diagnosis.filling",
            "diagnosis.filled_run",
            "diagnosis.rank_checks",
            "diagnosis.collinearity",
            "diagnosis.filter_checks",
            "diagnosis.column_checks",
            "diagnosis.event_checks",
            "diagnosis.timing_checks",
            "diagnosis.data_review",
            "diagnosis.intensity_checks",
            "diagnosis.data_checks",
            "diagnosis.setting_checks",
            "diagnosis.afni_checks",
            "report.diagnosis",
        ),
    ),
    Section(
        "What is compared, and when a sentence says so",
        "Agreement of maps, of regions and of groups, the division of a difference, and the verdicts.",
        (
            "agreement.maps",
            "agreement.coefficients",
            "agreement.rates",
            "agreement.roi_agreement",
            "agreement.spread",
            "agreement.reliability",
            "agreement.resampling",
            "group.stability",
            "group.contrast_maps",
            "group.members",
            "report.breakdowns",
            "report.attribution",
            "report.units",
            "report.two_maps",
            "report.trust",
            "report.calibration",
            "report.group_verdict",
            "report.group_stability",
            "report.group_inference",
            "report.group_rois",
            "unit.scales",
            "unit.explanation",
            "unit.pair_explanation",
            "unit.pair_steps",
        ),
    ),
    Section(
        "How much a page shows",
        "The tables beside the page have everything.",
        (
            "report.rows_table",
            "report.rois",
            "report.cluster_tables",
            "report.strips",
            "report.thinning",
            "report.volumes",
            "report.contrast_images",
            "report.densities",
            "maps.page",
            "group.rois",
        ),
    ),
    Section(
        "Memory that a run is expected to need",
        "The estimate of `--mem`, fitted to measured peaks ([on a cluster](../hpc.md)).",
        ("unit.memory",),
    ),
)


LEFT_OUT = frozenset(
    {
        "agreement.rates.GROWTH",
        "agreement.spread.DRAWN_AT_ONCE",
        "dataset.atlas.BLOCK",
        "dataset.nifti.MOST_COMPRESSED",
        "diagnosis.afni_checks.PEAK",
        "diagnosis.filled_run.WORST",
        "group.members.OF_THE_COMMAND",
        "group.stability.CHUNK_VALUES",
        "maps.reading.SHOWN",
        "report.attribution.LONG",
        "report.attribution.WHOLE",
        "report.densities.CLOSE",
        "report.diagnosis.LEFT_END",
        "report.diagnosis.LETTER",
        "report.diagnosis.THICK",
        "report.diagnosis.THIN",
        "report.strips.HEAD",
        "report.strips.WIDTH",
        "report.volumes.ALONE",
        "report.volumes.GREYS",
        "report.volumes.LEVEL",
        "report.volumes.NOTHING",
        "unit.explanation.CHUNK_VALUES",
        "unit.explanation.PIECE_VALUES",
    }
)
"""Codes, portions and parts of drawings: nothing depends on them that a user could ask about"""


class Constant(NamedTuple):
    """A line of a table."""

    name: str
    value: object
    meaning: str


def constants(module: str) -> Iterator[Constant]:
    """Yield the numbers of a module below the package that say what they are."""
    found = import_module(f"bidsglm.{module}")
    body = ast.parse(Path(str(found.__file__)).read_text(encoding="utf-8")).body
    for statement, below in pairwise(body):
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        target = statement.target if isinstance(statement, ast.AnnAssign) else target
        if not isinstance(target, ast.Name) or not target.id.isupper() or target.id.startswith("_"):
            continue
        value = getattr(found, target.id)
        if is_numbers(value) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            yield Constant(f"{module}.{target.id}", value, " ".join(str(below.value.value).split()))


def is_numbers(value: object) -> bool:
    """Whether a value is a number, or some.

    >>> is_numbers(0.5), is_numbers((1, 2)), is_numbers(True), is_numbers(("a",)), is_numbers(())
    (True, True, False, False, False)
    """
    if isinstance(value, tuple):
        return bool(value) and all(map(is_numbers, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def written(value: Any) -> str:
    """Write a number as people read it.

    >>> written(16_777_216), written(0.001), written(1e-9), written((0.05, 0.001)), written(24.0)
    ('16,777,216', '0.001', '1e-09', '0.05, 0.001', '24')
    """
    if isinstance(value, tuple):
        return ", ".join(map(written, value))
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer() and abs(value) <= 1e15)
    return f"{int(value):,}" if whole else repr(float(value))


def page() -> str:
    """Text of the page."""
    parts = [HEAD]
    for section in SECTIONS:
        lines = [
            f"| {written(row.value)} | `{row.name}`<br>{row.meaning.replace('|', chr(92) + '|')} |"
            for module in section.modules
            for row in constants(module)
            if row.name not in LEFT_OUT
        ]
        table = "\n".join(["| number | what it is |", "|---|---|", *lines])
        parts.append(f"## {section.title}\n\n{section.words}\n\n{table}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
