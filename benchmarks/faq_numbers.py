"""The numbers of docs/faq.md: every analysis behind them, run anew by ``python benchmarks/faq.py``.

Data: the real visual localizer and fMRIPrep's real confounds tables (``real-data``), the reference analyses
of SPM12 itself (``spm12-reference``), both in the folder named by BIDSGLM_SHARED, and the demo data set.
"""

import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import nibabel as nib
import numpy as np
import pandas as pd
from scipy import stats

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from bidsglm.afni.baseline import automatic_degree  # noqa: E402
from bidsglm.afni.responses import response  # noqa: E402
from bidsglm.afni.timeline import Timeline  # noqa: E402
from bidsglm.backends import fsl_glm, nilearn_glm, spm12  # noqa: E402
from bidsglm.cli import main  # noqa: E402
from bidsglm.data import Condition, Paradigm  # noqa: E402
from bidsglm.fsl.highpass import line_filter  # noqa: E402
from bidsglm.model import NO_FILTER, Hrf, ModelSpecification  # noqa: E402
from bidsglm.spm.highpass import dct_basis  # noqa: E402
from bidsglm.spm.hrf import canonical_hrf  # noqa: E402
from tests.conftest import find_shared  # noqa: E402

Numbers = dict[str, Any]

GRID = 0.1
"""s, for response functions."""
TRUTH = 1e-6
"""Spatial weight of a simulated activation below which a voxel has none."""
MOTION = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"]
CONDITIONS = ["body", "face", "house", "object", "scene", "scramble"]


class Maps(NamedTuple):
    """A contrast's maps of one package, in the voxels of its mask."""

    effect: np.ndarray
    t: np.ndarray
    mask: np.ndarray


def fit(bids: Path, out: Path, *options: str, level: str = "participant") -> Path:
    """Run bidsglm, without the contrasts' pictures; returns the output folder."""
    shutil.rmtree(out, ignore_errors=True)
    with mock.patch("bidsglm.pages.contrasts.contrast_figures", return_value=()):
        code = main([str(bids), str(out), level, "-qq", *options])
    if code:
        raise SystemExit(f"{out.name}: bidsglm ended with exit code {code}")
    return out


def edited_model(out: Path, target: Path, **software: Mapping[str, object]) -> list[str]:
    """Write the model of a run with some settings of a package changed; returns the option that uses it."""
    document = json.loads(next(out.glob("model-*_smdl.json")).read_text())
    settings = document["Nodes"][0]["Model"]["Software"]
    for package, changes in software.items():
        settings.setdefault(package, {}).update(changes)
    target.write_text(json.dumps(document))
    return ["--model", str(target)]


def agreement(out: Path, kind: str, contrast: str = "") -> pd.DataFrame:
    """The participants' agreement of a kind of map, of one contrast or one row for each."""
    table = pd.concat(
        [pd.read_csv(path, sep="\t") for path in sorted(out.glob("sub-*/func/*agreement_metrics.tsv"))]
    )
    return table[(table["map"] == kind) & (table["contrast"].eq(contrast) | (not contrast))]


def summary(out: Path) -> dict[str, Any]:
    """What the run says about its first participant."""
    content: dict[str, Any] = json.loads(sorted(out.rglob("*bidsglm_summary.json"))[0].read_text())
    return content


def maps(out: Path, contrast: str, backend: str, participant: str = "*") -> Maps:
    """Read a contrast's maps."""
    folder = out / next(path.name for path in sorted(out.glob(f"sub-{participant}")) if path.is_dir())
    stem = f"*contrast-{contrast}_stat-{{}}_desc-{backend}_statmap.nii.gz"
    effect, t = (nib.load(next(folder.rglob(stem.format(stat)))).get_fdata() for stat in ("effect", "t"))
    mask = nib.load(next(folder.rglob(f"*desc-{backend}_mask.nii.gz"))).get_fdata() > 0
    return Maps(effect, t, mask)


def slope(y: np.ndarray, x: np.ndarray) -> float:
    """Slope of the total least squares line of y on x."""
    covariance = np.cov(x, y)
    direction = np.linalg.eigh(covariance)[1][:, -1]
    return float(direction[1] / direction[0])


