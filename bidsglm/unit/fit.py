"""One unit of analysis: from images and designs to fits, in memory."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice, product
from typing import Any, NamedTuple

from bidsglm.backends import BACKENDS
from bidsglm.backends.records import Inference
from bidsglm.data import ContrastMaps, Unit
from bidsglm.dataset.images import Data, read_data
from bidsglm.diagnosis.data_review import DataReview
from bidsglm.diagnosis.intensity_checks import BRIGHT_VOLUME, bright_text, no_mean_text
from bidsglm.errors import DataError
from bidsglm.model import ContrastSpecification, Floats, Mask
from bidsglm.packages import DEFAULT_PACKAGES, in_order, title, titles
from bidsglm.process.cores import attempted, each
from bidsglm.statsmodel.resolution import LeftOut
from bidsglm.unit.data_review import data_review
from bidsglm.unit.expressible import able
from bidsglm.unit.library_warnings import noted_warnings
from bidsglm.unit.preparation import Prepared, images_of, named, run_label


class PackageFit(NamedTuple):
    """What one backend made of a unit."""

    mask: Mask
    """(n_voxels,) over the columns of the data"""
    betas: Sequence[Floats]
    """For each run (n_regressors, n_voxels)"""
    residual_mean_square: Floats
    dof: float
    noise: Mapping[str, Any]
    maps: tuple[ContrastMaps, ...]
    inference: Inference
    """One for each contrast of the maps, once `inferred` has made it"""
    noise_maps: Mapping[str, Floats]
    """Label in names of files -> (n_voxels,) a parameter of each voxel's noise"""
    estimate: Any
    """The backend's own record, from which it infers"""


class Fitted(NamedTuple):
    """A unit fitted with every backend."""

    prepared: Prepared
    data: Data
    fits: Mapping[str, PackageFit]
    notes: tuple[str, ...]
    review: DataReview
    """What there is to say of the data"""
    left_out: tuple[LeftOut, ...] = ()
    """Contrasts that this participant cannot have"""


def contrast_runs(estimates: Mapping[str, Any], contrast: ContrastSpecification) -> tuple[int, ...]:
    """Runs that a contrast averages: by the rule of the first package of the table, for all alike.

    None where a package cannot estimate it at all.
    """
    judge = in_order(estimates)[0]
    runs: tuple[int, ...] = BACKENDS[judge].usable_runs(estimates[judge], contrast)
    return () if _unable(estimates, contrast) else runs


def _unable(estimates: Mapping[str, Any], contrast: ContrastSpecification) -> tuple[str, ...]:
    """Packages with rules of their own that cannot estimate it, as where a condition's scans are censored."""
    others = (name for name in in_order(estimates)[1:] if name not in DEFAULT_PACKAGES)
    return tuple(name for name in others if not BACKENDS[name].usable_runs(estimates[name], contrast))


def fit(prepared: Prepared) -> Fitted:
    """Read the images of a unit once and fit it with every backend that can; errors as `estimated`."""
    return inferred(estimated(prepared))


def estimated(prepared: Prepared) -> Fitted:
    """Read the images of a unit once, and make the maps of every backend that can.

    Why maps differ can be looked for while it is found out what is significant in them.

    Raises
    ------
    DataError, ReadWriteError
        When an image cannot be read, or less than two backends that are to be compared can fit it.
    """
    model, notes = prepared.model, list[str]()
    backends = tuple(prepared.designs)
    with noted_warnings(notes):
        data = read_data(prepared.unit.runs, backends, model.spm.mask_threshold, model.smoothing_fwhm)
        estimates, unable, own = _estimates(prepared, data)
        prepared, data = prepared.restricted(estimates), data.restricted(estimates)
        usable = {contrast.label: contrast_runs(estimates, contrast) for contrast in prepared.contrasts}
        wanted = [contrast for contrast in prepared.contrasts if usable[contrast.label]]
        made, said = _contrasts(estimates, wanted, usable)
        fits = {name: _package_fit(estimate, made[name]) for name, estimate in estimates.items()}
        reasons = {
            contrast.label: "not estimable in any run"
            + (f" by {titles(unable_to)}" if (unable_to := _unable(estimates, contrast)) else "")
            for contrast in prepared.contrasts
            if not usable[contrast.label]
        }
    notes = list(dict.fromkeys([*notes, *said]))
    notes = [*prepared.all_notes, *unable, *own, *notes, *_partly_estimable(prepared, usable, reasons)]
    unusable = (
        LeftOut(contrast.name, contrast.label, contrast.test, f"it is {reasons[contrast.label]}")
        for contrast in prepared.contrasts
        if not usable[contrast.label]
    )
    noise = {name: fit.noise for name, fit in fits.items()}
    review = data_review(data, model, _labels(prepared.unit), noise)
    return Fitted(prepared, data, fits, (*data.notes, *notes), review, (*prepared.left_out, *unusable))


