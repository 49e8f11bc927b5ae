"""The parts of a check by themselves: settings of columns, places of files, weights and sentences,"
" at their limits."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bidsglm.check import event_settings, explaining, response_settings, scans, why
from bidsglm.check.columns import (
    correlations,
    filtered,
    is_among,
    match_run,
    spans_agree,
    suffixes,
)
from bidsglm.check.condition_columns import columns_of, looks_convolved
from bidsglm.check.explaining import Changed, ColumnExplanation, ExplainedColumn, explained, made_again
from bidsglm.check.map_weights import Attempt, Reproduction, _judged, is_tidy, rounded, with_grand_mean
from bidsglm.check.models import hrf_of, placed_columns, sampled_at, specification_of
from bidsglm.check.reproduction import before_smoothing, sampled
from bidsglm.check.runs import frame_offset, in_order_of
from bidsglm.check.sentences import findings_of
from bidsglm.data import Condition, DesignMatrix, Modulator
from bidsglm.errors import DataError

TR = 2.0
GO = Condition("go", np.array([6.0, 31.0, 70.0, 121.0]), np.array([3.0, 5.0, 3.0, 3.0]))


def column(offset: float | None = 0.4375, condition: Condition = GO, time: float = TR) -> ExplainedColumn:
    return ExplainedColumn(condition, np.zeros(90), time, 0.4375, offset)


# how nilearn's column came about


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (Changed(), ()),
        (Changed(sampled_at=0.0), ("sampling",)),
        (Changed(kernel="glover"), ("basis functions",)),
        (Changed(duration=0.0), ("durations",)),
        (Changed(duration_factor=2.0), ("durations",)),
        (Changed(shift=1.0), ("onsets",)),
        (Changed(onset_factor=0.5), ("onsets",)),
        (Changed(0.5, "glover", 1.0, None, 2.0), ("sampling", "basis functions", "durations", "onsets")),
    ],
)
def test_changed_settings_have_the_words_of_the_check(changed: Changed, words: tuple[str, ...]) -> None:
    assert changed.what == words


@pytest.mark.parametrize(
    ("changed", "onsets", "durations"),
    [
        (Changed(), [6, 31, 70, 121], [3, 5, 3, 3]),
        (Changed(shift=-2.0), [4, 29, 68, 119], [3, 5, 3, 3]),
        (Changed(onset_factor=0.5), [3, 15.5, 35, 60.5], [3, 5, 3, 3]),
        (Changed(onset_factor=2.0, shift=1.0), [13, 63, 141, 243], [3, 5, 3, 3]),
        (Changed(duration_factor=2.0), [6, 31, 70, 121], [6, 10, 6, 6]),
        (Changed(duration=4.0), [6, 31, 70, 121], [4, 4, 4, 4]),
        (Changed(duration=0.0), [6, 31, 70, 121], [0, 0, 0, 0]),
    ],
)
def test_events_are_changed_as_is_said(changed: Changed, onsets: list[float], durations: list[float]) -> None:
    modulated = replace(GO, modulators=(Modulator("rt", np.arange(4.0)),), time_modulation=2)
    found = explaining.changed_events(modulated, changed)
    assert (found.onsets.tolist(), found.durations.tolist()) == (onsets, durations)
    assert (found.modulators, found.time_modulation) == ((), 0)


def test_single_changes_are_those_that_people_make() -> None:
    found = explaining._single(column(None), Changed())
    values = {
        name: [getattr(c, name) for c in found if getattr(c, name) is not None] for name in Changed._fields
    }
    assert values["sampled_at"] == [0.0, 0.5, 0.25, 0.75, 1.0]
    assert values["kernel"] == ["glover"]
    assert values["duration"] == [*explaining.DURATIONS, TR]
    assert values["shift"] == [s * k * TR for k in range(1, 11) for s in (1, -1)] + [1.0, -1.0]
    assert values["onset_factor"] == values["duration_factor"] == [2.0, 0.5]
    assert all(sum(value is not None for value in each) == 1 for each in found)
    assert not [c for c in explaining._single(column(0.5), Changed()) if c.sampled_at is not None]
    still = replace(GO, durations=np.zeros(4))
    assert not [c for c in explaining._single(column(0.5, still), Changed()) if c.duration_factor]
    second = explaining._single(column(0.5, time=1.0), Changed())
    assert not [c for c in second if c.onset_factor or c.duration_factor]


def test_another_response_is_tried_with_the_durations_that_people_use() -> None:
    single = explaining._single(column(time=1.4), Changed())
    pairs = explaining._pairs(single, Changed(), 1.4)
    durations = {pair.duration for pair in pairs if pair.kernel == "glover" and pair.duration is not None}
    assert durations == {0.0, 1.0, 1.4, 2.0, 3.0, 4.0, 5.0, 10.0}


def test_pairs_are_of_two_settings_and_of_usual_values() -> None:
    single = explaining._single(column(), Changed())
    pairs = list(explaining._pairs(single, Changed(), TR))
    assert all(sum(value is not None for value in each) == 2 for each in pairs)
    assert {abs(each.shift) for each in pairs if each.shift} == {1.0, 2.0, 4.0}
    assert {each.duration for each in pairs if each.duration is not None} == {0, 1, 2, 3, 4, 5, 10}
    assert Changed(duration=4.0, shift=-2.0) in pairs
    assert Changed(kernel="glover", shift=4.0) in pairs
    assert not [each for each in pairs if each.duration is not None and each.duration_factor is not None]
    start = Changed(sampled_at=0.0)
    joined = explaining._joined(start._replace(shift=1.0), start._replace(kernel="glover"), start)
    assert joined == Changed(sampled_at=0.0, kernel="glover", shift=1.0)
    assert explaining._joined(start._replace(shift=1.0), start._replace(shift=2.0), start) is None


@pytest.mark.parametrize(
    "changed", [Changed(), Changed(kernel="glover"), Changed(duration=0.1), Changed(duration=4.0)]
)
def test_the_change_that_made_a_column_is_found(changed: Changed) -> None:
    asked = column()
    found = explained(asked._replace(values=5 - 3 * 0 + 2 * made_again(asked, changed)))
    assert found.changed is not None
    got, wanted = (explaining.changed_events(GO, each) for each in (found.changed, changed))
    np.testing.assert_allclose(got.onsets, wanted.onsets, atol=2e-3)
    np.testing.assert_allclose(got.durations, wanted.durations, atol=2e-3)
    assert found.changed.kernel == changed.kernel
    assert found.r > explaining.REPRODUCED


@pytest.mark.parametrize(
    ("offset", "told"), [(0.0, 0.0), (0.4375, None), (0.4375 + 1e-7, None), (0.44, 0.44)]
)
def test_sampling_that_a_file_tells_is_taken(offset: float, told: float | None) -> None:
    asked = column(offset)
    values = made_again(asked, Changed(sampled_at=offset))
    found = explained(asked._replace(values=values))
    assert found.changed == Changed(sampled_at=told)


def test_a_column_of_noise_has_the_best_correlation_and_no_change() -> None:
    noise = np.random.default_rng(0).standard_normal(90)
    few = explaining._tried(column()._replace(values=noise), [Changed(), Changed(shift=4.0)])
    rs = [np.corrcoef(made_again(column(), each), noise)[0, 1] for each in (Changed(), Changed(shift=4.0))]
    assert few == ColumnExplanation(None, pytest.approx(max(rs)))


# columns of two designs


def test_correlations_are_pearsons_and_0_of_constants() -> None:
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((20, 2)), np.column_stack([rng.standard_normal(20), np.full(20, 3.0)])
    expected = [[np.corrcoef(X[:, i], Y[:, 0])[0, 1], 0.0] for i in range(2)]
    np.testing.assert_allclose(correlations(X, Y), expected)


def test_filtered_columns_have_no_constant_and_no_drift() -> None:
    rng = np.random.default_rng(0)
    X, K = rng.standard_normal((20, 2)) + 4, rng.standard_normal((20, 1))
    found = filtered(X, K)
    np.testing.assert_allclose(np.column_stack([np.ones(20), K]).T @ found, 0, atol=1e-12)
    np.testing.assert_allclose(filtered(found, K), found)


def test_names_of_functions_are_nilearns() -> None:
    design = DesignMatrix(("a*bf(1)", "a*bf(2)", "a*bf(3)", "x"), np.empty((0, 4)), np.empty((0, 0)))
    assert list(suffixes(design, ["", "_derivative"]).values()) == ["a", "a_derivative", "a", "x"]


def nilearn(
    names: tuple[str, ...], X: np.ndarray, drifts: tuple[int, ...] = (), constants: tuple[int, ...] = ()
) -> Any:
    others = tuple(i for i in range(len(names)) if i not in (*drifts, *constants))
    return SimpleNamespace(
        names=names,
        matrix=X,
        drifts=drifts,
        constants=constants,
        others=others,
        columns=lambda wanted: X[:, [names.index(name) for name in wanted]],
    )


@pytest.mark.parametrize(("r", "matched"), [(0.91, True), (-0.91, True), (0.89, False)])
def test_columns_match_by_name_or_else_by_correlation(r: float, matched: bool) -> None:
    Q = np.linalg.qr(np.column_stack([np.ones(40), np.random.default_rng(0).standard_normal((40, 4))]))[0][
        :, 1:
    ]
    a, b, c, k = Q.T
    spm = DesignMatrix(
        ("Face Left*bf(1)", "b*bf(1)", "constant"), np.column_stack([a, b, np.ones(40)]), k[:, None]
    )
    like = r * b + np.sqrt(1 - r**2) * c
    theirs = nilearn(
        ("other", "face_left", "drift", "intercept"),
        np.column_stack([like, 2 * a, -3 * k, np.ones(40)]),
        (2,),
        (3,),
    )
    found = match_run(spm, theirs, [""])
    first = found.matches[0]
    assert (first.spm, first.nilearn) == ("Face Left*bf(1)", "face_left")
    assert (first.r, first.r_filtered, first.ratio) == pytest.approx((1, 1, 2))
    assert (found.matches[-1].spm, found.matches[-1].nilearn) == ("constant", "intercept")
    assert np.isnan(found.matches[-1].r)
    assert len(found.matches) == 2 + matched
    if matched:
        assert found.matches[1].r == pytest.approx(r)
        assert found.matches[1].ratio == pytest.approx(r)
    assert found.only_spm == (() if matched else ("b*bf(1)",))
    assert found.only_nilearn == (() if matched else ("other",))
    assert (found.n_cosines, found.n_drifts, found.filters_agree) == (1, 1, True)


def test_drifts_agree_in_their_number_and_their_space() -> None:
    t = np.linspace(-1, 1, 30)
    two = np.column_stack([t, t**2])
    assert spans_agree(two, np.column_stack([t + t**2 + 4, t - 2 * t**2]))
    assert not spans_agree(two, np.column_stack([t, t**3]))
    assert not spans_agree(two, two[:, :1])
    assert spans_agree(np.empty((30, 0)), np.empty((30, 0)))


@pytest.mark.parametrize(("part", "among"), [(0.0, True), (0.9e-3, True), (1.2e-3, False)])
def test_a_column_is_among_others_up_to_a_thousandth(part: float, among: bool) -> None:
    Q = np.linalg.qr(np.column_stack([np.ones(40), np.random.default_rng(0).standard_normal((40, 3))]))[0][
        :, 1:
    ]
    whole = Q[:, 0] * 3 + Q[:, 1]
    whole = 7 + whole / np.linalg.norm(whole) + part * Q[:, 2]
    assert is_among(whole, Q[:, :2]) is among


def test_columns_of_a_condition_are_found_by_its_name() -> None:
    run: Any = SimpleNamespace(
        design=nilearn(("Go", "go_derivative", "go_delay_3", "go2", "stop", "go_x"), np.empty((0, 6)))
    )
    assert columns_of(run, "go") == ["Go", "go_derivative", "go_delay_3"]
    assert columns_of(run, "nothing") == []


def test_convolved_columns_are_told_from_others() -> None:
    made = made_again(column(), Changed())
    table = {
        "go": made,
        "go_derivative": made,
        "late": made + 0.06 * made.max(),
        "early": made + 0.04 * made.max(),
        "low": made - 0.5 * made.max() * (np.arange(90) == 50),
        "noise": made * np.random.default_rng(0).choice([0, 1], 90),
        "down": -made,
    }
    design = nilearn(tuple(table), np.column_stack(list(table.values())))
    assert [name for name in table if looks_convolved(design, name)] == ["go", "early"]


# events and responses in words


def event_run(**explanations: ColumnExplanation) -> Any:
    conditions = tuple(
        SimpleNamespace(name=name, onsets=GO.onsets, durations=GO.durations) for name in ("go", "stop")
    )
    return SimpleNamespace(
        explanations=explanations,
        session=SimpleNamespace(conditions=conditions),
        columns=SimpleNamespace(only_spm=(), only_nilearn=(), matches=()),
        design=nilearn((), np.empty((90, 0))),
    )


@pytest.mark.parametrize(
    ("changed", "setting", "theirs", "consequence"),
    [
        (Changed(shift=2.0), "onsets", "8, 33, 72, 123", "the regressor comes 2 s later in nilearn"),
        (
            Changed(shift=-1.5),
            "onsets",
            "4.5, 29.5, 68.5, 119.5",
            "the regressor comes 1.5 s earlier in nilearn",
        ),
        (
            Changed(onset_factor=0.5),
            "onsets",
            "3, 15.5, 35, 60.5",
            "the regressors have another shape, and effects another height",
        ),
        (
            Changed(duration=4.0),
            "durations",
            "4",
            "the regressors have another shape, and effects another height",
        ),
        (
            Changed(duration_factor=2.0),
            "durations",
            "6, 10",
            "the regressors have another shape, and effects another height",
        ),
        (
            None,
            "onsets",
            "others: no shift, duration or response that was tried gives nilearn's column",
            "the regressors have another shape, and effects another height",
        ),
    ],
)
def test_events_that_differ_are_told_with_both_values(
    changed: Changed | None, setting: str, theirs: str, consequence: str
) -> None:
    run = event_run(go=ColumnExplanation(changed, 1.0), stop=ColumnExplanation(Changed(), 1.0))
    (pair,) = event_settings.events([run, run])
    assert pair.setting == f"{setting} of go (s)"
    assert pair.spm == ("6, 31, 70, 121" if setting == "onsets" else "3, 5")
    assert (pair.nilearn, pair.consequence) == (theirs, consequence)
    assert (
        pair.remedy
        == f"give both the same {setting}, in seconds in nilearn; SPM's Units for design say seconds or scans"
    )


def test_long_lists_are_cut_after_six() -> None:
    assert event_settings.listed_values(np.arange(6) / 3) == "0, 0.333, 0.667, 1, 1.333, 1.667"
    assert event_settings.listed_values(np.arange(7.0)) == "0, 1, 2, 3, 4, 5, ..."


def spm_of(**more: Any) -> Any:
    given = {"repetition_time": TR, "basis": "hrf", "microtime_onset": 8, "microtime_resolution": 16}
    return SimpleNamespace(**{**given, **more})


@pytest.mark.parametrize(("step", "told"), [(2.0, False), (2.00009, False), (2.00012, True), (1.5, True)])
def test_repetition_times_differ_by_more_than_a_tenth_of_a_millisecond(step: float, told: bool) -> None:
    unknown = SimpleNamespace(design=SimpleNamespace(frame_times=None))
    run = SimpleNamespace(design=SimpleNamespace(frame_times=np.arange(5) * step))
    found = list(response_settings.times(spm_of(), [unknown, run, run]))  # type: ignore[list-item]
    assert len(found) == told
    for pair in found:
        assert (pair.setting, pair.spm, pair.nilearn) == ("repetition time", "2 s", f"{step:g} s")


@pytest.mark.parametrize(("offset", "told"), [(0.4375, False), (0.438, False), (0.439, True), (0.0, True)])
def test_sampling_is_told_with_the_bin_of_spm_that_is_nilearns(offset: float, told: bool) -> None:
    run = event_run(go=ColumnExplanation(Changed(sampled_at=0.9), 1.0))
    run.design.frame_times = (np.arange(4) + offset) * TR
    found = list(response_settings.sampling(spm_of(), [run]))
    assert len(found) == told
    for pair in found:
        assert pair.spm == "T0 = 8 of 16: (8 - 1)/16 of TR = 0.4375"
        assert pair.nilearn == f"slice_time_ref = {offset:g}"
        assert pair.consequence == f"regressors are {abs(offset - 0.4375) * 2:.3g} s apart"
        assert (
            pair.remedy == f"nilearn: slice_time_ref=0.4375; or SPM: microtime onset {round(offset * 16) + 1}"
        )
    run.design.frame_times = None
    (pair,) = response_settings.sampling(spm_of(), [run])
    assert pair.nilearn == "slice_time_ref = 0.9"


def test_a_share_of_the_repetition_time_is_read_from_frame_times() -> None:
    design: Any = SimpleNamespace(frame_times=np.array([0.75, 2.25, 3.75]))
    assert frame_offset(design) == 0.5
    assert frame_offset(SimpleNamespace(frame_times=None)) is None  # type: ignore[arg-type]
    assert sampled_at(spm_of()) == 0.4375


def test_designs_are_put_in_the_order_of_the_sessions() -> None:
    designs = [nilearn((str(i),), np.empty((n, 1))) for i, n in enumerate((80, 90, 80))]
    sessions = tuple(SimpleNamespace(n_scans=n) for n in (90, 80, 80))
    found = in_order_of(SimpleNamespace(sessions=sessions), SimpleNamespace(designs=designs))  # type: ignore[arg-type]
    assert [each.names[0] for each in found] == ["1", "0", "2"]


@pytest.mark.parametrize(
    ("basis", "order", "expected"),
    [
        ("hrf", 1, ("spm", None)),
        ("Fourier set", 9, ("fourier", 4)),
        ("Fourier set (Hanning)", 5, ("fourier hanning", 2)),
        ("Fourier set", 4, ("fourier", 4)),
        ("Gamma functions", 3, ("gamma", 3)),
        ("Finite Impulse Response", 7, ("fir", 7)),
    ],
)
def test_sets_of_functions_have_the_models_names(
    basis: str, order: int, expected: tuple[str, int | None]
) -> None:
    found = hrf_of(spm_of(basis=basis, basis_order=order, basis_length=20.0))
    assert (found.model, found.order) == expected


@pytest.mark.parametrize(
    ("threshold", "expected"), [(0.8, 0.8), (-np.inf, -np.inf), (np.nan, -np.inf), (0.0, 0.0)]
)
def test_without_a_threshold_every_voxel_passes_the_mask(threshold: float, expected: float) -> None:
    given: Any = {"noise": "AR(1)", "scaling": "None", "sessions": [SimpleNamespace(high_pass=128.0)]}
    found = specification_of(spm_of(basis="hrf", mask_threshold=threshold, **given))
    assert found.spm.mask_threshold == expected


def test_a_set_that_spm_has_not_is_refused() -> None:
    with pytest.raises(DataError, match=r"^SPM\.mat: the basis set 'odd' is not known$"):
        hrf_of(spm_of(basis="odd", path=Path("SPM.mat")))


def test_constants_stand_behind_the_columns_of_their_session() -> None:
    names = ("Sn(1) a", "Sn(2) a", "Sn(1) constant", "Sn(2) constant")
    sessions = tuple(SimpleNamespace(columns=columns) for columns in ((0,), (1, 3)))
    assert placed_columns(SimpleNamespace(names=names, sessions=sessions)) == ((0, 2), (1, 3))  # type: ignore[arg-type]


# files


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_files_are_found_by_the_longest_end_of_their_path(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x/sub-1/func/a.nii",
        "y/sub-2/func/a.nii",
        "b.nii.gz",
        "one/c.nii",
        "two/c.nii",
        "d.img",
        "d.hdr",
    )
    old = [
        "D:\\study\\sub-2\\func\\a.nii",
        "/old/b.nii",
        "/old/c.nii",
        "/old/none.nii",
        "/old/d.img",
        "/old/one/c.nii",
    ]
    found = scans.relocated(old, tmp_path)
    assert {path: str(place.relative_to(tmp_path)) for path, place in found.found.items()} == {
        old[0]: "y/sub-2/func/a.nii",
        old[1]: "b.nii.gz",
        old[4]: "d.img",
        old[5]: "one/c.nii",
    }
    assert (found.missing, found.ambiguous) == (("/old/none.nii",), ("/old/c.nii",))
    aside = scans.relocated(["/old/c.nii"], tmp_path, [(tmp_path / "one/c.nii").resolve()])
    assert aside.found["/old/c.nii"].parent.name == "two"


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "out/a.nii", "out/b.hdr", "in/b.img")
    (tmp_path / "in" / "a.nii").symlink_to(tmp_path / "out" / "a.nii")
    (tmp_path / "in" / "b.hdr").symlink_to(tmp_path / "out" / "b.hdr")
    assert scans.relocated(["a.nii", "b.img"], tmp_path / "in").missing == ("a.nii", "b.img")


@pytest.mark.parametrize(("most", "refused"), [(3, False), (2, True)])
def test_a_folder_may_hold_so_many_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, refused: bool
) -> None:
    write(tmp_path, "a", "b/c", "b/d")
    monkeypatch.setattr(scans, "MOST_FILES", most)
    if not refused:
        assert list(scans.relocated(["a"], tmp_path).found) == ["a"]
        return
    said = f"^{tmp_path}: holds more than {most} files; give --scans a smaller folder$"
    with pytest.raises(DataError, match=said):
        scans.relocated(["a"], tmp_path)


# weights and maps


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([1.00005, -0.5], [1.0, -0.5]),
        ([1.0002, 0.3333], [1.0002, 1 / 3]),
        ([1 / 12, 1 / 13], [1 / 12, 1 / 13]),
        ([10.0, 0.0005], [10.0, 0.0]),
        ([2 / 7, -5 / 11], [2 / 7, -5 / 11]),
    ],
)
def test_weights_are_rounded_to_small_fractions_and_no_farther(
    weights: list[float], expected: list[float]
) -> None:
    np.testing.assert_allclose(rounded(np.array(weights)), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("weights", "tidy"),
    [
        ([1.0, 0.0], True),
        ([1 / 12], True),
        ([1 / 13], False),
        ([0.04], False),
        ([1 / 24], False),
        ([-0.25, 0.3], True),
        ([0.2502], False),
    ],
)
def test_weights_that_people_write_are_tidy(weights: list[float], tidy: bool) -> None:
    assert is_tidy(np.array(weights)) is tidy


def reproduction(weights: dict[str, float], **more: Any) -> Reproduction:
    attempt = Attempt(0.0, False, more.pop("scaling", False), "ar1")
    return Reproduction(attempt, weights, 1e-7, more.pop("is_found", True), 1.0)


def test_a_factor_of_all_weights_is_the_grand_means() -> None:
    found = with_grand_mean(reproduction({"a": 0.1237, "b": -0.1237}))
    assert found.weights == {"a": 1.0, "b": -1.0}
    assert (found.attempt.scaling, found.factor) == ("grand mean", pytest.approx(0.1237))
    for same in (
        reproduction({"a": 1.0, "b": -1.0}),
        reproduction({"a": 0.1237}, is_found=False),
        reproduction({"a": 0.1237}, scaling=0),
        reproduction({}),
    ):
        assert with_grand_mean(same) is same


def test_maps_are_judged_by_their_largest_difference_over_their_range() -> None:
    attempt, y = Attempt(0.0, False, False, "ar1"), np.array([0.0, 2.0, 4.0])
    assert _judged(attempt, {}, y + np.array([0, 3e-5, 0]), y).is_found
    far = _judged(attempt, {}, y + np.array([0, 5e-5, 0]), y)
    assert (far.is_found, far.difference) == (False, pytest.approx(1.25e-5))
    assert far.r == pytest.approx(1)
    none = _judged(attempt, {}, y[:0], y[:0])
    assert (none.is_found, none.difference, none.r) == (False, np.inf, 0.0)


@pytest.mark.parametrize(("size", "n", "kept"), [(5, 10, 5), (10, 10, 10), (11, 10, 10)])
def test_a_sample_has_so_many_voxels_of_the_mask(size: int, n: int, kept: int) -> None:
    mask = np.zeros((4, 3, 2), dtype=bool)
    mask.ravel()[:size] = True
    found = sampled(mask, n)
    assert (found.sum(), found.shape) == (kept, mask.shape)
    assert not (found & ~mask).any()
    np.testing.assert_array_equal(found, sampled(mask, n))


def test_scans_before_smoothing_lie_beside_without_their_s(tmp_path: Path) -> None:
    from bidsglm.check.data import ScanPlace

    write(tmp_path, "swa.nii", "wa.nii", "swb.nii")
    one, other = ScanPlace(tmp_path / "swa.nii", 3), ScanPlace(tmp_path / "swb.nii", 1)
    assert before_smoothing([one]) == (ScanPlace(tmp_path / "wa.nii", 3),)
    assert before_smoothing([one, other]) == ()
    assert before_smoothing([one, ScanPlace(tmp_path / "wa.nii", 1)]) == ()


# sentences


def test_how_columns_and_maps_were_found_is_said() -> None:
    runs = [
        SimpleNamespace(
            explanations={
                "a": ColumnExplanation(Changed(), 1.0),
                "b": ColumnExplanation(Changed(shift=1.0, kernel="glover"), 1.0),
                "c": ColumnExplanation(None, 0.87654),
            }
        )
    ]
    attempt = Attempt(6.0, True, 0, "ols")
    made = {
        "x": Reproduction(attempt, {"a": 1.0, "b": -0.5}, 3e-7, True, 1.0),
        "y": Reproduction(Attempt(0.0, False, False, "ar1"), {}, 0.4, False, 0.4567),
    }
    checked: Any = SimpleNamespace(
        runs=runs, reproductions=made, nilearn=SimpleNamespace(script=Path("/somewhere/fit.py"))
    )
    refit = SimpleNamespace(difference=2e-7, is_reproduced=True, r=0.9999999, contrast="x", what="t")
    far = SimpleNamespace(difference=0.3, is_reproduced=False, r=0.87654, contrast="y", what="effect")
    said = list(findings_of(checked, [refit]))
    assert said == [
        "Run 1: nilearn's columns of a come out exactly when nilearn makes them of SPM's onsets,"
        " durations, response and sampling.",
        "Run 1: nilearn's column of b comes out exactly with other basis functions and onsets than SPM's.",
        "Run 1: no change of sampling, response, duration or onset that was tried gives nilearn's"
        " column of c (best r = 0.8765).",
        "nilearn's effect map of x was computed again to 3e-07 of its range, on a sample of voxels,"
        " with signal_scaling=0,"
        " noise_model='ols', smoothing_fwhm=6, the scans before SPM smoothed them and the weights +1"
        " a -0.5 b.",
        "No combination that was tried gives nilearn's effect map of y; the best has r = 0.457 with"
        " it, so scaling, noise model and smoothing stay unknown.",
        "SPM's 1 maps were computed again from the scans: r = 1.000000, largest difference 2e-07 of"
        " a map's range.",
        "fit.py lies beside the maps. It was read as text for hints and not run; columns and maps decided.",
    ]
    refit.difference = 0.0
    assert "largest difference 0: every digit is the same." in list(findings_of(checked, [refit]))[5]
    assert list(findings_of(checked, [refit, far]))[5] == (
        "SPM's maps do not come out of these scans: y (effect); r = 0.8765 and a difference of 0.3"
        " of the range at worst."
        " The scans are not those that SPM had, or were changed."
    )
    assert (
        list(
            findings_of(SimpleNamespace(runs=[], reproductions={}, nilearn=SimpleNamespace(script=None)), [])
        )
        == []
    )  # type: ignore[arg-type]


REASONS = {
    "runs": "The designs cannot be compared run by run, so neither can what they do to the maps.",
    "estimated": "SPM's model was not estimated: give the folder with its maps.",
    "maps": "There are no maps of both programs for one contrast: give nilearn's effect_size and stat maps.",
    "scans": "Every combination is fitted anew, which takes the scans: give their folder with --scans.",
    "some scans": "Every combination is fitted anew, which takes the scans: give their folder with --scans.",
    "refitted maps": "None of SPM's maps could be computed again, so none can be set beside combinations of"
    " settings.",
    "refit": "SPM's own maps do not come out of these scans, so no combination of settings would either.",
    "way": "nilearn's maps do not come out of these scans with any settings that were tried.",
    "noise": "nilearn's noise model ar2 clusters voxels at random, which no combination of steps"
    " repeats; ar1 and ols can be explained.",
    "constant": "nilearn's design has no constant, which no combination of steps repeats.",
    "": "",
}


@pytest.mark.parametrize("lacking", REASONS)
def test_why_nothing_is_attributed_is_said(lacking: str) -> None:
    run = SimpleNamespace(design=SimpleNamespace(constants=() if lacking == "constant" else (3,)))
    noise = "ar2" if lacking == "noise" else "ols"
    way = None if lacking == "way" else reproduction({})._replace(attempt=Attempt(0.0, False, 0, noise))
    found: Any = SimpleNamespace(
        runs=[] if lacking == "runs" else [run],
        spm=SimpleNamespace(is_estimated=lacking != "estimated"),
        maps=[] if lacking == "maps" else [1],
        way=way,
    )
    given: Any = [] if lacking == "scans" else [[1], []] if lacking == "some scans" else [[1], [1]]
    refit: Any = SimpleNamespace(
        maps=[] if lacking == "refitted maps" else [1], is_reproduced=lacking != "refit"
    )
    assert why._reason_against(found, given, refit) == REASONS[lacking]


@pytest.mark.parametrize(("n", "kept"), [(3, 3), (10, 10), (20, 14)])
def test_voxels_are_sampled_from_those_inside(n: int, kept: int) -> None:
    inside = np.zeros((5, 4), dtype=bool)
    inside.ravel()[3:17] = True
    found = why._sampled(inside, n)
    assert found.sum() == kept
    assert not (found & ~inside).any()
    assert (why._sampled(inside, 3) <= why._sampled(inside, 10)).all()


def test_a_plan_has_its_columns_in_alphabetical_order() -> None:
    found = why._plan("x", ("b", "a", "c"), np.array([[2.0, 1.0, 3.0]]), (0, 1)).specification
    assert (found.name, found.conditions, found.weights.tolist()) == ("x", ("a", "b", "c"), [[1.0, 2.0, 3.0]])
