"""Numbers of two maps by their definitions, and words by their limits."""

import json
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bidsglm
from bidsglm.cli import main
from bidsglm.errors import UsageError
from bidsglm.maps import comparing, page, sources
from bidsglm.maps.agreement import ComparedMaps, MapChoice, compared_maps
from bidsglm.maps.command import LONGEST_LABEL, labels_of
from bidsglm.maps.designs import LONGEST, column_rows, setting_rows
from bidsglm.maps.kinds import MapKind, kind_of_map
from bidsglm.maps.reading import HeaderFacts, map_of
from bidsglm.maps.result import ComparisonResult
from tests.maps.test_folders import SHAPE, image, side, volume

SKEW = np.array([[2.0, 0.5, 0, -7], [0, 3.0, 0.25, 11], [0.5, 0, 4.0, -30], [0, 0, 0, 1]])


def fdr_height(statistic: np.ndarray, p: np.ndarray, rate: float = 0.05) -> float | None:
    """Smallest value that passes Benjamini and Hochberg's procedure."""
    ranks = np.sort(p)
    passing = np.flatnonzero(ranks <= rate * np.arange(1, len(p) + 1) / len(p))
    return float(statistic[p <= ranks[passing[-1]]].min()) if len(passing) else None


@pytest.mark.parametrize(
    ("kind", "dof", "frozen"),
    [("t", (20.0,), stats.t(20)), ("F", (2.0, 30.0), stats.f(2, 30)), ("z", (), stats.norm())],
)
def test_p_and_thresholds_are_those_of_each_maps_own_distribution(
    kind: str, dof: tuple[float, ...], frozen: Any
) -> None:
    values = [4 * np.abs(volume(seed)) for seed in (1, 2)]
    values[1][0] = np.nan
    found = compared_maps(
        *(side(v, kind, label, *dof) for v, label in zip(values, "ab", strict=True)), MapChoice()
    )
    assert found.p is not None
    assert np.allclose(found.p[0], frozen.sf(values[0]))
    assert (found.p[1][0] == 1).all()
    assert np.allclose(found.p[1][1:], frozen.sf(values[1][1:]))
    for heights, own in zip(found.heights, values, strict=True):
        inside = own[np.isfinite(own)]
        assert heights["p001"] == pytest.approx(frozen.isf(0.001))
        assert heights["fdr05"] == pytest.approx(fdr_height(inside, frozen.sf(inside)))
    assert found.heights[0] != found.heights[1]
    assert found.kind == kind


@pytest.mark.parametrize(
    ("kind", "dof", "frozen"),
    [("t", (20.0,), stats.t(20)), ("F", (2.0, 30.0), stats.f(2, 30)), ("z", (), stats.norm())],
)
def test_overlaps_are_of_the_upper_tail_and_of_the_lower_one_where_there_is_one(
    kind: str, dof: tuple[float, ...], frozen: Any
) -> None:
    values = [4 * volume(seed) for seed in (1, 2)]
    if kind == "F":
        values = [each**2 for each in values]
    row = compared_maps(
        *(side(v, kind, label, *dof) for v, label in zip(values, "ab", strict=True)), MapChoice()
    ).row
    tails = {
        "upper": [v > frozen.isf(0.001) for v in values],
        "lower": [v < frozen.ppf(0.001) for v in values],
    }
    dice = {tail: 2 * (a & b).sum() / (a.sum() + b.sum()) for tail, (a, b) in tails.items() if (a | b).any()}
    assert row["dice_p001"] == pytest.approx(dice["upper"])
    assert 0 < dice["upper"] < 1
    # small F are no finding
    lower = [name for name in row if "_lower_" in name]
    assert bool(lower) == (kind != "F")
    if lower:
        assert row["dice_lower_p001"] == pytest.approx(dice["lower"])


def test_where_nothing_passes_there_is_no_height() -> None:
    found = compared_maps(*(side(0.1 * volume(i), "z", str(i)) for i in (1, 2)), MapChoice())
    assert found.heights[0]["fdr05"] is None


