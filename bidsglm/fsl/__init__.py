"""FSL's first-level numerics, implemented from published equations: arrays in, arrays out.

A run goes from its scans and events to t and z in this order:

>>> import numpy as np
>>> from bidsglm.fsl import contrasts, film, highpass, regressors, response, scaling, zscores
>>> from bidsglm.data import Volume
>>> grid = Volume((5, 5, 5), np.diag([3.0, 3.0, 3.0, 1.0]), np.ones((5, 5, 5), dtype=bool))
>>> scans = np.float32(800 + 8 * np.random.default_rng(0).standard_normal((80, 125)))
>>> scans[:, :40] = 3
>>> scans[:, 40] += 20 * (np.arange(80) % 20 < 10)

Mask and scaling:

>>> low, high = scaling.percentiles(lambda: [scans], [scaling.LOW, scaling.HIGH])
>>> core = scaling.brain(scans, scaling.brain_threshold(low, high))
>>> median = scaling.percentiles(lambda: [scans[:, core]], [scaling.MEDIAN])[0]
>>> mask = scaling.dilated(core.reshape(grid.shape)).ravel()
>>> scaled = scaling.scaled(scans, median) * mask

Filter and design:

>>> timing = regressors.Timing(2.0, 80)
>>> L = highpass.line_filter(timing.n_scans, timing.repetition_time, 100.0)
>>> onsets = np.arange(0.0, 160.0, 40.0)
>>> blocks = regressors.stimulus(onsets, np.full(4, 20.0), np.ones(4), timing)
>>> x = regressors.regressor(blocks, response.response("double-gamma"), timing)
>>> X = regressors.columns(x, L, derivative=True)

Fit and contrast:

>>> run = film.film(lambda: [highpass.filtered(scaled, L)], X, np.eye(2)[:1], grid)
>>> t = contrasts.t_maps(np.ones(1), run.fit.effects, run.fit.covariance, run.fit.variance).t
>>> run.dof, int(run.mask.sum()), int(zscores.z_of_t(t, run.dof).argmax())
(77, 85, 0)
"""
