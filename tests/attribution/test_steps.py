"""Steps of an analysis in words, which of them matter, and which is the largest in each voxel."""

from dataclasses import replace
from functools import partial
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from bidsglm.attribution.crossing import Columns, Rules
from bidsglm.attribution.designs import Designs, nearly_same, same_span, shared_rules
from bidsglm.attribution.maps import CombinationMaps
from bidsglm.attribution.mixture import Mixtures
from bidsglm.attribution.models import (
    Block,
    ContrastPair,
    Masks,
    Observations,
    RunDesigns,
    StepSettings,
    estimable_everywhere,
    evenly,
    unscaled,
)
from bidsglm.attribution.runs import plan
from bidsglm.attribution.shapley import (
    _dominant,
    coarse,
    combination_of,
    dominant_steps,
    effective_steps,
    shapley_values,
)
from bidsglm.attribution.steps import COARSE_STEPS, STEPS, Step, modelling_steps
from bidsglm.model import (
    NO_FILTER,
    ContrastSpecification,
    Hrf,
    ModelSpecification,
    NilearnSettings,
    SpmSettings,
)
from tests.attribution.test_attribution import ALL_SPM, EVERY_STEP, N_VOXELS, Scene, T, contrast_maps

N = 12
MODEL = ModelSpecification("m", ())
ALL_RULES = [Rules(*flags) for flags in product((False, True), repeat=3)]
NONE = np.zeros((N, 0))


def run(drifts: tuple[int, int] = (2, 3), **moved: np.ndarray) -> RunDesigns:
    """Designs of a run; a rule may move the regressor."""
    course = np.random.default_rng(0).standard_normal((N, 1))
    regressors = {}
    for rules in ALL_RULES:
        own = course + sum(
            moved[name] for name, by_spm in rules._asdict().items() if by_spm and name in moved
        )
        regressors[rules] = Columns(("go",), own)
    made = [np.random.default_rng(9 + n).standard_normal((N, n)) for n in drifts]
    return RunDesigns(regressors, Columns((), NONE), (made[0], made[1]), 2.0)


def steps(model: ModelSpecification, *runs: RunDesigns) -> dict[str, Step]:
    return {step.name: step for step in modelling_steps(model, Mixtures(runs or (run(),), True), 0.5, 9)}


@pytest.mark.parametrize(
    ("name", "model", "reference", "other"),
    [
        ("smoother", MODEL, "none", "none"),
        (
            "smoother",
            replace(MODEL, smoothing_fwhm=5.5),
            "Gaussian of 5.5 mm at the voxels' centres, mirrored at the border",
            "Gaussian of 5.5 mm averaged over the voxels, wider",
        ),
        ("scaling", MODEL, "100 / mean of the voxel", "100 / the run's mean of spm_global"),
        (
            "scaling",
            replace(
                MODEL,
                nilearn=NilearnSettings(signal_scaling=False),
                spm=SpmSettings(global_normalization="Scaling"),
            ),
            "none",
            "100 / spm_global of each scan",
        ),
        (
            "scaling",
            replace(MODEL, nilearn=NilearnSettings(signal_scaling=(0, 1))),
            "100 / mean of all voxels",
            "100 / the run's mean of spm_global",
        ),
        (
            "response",
            replace(MODEL, hrf=Hrf("spm", True, True), nilearn=NilearnSettings(hrf=Hrf("glover", True))),
            "nilearn's glover + derivative",
            "SPM's spm + derivative + dispersion",
        ),
        (
            "events",
            replace(MODEL, spm=SpmSettings(microtime_resolution=20)),
            "steps of TR/50, height 1",
            "bins of TR/20, one bin longer; all of zero length: height 1/bin",
        ),
        (
            "filter",
            replace(MODEL, high_pass=90.0),
            "2 cosine drifts (90 s) in the design",
            "3 cosines (90 s) projected off",
        ),
        (
            "filter",
            replace(MODEL, nilearn=NilearnSettings(high_pass=60.0, drift_model="polynomial")),
            "2 polynomial drifts (60 s) in the design",
            "3 cosines (128 s) projected off",
        ),
        (
            "filter",
            replace(MODEL, high_pass=NO_FILTER),
            "2 cosine drifts (no high-pass filter) in the design",
            "3 cosines (no high-pass filter) projected off",
        ),
        (
            "noise",
            MODEL,
            "AR(1) of each voxel, its coefficient truncated to two decimals",
            "AR(1) of all voxels by pooled ReML",
        ),
        (
            "noise",
            replace(MODEL, nilearn=NilearnSettings("ols"), spm=SpmSettings("none")),
            "ordinary least squares",
            "independent errors",
        ),
        ("noise", replace(MODEL, spm=SpmSettings("FAST")), None, "FAST of all voxels by pooled ReML"),
    ],
)
def test_settings_of_both_packages_are_said(
    name: str, model: ModelSpecification, reference: str | None, other: str
) -> None:
    step = steps(model)[name]
    assert step.other == other
    assert reference in (None, step.reference)