def test_peaks_are_millimetres_apart_by_the_whole_affine() -> None:
    values = [0.1 * np.abs(volume(seed)) for seed in (1, 2)]
    places = (4, 1, 3), (1, 5, 0)
    for each, place in zip(values, places, strict=True):
        each[place] = 9
    sides = [
        side(v, "t", label, 20.0)._replace(image=map_of(image(v, SKEW), label))
        for v, label in zip(values, "ab", strict=True)
    ]
    expected = np.linalg.norm(SKEW[:3, :3] @ np.subtract(*places))
    assert compared_maps(sides[0], sides[1], MapChoice()).row["peak_distance_mm"] == pytest.approx(expected)
    plain = [each._replace(kind=MapKind("effect")) for each in sides]
    assert compared_maps(plain[0], plain[1], MapChoice()).row["peak_distance_mm"] == pytest.approx(expected)


def test_differences_are_first_minus_second_where_both_have_a_result() -> None:
    values = volume(1), volume(2)
    values[0][0], values[1][-1] = 0.0, np.nan
    found = compared_maps(side(values[0]), side(values[1], label="b"), MapChoice())
    assert np.allclose(found.difference[1:-1], (values[0] - values[1])[1:-1])
    assert np.isnan(found.difference[[0, -1]]).all()
    assert found.both.sum() == values[0][1:-1].size
    assert found.grid.shape == SHAPE


def test_resampling_is_trilinear_on_the_first_maps_grid(tmp_path: Path) -> None:
    # linear in place: every trilinear interpolation of it is exact
    def linear(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        where = np.indices(shape).reshape(3, -1).T @ affine[:3, :3].T + affine[:3, 3]
        return (where @ [0.3, -0.2, 0.5] + 100).reshape(shape)

    fine = np.diag([0.5, 0.5, 0.5, 1.0])
    first = side(linear(np.eye(4), SHAPE))
    values = linear(fine, tuple(2 * n for n in SHAPE))
    second = side(values, label="b")._replace(image=map_of(image(values, fine), "b"))
    found = compared_maps(first, second, MapChoice(resample=True))
    assert np.abs(found.difference[found.both]).max() < 1e-4
    assert found.row["n_both"] == np.prod(SHAPE)


def test_a_mask_is_where_it_is_above_0_and_half_of_a_voxel_counts() -> None:
    values, mask = volume(1), np.zeros(SHAPE)
    mask[2:5, 2:5, 1:4] = 0.2
    mask[0, 0] = -1.0
    given = map_of(image(mask), "mask")
    found = compared_maps(side(values), side(2 * values, label="b"), MapChoice(mask=given))
    assert found.row["n_both"] == 27


# words


@pytest.mark.parametrize("length", [LONGEST_LABEL, LONGEST_LABEL + 1])
def test_a_label_is_up_to_forty_characters_long(length: int) -> None:
    assert LONGEST_LABEL == 40
    given = ["a" * length, "b"]
    if length > LONGEST_LABEL:
        with pytest.raises(UsageError, match="give 1 to 40 characters"):
            labels_of(given, (Path("a"), Path("b")))
    else:
        assert labels_of(given, (Path("a"), Path("b"))) == tuple(given)
    paths = Path(f"x{'a' * (length - 1)}.nii"), Path("b.nii")
    cut = labels_of(None, paths)[0]
    assert len(cut) == LONGEST_LABEL
    assert cut.startswith("x" if length == LONGEST_LABEL else "…")


@pytest.mark.parametrize(
    ("contrast", "kind", "stem"),
    [
        ("", "t", ""),
        ("go > stop", "F", "contrast-goGreaterStop_stat-F_"),
        ("go + stop*2", "effect", "contrast-goPlusStop2_stat-effect_"),
        ("größe_a", "p value", "contrast-grEA_stat-p_"),
        ("*", "t", "contrast-contrast_stat-t_"),
    ],
)
def test_files_of_a_pair_begin_with_its_contrast(contrast: str, kind: str, stem: str) -> None:
    pair: Any = SimpleNamespace(contrast=contrast, kind=kind)
    assert page.stem_of(pair) == stem


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (MapKind("t", (20.0,), "its name"), "t, 20 degrees of freedom (by its name)"),
        (MapKind("F", (2.0, 30.5), "--stat"), "F, 2, 30.5 degrees of freedom (by --stat)"),
        (MapKind("map"), "map"),
    ],
)
def test_a_map_is_described_by_kind_degrees_and_source(kind: MapKind, said: str) -> None:
    values = [volume(1), volume(2)]
    values[1][0] = np.nan
    pair = compared_maps(side(values[0]), side(values[1], label="b"), MapChoice())
    files = [page._file(pair.sides[i]._replace(kind=kind), pair, i) for i in (0, 1)]
    assert [file.n_voxels for file in files] == [np.prod(SHAPE), np.prod(SHAPE[1:]) * (SHAPE[0] - 1)]
    assert (
        {said} == {file.kind for file in files} if hasattr(files[0], "kind") else said in map(str, files[0])
    )


