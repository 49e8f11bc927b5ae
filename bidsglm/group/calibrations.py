"""The participants' calibrations, collected into one table."""

from pathlib import Path

from bidsglm.calibration.tables import read_rows, table_path
from bidsglm.errors import BidsglmError
from bidsglm.group.members import Members, Summary, by_name, identity
from bidsglm.group.numbers import GroupNumbers
from bidsglm.outputs.calibration_tables import CALIBRATIONS
from bidsglm.outputs.schema import Row


def write_calibrations(members: Members, numbers: GroupNumbers) -> Members:
    """Write the group's tables of calibrations, by the start of its file names; none where nobody has any.

    A participant whose table is damaged is named in the members' failures and left out.

    Raises
    ------
    CannotCreateError, ReadWriteError
        When a table cannot be written.
    """
    for name, units in by_name(members.finished).items():
        rows: list[Row] = []
        for unit in units:
            try:
                rows.extend(_rows(members.output_dir, unit))
            except BidsglmError as error:
                members = members.with_failure(unit["participant"], error)
        path = numbers.path(CALIBRATIONS, name)
        if rows:
            numbers.write(CALIBRATIONS, path, rows, {})
        else:
            numbers.remove(path)
    return members


def _rows(output_dir: Path, unit: Summary) -> list[Row]:
    """Rows of a unit, who it is of in front; none without a calibration."""
    path = table_path(output_dir, unit)
    if path is None:
        return []
    front = identity(unit)
    return [{**front, **row} for row in read_rows(path)]
