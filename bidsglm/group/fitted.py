"""A contrast fitted over the group: whose maps, over which voxels, and how its files are called."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bidsglm.backends.records import SecondLevel
from bidsglm.data import ContrastMaps, GroupDesign, Volume
from bidsglm.dataset.group_rows import DesignRow
from bidsglm.model import Floats, Mask
from bidsglm.outputs.names import contrast_entities
from bidsglm.outputs.schema import Row
from bidsglm.packages import REFERENCE
from bidsglm.pairs import Pair, pairs_of
from bidsglm.unit.files import degrees_of_freedom


class FittedGroup(NamedTuple):
    """A contrast of the participants' models, or several in one model, fitted over the group."""

    label: str
    """Label of the first level, in file names (and of the Dataset node, where there are several); empty where
    several contrasts are in one model"""
    name: str
    """Name of the first level, as in the model"""
    first_level: str
    """Its label"""
    rows: tuple[DesignRow, ...]
    """Whose maps, in the order of the design's rows"""
    design: GroupDesign
    volume: Volume
    """Voxels of either package's maps; all arrays are over its columns"""
    levels: Mapping[str, SecondLevel]
    """Backend -> maps over the volume"""
    sources: Mapping[str, Sequence[str]]
    """Backend -> BIDS URIs of the effect maps"""
    reference: str = REFERENCE
    """Package that the others are compared with"""
    units: Mapping[str, str] = {}
    """Backend -> unit of its effects"""

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """What is compared; nothing with one package."""
        return pairs_of(self.levels, self.reference)

    @property
    def maps(self) -> tuple[ContrastMaps, ...]:
        """Any package's: all have the same contrasts."""
        return next(iter(self.levels.values())).maps

    def keys(self, maps: ContrastMaps) -> Row:
        """Cells of a contrast in the columns that name it, in all tables."""
        return {
            "contrast": self.first_level or None,
            "group_contrast": maps.specification.name,
            "label": group_label(self.label, maps),
        }

    @property
    def participants(self) -> tuple[str, ...]:
        """In the order of the rows, each once."""
        return tuple(dict.fromkeys(row.participant for row in self.rows))


def group_label(first_level: str, contrast: ContrastMaps) -> str:
    """Label of a contrast over participants in file names: the mean goes without saying.

    >>> from bidsglm.model import ContrastSpecification
    >>> spec = ContrastSpecification("age", "age", ("age",), np.ones((1, 1)))
    >>> maps = ContrastMaps(spec, (), None, None, np.empty(0), np.empty(0), np.empty(0), (9.0,))
    >>> group_label("go", maps), group_label("go", replace(maps, specification=replace(spec, label="mean")))
    ('go_groupcontrast-age', 'go')
    """
    label = contrast.specification.label
    if first_level and label == "mean":
        return first_level
    return "_".join(filter(None, (first_level, f"groupcontrast-{label}")))


def stem(name: str, label: str) -> str:
    """Start of the names of a contrast's files; of a contrast over several first levels there is no label.

    >>> stem("task-x", "go"), stem("task-x", "")
    ('task-x_contrast-go', 'task-x')
    """
    return f"{name}_{contrast_entities(label)}" if label else name


def mask_name(name: str, label: str, backend: str) -> str:
    """Name of the mask of a package's second level, without extension.

    >>> mask_name("task-x", "go", "spm"), mask_name("task-x", "", "spm")
    ('task-x_contrast-go_desc-spm_mask', 'task-x_desc-spm_mask')
    """
    return f"{stem(name, label)}_desc-{backend}_mask"


def group_facts(fitted: FittedGroup, maps: ContrastMaps) -> dict[str, object]:
    """What the sidecars of a contrast's maps say."""
    specification = maps.specification
    weights = specification.weights[0] if specification.test == "t" else specification.weights
    return {
        "ContrastName": fitted.name or specification.name,
        "GroupContrast": specification.name,
        "GroupTest": specification.test,
        "GroupConditions": specification.conditions,
        "GroupWeights": weights.tolist(),
        "Columns": fitted.design.names,
        "NumberOfParticipants": len(fitted.participants),
        "Participants": [f"sub-{label}" for label in fitted.participants],
        **degrees_of_freedom(maps),
    }


def over(volume: Volume, level: SecondLevel, own: Volume) -> SecondLevel:
    """The same maps over the columns of a volume that holds its own."""
    place = own.voxels[volume.voxels]

    def moved(values: Floats, outside: float) -> Floats:
        whole = np.full(place.size, outside)
        whole[place] = values
        return whole

    mask: Mask = np.zeros(place.size, dtype=np.bool_)
    mask[place] = level.mask
    maps = tuple(
        replace(
            m,
            effect=None if m.effect is None else moved(m.effect, np.nan),
            variance=None if m.variance is None else moved(m.variance, np.nan),
            stat=moved(m.stat, 0.0),
            z=moved(m.z, 0.0),
            p=moved(m.p, 1.0),
        )
        for m in level.maps
    )
    return level._replace(mask=mask, maps=maps)
