"""Shares of modelling steps on synthetic data whose answer is known."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import pairwise, product

import numpy as np
import pytest

from bidsglm.agreement.coefficients import principal_axis
from bidsglm.attribution.crossing import Columns, Rules
from bidsglm.attribution.designs import Designs
from bidsglm.attribution.differences import threshold
from bidsglm.attribution.engine import Explanation, explanation
from bidsglm.attribution.maps import CombinationMaps
from bidsglm.attribution.models import (
    Block,
    ContrastPair,
    Masks,
    Models,
    Observations,
    Piece,
    RunDesigns,
    StepSettings,
)
from bidsglm.attribution.pooled import RunColumns, error_covariances
from bidsglm.attribution.runs import StatMaps, plan
from bidsglm.attribution.shapley import combination_of
from bidsglm.attribution.step_rows import metrics, step_sums, unmodelled_rows
from bidsglm.attribution.steps import STEPS, Step
from bidsglm.attribution.turns import Each, in_turn
from bidsglm.data import ContrastMaps
from bidsglm.model import ContrastSpecification, Floats
from bidsglm.pairs import DEFAULT_PAIR
from bidsglm.spm.highpass import dct_basis
from bidsglm.spm.whitening import normalised, whitening

N_SCANS, N_VOXELS, TR = 90, 60, 2.0
ZERO = 1e-10
"""What rounding leaves of differences of order 1."""
CLOSED = 1e-12
"""The same numbers by the same functions."""
ALL_RULES = [Rules(*flags) for flags in product((False, True), repeat=3)]
ALL_SPM = combination_of((), ())
EVERY_STEP = tuple(Step(name, "one", "other", False) for name in STEPS)
T = ContrastSpecification("go", "go", ("go",), np.array([[1.0]]))
F = ContrastSpecification("any", "any", ("go", "stop"), np.eye(2), "F")


@dataclass(frozen=True)
class Scene:
    """Two runs, or one, and how the packages' settings differ in them."""

    n_runs: int = 1
    shift: float = 0.0
    """Of nilearn's regressors against SPM's."""
    cutoffs: tuple[float, float] = (60.0, 60.0)
    factors: tuple[float, float] = (1.0, 1.0)
    autoregressive: bool = False
    correlated: bool = False
    """SPM's V is AR(1) and not the identity."""

    def regressors(self, run: int) -> dict[Rules, Columns]:
        rng = np.random.default_rng(run)
        smooth = np.cumsum(rng.standard_normal((N_SCANS, 2)), axis=0) / 5
        moved = smooth + self.shift * rng.standard_normal((N_SCANS, 2))
        return {rules: Columns(("go", "stop"), smooth if rules.response else moved) for rules in ALL_RULES}

    def models(self) -> Models:
        runs = tuple(
            RunDesigns(
                self.regressors(run),
                Columns((), np.zeros((N_SCANS, 0))),
                (dct_basis(N_SCANS, TR, self.cutoffs[0]), dct_basis(N_SCANS, TR, self.cutoffs[1])),
                TR,
            )
            for run in range(self.n_runs)
        )
        lag = np.abs(np.subtract.outer(np.arange(N_SCANS), np.arange(N_SCANS)))
        V = normalised([0.4**lag] * self.n_runs) if self.correlated else ()
        kind = "AR(1)" if self.correlated else "none"
        used = tuple(range(self.n_runs))
        return Models(runs, (plan(T, used), plan(F, used)), self.autoregressive, kind, V)

    def block(self) -> Block:
        rng = np.random.default_rng(7)
        series = []
        for run in range(self.n_runs):
            Y = rng.standard_normal((N_SCANS, N_VOXELS))
            for t in range(1, N_SCANS):
                Y[t] += 0.3 * Y[t - 1]
            X = self.regressors(run)[Rules(True, True, True)].matrix
            series.append(100 + Y + X @ rng.uniform(0, 2, (2, N_VOXELS)))
        own, other = (tuple(np.full(N_VOXELS, f) for _ in range(self.n_runs)) for f in self.factors)
        return Block(np.arange(N_VOXELS), (tuple(series),) * 2, ((own, other),) * 2)

    def explained(self, each: Each = in_turn) -> Explanation:
        models, block = self.models(), self.block()
        combinations = CombinationMaps(Designs(models, block), block)
        pairs = [
            ContrastPair(
                contrast_maps(p.specification, combinations.maps(StepSettings(), i)),
                contrast_maps(
                    p.specification, combinations.spm_maps(i)._replace(dof=combinations.maps(ALL_SPM, i).dof)
                ),
            )
            for i, p in enumerate(models.plans)
        ]
        signals = tuple(Y * f for Y, f in zip(block.series[0], block.factors[0][0], strict=True))
        inside = np.ones(N_VOXELS, dtype=bool)
        evidence = Observations(
            block.columns, pieces(block, signals), block, [lambda: block], pairs, Masks(inside, inside)
        )
        return explanation(models, EVERY_STEP, evidence, each=each)


