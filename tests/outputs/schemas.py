"""All schemas of tables that are written."""

import json
import shutil
from importlib import import_module
from pathlib import Path

from bidsglm import outputs
from bidsglm.backends import BACKENDS
from bidsglm.outputs.group_map_tables import group_attribution_schema, group_inference_schema
from bidsglm.outputs.region_tables import region_maps_schema
from bidsglm.outputs.schema import Schema
from bidsglm.pairs import DEFAULT_PAIR

MODULES = sorted(path.stem for path in Path(str(outputs.__file__)).parent.glob("*_tables.py"))
"""Every module of tables, so that none can be forgotten"""
ALONE = {"check_tables", "map_tables"}
"""What `bidsglm check` and `bidsglm maps` write: no table of a unit or of a group"""


def schemas_in(modules: set[str]) -> tuple[Schema, ...]:
    """Schemas of some of the modules."""
    found = [vars(import_module(f"bidsglm.outputs.{name}")) for name in MODULES if name in modules]
    return tuple(value for names in found for value in names.values() if isinstance(value, Schema))


OF_PAIRS = (
    region_maps_schema([DEFAULT_PAIR]),
    group_attribution_schema(DEFAULT_PAIR),
    group_inference_schema(DEFAULT_PAIR),
)
"""Made for the pairs that are compared"""
OF_RESULTS = (
    *schemas_in({*MODULES} - ALONE),
    *OF_PAIRS,
    *(backend.CLUSTERS for backend in BACKENDS.values()),
)
OF_COMPARISONS = schemas_in(ALONE)
SCHEMAS = (*OF_RESULTS, *OF_COMPARISONS)


def check_tables(folder: Path, schemas: dict[str, Schema]) -> None:
    """Hold every table of a folder, and its sidecar, to its schema: read, and written again to the byte."""
    assert {path.name for path in folder.glob("*.tsv")} == schemas.keys()
    for name, schema in schemas.items():
        path = folder / name
        rows = schema.read(path)
        header = path.read_text(encoding="utf-8").split("\n")[0].split("\t")
        sidecar = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        assert {key: sidecar[key] for key in header} == schema.sidecar(header), name
        schema.write(folder / "again" / name, rows, header=header)
        assert (folder / "again" / name).read_bytes() == path.read_bytes(), name
    shutil.rmtree(folder / "again")
