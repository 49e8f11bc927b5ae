"""Grids, masks, times and headers by their definitions, on both sides of each tolerance."""

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bidsglm.data import Condition, Run
from bidsglm.dataset import masks, runs, sampling
from bidsglm.dataset.index import Index
from bidsglm.dataset.masks import Grid, is_same_grid, on_grid
from bidsglm.dataset.runs import RunHeader
from bidsglm.dataset.voxels import SAME, VoxelCounter
from bidsglm.errors import DataError

SKEW = np.array([[2.0, 0.5, 0, -7], [0, 3.0, 0.25, 11], [0.5, 0, 4.0, -30], [0, 0, 0, 1]])


# grids


@pytest.mark.parametrize(("shift", "same"), [(0.0009, True), (0.0011, False), (-0.0011, False)])
@pytest.mark.parametrize("row", [0, 1, 2])
def test_grids_are_the_same_within_a_thousandth_of_a_millimetre(row: int, shift: float, same: bool) -> None:
    other = SKEW.copy()
    other[row, 3] += shift
    assert is_same_grid(Grid((4, 5, 6), SKEW), Grid((4, 5, 6), other)) is same
    assert not is_same_grid(Grid((4, 5, 6), SKEW), Grid((4, 5, 7), SKEW))


def test_grids_are_compared_at_their_far_corner_too() -> None:
    other = SKEW.copy()
    other[0, 0] += 0.0005
    assert is_same_grid(Grid((2, 5, 6), SKEW), Grid((2, 5, 6), other))
    assert not is_same_grid(Grid((4, 5, 6), SKEW), Grid((4, 5, 6), other))


def nearest_by_places(values: np.ndarray, affine: np.ndarray, grid: Grid) -> np.ndarray:
    """SPM's rule voxel by voxel: the nearest voxel of the mask, none beyond its edge."""
    found = np.zeros(grid.shape, dtype=bool)
    to_mask = np.linalg.inv(affine) @ grid.affine
    for place in np.ndindex(*grid.shape):
        position = (to_mask @ [*place, 1])[:3]
        if all(-0.05 <= p <= n - 1 + 0.05 for p, n in zip(position, values.shape, strict=True)):
            nearest = tuple(
                min(max(int(np.floor(p + 0.5)), 0), n - 1)
                for p, n in zip(position, values.shape, strict=True)
            )
            found[place] = values[nearest] > 0 and np.isfinite(values[nearest])
    return found


@pytest.mark.parametrize("seed", range(3))
def test_a_mask_is_brought_over_by_its_nearest_voxels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.choice([-1.0, 0.0, 0.5, 2.0, np.nan, np.inf], size=(4, 5, 3))
    affine, turned = SKEW.copy(), SKEW.copy()
    turned[:3, 3] += rng.uniform(-2, 2, 3)
    turned[:3, :3] *= 0.7
    grid = Grid((6, 7, 5), turned)
    assert np.array_equal(on_grid(values, affine, grid), nearest_by_places(values, affine, grid))


@pytest.mark.parametrize(("beyond", "inside"), [(0.04, True), (0.06, False)])
def test_a_voxel_counts_up_to_a_twentieth_beyond_the_edge(beyond: float, inside: bool) -> None:
    values = np.ones((3, 3, 3))
    for axis in range(3):
        for place in (-beyond, 2 + beyond):
            affine = np.eye(4)
            affine[:3, 3] = 1.0
            affine[axis, 3] = place
            assert on_grid(values, np.eye(4), Grid((1, 1, 1), affine)).item() is inside


def write_image(path: Path, values: np.ndarray, affine: np.ndarray = SKEW) -> Path:
    nib.save(nib.Nifti1Image(values, affine), path)
    return path


def run_of(folder: Path, mask: Path | None, **changes: Any) -> Run:
    bold = folder / "bold.nii"
    if not bold.exists():
        write_image(bold, np.ones((4, 5, 6, 2), np.float32))
    return Run({}, bold, None, None, mask, 2, 2.0, None, **changes)


