"""Compute the calibration study and write docs/calibration.md: ``python benchmarks/calibration_study.py``.

Simulated runs of 5 minutes at four repetition times, with boxcars of 10 to 40 s and single events, under
noise of three models, and the same designs on surrogates of real data's residuals (``../shared/real-data``,
or the folder that BIDSGLM_SHARED names); each analysed in seven ways by bidsglm's backends. The numbers go to
calibration_rates.tsv and calibration_curves.tsv beside this file, and from there into the page and its
figures (``python benchmarks/calibration_page.py`` writes these alone). Finished cells are kept in ``--cache``
and not computed again; ``--processes 2`` shares the data sets of a cell.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

for variable in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{variable}_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from benchmarks.calibration_results import (  # noqa: E402
    COLUMNS,
    CURVE_COLUMNS,
    CURVES,
    NUMBERS,
    RATES,
    told,
    write,
)
from benchmarks.calibration_sentences import HARD, SMOOTHED, SMOOTHED_UNDER  # noqa: E402
from bidsglm.agreement.rates import clustered_rate  # noqa: E402
from bidsglm.backends import backend  # noqa: E402
from bidsglm.calibration.experiment import Experiment, Source, experiment, sampled_voxels  # noqa: E402
from bidsglm.calibration.simulation import simulations  # noqa: E402
from bidsglm.calibration.trial import TrialRequest, data_set  # noqa: E402
from bidsglm.data import Condition, Paradigm, TimeSeries, Volume  # noqa: E402
from bidsglm.dataset.events import trial_types  # noqa: E402
from bidsglm.dataset.layout import find_units  # noqa: E402
from bidsglm.model import MOTION_PARAMETERS, ContrastSpecification, ModelSpecification  # noqa: E402
from bidsglm.packages import PACKAGES, analyses  # noqa: E402
from bidsglm.report.trust import STRICT  # noqa: E402
from bidsglm.settings import Settings  # noqa: E402
from bidsglm.simulation.outcomes import curve_rows, metric_rows  # noqa: E402
from bidsglm.statsmodel.automatic import automatic_model  # noqa: E402
from bidsglm.statsmodel.specification import parse_model  # noqa: E402
from bidsglm.unit.fit import fit  # noqa: E402
from bidsglm.unit.preparation import prepare  # noqa: E402

TRS = (0.645, 1.4, 2.0, 3.0)
DESIGNS = ("boxcar 10 s", "boxcar 20 s", "boxcar 30 s", "boxcar 40 s", "events")
NOISES = {"white": (TRS[0], TRS[-1]), "ar1": (TRS[0], TRS[-1]), "physiological": TRS}
"""Noises that the models know are at the shortest and the longest TR only."""
MINUTES = 5
N_VOXELS = 1_000
N_DATASETS = {"white": 4, "ar1": 4, "physiological": 10, "surrogate": 12}
"""Without signal, and again with it; surrogates share phases over voxels, so more of them are needed."""
SEED = 20_190_320
NOISE_SD = 1.0
"""% of the voxel's mean"""
RHO_AT_2_S = (0.1, 0.6)
"""Range of the voxels' autocorrelation between scans 2 s apart; at other TRs it decays as rho^(TR / 2 s)."""
MOTION_EFFECT = 0.3
"""% of the voxel's mean for each SD of each motion parameter (SD over voxels)."""
EDGE, MARGIN, VOXEL_MM = 10, 4, 3.0
"""Voxels of the cube that FILM smooths in, the empty ones around it, and their size."""
CONTRAST = ContrastSpecification("task", "task", ("trial_type.task",), np.array([[1.0]]))
NUMERICS = (
    *(f"bidsglm/calibration/{name}.py" for name in ("experiment", "responses", "trial")),
    "bidsglm/simulation/noise.py",
    "bidsglm/simulation/outcomes.py",
)
"""Files that a cell in the cache is of."""
SHARED = Path(os.environ.get("BIDSGLM_SHARED", PROJECT.parent / "shared"))
REAL = SHARED / "real-data" / "studyforrest-small"
OWN_DESIGN = "its own"


class Cell(NamedTuple):
    """One setting of the study."""

    data: str
    """simulated or real"""
    repetition_time: float
    design: str
    noise: str

    @property
    def name(self) -> str:
        """For people and file names."""
        return f"{self.data} TR {self.repetition_time:g} {self.design} {self.noise}".replace(" ", "-")


def cells() -> Iterator[Cell]:
    """All settings; those of the real data where they are there."""
    for noise, trs in NOISES.items():
        for tr in trs:
            for design in DESIGNS:
                yield Cell("simulated", tr, design, noise)
    if REAL.is_dir():
        for design in (OWN_DESIGN, *DESIGNS):
            yield Cell("real", 2.0, design, "surrogate")


