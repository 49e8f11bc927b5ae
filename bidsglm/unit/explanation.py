"""Why the packages' maps of a unit differ: from a fit to the attribution of its differences.

Gathers what `bidsglm.attribution.engine` needs from what is in memory after a fit; no image is read again.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.crossproducts import Values
from bidsglm.attribution.engine import Explanation, explanation
from bidsglm.attribution.mixture import Mixtures, PureDesigns, mixtures
from bidsglm.attribution.models import (
    Block,
    ContrastPair,
    Masks,
    Models,
    Observations,
    Piece,
    RunDesigns,
    estimable_everywhere,
    evenly,
)
from bidsglm.attribution.runs import plan
from bidsglm.attribution.sizes import TABULATED
from bidsglm.attribution.steps import Step, modelling_steps
from bidsglm.backends.nilearn_design import slice_time_ref
from bidsglm.backends.nilearn_signals import in_percent, masked_signals, percent_of
from bidsglm.data import TimeSeries
from bidsglm.model import Floats
from bidsglm.packages import REFERENCE
from bidsglm.pairs import DEFAULT_PAIR, Pair, pairs_of
from bidsglm.process.cores import each
from bidsglm.spm import scaling
from bidsglm.spm.regressors import microtime_onset
from bidsglm.unit.explainable import NO_CONTRAST, reason_against, refused, shared_contrasts
from bidsglm.unit.fit import Fitted
from bidsglm.unit.pair_sides import error_covariances, percent_factors

SEED = 20_260_101
"""Seed of the sample."""
POOL = 5000
"""Voxels of the sample that show how V changes with the settings: their mean is known to 1 or 2 %, and the
change itself is a few per cent of V."""
PIECE_VALUES = 1_250_000
"""float64 values of the sample worked on together: 10 MB, and a few times as much made of them."""
CHUNK_VALUES = 2_250_000
"""float32 values worked on together for the dominant-step maps: 9 MB."""
MADE_OF_PIECE, MADE_OF_CHUNK = 10, 8
"""Numbers of a voxel for each row of a contrast: effects of a piece's mixture, the reference's and what is
summed; effects of all mixtures of a chunk, in each run."""


def explain(fitted: Fitted, n_sample: int = TABULATED) -> Explanation:
    """Attribute the difference between nilearn's and SPM's maps of a unit to modelling steps.

    The table is computed on so many voxels at most, the dominant-step maps on all of both masks. It has no
    rows, and a note that says why, where nothing can be attributed.
    """
    model, masks = fitted.prepared.model, Masks(fitted.fits["nilearn"].mask, fitted.fits["spm"].mask)
    inside = np.flatnonzero(masks.both)
    mixed, steps = _mixed(fitted)
    pairs, notes = shared_contrasts(
        fitted, DEFAULT_PAIR, partial(estimable_everywhere, mixed.runs), "the packages' designs"
    )
    reason = reason_against(model, inside.size, DEFAULT_PAIR) or ("" if pairs else NO_CONTRAST)
    if reason:
        return refused(DEFAULT_PAIR, inside.size, [*notes, reason])
    if not mixed.apart:
        notes.append("Response, events and sampling have no common grid for this model: they are one step.")
    picked = np.random.default_rng(SEED).permutation(inside.size)[:n_sample]
    columns = inside[np.sort(picked)]
    blocks = _Blocks(fitted, masks)
    # covariances need far fewer voxels than metrics do
    pool = blocks.block(evenly(columns, POOL), np.dtype(np.float64))
    n_rows = sum(len(np.atleast_2d(pair.other.specification.weights)) for pair in pairs)
    pieces, chunks = blocks.pieces(columns, n_rows), blocks.chunks(inside, n_rows)
    evidence = Observations(columns, pieces, pool, chunks, pairs, masks)
    return explanation(_models(fitted, mixed.runs, pairs), steps, evidence, notes, each)


def _mixed(fitted: Fitted) -> tuple[Mixtures, tuple[Step, ...]]:
    """Designs of all runs by both packages' rules, and the modelling steps."""
    prepared = fitted.prepared
    model, paradigms = prepared.model, prepared.paradigms
    references = [slice_time_ref(paradigm, model) for paradigm in paradigms]
    both = zip(prepared.designs["nilearn"], prepared.designs["spm"], strict=True)
    mixed = mixtures(paradigms, model, [PureDesigns(*pair) for pair in both], references)
    return mixed, modelling_steps(model, mixed, references[0], microtime_onset(paradigms[0], model))


def _models(fitted: Fitted, runs: tuple[RunDesigns, ...], pairs: Sequence[ContrastPair]) -> Models:
    model = fitted.prepared.model
    kind = model.spm.serial_correlation
    return Models(
        runs,
        tuple(plan(pair.other.specification, pair.other.runs) for pair in pairs),
        model.nilearn.noise_model != "ols",
        kind,
        () if kind == "none" else error_covariances(fitted),
    )


