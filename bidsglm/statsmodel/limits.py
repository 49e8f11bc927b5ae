"""Upper bounds of the numbers and lists of a model, so that a small file cannot take the machine.

Each is far beyond what analyses ask for, and small enough that what it bounds is read, built and refused
within seconds.
"""

LONGEST_TEXT = 1_000
"""Characters of a name: file names have room for 255 bytes, and no label on a page is longer."""
MOST_NAMES = 2_000
"""Names in a list: more than the columns of the widest confounds tables."""
MOST_GLOBS = 200
"""Patterns in a list, each held against every name; one stands for many names already."""
MOST_LABELS = 100_000
"""Labels in a filter: the participants of the largest studies."""
MOST_CONTRASTS = 1_000
"""Each makes some twenty maps; a thousand fill a disk."""
MOST_ROWS = 1_000
"""Rows of an F contrast: as many as regressors that one can test at once."""
MOST_NODES = 100
"""A model has four levels and seldom more than one node in each."""
MOST_INSTRUCTIONS = 500
"""Transformations are applied one after the other to every run."""
MOST_MODULATIONS = 200
"""Requests for modulators: one for each of some hundred conditions."""

HIGHEST_POLYNOMIAL = 20
"""Order of a modulation: powers beyond it cannot be told apart in double precision; SPM offers 6."""
MOST_FUNCTIONS = 500
"""Bins, frequencies or gamma functions of a response: as many columns for each condition."""
LONGEST_RESPONSE = 3_600.0
"""Seconds: no response to an event lasts an hour."""
MOST_VARIABLES = 2_000
"""Columns that transformations work on in one run: each is copied at every step."""
LATEST_DELAY = 10_000
"""Scans: runs are shorter."""
FINEST_RESOLUTION = 1_000
"""Bins of a TR: milliseconds, finer than events are timed."""
HIGHEST_AR_ORDER = 30
"""Scans that noise remembers: a minute at usual repetition times."""
HIGHEST_POLORT = 50
"""Degree of AFNI's polynomials: the rule of ``-polort A`` gives 49 for a run of two hours."""

HIGHEST_HERTZ = 1e6
"""Cut-off of a filter; what is above 1 Hz is refused with a better reason."""
HIGHEST_THRESHOLD = 1e6
"""Share of the global: no voxel is a million times as bright as the brain's mean."""
LARGEST_WEIGHT = 1e12
"""Its square times a variance is still a float32, as maps are stored."""
SMALLEST_WEIGHT = 1e-12
"""The square of a smaller one gets lost in float32; 0 is no weight at all."""
LARGEST_VALUE = 1e30
"""Numbers of transformations: their powers are finite."""
LONGEST_NUMBER = 60
"""Characters of a weight given as text."""
FASTEST_SAMPLING = 1_000.0
"""Hz: pybids keeps time in milliseconds."""
LONGEST_LAG = 1e6
"""Samples: no run has more."""

MOST_REGRESSORS = 5_000
"""Columns of one run's design: several times the scans of the longest runs."""
MOST_AUTOMATIC_CONDITIONS = 200
"""Conditions of an automatic model, each with two contrasts; who has more trial types must say what to do."""
