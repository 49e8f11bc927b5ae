"""Maps of every combination of modelling steps, from cross-products.

What each step means in a mixed corner stands in `bidsglm.attribution.steps`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.autoregression import autoregressive_fit, coefficients, near_edge, truncated
from bidsglm.attribution.combination import RunFit, RunSum, StatMaps, combined, rows_of
from bidsglm.attribution.corner_designs import Designs
from bidsglm.attribution.crossing import Rules
from bidsglm.attribution.crossproducts import Products, Values, products
from bidsglm.attribution.models import Block, Corner, Models
from bidsglm.attribution.pooled import image_maps, pooled_fit, whitened_power
from bidsglm.model import Floats


class CornerMaps:
    """Maps of corners for one block of voxels; what several corners share is computed once."""

    def __init__(self, designs: Designs, block: Block, every_rule: bool = True) -> None:
        self.designs, self.block = designs, block
        self.rules = _rules_of(designs.models, every_rule)
        self._centred: dict[tuple[bool, bool, int], Values] = {}
        self._products: dict[tuple[bool, bool, int], Products] = {}
        self._coefficients: dict[tuple[object, ...], NDArray[np.intp]] = {}
        self._power: dict[tuple[object, ...], Values] = {}
        self._fits: dict[tuple[object, ...], tuple[RunFit, ...]] = {}

    def maps(self, corner: Corner, contrast: int) -> StatMaps:
        """Effect and statistic of a contrast."""
        factors = self.block.factors[corner.smoother][corner.scaling]
        fits = self.fits(corner)
        sums = [
            RunSum(factor * fit.effects, factor**2 * fit.residual, fit)
            for fit, factor in zip(fits, self._cast(factors), strict=True)
        ]
        return combined(sums, self.designs.models.plans, contrast, corner.runs)

    def spm_maps(self, contrast: int) -> StatMaps:
        """SPM's own corner with SPM's rounding to float32."""
        home = Corner(*(True,) * len(Corner._fields))
        factors, designs, fits = self.block.factors[True][True], self.designs.pooled(home), self.fits(home)
        data = [self.block.values(True, True, run) for run in range(len(fits))]
        betas = [f * (d.parameters @ Y) for f, d, Y in zip(factors, designs, data, strict=True)]
        squares = [factor**2 * fit.residual for fit, factor in zip(fits, factors, strict=True)]
        error = np.sum(squares, axis=0) / sum(fit.divisor for fit in fits)
        plans = self.designs.models.plans
        rows, shared = rows_of(plans, contrast), len(plans[contrast].runs)
        mean = [d._replace(weights=d.weights / shared) for d in designs]
        effect, stat = image_maps(mean, betas, error, rows, plans[contrast].specification.test)
        return StatMaps(effect, stat, ())

    def _cast(self, factors: Sequence[Floats]) -> list[Values]:
        return [factor.astype(self.block.series[0][0].dtype) for factor in factors]

    def fits(self, corner: Corner) -> tuple[RunFit, ...]:
        """Of every run, for data not scaled by voxel."""
        key = corner._replace(runs=False, scaling=self._scanwise(corner.scaling))
        if key not in self._fits:
            fit = self._pooled_fit if corner.noise else self._autoregressive_fit
            self._fits[key] = tuple(fit(corner, run) for run in range(len(self.designs.models.runs)))
        return self._fits[key]

    def uncertain_bins(self) -> NDArray[np.bool_]:
        """Voxels whose coefficient in nilearn's corner lies on the edge of its bin, (n_voxels,)."""
        models = self.designs.models
        uncertain = np.zeros(self.block.columns.size, dtype=bool)
        if models.autoregressive:
            for run in range(len(models.runs)):
                design = self.designs.autoregression(Rules(False, False, False), False, run)
                uncertain |= near_edge(coefficients(self._data(Corner(), run), design.ordinary))
        return uncertain

    def _scanwise(self, scaling: bool) -> bool:
        return scaling and bool(self.block.scans)

    def _values(self, corner: Corner, run: int) -> Values:
        # a smoother or scaling that changes nothing shares what was computed without it
        smoother = corner.smoother and self.block.series[0][run] is not self.block.series[1][run]
        key = smoother, self._scanwise(corner.scaling), run
        if key not in self._centred:
            Y = self.block.values(*key)
            self._centred[key] = Y - Y.mean(axis=0)
        return self._centred[key]

    def _data(self, corner: Corner, run: int) -> Products:
        key = corner.smoother, self._scanwise(corner.scaling), run
        if key not in self._products:
            designs = self.designs.models.runs[run]
            parts = [designs.regressors[rules].matrix for rules in self.rules]
            ones = np.ones((len(parts[0]), 1))
            columns = np.hstack([*parts, designs.confounds.matrix, *designs.drifts, ones])
            self._products[key] = products(self._values(corner, run), columns, designs.drifts[1])
        return self._products[key]

    def _autoregressive_fit(self, corner: Corner, run: int) -> RunFit:
        design = self.designs.autoregression(corner.rules, corner.filter, run)
        divisor, dof = self.designs.residual_scans(corner.rules, corner.filter, run)
        bins = self._bins(corner, run)
        return autoregressive_fit(self._data(corner, run), design, bins, divisor, dof)

    def _bins(self, corner: Corner, run: int) -> NDArray[np.intp]:
        """Coefficients in hundredths; drifts that span the same space give the same ones."""
        if not self.designs.models.autoregressive:
            return np.zeros(self.block.columns.size, dtype=np.intp)
        drifts = corner.filter and not self.designs.same_drifts
        key = corner.rules, drifts, corner.smoother, self._scanwise(corner.scaling), run
        if key not in self._coefficients:
            design = self.designs.autoregression(corner.rules, drifts, run)
            rho = coefficients(self._data(corner, run), design.ordinary)
            self._coefficients[key] = truncated(rho)
        return self._coefficients[key]

    def _pooled_fit(self, corner: Corner, run: int) -> RunFit:
        key = (*self.designs.covariance_key(corner), self._scanwise(corner.scaling), run)
        Y = self._values(corner, run)
        if key not in self._power:
            self._power[key] = whitened_power(Y, self.designs.whitenings(corner)[run])
        return pooled_fit(self.designs.pooled(corner)[run], Y, self._power[key])


def _rules_of(models: Models, every_rule: bool) -> list[Rules]:
    pure = [Rules(False, False, False), Rules(True, True, True)]
    return list(models.runs[0].regressors) if every_rule else pure
