"""Covariances of the errors of mixtures in which one covariance serves all voxels, as in SPM.

SPM's own settings keep SPM's own V. Another mixture has that V plus the change which its settings make in a V
estimated, as SPM does, from the sample's voxels in SPM's scaling.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy

from bidsglm.attribution.crossing import Columns
from bidsglm.attribution.designs import FALLBACK, nearly_same
from bidsglm.attribution.pooled import (
    RunColumns,
    SerialCorrelation,
    error_covariances,
    pooled_designs,
    pooled_fit,
    whitened_power,
)
from bidsglm.attribution.regression import RunPart
from bidsglm.attribution.runs import UnscaledFit
from bidsglm.model import Floats
from bidsglm.spm.whitening import Whitening, banded, normalised, whitening

N_DRAWING = 5
"""Settings that regressors depend on, the first of those that V depends on"""


@dataclass(frozen=True)
class PooledNoise:
    """SPM's noise model: one covariance of a run's scans for all voxels, by pooled ReML."""

    kind: SerialCorrelation
    covariances: tuple[Floats, ...] = ()
    """V of every run as SPM estimated it, normalised; none for independent errors"""
    constant: bool = True


@dataclass
class PooledErrors:
    """V of every mixture, each made when first needed."""

    noise: PooledNoise
    home: tuple[int, ...]
    """SPM's settings of `ERROR_STEPS`"""
    regressors: Callable[[tuple[int, ...]], list[Columns]]
    """Columns of every run by the settings of `DRAWING_STEPS`"""
    pool: Callable[[tuple[int, ...]], list[tuple[RunColumns, Floats]]]
    """Design and data of every run, by settings as those of `home`"""
    notes: list[str] = field(default_factory=list)
    _alike: dict[tuple[int, ...], tuple[int, ...]] = field(default_factory=dict)
    _in_pool: dict[tuple[int, ...], tuple[Floats, ...]] = field(default_factory=dict)
    _found: dict[tuple[int, ...], tuple[Floats, ...]] = field(default_factory=dict)

    def covariances(self, settings: tuple[int, ...]) -> tuple[Floats, ...]:
        """V of every run, by settings as those of `home`; regressors that are nearly the same share one."""
        # ReML takes long, and drawing rules are many; settings of the other steps are not compared
        key = (*self._shared(settings[:N_DRAWING]), *settings[N_DRAWING:])
        if key not in self._found:
            self._found[key] = self._estimated(key)
        return self._found[key]

    def _shared(self, wanted: tuple[int, ...]) -> tuple[int, ...]:
        own = self.home[:N_DRAWING]
        self._alike.setdefault(own, own)
        if wanted not in self._alike:
            columns = self.regressors(wanted)
            # drawing rules whose designs are the same give one V: ReML is run once for them
            near = [
                other
                for other in dict.fromkeys(self._alike.values())
                if all(map(nearly_same, columns, self.regressors(other)))
            ]
            self._alike[wanted] = near[0] if near else wanted
        return self._alike[wanted]

    def _estimated(self, key: tuple[int, ...]) -> tuple[Floats, ...]:
        own = self.noise.covariances
        if key == self.home:
            return own
        try:
            here, there = self._sampled(key), self._sampled(self.home)
            # the pool is biased by its few voxels alike on both sides, so only its change is taken
            found = normalised([V + a - b for V, a, b in zip(own, here, there, strict=True)])
            # V + a - b need not be positive definite, and without a root there is nothing to whiten with
            whitening(found)
        except ValueError as error:
            # a pool without voxels that pass F, or a fit that does not converge, must not end the analysis
            note = f"{FALLBACK}: {error}"
            if note not in self.notes:
                self.notes.append(note)
            return own
        return found

    def _sampled(self, key: tuple[int, ...]) -> tuple[Floats, ...]:
        if key not in self._in_pool:
            assert self.noise.kind != "none"
            runs, data = zip(*self.pool(key), strict=True)
            # drifts that a package fits as columns need not be orthonormal, and X0 X0' is no projection then
            orthonormal = [run._replace(cosines=np.linalg.qr(run.cosines)[0]) for run in runs]
            self._in_pool[key] = error_covariances(orthonormal, data, self.noise.kind)
        return self._in_pool[key]

    def fits(
        self,
        settings: tuple[int, ...],
        groups: Sequence[tuple[RunPart, ...]],
        weights: Sequence[Floats],
        n_voxels: int,
    ) -> tuple[UnscaledFit, ...]:
        """Fit regressions, each of one run or of several that share parameters.

        Parameters
        ----------
        settings
            As those of `home`.
        groups
            Runs of every regression.
        weights
            (n_rows, n_columns) of the contrasts, for every regression
        n_voxels
            First voxels that are wanted.
        """
        if self.noise.kind == "none":
            found: list[Floats | None] = [None] * len(groups)
            roots: list[Whitening | None] = [None] * len(groups)
        else:
            V = self.covariances(settings)
            W = [root.matrix for root in whitening(V)]
            runs = [[part.run for part in parts] for parts in groups]
            # several runs in one regression are one long run whose V has a block for each
            found = [scipy.linalg.block_diag(*(V[run] for run in each)) for each in runs]
            roots = [banded(scipy.linalg.block_diag(*(W[run] for run in each))) for each in runs]
        # no repetition time: V is known here, and the components of ReML alone ask for it
        columns = [
            RunColumns(
                np.vstack([part.X for part in parts]),
                scipy.linalg.block_diag(*(part.projected for part in parts)),
                np.nan,
            )
            for parts in groups
        ]
        designs = pooled_designs(columns, weights, found, roots)
        series = [np.vstack([part.Y[:, :n_voxels] for part in parts]) for parts in groups]
        return tuple(
            pooled_fit(design, Y, whitened_power(Y, root))
            for design, Y, root in zip(designs, series, roots, strict=True)
        )
