"""A batch read back without MATLAB: its assignments as numbers, and what they come to in the SPM backend."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from bidsglm.backends import spm12
from bidsglm.data import Condition, DesignMatrix, Modulator, Paradigm, Run, Volume
from bidsglm.dataset.images import read_data
from bidsglm.design_space import estimable
from bidsglm.model import Floats, Hrf, ModelSpecification, SpmSettings
from bidsglm.spm import contrasts

ASSIGNMENT = re.compile(r"^([\w.(){} +,]+?) = (.*?);(?:  %.*)?$")
QUOTED = r"'(?:[^']|'')*'"
SET = {"fir": "fir", "fourier": "fourier", "fourier_han": "fourier hanning", "gamma": "gamma"}


def text(literal: str) -> str:
    """Value of a quoted text, or of several texts and characters in brackets."""
    parts = re.findall(rf"{QUOTED}|char\(\d+\)", literal)
    return "".join(
        part[1:-1].replace("''", "'") if part.startswith("'") else chr(int(part[5:-1])) for part in parts
    )


def number(literal: str) -> float:
    return float(literal.replace("Inf", "inf"))


@dataclass(frozen=True)
class Contrast:
    name: str
    test: str
    weights: Floats
    """(n_rows, n_columns)"""


@dataclass(frozen=True)
class Batch:
    """What a batch says."""

    folder: Path
    settings: Mapping[str, str]
    """Left side -> right side of every simple assignment, as written."""
    bold: tuple[Path, ...]
    masks: tuple[Path, ...]
    contrasts: tuple[Contrast, ...]

    def beside(self, name: str) -> Path | None:
        """File that a multi or multi_reg names."""
        literal = re.sub(r"^\{(fullfile\(here, )?|\)?\}$", "", self.settings[name])
        return self.folder / text(literal) if text(literal) else None


def read_batch(path: Path) -> Batch:
    """Read a batch from its text."""
    script = path.read_text(encoding="utf-8")
    settings = dict(found.groups() for line in script.splitlines() if (found := ASSIGNMENT.match(line)))
    root = path.parent / text(settings["root"])
    lists = {
        name: tuple(root / text(line) for line in body.splitlines() if line.strip())
        for name, body in re.findall(r"^(bold|masks) = \{\n(.*?)^    \};", script, re.M | re.S)
    }
    blocks = re.findall(
        r"^w = zeros\((\d+), (\d+)\);\n(.*?)^contrasts\.consess\{end \+ 1\}\.([tf])con = "
        r"struct\('name', ([^\n]*), 'weights', w, 'sessrep', 'none'\);$",
        script,
        re.M | re.S,
    )
    found = []
    for n_rows, n_columns, body, test, name in blocks:
        weights = np.zeros((int(n_rows), int(n_columns)))
        for row, column, value in re.findall(r"^w\((\d+), (\d+)\) = (\S+);", body, re.M):
            weights[int(row) - 1, int(column) - 1] = number(value)
        found.append(Contrast(text(name), test, weights))
    return Batch(path.parent, settings, lists["bold"], lists["masks"], tuple(found))


def read_conditions(path: Path | None) -> tuple[Condition, ...]:
    """Conditions of a run, as SPM finds them in the file."""
    if path is None:
        return ()
    content = loadmat(path)
    n = content["names"].size
    modulators: list[tuple[Modulator, ...]] = [()] * n
    if "pmod" in content:
        modulators = [
            tuple(
                Modulator(str(name[0]), param.ravel(), int(poly.item()))
                for name, param, poly in zip(
                    one["name"].ravel(), one["param"].ravel(), one["poly"].ravel(), strict=True
                )
            )
            for one in content["pmod"].ravel()
        ]
    cells: dict[str, Any] = {
        key: content[key].ravel() for key in ("names", "onsets", "durations", "tmod", "orth")
    }
    return tuple(
        Condition(
            str(cells["names"][i][0]),
            cells["onsets"][i].ravel(),
            cells["durations"][i].ravel(),
            modulators[i],
            int(cells["tmod"][i].item()),
            bool(cells["orth"][i].item()),
        )
        for i in range(n)
    )


def _hrf(settings: Mapping[str, str]) -> Hrf:
    bases = {
        key.removeprefix("spec.bases."): v for key, v in settings.items() if key.startswith("spec.bases.")
    }
    if "hrf.derivs" in bases:
        derivative, dispersion = re.findall(r"\d", bases["hrf.derivs"])
        return Hrf("spm", derivative == "1", dispersion == "1")
    name = next(iter(bases)).split(".")[0]
    return Hrf(SET[name], length=number(bases[f"{name}.length"]), order=int(bases[f"{name}.order"]))


@dataclass(frozen=True)
class Refit:
    """A batch fitted again by the SPM backend."""

    paradigms: tuple[Paradigm, ...]
    designs: tuple[DesignMatrix, ...]
    estimate: spm12.SpmEstimate
    stats: tuple[tuple[Floats | None, Floats], ...]
    """Effect (none for F) and statistic of every contrast, over the columns of the data"""
    volume: Volume


def refitted(batch: Batch) -> Refit:
    """Do what the batch asks of SPM with nothing but what stands in its files."""
    said = batch.settings
    assert text(said["spec.timing.units"]) == "secs"
    model = ModelSpecification(
        "batch",
        (),
        hrf=_hrf(said),
        high_pass=number(said["spec.sess(1).hpf"]),
        spm=SpmSettings(
            text(said["spec.cvi"]),
            number(said["spec.mthresh"]),
            int(said["spec.timing.fmri_t"]),
            int(said["spec.timing.fmri_t0"]),
            text(said["spec.global"]),
        ),
        smoothing_fwhm=number(said.get("smoothing.fwhm", "[0]").strip("[]").split()[0]),
    )
    n_scans = [int(n) for n in said["n_scans"].strip("[]").split()]
    time = number(said["spec.timing.RT"])
    masks = (*batch.masks, None)
    runs = [
        Run({}, bold, None, None, masks[min(i, len(batch.masks))], n, time, None)
        for i, (bold, n) in enumerate(zip(batch.bold, n_scans, strict=True))
    ]
    paradigms = tuple(_paradigm(batch, i, n, time) for i, n in enumerate(n_scans, start=1))
    designs = tuple(spm12.design(paradigm, model) for paradigm in paradigms)
    data = read_data(runs, ("spm",), model.spm.mask_threshold, model.smoothing_fwhm)
    mask = spm12.mask_from(data.series["spm"], data.candidates["spm"], model)
    estimate = spm12.estimate(designs, data.series["spm"], mask, model)
    return Refit(
        paradigms, designs, estimate, tuple(_stat(c, estimate) for c in batch.contrasts), data.volume
    )


def _paradigm(batch: Batch, session: int, n_scans: int, time: float) -> Paradigm:
    path = batch.beside(f"spec.sess({session}).multi_reg")
    regressors = np.zeros((n_scans, 0)) if path is None else np.loadtxt(path, ndmin=2)
    names = tuple(f"R{i + 1}" for i in range(regressors.shape[1]))
    conditions = read_conditions(batch.beside(f"spec.sess({session}).multi"))
    return Paradigm(time, n_scans, None, conditions, names, regressors)


def _stat(contrast: Contrast, estimate: spm12.SpmEstimate) -> tuple[Floats | None, Floats]:
    """SPM's t or F from weights over its joint design: sessions in turn, then their constants."""
    n_own = [len(names) - 1 for names in estimate.names]
    starts = np.cumsum([0, *n_own])
    assert contrast.weights.shape[1] == starts[-1] + len(n_own)
    placed = [
        np.vstack([contrast.weights[:, a : a + n].T, contrast.weights[:, starts[-1] + run]])
        for run, (a, n) in enumerate(zip(starts, n_own, strict=False))
    ]
    decomposed, dispersion = estimate.model.decomposition, estimate.dispersion
    assert estimable(placed, decomposed)
    weights = contrasts.cleaned(placed, decomposed.tolerance)
    if contrast.test == "f":
        test = contrasts.f_test(weights, decomposed, dispersion.design_covariances)
        return None, contrasts.f_maps(test, estimate.betas, estimate.residual_mean_square).F
    variance = contrasts.effect_covariance(weights, dispersion.parameter_covariances)[0, 0]
    maps = contrasts.t_maps(weights, estimate.betas, estimate.residual_mean_square, variance)
    return maps.effect, maps.t
