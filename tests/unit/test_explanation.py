"""Why two packages' maps differ, on data whose answer is known from SPM12's own results."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bidsglm.attribution.engine import CLOSURE_NILEARN, CLOSURE_SPM, Explanation
from bidsglm.backends import nilearn_glm, spm12
from bidsglm.model import ContrastSpecification, Hrf, NilearnSettings
from bidsglm.outputs.unit_tables import ATTRIBUTION
from bidsglm.process.cores import use_cores
from bidsglm.unit.explanation import MADE_OF_CHUNK, MADE_OF_PIECE, explain
from tests.spm12_reference import MissingCaseError, case

EXACT = 1e-9
"""Shares of numbers of order 1 to 100 add up but for rounding."""
NOT_A_STEP = ("degrees of freedom", "mask")

MATCHED = NilearnSettings()

Contrasts = Mapping[str, Mapping[str, float]]
TAPPING: Contrasts = {"tapping": {"trial_type.tapping": 1.0}}
MOVEMENT: Contrasts = {
    "movement": {"trial_type.movement": 1.0},
    "movementMinusRest": {"trial_type.movement": 1.0, "trial_type.rest": -1.0},
}


def specification(label: str, weights: Mapping[str, float]) -> ContrastSpecification:
    if label.endswith("F"):
        return ContrastSpecification(label, label, tuple(weights), np.eye(len(weights)), "F")
    return ContrastSpecification(label, label, tuple(weights), np.array([list(weights.values())]))


def fitted(name: str, contrasts: Contrasts, settings: NilearnSettings = MATCHED) -> Any:
    """What a unit looks like after its fit, on SPM's mask in both packages."""
    try:
        reference = case(name)
        series, paradigms = reference.series, reference.paradigms
    except MissingCaseError as error:
        pytest.skip(str(error))
    model = replace(reference.model, nilearn=settings)
    mask = spm12.mask_from(series, reference.candidates, model)
    fits, designs = {}, {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for backend in (spm12, nilearn_glm):
            designs[backend.NAME] = tuple(backend.design(paradigm, model) for paradigm in paradigms)
            estimate = backend.estimate(designs[backend.NAME], series, mask, model)
            runs = tuple(range(len(series)))
            maps = tuple(
                backend.contrast(estimate, specification(label, weights), runs)
                for label, weights in contrasts.items()
            )
            fits[backend.NAME] = SimpleNamespace(mask=mask, maps=maps, noise=estimate.noise)
    prepared = SimpleNamespace(model=model, paradigms=paradigms, designs=designs)
    data = SimpleNamespace(
        series={"spm": series, "nilearn": series}, candidates={"spm": mask, "nilearn": mask}
    )
    return SimpleNamespace(prepared=prepared, data=data, fits=fits)


@lru_cache
def tapping() -> Explanation:
    return explain(fitted("01_block_tapping", TAPPING | {"setF": {"trial_type.tapping": 1.0}}))


@lru_cache
def movement(drift: str | None) -> Explanation:
    return explain(fitted("02_block_movement_rest", MOVEMENT, NilearnSettings(drift_model=drift)))


def total(found: Explanation, contrast: str, map_name: str, metric: str) -> float:
    return next(
        float(row["total"])
        for row in found.rows
        if (row["contrast"], row["map"], row["metric"]) == (contrast, map_name, metric)
    )


def shares(found: Explanation, contrast: str, map_name: str, metric: str) -> dict[str, float]:
    """Shapley values without those that are counted in the regressors'."""
    return {
        str(row["step"]): float(row["shapley"])
        for row in found.rows
        if (row["contrast"], row["map"], row["metric"]) == (contrast, map_name, metric) and not row["part_of"]
    }


def most_frequent(found: Explanation, contrast: str) -> str:
    """Dominant step of most voxels that have one."""
    labels = found.dominant[contrast]
    return found.labels[int(np.bincount(labels[labels > 0]).argmax())]


def largest(values: Mapping[str, float]) -> str:
    return max(values, key=lambda name: abs(values[name]))


def test_rows_have_the_columns_of_the_table() -> None:
    columns = set(ATTRIBUTION.names) - {"contrast_name"}
    assert all(set(row) == columns for row in tapping().rows)


def test_pure_mixtures_are_the_packages_own_maps() -> None:
    found = tapping()
    rows = [row for row in found.rows if row["step"] not in NOT_A_STEP]
    assert max(float(row["closure_nilearn"]) for row in rows) <= CLOSURE_NILEARN
    assert max(float(row["closure_spm"]) for row in rows) <= CLOSURE_SPM
    assert found.closes


def test_shares_add_up() -> None:
    for map_name in ("effect", "t"):
        for metric in ("rmsd", "slope-1", "1-r"):
            parts = shares(tapping(), "tapping", map_name, metric)
            whole = total(tapping(), "tapping", map_name, metric)
            assert sum(parts.values()) == pytest.approx(whole, abs=EXACT)


def test_noise_makes_the_difference_of_t_with_autoregression_in_both() -> None:
    found = tapping()
    assert 1 - total(found, "tapping", "t", "1-r") == pytest.approx(0.990, abs=0.001)
    for metric in ("rmsd", "slope-1", "1-r", "1-dice"):
        assert largest(shares(found, "tapping", "t", metric)) == "noise"
    assert most_frequent(found, "tapping") == "noise"


def test_scaling_moves_effects_and_no_t() -> None:
    assert largest(shares(tapping(), "tapping", "effect", "slope-1")) == "scaling"
    assert shares(tapping(), "tapping", "t", "rmsd")["scaling"] == 0
    assert shares(tapping(), "setF", "F", "rmsd")["scaling"] == 0


def test_independent_errors_in_both_cost_nothing() -> None:
    found = explain(fitted("07_iid", TAPPING, NilearnSettings(noise_model="ols")))
    assert next(step for step in found.steps if step.name == "noise").same
    assert total(found, "tapping", "t", "1-r") < 1e-4
    assert shares(found, "tapping", "t", "rmsd")["noise"] == 0
    assert found.closes


def test_events_of_zero_length_are_named_in_words() -> None:
    contrasts = {"face": {"trial_type.face": 1.0}, "faceF": {"trial_type.face": 1.0, "trial_type.house": 1.0}}
    found = explain(fitted("03_event_derivs_motion_2sess", contrasts))
    slopes = {row["step"]: row for row in found.rows if row["map"] == "effect" and row["metric"] == "slope-1"}
    assert slopes["events"]["part_of"] == "regressors"
    assert float(slopes["events"]["shapley"]) == pytest.approx(1 / 25 - 1, abs=0.05)
    note = next(note for note in found.notes if "drawing of events" in note)
    factor = float(note.split("face (")[1].split(")")[0])
    assert factor == pytest.approx(25, rel=0.05)
    assert "50/TR = 25" in note
    assert found.closes


def test_a_beta_of_an_overparameterised_design_differs_more_than_its_contrast() -> None:
    found = movement("cosine")
    alone, contrast = (total(found, label, "effect", "rmsd") for label in MOVEMENT)
    assert alone == pytest.approx(0.166, abs=0.002)
    assert contrast == pytest.approx(0.047, abs=0.002)
    assert all(1 - total(found, label, "t", "1-r") > 0.989 for label in MOVEMENT)


def test_a_filter_that_only_spm_has_makes_the_difference() -> None:
    found = movement(None)
    assert 1 - total(found, "movement", "t", "1-r") == pytest.approx(0.871, abs=0.001)
    for label in MOVEMENT:
        assert largest(shares(found, label, "t", "rmsd")) == "filter"
    assert largest(shares(found, "movement", "effect", "1-r")) == "filter"
    assert most_frequent(found, "movement") == "filter"


def test_finite_impulses_are_one_step() -> None:
    reference = fitted("05_fir", {})
    hrf: Hrf = reference.prepared.model.hrf
    condition = reference.prepared.paradigms[0].conditions[0].name
    names = {f"trial_type.{condition}{suffix}": 1.0 for suffix in hrf.suffixes[:2]}
    found = explain(fitted("05_fir", {"firstF": names}))
    assert "regressors" in [step.name for step in found.steps]
    assert not any(row["part_of"] for row in found.rows)
    assert any("one step" in note for note in found.notes)
    assert found.closes


def test_a_sample_of_voxels_is_counted_and_repeatable() -> None:
    unit = fitted("01_block_tapping", TAPPING)
    first, second = (explain(unit, n_sample=500) for _ in range(2))
    assert first.n_sample == 500
    assert first.n_voxels == int(unit.fits["spm"].mask.sum())
    # as text, because NaN differs from itself
    assert str(first.rows) == str(second.rows)
    assert first.closes
    whole = total(tapping(), "tapping", "t", "rmsd")
    assert total(first, "tapping", "t", "rmsd") == pytest.approx(whole, rel=0.1)


@pytest.fixture
def in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A unit whose sample has several pieces, and whose voxels several chunks."""
    unit = fitted("02_block_movement_rest", MOVEMENT)
    n_scans = sum(len(run.stored) for run in unit.data.series["nilearn"])
    monkeypatch.setattr("bidsglm.unit.explanation.PIECE_VALUES", 400 * n_scans)
    monkeypatch.setattr("bidsglm.unit.explanation.CHUNK_VALUES", 500 * n_scans)
    yield unit
    use_cores(1)


def test_two_cores_explain_what_one_does_to_the_last_bit(in_small_pieces: Any) -> None:
    found = []
    for n_cores in (1, 2):
        use_cores(n_cores)
        found.append(explain(in_small_pieces, n_sample=1500))
    one, two = found
    assert repr(one.rows) == repr(two.rows)
    for label, steps in one.dominant.items():
        np.testing.assert_array_equal(two.dominant[label], steps)


def test_size_of_pieces_moves_rounding_alone(in_small_pieces: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = explain(in_small_pieces, n_sample=1500)
    monkeypatch.undo()
    whole = explain(in_small_pieces, n_sample=1500)
    for one, other in zip(parts.rows, whole.rows, strict=True):
        numbers = {key: value for key, value in one.items() if isinstance(value, float)}
        assert one.keys() == other.keys()
        for key, value in numbers.items():
            assert value == pytest.approx(float(other[key]), rel=1e-9, abs=1e-12, nan_ok=True)
    for label, steps in whole.dominant.items():
        np.testing.assert_array_equal(parts.dominant[label], steps)


@pytest.mark.parametrize("n_contrasts", [1, 40])
def test_pieces_are_smaller_where_more_is_made_of_them(
    monkeypatch: pytest.MonkeyPatch, n_contrasts: int
) -> None:
    names = {f"tapping{i}": {"trial_type.tapping": 1.0 + i} for i in range(n_contrasts)}
    unit = fitted("01_block_tapping", names)
    n_scans = sum(len(run.stored) for run in unit.data.series["nilearn"])
    monkeypatch.setattr("bidsglm.unit.explanation.PIECE_VALUES", 100 * n_scans)
    monkeypatch.setattr("bidsglm.unit.explanation.CHUNK_VALUES", 100 * n_scans)
    given = []
    monkeypatch.setattr("bidsglm.unit.explanation.explanation", lambda *each: given.append(each[2]))
    explain(unit)
    (evidence,) = given
    for made, blocks in (
        (MADE_OF_PIECE, [make().block for make in evidence.pieces]),
        (MADE_OF_CHUNK, [make() for make in evidence.chunks]),
    ):
        sizes = [block.columns.size for block in blocks]
        assert max(sizes) == 100 * n_scans // max(n_scans, made * n_contrasts)
        assert sum(sizes) == evidence.masks.both.sum()


def test_higher_orders_of_autoregression_are_left_to_words() -> None:
    unit = fitted("01_block_tapping", TAPPING)
    model = replace(unit.prepared.model, nilearn=NilearnSettings(noise_model="ar2"))
    unit.prepared.model = model
    found = explain(unit)
    assert found.rows == ()
    assert any("ar2" in note for note in found.notes)


def test_a_contrast_of_the_constant_is_left_out() -> None:
    unit = fitted("01_block_tapping", {"constant": {"constant": 1.0}} | TAPPING)
    found = explain(unit)
    assert {row["contrast"] for row in found.rows} == {"tapping"}
    assert any("'constant'" in note for note in found.notes)


def test_a_contrast_of_a_column_that_is_dead_in_nilearn_is_left_out() -> None:
    contrasts = {"alive": {"trial_type.C": 1.0}, "dead": {"trial_type.A_x_const^1": 1.0}}
    found = explain(fitted("16_zero_columns_shift", contrasts))
    assert {row["contrast"] for row in found.rows} == {"alive"}
    assert any("'dead'" in note for note in found.notes)
    assert found.closes
