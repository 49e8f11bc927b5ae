"""An SPM.mat of a second level: design, covariance, masks and scaling as they stand there."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from bidsglm.check.matlab import dense, field, listed, numbers, text, texts
from bidsglm.check.matlab_hdf5 import Tree
from bidsglm.check.spm_fields import (
    bare_name,
    contrasts_of_manager,
    malformed,
    matrix_of,
    number_or,
    number_or_nan,
    refuse_lacking,
    scans_named,
)
from bidsglm.check.spm_records import Scan, SpmContrast
from bidsglm.errors import DataError
from bidsglm.model import Floats
from bidsglm.spm.covariance import SELECTION_P

MOST_IMAGES = 5_000
MOST_COMPONENT_VALUES = 2**26
"""float64 values (512 MiB) of all covariance components"""


class GroupCovariate(NamedTuple):
    """A covariate as the user gave it, and as it is in the design."""

    name: str
    raw: Floats
    """(n_images,)"""
    columns: Floats
    """(n_images, n_columns): several where it interacts with a factor"""


class GroupFactor(NamedTuple):
    """A factor of the design."""

    name: str
    levels: Floats
    """(n_images,) level of each image, from 1"""


class GroupErrors(NamedTuple):
    """The covariance of the errors, as it is modelled and as SPM estimated it."""

    components: Floats | None
    """(n_components, n_images, n_images); None where nothing is estimated"""
    covariance: Floats | None
    """(n_images, n_images) V in SPM.mat; None before estimation"""
    hyperparameters: Floats
    """(n_components,) as SPM estimated them; empty where it did not"""
    selection_p: float
    """p of the F test of the voxels that it was estimated from"""


class GroupMask(NamedTuple):
    """What decides where SPM analyses."""

    thresholds: Floats
    """(n_images,) -inf for none"""
    threshold_words: str
    implicit: bool
    explicit: tuple[str, ...]
    """Paths of mask images"""


class GroupGlobals(NamedTuple):
    """What SPM does about the images' global values, in its own words."""

    calculation: str
    scaling: str
    normalisation: str
    factors: Floats
    """(n_images,) by which the images are multiplied"""


class SpmGroup(NamedTuple):
    """All that an SPM.mat of a second level says."""

    path: Path
    version: str
    title: str
    """Name of the design, as SPM writes it; empty where it does not"""
    matrix: Floats
    """(n_images, n_columns)"""
    names: tuple[str, ...]
    blocks: tuple[int, ...]
    """Columns of blocks, such as subjects, from 0"""
    nuisances: tuple[int, ...]
    """Columns of globals and covariates of no interest, from 0"""
    factors: tuple[GroupFactor, ...]
    covariates: tuple[GroupCovariate, ...]
    errors: GroupErrors
    mask: GroupMask
    globals: GroupGlobals
    scans: tuple[Scan, ...]
    contrasts: tuple[SpmContrast, ...]
    beta_maps: tuple[str, ...]
    """Files in the folder; none before estimation"""
    variance_map: str
    mask_map: str
    dof: float
    """Effective residual ones; NaN before estimation"""

    @property
    def folder(self) -> Path:
        """Where its maps are: beside it, wherever it was made."""
        return self.path.parent

    @property
    def is_estimated(self) -> bool:
        """Whether there are parameters."""
        return bool(self.beta_maps)


def group_of(spm: Tree, path: Path) -> SpmGroup:
    """Make the record of an SPM structure without repetition time.

    Raises
    ------
    DataError
        It is not as SPM writes it, or of surfaces.
    """
    try:
        made = _group(spm, path)
    except (ValueError, TypeError, OverflowError, IndexError, KeyError) as error:
        raise malformed(path, str(error)) from error
    _check(made)
    return made


def _check(made: SpmGroup) -> None:
    n, n_columns = made.matrix.shape
    if any(scan.path.lower().endswith(".gii") for scan in made.scans):
        raise DataError(f"{made.path}: its images are surfaces (GIfTI); give an analysis of volumes")
    lacks = (
        ("more than one image", not 1 < n <= MOST_IMAGES),
        ("as many names as columns of xX.X", len(made.names) != n_columns),
        ("numbers in xX.X", not np.isfinite(made.matrix).all()),
        ("an image for each row of xX.X", len(made.scans) != n),
        ("a threshold for each image", len(made.mask.thresholds) != n),
        ("a factor for each image", len(made.globals.factors) != n),
        ("columns of xX that are in xX.X", any(not 0 <= i < n_columns for i in made.blocks + made.nuisances)),
    )
    refuse_lacking(made.path, lacks)