def test_a_run_without_drifts_says_so() -> None:
    step = steps(MODEL, run((0, 0)))["filter"]
    assert (step.reference, step.other, step.same) == ("no drift terms", "no cosines", True)


def test_steps_stand_in_their_order_with_regressors_whole_or_in_parts() -> None:
    assert tuple(steps(MODEL)) == STEPS
    whole = modelling_steps(MODEL, Mixtures((run(),), False), 0.5, 9)
    assert tuple(step.name for step in whole) == COARSE_STEPS


IDENTITY = replace(MODEL, nilearn=NilearnSettings("ols"), spm=SpmSettings("none"))


def same(model: ModelSpecification, *runs: RunDesigns) -> set[str]:
    return {name for name, step in steps(model, *runs).items() if step.same}


def test_a_step_is_the_same_where_no_run_tells_its_settings_apart() -> None:
    alike, moved = run(), run(events=np.eye(N)[:, :1])
    regressors = {"response", "events", "sampling"}
    assert same(MODEL, alike) == {"smoother", "runs", *regressors}
    assert same(MODEL, alike, alike) == {"smoother", *regressors}
    assert same(MODEL, alike, moved) == {"smoother", "response", "sampling"}
    assert same(replace(MODEL, smoothing_fwhm=4.0), alike) == {"runs", *regressors}
    # with independent errors it does not matter whether the same drifts are columns or projected off
    drifts = alike.drifts[0]
    equal = replace(alike, drifts=(drifts, drifts + 0.9e-12))
    other = replace(alike, drifts=(drifts, drifts + 1.1e-12))
    assert "filter" in same(IDENTITY, equal)
    assert "filter" not in same(IDENTITY, equal, other)
    assert "filter" not in same(MODEL, equal)
    assert "noise" in same(IDENTITY, equal)
    assert "noise" not in same(replace(IDENTITY, spm=SpmSettings("FAST")), equal)
    # a drift that repeats the constant takes a degree of freedom from one package's count alone
    doubled = replace(alike, drifts=(np.ones((N, 1)), drifts))
    assert "noise" not in same(IDENTITY, doubled)


def test_steps_that_move_no_map_are_left_out_of_its_fits() -> None:
    every = [Step(name, "a", "b", name == "filter") for name in STEPS]
    names = [name for name in STEPS if name != "filter"]
    assert effective_steps(every, "effect", 2, False) == tuple(n for n in names if n != "runs")
    for kind in ("t", "F"):
        assert effective_steps(every, kind, 2, False) == tuple(names)
        assert effective_steps(every, kind, 1, False) == tuple(n for n in names if n != "scaling")
        assert effective_steps(every, kind, 1, True) == tuple(names)


def test_parts_of_the_regressors_play_as_one() -> None:
    found = coarse([replace(step, same=step.name in ("events", "sampling")) for step in EVERY_STEP])
    assert tuple(step.name for step in found) == COARSE_STEPS
    assert not any(step.same for step in found)
    quiet = coarse([replace(step, same=True) for step in EVERY_STEP])
    assert all(step.same for step in quiet)
    whole = [Step(name, "a", "b", False) for name in COARSE_STEPS]
    assert coarse(whole) == whole


