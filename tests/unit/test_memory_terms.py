"""What each part of the estimate of memory adds, term by term, and how sizes are said."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from bidsglm.data import Run
from bidsglm.errors import TryLaterError
from bidsglm.model import ModelSpecification
from bidsglm.settings import Settings
from bidsglm.unit import memory
from bidsglm.unit.memory import Need

SHAPE, N_SCANS, N_MASK = (10, 12, 8), 30, 200
MODEL = ModelSpecification("m", ("trial_type.go",))


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two runs of integers with a mask file each, and contrasts with three rows in all."""
    runs = []
    for i in range(2):
        bold, mask = tmp_path / f"b{i}.nii", tmp_path / f"m{i}.nii"
        nib.save(nib.Nifti1Image(np.zeros((*SHAPE, N_SCANS), np.int16), np.eye(4)), bold)
        inside = np.zeros(SHAPE, np.uint8)
        inside.ravel()[: N_MASK + 50 * i] = 1
        nib.save(nib.Nifti1Image(inside, np.eye(4)), mask)
        runs.append(Run({}, bold, None, None, mask, N_SCANS, 2.0, None))
    monkeypatch.setattr(memory, "_n_rows", lambda *given: 3)
    monkeypatch.setattr(memory, "_whitened", lambda *given: 0.0)
    monkeypatch.setattr(memory, "cores_of_each", lambda settings, n: settings.n_procs or 1)
    return SimpleNamespace(runs=tuple(runs))


def settings_of(**changes: Any) -> Settings:
    return Settings(Path("bids"), Path("out"), "participant", **{"attribution": False, **changes})


def test_the_estimate_is_the_sum_of_its_parts(unit: Any) -> None:
    grid = 10 * 12 * 8
    maps = 60.0 * grid + N_MASK * (950.0 + 2 * 3 * 40.0)
    fitted = 2 * N_SCANS * (N_MASK * 2 + 0.17e6)
    found = memory.unit_need(unit, MODEL, settings_of())
    assert found.n_bytes == int(303e6 + maps + fitted)
    assert found.reason == (
        f"{unit.runs[0].bold} is 10 x 12 x 8 x 30 by its header, 60 scans are fitted together"
    )


@pytest.mark.parametrize(
    ("backends", "n_procs", "beside"),
    [
        (("spm", "nilearn", "afni"), 1, 0),
        (("spm", "nilearn", "afni"), 3, 1),
        (("spm", "nilearn", "afni"), 9, 1),
    ],
)
def test_further_packages_take_their_voxels_and_cores(
    unit: Any, backends: tuple[str, ...], n_procs: int, beside: int
) -> None:
    two = memory.unit_need(unit, MODEL, settings_of()).n_bytes
    three = memory.unit_need(unit, MODEL, settings_of(backends=backends, n_procs=n_procs)).n_bytes
    assert three - two == pytest.approx(N_MASK * (320.0 + 3 * 40.0) + beside * 80e6, abs=2)


def test_a_rim_counts_and_the_grid_bounds_it(unit: Any) -> None:
    two = memory.unit_need(unit, MODEL, settings_of()).n_bytes
    fsl = memory.unit_need(unit, MODEL, settings_of(backends=("nilearn", "fsl"))).n_bytes
    assert fsl - two == pytest.approx(0.2 * N_MASK * (950.0 + 240.0 + 2 * N_SCANS * 2), abs=2)


def test_smoothed_data_are_floats_for_each_kernel(unit: Any) -> None:
    from dataclasses import replace

    from bidsglm.dataset.images import kernels

    copies = len(kernels(("spm", "nilearn")))
    assert copies == 2
    plain = memory.unit_need(unit, MODEL, settings_of()).n_bytes
    smooth = memory.unit_need(unit, replace(MODEL, smoothing_fwhm=6.0), settings_of()).n_bytes
    assert smooth - plain == 2 * N_SCANS * N_MASK * (4 * copies - 2)


@pytest.mark.parametrize(("n_workers", "workers"), [(1, 0), (3, 3)])
def test_a_calibration_counts_where_it_takes_more(unit: Any, n_workers: int, workers: int) -> None:
    maps = memory.unit_need(unit, MODEL, settings_of()).n_bytes - 2 * N_SCANS * (N_MASK * 2 + 0.17e6)
    values = 2 * N_SCANS * N_MASK
    simulated = values * 2 + values * 80.0 + workers * (280e6 + values * 60.0)
    fitted = 2 * N_SCANS * (N_MASK * 2 + 0.17e6)
    found = memory.unit_need(unit, MODEL, settings_of(calibrate=5), n_workers).n_bytes
    assert found == pytest.approx(maps + max(fitted, simulated), abs=2)