def test_what_of_masks_is_lost_is_counted(tmp_path: Path) -> None:
    first, second = np.zeros((4, 5, 6)), np.zeros((4, 5, 6))
    first[:3, 1:, 1:], second[1:, 1:, 1:] = 1, 2
    second[1, 1, 1], second[1, 1, 2] = np.nan, np.inf
    paths = [write_image(tmp_path / f"{i}.nii", each) for i, each in enumerate((first, second))]
    given = [run_of(tmp_path, paths[0]), run_of(tmp_path, None), run_of(tmp_path, paths[1])]
    found, losses = masks.read_mask([*given, given[0]])
    expected = (first > 0) & (second > 0) & np.isfinite(second)
    assert found is not None
    assert np.array_equal(found, expected)
    n = int(expected.sum())
    own = (first > 0).sum(), ((second > 0) & np.isfinite(second)).sum()
    assert [(loss.name, loss.share, loss.common) for loss in losses] == [
        (paths[0].name, pytest.approx(1.0), False),
        (paths[1].name, pytest.approx(1.0), False),
        (paths[0].name, pytest.approx(n / own[0]), True),
        (paths[1].name, pytest.approx(n / own[1]), True),
    ]
    assert masks.read_mask([run_of(tmp_path, None)]) == (None, ())
    assert masks.masks_share_grid(given)
    other = write_image(tmp_path / "other.nii", np.ones((2, 5, 6)), SKEW @ np.diag([2.0, 1, 1, 1]))
    assert not masks.masks_share_grid([*given, run_of(tmp_path, other)])


def test_a_mask_of_half_the_field_has_a_share_by_volume(tmp_path: Path) -> None:
    wide = np.ones((8, 5, 6))
    _, losses = masks.read_mask([run_of(tmp_path, write_image(tmp_path / "wide.nii", wide))])
    assert losses[0].share == pytest.approx(0.5)
    coarse = np.ones((2, 5, 6))
    affine = SKEW @ np.array([[2.0, 0, 0, 0.5], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    _, losses = masks.read_mask([run_of(tmp_path, write_image(tmp_path / "coarse.nii", coarse, affine))])
    assert 0.4 < losses[0].share <= 1.0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((4, 5, 6)), "the mask holds no voxel of bold.nii; make the mask again"),
        (np.ones((4, 5, 6, 2)), "has 2 volumes; a mask is a single volume"),
    ],
)
def test_a_mask_that_is_none_is_refused(tmp_path: Path, values: np.ndarray, said: str) -> None:
    path = write_image(tmp_path / "mask.nii", values)
    with pytest.raises(DataError) as error:
        masks.read_mask([run_of(tmp_path, path)])
    assert str(error.value) == f"{path}: {said}"


def test_probability_map_is_taken_above_zero_and_told_of(tmp_path: Path) -> None:
    tissue = np.linspace(0, 1, 120, dtype=np.float32).reshape(4, 5, 6)
    found, (loss, _) = masks.read_mask([run_of(tmp_path, write_image(tmp_path / "GM.nii", tissue))])
    assert np.array_equal(found, tissue > 0)
    assert (
        f"all of its 119 voxels above 0 are in the mask ({(tissue > 0.5).sum()} are above 0.5)" in loss.graded
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((0, 1), ""),
        ((0, 255), ""),
        ((0, 0.9999, 1), ""),
        ((0, 1, 3), "several values (1 to 3), as a map of labels"),
    ],
)
def test_masks_of_one_value_need_no_word(tmp_path: Path, values: tuple[float, ...], said: str) -> None:
    image = np.resize(np.array(values, np.float32), (4, 5, 6))
    _, (loss, _) = masks.read_mask([run_of(tmp_path, write_image(tmp_path / "m.nii", image))])
    assert said in loss.graded
    assert bool(loss.graded) is bool(said)


def test_masks_without_a_common_voxel_are_named(tmp_path: Path) -> None:
    paths = []
    for i in range(3):
        values = np.zeros((4, 5, 6))
        values[i] = 1
        paths.append(write_image(tmp_path / f"m{i}.nii", values))
    with pytest.raises(DataError) as error:
        masks.read_mask([run_of(tmp_path, path) for path in paths])
    assert str(error.value) == (
        f"{paths[0]}: has no voxel in common with m1.nii, m2.nii; check the masks of these runs"
    )


# values of voxels


@pytest.mark.parametrize(("factor", "constant"), [(0.9, True), (1.1, False)])
def test_a_voxel_is_constant_within_the_rounding_of_resampling(factor: float, constant: bool) -> None:
    counter = VoxelCounter(3)
    counter.add(np.array([1000.0, -1000.0, 0.0]))
    change = 1000.0 * SAME * factor
    counter.add(np.array([1000.0 - change, -1000.0 + change, 0.0]))
    facts = counter.facts(2.0, 5.0)
    assert facts.constant.tolist() == [constant, constant, True]
    assert np.allclose(facts.mean, [2005.0 - change, -1995.0 + change, 5.0])
    assert facts.mean_of_numbers is facts.mean


def test_whole_numbers_are_constant_only_if_they_are_the_same() -> None:
    counter = VoxelCounter(3)
    for values in ([30_000, -5, 7], [30_001, -5, 7], [30_000, -5, 8]):
        counter.add(np.array(values, dtype=np.int16))
    assert counter.facts(1.0, 0.0).constant.tolist() == [False, True, False]


