"""Reading runs under masks, with each package's own view of them, and writing maps."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import FirstLevelModel
from nilearn.image import smooth_img

from bidsglm.data import Run, Volume
from bidsglm.dataset import nifti, nifti_writing
from bidsglm.dataset.images import global_level, read_data, read_mask
from bidsglm.dataset.masks import Grid, on_grid
from bidsglm.dataset.nifti import read_header, read_map, volumes
from bidsglm.dataset.nifti_writing import map_bytes
from bidsglm.errors import BidsglmError, DataError, NoInputError, ReadWriteError
from bidsglm.spm.scaling import global_mean, within_mask
from tests.spm.smoothed import smooth

SHAPE = (9, 11, 8)
AFFINE = np.array([[-2.0, 0, 0, 8], [0, 2.0, 0.1, -10], [0, -0.1, 2.0, -7], [0, 0, 0, 1]])
N_SCANS = 5
GLOBAL = 1e-12
"""Relative; sums over a volume in another order."""
SMOOTHER = 2e-7
"""A step of float32: the filter is the one that nilearn calls, on a part of the volume."""


def make_data(rng: np.random.Generator, shape: tuple[int, ...] = (*SHAPE, N_SCANS)) -> np.ndarray:
    return rng.uniform(0, 250, shape)


def save(path: Path, data: np.ndarray, dtype: str = "<i2", scaling: tuple[float, float] = (1, 0)) -> Path:
    """Write values as stored, in any type and byte order."""
    header = nib.Nifti1Header(endianness=dtype[0] if dtype[0] in "<>" else "<")
    header.set_data_dtype(np.dtype(dtype))
    image = nib.Nifti1Image(data.astype(dtype), AFFINE, header)
    image.header.set_slope_inter(*scaling)
    nib.save(image, path)
    return path


def make_run(bold: Path, mask: Path | None = None) -> Run:
    return Run({}, bold, None, None, mask, N_SCANS, 2.0, None)


def make_mask(path: Path, voxels: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nib.save(nib.Nifti1Image(voxels.astype(np.uint8), affine), path)
    return path


def half() -> np.ndarray:
    return np.indices(SHAPE).sum(axis=0) % 2 == 0


@pytest.mark.parametrize("name", ["bold.nii.gz", "bold.nii"])
@pytest.mark.parametrize(
    ("dtype", "scaling"),
    [
        ("<i2", (1, 0)),
        ("<i2", (0.37, 2892.5)),
        (">i2", (0.5, 1)),
        (">f4", (1, 0)),
        ("<f4", (2, -3)),
        ("<f8", (1, 0)),
        ("|u1", (1, 0)),
        ("<i4", (1, 0)),
    ],
)
def test_series_hold_the_values_of_the_file(
    tmp_path: Path, name: str, dtype: str, scaling: tuple[float, float]
) -> None:
    bold = save(tmp_path / name, make_data(np.random.default_rng(0)), dtype, scaling)
    run = make_run(bold, make_mask(tmp_path / "mask.nii.gz", half()))
    data = read_data([run], ["spm", "nilearn"], 0.8, 0)
    (series,) = data.series["spm"]
    expected = np.asarray(nib.load(bold).dataobj, dtype=np.float64)
    np.testing.assert_allclose(series.values(slice(None)), expected[half()].T, rtol=1e-15)
    np.testing.assert_array_equal(data.volume.voxels, half())
    assert series.stored.dtype == np.dtype(dtype).newbyteorder("=")
    assert series.stored.dtype.isnative
    assert data.series["nilearn"][0] is series
    globals_expected = [global_mean(expected[..., i]) for i in range(N_SCANS)]
    np.testing.assert_allclose(series.global_means, globals_expected, rtol=GLOBAL)


@pytest.mark.parametrize("fwhm", [0.0, 5.0])
@pytest.mark.parametrize(("dtype", "scaling"), [("<i2", (1, 0)), (">i2", (0.5, 3)), ("<f4", (1, 0))])
def test_series_know_the_mean_of_their_values(
    tmp_path: Path, dtype: str, scaling: tuple[float, float], fwhm: float
) -> None:
    run = make_run(
        save(tmp_path / "bold.nii.gz", make_data(np.random.default_rng(0)), dtype, scaling),
        make_mask(tmp_path / "mask.nii.gz", half()),
    )
    for series in read_data([run], ["spm", "nilearn"], 0.8, fwhm).series.values():
        np.testing.assert_allclose(series[0].mean, series[0].values(slice(None)).mean(axis=0), rtol=1e-12)


def test_a_mean_is_not_known_where_a_value_is_no_number(tmp_path: Path) -> None:
    data = make_data(np.random.default_rng(0)).astype(float)
    data[half().nonzero()[0][0], half().nonzero()[1][0], half().nonzero()[2][0], 3] = np.nan
    run = make_run(save(tmp_path / "bold.nii.gz", data, "<f4"), make_mask(tmp_path / "mask.nii.gz", half()))
    assert read_data([run], ["spm"], 0.8, 0.0).series["spm"][0].mean is None


@pytest.mark.parametrize("slope", [0.0, np.nan])
def test_a_slope_of_zero_or_nan_means_that_values_are_as_stored(tmp_path: Path, slope: float) -> None:
    bold = save(tmp_path / "bold.nii", make_data(np.random.default_rng(0)))
    content = bytearray(bold.read_bytes())
    content[112:120] = np.array([slope, 5], dtype="<f4").tobytes()
    bold.write_bytes(content)
    header = read_header(bold)
    assert (header.slope, header.intercept) == (1.0, 0.0)


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int8", "uint8", "int32", "float32", "float64"])
@pytest.mark.parametrize("scaling", [(1.0, 0.0), (0.04, 12.5), (-0.5, 300.0)])
def test_global_equals_the_one_of_the_equations(dtype: str, scaling: tuple[float, float]) -> None:
    stored = np.random.default_rng(1).integers(0, 120, (50, 60, 40)).astype(dtype)
    stored[:25] = 0
    values = stored.astype(np.float64) * scaling[0] + scaling[1]
    naive = values[values > values.mean() / 8].mean()
    np.testing.assert_allclose(global_level(stored, *scaling)[0], naive, rtol=GLOBAL)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16])
def test_global_of_short_integers_is_that_of_the_same_numbers_in_float64(dtype: type[np.integer]) -> None:
    rng, bounds = np.random.default_rng(4), np.iinfo(dtype)
    everything = rng.integers(bounds.min, bounds.max, 100_001, dtype=dtype, endpoint=True)
    ends = np.array([bounds.min, bounds.max], dtype=dtype)
    negative = -np.arange(9).astype(dtype) if bounds.min else np.zeros(9, dtype)
    # one value is an eighth of the mean: it does not count
    edge = np.array([1, 15], dtype=dtype)
    for stored in (everything, ends, negative, edge, np.full(3, 7, dtype), np.zeros(3, dtype)):
        np.testing.assert_array_equal(global_level(stored), global_level(stored.astype(np.float64)))


def test_global_leaves_out_what_is_not_finite() -> None:
    values = np.array([np.nan, np.inf, 0, 0, 6, 10], dtype=np.float32)
    assert global_level(values)[0] == 8
    assert np.isnan(global_level(np.full(4, np.nan))[0])
    assert np.isnan(global_level(np.zeros(4, dtype=np.int16))[0])


def test_reading_needs_little_more_than_the_masked_array(tmp_path: Path) -> None:
    shape, rng = (40, 40, 40), np.random.default_rng(2)
    bold = save(tmp_path / "bold.nii.gz", make_data(rng, (*shape, 40)), "<i2", (0.1, 3))
    mask = make_mask(tmp_path / "mask.nii.gz", np.indices(shape)[0] < 20)
    masked, volume = 20 * 40 * 40 * 40 * 2, 40**3 * 2
    tracemalloc.start()
    try:
        read_data([make_run(bold, mask)], ["spm", "nilearn"], 0.8, 0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The mask is brought to the grid in float64 coordinates, some 30 volumes of int16.
    assert peak < masked + 40 * volume


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def spoil_checksum(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF
    path.write_bytes(content)


def spoil_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    path.write_bytes(content)


def uncompress(path: Path) -> None:
    path.write_bytes(gzip.decompress(path.read_bytes()))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def overwrite_with_text(path: Path) -> None:
    path.write_bytes(gzip.compress(b"version https://git-lfs.github.com/spec/v1\n" * 20))


@pytest.mark.parametrize("library", ["isal", "zlib"])
@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (cut, "truncated or damaged; copy or re-run it"),
        (spoil_checksum, "truncated or damaged; copy or re-run it"),
        (spoil_middle, "truncated or damaged; copy or re-run it"),
        (uncompress, "is not a gzip file as its name says"),
        (empty, "is not a gzip file as its name says"),
        (overwrite_with_text, "truncated or damaged; copy or re-run it"),
    ],
)
def test_damaged_files_are_named_with_the_remedy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    library: str,
    harm: Callable[[Path], None],
    message: str,
) -> None:
    if library == "zlib":
        monkeypatch.setattr(nifti, "_gzip", gzip)
    bold = save(tmp_path / "sub-01_bold.nii.gz", make_data(np.random.default_rng(3)))
    mask = make_mask(tmp_path / "mask.nii.gz", half())
    harm(bold)
    with pytest.raises(ReadWriteError, match=message) as caught:
        read_data([make_run(bold, mask)], ["spm"], 0.8, 0)
    assert str(bold) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_without_compression_is_damaged(tmp_path: Path) -> None:
    bold = save(tmp_path / "bold.nii", make_data(np.random.default_rng(3)))
    cut(bold)
    with pytest.raises(ReadWriteError, match="truncated or damaged"):
        list(volumes(read_header(bold)))


def make_3d(path: Path) -> Run:
    return make_run(save(path / "single.nii.gz", np.ones(SHAPE)))


def make_complex(path: Path) -> Run:
    return make_run(save(path / "complex.nii.gz", np.ones((*SHAPE, 3)), "<c8"))


def make_absent(path: Path) -> Run:
    return make_run(path / "absent.nii.gz")


def make_elsewhere(path: Path) -> Run:
    bold = save(path / "bold.nii.gz", np.ones((*SHAPE, 3)))
    far = AFFINE + np.array([[0, 0, 0, 1e3]] + [[0, 0, 0, 0]] * 3)
    return make_run(bold, make_mask(path / "far.nii.gz", half(), far))


def make_4d_mask(path: Path) -> Run:
    bold = save(path / "bold.nii.gz", np.ones((*SHAPE, 3)))
    return make_run(bold, make_mask(path / "mask4.nii.gz", np.ones((*SHAPE, 2))))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (make_3d, DataError, "single volume; a time series is needed"),
        (make_complex, DataError, "complex64; convert it"),
        (make_absent, NoInputError, "there is no such file"),
        (make_elsewhere, DataError, "far.nii.gz: the mask holds no voxel of bold.nii.gz"),
        (make_4d_mask, DataError, "has 2 volumes; a mask is a single volume"),
    ],
)
def test_unusable_images_are_refused(
    tmp_path: Path, make: Callable[[Path], Run], error: type[BidsglmError], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_data([make(tmp_path)], ["spm"], 0.8, 0)


def test_runs_of_different_grids_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    runs = [
        make_run(save(tmp_path / "a.nii.gz", make_data(rng))),
        make_run(save(tmp_path / "b.nii.gz", make_data(rng, (9, 11, 7, N_SCANS)))),
    ]
    with pytest.raises(DataError, match=r"b\.nii\.gz: its grid differs from that of a\.nii\.gz"):
        read_data(runs, ["spm"], 0.8, 0)


def test_the_mask_is_the_intersection_of_the_runs_masks(tmp_path: Path) -> None:
    bold = save(tmp_path / "bold.nii.gz", make_data(np.random.default_rng(5)))
    low = np.indices(SHAPE)[2] < 4
    masks = [make_mask(tmp_path / "a.nii.gz", half()), make_mask(tmp_path / "b.nii.gz", low)]
    np.testing.assert_array_equal(read_mask([make_run(bold, m) for m in masks])[0], half() & low)
    opposite = make_mask(tmp_path / "c.nii.gz", ~half())
    with pytest.raises(DataError, match=r"a\.nii\.gz: has no voxel in common with c\.nii\.gz"):
        read_mask([make_run(bold, masks[0]), make_run(bold, opposite)])


def test_runs_without_a_mask_use_those_of_the_others_and_it_is_noted(tmp_path: Path) -> None:
    bold = save(tmp_path / "bold.nii.gz", make_data(np.random.default_rng(6)))
    runs = [make_run(bold, make_mask(tmp_path / "mask.nii.gz", half())), make_run(bold)]
    data = read_data(runs, ["spm"], 0.8, 0)
    assert data.candidates["spm"].size == half().sum()
    assert data.notes == ("No mask file for bold.nii.gz: the other runs' masks were used.",)


def test_runs_with_the_same_values_are_told_of(tmp_path: Path) -> None:
    data = make_data(np.random.default_rng(1))
    other = np.concatenate([data[..., :-1], data[..., :1]], axis=3)
    flat = np.full_like(data, 7)
    mask = make_mask(tmp_path / "mask.nii.gz", half())
    series = {"a": data, "b": data, "c": other, "d": flat, "e": flat}
    runs = [make_run(save(tmp_path / f"{name}.nii", values), mask) for name, values in series.items()]
    (note,) = read_data(runs, ["spm"], 0.8, 0).notes
    assert note.startswith("a.nii and b.nii: the same values in every scan, so the data count twice")


def test_masks_of_other_grids_follow_spms_nearest_neighbour_rule() -> None:
    rng = np.random.default_rng(7)
    values = rng.integers(0, 2, (6, 5, 7)).astype(float)
    values[0, 0, 0] = np.nan
    affine = AFFINE @ np.array([[1.7, 0.1, 0, 0.3], [0, 2.1, 0, -0.02], [0.05, 0, 1.2, 0], [0, 0, 0, 1]])
    naive = np.zeros(SHAPE, dtype=bool)
    for voxel in np.ndindex(SHAPE):
        x = (np.linalg.inv(affine) @ AFFINE @ [*voxel, 1])[:3]
        if np.all(x >= -0.05) and np.all(x <= np.array(values.shape) - 1 + 0.05):
            naive[voxel] = values[tuple(np.floor(x + 0.5).astype(int))] > 0
    np.testing.assert_array_equal(on_grid(values, affine, Grid(SHAPE, AFFINE)), naive)
    assert 0 < naive.sum() < naive.size


def make_head(rng: np.random.Generator, n_scans: int = 6) -> np.ndarray:
    x, y, z = np.indices((24, 26, 22)) - np.array([12, 13, 11]).reshape(3, 1, 1, 1)
    head = 900 * ((x / 9) ** 2 + (y / 10) ** 2 + (z / 8) ** 2 < 1) * (1 + 0.1 * np.sin(x))
    return np.abs(head[..., None] + rng.normal(0, 40, (*head.shape, n_scans)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("dtype", "scaling"), [("<i2", (1, 0)), ("<f4", (1, 0)), ("<i2", (0.3, 7))])
def test_without_a_mask_file_each_package_has_its_own(
    tmp_path: Path, dtype: str, scaling: tuple[float, float]
) -> None:
    rng = np.random.default_rng(8)
    bolds = [save(tmp_path / f"{i}.nii.gz", make_head(rng), dtype, scaling) for i in range(2)]
    data = read_data([make_run(b) for b in bolds], ["spm", "nilearn"], 0.8, 0)
    model = FirstLevelModel(2.0, mask_img=None)
    model.fit(bolds, design_matrices=[pd.DataFrame({"constant": np.ones(6)})] * 2)
    columns = data.volume.voxels
    theirs = model.masker_.mask_img_.get_fdata() > 0
    np.testing.assert_array_equal(data.candidates["nilearn"], theirs[columns])
    assert theirs.sum() == data.candidates["nilearn"].sum() > 1000
    values = [nib.load(b).get_fdata() for b in bolds]
    limits = [np.array([0.8 * global_mean(v[..., i]) for i in range(6)]) for v in values]
    spm = within_mask([v.reshape(-1, 6).T for v in values], limits).reshape(columns.shape)
    np.testing.assert_array_equal(data.candidates["spm"], spm[columns])
    assert spm.sum() == data.candidates["spm"].sum()
    assert data.notes == ("There is no mask file: each package computed its own mask.",)


def test_a_threshold_of_minus_infinity_takes_every_voxel(tmp_path: Path) -> None:
    bold = save(tmp_path / "bold.nii.gz", make_data(np.random.default_rng(9)))
    assert read_data([make_run(bold)], ["spm"], -np.inf, 0).volume.voxels.all()


def test_a_mask_that_a_package_cannot_find_is_an_error(tmp_path: Path) -> None:
    data = make_data(np.random.default_rng(9))
    data[..., 2] = 0
    data[0, 0, 0, 2] = 1
    bold = save(tmp_path / "bold.nii.gz", data)
    with pytest.raises(DataError, match=r"bold\.nii\.gz: spm finds no voxel.*mask file"):
        read_data([make_run(bold)], ["spm"], 0.8, 0)


@pytest.mark.parametrize(("dtype", "scaling"), [("<i2", (0.37, 412.5)), ("<f4", (1, 0)), ("<f4", (2, 30))])
def test_smoothing_is_each_packages_own(tmp_path: Path, dtype: str, scaling: tuple[float, float]) -> None:
    values = make_data(np.random.default_rng(10))
    if dtype == "<f4":
        values[2, 3, 4, 1] = np.nan
    bold = save(tmp_path / "bold.nii.gz", values, dtype, scaling)
    low = np.indices(SHAPE)[2] < 5
    run = make_run(bold, make_mask(tmp_path / "mask.nii.gz", half() & low))
    data = read_data([run], ["spm", "nilearn"], 0.8, 5.0)
    image = nib.load(bold)
    scaled = np.asarray(image.dataobj, dtype=np.float64)
    sizes = np.linalg.norm(AFFINE[:3, :3], axis=0)
    spm = np.stack([smooth(scaled[..., i], 5.0, sizes) for i in range(N_SCANS)]).astype(np.float32)
    np.testing.assert_array_equal(data.series["spm"][0].stored, spm[:, half() & low])
    globals_expected = [global_mean(volume) for volume in spm]
    np.testing.assert_allclose(data.series["spm"][0].global_means, globals_expected, rtol=GLOBAL)
    nilearn = smooth_img(image, 5.0).get_fdata()[half() & low].T
    np.testing.assert_allclose(data.series["nilearn"][0].values(slice(None)), nilearn, rtol=SMOOTHER)


def test_own_masks_of_smoothed_data_follow_the_smoothed_volumes(tmp_path: Path) -> None:
    bold = save(tmp_path / "bold.nii.gz", make_head(np.random.default_rng(11)))
    data = read_data([make_run(bold)], ["spm"], 0.8, 6.0)
    series = data.series["spm"][0]
    assert (series.stored > 0.8 * series.global_means[:, None]).all()


GRID = Volume(SHAPE, AFFINE, half())


def test_maps_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = np.random.default_rng(12).standard_normal((3, half().sum()))
    for values, name in ((rows[0], "one.nii.gz"), (rows, "many.nii.gz")):
        (tmp_path / name).write_bytes(map_bytes(values, GRID, np.nan, space="MNI152NLin2009cAsym"))
        read, affine = read_map(tmp_path / name)
        np.testing.assert_array_equal(read[half()].T, values.astype(np.float32))
        assert np.isnan(read[~half()]).all()
        np.testing.assert_allclose(affine, AFFINE, atol=1e-6)
        part = slice(1, 4), slice(None), slice(2, 3)
        np.testing.assert_array_equal(read_map(tmp_path / name, part)[0], read[part])


def test_maps_carry_the_geometry_of_the_data(tmp_path: Path) -> None:
    path = tmp_path / "map.nii.gz"
    path.write_bytes(map_bytes(np.ones(half().sum()), GRID, 0, dtype=np.uint8, space="MNI152NLin6Asym"))
    image: Any = nib.load(path)
    assert image.header.get_xyzt_units() == ("mm", "sec")
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (4, 4)
    np.testing.assert_allclose(image.header.get_zooms(), np.linalg.norm(AFFINE[:3, :3], axis=0), rtol=1e-6)
    raw = nib.Nifti1Header(gzip.decompress(path.read_bytes())[:348])
    assert (float(raw["scl_slope"]), float(raw["scl_inter"]), float(raw["vox_offset"])) == (1, 0, 352)
    assert image.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(np.asarray(image.dataobj), half())


def test_the_same_map_makes_the_same_bytes_without_time_or_name() -> None:
    values = np.random.default_rng(13).standard_normal(half().sum())
    content = map_bytes(values, GRID, 0)
    assert content == map_bytes(values, GRID, 0)
    flags, mtime = content[3], content[4:8]
    assert flags == 0
    assert mtime == bytes(4)


def test_everything_works_without_isal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nifti, "_gzip", gzip)
    monkeypatch.setattr(nifti_writing, "_zlib", zlib)
    values = np.arange(half().sum(), dtype=float)
    path = tmp_path / "map.nii.gz"
    path.write_bytes(map_bytes(values, GRID, 0))
    np.testing.assert_array_equal(read_map(path)[0][half()], values)
    assert path.read_bytes()[3:8] == bytes(5)


def changed_header(path: Path, at: int, value: np.generic) -> Path:
    """An uncompressed file with other bytes in its header."""
    content = bytearray(path.read_bytes())
    content[at : at + value.nbytes] = value.tobytes()
    path.write_bytes(bytes(content))
    return path


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (108, np.float32(1e12), "vox_offset in its header is 1e"),
        (108, np.float32(353), "promises 7,920 bytes of values, more than the file can hold"),
        (112, np.float32(1e38), "scl_slope or scl_inter in its header is implausibly large"),
        (
            40,
            np.array([4, 9, 11, 8, 6], "<i2"),
            "promises 9,504 bytes of values, more than the file can hold",
        ),
        (40, np.array([5, 9, 11, 8, 5, 2], "<i2"), "has dimensions 9 x 11 x 8 x 5 x 2; an image of three or"),
        (40, np.array([2, 9, 11], "<i2"), "has dimensions 9 x 11; an image of three or"),
        (344, np.frombuffer(b"ni1\0", np.uint8), "is half of a pair of header and image"),
        (344, np.frombuffer(b"xyz\0", np.uint8), "is truncated or damaged"),
        (280, np.zeros(4, "<f4"), "the affine in its header is not invertible"),
    ],
)
def test_headers_that_make_no_sense_are_refused(tmp_path: Path, at: int, value: Any, message: str) -> None:
    path = save(tmp_path / "bold.nii", make_data(np.random.default_rng(3)))
    assert read_header(path).n_volumes == N_SCANS
    with pytest.raises(BidsglmError, match=message):
        read_header(changed_header(path, at, value))


@pytest.mark.parametrize("last", [1, 2])
def test_dimensions_of_one_behind_the_fourth_do_not_count(tmp_path: Path, last: int) -> None:
    path = save(tmp_path / "bold.nii", make_data(np.random.default_rng(3)))
    changed_header(path, 40, np.array([6, 9, 11, 8, N_SCANS, 1, last], "<i2"))
    if last == 1:
        assert read_header(path).shape == (9, 11, 8, N_SCANS)
    else:
        with pytest.raises(DataError, match="has dimensions 9 x 11 x 8 x 5 x 1 x 2"):
            read_header(path)


def test_packages_that_scale_by_the_brain_know_it_and_what_lies_around_others(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    bold = save(tmp_path / "bold.nii.gz", make_head(rng), "<f4")
    values = nib.load(bold).get_fdata()
    own = read_data([make_run(bold)], ["spm", "fsl"], 0.8, 0)
    spm, fsl = own.series["spm"][0], own.series["fsl"][0]
    assert fsl.brain is not None
    assert spm.rim is not None
    inside = own.candidates["spm"]
    # the voxels that only the other package fits
    np.testing.assert_array_equal(spm.rim, ~inside)
    assert own.candidates["fsl"].sum() > fsl.brain.sum() > 1000
    assert fsl.median == pytest.approx(np.median(values[own.volume.voxels][fsl.brain]), rel=0.01)
    mask = make_mask(tmp_path / "mask.nii.gz", values.mean(axis=3) > 450, AFFINE)
    given = read_data([make_run(bold, mask)], ["spm", "fsl"], 0.8, 0)
    assert given.candidates["fsl"].sum() > given.candidates["spm"].sum() == (values.mean(axis=3) > 450).sum()
    assert given.series["fsl"][0].median == pytest.approx(fsl.median, rel=0.05)