SAMPLED = 90_000 * 60 * memory.PER_SAMPLED_VALUE
OF_TABLES = 3 * 2 * memory.PER_SAMPLED_ROW
FITTED_ANEW = 60 * memory.PER_SCAN_OF_PAIR + 3 * memory.PER_ROW_OF_PAIR


@pytest.mark.parametrize(
    ("backends", "attribution", "expected"),
    [
        (("spm", "nilearn"), False, 0.0),
        (("spm",), True, 0.0),
        (("spm", "nilearn"), True, SAMPLED + OF_TABLES - memory.FREED),
        (("afni", "nilearn"), True, FITTED_ANEW),
        (("spm", "nilearn", "afni"), True, max(FITTED_ANEW, SAMPLED + OF_TABLES - memory.FREED)),
    ],
)
def test_an_attribution_takes_what_its_largest_pair_does(
    monkeypatch: pytest.MonkeyPatch, backends: tuple[str, ...], attribution: bool, expected: float
) -> None:
    monkeypatch.setattr(memory, "TABULATED", 10**6)
    found = memory._explained(settings_of(backends=backends, attribution=attribution), 90_000, 60, (3, 2))
    assert found == pytest.approx(expected)


def test_the_largest_unit_counts_and_processes_only_for_one_alone(
    unit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def need(unit: Any, model: Any, settings: Settings, n_workers: int) -> Need:
        asked.append(n_workers)
        return Need(unit)

    monkeypatch.setattr(memory, "unit_need", need)
    model: Any = SimpleNamespace(specification=None)
    settings = settings_of(n_procs=4)
    for alone in (True, False):
        assert memory.largest_need([(3, model), (7, model), (5, model)], settings, alone) == Need(7)  # type: ignore[list-item]
    assert asked == [4] * 3 + [1] * 3
    assert memory.largest_need([], settings) == Need(0)


def test_without_a_mask_half_of_the_image_is_brain(unit: Any, tmp_path: Path) -> None:
    run = unit.runs[0]
    header = memory.read_header(run.bold)
    assert memory._mask_size(run, header) == N_MASK
    assert memory._mask_size(run.__class__(**{**vars(run), "mask": None}), header) == 480
    other = tmp_path / "other.nii"
    nib.save(nib.Nifti1Image(np.ones(SHAPE, np.uint8), 2 * np.eye(4)), other)
    assert memory._mask_size(run.__class__(**{**vars(run), "mask": other}), header) == 480


@pytest.mark.parametrize(
    ("n_bytes", "said"), [(999e6, "999 MB"), (1e9, "1.0 GB"), (1.26e9, "1.3 GB"), (0, "0 MB")]
)
def test_sizes_are_said_in_their_unit(n_bytes: float, said: str) -> None:
    assert memory.size(n_bytes) == said


@pytest.mark.parametrize(("limit", "refused"), [(1, True), (0, False), (-1, False)])
def test_more_than_the_machine_has_is_refused(
    unit: Any, monkeypatch: pytest.MonkeyPatch, limit: int, refused: bool
) -> None:
    need = memory.unit_need(unit, MODEL, settings_of())
    monkeypatch.setattr(memory, "machine_memory", lambda: need.n_bytes - limit)
    if refused:
        with pytest.raises(TryLaterError) as error:
            memory.check_memory(unit, MODEL, settings_of())
        assert f"needs about {memory.size(need.n_bytes)} of memory, more than the" in str(error.value)
        assert f": {need.reason}; correct the image if that is not so, else fit less" in str(error.value)
    else:
        memory.check_memory(unit, MODEL, settings_of())


def test_a_container_bounds_the_memory_of_its_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = memory.machine_memory()
    files = tmp_path / "max", tmp_path / "limit", tmp_path / "none"
    files[0].write_text("max\n")
    files[1].write_text("5000\n")
    monkeypatch.setattr(memory, "CONTROL_GROUPS", tuple(map(str, files)))
    assert memory.machine_memory() == 5000
    files[1].write_text(f"{2**70}\n")
    assert 0 < whole <= memory.machine_memory() < 2**70
