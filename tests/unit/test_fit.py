"""What the fit says beside its results: warnings of libraries, and whose images an error is about."""

import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bidsglm.dataset.layout import find_units
from bidsglm.errors import DataError
from bidsglm.model import ModelSpecification
from bidsglm.process.cores import use_cores
from bidsglm.settings import Settings
from bidsglm.unit import fit as unit_fit
from bidsglm.unit import preparation
from tests import tiny

MODEL = ModelSpecification("m", ("trial_type.*",), dummy_contrasts=("trial_type.*",))


def test_warnings_of_libraries_are_notes_but_those_of_rounding_and_of_old_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    settings = Settings(study, tmp_path / "out", "participant")
    (unit,) = find_units(settings, {}, {}, "01", by_session=True)
    tables = preparation.paradigms

    def warn(*given: object) -> object:
        warnings.warn("Matrix is singular", UserWarning, stacklevel=1)
        warnings.warn("the fit did not converge", RuntimeWarning, stacklevel=1)
        warnings.warn("the fit did not converge", RuntimeWarning, stacklevel=1)
        warnings.warn("use another name", DeprecationWarning, stacklevel=1)
        warnings.warn("use another name", FutureWarning, stacklevel=1)
        np.array([1.0]) / np.array([0.0])
        return tables(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(preparation, "paradigms", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        notes = preparation.prepare(unit, MODEL, ("spm", "nilearn")).notes
    told = [note for note in notes if "singular" in note or "converge" in note]
    assert told == ["Matrix is singular", "the fit did not converge"]
    assert not any("name" in note or "encountered" in note for note in notes)


def test_error_of_a_package_names_the_images_of_all_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tiny.write_study(tmp_path, ("01",), ("run-1", "run-2"))
    settings = Settings(study, tmp_path / "out", "participant")
    (unit,) = find_units(settings, {}, {}, "01", by_session=True)

    def refuse(*given: object) -> None:
        raise DataError("no voxel is left")

    prepared = preparation.prepare(unit, MODEL, ("nilearn",))
    monkeypatch.setattr(unit_fit.BACKENDS["nilearn"], "estimate", refuse)
    with pytest.raises(DataError) as caught:
        unit_fit.fit(prepared)
    for run in unit.runs:
        assert run.bold.name in str(caught.value)


def test_maps_are_there_before_what_is_significant_in_them_and_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tiny.write_study(tmp_path, ("01",), ("run-1",))
    (unit,) = find_units(Settings(study, tmp_path / "out", "participant"), {}, {}, "01", by_session=True)
    maps = unit_fit.estimated(preparation.prepare(unit, MODEL, ("spm", "nilearn")))
    assert [found.inference.contrasts for found in maps.fits.values()] == [(), ()]
    infer = unit_fit.BACKENDS["nilearn"].inference

    def remark(*given: Any) -> Any:
        warnings.warn("peaks are few", stacklevel=2)
        return infer(*given)

    monkeypatch.setattr(unit_fit.BACKENDS["nilearn"], "inference", remark)
    whole = unit_fit.inferred(maps)
    assert whole.notes == (*maps.notes, "peaks are few")
    for name, found in whole.fits.items():
        assert len(found.inference.contrasts) == len(found.maps) > 0
        assert found.maps is maps.fits[name].maps


def test_remarks_on_contrasts_keep_their_order_whoever_is_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tiny.write_study(tmp_path, ("01",), ("run-1",))
    (unit,) = find_units(Settings(study, tmp_path / "out", "participant"), {}, {}, "01", by_session=True)
    prepared = preparation.prepare(unit, MODEL, ("nilearn",))
    first, *others = prepared.contrasts
    assert others
    contrast, made = unit_fit.BACKENDS["nilearn"].contrast, threading.Event()

    def remark(estimate: Any, asked: Any, runs: Any) -> Any:
        if asked is first:
            made.wait(20)
        warnings.warn(f"on {asked.label}", stacklevel=2)
        if asked is others[0]:
            made.set()
        return contrast(estimate, asked, runs)

    monkeypatch.setattr(unit_fit.BACKENDS["nilearn"], "contrast", remark)
    use_cores(2)
    try:
        notes = unit_fit.estimated(prepared).notes
    finally:
        use_cores(1)
    told = [note for note in notes if note.startswith("on ")]
    assert told == [f"on {asked.label}" for asked in prepared.contrasts]
