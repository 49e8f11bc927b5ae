"""All schemas of tables that are written."""

from bidsglm.backends import BACKENDS
from bidsglm.outputs import (
    calibration_tables,
    fit_tables,
    group_tables,
    region_tables,
    scale_tables,
    unit_tables,
)
from bidsglm.outputs.schema import Schema

ROOMS = (unit_tables, fit_tables, scale_tables, region_tables, calibration_tables, group_tables)
SCHEMAS: tuple[Schema, ...] = (
    *(value for room in ROOMS for value in vars(room).values() if isinstance(value, Schema)),
    *(backend.CLUSTERS for backend in BACKENDS.values()),
)