@pytest.mark.parametrize(("told_by", "written"), [("its name", "its name"), ("", None)])
def test_what_nothing_tells_is_null_in_the_summary(told_by: str, written: str | None) -> None:
    sides = side(volume(1)), side(volume(2), label="b")
    pair = compared_maps(*sides, MapChoice())
    one = pair.sides[0]._replace(kind=MapKind("t", (20.0,), told_by))
    assert page._side(one, page._file(one, pair, 0))["kind_told_by"] == written


def test_the_summary_has_what_the_row_has_and_no_empty_names(tmp_path: Path) -> None:
    sides = side(volume(1), "t", "a", 20.0), side(volume(2), "t", "b", 20.0)
    pair = compared_maps(*sides, MapChoice())
    page.write_maps(tmp_path, page.PageWords("a and b", ("lead",), ("a", "b")), [pair])
    (found,) = json.loads((tmp_path / page.SUMMARY).read_text())["pairs"]
    assert found["contrast"] is None
    assert found["map"] == "t"
    assert set(found["agreement"]) == set(pair.row) - {"contrast", "map"}
    assert found["thresholds"] == [dict(heights) for heights in pair.heights]
    (line,) = pd.read_csv(tmp_path / page.TABLE, sep="\t", keep_default_na=False).to_dict("records")
    assert line["contrast"] == "n/a"
    difference = nib.load(tmp_path / "desc-difference_statmap.nii.gz").get_fdata()
    assert np.allclose(difference, pair.difference, atol=1e-5)


@pytest.mark.parametrize(("kind", "outside"), [("t", 0.0), ("F", 0.0), ("z", 0.0), ("effect", np.nan)])
def test_outside_a_difference_is_0_of_statistics_and_nothing_of_effects(
    tmp_path: Path, kind: str, outside: float
) -> None:
    values = volume(1), volume(2)
    values[0][0] = np.nan
    pair = compared_maps(side(values[0], kind), side(values[1], kind, "b"), MapChoice())
    page._write_difference(tmp_path, pair)
    found = nib.load(tmp_path / "desc-difference_statmap.nii.gz").get_fdata()
    assert np.array_equal(found[0], np.full(SHAPE[1:], outside), equal_nan=True)


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1])
def test_a_setting_is_up_to_eighty_characters_long(length: int) -> None:
    assert LONGEST == 80
    model = SimpleNamespace(get_params=lambda deep: {"name": "x" * length, "verbose": 1})
    (row,) = setting_rows(model, SimpleNamespace(get_params=lambda deep: {}))
    assert row["second"] is None
    assert row["first"] == ("x" * length if length <= LONGEST else "x" * (LONGEST - 1) + "…")


def test_columns_stand_beside_those_of_their_name_run_by_run() -> None:
    rng = np.random.default_rng(0)
    go = rng.normal(size=20)
    first = [pd.DataFrame({"go": go, "one": 1.0, "own": go}), pd.DataFrame({"go": go})]
    second = [pd.DataFrame({"Go": 4 * go + 3, "one": 1.0, "other": go}), pd.DataFrame({"go": go[:9]})]
    rows = column_rows(first, second)
    assert [(row["run"], row["first"], row["second"]) for row in rows] == [
        (1, "go", "Go"),
        (1, "one", "one"),
        (1, "own", None),
        (1, None, "other"),
        (2, "go", "go"),
    ]
    assert (rows[0]["r"], rows[0]["ratio"]) == (pytest.approx(1), pytest.approx(0.25))
    assert np.isnan(rows[1]["ratio"])
    assert "r" not in rows[4]


def test_degrees_of_freedom_of_models_are_their_runs_together() -> None:
    one = SimpleNamespace(df_residuals=20.0)
    assert sources._dof(SimpleNamespace(dof_=7)) == (7.0,)
    assert sources._dof(SimpleNamespace(results_=[{"a": one, "b": None}, {"a": one}])) == (40.0,)
    for nothing in ([], [{}], None):
        assert sources._dof(SimpleNamespace(results_=nothing)) == ()
    assert sources._dof(SimpleNamespace()) == ()


