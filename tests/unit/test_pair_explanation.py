"""Why the maps of any two packages differ, on small runs that all four packages fit."""

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.optimize import brentq

from bidsglm.attribution.engine import Explanation
from bidsglm.attribution.pair_engine import CLOSES
from bidsglm.attribution.sizes import LEAST_VOXELS, work
from bidsglm.attribution.voxelnoise import lag_one
from bidsglm.backends.fsl_data import median_of, run_mask
from bidsglm.backends.fsl_design import line_filter
from bidsglm.fsl.highpass import filtered
from bidsglm.fsl.smoothing import reference_scan
from bidsglm.packages import PACKAGES
from bidsglm.pairs import DEFAULT_PAIR, Pair, every_pair
from bidsglm.settings import Settings
from bidsglm.unit.explanation import explain
from bidsglm.unit.fit import Fitted, fit
from bidsglm.unit.models import units_with_models
from bidsglm.unit.pair_explanation import explain_pair
from bidsglm.unit.pair_sides import SampleColumns
from bidsglm.unit.pair_sides_further import _tissue
from bidsglm.unit.preparation import prepare
from tests import tiny

ADDS_UP = 1e-9
ROUNDING = 1e-12
SAME_NUMBERS = 1e-7
"""Two computations of one definition; what differs by less than a millionth counts as the same in one"""
NOT_A_STEP = ("degrees of freedom", "mask")
PAIRS = every_pair(PACKAGES)
F_TEST = {
    "Name": "any",
    "ConditionList": ["trial_type.move", "trial_type.look"],
    "Weights": [[1, 0], [0, 1]],
    "Test": "F",
}
INDEPENDENT = {
    "SPM": {"SerialCorrelation": "none"},
    "Nilearn": {"NoiseModel": "ols"},
    "AFNI": {"NoiseModel": "none"},
    "FSL": {"Prewhitening": False},
}


def study(folder: Path, runs: tuple[str, ...], events: str = "", spikes: tuple[int, ...] = ()) -> Path:
    found = tiny.write_study(folder, ("01",), runs)
    for path in found.rglob("*_events.tsv"):
        if events:
            path.write_text(events)
    for path in found.rglob("*confounds_timeseries.tsv"):
        header, *rows = path.read_text().splitlines()
        marked = [f"{row}\t{int(scan in spikes)}" for scan, row in enumerate(rows)]
        path.write_text("\n".join([f"{header}\tspike", *marked]) + "\n")
    return found