@pytest.mark.parametrize("negligible", [1e-3, 0.05])
def test_dominant_step_has_the_largest_share_of_the_difference_of_its_voxel(
    monkeypatch: pytest.MonkeyPatch, negligible: float
) -> None:
    monkeypatch.setattr("bidsglm.attribution.shapley.NEGLIGIBLE", negligible)
    scene = Scene(1, 0.3, (60.0, 100.0), (1.0, 2.0), True, True)
    models, block = scene.models(), scene.block()
    designs = Designs(models, block)
    maps = CombinationMaps(designs, block)
    own, other = maps.maps(combination_of(STEPS, (0,) * 8), 0), maps.maps(ALL_SPM, 0)
    pair = ContrastPair(contrast_maps(T, own), contrast_maps(T, other))
    inside = np.ones(N_VOXELS, dtype=bool)
    parts = [slice(0, 41), slice(41, N_VOXELS)]
    chunks = [
        partial(
            Block,
            block.columns[part],
            tuple(tuple(Y[:, part] for Y in each) for each in block.series),  # type: ignore[arg-type]
            tuple(tuple(tuple(f[part] for f in runs) for runs in scalings) for scalings in block.factors),  # type: ignore[arg-type]
        )
        for part in parts
    ]
    evidence = Observations(block.columns, [], block, chunks, [pair], Masks(inside, inside))
    found = dominant_steps(designs, EVERY_STEP, evidence)["go"]
    active = ("smoother", "regressors", "filter", "noise", "runs")
    moved = [
        np.abs(maps.maps(combination_of(("scaling", *active), (1, *taken)), 0).stat - own.stat)
        for taken in product((0, 1), repeat=5)
    ]
    shares = shapley_values(np.stack(moved).reshape((2,) * 5 + (N_VOXELS,)), 5)
    numbers = np.array([COARSE_STEPS.index(name) + 1 for name in active])
    wanted = np.where(shares.max(axis=0) > negligible, numbers[shares.argmax(axis=0)], 0)
    assert len(set(wanted.tolist())) > 2
    np.testing.assert_array_equal(found, wanted)


def test_data_that_are_scaled_already_have_no_factors() -> None:
    bare = unscaled(np.arange(2), (np.zeros((4, 2)),))
    assert [each.tolist() for pair in bare.factors for runs in pair for each in runs] == [[1.0]] * 4


def test_scans_are_scaled_where_spm_scales_them_and_is_asked_to() -> None:
    series = (np.ones((3, 2), dtype=np.float32),)
    block = unscaled(np.arange(2), series)._replace(scans=(np.array([1.0, 2.0, 4.0]),))
    assert block.values(False, True, 0)[:, 0].tolist() == [1, 2, 4]
    assert block.values(False, True, 0).dtype == np.float32
    assert block.values(False, False, 0)[:, 0].tolist() == [1, 1, 1]
    assert block._replace(scans=()).values(True, True, 0)[:, 0].tolist() == [1, 1, 1]


def test_voxels_are_taken_evenly_or_all() -> None:
    assert evenly(np.arange(100, 121), 3).tolist() == [100, 110, 120]
    assert evenly(np.arange(5), 5).tolist() == evenly(np.arange(5), 9).tolist() == [0, 1, 2, 3, 4]


def test_a_contrast_must_be_estimable_by_all_rules_in_its_runs() -> None:
    go = plan(ContrastSpecification("go", "go", ("go",), np.ones((1, 1))), (1,))
    fine, lost = run(), run()
    flat = dict(lost.regressors) | {Rules(True, False, True): Columns(("go",), np.ones((N, 1)))}
    assert estimable_everywhere([fine, fine], go)
    assert not estimable_everywhere([fine, replace(lost, regressors=flat)], go)
    assert estimable_everywhere([replace(lost, regressors=flat), fine], go)
    renamed = dict(lost.regressors) | {Rules(True, False, True): Columns(("stop",), np.ones((N, 1)))}
    assert not estimable_everywhere([fine, replace(lost, regressors=renamed)], go)


