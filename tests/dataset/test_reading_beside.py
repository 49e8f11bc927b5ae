"""Runs that are decompressed in another thread: the same volumes, and the same words on damaged files."""

import gzip
import threading
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.dataset.nifti import read_header, volumes
from bidsglm.errors import ReadWriteError
from bidsglm.process.cores import borrowed_core, use_cores


@pytest.fixture(autouse=True)
def one_core_afterwards() -> Iterator[None]:
    yield
    use_cores(1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    values = np.random.default_rng(0).integers(0, 1000, (40, 41, 42, 30)).astype(np.int16)
    path = tmp_path / "bold.nii.gz"
    nib.save(nib.Nifti1Image(values, np.eye(4)), path)
    return path


def test_volumes_are_those_of_one_core(path: Path) -> None:
    header = read_header(path)
    one = [volume.copy() for volume in volumes(header)]
    use_cores(2)
    n_threads = []
    for volume, expected in zip(volumes(header), one, strict=True):
        n_threads.append(threading.active_count())
        np.testing.assert_array_equal(volume, expected)
    assert n_threads[0] > threading.active_count()


def test_reader_that_stops_early_gives_its_core_back(path: Path) -> None:
    use_cores(2)
    before, reading = threading.active_count(), volumes(read_header(path))
    next(reading)
    reading.close()
    assert threading.active_count() == before
    with borrowed_core() as has_core:
        assert has_core


@pytest.mark.parametrize("n_cores", [1, 2])
@pytest.mark.parametrize("damage", ["cut", "checksum", "no gzip behind"])
def test_damaged_file_is_named_whoever_decompresses_it(path: Path, n_cores: int, damage: str) -> None:
    header, whole = read_header(path), path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "checksum":
        path.write_bytes(whole[:-8] + bytes(4) + whole[-4:])
    else:
        path.write_bytes(gzip.compress(gzip.decompress(whole)[:500_000]) + bytes(range(200)))
    use_cores(n_cores)
    with pytest.raises(ReadWriteError, match=f"{path}: is truncated or damaged"):
        for _ in volumes(header):
            pass
