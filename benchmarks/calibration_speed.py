"""CPU time of a calibration: ``python benchmarks/calibration_speed.py [--datasets 20] [--packages spm ...]``.

Data sets of 5,000 voxels and 300 scans (TR 2 s, two conditions, 24 confounds), analysed in seven ways. CPU
time is user + system of this process and its children, for one BLAS thread in each; wall time depends on what
else the machine does. The target is 100 data sets in 3 minutes on 2 cores: 360 s of CPU time.
"""

import argparse
import os
import resource
import time
from collections.abc import Sequence

for name in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{name}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402

from bidsglm.backends import backend  # noqa: E402
from bidsglm.calibration import trial as trials  # noqa: E402
from bidsglm.calibration.experiment import Experiment, Source, experiment  # noqa: E402
from bidsglm.calibration.simulation import simulations  # noqa: E402
from bidsglm.data import Condition, Paradigm, TimeSeries  # noqa: E402
from bidsglm.model import ContrastSpecification, ModelSpecification  # noqa: E402
from bidsglm.packages import PACKAGES, analyses  # noqa: E402
from bidsglm.simulation.noise import NOISES  # noqa: E402
from bidsglm.simulation.outcomes import empty_outcome  # noqa: E402

N_SCANS, TR, N_VOXELS, N_CONFOUNDS = 300, 2.0, 5_000, 24
TARGET = 3.6
"""CPU seconds for each data set."""


def made(packages: Sequence[str]) -> Experiment:
    """An experiment of the size that the target is for."""
    rng = np.random.default_rng(0)
    onsets = np.arange(10.0, N_SCANS * TR - 40, 40.0)
    conditions = tuple(
        Condition(name, onsets + shift, np.full(onsets.size, 10.0))
        for name, shift in (("a", 0.0), ("b", 20.0))
    )
    names = tuple(f"confound_{i}" for i in range(N_CONFOUNDS))
    confounds = rng.standard_normal((N_SCANS, N_CONFOUNDS)).cumsum(axis=0) * 0.05
    paradigm = Paradigm(TR, N_SCANS, None, conditions, names, confounds)
    contrast = ContrastSpecification(
        "a - b", "aMinusB", ("trial_type.a", "trial_type.b"), np.array([[1.0, -1.0]])
    )
    model = ModelSpecification("speed", (*contrast.conditions, *names), contrasts=(contrast,))
    designs = {name: backend(name).designs((paradigm,), model) for name in packages}
    noise = rng.standard_normal((N_SCANS, N_VOXELS))
    rho = rng.uniform(0, 0.6, N_VOXELS)
    for scan in range(1, N_SCANS):
        noise[scan] += rho * noise[scan - 1]
    values = 1000 + 10 * noise + 2 * confounds @ rng.standard_normal((N_CONFOUNDS, N_VOXELS))
    series = TimeSeries(values.astype(np.float32), 1.0, 0.0, np.full(N_SCANS, 1000.0))
    source = Source(model, designs, (contrast,), frozenset(names), (series,), (TR,))
    return experiment(source, np.arange(N_VOXELS), seed=1)


def cpu() -> float:
    """Seconds of this process and its finished children."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def by_analysis(given: Experiment, n_datasets: int) -> None:
    """Print what each analysis takes."""
    for noise in NOISES:
        start = time.process_time()
        sets = [trials.data_set(given, trials.TrialRequest(noise, True, i)) for i in range(n_datasets)]
        spent = {"simulation": time.process_time() - start}
        ways = analyses(given.designs)
        for place, (package, analysis) in enumerate(ways.values()):
            start = time.process_time()
            for each in sets:
                outcome = empty_outcome(len(ways), each.levels)
                trials._analyse(given, each, (package, analysis), outcome, place)
            spent[analysis.name] = time.process_time() - start
        parts = ", ".join(f"{name} {seconds / n_datasets:.3f}" for name, seconds in spent.items())
        print(f"{noise}: CPU seconds for each data set: {parts}")


def main() -> None:
    """Measure, and say whether the target is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--datasets", type=int, default=20)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--packages", nargs="+", default=list(PACKAGES), choices=list(PACKAGES))
    arguments = parser.parse_args()
    given = made(arguments.packages)
    by_analysis(given, 2)
    per_noise = max(1, arguments.datasets // (2 * len(NOISES)))
    before, clock = cpu(), time.perf_counter()
    simulations(given, per_noise, n_procs=arguments.processes)
    n_done = 2 * len(NOISES) * per_noise
    wall = time.perf_counter() - clock
    if arguments.processes > 1:
        print(f"{n_done} data sets: {wall / n_done:.2f} s each on {arguments.processes} processes (wall)")
        return
    each = (cpu() - before) / n_done
    print(f"{n_done} data sets: {each:.2f} s of CPU time each, {wall / n_done:.2f} s wall; target {TARGET}")
    print("met" if each < TARGET else "NOT met")


if __name__ == "__main__":
    main()