def compared(y: Maps, x: Maps) -> Numbers:
    """Correlation and slope of two packages' or models' maps over the voxels of both."""
    both = y.mask & x.mask
    return {
        f"{name}_{key}": float(value)
        for name, (a, b) in {"effect": (y.effect[both], x.effect[both]), "t": (y.t[both], x.t[both])}.items()
        for key, value in (("r", np.corrcoef(a, b)[0, 1]), ("slope", slope(a, b)))
    }


def spread(values: pd.Series) -> Numbers:
    """Median, smallest and largest."""
    return {"median": float(values.median()), "low": float(values.min()), "high": float(values.max())}


def overall(out: Path, contrast: str = "") -> Numbers:
    """Agreement over the participants and contrasts, or over the participants in one contrast."""
    return {
        f"{kind}_{name}": spread(agreement(out, kind, contrast)[column])
        for kind in ("effect", "t")
        for name, column in (("r", "pearson_r"), ("slope", "slope"))
    }


def share(out: Path, kind: str, step: str) -> Numbers:
    """Share of the RMSD between the packages' maps that a modelling step makes."""
    paths = sorted(out.glob("sub-*/func/*attribution_metrics.tsv"))
    table = pd.concat([pd.read_csv(path, sep="\t") for path in paths])
    rows = table[(table["map"] == kind) & (table["metric"] == "rmsd") & (table["step"] == step)]
    return spread(rows["shapley"] / rows["total"])


def sizes(out: Path) -> Numbers:
    """Why SPM's effects vary more, over participants and t contrasts: the ratio of the SDs and its parts."""
    tables = [pd.read_csv(path, sep="\t") for path in sorted(out.glob("sub-*/func/*desc-scale_metrics.tsv"))]
    rows = pd.concat(tables)
    rows = rows[rows["map"] == "effect"]
    levels = [pd.read_csv(p, sep="\t") for p in sorted(out.glob("sub-*/func/*desc-intensity_metrics.tsv"))]
    names = ("sd_ratio", "by_level", "by_brightness", "by_rest", "slope_converted", "pearson_r_converted")
    found = {name: spread(rows[name]) for name in (*names, "mean_spm", "mean_nilearn")}
    return found | {"inside": spread(pd.concat(levels)["scaled_mask_mean"])}


def assumed_noise(out: Path) -> Numbers:
    """Autocorrelation from one scan to the next that each package assumes, over participants and runs."""
    paths = sorted(out.glob("sub-*/func/*desc-autocorrelation_metrics.tsv"))
    rows = pd.concat([pd.read_csv(path, sep="\t") for path in paths])
    rows = rows[rows["lag"] == 1]
    return {name: spread(rows[name]) for name in ("spm", "nilearn_median", "share_below_spm")}


def responses() -> Numbers:
    """Peak, undershoot and size of the canonical responses, and their correlation with SPM's."""
    from nilearn.glm.first_level import glover_hrf, spm_hrf

    bins = round(1 / GRID)
    sampled = {
        "spm": canonical_hrf(GRID),
        "nilearn_spm": spm_hrf(1.0, oversampling=bins),
        "nilearn_glover": glover_hrf(1.0, oversampling=bins),
    }
    length = min(map(len, sampled.values()))
    return {
        name: {
            "peak": float(h.argmax() * GRID),
            "trough": float(h.argmin() * GRID),
            "depth": float(-h.min() / h.max()),
            "height": float(h.max() / sampled["spm"].max()),
            "r": float(np.corrcoef(h[:length], sampled["spm"][:length])[0, 1]),
        }
        for name, h in sampled.items()
    }


def regressor(backend: Any, hrf: str, duration: float, repetition_time: float) -> np.ndarray:
    """One regressor of six events, 40 s apart."""
    onsets = 10.0 + 40.0 * np.arange(6)
    condition = Condition("a", onsets, np.full(6, duration))
    n_scans = round(260 / repetition_time)
    run = Paradigm(repetition_time, n_scans, None, (condition,), (), np.zeros((n_scans, 0)))
    model = ModelSpecification("m", ("trial_type.a",), hrf=Hrf(hrf))  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The following conditions contain events with null duration")
        return np.asarray(backend.design(run, model).matrix[:, 0])