def task(design: str, seconds: float) -> Condition:
    """Blocks with rest of the same length, or events 4 to 12 s apart, from 10 s on."""
    if design == "events":
        gaps = np.random.default_rng(SEED).uniform(4, 12, int(seconds / 4))
        onsets = 10 + np.cumsum(gaps)
        onsets = onsets[onsets < seconds - 15]
        return Condition("task", onsets, np.zeros(onsets.size))
    length = float(design.split()[1])
    onsets = np.arange(10, seconds - length, 2 * length)
    return Condition("task", onsets, np.full(onsets.size, length))


def paradigm(design: str, tr: float, n_scans: int, motion: np.ndarray) -> Paradigm:
    """A run of one condition with motion parameters."""
    return Paradigm(tr, n_scans, None, (task(design, n_scans * tr),), MOTION_PARAMETERS, motion)


def source(made: Paradigm, series: TimeSeries) -> Source:
    """Both packages' designs on a run."""
    model = ModelSpecification("study", (*CONTRAST.conditions, *MOTION_PARAMETERS), contrasts=(CONTRAST,))
    designs = {name: backend(name).designs((made,), model) for name in PACKAGES}
    return Source(
        model, designs, (CONTRAST,), frozenset(MOTION_PARAMETERS), (series,), (made.repetition_time,)
    )


def simulated(cell: Cell) -> Experiment:
    """A run whose autocorrelation in seconds is the same at all TRs."""
    rng = np.random.default_rng(SEED)
    n_scans = round(MINUTES * 60 / cell.repetition_time)
    motion = rng.standard_normal((n_scans, len(MOTION_PARAMETERS))).cumsum(axis=0)
    motion = (motion - motion.mean(axis=0)) / motion.std(axis=0)
    rho = rng.uniform(*RHO_AT_2_S, N_VOXELS) ** (cell.repetition_time / 2)
    noise = rng.standard_normal((n_scans, N_VOXELS))
    noise[1:] *= np.sqrt(1 - rho**2)
    for scan in range(1, n_scans):
        noise[scan] += rho * noise[scan - 1]
    level = rng.uniform(700, 1300, N_VOXELS)
    moved = motion @ rng.normal(0, MOTION_EFFECT, (len(MOTION_PARAMETERS), N_VOXELS))
    values = level * (1 + (NOISE_SD * noise + moved) / 100)
    series = TimeSeries(values.astype(np.float32), 1.0, 0.0, np.full(n_scans, 1000.0))
    made = paradigm(cell.design, cell.repetition_time, n_scans, motion)
    return experiment(source(made, series), np.arange(N_VOXELS), SEED)


@lru_cache(maxsize=1)
def real_run() -> tuple[Source, np.ndarray, Paradigm]:
    """The real run as all packages fit it, a sample of the voxels that all analyse, and its tables."""
    settings = Settings(REAL, Path(tempfile.gettempdir()), "participant")
    unit = next(iter(find_units(settings, {}, {}, "02", by_session=True)))
    document = automatic_model(unit.entities["task"], trial_types(unit.runs), settings)
    model = parse_model(document, "the automatic model", settings, automatic=True)
    fitted = fit(prepare(unit, model, tuple(PACKAGES)))
    prepared, run = fitted.prepared, fitted.prepared.paradigms[0]
    confounds = frozenset(run.confound_names)
    series = fitted.data.series["nilearn"]
    given = Source(model, prepared.designs, prepared.contrasts, confounds, series, (run.repetition_time,))
    inside = np.logical_and.reduce([found.mask for found in fitted.fits.values()])
    return given, sampled_voxels(given, np.flatnonzero(inside), SEED)[:N_VOXELS], run


def real(cell: Cell) -> Experiment:
    """The real run, with its own design or with one of the study's.

    The noise is always what its own fit leaves, so that no response to its stimuli is taken for noise.
    """
    given, voxels, given_run = real_run()
    own = experiment(given, voxels, SEED)
    if cell.design == OWN_DESIGN:
        return own
    motion = given_run.confounds[:, [given_run.confound_names.index(name) for name in MOTION_PARAMETERS]]
    made = paradigm(cell.design, given_run.repetition_time, given_run.n_scans, motion)
    run = given.series[0]
    series = TimeSeries(run.values(voxels).astype(np.float32), 1.0, 0.0, run.global_means)
    other = experiment(source(made, series), np.arange(voxels.size), SEED)
    return replace(other, runs=(own.runs[0]._replace(responses=other.runs[0].responses),))


def digest(noise: str) -> str:
    """Changes with the code that simulates and counts; the backends' own tests hold them still."""
    text = b"".join((PROJECT / name).read_bytes() for name in NUMERICS)
    return hashlib.sha256(text + repr((N_VOXELS, N_DATASETS[noise], SEED)).encode()).hexdigest()[:12]


