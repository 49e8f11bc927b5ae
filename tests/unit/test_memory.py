"""How much memory a unit takes, by its headers."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from bidsglm.dataset.layout import find_units
from bidsglm.dataset.nifti import read_header
from bidsglm.model import ModelSpecification
from bidsglm.settings import Settings
from bidsglm.unit import memory
from bidsglm.unit.memory import unit_need
from bidsglm.unit.models import units_with_models
from tests import tiny
from tests.conftest import PROJECT

MIB = 2**20
TWO, FOUR = ("spm", "nilearn"), ("spm", "nilearn", "afni", "fsl")


class Peak(NamedTuple):
    """Peak of a whole run on two cores (bidsglm participant, int16, 64-bit Linux)."""

    mib: int
    n_scans: int = 100
    """Of each run"""
    n_runs: int = 1
    n_contrasts: int = 3
    backends: tuple[str, ...] = TWO
    attribution: bool = True
    size: tuple[tuple[int, int, int], int] = ((60, 70, 60), 52_776)
    """Grid, and voxels in the mask"""


LARGE = ((97, 115, 97), 230_711)
MEASURED = [
    Peak(312, attribution=False),
    Peak(365, 400, attribution=False),
    Peak(564, n_runs=8, attribution=False),
    Peak(477, n_contrasts=40, attribution=False),
    Peak(415, backends=FOUR, attribution=False),
    Peak(606, attribution=False, size=LARGE),
    Peak(367),
    Peak(447, 400),
    Peak(744, n_runs=8),
    Peak(666, n_runs=4, n_contrasts=12),
    Peak(512, n_contrasts=40),
    Peak(744, backends=FOUR),
    Peak(1599, 400, backends=FOUR),
    Peak(1863, n_runs=4, backends=FOUR),
    Peak(1288, n_contrasts=40, backends=FOUR),
    Peak(601, size=LARGE),
    Peak(1289, n_contrasts=40, size=LARGE),
    Peak(1236, backends=FOUR, size=LARGE),
]
TOO_HIGH = 1.29
"""An estimate this much above what is needed still lets most of those run that could."""


def estimate(folder: Path, monkeypatch: pytest.MonkeyPatch, peak: Peak) -> float:
    """Estimate of a run as large as the one that was measured (MiB)."""
    study = tiny.write_study(folder, participants=("01",))
    settings = Settings(
        study, folder / "out", "participant", attribution=peak.attribution, backends=peak.backends, n_procs=2
    )
    (unit,) = find_units(settings, {}, {}, "01", by_session=True)
    grid, n_voxels = peak.size
    large = read_header(unit.runs[0].bold)._replace(shape=(*grid, peak.n_scans), dtype=np.dtype(np.int16))
    monkeypatch.setattr("bidsglm.unit.memory.read_header", lambda path: large)
    monkeypatch.setattr("bidsglm.unit.memory._mask_size", lambda run, header: n_voxels)
    monkeypatch.setattr("bidsglm.unit.memory._n_rows", lambda *_: peak.n_contrasts)
    several = replace(unit, runs=unit.runs * peak.n_runs)
    return unit_need(several, ModelSpecification("m", ("trans_*",)), settings).n_bytes / MIB


@pytest.mark.parametrize("peak", MEASURED)
def test_estimate_is_above_what_was_measured_and_not_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peak: Peak
) -> None:
    assert peak.mib <= estimate(tmp_path, monkeypatch, peak) <= TOO_HIGH * peak.mib


def test_contrasts_are_counted_by_the_tables(tmp_path: Path) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    settings = Settings(study, tmp_path / "out", "participant", attribution=False)
    (unit,) = find_units(settings, {}, {}, "01", by_session=True)
    none = ModelSpecification("m", ("trial_type.*",))
    all_of_them = replace(none, dummy_contrasts=("trial_type.*",))
    one, more = (unit_need(unit, model, settings).n_bytes for model in (none, all_of_them))
    n_conditions = 2
    assert more - one == pytest.approx(n_conditions * 2 * memory.PER_MAP_VOXEL * tiny.brain().sum(), abs=1)


def test_packages_beside_two_others_count_where_there_are_cores(tmp_path: Path) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    base = Settings(study, tmp_path / "out", "participant", attribution=False, backends=FOUR)
    (unit,) = find_units(base, {}, {}, "01", by_session=True)
    model = ModelSpecification("m", ("trial_type.*",))
    two, three, many = (unit_need(unit, model, replace(base, n_procs=n)).n_bytes for n in (2, 3, 32))
    assert (three - two, many - two) == (memory.PER_FURTHER_CORE, 2 * memory.PER_FURTHER_CORE)


@pytest.mark.parametrize(
    ("changes", "beside"),
    [
        ({"omp_nthreads": 2}, True),
        ({"omp_nthreads": 1}, False),
        ({"n_procs": 2}, False),
        ({"omp_nthreads": 2, "stop_on_first_crash": True}, False),
        ({"omp_nthreads": 2, "scheduler": "tls://node7:8786"}, False),
    ],
)
def test_page_of_the_participant_before_counts_where_it_is_written_beside(
    tmp_path: Path, changes: dict[str, Any], beside: bool
) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    settings = replace(Settings(study, tmp_path / "out", "participant"), **changes)
    units = list(units_with_models(settings, "01"))
    alone, one_of_several = (memory.largest_need(units, settings, each).n_bytes for each in (True, False))
    assert one_of_several - alone == (memory.PAGE if beside else 0)


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
    for said in (
        f"{memory.BASE / 1e6:.0f} MB, {memory.PER_GRID_VOXEL:.0f} bytes for each voxel of the image",
        f"{memory.PER_VOXEL:.0f} bytes for each voxel in the mask, {memory.PER_MAP_VOXEL:.0f} for each",
        f"the stored voxels of the mask and {memory.PER_SCAN / 1e6:.2f} MB",
        f"{memory.PER_SAMPLED_VALUE:.1f} bytes a scan for each of at most 20,000 voxels,"
        f" and {memory.PER_SAMPLED_ROW / 1e6:.1f} MB for each row of a contrast in each run,"
        f" less {memory.FREED / 1e6:.0f} MB",
        f"{memory.PER_SCAN_OF_PAIR / 1e6:.1f} MB a scan"
        f" and {memory.PER_ROW_OF_PAIR / 1e6:.1f} MB for each row",
        f"{memory.PER_FURTHER_VOXEL:.0f} bytes for each voxel in the mask",
        f"and {memory.PER_FURTHER_CORE / 1e6:.0f} MB where there is a third core",
        f"while the next is fitted, for which {memory.PAGE / 1e6:.0f} MB are added",
    ):
        assert said in text, said
    for peak in MEASURED:
        (x, y, z), n_voxels = peak.size
        words = (f"{x} × {y} × {z}", f"{n_voxels:,}", f"{peak.n_runs} × {peak.n_scans}", peak.n_contrasts)
        row = [*words, len(peak.backends), "yes" if peak.attribution else "no", peak.mib]
        assert "| " + " | ".join(map(str, row)) + " |" in lines


def need(tmp_path: Path, backends: tuple[str, ...]) -> int:
    study = tiny.write_study(tmp_path, participants=("01",), runs=("run-1", "run-2"))
    settings = Settings(study, tmp_path / "out", "participant", attribution=False, backends=backends)
    (unit,) = find_units(settings, {}, {}, "01", by_session=True)
    return unit_need(unit, ModelSpecification("m", ("trial_type.*", "trans_*")), settings).n_bytes


def test_grid_of_noise_models_counts_by_scans_and_columns_of_all_runs(tmp_path: Path) -> None:
    plain, gridded = (need(tmp_path, names) for names in (("nilearn",), ("afni",)))
    n_scans, n_columns = 2 * tiny.N_SCANS, 2 + 2 * (4 + memory.BASELINE)
    assert gridded - plain == 110 * n_scans * (n_columns + 66) * 8
