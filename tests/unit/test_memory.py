"""How much memory a unit takes, by its headers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bidsglm.dataset.layout import find_units
from bidsglm.dataset.nifti import read_header
from bidsglm.model import ModelSpecification, Settings
from bidsglm.unit import memory
from bidsglm.unit.memory import unit_need
from tests import tiny
from tests.conftest import PROJECT

MIB = 2**20
MEASURED = [
    # grid, voxels, scans, attribution, peak of a whole run in MiB (bidsglm participant, 64-bit Linux)
    ((60, 70, 60), 52_776, 100, True, 472),
    ((60, 70, 60), 52_776, 400, True, 757),
    ((97, 115, 97), 230_711, 100, True, 682),
    ((60, 70, 60), 52_776, 400, False, 535),
    ((97, 115, 97), 230_711, 100, False, 590),
]
TOO_HIGH = 1.15
"""An estimate this much above what is needed still lets most of those run that could."""


@pytest.mark.parametrize(("grid", "n_voxels", "n_scans", "attribution", "peak"), MEASURED)
def test_estimate_is_above_what_was_measured_and_not_far(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    grid: tuple[int, int, int],
    n_voxels: int,
    n_scans: int,
    attribution: bool,
    peak: float,
) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    settings = Settings(study, tmp_path / "out", "participant", attribution=attribution)
    (unit,) = find_units(settings, {}, {}, "01", by_session=True)
    header = read_header(unit.runs[0].bold)
    large = header._replace(shape=(*grid, n_scans), dtype=np.dtype(np.int16))
    monkeypatch.setattr("bidsglm.unit.memory.read_header", lambda path: large)
    monkeypatch.setattr("bidsglm.unit.memory._mask_size", lambda run, header: n_voxels)
    estimate = unit_need(unit, ModelSpecification("m", ()), settings).n_bytes / MIB
    assert peak <= estimate <= TOO_HIGH * peak


def test_further_packages_and_the_voxels_around_the_brain_count(tmp_path: Path) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    settings = Settings(study, tmp_path / "out", "participant", attribution=False)
    (unit,) = find_units(settings, {}, {}, "01", by_session=True)
    model = ModelSpecification("m", ())
    two, with_rim, three, smoothed = (
        unit_need(unit, replace(model, smoothing_fwhm=fwhm), replace(settings, backends=backends)).n_bytes
        for backends, fwhm in (
            (("spm", "nilearn"), 0.0),
            (("spm", "fsl"), 0.0),
            (("spm", "nilearn", "fsl"), 0.0),
            (("spm", "nilearn", "fsl"), 6.0),
        )
    )
    assert two < with_rim < three
    # two kernels, whatever the number of packages, each in float32
    n_voxels = min(int(tiny.brain().sum() * memory.WITH_RIM), tiny.brain().size)
    assert smoothed - three == tiny.N_SCANS * n_voxels * (2 * 4 - 4)


def test_manual_says_what_the_estimate_counts_and_what_was_measured() -> None:
    lines = (PROJECT / "docs" / "hpc.md").read_text().splitlines()
    text = " ".join(" ".join(lines).split())
    assert (
        f"{memory.BASE / 1e6:.0f} MB, {memory.PER_GRID_VOXEL:.0f} bytes for each voxel of the image,"
        f" {memory.PER_VOXEL:.0f} bytes for each voxel in the mask"
    ) in text
    assert f"({memory.PER_SCAN / 1e6:.2f} MB with `--no-attribution`)" in text
    for (x, y, z), n_voxels, n_scans, attribution, peak in MEASURED:
        option = "" if attribution else "`--no-attribution`"
        start = f"| {x} × {y} × {z} | {n_voxels:,} | {n_scans} | {option} |".replace("|  |", "| |")
        assert any(line.startswith(start) and line.endswith(f" {peak} |") for line in lines), start


def need(tmp_path: Path, backends: tuple[str, ...]) -> int:
    study = tiny.write_study(tmp_path, participants=("01",), runs=("run-1", "run-2"))
    settings = Settings(study, tmp_path / "out", "participant", attribution=False, backends=backends)
    (unit,) = find_units(settings, {}, {}, "01", by_session=True)
    return unit_need(unit, ModelSpecification("m", ("trial_type.*", "trans_*")), settings).n_bytes


def test_grid_of_noise_models_counts_by_scans_and_columns_of_all_runs(tmp_path: Path) -> None:
    plain, gridded = (need(tmp_path, names) for names in (("nilearn",), ("afni",)))
    n_scans, n_columns = 2 * tiny.N_SCANS, 2 + 2 * (4 + memory.BASELINE)
    assert gridded - plain == 110 * n_scans * (n_columns + 66) * 8


def test_estimate_of_three_packages_is_above_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    settings = Settings(
        study, tmp_path, "participant", attribution=False, backends=("spm", "nilearn", "afni")
    )
    (unit,) = find_units(settings, {}, {}, "01", by_session=True)
    large = read_header(unit.runs[0].bold)._replace(shape=(97, 115, 97, 100), dtype=np.dtype(np.int16))
    monkeypatch.setattr("bidsglm.unit.memory.read_header", lambda path: large)
    monkeypatch.setattr("bidsglm.unit.memory._mask_size", lambda run, header: 230_711)
    assert 697 <= unit_need(unit, ModelSpecification("m", ()), settings).n_bytes / MIB <= TOO_HIGH * 697
