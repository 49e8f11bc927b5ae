"""The rows of the group's tables: of this run as it made them, of an earlier one from its files."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bidsglm.outputs.schema import Row, Schema


class GroupNumbers:
    """Writes tables of the group and keeps their rows: the page need not read what was just written."""

    def __init__(self, output_dir: Path) -> None:
        self.output_dir = output_dir
        self._made: dict[Path, tuple[Row, ...]] = {}

    def path(self, schema: Schema, prefix: str) -> Path:
        """Where a table stands."""
        return schema.path(self.output_dir / "group", prefix)

    def write(
        self,
        schema: Schema,
        path: Path,
        rows: Iterable[Mapping[str, object]],
        facts: Mapping[str, object],
        header: Sequence[str] = (),
    ) -> None:
        """Write a table with its sidecar.

        Raises
        ------
        CannotCreateError, ReadWriteError
            When it cannot be written.
        """
        made = list(rows)
        header = header or schema.header(made)
        schema.write(path, made, facts, header)
        self._made[path] = tuple(schema.whole(row, header) for row in made)

    def remove(self, path: Path) -> None:
        """Take away a table of an earlier run with its sidecar."""
        path.unlink(missing_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)

    def there(self, path: Path) -> bool:
        """Whether this run, or an earlier one, has written a table."""
        return path in self._made or path.exists()

    def rows(self, schema: Schema, path: Path) -> tuple[Row, ...]:
        """Rows of a table.

        Raises
        ------
        ReadWriteError
            When it is an earlier run's and cannot be read.
        """
        return self._made[path] if path in self._made else tuple(schema.read(path))
