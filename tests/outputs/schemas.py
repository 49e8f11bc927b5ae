"""All schemas of tables that are written."""

from importlib import import_module
from pathlib import Path

from bidsglm import outputs
from bidsglm.backends import BACKENDS
from bidsglm.outputs.schema import Schema

MODULES = sorted(path.stem for path in Path(str(outputs.__file__)).parent.glob("*_tables.py"))
"""Every module of tables, so that none can be forgotten"""
ALONE = {"check_tables", "map_tables"}
"""What `bidsglm check` and `bidsglm maps` write: no table of a unit or of a group"""


def schemas_in(modules: set[str]) -> tuple[Schema, ...]:
    """Schemas of some of the modules."""
    found = [vars(import_module(f"bidsglm.outputs.{name}")) for name in MODULES if name in modules]
    return tuple(value for names in found for value in names.values() if isinstance(value, Schema))


OF_RESULTS = (*schemas_in({*MODULES} - ALONE), *(backend.CLUSTERS for backend in BACKENDS.values()))
OF_COMPARISONS = schemas_in(ALONE)
SCHEMAS = (*OF_RESULTS, *OF_COMPARISONS)