def _estimates(prepared: Prepared, data: Data) -> tuple[dict[str, Any], tuple[str, ...], tuple[str, ...]]:
    """Return the estimates, why packages have none, and what those that have one say."""
    said: dict[str, list[str]] = {name: [] for name in prepared.designs}

    def estimate(name: str) -> Any:
        backend, series, candidates = BACKENDS[name], data.series[name], data.candidates[name]
        with _explained_by_images(prepared, data, name), noted_warnings(said[name]):
            if not candidates.any():
                raise DataError(f"{title(name)} finds no voxel for its mask; give a mask file")
            mask = backend.mask_from(series, candidates, prepared.model, data.volume)
            return backend.estimate(
                prepared.designs[name], series, mask, prepared.model, data.volume, prepared.contrasts
            )

    found = dict(zip(said, each(lambda name: attempted(partial(estimate, name)), said), strict=True))
    with named(images_of(prepared.unit)):
        backends, unable = able(tuple(said), lambda name: found[name].result())
    own = dict.fromkeys(note for name in backends for note in said[name])
    return {name: found[name].result() for name in backends}, unable, tuple(own)


def _labels(unit: Unit) -> tuple[str, ...]:
    return tuple(map(run_label, unit.run_prefixes))


@contextmanager
def _explained_by_images(prepared: Prepared, data: Data, name: str) -> Iterator[None]:
    """Where a package can fit nothing, the images may be the reason: say so in place of what came of it."""
    try:
        yield
    except DataError as error:
        review = data_review(data, prepared.model, _labels(prepared.unit))
        for run in review.runs:
            if not run.has_mean:
                raise DataError(
                    f"{no_mean_text(run)} {title(name)} can neither scale such a series nor find the brain in"
                    " it; add the mean image back to it, or fit it with nilearn alone (--backends nilearn)"
                    " and SignalScaling false in the model"
                ) from error
            if run.bright > BRIGHT_VOLUME:
                raise DataError(
                    f"{bright_text(run)} {title(name)} scales and masks by the values of all volumes"
                    f" ({error}); correct those of that one"
                ) from error
        raise


def inferred(fitted: Fitted) -> Fitted:
    """Find out what is significant in each backend's maps, by its own rules."""
    data, model = fitted.data, fitted.prepared.model
    said: dict[str, list[str]] = {name: [] for name in fitted.fits}

    def infer(name: str) -> PackageFit:
        found = fitted.fits[name]
        with noted_warnings(said[name]):
            inference = BACKENDS[name].inference(
                found.estimate, data.series[name], found.maps, data.volume, model
            )
        return found._replace(inference=inference)

    with noted_warnings([]):
        fits = dict(zip(fitted.fits, each(infer, fitted.fits), strict=True))
    notes = dict.fromkeys([*fitted.notes, *(note for name in fits for note in said[name])])
    return fitted._replace(fits=fits, notes=tuple(notes))


def _contrasts(
    estimates: Mapping[str, Any],
    wanted: Sequence[ContrastSpecification],
    usable: Mapping[str, tuple[int, ...]],
) -> tuple[dict[str, tuple[ContrastMaps, ...]], list[str]]:
    """Each backend's maps of the contrasts, and what the backends say of these."""
    # all in one row, so that no core waits for the package that takes longest
    tasks = list(product(estimates, wanted))
    # apart, so that the order of notes does not hang on the cores
    said: dict[str, list[str]] = {f"{name} {contrast.label}": [] for name, contrast in tasks}

    def make(task: tuple[str, ContrastSpecification]) -> ContrastMaps:
        name, contrast = task
        with noted_warnings(said[f"{name} {contrast.label}"]):
            return BACKENDS[name].contrast(estimates[name], contrast, usable[contrast.label])

    maps = iter(each(make, tasks))
    found = {name: tuple(islice(maps, len(wanted))) for name in estimates}
    return found, [note for own in said.values() for note in own]


def _package_fit(estimate: Any, maps: tuple[ContrastMaps, ...]) -> PackageFit:
    """A backend's estimate with the maps of its contrasts."""
    return PackageFit(
        estimate.mask,
        estimate.betas,
        estimate.residual_mean_square,
        estimate.dof,
        estimate.noise,
        maps,
        Inference(None, ()),
        estimate.noise_maps,
        estimate,
    )


def _partly_estimable(
    prepared: Prepared, usable: Mapping[str, tuple[int, ...]], reasons: Mapping[str, str]
) -> Iterator[str]:
    """What to say of contrasts that not every run could give."""
    labels = _labels(prepared.unit)
    for contrast in prepared.contrasts:
        runs = usable[contrast.label]
        if not runs:
            yield f"contrast {contrast.name!r} is {reasons[contrast.label]} and was left out"
        elif len(runs) < len(labels):
            missing = ", ".join(label for i, label in enumerate(labels) if i not in runs)
            used = f"averages {len(runs)} of {len(labels)} runs"
            yield f"contrast {contrast.name!r} {used}; it is not estimable in {missing}"
