"""What packages say of many models, for people to look over: ``python -m tests.backends.approved``.

The command writes ``tests/data/backends/words.txt`` anew. Look over what it changes before you keep it.
"""

from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version

import numpy as np

import bidsglm
from bidsglm.backends import BACKENDS
from bidsglm.data import Condition, Paradigm
from bidsglm.errors import BidsglmError
from bidsglm.model import (
    NO_FILTER,
    AfniSettings,
    FslSettings,
    Hrf,
    ModelSpecification,
    NilearnSettings,
    ParametricModulation,
    SpmSettings,
)
from tests.conftest import PROJECT

APPROVED = PROJECT / "tests" / "data" / "backends" / "words.txt"
MODEL = ModelSpecification("m", ())


def run(start: float | None = 1.0, confounds: int = 2, censored: int = 0, n_scans: int = 100) -> Paradigm:
    go = Condition("go", np.array([4.0, 30.0]), np.array([2.0, 2.0]))
    stop = Condition("stop", np.array([12.0, 51.0]), np.array([2.0, 5.0]))
    names = tuple(f"c{i}" for i in range(confounds))
    return Paradigm(
        2.0, n_scans, start, (go, stop), names, np.zeros((n_scans, confounds)), tuple(range(censored))
    )


RUNS = {
    "one run": (run(),),
    "two runs": (run(None, 0, 3), run(0.5, 6, n_scans=180)),
    "three runs": (run(), run(), run(0.25)),
}


def models() -> Iterator[tuple[str, ModelSpecification]]:
    """Name and model of each way."""
    yield "plain", MODEL
    for hrf in (
        Hrf("spm", True),
        Hrf("spm", True, True),
        Hrf("glover"),
        Hrf("fir", fir_delays=(0, 1, 2)),
        Hrf("fir", length=12, order=4),
        Hrf("gamma", length=20, order=3),
        Hrf("fourier", length=20, order=3),
    ):
        yield f"{hrf}", replace(MODEL, hrf=hrf)
    yield "no filter", replace(MODEL, high_pass=NO_FILTER)
    yield "own cosines", replace(MODEL, high_pass=NO_FILTER, own_cosines=True)
    yield "own cosines and a filter", replace(MODEL, own_cosines=True)
    yield "smoothed", replace(MODEL, smoothing_fwhm=5.5, high_pass=90.0)
    modulated = replace(MODEL, modulations=(ParametricModulation("rt", ("go",), "rt"),))
    for orthogonalize in (True, False, {"go": False}):
        yield f"modulated, {orthogonalize}", replace(modulated, orthogonalize=orthogonalize)
    for spm in (
        SpmSettings("FAST"),
        SpmSettings("none"),
        SpmSettings(mask_threshold=float("-inf")),
        SpmSettings(mask_threshold=0.2),
        SpmSettings(microtime_resolution=20, microtime_onset=4),
        SpmSettings(global_normalization="Scaling"),
    ):
        yield f"{spm}", replace(MODEL, spm=spm)
    for nilearn in (
        NilearnSettings("ols"),
        NilearnSettings("ar3"),
        NilearnSettings(engine="library"),
        NilearnSettings(high_pass=60.0),
        NilearnSettings(drift_model="polynomial"),
        NilearnSettings(drift_model=None),
        NilearnSettings(signal_scaling=False),
        NilearnSettings(signal_scaling=1),
        NilearnSettings(signal_scaling=(0, 1)),
        NilearnSettings(slice_time_ref=0.3),
        NilearnSettings(hrf=Hrf("glover", True)),
    ):
        yield f"{nilearn}", replace(MODEL, nilearn=nilearn)
    for afni in (
        AfniSettings(noise_model="none"),
        AfniSettings(scale=False),
        AfniSettings(polort=4),
        AfniSettings(motion_per_run=False),
        AfniSettings(response_model="GAM"),
        AfniSettings(response_model={"trial_type.go": "GAM"}),
        AfniSettings(by_duration=True),
    ):
        yield f"{afni}", replace(MODEL, afni=afni)
    for fsl in (
        FslSettings(hrf="gamma", temporal_derivative=True),
        FslSettings(temporal_derivative=False),
        FslSettings(hrf="gaussian"),
        FslSettings(prewhitening=False),
        FslSettings(high_pass=50.0),
    ):
        yield f"{fsl}", replace(MODEL, fsl=fsl)


def said(package: str, model: ModelSpecification) -> Iterator[str]:
    """Lines of a package on a model."""
    backend = BACKENDS[package]
    for name, runs in RUNS.items():
        try:
            words = backend.settings_in_words(model, runs)
        except BidsglmError as error:
            yield f"  {name}: {error}"
            continue
        yield from (f"  {name}, {setting}: {text}" for setting, text in words.items())
    yield f"  methods of one: {backend.methods_text(model, 1)}"
    yield f"  methods of two: {backend.methods_text(model, 2)}"
    yield f"  unit: {backend.effect_unit(model)}"


def shown() -> str:
    """All words; of later models what differs from the plain one."""
    lines = []
    for package, backend in BACKENDS.items():
        plain: set[str] = set()
        lines += [f"== {package}", *(f"  {key}: {text}" for key, text in backend.software().items())]
        for name, model in models():
            found = list(said(package, model))
            own = [line for line in found if line not in plain]
            lines += [f"= {name}", *own] if own else []
            plain = plain or set(found)
    text = "\n".join(lines) + "\n"
    for name, known in (("VERSION", bidsglm.__version__), ("NILEARN", version("nilearn"))):
        text = text.replace(known, name)
    return text


if __name__ == "__main__":
    APPROVED.write_text(shown(), encoding="utf-8")
