"""Models and data that AFNI cannot use: one clear line, exit 65; or a note, and the others go on."""

import json
from pathlib import Path

import numpy as np
import pytest

from bidsglm.cli import main
from tests import tiny

CENSOR = "motion_outlier00"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return tiny.write_study(tmp_path, participants=("01",))


def model(study: Path, hrf: str | None = "spm", **afni: object) -> Path:
    conditions = ["trial_type.move", "trial_type.look"]
    response = {"HRF": {"Variables": conditions, "Model": hrf}} if hrf else {}
    node = {
        "Level": "Run",
        "Name": "run",
        "GroupBy": ["run", "subject"],
        "Model": {"Type": "glm", "X": [*conditions, 1], **response, "Software": {"AFNI": afni}},
        "DummyContrasts": {"Test": "t"},
    }
    path = study.parent / "model.json"
    document = {"Name": "m", "BIDSModelVersion": "1.0.0", "Input": {"task": [tiny.TASK]}, "Nodes": [node]}
    path.write_text(json.dumps(document))
    return path


def run(study: Path, path: Path, *backends: str) -> int:
    out = study.parent / "out"
    command = [str(study), str(out), "participant", "--backends", *backends, "--model", str(path), "-q"]
    return main([*command, "--no-attribution"])


def confounds(study: Path) -> Path:
    return next(study.rglob("*_desc-confounds_timeseries.tsv"))


def add_column(study: Path, name: str, values: list[object]) -> None:
    path = confounds(study)
    header, *rows = path.read_text().splitlines()
    lines = [f"{header}\t{name}", *(f"{row}\t{value}" for row, value in zip(rows, values, strict=True))]
    path.write_text("\n".join(lines) + "\n")


def outliers(*scans: int) -> list[object]:
    return [int(scan in scans) for scan in range(tiny.N_SCANS)]


def shorten_events(study: Path, duration: float) -> None:
    for path in study.rglob("*_events.tsv"):
        path.write_text(path.read_text().replace("\t10\t", f"\t{duration:g}\t"))


@pytest.mark.parametrize(
    ("afni", "said"),
    [
        (
            {"ResponseModel": "BLOK(20)"},
            "Software.AFNI.ResponseModel: the response model 'BLOK(20)' is not known",
        ),
        ({"ResponseModel": "BLOCK(0,1)"}, "d of the response model 'BLOCK(0,1)' must be more than 0"),
        (
            {"ResponseModel": {"move": "GAM", "look": "BLOCK"}},
            "ResponseModel.look: the response model 'BLOCK' takes",
        ),
        ({"ResponseModel": {"mov": "GAM"}}, "'mov' is no condition of X"),
        ({"Censor": ["motion_outlier*", "fd"]}, "no confound fd to censor by"),
    ],
)
def test_it_ends_with_one_line_and_65(
    study: Path, capsys: pytest.CaptureFixture[str], afni: dict[str, object], said: str
) -> None:
    assert run(study, model(study, **afni), "spm", "nilearn", "afni") == 65
    (line,) = [line for line in capsys.readouterr().err.splitlines() if said in line]
    assert ".json" in line or ".tsv" in line or ".nii.gz" in line


@pytest.mark.parametrize(
    ("afni", "said"),
    [
        ({"Censor": ["trans_x"]}, "70 censored ones leave"),
        ({"Censor": [CENSOR], "Polort": 50}, "leave no residual degrees of freedom"),
    ],
)
def test_no_degrees_of_freedom_with_one_other_package_end_with_one_line_and_65(
    study: Path, capsys: pytest.CaptureFixture[str], afni: dict[str, object], said: str
) -> None:
    add_column(study, CENSOR, outliers(*range(30)))
    assert run(study, model(study, **afni), "nilearn", "afni") == 65
    (line,) = [line for line in capsys.readouterr().err.splitlines() if said in line]
    assert ".json" in line or ".tsv" in line or ".nii.gz" in line


@pytest.mark.parametrize(
    ("afni", "duration", "said"),
    [
        ({"ResponseModel": "dmBLOCK(1)"}, 0, "needs events that last longer than 0 s"),
        ({"ResponseModel": "TENT(0,12,7)"}, 10, "give no regressor 'trial_type.move'"),
    ],
)
def test_what_afni_alone_cannot_express_is_said_and_the_others_go_on(
    study: Path, afni: dict[str, object], duration: float, said: str
) -> None:
    shorten_events(study, duration)
    assert run(study, model(study, **afni), "spm", "nilearn", "afni") == 0
    page = (study.parent / "out" / "sub-01.html").read_text()
    assert "AFNI is left out" in page
    assert said in page.replace("&#39;", "'")
    assert not list((study.parent / "out").rglob("*desc-afni*"))


def test_hrf_that_only_one_package_has_is_refused_as_there_is_no_other_to_compare_with(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(study, model(study, "glover"), "nilearn", "afni") == 65
    assert "AFNI has no glover response functions" in capsys.readouterr().err


def test_censored_scans_are_left_out_by_afni_and_the_others_say_that_they_keep_them(study: Path) -> None:
    add_column(study, CENSOR, ["n/a", *outliers(5, 6, 30)[1:]])
    assert run(study, model(study, Censor=["motion_outlier*"]), "spm", "nilearn", "afni") == 0
    out = study.parent / "out"
    sidecar = json.loads(next(out.rglob("*_contrast-move_stat-t_desc-afni_statmap.json")).read_text())
    assert sidecar["DegreesOfFreedom"] == tiny.N_SCANS - 3 - 4
    page = (out / "sub-01.html").read_text()
    assert "3 scans are left out (Censor) by AFNI only; SPM and nilearn keep them" in page
    design = np.loadtxt(next(out.rglob("*_desc-afni_design.tsv")), skiprows=1)
    assert len(design) == tiny.N_SCANS


def test_native_settings_choose_the_response_by_duration(study: Path) -> None:
    out = study.parent / "out"
    command = [str(study), str(out), "participant", "--backends", "afni", "--settings", "native", "-q"]
    assert main([*command, "--model", str(model(study, None))]) == 0
    summary = json.loads(next(out.rglob("*_summary.json")).read_text())
    assert ["Response function", "BLOCK(10,1)"] in summary["settings"]
    column = np.loadtxt(next(out.rglob("*_desc-afni_design.tsv")), skiprows=1)[:, 0]
    assert 0.9 < column.max() <= 1