def _group(spm: Tree, path: Path) -> SpmGroup:
    matrix = matrix_of(field(spm, "xX", "X"))
    n = len(matrix)
    if n > MOST_IMAGES:
        raise DataError(f"{path}: its design has {n:,} rows, more than any group; give another SPM.mat")
    volumes = listed(field(spm, "xY", "VY"))
    return SpmGroup(
        path=path,
        version=text(field(spm, "SPMid")),
        title=text(field(spm, "xsDes", "Design")),
        matrix=matrix,
        names=tuple(texts(field(spm, "xX", "name"))),
        blocks=_columns(spm, "iB"),
        nuisances=_columns(spm, "iG"),
        factors=tuple(_factors(spm, n)),
        covariates=tuple(_covariates(spm, n)),
        errors=_errors(spm, n),
        mask=_mask(spm, n),
        globals=_globals(spm, n),
        scans=tuple(scans_named(field(spm, "xY", "P"), volumes, n)),
        contrasts=tuple(contrasts_of_manager(spm, matrix.shape[1])),
        beta_maps=tuple(bare_name(text(field(v, "fname"))) for v in listed(field(spm, "Vbeta"))),
        variance_map=bare_name(text(field(spm, "VResMS", "fname"))),
        mask_map=bare_name(text(field(spm, "VM", "fname"))),
        dof=number_or_nan(field(spm, "xX", "erdf")),
    )


def _columns(spm: Tree, name: str) -> tuple[int, ...]:
    return tuple(int(n) - 1 for n in numbers(field(spm, "xX", name)))


def _factors(spm: Tree, n: int) -> list[GroupFactor]:
    """Factors with more than one level; the first column of SPM's table counts replications."""
    levels = field(spm, "xVi", "I")
    levels = levels if levels is not None else field(spm, "xX", "I")
    if not isinstance(levels, np.ndarray) or levels.shape[:1] != (n,) or levels.ndim != 2:
        return []
    named = [text(field(each, "name")) for each in listed(field(spm, "factor"))]
    of_columns = texts(field(spm, "xX", "sF"))[1:]
    found = []
    for i, column in enumerate(levels.T[1:]):
        names = [names[i] for names in (named, of_columns) if i < len(names) and names[i]]
        if len(np.unique(column)) > 1:
            found.append(GroupFactor(names[0] if names else f"factor {i + 1}", column))
    return found


def _covariates(spm: Tree, n: int) -> list[GroupCovariate]:
    found = []
    for each in listed(field(spm, "xC")):
        raw, columns = numbers(field(each, "rc")), field(each, "c")
        placed = matrix_of(columns) if isinstance(columns, np.ndarray) else np.empty((0, 0))
        if raw.size == n and len(placed) == n:
            found.append(GroupCovariate(text(field(each, "rcname")), raw, placed))
    return found


def _errors(spm: Tree, n: int) -> GroupErrors:
    given = listed(field(spm, "xVi", "Vi"))
    components: Floats | None = None
    if given:
        if len(given) * n * n > MOST_COMPONENT_VALUES:
            raise ValueError(f"{len(given)} covariance components of {n} images")
        found = [dense(each, n) for each in given]
        made = [each for each in found if each is not None]
        if len(made) < len(given):
            raise ValueError("a component xVi.Vi that has no row and column for each image")
        components = np.array(made)
    return GroupErrors(
        components,
        dense(field(spm, "xVi", "V"), n),
        numbers(field(spm, "xVi", "h")),
        number_or(field(spm, "xVi", "UFp"), SELECTION_P),
    )


def _mask(spm: Tree, n: int) -> GroupMask:
    thresholds = numbers(field(spm, "xM", "TH"))
    return GroupMask(
        thresholds if thresholds.size else np.full(n, -np.inf),
        text(field(spm, "xM", "xs", "Analysis_threshold")),
        number_or(field(spm, "xM", "I"), 0.0) != 0,
        tuple(path for v in listed(field(spm, "xM", "VM")) if (path := text(field(v, "fname")))),
    )


def _globals(spm: Tree, n: int) -> GroupGlobals:
    factors = numbers(field(spm, "xGX", "gSF"))
    return GroupGlobals(
        text(field(spm, "xGX", "sGXcalc")),
        text(field(spm, "xGX", "sGMsca")),
        text(field(spm, "xGX", "sGloNorm")),
        factors if factors.size else np.ones(n),
    )
