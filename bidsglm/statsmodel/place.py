"""Places in a model document, for messages."""

from collections.abc import Sequence
from typing import NamedTuple

from bidsglm.errors import DataError


class Place(NamedTuple):
    """Where in a model document something stands."""

    origin: str
    """The file, for messages."""
    path: tuple[str | int, ...] = ()
    """Keys and indices from the top of the document."""

    def at(self, *steps: str | int) -> "Place":
        """Place some steps further down."""
        return Place(self.origin, self.path + steps)

    def fault(self, what: str) -> DataError:
        """Error that says what is wrong at this place.

        >>> print(Place("m.json").at("Nodes", 0, "Model").fault("'X' is missing"))
        m.json: Nodes[0].Model: 'X' is missing
        """
        where = self.where
        return DataError(f"{self.origin}: {where}: {what}" if where else f"{self.origin}: {what}")

    @property
    def where(self) -> str:
        """Place within the file.

        >>> Place("m.json", ("Nodes", 0, "Model")).where
        'Nodes[0].Model'
        """
        parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path]
        return "".join(parts).lstrip(".")


def check_distinct(names: Sequence[str], place: Place) -> None:
    """Refuse a list that has a name twice."""
    for i, name in enumerate(names):
        if name in names[:i]:
            raise place.at(i).fault(f"{name!r} is listed twice: list it once")
