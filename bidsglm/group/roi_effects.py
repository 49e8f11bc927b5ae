"""Effects of regions over participants, kept small: a number a package for each participant and region."""

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from bidsglm.agreement.roi_agreement import Row as AgreementRow
from bidsglm.agreement.roi_agreement import region_agreement
from bidsglm.model import Floats
from bidsglm.packages import DEFAULT_PACKAGES
from bidsglm.pairs import DEFAULT_PAIR, Pair
from bidsglm.regions.values import Row


class RegionEffects:
    """The packages' effects in every region, participant by participant."""

    def __init__(
        self,
        contrasts: Mapping[str, str],
        backends: Sequence[str] = DEFAULT_PACKAGES,
        pairs: Sequence[Pair] = (DEFAULT_PAIR,),
    ) -> None:
        self.contrasts = contrasts
        """Label -> name of those that have effects"""
        self.backends = backends
        """Those that fitted"""
        self.pairs = pairs
        """What is compared"""
        self._labels: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._values: dict[tuple[str, int], array[float]] = {}

    def add(self, participant: str, rows: Iterable[Row]) -> None:
        """Take the effects from a unit's rows."""
        number = self._numbers.setdefault(participant, len(self._numbers))
        found: dict[tuple[str, int], dict[str, float]] = {}
        for row in rows:
            label, region = str(row["contrast"]), int(row["region"] or 0)
            if label in self.contrasts:
                self._labels[region] = str(row["label"])
                value = row["effect"]
                found.setdefault((label, region), {})[str(row["backend"])] = (
                    math.nan if value is None else float(value)
                )
        for key, values in found.items():
            each = (values.get(backend, math.nan) for backend in self.backends)
            self._values.setdefault(key, array("d")).extend((number, *each))

    def agreement(self) -> Iterator[AgreementRow]:
        """One row for each contrast and region."""
        for contrast, name in self.contrasts.items():
            for region, label in sorted(self._labels.items()):
                if (contrast, region) in self._values:
                    front: AgreementRow = {"contrast": contrast, "region": region, "label": label}
                    yield {**front, **self._row(contrast, region), "contrast_name": name}

    def _row(self, contrast: str, region: int) -> AgreementRow:
        return region_agreement(self._averaged(contrast, region), self.pairs)

    def _averaged(self, contrast: str, region: int) -> dict[str, Floats]:
        """Effects of each package (n_participants,), each the mean over a participant's sessions.

        Participants who lack one of any package do not count, so that all are of the same ones.
        """
        n_backends = len(self.backends)
        table = np.array(self._values[contrast, region]).reshape(-1, 1 + n_backends)
        table = table[np.isfinite(table).all(axis=1)]
        who = table[:, 0].astype(np.intp)
        count = np.bincount(who)
        there = count > 0
        return {
            name: np.bincount(who, table[:, 1 + i])[there] / count[there]
            for i, name in enumerate(self.backends)
        }