def regressors() -> Numbers:
    """Regressors of nilearn against SPM's for blocks, short and zero-length events."""
    result: Numbers = {}
    for name, duration in (("block", 20.0), ("short", 1.0), ("zero", 0.0)):
        for tr in (2.0, 0.8):
            x = regressor(spm12, "spm", duration, tr)
            for hrf in ("spm", "glover"):
                y = regressor(nilearn_glm, hrf, duration, tr)
                key = f"{name}_{hrf}_tr{round(1000 * tr)}"
                result[key] = {"ratio": float(np.ptp(x) / np.ptp(y)), "r": float(np.corrcoef(x, y)[0, 1])}
    return result


def heights() -> Numbers:
    """Height of the regressor of one event over its baseline, which is what a beta of 1 means."""
    found: Numbers = {}
    for name, duration in (("block", 20.0), ("zero", 0.0)):
        condition = Condition("a", np.array([40.0]), np.array([duration]))
        run = Paradigm(2.0, 100, None, (condition,), (), np.zeros((100, 0)))
        model = ModelSpecification("m", ("trial_type.a",), high_pass=NO_FILTER)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The following conditions contain events with null duration")
            columns = {b.NAME: b.designs([run], model)[0].matrix[:, 0] for b in (spm12, nilearn_glm, fsl_glm)}
        found[name] = {package: float(x.max() - np.median(x)) for package, x in columns.items()}
    seconds = np.arange(0, 40, 0.001)
    for notation in ("GAM", "SPMG1", "BLOCK(20,1)", "BLOCK(20)"):
        h = response(notation).functions[0](seconds, np.zeros(seconds.size))
        found[notation.replace("(", "_").replace(")", "").replace(",", "_")] = float(h.max())
    return found