@cache
def explained(scene: Scene) -> Explanation:
    """Explain a scene once for all tests that look at the same one."""
    return scene.explained()


def pieces(block: Block, signals: tuple[Floats, ...]) -> list[Callable[[], Piece]]:
    """The voxels in three pieces that are not alike."""
    bounds = [0, N_VOXELS // 2, N_VOXELS - 1, N_VOXELS]
    found = []
    for start, stop in pairwise(bounds):
        part = slice(start, stop)
        series = tuple(Y[:, part] for Y in block.series[0])
        factors = tuple(
            tuple(tuple(f[part] for f in runs) for runs in scalings) for scalings in block.factors
        )
        own = tuple(Y[:, part] for Y in signals)
        piece = Piece(Block(block.columns[part], (series, series), factors), own)
        found.append(partial(lambda made: made, piece))
    return found


def contrast_maps(specification: ContrastSpecification, maps) -> ContrastMaps:
    nothing: Floats = np.zeros(N_VOXELS)
    return ContrastMaps(specification, (0,), maps.effect, nothing, maps.stat, nothing, nothing, maps.dof)


def shares(found: Explanation, map_name: str, metric: str) -> dict[str, float]:
    return {
        str(row["step"]): float(row["shapley"])
        for row in found.rows
        if (row["map"], row["metric"]) == (map_name, metric)
    }


@pytest.mark.parametrize("n_runs", [1, 2])
def test_identical_settings_make_no_difference(n_runs: int) -> None:
    found = Scene(n_runs).explained()
    moved = [
        float(row[key])
        for row in found.rows
        for key in ("shapley", "ladder", "total")
        if row["step"] not in ("runs", "scaling", "mask") and (n_runs == 1 or row["map"] == "effect")
    ]
    np.testing.assert_allclose(moved, 0, atol=ZERO)


@pytest.mark.parametrize(
    "scene",
    [
        Scene(1, 0.3, (60.0, 100.0), (1.0, 2.0), True, True),
        Scene(2, 0.3, (60.0, 100.0), (1.0, 2.0), True, True),
        Scene(2, 0.0, (60.0, 60.0), (1.0, 1.0), True, False),
    ],
)
def test_shares_add_up_to_the_whole(scene: Scene) -> None:
    found = explained(scene)
    groups: dict[tuple, list] = {}
    for row in found.rows:
        if row["step"] in STEPS:
            groups.setdefault((row["contrast"], row["map"], row["metric"]), []).append(row)
    for rows in groups.values():
        total = float(rows[0]["total"])
        assert sum(float(row["shapley"]) for row in rows) == pytest.approx(total, abs=ZERO)
        assert float(rows[-1]["ladder"]) == pytest.approx(total, abs=ZERO)


def test_regressors_are_the_sum_of_their_parts() -> None:
    found = shares(Scene(shift=0.3).explained(), "t", "rmsd")
    parts = found["response"] + found["events"] + found["sampling"]
    assert found["regressors"] == pytest.approx(parts, abs=ZERO)
    assert found["regressors"] > 0


def test_scaling_moves_effects_and_no_t_of_a_single_run() -> None:
    found = Scene(factors=(1.0, 2.0)).explained()
    assert shares(found, "effect", "slope-1")["scaling"] == pytest.approx(1.0, abs=ZERO)
    assert shares(found, "t", "rmsd")["scaling"] == 0
    assert not any(labels.any() for labels in found.dominant.values())


@pytest.mark.parametrize(
    ("scene", "step"),
    [
        (Scene(shift=0.5), "regressors"),
        (Scene(cutoffs=(30.0, 120.0)), "filter"),
        (Scene(cutoffs=(np.inf, np.inf), autoregressive=True), "noise"),
        (Scene(cutoffs=(np.inf, np.inf), correlated=True), "noise"),
    ],
)
def test_the_only_step_that_differs_gets_the_whole_difference(scene: Scene, step: str) -> None:
    found = scene.explained()
    for map_name in ("effect", "t", "F"):
        parts = shares(found, map_name, "rmsd")
        whole = [row for row in found.rows if row["map"] == map_name and row["metric"] == "rmsd"]
        assert parts[step] == pytest.approx(float(whole[0]["total"]), rel=1e-6)
    used = np.concatenate([labels for labels in found.dominant.values()])
    assert {found.labels[i] for i in np.unique(used)} <= {"none", step}


def test_a_filter_counts_where_only_nilearn_whitens() -> None:
    found = shares(Scene(autoregressive=True).explained(), "t", "rmsd")
    assert found["noise"] > found["filter"] > ZERO


def test_one_packages_settings_in_every_step_give_its_maps() -> None:
    found = explained(Scene(2, 0.3, (60.0, 100.0), (1.0, 2.0), True, True))
    closures = [(row["closure_nilearn"], row["closure_spm"]) for row in found.rows if row["step"] in STEPS]
    assert max(float(value) for pair in closures for value in pair) < CLOSED
    assert found.closes


def test_an_attribution_that_does_not_close_says_so() -> None:
    scene = Scene()
    models, block = scene.models(), scene.block()
    combinations = CombinationMaps(Designs(models, block), block)
    own, other = combinations.maps(StepSettings(), 0), combinations.maps(ALL_SPM, 0)
    pair = ContrastPair(contrast_maps(T, own), contrast_maps(T, other._replace(stat=1.001 * other.stat)))
    inside = np.ones(N_VOXELS, dtype=bool)
    evidence = Observations(
        block.columns, [lambda: Piece(block, block.series[0])], block, [], [pair], Masks(inside, inside)
    )
    assert not explanation(models, EVERY_STEP, evidence).closes


def test_where_spms_covariance_is_the_pools_mixed_settings_get_the_one_of_the_pool() -> None:
    scene = Scene(2, 0.3, (60.0, 100.0), (1.0, 2.0), True, True)
    models, block = scene.models(), scene.block()
    mixed = StepSettings(filter=True, noise=True)

    def pools(combination: StepSettings) -> tuple[Floats, ...]:
        runs = [
            RunColumns(run.columns(combination.rules).matrix, run.drifts[combination.filter], TR)
            for run in models.runs
        ]
        data = [Y * scene.factors[1] for Y in block.series[0]]
        return error_covariances(runs, data, "AR(1)")

    designs = Designs(replace(models, covariances=pools(ALL_SPM)), block)
    expected = [each.matrix for each in whitening(pools(mixed))]
    for found, wanted in zip(designs.whitenings(mixed), expected, strict=True):
        assert found is not None
        np.testing.assert_allclose(found.matrix, wanted, atol=ZERO)
    home = designs.whitenings(ALL_SPM)[0]
    assert home is not None
    assert np.abs(home.matrix - expected[0]).max() > 1e-3
    assert designs.notes == ()


def test_mask_row_counts_the_voxels_of_one_package_alone() -> None:
    scene = Scene()
    block = scene.block()
    both = np.ones(N_VOXELS, dtype=bool)
    nilearn, spm = (
        np.concatenate([both, extra]) for extra in ([True] * 3 + [False] * 5, [False] * 3 + [True] * 5)
    )
    wide: Floats = np.zeros(N_VOXELS + 8)
    maps = ContrastMaps(T, (0,), wide, wide, wide, wide, wide, (80.0,))
    pair = ContrastPair(maps, maps)
    rows = unmodelled_rows(pair, DEFAULT_PAIR, Masks(nilearn, spm), block.columns)
    (row,) = [row for row in rows if row["map"] == "mask"]
    assert row["total"] == row["shapley"] == row["ladder"] == 8.0
    assert (row["nilearn"], row["spm"]) == (f"{N_VOXELS + 3} voxels", f"{N_VOXELS + 5} voxels")


@pytest.mark.parametrize("kind", ["effect", "t"])
def test_each_rung_of_the_ladder_is_the_metric_of_the_map_with_the_steps_so_far(kind: str) -> None:
    scene = Scene(2, 0.3, (60.0, 100.0), (1.0, 2.0), True, True)
    found, block = explained(scene), scene.block()
    maps = CombinationMaps(Designs(scene.models(), block), block)
    changing = [name for name in STEPS if (kind, name) != ("effect", "runs")]
    made = [
        maps.maps(combination_of(changing, [int(i < taken) for i in range(len(changing))]), 0)
        for taken in range(len(changing) + 1)
    ]
    values = [m.effect if kind == "effect" else m.stat for m in made]
    for metric in ("rmsd", "slope-1", "1-r", "1-dice"):
        rungs = {
            str(row["step"]): float(row["ladder"])
            for row in found.rows
            if (row["contrast"], row["map"], row["metric"]) == ("go", kind, metric)
        }
        if not rungs:
            assert (kind, metric) == ("effect", "1-dice")
            continue
        for taken, name in enumerate(changing, start=1):
            assert rungs[name] == pytest.approx(
                against_the_first(metric, values, [threshold(m.dof) for m in made], taken), abs=ZERO
            )


def against_the_first(metric: str, maps: list[Floats], limits: list[float], index: int) -> float:
    """Metric of one map against the first."""
    x, y = maps[0], maps[index]
    if metric == "1-dice":
        first, second = x > limits[0], y > limits[index]
        assert 0 < first.sum() < N_VOXELS
        return float(1 - 2 * (first & second).sum() / (first.sum() + second.sum()))
    if metric == "rmsd":
        return float(np.sqrt(((y - x) ** 2).mean()))
    return float(principal_axis(x, y).slope - 1 if metric == "slope-1" else 1 - np.corrcoef(x, y)[0, 1])


def test_overlap_is_with_nilearns_voxels_each_map_by_its_own_degrees_of_freedom() -> None:
    maps = np.array([[9.0, 9.0, 0.0, 0.0], [9.0, 0.0, 9.0, 9.0], [4.0, 4.0, 4.0, 0.0], [0.0, 0.0, 0.0, 9.0]])
    changes = step_sums("t", ("noise", "runs"), maps, ((50.0,), (50.0,), (5.0,), (50.0,)))
    # a t of 4 passes p < 0.001 with 50 degrees of freedom and not with 5
    np.testing.assert_allclose(metrics(changes)["1-dice"], [[0, 1 - 2 / 5], [1, 1]])


def test_without_settings_every_step_is_the_reference_packages() -> None:
    assert not any(StepSettings())


def test_no_data_of_a_piece_are_left_when_the_next_is_made() -> None:
    scene = Scene(2, 0.3, (60.0, 100.0), (1.0, 2.0), True, True)
    models, block = scene.models(), scene.block()
    maps = CombinationMaps(Designs(models, block), block)
    own = [contrast_maps(p.specification, maps.maps(StepSettings(), i)) for i, p in enumerate(models.plans)]
    held: list[weakref.ref[Floats]] = []

    def one(make: Callable[[], Piece]) -> Piece:
        assert not any(reference() is not None for reference in held)
        piece = make()
        series = tuple(Y.copy() for Y in piece.block.series[0])
        held.extend(map(weakref.ref, series))
        return Piece(piece.block._replace(series=(series, series)), series)

    made = [partial(one, make) for make in pieces(block, block.series[0])]
    inside = np.ones(N_VOXELS, dtype=bool)
    pairs = [ContrastPair(each, each) for each in own]
    evidence = Observations(block.columns, made, block, [], pairs, Masks(inside, inside))
    assert explanation(models, EVERY_STEP, evidence).rows
    assert len(held) == 6


def test_no_more_than_one_mixtures_fit_of_a_piece_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    held = []

    class Counted(CombinationMaps):
        def maps(self, combination: StepSettings, contrast: int) -> StatMaps:
            found = super().maps(combination, contrast)
            held.append(len(self._fits))
            return found

    monkeypatch.setattr("bidsglm.attribution.sample.CombinationMaps", Counted)
    Scene(2, 0.3, (60.0, 100.0), (1.0, 2.0), True, True).explained()
    assert set(held) == {1}
