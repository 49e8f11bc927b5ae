"""Records without arguments, impulse responses of every notation, and AFNI's events on their grid."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from bidsglm.afni.responses import GRID, response
from bidsglm.attribution.autoregression import Autoregression, autoregression, near_edge, truncated
from bidsglm.attribution.covariances import PooledNoise
from bidsglm.attribution.crossing import SHAPES, Clock, fine_grid, gamma_difference, gamma_set, nearest
from bidsglm.attribution.drawing_rules import AfniEvents, WeightedEvents
from bidsglm.attribution.engine import CLOSURE_NILEARN, CLOSURE_SPM, Closure, Explanation
from bidsglm.attribution.maps import CombinationMaps
from bidsglm.attribution.mixture_fits import MixtureFits
from bidsglm.attribution.models import ContrastPair, Masks, StepSettings, evenly
from bidsglm.attribution.pair_engine import CLOSES, PairEvidence
from bidsglm.attribution.response_rules import Impulse, _tallest, impulse
from bidsglm.attribution.run_designs import RunDesign
from bidsglm.attribution.sides import Mixture, Side, settings_of_errors
from bidsglm.attribution.step_rows import unmodelled_rows
from bidsglm.attribution.voxelnoise import ArmaGrid, SmoothedAutocorrelation, TruncatedAR1
from bidsglm.data import Condition, ContrastMaps
from bidsglm.densities import gamma_density
from bidsglm.model import ContrastSpecification, Hrf
from bidsglm.pairs import DEFAULT_PAIR
from bidsglm.spm.probability import f_tail, t_tail
from bidsglm.spm.regressors import Microtime


def test_settings_that_are_not_given_are_the_references() -> None:
    assert Mixture() == (0,) * len(Mixture._fields)
    assert StepSettings() == (False,) * len(StepSettings._fields)
    for name in Mixture._fields:
        assert sum(Mixture(**{name: 1})) == 1
    assert settings_of_errors(Mixture(*range(13))) == (2, 3, 4, 9, 10, 6, 0, 5, 11)


def test_packages_with_a_constant_have_one_unless_it_is_said() -> None:
    assert PooledNoise("none").constant
    assert PooledNoise("none").covariances == ()
    assert TruncatedAR1().constant
    assert ArmaGrid().constant
    assert not SmoothedAutocorrelation(()).constant


@pytest.mark.parametrize("kind", [ArmaGrid, Autoregression, MixtureFits])
def test_what_is_kept_for_the_next_fit_is_not_shown(kind: type) -> None:
    kept = [each for each in dataclasses.fields(kind) if each.name.startswith("_")]
    assert kept
    assert not any(each.repr for each in kept)
    if kind is not MixtureFits:
        assert not any(each.compare for each in kept)


def test_maps_are_of_every_rule_unless_only_the_packages_own_are_asked_for() -> None:
    class Made:
        regressors = dict.fromkeys(["one", "two", "three"])

    class Designs:
        class models:  # noqa: N801
            runs = (Made,)

    assert CombinationMaps(Designs, None).rules == ["one", "two", "three"]  # type: ignore[arg-type]
    assert len(CombinationMaps(Designs, None, every_rule=False).rules) == 2  # type: ignore[arg-type]


NOTATIONS = [
    "GAM", "GAM(6,.9)", "GAM(6,.9,4)", "BLOCK(5)", "BLOCK(5,1)", "BLOCK(5,3)", "BLOCK4(2,1)", "BLOCK5(7)",
    "BLOCK5(7,2)", "UBLOCK(5)", "UBLOCK(5,-2)", "UBLOCK(5,2)", "dmBLOCK", "dmUBLOCK", "dmUBLOCK(-3)", "SPMG1",
    "SPMG2", "SPMG3", "SPMG1(4)", "SPMG2(4)", "SPMG3(4)",
]  # fmt: skip


@pytest.mark.parametrize("notation", NOTATIONS)
def test_an_impulse_response_convolved_with_its_duration_is_the_response(notation: str) -> None:
    whole = response(notation)
    form = impulse(whole)
    assert form is not None
    assert len(form.shapes) == len(whole.functions)
    duration = 6.0 if form.duration is None else form.duration
    step = 0.01
    t = np.arange(0, 60, step)
    for shape, function in zip(form.shapes, whole.functions, strict=True):
        expected = function(t, np.array(duration))
        height = form.height / _tallest(shape, form)
        if not duration:
            found = height * shape(t)
        else:
            # from the middles of steps, as a sum over a block of whole steps is then its integral
            narrow = shape(t + step / 2) * (t + step / 2 <= form.end)
            found = height * step * np.convolve(narrow, np.ones(round(duration / step)))[: t.size]
            found = np.concatenate([[0], found[:-1]])
        # an end that is cut off lasts as long as an event longer
        off = 0.01 if form.tallest else 5e-3
        np.testing.assert_allclose(found, expected, atol=off * np.abs(expected).max())


def test_a_height_for_all_durations_and_tents_have_no_impulse_response() -> None:
    for notation in ("dmBLOCK(1)", "TENT(0,10,6)"):
        assert impulse(response(notation)) is None
    assert impulse(response("dmBLOCK(0)")) is not None
    assert Impulse((), 3.0) == ((), 3.0, 1.0, 0.0, False)


def test_afnis_grid_is_of_ten_milliseconds_from_thirty_seconds_before_to_two_after() -> None:
    events = WeightedEvents(np.array([1.0]), np.array([0.0]), np.array([[1.0]]))
    rule = AfniEvents({"trial_type.go": [events]}, (7.0,))
    grid = rule.grid(Condition("go", np.array([1.0]), np.zeros(1)), 0)
    assert grid.dt == GRID == 0.01
    assert grid.times[0] == -30
    assert grid.times[-1] == pytest.approx(9 - 0.01)
    assert len(grid.times) == 3900
    # an impulse has an area of one second, in the bin that begins at 1 s
    assert grid.stimuli.sum() == pytest.approx(100)
    assert np.flatnonzero(grid.stimuli[:, 0] > 1e-6).tolist() == [3100]


def test_coefficients_are_cut_toward_zero_and_uncertain_at_the_edge_of_a_hundredth() -> None:
    assert truncated(np.array([0.0099, -0.0199, 0.999])).tolist() == [0, -1, 99]
    for off, edge in ((0.5e-9, True), (-0.5e-9, True), (2e-9, False), (-2e-9, False)):
        assert near_edge(np.array([0.17 + off])).tolist() == [edge]


def test_normal_matrix_of_a_coefficient_is_that_of_the_whitened_design() -> None:
    rng = np.random.default_rng(0)
    X, drifts = rng.standard_normal((12, 3)), np.linalg.qr(rng.standard_normal((12, 2)))[0]
    made = autoregression(X, drifts, np.eye(3), True)
    for hundredths in (-30, 0, 45):
        Q = made.fitted.basis
        white = Q.copy()
        white[1:] -= hundredths / 100 * Q[:-1]
        whole = np.hstack([white, made.cosines])
        np.testing.assert_allclose(made.inverse(hundredths), np.linalg.inv(whole.T @ whole), atol=1e-10)
        assert made.inverse(hundredths) is made.inverse(hundredths)
    # a column that is projected off too
    lost = autoregression(drifts[:, :1], drifts, np.ones((1, 1)), True)
    whole = np.hstack([lost.fitted.basis, drifts])
    np.testing.assert_allclose(lost.inverse(0), np.linalg.pinv(whole.T @ whole), atol=1e-10)


@pytest.mark.parametrize("name", SHAPES)
def test_nilearns_functions_are_differences_of_gammas_that_begin_a_step_late(name: str) -> None:
    delay, under, dispersion, under_dispersion, ratio = {
        "spm": (6, 16, 1, 1, 0.167),
        "glover": (6, 12, 0.9, 0.9, 0.48),
    }[name]
    dt = 0.1

    def made(onset: float, dispersion: float, under_dispersion: float) -> np.ndarray:
        t = np.linspace(0, 32, 320) - onset - dt
        rate = 1 / under_dispersion
        h = gamma_density(t, delay / dispersion, 1 / dispersion) - ratio * gamma_density(
            t, under * rate, rate
        )
        return h / h.sum()

    plain = made(0, dispersion, under_dispersion)
    np.testing.assert_allclose(gamma_difference(SHAPES[name], dt), plain)
    found = gamma_set(Hrf(name, derivative=True, dispersion=True), dt)
    later = made(0.1, dispersion, under_dispersion)
    wide, base = made(0, dispersion + 0.01, 1), made(0, dispersion, 1)
    np.testing.assert_allclose(found, np.column_stack([plain, (plain - later) / 0.1, (base - wide) / 0.01]))


@pytest.mark.parametrize("reference", [0.0, 0.5])
def test_nilearns_grid_begins_24_seconds_before_and_has_50_steps_in_a_tr(reference: float) -> None:
    grid = fine_grid(Condition("go", np.array([4.0]), np.array([2.0])), Clock(Microtime(2.0, 10), reference))
    assert grid.dt == 0.04
    assert grid.times[0] == pytest.approx(2 * reference - 24)
    np.testing.assert_allclose(np.diff(grid.times), 0.04, rtol=0.01)
    inside = grid.times[grid.stimuli[:, 0] > 0]
    assert inside.min() >= 4
    assert inside.max() < 6
    assert grid.stimuli.max() == 1


def test_the_earlier_of_two_times_that_are_equally_near_is_taken() -> None:
    times = np.array([0.0, 1.0, 3.0])
    assert nearest(times, np.array([-5.0, 0.5, 0.51, 2.0, 2.01, 9.0])).tolist() == [0, 0, 1, 1, 2, 2]


def test_voxels_are_evenly_spaced_from_first_to_last() -> None:
    columns = np.arange(100, 200)
    assert evenly(columns, 1).tolist() == [100]
    assert evenly(columns, 4).tolist() == [100, 133, 166, 199]
    assert evenly(columns, 100).tolist() == evenly(columns, 101).tolist() == columns.tolist()


def test_parts_of_a_runs_design_keep_their_order() -> None:
    a, b, own, projected = (np.full((2, n), float(k)) for k, n in enumerate((2, 1, 3, 1), start=1))
    design = RunDesign(("x", "y", "rot"), a, b, own + np.arange(3), projected, 2)
    assert design.matrix[0].tolist() == [1, 1, 2, 3, 4, 5]
    assert design.without_drifts[0].tolist() == [1, 1, 2, 5]
    assert design.all_drifts[0].tolist() == [3, 4, 4]
    assert design.all_names == ("x", "y", "rot", "", "", "")
    assert RunDesign(("x",), a, b, own, projected).n_drifts == 0


@pytest.mark.parametrize("test", ["t", "F"])
def test_degrees_of_freedom_and_masks_have_a_row_each_without_a_closure(test: str) -> None:
    stat = np.array([0.5, 2.0, 3.0, 4.0])
    dofs = ((20.0,), (33.33333,)) if test == "t" else ((2.0, 20.0), (2.0, 33.33333))
    what = ContrastSpecification("go", "label", ("go",), np.ones((1, 1)), test)
    own, other = (ContrastMaps(what, (0,), None, None, stat, stat, stat, dof) for dof in dofs)
    masks = Masks(np.array([True, True, False, True]), np.array([True, False, True, True]))
    columns = np.array([0, 2, 3])
    found = unmodelled_rows(ContrastPair(own, other), DEFAULT_PAIR, masks, columns)
    tail = (
        (lambda dof: t_tail(stat[columns], *dof).z)
        if test == "t"
        else lambda dof: f_tail(stat[columns], *dof).z
    )
    moved = np.sqrt(np.mean((tail(dofs[0]) - tail(dofs[1])) ** 2))
    words = ["20", "33.33"] if test == "t" else ["2 and 20", "2 and 33.33"]
    for row, name, said, value in zip(
        found, ("z", "mask"), (words, ["3 voxels"] * 2), (moved, 2.0), strict=True
    ):
        assert (row["contrast"], row["map"], row["part_of"]) == ("go", name, "")
        assert [row[DEFAULT_PAIR.reference], row[DEFAULT_PAIR.first]] == said
        assert row["ladder"] == row["shapley"] == row["total"] == pytest.approx(value)
        assert math.isnan(row[f"closure_{DEFAULT_PAIR.first}"])
        assert math.isnan(row[f"closure_{DEFAULT_PAIR.reference}"])
    assert (found[0]["metric"], found[0]["step"]) == ("rmsd", "degrees of freedom")
    assert (found[1]["metric"], found[1]["step"]) == ("voxels in one mask only", "mask")


def test_tolerances_of_closing_are_those_that_the_documents_promise() -> None:
    said = (Path(__file__).parents[2] / "docs" / "attribution.md").read_text(encoding="utf-8")
    words = " ".join(said.split())
    assert "(1e-6 for nilearn, 5e-7 for SPM; in other pairs 1e-6 for nilearn, " in words
    assert "2e-6 for AFNI, 5e-6 for SPM and FSL" in words
    assert (CLOSURE_NILEARN, CLOSURE_SPM) == (1e-6, 5e-7)
    assert dict(CLOSES) == {"nilearn": 1e-6, "spm": 5e-6, "afni": 2e-6, "fsl": 5e-6}
    assert Closure(1e-6, 5e-7).closes
    assert not Closure(np.nextafter(1e-6, 1), 0).closes
    assert not Closure(0, np.nextafter(5e-7, 1)).closes


@pytest.mark.parametrize("notation", ["GAM(6,.9,4)", "SPMG1(4)", "SPMG1(2.5)"])
def test_height_of_a_widened_function_is_its_largest_integral_over_the_duration(notation: str) -> None:
    form = impulse(response(notation))
    assert form is not None
    assert form.duration is not None
    step = 1e-3
    whole = np.concatenate([[0], np.cumsum(form.shapes[0](np.arange(0, 40, step) + step / 2)) * step])
    n = round(form.duration / step)
    largest = np.abs(whole[n:] - whole[:-n]).max()
    assert _tallest(form.shapes[0], form) == pytest.approx(largest, rel=3e-4)


def test_samples_are_of_voxels_at_random_and_sides_without_more_unless_it_is_said() -> None:
    assert not Explanation((), (), {}, (), True, 0, 0, 0).in_blocks
    assert not PairEvidence(
        DEFAULT_PAIR, (), Masks(np.ones(1, bool), np.ones(1, bool)), np.arange(1)
    ).in_blocks
    side = Side("fsl", (), None, ArmaGrid(), "weighted")
    assert (side.derivative, side.one_set, side.plans, side.run_factors) == (False, False, (), ())
