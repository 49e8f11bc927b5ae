"""A stack of maps on disk is an array of them."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.dataset.stacks import MapStack, OtherGridError
from bidsglm.errors import DataError, NoInputError, ReadWriteError

SHAPE = (3, 4, 5)


def write_map(path: Path, values: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nib.save(nib.Nifti1Image(values, np.eye(4) if affine is None else affine), path)
    return path


def maps(n: int) -> np.ndarray:
    values = np.random.default_rng(0).standard_normal((n, *SHAPE)).astype(np.float32)
    values[:, 0] = np.nan
    return values


def test_stack_gives_back_maps_and_voxels_of_the_first_mask(tmp_path: Path) -> None:
    values = maps(4)
    values[2, 1, 1, 1] = np.nan
    expected = values[:, np.isfinite(values[0])]
    with MapStack(tmp_path) as stack:
        for i, one in enumerate(values):
            stack.add(stack.read([write_map(tmp_path / f"{i}.nii.gz", one)]))
        assert stack.shape == expected.shape
        np.testing.assert_array_equal(stack[:, 5:9], expected[:, 5:9])
        np.testing.assert_array_equal(stack[:, 30:99], expected[:, 30:])
        np.testing.assert_array_equal(stack[2], expected[2])
        assert stack.volume.shape == SHAPE
        np.testing.assert_array_equal(stack.volume.voxels, np.isfinite(values[0]))


def test_several_files_are_averaged_and_missing_where_any_is(tmp_path: Path) -> None:
    first, second = maps(2)
    second[1, 1, 1] = np.nan
    paths = [write_map(tmp_path / f"{i}.nii.gz", one) for i, one in enumerate((first, second))]
    with MapStack(tmp_path) as stack:
        found = stack.read(paths).reshape(SHAPE, order="F")
    np.testing.assert_allclose(found, (first.astype(float) + second) / 2, rtol=1e-6)


def _read_two(stack: MapStack, first: Path, second: Path) -> None:
    stack.add(stack.read([first]))
    stack.add(stack.read([second]))


def test_nothing_is_left_on_disk_after_an_error(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = write_map(tmp_path / "one.nii.gz", maps(1)[0])
    stack = MapStack(scratch)
    with pytest.raises(NoInputError), stack:
        _read_two(stack, path, tmp_path / "none.nii.gz")
    assert not list(scratch.iterdir())


def test_other_grids_are_named_with_both_files(tmp_path: Path) -> None:
    one = write_map(tmp_path / "one.nii.gz", maps(1)[0])
    moved = write_map(tmp_path / "moved.nii.gz", maps(1)[0], np.diag([1, 1, 1.1, 1]))
    cut = write_map(tmp_path / "cut.nii.gz", maps(1)[0][:2])
    with MapStack(tmp_path) as stack:
        stack.add(stack.read([one]))
        for other in (moved, cut):
            with pytest.raises(OtherGridError) as caught:
                stack.read([other])
            assert str(other) in str(caught.value)
            assert str(one) in str(caught.value)
        assert stack.shape[0] == 1


def test_damaged_missing_and_four_dimensional_files_are_errors(tmp_path: Path) -> None:
    path = write_map(tmp_path / "one.nii.gz", maps(1)[0])
    short = tmp_path / "short.nii.gz"
    short.write_bytes(path.read_bytes()[:-40])
    four = write_map(tmp_path / "four.nii.gz", np.zeros((*SHAPE, 2), np.float32))
    with MapStack(tmp_path) as stack:
        with pytest.raises(ReadWriteError, match=r"short.nii.gz: is truncated"):
            stack.read([short])
        with pytest.raises(NoInputError):
            stack.read([tmp_path / "none.nii.gz"])
        with pytest.raises(DataError, match="has 2 volumes"):
            stack.read([four])


def test_full_scratch_folder_says_what_to_do(tmp_path: Path) -> None:
    values = np.zeros((40, 40, 40), np.float32)
    path = write_map(tmp_path / "one.nii.gz", values)
    with MapStack(tmp_path) as stack:
        read = stack.read([path])
        stack._file.close()
        stack._file = open("/dev/full", "r+b", buffering=0)  # noqa: SIM115
        with pytest.raises(ReadWriteError, match="--work-dir"):
            stack.add(read)
