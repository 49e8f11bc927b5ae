"""Mixtures of two packages' settings against the same reckoned out step by step."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from bidsglm.attribution.crossing import Columns
from bidsglm.attribution.mixture_fits import MixtureFits
from bidsglm.attribution.pair_engine import active_steps, mixture_of
from bidsglm.attribution.sides import DriftColumns, LocalLine, Mixture, ProjectedOff, Side, settings_of_errors
from bidsglm.attribution.steps import Step
from bidsglm.attribution.voxelnoise import TruncatedAR1
from tests.attribution import mixed

STEPS = ("smoother", "scaling", "regressors", "censoring", "filter", "noise", "runs", "confounds", "contrast")
SINGLE = 2e-5
"""FSL's columns are float32, over the largest value"""
EVERY = [mixture_of(STEPS, taken) for taken in product((0, 1), repeat=len(STEPS))]


@pytest.mark.parametrize("name", mixed.SIDES)
def test_mixtures_are_what_every_packages_rule_gives(name: str) -> None:
    models = mixed.models(mixed.SIDES[name]())
    fits = MixtureFits(models)
    chosen = [EVERY[i] for i in sorted({0, len(EVERY) - 1, *range(0, len(EVERY), 5)})]
    for mixture in sorted(chosen, key=lambda c: str(fits.key(c))):
        found, wanted = fits.maps(mixture)[0], mixed.by_hand(models, mixture)
        assert found.effect is not None
        atol = SINGLE if name == "fsl" else 1e-9
        np.testing.assert_allclose(found.effect, wanted.effect, atol=atol * np.abs(wanted.effect).max())
        np.testing.assert_allclose(found.stat, wanted.t, atol=atol * np.abs(wanted.t).max())
        assert found.dof == pytest.approx((wanted.dof,))


@pytest.mark.parametrize("name", mixed.SIDES)
def test_a_packages_own_maps_are_those_of_what_it_stores(name: str) -> None:
    models = mixed.models(mixed.SIDES[name]())
    for side in (0, 1):
        mixture = Mixture(*(side,) * len(Mixture._fields))
        own, same = MixtureFits(models).own_maps(side), MixtureFits(models).maps(mixture)
        for one, other in zip(own, same, strict=True):
            np.testing.assert_allclose(one.stat, other.stat, rtol=1e-7)
            if one.effect is not None and other.effect is not None:
                np.testing.assert_allclose(one.effect, other.effect, rtol=1e-7)
    # the data themselves: twice as large ones have effects twice as large
    other = models.sides[1]
    doubled = replace(other, runs=tuple(replace(run, stored=2 * run.stored) for run in other.runs))
    one, two = (MixtureFits(mixed.models(each)).own_maps(1)[0].effect for each in (other, doubled))
    assert one is not None
    assert two is not None
    np.testing.assert_allclose(two, 2 * one, rtol=1e-5)


def test_single_precision_is_filtered_into_single_precision() -> None:
    fsl = mixed.fsl()
    stored = [replace(run, stored=run.stored.astype(np.float32)) for run in fsl.runs]
    single, double = (
        MixtureFits(mixed.models(replace(fsl, runs=tuple(runs)))).own_maps(1)[0].stat
        for runs in (stored, [replace(run, stored=run.stored.astype(np.float64)) for run in stored])
    )
    np.testing.assert_allclose(single, double, rtol=1e-4)
    assert (single != double).any()


def test_a_line_that_is_none_takes_off_the_mean_alone() -> None:
    fsl = mixed.fsl()
    none = replace(fsl, runs=tuple(replace(run, filter=LocalLine(None)) for run in fsl.runs))
    flat = replace(
        fsl,
        runs=tuple(
            replace(run, filter=LocalLine(np.full((n, n), 1 / n)))
            for run, n in zip(fsl.runs, mixed.LENGTHS, strict=True)
        ),
    )
    mixture = Mixture(*(1,) * len(Mixture._fields))
    one, other = (MixtureFits(mixed.models(side)).maps(mixture)[0].stat for side in (none, flat))
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_what_both_were_given_alike_is_no_setting() -> None:
    models = mixed.models(mixed.spm())
    fits = MixtureFits(models)
    assert fits.shared_inputs == {"onsets", "durations", "confounds"}
    assert fits.normal(Mixture(confounds=1, onsets=1, events=0)) == Mixture()
    assert fits.normal(Mixture(events=1)) == Mixture(events=1, onsets=1, durations=1)
    moved = tuple(replace(c, onsets=c.onsets + 1, durations=2 * c.durations) for c in mixed.EVENTS)
    other = with_runs(mixed.afni(), conditions=moved)
    fits = MixtureFits(mixed.models(other))
    assert fits.shared_inputs == frozenset()
    mixture = Mixture(onsets=1, confounds=1)
    assert fits.normal(mixture) == mixture
    both = fits.models.conditions(1, 0, 1)
    np.testing.assert_array_equal(both[1].onsets, moved[1].onsets)
    np.testing.assert_array_equal(both[1].durations, mixed.EVENTS[1].durations)


def with_runs(side: Side, **changes: object) -> Side:
    return replace(side, runs=tuple(replace(run, **changes) for run in side.runs))  # type: ignore[arg-type]


