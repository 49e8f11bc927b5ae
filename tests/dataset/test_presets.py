"""Presets of --confounds take the columns that nilearn's load_confounds takes."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nilearn.interfaces.fmriprep import load_confounds

from bidsglm.cli import main
from bidsglm.data import Run
from bidsglm.dataset.components import check_components
from bidsglm.dataset.confounds import read_confounds
from bidsglm.errors import DataError, UsageError
from bidsglm.statsmodel.presets import ENDINGS, Scrubbing, expanded
from tests import tiny

pytestmark = pytest.mark.usefixtures("plain_figures")

N_SCANS = 60
STEM = "sub-01_task-t"
SIGNALS = (*tiny.MOTION, "csf", "white_matter", "global_signal")


def fmriprep_table(folder: Path, masks: dict[str, str] | None = None) -> Run:
    """A run with confounds as fMRIPrep writes them, and their JSON file."""
    rng = np.random.default_rng(4)
    columns = {
        signal + ending: rng.standard_normal(N_SCANS) for signal in SIGNALS for ending in ENDINGS["full"]
    }
    masks = masks or {f"a_comp_cor_{i:02d}": "combined" for i in range(3)}
    columns |= {name: rng.standard_normal(N_SCANS) for name in (*masks, "t_comp_cor_00", "t_comp_cor_01")}
    columns |= {f"cosine{i:02d}": rng.standard_normal(N_SCANS) for i in range(2)}
    columns["framewise_displacement"] = np.abs(rng.standard_normal(N_SCANS)) * 0.3
    columns["std_dvars"] = 1 + 0.3 * rng.standard_normal(N_SCANS)
    lines = ["\t".join(columns)]
    for scan in range(N_SCANS):
        missing = [
            scan == 0 and ("derivative" in k or k in ("framewise_displacement", "std_dvars")) for k in columns
        ]
        cells = [
            "n/a" if gone else repr(float(v[scan])) for gone, v in zip(missing, columns.values(), strict=True)
        ]
        lines.append("\t".join(cells))
    table = folder / f"{STEM}_desc-confounds_timeseries.tsv"
    table.write_text("\n".join(lines) + "\n")
    about: dict[str, Any] = {
        name: {
            "Method": "aCompCor",
            "Mask": mask,
            "Retained": True,
            "SingularValue": 9.0 - i,
            "VarianceExplained": 0.1,
            "CumulativeVarianceExplained": 0.1 * (i + 1),
        }
        for i, (name, mask) in enumerate(masks.items())
    }
    about |= {
        f"t_comp_cor_{i:02d}": {
            "Method": "tCompCor",
            "Retained": True,
            "SingularValue": 9.0 - i,
            "VarianceExplained": 0.1,
            "CumulativeVarianceExplained": 0.1,
        }
        for i in range(2)
    }
    table.with_suffix(".json").write_text(json.dumps(about))
    bold = folder / f"{STEM}_space-X_desc-preproc_bold.nii.gz"
    tiny.write_image(bold, np.zeros((2, 2, 2, N_SCANS), np.int16))
    return Run({}, bold, None, table, None, N_SCANS, 2.0, None, {}, ())


def of_nilearn(run: Run, *strategy: str, **more: object) -> tuple[set[str], list[int]]:
    """Columns, and the scans that are left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table, kept = load_confounds(str(run.bold), strategy=strategy, **more)
    out = [] if kept is None else sorted(set(range(N_SCANS)) - set(np.asarray(kept).tolist()))
    return set(table.columns), out


@pytest.mark.parametrize(
    ("word", "strategy", "more"),
    [
        ("motion6", ["motion"], {"motion": "basic"}),
        ("motion12", ["motion"], {"motion": "derivatives"}),
        ("motion24", ["motion"], {"motion": "full"}),
        ("24P", ["motion"], {"motion": "full"}),
        ("wm_csf", ["wm_csf"], {"wm_csf": "basic"}),
        ("wm_csf8", ["wm_csf"], {"wm_csf": "full"}),
        ("gsr", ["global_signal"], {"global_signal": "basic"}),
        ("9P", ["motion", "wm_csf", "global_signal"], {"motion": "basic"}),
        (
            "36P",
            ["motion", "wm_csf", "global_signal"],
            {"motion": "full", "wm_csf": "full", "global_signal": "full"},
        ),
        ("compcor", ["compcor", "high_pass"], {"compcor": "anat_combined"}),
        ("acompcor:2", ["compcor", "high_pass"], {"compcor": "anat_combined", "n_compcor": 2}),
        ("tcompcor", ["compcor", "high_pass"], {"compcor": "temporal"}),
    ],
)
def test_preset_takes_the_columns_of_nilearn(
    tmp_path: Path, word: str, strategy: list[str], more: dict
) -> None:
    run = fmriprep_table(tmp_path)
    wanted = {name for name in of_nilearn(run, *strategy, **more)[0] if not name.startswith("cosine")}
    assert wanted
    assert set(read_confounds(run, expanded([word])).names) == wanted


