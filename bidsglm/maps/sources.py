"""Maps of contrasts in two analyses: fitted models, and folders of SPM, of nilearn and of bidsglm."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bidsglm import packages
from bidsglm.check.columns import plain
from bidsglm.check.nilearn_folder import MOST_FILES, NilearnAnalysis, read_nilearn
from bidsglm.check.spm_folder import NAME, read_spm
from bidsglm.check.spm_records import SpmAnalysis
from bidsglm.design_space import rank
from bidsglm.errors import DataError, NoInputError
from bidsglm.maps.kinds import MapKind, kind_of_map
from bidsglm.maps.reading import MapImage, map_of, read_image

OURS = re.compile(
    r"(?P<unit>.+)_contrast-(?P<contrast>[0-9A-Za-z]+)_stat-(?P<kind>effect|t|F)_desc-(?P<package>[a-z0-9]+)"
    r"_statmap\.nii\.gz"
)
OF_CONTRAST = ("effect", "t", "F")
"""What is compared of a contrast: z and p say the same as the statistic"""
OUTPUTS: Mapping[str, str] = {"effect": "effect_size", "t": "stat", "F": "stat"}

Loaded = tuple[MapImage, MapKind]


class NamedMap(NamedTuple):
    """A map of a contrast, read when it is asked for."""

    contrast: str
    kind: str
    """effect, t or F"""
    load: Callable[[], Loaded]

    @property
    def key(self) -> tuple[str, str]:
        """What the map that belongs to it has in common with it."""
        return plain(self.contrast), self.kind


class AnalysisMaps(NamedTuple):
    """What one of two analyses left."""

    title: str
    """What it is called where nobody says otherwise"""
    path: Path | None
    maps: tuple[NamedMap, ...]
    read: SpmAnalysis | NilearnAnalysis | None = None
    """Design and settings of a folder, for the check"""


# fitted models


def is_model(given: Any) -> bool:
    """Whether something has the interface of nilearn's first level."""
    return callable(getattr(given, "compute_contrast", None))


def of_model(model: Any, contrasts: Mapping[str, Any], name: str) -> AnalysisMaps:
    """Take the maps of a fitted first-level model, of contrasts as its ``compute_contrast`` takes them.

    Raises
    ------
    ValueError
        It is not fitted.
    """
    if not hasattr(model, "design_matrices_"):
        raise ValueError(f"{name}: the model is not fitted; call fit first")
    found = []
    for contrast, given in contrasts.items():
        is_f = not isinstance(given, str) and np.ndim(given) == 2 and len(given) > 1
        for kind in ("F",) if is_f else ("effect", "t"):
            found.append(NamedMap(contrast, kind, _loader(model, given, kind, f"{name}, {contrast}")))
    return AnalysisMaps(packages.title(getattr(model, "package", packages.REFERENCE)), None, tuple(found))


def _loader(model: Any, given: Any, kind: str, name: str) -> Callable[[], Loaded]:
    def load() -> Loaded:
        image = model.compute_contrast(given, output_type=OUTPUTS[kind])
        dof = _dof(model) if kind != "effect" else ()
        rows = (float(rank(np.atleast_2d(given))),) if kind == "F" else ()
        return map_of(image, name), MapKind(kind, (*rows, *dof) if dof else (), "the model")

    return load


def _dof(model: Any) -> tuple[float, ...]:
    """Residual degrees of freedom of a model; empty where it does not say."""
    if hasattr(model, "dof_"):
        return (float(model.dof_),)
    runs = getattr(model, "results_", None) or []
    found = [next(iter(run.values())).df_residuals for run in runs if run]
    return (float(sum(found)),) if found else ()


# folders


def of_folder(path: Path) -> AnalysisMaps:
    """Take the maps of a folder: SPM's with its SPM.mat, ours, or one of nilearn's results.

    Raises
    ------
    BidsglmError
        There is no such folder, or no analysis in it.
    """
    if path.name == NAME or (path / NAME).is_file():
        spm = read_spm(path)
        return AnalysisMaps(packages.title("spm"), path, tuple(_of_spm(spm)), spm)
    if not path.is_dir():
        raise NoInputError(f"{path}: there is no such folder; give that of an analysis")
    ours = tuple(_ours(path))
    if ours:
        return AnalysisMaps(path.resolve().name, path, ours)
    nilearn = read_nilearn(path)
    maps = [NamedMap(m.contrast, m.kind, file_map(m.path)) for m in nilearn.maps if m.kind in OF_CONTRAST]
    return AnalysisMaps(packages.title("nilearn"), path, tuple(maps), nilearn)


def _of_spm(spm: SpmAnalysis) -> Iterator[NamedMap]:
    for contrast in spm.contrasts:
        files = {"F": contrast.stat_map}
        if contrast.test != "F":
            files = {"effect": contrast.effect_map, "t": contrast.stat_map}
        for kind, name in files.items():
            # names come from SPM.mat: nothing outside the folder is read
            if name and Path(name).name == name and (spm.folder / name).is_file():
                yield NamedMap(contrast.name, kind, file_map(spm.folder / name))


def file_map(path: Path) -> Callable[[], Loaded]:
    """Read a map of a file when it is asked for."""

    def load() -> Loaded:
        image = read_image(path)
        return image, kind_of_map(image.name, image.facts, None, ())

    return load


def _ours(folder: Path) -> Iterator[NamedMap]:
    """Maps that bidsglm wrote; units and packages are named where there are several."""
    files = list(
        islice((path for path in folder.rglob("*_statmap.nii.gz") if path.is_file()), MOST_FILES + 1)
    )
    if len(files) > MOST_FILES:
        raise DataError(f"{folder}: holds more than {MOST_FILES:,} maps; give the folder of one participant")
    found = [(m, path) for path in sorted(files) if (m := OURS.fullmatch(path.name))]
    fitted = [(m, path) for m, path in found if m["package"] in packages.PACKAGES]
    units, names = ({m[part] for m, _ in fitted} for part in ("unit", "package"))
    for m, path in fitted:
        unit = f"{m['unit']} " * (len(units) > 1)
        package = f" ({packages.title(m['package'])})" * (len(names) > 1)
        yield NamedMap(f"{unit}{m['contrast']}{package}", m["kind"], file_map(path))


def belonging(first: Sequence[NamedMap], second: Sequence[NamedMap]) -> list[tuple[NamedMap, NamedMap]]:
    """Maps of the same contrast and kind, in the order of the first analysis.

    >>> one, other = NamedMap("go - stop", "t", None), NamedMap("GoStop", "t", None)
    >>> belonging([one], [other]) == [(one, other)]
    True
    """
    known: dict[tuple[str, str], NamedMap] = {}
    for each in second:
        known.setdefault(each.key, each)
    return [(each, known.pop(each.key)) for each in first if each.key in known]