class _Blocks:
    """Data of a unit, some voxels at a time, with the factors that both packages scale them by."""

    def __init__(self, fitted: Fitted, masks: Masks) -> None:
        model = fitted.prepared.model
        self.scaling = model.nilearn.signal_scaling
        self.series = fitted.data.series["nilearn"], fitted.data.series["spm"]
        # nilearn's grand mean is over all of its mask, voxels without data among them.
        self.mask = fitted.data.candidates["nilearn"]
        kind = model.spm.global_normalization
        factors = [scaling.scale_factors(s.global_means, kind) for s in self.series[1]]
        self.scans = tuple(factors) if kind == "Scaling" else ()
        self.spm_factors = tuple(np.ones(1) if self.scans else f[:1] for f in factors)
        self.same = all(a is b for a, b in zip(*self.series, strict=True))

    def pieces(self, columns: NDArray[np.intp], n_rows: int) -> list[Callable[[], Piece]]:
        """Make all of some columns, in float64 and as nilearn fits them, to make maps of so many rows."""
        parts = self._parts(columns, PIECE_VALUES, n_rows * MADE_OF_PIECE)
        return [partial(self._piece, part) for part in parts]

    def _piece(self, columns: NDArray[np.intp]) -> Piece:
        return Piece(self.block(columns, np.dtype(np.float64)), self.signals(columns))

    def chunks(self, inside: NDArray[np.intp], n_rows: int) -> list[Callable[[], Block]]:
        """Make all of some columns, in float32, to make maps of so many rows."""
        kind, n_runs = np.dtype(np.float32), len(self.series[0])
        parts = self._parts(inside, CHUNK_VALUES, n_rows * n_runs * MADE_OF_CHUNK)
        return [partial(self.block, part, kind, n_runs > 1) for part in parts]

    def _parts(self, columns: NDArray[np.intp], n_values: int, n_made: int) -> list[NDArray[np.intp]]:
        """Columns that have so many values together at most, as have the numbers made of them."""
        step = max(1, n_values // max(n_made, sum(len(s.stored) for s in self.series[0])))
        return [columns[start : start + step] for start in range(0, columns.size, step)]

    def block(self, columns: NDArray[np.intp], dtype: np.dtype[np.floating], scaled: bool = True) -> Block:
        """Some columns; without nilearn's factors where they do not matter, as for the t of a single run."""
        nilearn = self._values(self.series[0], columns, dtype)
        own = self._nilearn_factors(self.series[0], columns, scaled), self.spm_factors
        if self.same:
            return Block(columns, (nilearn, nilearn), (own, own), self.scans)
        spm = self._values(self.series[1], columns, dtype)
        other = self._nilearn_factors(self.series[1], columns, scaled), self.spm_factors
        return Block(columns, (nilearn, spm), (own, other), self.scans)

    def _values(
        self, runs: Sequence[TimeSeries], columns: NDArray[np.intp], dtype: np.dtype[np.floating]
    ) -> tuple[Values, ...]:
        return tuple(_header_scaled(run, columns, dtype) for run in runs)

    def signals(self, columns: NDArray[np.intp]) -> tuple[Values, ...]:
        """Signals of some columns exactly as nilearn fits them."""
        found = []
        for run in self.series[0]:
            values = masked_signals(run, columns)
            mean = percent_of(values, run, self.mask, self.scaling)
            found.append(in_percent(values, mean).astype(np.float64, copy=False))
        return tuple(found)

    def _nilearn_factors(
        self, runs: Sequence[TimeSeries], columns: NDArray[np.intp], scaled: bool
    ) -> tuple[Floats, ...]:
        if not scaled:
            return (np.ones(1),) * len(runs)
        signals = [(run, masked_signals(run, columns)) for run in runs]
        means = [percent_of(values, run, self.mask, self.scaling) for run, values in signals]
        return tuple(percent_factors(mean) for mean in means)


def _header_scaled(run: TimeSeries, columns: NDArray[np.intp], dtype: np.dtype[np.floating]) -> Values:
    """Values of some columns, touched no more often than the header asks for."""
    values: Values = run.stored_as(dtype, columns)
    if run.slope != 1.0:
        values *= run.slope
    if run.intercept != 0.0:
        values += run.intercept
    return values


def explanations(fitted: Fitted, reference: str = REFERENCE) -> Iterator[Explanation]:
    """Attribute the differences of each pair, SPM and nilearn over all voxels, others on a sample."""
    for pair in pairs_of(fitted.fits, reference):
        yield explain(fitted) if pair.is_default else _of_other_pair(fitted, pair)


def _of_other_pair(fitted: Fitted, pair: Pair) -> Explanation:
    # with it come the numerics of all four packages, of which two packages' run needs none
    from bidsglm.unit.pair_explanation import explain_pair

    return explain_pair(fitted, pair)
