"""Data as they are, from the command line: no result where nothing was measured, no percent of nothing."""

import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from bidsglm.cli import main
from tests import tiny

pytestmark = pytest.mark.usefixtures("plain_figures")

PREFIX = f"task-{tiny.TASK}_space-{tiny.SPACE}"
OPTIONS = ("--no-attribution", "--skip-bids-validation")
EMPTY = np.zeros(tiny.SHAPE, bool)
EMPTY[1:-1, 1:-1, 5:7] = True
"""Two slices of the mask outside the field of view."""


def derived(study: Path, label: str, ending: str) -> Path:
    return study / f"derivatives/fmriprep/sub-{label}/func/sub-{label}_{PREFIX}_{ending}"


def change(study: Path, label: str, new: object) -> None:
    path = derived(study, label, "desc-preproc_bold.nii.gz")
    tiny.write_image(path, np.asarray(new(np.asarray(nib.load(path).dataobj)), np.float32))  # type: ignore[operator]


def run(study: Path, level: str, *more: str) -> int:
    return main([str(study), str(study.parent / "out"), level, *OPTIONS, *more])


def image(study: Path, name: str) -> np.ndarray:
    return nib.load(study.parent / "out" / name).get_fdata()


def summary(study: Path, label: str = "01") -> dict:
    path = study.parent / f"out/sub-{label}/func/sub-{label}_{PREFIX}_desc-bidsglm_summary.json"
    return json.loads(path.read_text())


def without_data(values: np.ndarray) -> np.ndarray:
    return np.where(EMPTY[..., None], 0, values)


def demeaned(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=-1, keepdims=True)


@pytest.mark.parametrize("smoothing", [(), ("--smoothing-fwhm", "4")])
def test_voxels_without_data_are_in_no_map_and_no_group(tmp_path: Path, smoothing: tuple[str, ...]) -> None:
    study = tiny.write_study(tmp_path)
    change(study, "01", without_data)
    assert run(study, "participant", *smoothing) == 0
    for backend in ("spm", "nilearn"):
        stem = f"sub-01/func/sub-01_{PREFIX}_contrast-move"
        outside = {"effect": np.nan, "variance": np.nan, "t": 0, "z": 0, "p": 1}
        for stat, value in outside.items():
            values = image(study, f"{stem}_stat-{stat}_desc-{backend}_statmap.nii.gz")[EMPTY]
            np.testing.assert_array_equal(values, value)
        assert not image(study, f"sub-01/func/sub-01_{PREFIX}_desc-{backend}_mask.nii.gz")[EMPTY].any()
    assert image(study, f"sub-02/func/sub-02_{PREFIX}_desc-nilearn_mask.nii.gz")[EMPTY].all()
    (finding,) = [f for f in summary(study)["findings"] if f["code"] == "voxels-without-data"]
    assert f"{EMPTY.sum()} of {tiny.brain().sum()} voxels" in finding["text"]
    assert finding["text"][:40] in (study.parent / "out/sub-01.html").read_text()
    if not smoothing:
        assert main([str(study), str(study.parent / "out"), "group", "--skip-bids-validation"]) == 0
        for backend in ("spm", "nilearn"):
            mask = image(study, f"group/{PREFIX}_contrast-move_desc-{backend}_mask.nii.gz")
            assert mask.any()
            assert not mask[EMPTY].any()


@pytest.mark.parametrize(("backends", "title"), [(("spm", "nilearn"), "SPM"), (("fsl",), "FSL")])
def test_demeaned_series_are_refused_by_what_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], backends: tuple[str, ...], title: str
) -> None:
    study = tiny.write_study(tmp_path, ("01",))
    change(study, "01", demeaned)
    assert run(study, "participant", "--backends", *backends) == 65
    (line,) = [line for line in capsys.readouterr().err.splitlines() if " ERROR " in line]
    assert "demeaned" in line
    assert f"{title} can neither scale such a series" in line
    assert "add the mean image back" in line
    assert "--mask-threshold" not in line


@pytest.mark.parametrize("backends", [("spm", "nilearn"), ("spm", "afni")])
def test_demeaned_series_that_are_fitted_are_in_no_unit_anywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], backends: tuple[str, ...]
) -> None:
    study = tiny.write_study(tmp_path)
    change(study, "01", demeaned)
    assert run(study, "participant", "--mask-threshold", "-Inf", "--backends", *backends) == 0
    assert "The images have no mean" in capsys.readouterr().err
    units = dict.fromkeys(backends, "arbitrary units (the images have no mean)")
    assert summary(study)["effect_units"] == units
    sidecars = (study.parent / "out/sub-01/func").glob("*_contrast-move_stat-effect_desc-*_statmap.json")
    written = {re.findall(r"desc-(\w+)_", path.name)[0]: path.read_text() for path in sidecars}
    assert {name: json.loads(text)["Units"] for name, text in written.items() if name in units} == units
    page = (study.parent / "out/sub-01.html").read_text()
    said = [page[m.start() - 20 : m.end()] for m in re.finditer(r"percent of|% of (grand|voxel)", page)]
    assert [text for text in said if not text.endswith("not percent of")] == []
    assert main([str(study), str(study.parent / "out"), "group", "--skip-bids-validation"]) == 65
    assert "effects in no unit" in capsys.readouterr().err


def test_onsets_in_milliseconds_are_told_once_on_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny.write_study(tmp_path, ("01",))
    path = study / f"sub-01/func/sub-01_task-{tiny.TASK}_events.tsv"
    head, *rows = path.read_text().splitlines()
    cells = [row.split("\t") for row in rows]
    path.write_text("\n".join([head, *(f"{float(o) * 1000}\t{d}\t{t}" for o, d, t in cells)]) + "\n")
    assert run(study, "participant", "--backends", "spm") == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "look like milliseconds" in line]
    assert len(lines) == 1
    assert " WARNING " in lines[0]


def test_more_columns_than_scans_are_said_in_a_dry_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = tiny.write_study(tmp_path, ("01",))
    path = study / f"derivatives/fmriprep/sub-01/func/sub-01_task-{tiny.TASK}_desc-confounds_timeseries.tsv"
    lines = path.read_text().splitlines()
    noise = np.random.default_rng(1).standard_normal((tiny.N_SCANS, tiny.N_SCANS))
    more = ["\t".join(f"w_{i}" for i in range(tiny.N_SCANS)), *("\t".join(map(str, row)) for row in noise)]
    path.write_text("".join(f"{a}\t{b}\n" for a, b in zip(lines, more, strict=True)))
    assert run(study, "participant", "--dry-run", "--confounds", "w_*") == 65
    assert f"for the {tiny.N_SCANS} scans leave no residual degrees of freedom" in capsys.readouterr().err
