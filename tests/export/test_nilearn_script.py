"""The nilearn script, run as it is written, gives the maps of the nilearn backend."""

import ast
import runpy
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.backends.nilearn_design import slice_time_ref
from bidsglm.export.locations import DataRoot
from bidsglm.export.nilearn_script import nilearn_script

from .units import CASES, Unit, taken_away

RTOL = 1e-6
"""Of a map's range."""


def maps_of(script: Path) -> dict[str, np.ndarray]:
    """Run a script; name of a map without its extension -> its values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runpy.run_path(str(script))
    found = sorted((script.parent / "nilearn").glob("*.nii.gz"))
    return {path.name.removesuffix(".nii.gz"): nib.load(path).get_fdata() for path in found}


def assert_same_maps(unit: Unit, found: dict[str, np.ndarray], rtol: float) -> None:
    fit = unit.fitted.fits["nilearn"]
    expected = {}
    for maps in fit.maps:
        test, label = maps.specification.test, maps.specification.label
        own = {test: maps.stat, "z": maps.z, "p": maps.p, "effect": maps.effect, "variance": maps.variance}
        expected |= {f"contrast-{label}_stat-{s}": v for s, v in own.items() if v is not None}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        ours, theirs = values[fit.mask], unit.inside(found[name])[fit.mask]
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=rtol * np.ptp(ours), err_msg=name)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "nilearn" in case.backends])
def test_script_gives_the_maps_of_the_backend(unit_of, name):
    unit = unit_of(name)
    found = maps_of(unit.folder / "nilearn_script.py")
    assert found
    assert_same_maps(unit, found, RTOL)


def test_data_and_code_can_be_moved_together(unit_of, tmp_path):
    unit = unit_of("plain")
    shutil.copytree(unit.folder.parents[3], tmp_path / "elsewhere")
    script = tmp_path / "elsewhere" / unit.folder.relative_to(unit.folder.parents[3]) / "nilearn_script.py"
    shutil.rmtree(script.parent / "nilearn", ignore_errors=True)
    assert_same_maps(unit, maps_of(script), RTOL)


@pytest.mark.parametrize("name", ["study [2] of*", "what?", "a]b[c"])
def test_script_works_where_paths_hold_what_patterns_are_made_of(tmp_path, name):
    unit = taken_away(tmp_path / name, replace(CASES["plain"], runs=("run-1", "run-2")))
    assert_same_maps(unit, maps_of(unit.folder / "nilearn_script.py"), RTOL)


def test_without_a_folder_in_common_events_stand_beside_the_script(unit_of, tmp_path):
    unit = unit_of("plain")
    (run,) = unit.exported.prepared.unit.runs
    preprocessed = run.bold.parents[2]
    exported = replace(unit.exported, root=DataRoot(preprocessed, preprocessed.as_posix()))
    for name, content in nilearn_script(exported).items():
        (tmp_path / name).write_bytes(content)
    assert (tmp_path / "events.tsv").exists()
    assert f'root = Path("{preprocessed}")' in (tmp_path / "nilearn_script.py").read_text()
    assert_same_maps(unit, maps_of(tmp_path / "nilearn_script.py"), RTOL)


def test_only_what_the_data_set_does_not_say_is_written_beside_the_script(unit_of):
    assert not list(unit_of("plain").folder.glob("*.tsv"))
    assert {p.name for p in unit_of("modulators").folder.glob("*.tsv")} == {
        "run-1_events.tsv",
        "run-2_events.tsv",
    }
    assert "run-2_confounds.tsv" in {p.name for p in unit_of("transformed").folder.glob("*.tsv")}


def test_script_is_for_a_reader(unit_of):
    text = unit_of("plain").text("nilearn_script.py")
    ast.parse(text)
    assert len(text.splitlines()) < 120
    assert text.count("differs") >= 6
    assert "import bidsglm" not in text
    assert "from bidsglm" not in text


def test_runs_keep_their_own_slice_time_reference(unit_of):
    unit = unit_of("runs that differ")
    model = unit.exported.prepared.model
    references = [slice_time_ref(p, model) for p in unit.exported.prepared.paradigms]
    assert references == [0.5, 0.25]
    assert '"slice_time_ref": 0.25' in unit.text("nilearn_script.py")