@pytest.mark.parametrize(("off", "alike"), [(0.9e-6, True), (1.1e-6, False)])
def test_confounds_that_differ_in_the_digits_of_a_file_are_alike(off: float, alike: bool) -> None:
    models = mixed.models(mixed.spm())
    runs = []
    for run, common in zip(models.sides[1].runs, models.runs, strict=True):
        moved = common.confounds + off * np.ptp(common.confounds)
        runs.append(replace(run, confounds=Columns(common.confound_names, moved)))
    fits = MixtureFits(mixed.models(replace(models.sides[1], runs=tuple(runs))))
    assert ("confounds" in fits.shared_inputs) == alike


def test_censoring_filters_and_names_make_the_columns() -> None:
    fits = MixtureFits(mixed.models(mixed.afni()))
    n = mixed.LENGTHS[1]
    found = fits.design(Mixture(censoring=1), 1)
    assert found.names == ("go", "stop", "rot")
    assert found.all_names == ("go", "stop", "rot", "", "", "", "", "")
    assert found.n_drifts == 2
    np.testing.assert_array_equal(found.own[:, 2:4], np.eye(n)[:, [3, 12]])
    np.testing.assert_array_equal(found.matrix[:, -1], np.ones(n))
    np.testing.assert_array_equal(found.all_drifts, mixed.polynomials(n))
    assert found.without_drifts.shape == (n, 6)
    derivative = MixtureFits(mixed.models(mixed.fsl())).design(Mixture(response=1, events=1, sampling=1), 0)
    assert derivative.names == ("go", "go_derivative", "stop", "stop_derivative", "rot")
    projected = MixtureFits(mixed.models(mixed.spm())).design(Mixture(filter=1), 0)
    assert (projected.n_drifts, projected.own.shape[1]) == (0, 1)
    np.testing.assert_array_equal(projected.all_drifts, mixed.cosines(mixed.LENGTHS[0]))


def test_fits_are_shared_where_only_factors_or_the_sum_of_runs_differ() -> None:
    fits = MixtureFits(mixed.models(mixed.fsl()))
    assert fits.key(Mixture()) == fits.key(Mixture(scaling=1, runs=1))
    assert fits.key(Mixture()) != fits.key(Mixture(noise=1))
    joint = MixtureFits(mixed.models(mixed.afni()))
    assert joint.key(Mixture()) != joint.key(Mixture(runs=1))
    # in one regression runs must be on one scale
    assert joint.key(Mixture(runs=1)) != joint.key(Mixture(runs=1, scaling=1))
    assert joint.key(Mixture()) == joint.key(Mixture(scaling=1))
    by_scans = MixtureFits(mixed.models(mixed.spm_by_scans()))
    assert by_scans.key(Mixture()) != by_scans.key(Mixture(scaling=1))
    assert mixed.models(mixed.spm_by_scans()).scanwise
    assert not mixed.models(mixed.spm()).scanwise
    assert mixed.models(mixed.afni()).joint
    assert not mixed.models(mixed.fsl()).joint


def test_filters_that_take_out_the_same_are_one_setting_of_the_errors() -> None:
    spm = mixed.spm()
    cosines = [DriftColumns(3 * mixed.cosines(n)) for n in mixed.LENGTHS]
    one = replace(
        mixed.nilearn(),
        runs=tuple(
            replace(run, filter=rule) for run, rule in zip(mixed.nilearn().runs, cosines, strict=True)
        ),
    )
    line = with_runs(mixed.nilearn(), filter=LocalLine(None))
    found = [
        MixtureFits(mixed.models(spm, side))._settings_of_errors(Mixture(filter=0))
        for side in (one, mixed.nilearn(), line)
    ]
    assert found[0] == settings_of_errors(Mixture(filter=1))
    assert found[1] == found[2] == settings_of_errors(Mixture())
    assert isinstance(spm.runs[0].filter, ProjectedOff)


def test_uncertain_voxels_are_those_of_either_run_of_nilearns_own_maps() -> None:
    side = replace(mixed.nilearn(), noise=TruncatedAR1())
    runs = list(side.runs)
    n = mixed.LENGTHS[1]
    # no residual: a coefficient of exactly 0, which rounding could cut either way
    spoilt = runs[1].stored.copy()
    spoilt[:, 3] = 0
    assert n == len(spoilt)
    runs[1] = replace(runs[1], stored=spoilt)
    fits = MixtureFits(mixed.models(mixed.fsl(), replace(side, runs=tuple(runs))))
    assert np.flatnonzero(fits.uncertain(0)).tolist() == [3]
    assert not fits.uncertain(1).any()


def test_steps_that_move_no_map_are_not_taken() -> None:
    steps = [Step(name, "a", "b", name == "filter") for name in ("scaling", "filter", "noise", "runs")]
    one_run = mixed.models(mixed.spm())
    one_run = replace(one_run, runs=one_run.runs[:1])
    by_scans = replace(mixed.models(mixed.spm_by_scans()), runs=one_run.runs)
    assert active_steps(one_run, steps, "t") == active_steps(one_run, steps, "F") == ("noise", "runs")
    assert active_steps(one_run, steps, "effect") == ("scaling", "noise")
    assert active_steps(one_run, steps) == ("scaling", "noise", "runs")
    assert active_steps(by_scans, steps, "t") == ("scaling", "noise", "runs")
    assert active_steps(mixed.models(mixed.spm()), steps, "t") == ("scaling", "noise", "runs")
    for side in (mixed.fsl(), replace(mixed.spm(), run_factors=(2.0, 1.0))):
        assert active_steps(mixed.models(side), steps, "effect") == ("scaling", "noise", "runs")
