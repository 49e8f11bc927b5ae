"""Maps of every combination of modelling steps, from cross-products.

What each step means among settings of the other package stands in `bidsglm.attribution.steps`.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bidsglm.attribution.autoregression import autoregressive_fit, coefficients, near_edge, truncated
from bidsglm.attribution.crossing import Rules
from bidsglm.attribution.crossproducts import Products, Values, products
from bidsglm.attribution.designs import Designs
from bidsglm.attribution.models import Block, Models, StepSettings
from bidsglm.attribution.pooled import PooledDesign, image_maps, pooled_fit, whitened_power
from bidsglm.attribution.runs import RunSum, StatMaps, UnscaledFit, combined, rows_of
from bidsglm.model import Floats


class CombinationMaps:
    """Maps of combinations of settings for one block of voxels; what several share is computed once."""

    def __init__(self, designs: Designs, block: Block, every_rule: bool = True) -> None:
        self.designs, self.block = designs, block
        self.rules = _rules_of(designs.models, every_rule)
        self._centred: dict[tuple[bool, bool, int], Values] = {}
        self._products: dict[tuple[bool, bool, int], Products] = {}
        self._coefficients: dict[tuple[object, ...], NDArray[np.intp]] = {}
        self._power: dict[tuple[object, ...], Values] = {}
        self._fits: dict[tuple[object, ...], tuple[UnscaledFit, ...]] = {}

    def forget_fits(self) -> None:
        """Keep what fits are made of alone: they are many, and large where there are many contrasts."""
        self._fits.clear()

    def maps(self, combination: StepSettings, contrast: int) -> StatMaps:
        """Effect and statistic of a contrast."""
        factors = self.block.factors[combination.smoother][combination.scaling]
        fits = self.fits(combination)
        sums = [
            # a factor per voxel needs no refit: effects scale with it, squares with its square
            RunSum(factor * fit.effects, factor**2 * fit.residual, fit)
            for fit, factor in zip(fits, _cast(factors, fits), strict=True)
        ]
        return combined(sums, self.designs.models.plans, contrast, combination.runs)

    def spm_maps(self, contrast: int) -> StatMaps:
        """SPM's setting in every step, with SPM's rounding to float32."""
        plans = self.designs.models.plans
        rows, shared = rows_of(plans, contrast), len(plans[contrast].runs)
        designs, betas, error = self._spm_images
        # an effect is the mean over its runs, and SPM's images hold it as one weighted sum
        mean = [d._replace(weights=d.weights / shared) for d in designs]
        effect, stat = image_maps(mean, betas, error, rows, plans[contrast].specification.test)
        return StatMaps(effect, stat, ())

    @cached_property
    def _spm_images(self) -> tuple[tuple[PooledDesign, ...], list[Floats], Floats]:
        """Design, parameters and residual mean square with SPM's setting in every step."""
        home = StepSettings(*(True,) * len(StepSettings._fields))
        factors, designs, fits = self.block.factors[True][True], self.designs.pooled(home), self.fits(home)
        data = [self.block.values(True, True, run) for run in range(len(fits))]
        # parameters of the scaled series, with their means, since float32 rounds what SPM stores
        betas = [f * (d.parameters @ Y) for f, d, Y in zip(factors, designs, data, strict=True)]
        squares = [factor**2 * fit.residual for fit, factor in zip(fits, factors, strict=True)]
        # ResMS = RSS / tr(RV) with both summed over runs: SPM has one model of all of them
        return designs, betas, np.sum(squares, axis=0) / sum(fit.divisor for fit in fits)

    def fits(self, combination: StepSettings) -> tuple[UnscaledFit, ...]:
        """Fit every run, for data not scaled by voxel."""
        key = self.key(combination)
        if key not in self._fits:
            fit = self._pooled_fit if combination.noise else self._autoregressive_fit
            self._fits[key] = tuple(fit(combination, run) for run in range(len(self.designs.models.runs)))
        return self._fits[key]

    def key(self, combination: StepSettings) -> StepSettings:
        """Name what its fit depends on."""
        # how runs are combined, and a factor of whole series, change no fit
        return combination._replace(runs=False, scaling=self._scanwise(combination.scaling))

    def uncertain_bins(self) -> NDArray[np.bool_]:
        """Voxels whose coefficient in nilearn's own fit lies on the edge of its bin, (n_voxels,)."""
        models = self.designs.models
        uncertain = np.zeros(self.block.columns.size, dtype=bool)
        if models.autoregressive:
            for run in range(len(models.runs)):
                design = self.designs.autoregression(Rules(False, False, False), False, run)
                uncertain |= near_edge(coefficients(self._data(StepSettings(), run), design.ordinary))
        return uncertain

    def _scanwise(self, scaling: bool) -> bool:
        return scaling and bool(self.block.scans)

    def _values(self, combination: StepSettings, run: int) -> Values:
        # a smoother or scaling that changes nothing shares what was computed without it
        smoother = combination.smoother and self.block.series[0][run] is not self.block.series[1][run]
        key = smoother, self._scanwise(combination.scaling), run
        if key not in self._centred:
            Y = self.block.values(*key)
            # the constant takes up the means, and sums of squares keep their digits without them
            self._centred[key] = Y - Y.mean(axis=0)
        return self._centred[key]

    def _data(self, combination: StepSettings, run: int) -> Products:
        key = combination.smoother, self._scanwise(combination.scaling), run
        if key not in self._products:
            designs = self.designs.models.runs[run]
            # one basis of the columns of all designs, so that the data are read once for all of them
            parts = [designs.regressors[rules].matrix for rules in self.rules]
            ones = np.ones((len(parts[0]), 1))
            columns = np.hstack([*parts, designs.confounds.matrix, *designs.drifts, ones])
            self._products[key] = products(self._values(combination, run), columns, designs.drifts[1])
        return self._products[key]

    def _autoregressive_fit(self, combination: StepSettings, run: int) -> UnscaledFit:
        design = self.designs.autoregression(combination.rules, combination.filter, run)
        divisor, dof = self.designs.residual_scans(combination.rules, combination.filter, run)
        bins = self._bins(combination, run)
        return autoregressive_fit(self._data(combination, run), design, bins, divisor, dof)

    def _bins(self, combination: StepSettings, run: int) -> NDArray[np.intp]:
        """Coefficients in hundredths; drifts that span the same space give the same ones."""
        if not self.designs.models.autoregressive:
            # ordinary least squares is AR(1) with a coefficient of 0
            return np.zeros(self.block.columns.size, dtype=np.intp)
        drifts = combination.filter and not self.designs.same_drifts
        key = combination.rules, drifts, combination.smoother, self._scanwise(combination.scaling), run
        if key not in self._coefficients:
            design = self.designs.autoregression(combination.rules, drifts, run)
            # nilearn takes coefficients from the residuals of the unwhitened fit, on the whole design
            rho = coefficients(self._data(combination, run), design.ordinary)
            self._coefficients[key] = truncated(rho)
        return self._coefficients[key]

    def _pooled_fit(self, combination: StepSettings, run: int) -> UnscaledFit:
        key = (*self.designs.covariance_key(combination), self._scanwise(combination.scaling), run)
        Y = self._values(combination, run)
        if key not in self._power:
            self._power[key] = whitened_power(Y, self.designs.whitenings(combination)[run])
        return pooled_fit(self.designs.pooled(combination)[run], Y, self._power[key])


def _cast(factors: Sequence[Floats], fits: Sequence[UnscaledFit]) -> list[Values]:
    """Factors in the precision of what they multiply."""
    return [factor.astype(fit.effects.dtype) for factor, fit in zip(factors, fits, strict=True)]


def _rules_of(models: Models, every_rule: bool) -> list[Rules]:
    pure = [Rules(False, False, False), Rules(True, True, True)]
    # dominant steps take response, events and sampling as one, and closure has nilearn's own alone
    return list(models.runs[0].regressors) if every_rule else pure