def fitted(
    folder: Path,
    runs: tuple[str, ...] = ("",),
    changes: dict[str, object] | None = None,
    matching: str = "matched",
    fwhm: float = 0.0,
    **written: object,
) -> Fitted:
    document = tiny.model(**(changes or {}))
    document["Nodes"][0]["Contrasts"].append(F_TEST)
    model = folder / "model.json"
    data = study(folder, runs, **written)
    model.write_text(json.dumps(document))
    settings = Settings(
        bids_dir=data,
        output_dir=folder / "out",
        level="participant",
        model=model,
        backends=tuple(PACKAGES),
        matching=matching,
        smoothing_fwhm=fwhm,
    )
    unit, asked = next(iter(units_with_models(settings, "01")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit(prepare(unit, asked.specification, asked.backends))


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    """Blocks of unequal length, a censored scan, unequal noise models."""
    rows = [(3.2 + 31 * i, 8 + i, ("move", "look")[i % 2]) for i in range(4)]
    text = "onset\tduration\ttrial_type\n" + "".join(f"{o}\t{d}\t{t}\n" for o, d, t in rows)
    return fitted(
        tmp_path_factory.mktemp("two"),
        ("run-1", "run-2"),
        {"Software": {"AFNI": {"Censor": ["spike"], "ResponseModel": "dmUBLOCK(-9)"}}},
        events=text,
        spikes=(11, 12, 40),
    )


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return fitted(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def explained(two_runs: Fitted) -> Callable[[Pair], Explanation]:
    """Each pair of the two runs explained once."""
    return lru_cache(lambda pair: explain_pair(two_runs, pair))


def steps_of(found: Explanation, contrast: str, kind: str, metric: str = "rmsd") -> dict[str, float]:
    return {
        str(row["step"]): float(row["shapley"])
        for row in found.rows
        if (row["contrast"], row["map"], row["metric"]) == (contrast, kind, metric)
    }


def check(found: Explanation, pair: Pair) -> None:
    """What holds for every attribution."""
    groups: dict[tuple[str, str, str], list] = {}
    for row in found.rows:
        if row["step"] not in NOT_A_STEP:
            groups.setdefault((row["contrast"], row["map"], row["metric"]), []).append(row)
    assert {kind for _, kind, _ in groups} == {"effect", "t", "F"}
    for rows in groups.values():
        total = float(rows[0]["total"])
        parts = sum(float(row["shapley"]) for row in rows if row["step"] != "regressors")
        whole = parts if any(row["part_of"] for row in rows) else sum(float(r["shapley"]) for r in rows)
        assert whole == pytest.approx(total, abs=ADDS_UP * max(1, abs(total)))
        assert float(rows[-1]["ladder"]) == pytest.approx(total, abs=ADDS_UP * max(1, abs(total)))
        for name in pair:
            assert float(rows[0][f"closure_{name}"]) <= CLOSES[name]
    assert found.closes


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.first}-{pair.reference}")
def test_all_settings_of_one_package_give_its_maps_and_the_steps_add_up(one_run: Fitted, pair: Pair) -> None:
    found = explain_pair(one_run, pair)
    check(found, pair)
    assert found.pair == pair
    assert found.notes[-1] == "The shares are computed on all voxels of both masks."
    both = one_run.fits[pair.first].mask & one_run.fits[pair.reference].mask
    assert (found.n_sample, found.n_voxels) == (both.sum(), both.sum())


@pytest.mark.parametrize("name", ["afni", "fsl", "spm"])
def test_runs_that_are_combined_in_any_way_close_and_add_up(
    explained: Callable[[Pair], Explanation], name: str
) -> None:
    pair = Pair(name, "nilearn")
    found = explained(pair)
    check(found, pair)
    assert steps_of(found, "move - look", "t")["runs"] != 0
    assert (steps_of(found, "move - look", "effect")["runs"] == 0) == (name == "spm")


def test_total_is_the_metric_of_the_packages_own_maps(
    two_runs: Fitted, explained: Callable[[Pair], Explanation]
) -> None:
    pair = Pair("fsl", "nilearn")
    found = explained(pair)
    one, other = (two_runs.fits[name] for name in pair)
    both = one.mask & other.mask
    for first, second in zip(one.maps, other.maps, strict=True):
        moved = first.stat[both] - second.stat[both]
        row = next(
            r
            for r in found.rows
            if (r["contrast"], r["map"], r["metric"])
            == (first.specification.name, first.specification.test, "rmsd")
        )
        assert float(row["total"]) == pytest.approx(np.sqrt((moved**2).mean()), rel=1e-5)


def test_spm_and_nilearn_are_explained_alike_from_cross_products_and_by_fits(
    two_runs: Fitted, explained: Callable[[Pair], Explanation]
) -> None:
    fast, slow = explain(two_runs), explained(DEFAULT_PAIR)
    found = {(r["contrast"], r["map"], r["metric"], r["step"]): r for r in slow.rows}
    compared = 0
    for row in fast.rows:
        other = found[row["contrast"], row["map"], row["metric"], row["step"]]
        for key in ("ladder", "shapley", "total"):
            assert float(other[key]) == pytest.approx(float(row[key]), abs=SAME_NUMBERS)
            compared += 1
    assert compared > 300


def test_smoothed_data_are_explained_alike_too(tmp_path: Path) -> None:
    unit = fitted(tmp_path, fwhm=5.0)
    fast, slow = explain(unit), explain_pair(unit, DEFAULT_PAIR)
    check(slow, DEFAULT_PAIR)
    wanted = steps_of(fast, "move - look", "effect")
    for name, value in steps_of(slow, "move - look", "effect").items():
        assert value == pytest.approx(wanted[name], abs=1e-7)


def test_censored_scans_are_a_step_of_afnis_pairs_alone(explained: Callable[[Pair], Explanation]) -> None:
    assert steps_of(explained(Pair("afni", "nilearn")), "any", "F")["censoring"] != 0
    assert "censoring" not in steps_of(explained(Pair("fsl", "nilearn")), "any", "F")


def test_steps_that_do_the_same_cost_nothing(tmp_path: Path) -> None:
    unit = fitted(tmp_path, changes={"Software": INDEPENDENT, "Options": {"HighPassFilterCutoffHz": 0}})
    for pair in (Pair("afni", "nilearn"), Pair("fsl", "nilearn")):
        found = explain_pair(unit, pair)
        check(found, pair)
        same = {step.name for step in found.steps if step.same}
        # FSL's designs have no constant, so that its variances are divided by one scan more
        assert same >= {"smoother", "filter", "runs"}
        assert ("noise" in same) == (pair.first == "afni")
        shares = steps_of(found, "move - look", "t")
        assert all(shares[name] == 0 for name in same)


def test_a_package_against_itself_has_nothing_to_explain(two_runs: Fitted) -> None:
    for name in ("nilearn", "fsl"):
        found = explain_pair(two_runs, Pair(name, name))
        values = [float(r[k]) for r in found.rows for k in ("shapley", "ladder", "total")]
        assert values
        assert max(map(abs, values)) < ROUNDING


@pytest.mark.parametrize(
    ("changes", "matching", "fwhm"),
    [
        ({"HRF": {"Variables": ["trial_type.*"], "Model": "spm + derivative"}}, "matched", 0.0),
        ({}, "native", 0.0),
        ({}, "matched", 5.0),
    ],
    ids=["derivative", "native", "smoothed"],
)
def test_other_responses_and_smoothed_data_close_as_well(
    tmp_path: Path, changes: dict[str, object], matching: str, fwhm: float
) -> None:
    unit = fitted(tmp_path, changes=changes, matching=matching, fwhm=fwhm)
    for pair in (Pair("afni", "nilearn"), Pair("fsl", "nilearn")):
        check(explain_pair(unit, pair), pair)


def test_impulses_make_the_effects_of_afni_and_spm_alike_but_for_the_response(tmp_path: Path) -> None:
    text = "onset\tduration\ttrial_type\n" + "".join(
        f"{5 + 9.25 * i}\t0\t{('move', 'look')[i % 2]}\n" for i in range(13)
    )
    unit = fitted(tmp_path, events=text)
    pair = Pair("afni", "spm")
    found = explain_pair(unit, pair)
    check(found, pair)
    events = steps_of(found, "move - look", "effect", "slope-1")["events"]
    # both give an impulse the area of one second; nilearn gives it a step of TR/50
    assert abs(events) < 0.05
    against_nilearn = explain_pair(unit, Pair("afni", "nilearn"))
    moved = steps_of(against_nilearn, "move - look", "effect", "slope-1")["events"]
    assert abs(moved) > 0.5


def test_a_sample_is_seeded_and_said(one_run: Fitted) -> None:
    pair = Pair("fsl", "nilearn")
    one, other = (explain_pair(one_run, pair, most_voxels=100) for _ in range(2))
    assert one.n_sample == 100
    assert [row["shapley"] for row in one.rows] == [row["shapley"] for row in other.rows]
    assert "on 100 of 336 voxels, chosen at random" in one.notes[-1]
    # FILM smooths among all voxels, sampled or not
    assert one.closes


def test_blocks_of_a_large_mask_have_their_neighbours(
    one_run: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bidsglm.unit.pair_explanation.MOST_AROUND", 100)
    found = explain_pair(one_run, Pair("fsl", "nilearn"), most_voxels=50)
    assert found.in_blocks
    assert 50 <= found.n_sample < found.n_voxels
    assert found.closes
    assert "in compact blocks" in found.notes[-1]


def test_what_costs_too_much_is_refused_with_its_numbers(
    two_runs: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bidsglm.attribution.sizes.MOST_VALUES", 10_000)
    found = explain_pair(two_runs, Pair("afni", "nilearn"))
    assert found.rows == ()
    assert not found.closes
    text = found.notes[-1]
    assert text.startswith("The differences between AFNI and nilearn are not attributed: ")
    assert "mixtures of settings" in text
    assert str(LEAST_VOXELS) in text


def test_a_noise_model_that_clusters_voxels_is_refused(two_runs: Fitted) -> None:
    model = two_runs.prepared.model
    changed = replace(model, nilearn=replace(model.nilearn, noise_model="ar2"))
    unit = two_runs._replace(prepared=replace(two_runs.prepared, model=changed))
    assert "ar2" in explain_pair(unit, Pair("fsl", "nilearn")).notes[0]
    assert explain_pair(unit, Pair("fsl", "spm")).rows


@pytest.mark.parametrize(("n_mixtures", "n_scans"), [(32, 300), (128, 2000), (512, 20_000)])
def test_samples_shrink_until_the_pair_is_refused(n_mixtures: int, n_scans: int) -> None:
    found = work(n_mixtures, n_scans, 100_000)
    assert bool(found.too_much) == (found.n_voxels < LEAST_VOXELS)
    assert found.n_mixtures * found.n_scans * found.n_voxels <= 400_000_000


def test_ends_of_the_intensities_are_films_own_to_the_last_digit(one_run: Fitted) -> None:
    run, volume = one_run.data.series["fsl"][0], one_run.data.volume
    line = line_filter(one_run.prepared.model, len(run.stored), tiny.REPETITION_TIME)
    factor = np.float32(10_000 / median_of(run))
    inside = np.flatnonzero(run_mask(run, volume))
    whole = filtered(run.values(inside).astype(np.float32) * factor, line)[reference_scan(len(run.stored))]
    few = SampleColumns(inside[:3], 3)
    found = _tissue(run, line, volume, (few, few.series(run).astype(np.float32) * factor)).intensity[inside]
    assert (found.min(), found.max()) == (whole.min(), whole.max())
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-7 * whole.max())


def edge_of_a_bin(X: np.ndarray, off: float) -> np.ndarray:
    """A series whose residuals on X have a lag-one coefficient of a whole hundredth and so much more."""
    basis = np.linalg.qr(X)[0]
    two = np.random.default_rng(5).standard_normal((len(X), 2))
    two = two - basis @ (basis.T @ two)
    two[:, 1] = two[:, 1].cumsum()
    two = two - basis @ (basis.T @ two)
    two /= np.linalg.norm(two, axis=0)

    def mixed(share: float) -> np.ndarray:
        return two @ np.array([1 - share, share])

    def coefficient(share: float) -> float:
        return float(lag_one(mixed(share)[:, np.newaxis])[0])

    wanted = np.ceil(coefficient(0.0) * 100 + 1) / 100 + off
    share = brentq(lambda s: coefficient(s) - wanted, 0.0, 1.0, xtol=1e-15)
    assert abs(coefficient(share) - wanted) < 1e-12
    return 1000 + 100 * mixed(share)


def with_edge(unit: Fitted, pair: Pair, off: float) -> Fitted:
    """The unit with such a series in one voxel, in double precision."""
    prepared = unit.prepared
    image = nib.load(prepared.unit.runs[0].bold)
    values = image.get_fdata()
    values[4, 5, 3] = edge_of_a_bin(prepared.designs["nilearn"][0].matrix, off)
    nib.save(nib.Nifti1Image(values, image.affine, image.header, dtype=np.float64), image.get_filename())
    few = {name: prepared.designs[name] for name in (pair.reference, pair.first)}
    return fit(replace(prepared, designs=few))


def test_a_voxel_whose_bin_rounding_decides_is_set_apart(tmp_path: Path) -> None:
    pair = Pair("afni", "nilearn")
    unit = fitted(tmp_path)
    below, on = with_edge(unit, pair, -5e-8), with_edge(unit, pair, 2e-10)
    for each in (below, on):
        assert explain_pair(each, pair).closes
    # nilearn's rounding may cut the coefficient on the edge to the hundredth below
    cut = on._replace(fits={**on.fits, "nilearn": below.fits["nilearn"]})
    found = explain_pair(cut, pair)
    assert (found.closes, found.n_uncertain) == (True, 1)
    # away from the edge another bin is an error
    wrong = below._replace(fits={**below.fits, "nilearn": on.fits["nilearn"]})
    found = explain_pair(wrong, pair)
    assert (found.closes, found.n_uncertain) == (False, 0)
