"""AFNI's first-level numerics (3dDeconvolve, 3dREMLfit), written from equations: arrays in, arrays out.

From events and scans to a map of t: the design of all runs, the noise models that voxels choose from, the
fits, a test.

>>> import numpy as np
>>> from bidsglm.afni.contrasts import row_test
>>> from bidsglm.afni.design import Baseline, Stimulus, joint_design
>>> from bidsglm.afni.estimation import fits
>>> from bidsglm.afni.noise import noise_grid
>>> from bidsglm.afni.regressors import EventTrain
>>> from bidsglm.afni.responses import response
>>> from bidsglm.afni.scaling import percent_of_mean
>>> from bidsglm.afni.timeline import Timeline
>>> runs = Timeline(repetition_time=2.0, n_scans=(60, 60))
>>> go = Stimulus("go", response("BLOCK(10,1)"), (EventTrain(np.array([20.0, 60.0])),) * 2)
>>> design = joint_design([go], Baseline(), runs)
>>> signal = np.tile(design.matrix[:60, design.places("go")], (1, 3)) * [0.0, 1.0, 2.0]
>>> noise = np.random.default_rng(0).standard_normal((2, 60, 3))
>>> data = np.vstack([percent_of_mean(10 * (100 + signal + run)) for run in noise])
>>> grid = noise_grid(design.matrix, design.times)
>>> found = fits(data[runs.kept_rows], grid)
>>> tested = row_test(np.eye(len(design.columns))[design.places("go")[0]], found, grid)
>>> (tested.t > 3).tolist(), grid[0].dof
([False, True, True], 115)
"""