def passed() -> Numbers:
    """What FSL's filter of 100 s and SPM's leave of sinusoids, in the middle half of a run of 20 minutes."""
    n_scans, repetition_time, cutoff = 600, 2.0, 100.0
    L = line_filter(n_scans, repetition_time, cutoff)
    X = dct_basis(n_scans, repetition_time, cutoff)
    times = np.arange(n_scans) * repetition_time
    middle = slice(n_scans // 4, 3 * n_scans // 4)
    found: Numbers = {"fsl": {}, "spm": {}}
    for period in (100, 150, 200, 400):
        waves = np.column_stack([f(2 * np.pi * times / period) for f in (np.sin, np.cos)])
        for package, left in (("fsl", waves - L @ waves), ("spm", waves - X @ (X.T @ waves))):
            share = np.sqrt((left[middle] ** 2).sum() / (waves[middle] ** 2).sum())
            found[package][f"period_{period}"] = float(share)
    return found


def drifts() -> Numbers:
    """Polynomials of AFNI's automatic rule and cosines of 128 s, for the localizer's run and 20 min."""
    return {
        f"scans_{n}": {
            "polynomials": automatic_degree(Timeline(2.0, (n,))),
            "cosines": int(dct_basis(n, 2.0, 128.0).shape[1]),
        }
        for n in (156, 600)
    }


def missing_confounds(real: Path) -> Numbers:
    """Where fMRIPrep's tables hold n/a."""
    paths = sorted((real / "confounds").rglob("*desc-confounds_*.tsv"))
    first, later = [], []
    for path in paths:
        missing = pd.read_csv(path, sep="\t").isna()
        first.append(int(missing.iloc[0].sum()))
        later.append(int(missing.iloc[1:].to_numpy().sum()))
    return {"tables": len(paths), "first_low": min(first), "first_high": max(first), "later": sum(later)}


def masks(real: Path, work: Path) -> Numbers:
    """Voxels that SPM's threshold takes away from nilearn's mask."""
    result: Numbers = {}
    for name, threshold in (("default", "0.8"), ("half", "0.5"), ("none", "-Inf")):
        out = fit(real, work / f"mask-{name}", "--no-attribution", "--mask-threshold", threshold)
        row = agreement(out, "t").iloc[0]
        result[name] = {"both": int(row["n_both"]), "nilearn_only": int(row["n_nilearn_only"])}
    return result


def false_positives(reference: Path, case: str, data: str) -> float:
    """Share of SPM12's own t values without activation that pass p < 0.05, two-sided."""
    folder = reference / case / "reference"
    t, mask = (nib.load(folder / f"{name}.nii.gz").get_fdata() for name in ("spmT_0001", "mask"))
    dof = float(np.load(folder / "spm.npz")["erdf"])
    quiet = (mask > 0) & no_activation(reference / data)
    return float((np.abs(t[quiet]) > stats.t.isf(0.025, dof)).mean())


def no_activation(case: Path) -> np.ndarray:
    """Voxels of a simulated data set that respond to nothing."""
    return np.abs(nib.load(case / "truth_maps.nii.gz").get_fdata()).max(axis=-1) < TRUTH


def noise_models(shared: Path, work: Path) -> Numbers:
    """False positives of the noise models at TR 2 and 0.7 s, SPM12's own where it has run them."""
    reference, fast = shared / "spm12-reference", "18_strong_autocorr_TR0.7"
    result = {
        "slow_ar1": false_positives(reference, "01_block_tapping", "01_block_tapping"),
        "slow_fast": false_positives(reference, "08_fast", "01_block_tapping"),
        "slow_none": false_positives(reference, "07_iid", "01_block_tapping"),
        "quick_ar1": false_positives(reference, fast, fast),
    }
    shutil.rmtree(work / "quick", ignore_errors=True)
    tool = [sys.executable, str(reference / "to_bids.py"), str(reference / fast), str(work / "quick")]
    subprocess.run(tool, check=True, capture_output=True)
    document = json.loads((work / "quick/model_smdl.json").read_text())
    document["Nodes"][0]["Model"]["Software"]["SPM"]["SerialCorrelation"] = "FAST"
    path = work / "quick/fast_smdl.json"
    path.write_text(json.dumps(document))
    out = fit(work / "quick/bids", work / "quick-fast", "--no-attribution", "--model", str(path))
    for backend, name in (("spm", "quick_fast"), ("nilearn", "quick_nilearn")):
        found = maps(out, "*", backend)
        dof = next(c["dof"][backend][0] for c in summary(out)["contrasts"])
        quiet = found.mask & no_activation(reference / fast)
        result[name] = float((np.abs(found.t[quiet]) > stats.t.isf(0.025, dof)).mean())
    return result


def variants(real: Path, work: Path) -> Iterator[tuple[str, Numbers]]:
    """The real run, with one setting changed at a time."""
    quick = "--no-attribution"
    base = fit(real, work / "real")
    yield (
        "real",
        overall(base)
        | {
            "scaling": share(base, "effect", "scaling"),
            "noise": share(base, "t", "noise"),
            "sizes": sizes(base),
            "assumed": assumed_noise(base),
            "cosines": len(next(base.rglob("*nilearn_design.tsv")).read_text().split("\n")[0].split("drift_"))
            - 1,
        },
    )
    changed = edited_model(base, work / "scaling_smdl.json", Nilearn={"SignalScaling": [0, 1]})
    yield "same_scaling", overall(fit(real, work / "scaling", quick, *changed))
    changed = edited_model(base, work / "drift_smdl.json", Nilearn={"DriftModel": None})
    yield "no_drift", overall(fit(real, work / "drift", quick, *changed))
    yield "native", overall(fit(real, work / "native", quick, "--settings", "native"))
    glover = fit(real, work / "glover", quick, "--backends", "nilearn", "--hrf", "glover")
    pairs = [compared(maps(glover, c, "nilearn"), maps(base, c, "nilearn")) for c in CONDITIONS]
    yield "glover", {key: spread(pd.Series([p[key] for p in pairs])) for key in pairs[0]}
    fast = fit(real, work / "fast", quick, "--backends", "spm", "--noise-model", "fast")
    pairs = [compared(maps(fast, c, "spm"), maps(base, c, "spm")) for c in CONDITIONS]
    yield "fast", {key: spread(pd.Series([p[key] for p in pairs])) for key in pairs[0]}
    options = ("--high-pass", "0", "--confounds", *MOTION, "cosine*")
    cosines = fit(real, work / "cosines", quick, *options)
    for backend in ("spm", "nilearn"):
        pairs = [compared(maps(cosines, c, backend), maps(base, c, backend)) for c in CONDITIONS]
        yield f"cosines_{backend}", {key: spread(pd.Series([p[key] for p in pairs])) for key in pairs[0]}
    yield "zero_length", overall(fit(without_durations(real, work / "zero-bids"), work / "zero", quick))


def without_durations(real: Path, target: Path) -> Path:
    """A copy of a data set in which all events have zero duration."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(real, target)
    for path in target.glob("sub-*/func/*_events.tsv"):
        pd.read_csv(path, sep="\t").assign(duration=0).to_csv(path, sep="\t", index=False)
    return target


def missing_condition(two_runs: Path, work: Path) -> Numbers:
    """Two runs, one of which lacks the bodies."""
    target = work / "missing-bids"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(two_runs, target)
    path = next(target.glob("sub-*/func/*run-2_events.tsv"))
    events = pd.read_csv(path, sep="\t")
    events[events["trial_type"] != "body"].to_csv(path, sep="\t", index=False)
    contrasts = {
        c["name"]: c for c in summary(fit(target, work / "missing", "--no-attribution"))["contrasts"]
    }
    return {name: len(contrasts[name]["runs"]) for name in ("body", "face")}


def demo_numbers(demo: Path, work: Path) -> Numbers:
    """Agreement in the demo: the good model, the over-parameterised one, and it without nilearn's filter."""
    good, over = demo / "derivatives/bidsglm", demo / "derivatives/bidsglm-overparameterised"
    changed = edited_model(over, work / "over_smdl.json", Nilearn={"DriftModel": None})
    unfiltered = fit(demo, work / "over", "--no-attribution", "--participant-label", "01", *changed)
    row = agreement(good, "t", "movement").iloc[0]
    result: Numbers = {
        "good": overall(good, "movement"),
        "scaling": share(good, "effect", "scaling"),
        "noise": share(good, "t", "noise"),
        "sizes": sizes(good),
        "assumed": assumed_noise(good),
        "both": int(row["n_both"]),
        "nilearn_only": int(row["n_nilearn_only"]),
        "filled_ratio": next(f["size"] for f in summary(over)["findings"] if f["code"] == "filled-run"),
    }
    for key, out in (("over", over), ("unfiltered", unfiltered)):
        result[key] = {c: overall(out, c) for c in ("movement", "rest", "movementMinusRest")}
    return result


def pooled(demo: Path) -> Numbers:
    """Two groups of the same participants, one group's effects from SPM and the other's from nilearn."""
    out = demo / "derivatives/bidsglm"
    labels = sorted(path.name.removeprefix("sub-") for path in out.glob("sub-*") if path.is_dir())
    spm = [maps(out, "movement", "spm", label) for label in labels]
    other = [maps(out, "movement", "nilearn", label) for label in labels]
    both = np.logical_and.reduce([m.mask for m in (*spm, *other)])
    first, second = (np.array([m.effect[both] for m in group]) for group in (spm, other))
    active = first.mean(axis=0) > np.quantile(first.mean(axis=0), 0.99)
    p = stats.ttest_ind(first, second, axis=0).pvalue
    ratio = first[:, active].mean() / second[:, active].mean()
    return {
        "participants": len(labels),
        "ratio": float(ratio),
        "different": float((p[active] < 0.05).mean()),
        "elsewhere": float((p[~active] < 0.05).mean()),
    }


def cheap() -> Numbers:
    """What needs no data."""
    return {
        "hrf": responses(),
        "regressor": regressors(),
        "height": heights(),
        "passed": passed(),
        "drifts": drifts(),
    }


def numbers(demo: Path, work: Path) -> Numbers:
    """Everything."""
    shared = find_shared()
    if shared is None:
        raise SystemExit("set BIDSGLM_SHARED to the folder that holds real-data and spm12-reference")
    real = shared / "real-data"
    work.mkdir(parents=True, exist_ok=True)
    return {
        **cheap(),
        "nan": missing_confounds(real),
        "mask": masks(real / "studyforrest-small", work),
        "noise": noise_models(shared, work),
        **dict(variants(real / "studyforrest-small", work)),
        "missing": missing_condition(real / "studyforrest-small-2runs", work),
        "demo": demo_numbers(demo, work),
        "pool": pooled(demo),
    }