@pytest.mark.parametrize(("angle", "near"), [(0.0099, True), (0.0101, False)])
def test_regressors_within_a_hundredth_share_a_covariance_whatever_their_height(
    angle: float, near: bool
) -> None:
    half = 2 * np.arcsin(angle / 2)
    one = Columns(("go", "stop"), np.array([[1.0, 0], [0, 5], [0, 0]]))
    turned = Columns(one.names, np.array([[3 * np.cos(half), 0], [3 * np.sin(half), 2], [0, 0]]))
    assert nearly_same(one, turned) == near
    assert not nearly_same(one, Columns(("go", "look"), one.matrix))
    home, other = Rules(True, True, True), Rules(False, False, False)
    assert shared_rules([{home: one, other: turned}])[other] == (home if near else other)
    far = Columns(one.names, one.matrix[:, ::-1])
    # in every run
    assert shared_rules([{home: one, other: turned}, {home: one, other: far}])[other] == other


def test_spans_are_the_same_whatever_the_columns() -> None:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((9, 3))
    assert same_span(A, A @ rng.standard_normal((3, 3)))
    assert not same_span(A, A[:, :2])
    assert not same_span(A, A + 1e-6 * rng.standard_normal((9, 3)))
    assert same_span(np.zeros((9, 0)), np.zeros((9, 0)))


@pytest.mark.parametrize("size", [0.0, 1e-9, 1.0, 1e9])
def test_noise_counts_alike_in_designs_of_full_rank_whatever_the_size_of_a_column(size: float) -> None:
    one = run()
    regressors = {
        rules: Columns(("go", "stop"), np.column_stack([made.matrix, size * np.eye(N)[:, 3]]))
        for rules, made in one.regressors.items()
    }
    assert ("noise" in same(IDENTITY, replace(one, regressors=regressors))) == (size > 0)


def test_steps_that_are_not_named_in_a_combination_are_at_spms() -> None:
    assert combination_of((), ()) == StepSettings(*(True,) * len(STEPS))
    assert combination_of(("noise",), (0,)) == StepSettings(*(True,) * len(STEPS))._replace(noise=False)
    whole = combination_of(("regressors",), (0,))
    assert (whole.response, whole.events, whole.sampling, whole.filter) == (False, False, False, True)


def test_columns_of_a_run_are_regressors_confounds_and_the_constant() -> None:
    one = replace(run(), confounds=Columns(("rot",), np.full((N, 1), 3.0)))
    found = one.columns(ALL_RULES[0])
    assert found.names == ("go", "rot", "constant")
    np.testing.assert_array_equal(found.matrix[:, 1:], np.tile([3.0, 1.0], (N, 1)))
    np.testing.assert_array_equal(found.matrix[:, :1], one.regressors[ALL_RULES[0]].matrix)


@pytest.mark.parametrize(("off", "named"), [(0.99e-3, False), (1.01e-3, True), (-1.01e-3, True), (1.0, True)])
def test_a_difference_of_a_thousandth_has_no_dominant_step(off: float, named: bool) -> None:
    columns = np.array([2, 0])
    first = np.array([9.0, 9.0, 3.0])
    maps = SimpleNamespace(block=SimpleNamespace(columns=columns))
    pair = SimpleNamespace(
        reference=SimpleNamespace(stat=first), other=SimpleNamespace(stat=first + np.array([0.0, 0.0, off]))
    )
    found = _dominant(maps, ("filter",), 0, pair)  # type: ignore[arg-type]
    assert found.tolist() == [1 + COARSE_STEPS.index("filter") if named else 0, 0]
    assert _dominant(maps, (), 0, pair).tolist() == [0, 0]  # type: ignore[arg-type]