def computed(cell: Cell, package: str, processes: int) -> dict[str, Any]:
    """Numbers of one cell and package; its data sets are the same for all packages."""
    if package == SMOOTHED:
        rows = film_among_neighbours(cell)
        n_scans = round(MINUTES * 60 / cell.repetition_time)
        return {"cell": cell._asdict(), "n_scans": n_scans, "rows": rows, "curves": []}
    made = simulated(cell) if cell.data == "simulated" else real(cell)
    alone = replace(made, designs={package: made.designs[package]})
    found = simulations(alone, N_DATASETS[cell.noise], (cell.noise,), processes)
    labels = [contrast.label for contrast in made.contrasts][:1]
    compared, ways = analyses(PACKAGES), list(analyses([package]))
    return {
        "cell": cell._asdict(),
        "n_scans": made.runs[0].noise.n_scans,
        "rows": [row for row in metric_rows(found, ways, labels) if row["analysis"] in compared],
        "curves": [
            [row["analysis"], row["p"], row["rate"]]
            for row in curve_rows(found, ways, labels)
            if row["effect_size"] == 0 and row["analysis"] in compared
        ],
    }


def cached(cell: Cell, package: str, cache: Path, processes: int) -> dict[str, Any]:
    """Numbers of a cell and package, computed where the cache does not have them."""
    path = cache / f"{digest(cell.noise)}_{cell.name}_{package}.json"
    if not path.exists():
        started = time.process_time()
        content = json.dumps(computed(cell, package, processes))
        path.with_suffix(".part").write_text(content, encoding="utf-8")
        path.with_suffix(".part").rename(path)
        print(f"{cell.name} {package}: {time.process_time() - started:.0f} s", flush=True)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def film_among_neighbours(cell: Cell) -> list[dict[str, Any]]:
    """Rates of FILM on a cell's data sets without signal, their voxels laid side by side in a cube."""
    made = simulated(cell)
    inside = np.zeros([EDGE + 2 * MARGIN] * 3, dtype=bool)
    inside[MARGIN:-MARGIN, MARGIN:-MARGIN, MARGIN:-MARGIN] = True
    volume = Volume(inside.shape, np.diag([*[VOXEL_MM] * 3, 1.0]), inside)
    fsl, everywhere = backend("fsl"), np.ones(made.n_voxels, dtype=bool)
    model = fsl.with_noise_model(made.model, analyses(["fsl"])["fsl-film"][1].noise_model)
    hits = []
    for number in range(N_DATASETS[cell.noise]):
        series = data_set(made, TrialRequest(cell.noise, False, number)).series
        estimate = fsl.estimate(made.designs["fsl"], series, everywhere, model, volume, made.contrasts)
        hits.append(np.count_nonzero(fsl.contrast(estimate, made.contrasts[0], (0,)).p < STRICT))
    rate, lower, upper = clustered_rate(np.array(hits), made.n_voxels)
    blank = dict.fromkeys(NUMBERS, float("nan"))
    counts = {"n_datasets": len(hits), "n_voxels": made.n_voxels}
    found = {**blank, "rate": rate, "ci_lower": lower, "ci_upper": upper, **counts}
    return [{"analysis": SMOOTHED, "effect_size": 0.0, "p_threshold": STRICT, **found}]


def results(parts: Iterable[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of both tables, the analyses in the order in which they are compared."""
    order = [*analyses(PACKAGES), SMOOTHED]
    rates, curves = [], {}
    for part in parts:
        front = {**part["cell"], "n_scans": part["n_scans"]}
        rates += [{**front, **row} for row in part["rows"] if told(row)]
        if front["noise"] == HARD:
            for name, p, value in part["curves"]:
                curves.setdefault((front["repetition_time"], name, p), []).append(value)
    rates.sort(key=lambda row: order.index(row["analysis"]))
    names = ("repetition_time", "analysis", "p")
    means = [
        {**dict(zip(names, place, strict=True)), "rate": fmean(values)} for place, values in curves.items()
    ]
    return rates, sorted(means, key=lambda row: (order.index(row["analysis"]), row["repetition_time"]))


def main() -> None:
    """Compute what is missing, and write tables, figures and page."""
    from benchmarks import calibration_page

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    default = Path(tempfile.gettempdir()) / "bidsglm-calibration-study"
    parser.add_argument("--cache", type=Path, default=default, metavar="DIR")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    if not REAL.is_dir():
        sys.exit(f"{REAL} is not there, and the page has a section on real data")
    parts = [
        cached(cell, part, arguments.cache, arguments.processes)
        for cell in cells()
        for part in (*PACKAGES, *([SMOOTHED] if cell.noise in SMOOTHED_UNDER else []))
    ]
    rates, curves = results(parts)
    write(rates, RATES, COLUMNS)
    write(curves, CURVES, CURVE_COLUMNS)
    calibration_page.main()


if __name__ == "__main__":
    main()