@pytest.mark.parametrize("value", [65_535, 1])
def test_many_scans_of_short_integers_are_added_without_overflow(value: int) -> None:
    counter, n_scans = VoxelCounter(2), 2**16 + 3
    volume = np.array([value, 0], dtype=np.uint16)
    for _ in range(n_scans):
        counter.add(volume)
    assert counter.facts(1.0, 0.0).mean.tolist() == [value, 0]


def test_what_is_no_number_counts_as_0_and_is_noted() -> None:
    counter = VoxelCounter(4)
    counter.add(np.array([1.0, np.nan, np.inf, 2.0]))
    counter.add(np.array([3.0, 4.0, 6.0, 2.0]))
    facts = counter.facts(1.0, 0.0)
    assert facts.not_finite.tolist() == [False, True, True, False]
    assert facts.mean.tolist() == [2.0, 2.0, 3.0, 2.0]
    assert facts.mean_of_numbers is None
    assert facts.constant.tolist() == [False, False, False, True]


# times


@pytest.mark.parametrize(
    ("onset", "duration", "held_at"),
    [(1.0, 2.0, [1, 2]), (1.0004, 2.0, [1, 2]), (1.0006, 2.0, [2, 3]), (0.9996, 2.0, [1, 2]), (3.0, 0.0, [])],
)
def test_an_event_holds_from_its_onset_to_its_end_by_milliseconds(
    onset: float, duration: float, held_at: list[int]
) -> None:
    event = Condition("go", np.array([onset]), np.array([duration]), amplitudes=np.array([3.0]))
    found = sampling.held(event, np.arange(6.0))
    assert np.flatnonzero(found).tolist() == held_at
    assert set(found[held_at]) <= {3.0}


def test_later_events_cover_earlier_ones() -> None:
    events = Condition("go", np.array([0.0, 2.0]), np.array([4.0, 1.0]), amplitudes=np.array([1.0, 5.0]))
    assert sampling.held(events, np.arange(6.0)).tolist() == [1.0, 1.0, 5.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("n_scans", "time", "rate", "n"), [(3, 2.0, 2.5, 15), (3, 1.5, 2.0, 9), (7, 0.1, 3.0, 3)]
)
def test_samples_cover_the_run(n_scans: int, time: float, rate: float, n: int) -> None:
    run = Run({}, Path("b"), None, None, None, n_scans, time, None)
    found = sampling.sample_times(run, rate)
    assert np.allclose(found, np.arange(n) / rate)
    assert np.allclose(sampling.scan_times(run), [i * time for i in range(n_scans)])


def test_a_series_lasts_a_step_for_each_value() -> None:
    found = sampling.series("trial_type.pupil", np.array([1.0, np.nan, 3.0]), 0.5)
    assert (found.name, found.prefix, found.continuous) == ("pupil", "trial_type.", True)
    assert found.onsets.tolist() == [0.0, 0.5, 1.0]
    assert found.durations.tolist() == [0.5, 0.5, 0.5]
    assert found.heights.tolist() == [1.0, 0.0, 3.0]
    assert sampling.series("fd", np.ones(1), 1.0).prefix == ""


# headers of runs


@pytest.mark.parametrize(
    ("step", "unit", "seconds"),
    [
        (0.01, "sec", 0.01),
        (0.0099, "sec", None),
        (100.0, "sec", 100.0),
        (100.5, "sec", None),
        (100.0, "unknown", 100.0),
        (100.5, "unknown", 0.1005),
        (2.0, "msec", None),
        (2500.0, "msec", 2.5),
        (2.5e6, "usec", 2.5),
        (1.23456789, "sec", 1.234568),
    ],
)
def test_a_step_is_a_time_in_its_unit(step: float, unit: str, seconds: float | None) -> None:
    assert runs.header_repetition_time(step, unit) == seconds


@pytest.mark.parametrize(("unit", "offset", "seconds"), [("sec", 3.0, 3.0), ("msec", 1500.0, 1.5)])
def test_the_header_of_a_run_says_when_it_begins(
    tmp_path: Path, unit: str, offset: float, seconds: float
) -> None:
    image = nib.Nifti1Image(np.ones((4, 5, 6, 3), np.float32), SKEW)
    image.header.set_xyzt_units("mm", unit)
    image.header["toffset"] = offset
    image.header["pixdim"][4] = {"sec": 2.0, "msec": 2000.0}[unit]
    nib.save(image, tmp_path / "b.nii")
    found = runs.read_header(tmp_path / "b.nii")
    assert (found.shape, found.repetition_time, found.offset) == ((4, 5, 6, 3), 2.0, seconds)
    assert found.grid.shape == (4, 5, 6)
    nib.save(nib.Nifti1Image(np.ones((4, 5, 6, 1), np.float32), SKEW), tmp_path / "c.nii")
    with pytest.raises(DataError, match=r"has shape \(4, 5, 6.*not that of a series of volumes"):
        runs.read_header(tmp_path / "c.nii")