@pytest.mark.parametrize(
    ("name", "asked", "dof", "kind"),
    [
        ("a_tstat.nii", None, (), None),
        ("spmT_0001.nii", None, (9.0,), MapKind("t", (9.0,), "its name")),
        ("spmT_0001.nii", "F", (9.0,), MapKind("F", (), "--stat")),
        ("spmT_0001.nii", "F", (2.0, 9.0), MapKind("F", (2.0, 9.0), "--stat")),
        ("spmF_0001.img", None, (0.0, 9.0), MapKind("F", (), "its name")),
        ("x.nii", None, (), MapKind("map", (), "")),
    ],
)
def test_a_map_is_what_the_user_says_or_its_name(
    name: str, asked: str | None, dof: tuple[float, ...], kind: MapKind | None
) -> None:
    found = kind_of_map(name, HeaderFacts(), asked, dof)
    assert found == kind or (kind is None and found.kind in ("t", "map"))


# what `bidsglm.compare` takes and gives


def test_kinds_that_differ_and_what_belongs_to_others_is_refused(tmp_path: Path) -> None:
    one, other = image(volume(1)), image(volume(2))
    with pytest.raises(ValueError, match="first is a map and second a folder; give two of a kind"):
        bidsglm.compare(one, tmp_path)
    with pytest.raises(ValueError, match="contrasts: a map is of one already"):
        bidsglm.compare(one, other, "go")
    with pytest.raises(ValueError, match="scans: are for a folder"):
        bidsglm.compare(one, other, scans=tmp_path)
    with pytest.raises(UsageError, match="is the same folder as the first; give two"):
        bidsglm.compare(tmp_path, tmp_path / "." / "")


def test_answers_are_of_statistics_where_there_are_any() -> None:
    def pair(kind: str) -> ComparedMaps:
        sides = side(volume(1), kind, "a", 20.0), side(volume(2), kind, "b", 20.0)
        return compared_maps(*sides, MapChoice(contrast="go"))

    both = comparing._answer([pair("effect"), pair("t")], ("a", "b"))
    assert both.startswith("go (t): ")
    assert "\n" not in both
    assert comparing._answer([pair("effect")], ("a", "b")).startswith("go (effect): ")
    assert comparing._answer([pair("t"), pair("t")], ("a", "b")).count("\n") == 1


def test_no_more_pairs_than_sixty_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    assert comparing.MOST_PAIRS == 60
    maps = [side(volume(i), label="x") for i in (1, 2)]
    pair = tuple(sources.NamedMap("go", "t", lambda each=each: (each.image, each.kind)) for each in maps)
    monkeypatch.setattr(comparing, "MOST_PAIRS", 2)
    found, _ = comparing._pairs([pair, pair], ("a", "b"), MapChoice())  # type: ignore[list-item]
    assert [each.contrast for each in found] == ["go", "go"]
    assert [each.sides[1].label for each in found] == ["b", "b"]
    assert [each.notes for each in found] == [(), ()]
    with pytest.raises(UsageError, match="3 pairs of maps belong together, and 2 are compared at once"):
        comparing._pairs([pair, pair, pair], ("a", "b"), MapChoice())  # type: ignore[list-item]


def test_what_is_inside_a_result_is_not_shown_with_it() -> None:
    found = bidsglm.compare(image(volume(1)), image(volume(2)), labels=["a", "b"])
    assert isinstance(found, ComparisonResult)
    assert len(repr(found)) < 1000
    assert [field.name for field in fields(found) if field.repr and field.name.startswith("_")] == []


def test_a_result_is_saved_into_a_new_folder_and_replaced_on_request(tmp_path: Path) -> None:
    one, other = (tmp_path / f"{name}.nii" for name in "ab")
    for path, seed in ((one, 1), (other, 2)):
        nib.save(image(volume(seed)), path)
    found = bidsglm.compare(one, other)
    saved = found.save(tmp_path / "out")
    text = saved.read_text()
    for label, path in zip(found.labels, (one, other), strict=True):
        assert f"{label}: {path}" in text
    with pytest.raises(bidsglm.errors.CannotCreateError):
        found.save(tmp_path / "out")
    assert found.save(tmp_path / "out", overwrite=True) == saved


def test_options_are_not_abbreviated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["maps", "a.nii", "b.nii", "out", "--over"]) == 64
    assert "--over" in capsys.readouterr().err
