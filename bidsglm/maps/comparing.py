"""`bidsglm.compare`: two fitted models, two folders of results, or two maps, in a notebook."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import nibabel as nib

from bidsglm.check.answer import answer
from bidsglm.errors import UsageError
from bidsglm.maps.agreement import ComparedMaps, MapChoice, MapSide, compared_maps
from bidsglm.maps.command import labels_of
from bidsglm.maps.designs import column_rows, setting_rows
from bidsglm.maps.folders import checked_folders, distinct_labels
from bidsglm.maps.kinds import kind_of_map
from bidsglm.maps.reading import MapImage, map_of, read_image
from bidsglm.maps.result import ComparisonResult
from bidsglm.maps.sources import NamedMap, belonging, is_model, of_folder, of_model
from bidsglm.report.two_maps import verdict

MOST_PAIRS = 60
"""Pairs of maps that are held at once"""


def compare(
    first: Any,
    second: Any,
    contrasts: Any = None,
    labels: Sequence[str] | None = None,
    mask: Any = None,
    resample: bool = False,
    scans: str | PathLike[str] | None = None,
) -> ComparisonResult:
    """Compare two fitted models, two folders of results, or two maps.

    Parameters
    ----------
    first, second
        Two of a kind: fitted first-level models (nilearn's or ours); folders (one with an SPM.mat, of
        ``save_glm_to_bids`` or a script of nilearn, or of bidsglm); maps as paths or images. Differences
        are first minus second.
    contrasts
        Of models, which must be named: an expression, a list of them, or a dictionary name -> what
        ``compute_contrast`` takes. Of folders, names of those to look at; None for all that both have.
    labels
        What both are called.
    mask
        Path or image: look at the voxels where it is above 0.
    resample
        Bring what is on another grid onto that of the first.
    scans
        Of a folder of SPM and one of nilearn: where the scans are now, so that nilearn's maps are made again
        to find settings that stand nowhere.

    Raises
    ------
    TypeError, ValueError
        An argument is not of its kind.
    BidsglmError
        A file cannot be read, or the two cannot be compared.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.random.default_rng(0).normal(size=(4, 4, 4))
    >>> one, other = (nib.Nifti1Image(factor * values, np.eye(4)) for factor in (1.0, 2.0))
    >>> print(compare(one, other, labels=["old", "new"]))
    In the 64 voxels of both, old is 0.500 times new, and nothing else differs.
    """
    kinds = _kind(first, "first"), _kind(second, "second")
    if kinds[0] != kinds[1]:
        raise ValueError(f"first is a {kinds[0]} and second a {kinds[1]}; give two of a kind")
    if scans is not None and kinds[0] != "folder":
        raise ValueError("scans: are for a folder of SPM and one of nilearn; leave it out")
    choice = MapChoice(mask=None if mask is None else _image(mask, "mask"), resample=resample)
    if kinds[0] == "map":
        if contrasts is not None:
            raise ValueError("contrasts: a map is of one already; leave it out")
        return _of_maps(first, second, labels, choice)
    if kinds[0] == "model":
        return _of_models((first, second), _named(contrasts), labels, choice)
    where = None if scans is None else Path(scans)
    return _of_folders((Path(first), Path(second)), where, contrasts, labels, choice)


def _kind(given: Any, name: str) -> str:
    if is_model(given):
        return "model"
    if isinstance(given, nib.spatialimages.SpatialImage):
        return "map"
    if isinstance(given, str | PathLike):
        path = Path(given)
        return "folder" if path.is_dir() or path.suffix == ".mat" else "map"
    raise TypeError(f"{name}: must be a fitted model, a folder or a map, not {type(given).__name__}")


def _image(given: Any, name: str) -> MapImage:
    if isinstance(given, str | PathLike):
        return read_image(Path(given))
    if isinstance(given, nib.spatialimages.SpatialImage):
        return map_of(given, given.get_filename() or name)
    raise TypeError(f"{name}: must be a path or an image, not {type(given).__name__}")


def _called(given: Sequence[str] | None, default: tuple[str, str]) -> tuple[str, str]:
    """Labels as given; else those of the two, told apart where they are the same."""
    if given is not None:
        if isinstance(given, str) or len(given) != 2:
            raise ValueError("labels: give two names")
        return labels_of([str(each) for each in given], (Path(), Path()))
    first, second = default
    return labels_of(None, (Path(first), Path(second))) if first != second else (f"{first} 1", f"{second} 2")


def _of_maps(first: Any, second: Any, labels: Sequence[str] | None, choice: MapChoice) -> ComparisonResult:
    images = _image(first, "first"), _image(second, "second")
    if first is second or images[0].name == images[1].name:
        raise UsageError(f"{images[1].name}: is the same map as the first; give two maps")
    if labels is None and all(isinstance(each, str | PathLike) for each in (first, second)):
        called = labels_of(None, (Path(first), Path(second)))
    else:
        called = _called(labels, ("first", "second"))
    one, other = (
        MapSide(label, image, kind_of_map(image.name, image.facts, None, ()))
        for label, image in zip(called, images, strict=True)
    )
    found = compared_maps(one, other, choice)
    return ComparisonResult(called, verdict(found.row, called), found.notes, (found._replace(notes=()),))


def _named(contrasts: Any) -> dict[str, Any]:
    """Contrasts of models by names."""
    if contrasts is None:
        raise ValueError("contrasts: name what is compared of two models, as ['go - stop']")
    if isinstance(contrasts, Mapping):
        return {str(name): given for name, given in contrasts.items()}
    items = list(contrasts) if isinstance(contrasts, list | tuple) else [contrasts]
    if not items or all(isinstance(each, int | float) for each in items):
        raise ValueError("contrasts: an expression, a list of them, or a dictionary name -> weights")
    return {each if isinstance(each, str) else f"contrast {i}": each for i, each in enumerate(items, start=1)}


def _of_models(
    models: tuple[Any, Any], contrasts: Mapping[str, Any], labels: Sequence[str] | None, choice: MapChoice
) -> ComparisonResult:
    analyses = [
        of_model(model, contrasts, name) for model, name in zip(models, ("first", "second"), strict=True)
    ]
    called = _called(labels, (analyses[0].title, analyses[1].title))
    found, notes = _pairs(belonging(analyses[0].maps, analyses[1].maps), called, choice)
    return ComparisonResult(
        called,
        _answer(found, called),
        notes,
        found,
        tuple(setting_rows(*models)),
        tuple(column_rows(models[0].design_matrices_, models[1].design_matrices_)),
        _what=tuple(f"{label}: {type(model).__name__}" for label, model in zip(called, models, strict=True)),
    )


def _of_folders(
    paths: tuple[Path, Path],
    scans: Path | None,
    contrasts: Any,
    labels: Sequence[str] | None,
    choice: MapChoice,
) -> ComparisonResult:
    if paths[0].resolve() == paths[1].resolve():
        raise UsageError(f"{paths[1]}: is the same folder as the first; give two")
    first, second = (of_folder(path) for path in paths)
    alike = first.title == second.title
    called = _called(labels, distinct_labels(*paths) if alike else (first.title, second.title))
    wanted = {contrasts} if isinstance(contrasts, str) else contrasts and set(contrasts)
    made = checked_folders(first, second, scans)
    pairs = belonging(first.maps, second.maps) if made is None else made.pairs
    shared = [pair for pair in pairs if not wanted or pair[0].contrast in wanted]
    if not shared and (made is None or wanted):
        names = [
            ", ".join(dict.fromkeys(m.contrast for m in each.maps)) or "none" for each in (first, second)
        ]
        raise UsageError(
            f"{paths[1]}: has no map of a contrast that is asked for and that {paths[0]} has too (here"
            f" {names[1]}; there {names[0]}); compare two maps by their files"
        )
    found, notes = _pairs(shared, called, choice)
    what = tuple(f"{label}: {path}" for label, path in zip(called, paths, strict=True))
    if made is None:
        return ComparisonResult(called, _answer(found, called), notes, found, _what=what)
    notes = (*made.result.notes, *notes)
    tables = made.settings, made.columns
    return ComparisonResult(called, answer(made.result), notes, found, *tables, made.words, what)


def _pairs(
    given: Sequence[tuple[NamedMap, NamedMap]], labels: tuple[str, str], choice: MapChoice
) -> tuple[tuple[ComparedMaps, ...], tuple[str, ...]]:
    """Compare the maps that belong together; a note on several of them is given once.

    Raises
    ------
    UsageError
        There are more than are held at once.
    """
    if len(given) > MOST_PAIRS:
        raise UsageError(
            f"{len(given)} pairs of maps belong together, and {MOST_PAIRS} are compared at once; name some by"
            " contrasts"
        )
    found = []
    for pair in given:
        sides = [MapSide(label, *each.load()) for label, each in zip(labels, pair, strict=True)]
        found.append(compared_maps(sides[0], sides[1], choice._replace(contrast=pair[0].contrast)))
    notes = tuple(dict.fromkeys(note for each in found for note in each.notes))
    return tuple(each._replace(notes=()) for each in found), notes


def _answer(found: Sequence[ComparedMaps], labels: tuple[str, str]) -> str:
    """How well the maps agree, contrast by contrast."""
    told = [each for each in found if each.kind != "effect"] or found
    return "\n".join(f"{each.contrast} ({each.kind}): {verdict(each.row, labels)}" for each in told)