def alike(time: float = 2.0, shape: tuple[int, ...] = (4, 5, 6, 9), shift: float = 0.0) -> Any:
    affine = SKEW.copy()
    affine[0, 3] += shift
    run = Run({}, Path(f"b{time:g}{shape[2]}{shift:g}.nii"), None, None, None, shape[3], time, None)
    return run, RunHeader(shape, affine, time)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (alike(2.0, (4, 5, 6, 20)), ""),
        (alike(2.0019), ""),
        (alike(2.003), "repetition times of 2 s and 2.003 s; fit them apart"),
        (alike(shape=(4, 5, 7, 9)), r"different grids, \(4, 5, 6\) and \(4, 5, 7\) voxels"),
        (alike(shift=1.0), "different grids, their affines differ"),
    ],
)
def test_runs_of_one_unit_have_one_grid_and_time(other: Any, said: str) -> None:
    if not said:
        runs.check_alike([alike(), other])
        return
    with pytest.raises(DataError, match=said):
        runs.check_alike([alike(), other])


@pytest.mark.parametrize(
    ("stated", "header", "expected", "said"),
    [
        (2.0, 2.0, 2.0, ""),
        (2.0, 2.019, 2.0, ""),
        (2.0, 2.03, 2.0, "RepetitionTime is 2 s in JSON but 2.03 s in the header; the JSON file's was used"),
        (2.0, None, 2.0, ""),
        (None, 2.5, 2.5, "no RepetitionTime in JSON; the header's was used"),
        (100.0, None, 100.0, ""),
        (0.01, None, 0.01, ""),
        (None, None, None, "no RepetitionTime in its JSON file or header"),
        (100.5, 2.0, None, "RepetitionTime 100.5 in its JSON file is no time in s"),
        (0.009, 2.0, None, "RepetitionTime 0.009 in its JSON file is no time in s"),
        ("2", 2.0, None, "RepetitionTime '2' in its JSON file is no time in s"),
        (True, 2.0, None, "RepetitionTime True in its JSON file is no time in s"),
    ],
)
def test_the_repetition_time_is_the_json_files_within_reason(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stated: object,
    header: float | None,
    expected: float | None,
    said: str,
) -> None:
    metadata = {} if stated is None else {"RepetitionTime": stated}
    monkeypatch.setattr(runs, "inherited_metadata", lambda *given: {})
    index: Any = None
    files = runs.Files(index, tmp_path / "b.nii", {}, None, None, None, {})
    given = files, index, metadata, RunHeader((4, 5, 6, 9), SKEW, header)
    if expected is None:
        with pytest.raises(DataError, match=said):
            runs._repetition_time(*given)
        return
    assert runs._repetition_time(*given) == (expected, (f"b.nii: {said}",) if said else ())


@pytest.mark.parametrize(
    ("stated", "expected"),
    [(None, None), (0, 0.0), (2.0, 2.0), (1, 1.0), (2.001, "error"), (-0.1, "error"), ("1", "error")],
)
def test_a_start_time_lies_within_the_repetition_time(stated: object, expected: object) -> None:
    metadata = {} if stated is None else {"StartTime": stated}
    if expected == "error":
        with pytest.raises(DataError, match="lies outside the repetition time; correct or remove it"):
            runs._start_time(Path("b.nii"), metadata, 2.0)
    else:
        assert runs._start_time(Path("b.nii"), metadata, 2.0) == expected


def test_volume_timing_alone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "inherited_metadata", lambda *given: {"VolumeTiming": [0, 3]})
    index: Index = None  # type: ignore[assignment]
    files = runs.Files(index, tmp_path / "b.nii", {}, None, None, None, {})
    with pytest.raises(DataError, match="VolumeTiming without RepetitionTime is not supported"):
        runs._repetition_time(files, index, {}, RunHeader((4, 5, 6, 9), SKEW, 2.0))


def test_smallest_and_largest_values_are_those_stored_unless_one_is_no_number():
    counter = VoxelCounter(2)
    for values in ([3, -7], [5, 0], [4, 2]):
        counter.add(np.array(values, dtype=np.int16))
    ends = counter.facts(2.0, 1.0).ends_of_numbers
    assert ends.tolist() == [[3, -7], [5, 2]]
    assert ends.dtype == np.int16
    counter = VoxelCounter(2)
    counter.add(np.array([1.0, np.nan]))
    assert counter.facts(1.0, 0.0).ends_of_numbers is None