@pytest.mark.parametrize(
    ("word", "more"),
    [
        ("scrub", {}),
        ("scrub:FD=0.7", {"fd_threshold": 0.7}),
        ("scrub:fd=0.4,DVARS=1.2", {"fd_threshold": 0.4, "std_dvars_threshold": 1.2}),
        ("scrub:FD=0.6,DVARS=9,segment=0", {"fd_threshold": 0.6, "std_dvars_threshold": 9, "scrub": 0}),
        ("scrub:FD=99,dvars=inf", {"fd_threshold": 99, "std_dvars_threshold": 99}),
    ],
)
def test_scrubbing_takes_out_the_scans_that_nilearn_leaves_out(tmp_path: Path, word: str, more: dict) -> None:
    run = fmriprep_table(tmp_path)
    _, out = of_nilearn(run, "motion", "scrub", motion="basic", **more)
    found = read_confounds(run, expanded([word]))
    assert [int(np.flatnonzero(column)[0]) for column in found.values.T] == out
    assert (found.values.sum(axis=0) == 1).all()
    assert all(name.endswith(f"{scan:04d}") for name, scan in zip(found.names, out, strict=True))


def test_scan_that_is_not_steady_is_taken_out_once(tmp_path: Path) -> None:
    run = fmriprep_table(tmp_path)
    assert run.confounds
    header, *rows = run.confounds.read_text().splitlines()
    lines = [f"{row}\t{float(i == 1)}" for i, row in enumerate(rows)]
    place = header.split("\t").index("framewise_displacement")
    cells = lines[1].split("\t")
    cells[place] = "3.0"
    lines[1] = "\t".join(cells)
    run.confounds.write_text("\n".join([f"{header}\tnon_steady_state_outlier00", *lines]) + "\n")
    found = read_confounds(run, [Scrubbing(fd=2, dvars=9, segment=0).glob])
    assert found.names == ("non_steady_state_outlier00",)


@pytest.mark.parametrize(
    "word", ["scrub:", "scrub:FD=x", "scrub:0.5", "scrub:FD=1,segment=2.5", "compcor:x", "compcor:0"]
)
def test_preset_with_a_number_that_is_none_is_a_usage_error(word: str) -> None:
    if word == "scrub:":
        assert expanded([word]) == expanded(["scrub"])
        return
    with pytest.raises(UsageError, match=f"--confounds {word}: "):
        expanded([word])


def test_components_of_several_masks_are_refused_until_a_number_is_given(tmp_path: Path) -> None:
    masks = {f"a_comp_cor_{i:02d}": ("combined", "combined", "CSF", "WM")[i] for i in range(4)}
    run = fmriprep_table(tmp_path, masks)
    with pytest.raises(DataError, match=r"\.json: a_comp_cor_02 is a component of the mask CSF.*compcor:6"):
        check_components(run, expanded(["compcor"]))
    check_components(run, expanded(["compcor:2"]))
    assert {*expanded(["compcor:2"])} == {
        name
        for name in of_nilearn(run, "compcor", "high_pass", compcor="anat_combined", n_compcor=2)[0]
        if not name.startswith("cosine")
    }


@pytest.mark.parametrize("word", ["aroma", "compcor"])
def test_preset_that_takes_nothing_is_refused(tmp_path: Path, word: str) -> None:
    run = fmriprep_table(tmp_path)
    assert run.confounds
    run.confounds.write_text(run.confounds.read_text().replace("a_comp_cor", "b"))
    with pytest.raises(DataError, match=rf"no column {expanded([word])[0][:6]}.*preset of --confounds"):
        check_components(run, expanded([word]))
    check_components(run, ("mine_*", *expanded(["motion6"])))


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("wm", "did you mean white_matter?"),
        ("FD", "framewise_displacement"),
        ("motion", "motion6, motion12 or motion24"),
        ("motion_24", "did you mean 'motion24'"),
        ("trans_w", "did you mean 'trans_"),
    ],
)
def test_unknown_confound_names_the_nearest_and_the_first_there_are(
    tmp_path: Path, word: str, meant: str
) -> None:
    run = fmriprep_table(tmp_path)
    with pytest.raises(DataError) as caught:
        read_confounds(run, [word])
    assert meant in str(caught.value)
    assert "there are a_comp_cor_00, a_comp_cor_01" in str(caught.value)
    assert "more; correct --confounds" in str(caught.value)


def test_model_file_holds_the_columns_of_presets_and_gives_the_same_design(tmp_path: Path) -> None:
    study = tiny.write_study(tmp_path, participants=("01",))
    (table,) = study.rglob("*_timeseries.tsv")
    header, *rows = table.read_text().splitlines()
    lines = [f"{row}\t{0.9 if i in (20, 22, 50) else 0.1}\t1.0" for i, row in enumerate(rows)]
    table.write_text("\n".join([f"{header}\tframewise_displacement\tstd_dvars", *lines]) + "\n")
    options = ["participant", "-q", "--no-attribution", "--skip-bids-validation"]
    words = ["--confounds", "motion6", "scrub:FD=0.5"]
    assert main([str(study), str(tmp_path / "a"), *options, *words]) == 0
    (model,) = (tmp_path / "a").glob("model-*_smdl.json")
    assert json.loads(model.read_text())["Nodes"][0]["Model"]["X"][2:-1] == [
        *tiny.MOTION,
        "scrub_fd0.5_dvars1.5_segment5_*",
    ]
    assert main([str(study), str(tmp_path / "b"), *options, "--model", str(model)]) == 0
    first, second = (sorted((tmp_path / place).rglob("*_design.tsv")) for place in ("a", "b"))
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    header = first[0].read_text().splitlines()[0].split("\t")
    assert [name[-4:] for name in header if name.startswith("scrub")] == ["0020", "0021", "0022", "0050"]
